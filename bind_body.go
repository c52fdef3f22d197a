package geist

import (
	"bytes"
	"errors"
	"reflect"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/internal/unsafestring"
)

// format is how a body is read.
type format uint8

const (
	formatNone format = iota
	formatJSON
	formatXML
	formatCodec
	formatForm
	formatMultipart
	formatQuery // there is no body: form fields come from the query
)

// body binds what the body says, if there is one.
func (b *binding) body() error {
	codec, err := b.choose()
	if err != nil {
		return err
	}
	switch b.format { // choose has read the body
	case formatJSON:
		return b.json(b.c.rc.Request.Body())
	case formatXML:
		return b.document(codec, b.t.coverXML, errXMLSyntax, malformedXML)
	case formatCodec:
		return b.document(codec, b.t.coverCodec, nil, nil)
	case formatForm:
		return b.form(b.c.rc.Request.Body())
	case formatMultipart:
		return b.multipart()
	case formatQuery:
		b.fields(b.c.rc.URI().QueryString(), fromForm)
	}
	return nil
}

// choose decides how the body is read.
func (b *binding) choose() (Codec, error) {
	h := &b.c.rc.Request.Header
	if h.IsGet() || h.IsHead() {
		b.format = formatQuery
		return nil, nil
	}
	contentType := h.ContentType()
	if b.c.streamsBody() && b.c.mediaType(contentType) == mimeMultipart && len(b.t.params[fromForm]) > 0 {
		b.format = formatMultipart // which is not read into memory
		return nil, nil
	}
	body, err := b.c.body()
	if err != nil {
		return nil, err
	}
	if len(body) == 0 {
		if b.t.needsBody && (h.IsPost() || h.IsPut() || h.IsPatch()) && !b.c.isForm(contentType) {
			return nil, errNoBody
		}
		return nil, nil
	}
	media := unsafestring.String(contentType)
	if media != mimeJSON {
		media = b.c.mediaType(contentType)
	}
	var codec Codec
	forms := len(b.t.params[fromForm]) > 0
	switch {
	case b.t.body && (media == mimeJSON || strings.HasSuffix(media, "+json") && b.c.engine.set.Codecs[media] == nil):
		b.format = formatJSON
	case forms && media == mimeForm:
		b.format = formatForm
	case forms && media == mimeMultipart:
		b.format = formatMultipart
	case b.t.body && media != mimeJSON:
		if codec = b.c.engine.set.Codecs[media]; codec == nil && strings.HasSuffix(media, "+xml") {
			codec = b.c.engine.set.Codecs[mimeXML]
		}
		if _, isXML := codec.(xmlCodec); isXML {
			b.format = formatXML
			if !b.t.xml {
				codec = nil
			}
		} else {
			b.format = formatCodec
		}
		if codec == nil {
			return nil, errMediaType
		}
	default:
		return nil, errMediaType
	}
	return codec, nil
}

// mediaType returns a content type in lower case and without its parameters. It is
// valid until the next use of the scratch buffer.
func (c *Ctx) mediaType(contentType []byte) string {
	contentType, _, _ = bytes.Cut(contentType, []byte{';'})
	c.scratch = c.scratch[:0]
	for _, b := range bytes.Trim(contentType, " \t") {
		c.scratch = append(c.scratch, lower(b))
	}
	return unsafestring.String(c.scratch)
}

func (c *Ctx) isForm(contentType []byte) bool {
	media := c.mediaType(contentType)
	return media == mimeForm || media == mimeMultipart
}

// readable explains why a body could not be decoded if it is compressed.
func (b *binding) readable() error {
	if b.message {
		return nil
	}
	encoding := b.c.rc.Request.Header.Peek(fasthttp.HeaderContentEncoding)
	if len(encoding) > 0 && !equalFold(unsafestring.String(encoding), "identity") {
		return b.c.refuseEncoding()
	}
	return nil
}

// document decodes a body that is neither JSON nor a form.
func (b *binding) document(codec Codec, cover []*field, syntax *Error, malformed func(error) bool) error {
	if err := b.decode(codec, b.c.rc.Request.Body(), cover); err != nil {
		return b.explain(err, syntax, malformed)
	}
	return nil
}

// explain turns a codec's error into an answer. An [Error] of a method that decodes
// stays as it is.
func (b *binding) explain(err error, syntax *Error, malformed func(error) bool) error {
	if e := asError(err); e != nil {
		return e
	}
	if err := b.readable(); err != nil {
		return err
	}
	if errors.Is(err, errors.ErrUnsupported) {
		return errMediaType
	}
	if malformed != nil && malformed(err) {
		return syntax
	}
	b.problems = append(b.problems, FieldError{Pointer: "#", Detail: wantForm})
	return nil
}

// decode lets a codec fill v, and restores the rows that are none of its business.
func (b *binding) decode(codec Codec, data []byte, cover []*field) error {
	var kept map[int]reflect.Value // by row
	for _, f := range cover {
		v, ok := f.in(b.root, false)
		if !ok || v.IsZero() {
			continue
		}
		if kept == nil {
			kept = map[int]reflect.Value{}
		}
		was := reflect.New(f.typ).Elem()
		was.Set(v)
		kept[f.row] = was
		v.SetZero() // so that nothing is written through it
	}
	err := codec.Decode(data, b.v)
	for _, f := range cover {
		was, filled := kept[f.row]
		if v, ok := f.in(b.root, filled); !ok {
			continue
		} else if filled {
			v.Set(was)
		} else {
			v.SetZero()
		}
	}
	return err
}
