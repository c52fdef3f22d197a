package geist

import (
	"bytes"
	"mime/multipart"
	"reflect"

	"github.com/valyala/fasthttp"
)

// fields binds the fields of a query or of a form in one pass, whatever their order.
func (b *binding) fields(rest []byte, s source) {
	for len(rest) > 0 {
		var key, value []byte
		var escapedKey, escapedValue bool
		key, value, rest, escapedKey, escapedValue = cutField(rest)
		if escapedKey {
			b.c.scratch = appendUnescaped(b.c.scratch[:0], key)
			key = b.c.scratch
		}
		f := b.t.find(s, key)
		if f == nil {
			continue
		}
		t := text{b: value, c: b.c}
		if escapedValue {
			b.c.scratch = appendUnescaped(b.c.scratch[:0], value)
			t.b, t.moved = b.c.scratch, true
		}
		b.setForm(f, s, t)
	}
}

// setForm is set, but that an empty form value is only a value of strings.
func (b *binding) setForm(f *field, s source, t text) {
	if s == fromForm && len(t.b) == 0 {
		switch f.setter.leaf().op {
		case opString, opBytes, opAny, opText:
		default:
			return
		}
	}
	b.set(f, s, t)
}

// cutField cuts the first field off a query, and says which parts hold escapes.
func cutField(b []byte) (key, value, rest []byte, escapedKey, escapedValue bool) {
	i := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '&':
			return b[:i], nil, b[i+1:], escapedKey, false
		case '%', '+':
			escapedKey = true
		case '=':
			key, b = b[:i], b[i+1:]
			for i, x := range b {
				if x == '&' {
					return key, b[:i], b[i+1:], escapedKey, escapedValue
				}
				if x == '%' || x == '+' {
					escapedValue = true
				}
			}
			return key, b, nil, escapedKey, escapedValue
		}
	}
	return b, nil, nil, escapedKey, false
}

func (b *binding) form(body []byte) error {
	if b.c.tooManyFields(body) {
		return errFormFields
	}
	b.fields(body, fromForm)
	return nil
}

func (c *Ctx) tooManyFields(form []byte) bool {
	most := c.server.set.MaxFields
	return len(form) >= most && bytes.Count(form, []byte{'&'})+1 > most
}

// multipart binds the parts of a multipart form.
func (b *binding) multipart() error {
	form, err := b.c.MultipartForm()
	if err != nil {
		return err
	}
	for _, f := range b.t.params[fromForm] {
		name := f.names[fromForm]
		if op := f.setter.op; op == opFile || op == opFiles {
			b.files(f, form.File[name])
			continue
		}
		for _, value := range form.Value[name] {
			b.setForm(f, fromForm, text{b: []byte(value), c: b.c, moved: true})
		}
	}
	return nil
}

func (b *binding) files(f *field, files []*multipart.FileHeader) {
	v, ok := f.in(b.root, len(files) > 0)
	if !ok || len(files) == 0 {
		return
	}
	b.seen[f.row] = uint8(fromForm) + 1
	if f.setter.op == opFile {
		v.Set(reflect.ValueOf(files[0]))
	} else {
		v.Set(reflect.ValueOf(files))
	}
}

// Form returns the first value of a form field in the body, decoded, or "" if there
// is none. Both urlencoded and multipart forms are read. A form that is malformed or
// over a limit has no fields here; Bind and MultipartForm report it.
func (c *Ctx) Form(name string) string {
	c.check()
	form, isMultipart := c.formBody()
	if isMultipart {
		if values := c.multipartValues(name); len(values) > 0 {
			return values[0]
		}
		return ""
	}
	for len(form) > 0 {
		var key, v []byte
		key, v, form = nextField(form)
		if c.sameKey(key, name) {
			return c.unescape(v)
		}
	}
	return ""
}

// FormAll returns every value of a form field in the order sent, or nil. See Form.
func (c *Ctx) FormAll(name string) []string {
	c.check()
	form, isMultipart := c.formBody()
	if isMultipart {
		return c.multipartValues(name)
	}
	var all []string
	for len(form) > 0 {
		var key, v []byte
		key, v, form = nextField(form)
		if c.sameKey(key, name) {
			all = append(all, c.unescape(v))
		}
	}
	return all
}

// formBody returns the urlencoded form of the body, if that is what it is.
func (c *Ctx) formBody() (form []byte, isMultipart bool) {
	switch c.mediaType(c.rc.Request.Header.ContentType()) {
	case mimeForm:
		if body, err := c.body(); err == nil && !c.tooManyFields(body) {
			return body, false
		}
	case mimeMultipart:
		return nil, true
	}
	return nil, false
}

func (c *Ctx) multipartValues(name string) []string {
	form, err := c.MultipartForm()
	if err != nil {
		return nil
	}
	return form.Value[name]
}

// MultipartForm returns the multipart/form-data form of the body. Errors have status
// 415 if it is none, or compressed, and 400 if it is malformed, truncated or has
// more than 1,000 parts or Config.MaxFields, or those of reading the body. Files lie
// in memory, as the body does; on [StreamBody] routes those beyond 256 KiB lie in
// temporary files (os.TempDir), which are removed when the request ends, however it
// does. All are valid until the handler returns. Their Filename is the client's: never
// use it as a path.
func (c *Ctx) MultipartForm() (*multipart.Form, error) {
	c.check()
	req := &c.rc.Request
	if c.mediaType(req.Header.ContentType()) != mimeMultipart {
		return nil, errMediaType
	}
	if c.server.set.DecompressBodies && !c.streamsBody() {
		if _, err := c.body(); err != nil { // before its encoding is looked at
			return nil, err
		}
	}
	if len(req.Header.Peek(fasthttp.HeaderContentEncoding)) > 0 {
		return nil, c.refuseEncoding()
	}
	form, err := c.readForm()
	if err != nil {
		return nil, err
	}
	parts := 0
	for _, values := range form.Value {
		parts += len(values)
	}
	for _, files := range form.File {
		parts += len(files)
	}
	if parts > c.server.set.MaxFields {
		return nil, errFormFields
	}
	return form, nil
}

// readForm reads the form, once.
func (c *Ctx) readForm() (*multipart.Form, error) {
	if c.streamsBody() {
		return c.streamedForm()
	}
	if _, err := c.body(); err != nil {
		return nil, err
	}
	form, err := c.rc.Request.MultipartFormWithLimit(0) // the body is in memory already
	if err != nil {
		return nil, formFailure(err)
	}
	return form, nil
}

// FormFile returns the first file of a multipart form field. Its errors are those of
// MultipartForm, and one of status 400 that names the field if it has no file.
func (c *Ctx) FormFile(name string) (*multipart.FileHeader, error) {
	form, err := c.MultipartForm()
	if err != nil {
		return nil, err
	}
	files := form.File[name]
	if len(files) == 0 {
		return nil, missing("form", name)
	}
	return files[0], nil
}
