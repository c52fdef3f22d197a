package geist

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/internal/unsafestring"
)

// Bind fills v, a non-nil pointer, from the request. Each field of a struct names by
// its tag the part of the request that it comes from:
//
//	type Update struct {
//		ID    int               `path:"id"`
//		Dry   bool              `query:"dry"`
//		Tags  []string          `query:"tag"`                    // ?tag=a&tag=b
//		IDs   []int             `query:"id,comma"`               // ?id=1,2,3
//		Since time.Time         `query:"since" layout:"2006-01-02"`
//		Limit int               `query:"limit" default:"20"`
//		Token string            `header:"X-Token" binding:"required"`
//		Sess  string            `cookie:"sid"`
//		Name  geist.Opt[string] `json:"name"`                    // missing, null or sent
//		Photo *multipart.FileHeader `form:"photo"`
//	}
//
// No other part can set it: a JSON key never reaches a field that has one of these
// tags and no json tag, and a query never reaches a json field. A field with several
// tags takes the last that was sent, in the order body, query, header, cookie, path.
//
// # Bodies
//
// Content-Type says how the body is read, and a type that v has no field for, or that
// is not known, is refused with 415: application/json and types that end in +json
// fill the fields that encoding/json would; application/x-www-form-urlencoded and
// multipart/form-data those with form tags; application/xml, text/xml and +xml need
// xml tags; Config.Codecs adds more. A POST, PUT or PATCH without a body gives 400,
// unless each field of v that a document sets is a pointer, an [Opt] or has a
// default. GET and HEAD have no body; there form tags read the query, as in Gin. v
// may be something other than a struct, such as a map, for documents alone.
//
// # Fields
//
// Text becomes strings, booleans (also on and off), integers, finite floats,
// time.Duration, time.Time (RFC 3339; the layout tag names another, or unix,
// unixmilli, unixmicro, unixnano), []byte, types with an UnmarshalText method,
// pointers to these, slices of these and Opt. A slice takes every value that was sent,
// anything else the first. Other than in a query an empty form value counts as not
// sent, but for strings, since browsers send every input. Names are literal: "a[0]"
// is a name like any other and makes no array. The fields of an embedded struct, and
// of a struct field without tags, count as if they stood in v; a struct field with
// `query:"filter"` or form binds its fields as filter.name.
//
// default:"…" is what a field that is still zero holds unless something is sent; for
// slices it is split at commas. binding:"required" asks for presence: zero values
// are fine, null is not, except for an Opt. Config.Validator, if there is one, then
// checks v by its rules, unless the body has problems already. In XML and codecs a zero value counts as missing.
//
// # Errors
//
// A request that cannot be read gives an [Error] of status 400: JSON with a syntax
// error, a key that occurs twice in one object or more than Config.MaxJSONDepth
// levels; XML with a syntax error; a form that is truncated or has more than
// Config.MaxFields fields. One that can be read, but whose fields are wrong, be it in
// the path, the query or the body, gives 422 with every problem at once, at most 100,
// as the member "errors"; errors.As finds them as [FieldErrors]. No value that was
// sent is ever in it. When Bind fails, v may be partly filled: use nothing of it.
// A type that cannot be bound gives an error of status 500 that names the field.
func (c *Ctx) Bind(v any) error {
	c.check()
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return fmt.Errorf("geist: Bind wants a non-nil pointer, not %T", v)
	}
	root := p.Elem()
	for root.Kind() == reflect.Pointer {
		if root.IsNil() {
			root.Set(reflect.New(root.Type().Elem()))
		}
		v, root = root.Interface(), root.Elem()
	}
	if c.binding != nil && c.binding.t.typ == root.Type() {
		return c.bind(c.binding.t, v, root) // the same as for the last request
	}
	t, err := c.server.table(root.Type())
	if err != nil {
		return err
	}
	return c.bind(t, v, root)
}

// Bind returns a T filled from the request, see [Ctx.Bind]. On an error it is zero.
func Bind[T any](c *Ctx) (T, error) {
	var v, zero T
	if err := c.Bind(&v); err != nil {
		return zero, err
	}
	return v, nil
}

// FieldError is one problem of a request: of a place in the body, or of a named
// field in another part.
type FieldError struct {
	// Pointer is a JSON Pointer to a value in the body, as a URI fragment: "#/items/0".
	Pointer string `json:"pointer,omitempty"`
	// In is path, query, header, cookie or form; "" for a document in the body.
	In string `json:"in,omitempty"`
	// Name is the name of the field there.
	Name string `json:"name,omitempty"`
	// Detail says what is wanted.
	Detail string `json:"detail"`
}

// FieldErrors are all problems of a request. Errors of Bind wrap it.
type FieldErrors []FieldError

// Error lists the problems, for logs. It holds nothing of what was sent but keys.
func (e FieldErrors) Error() string {
	var b strings.Builder
	for i, f := range e {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(strings.TrimSpace(f.In + " " + f.Name + f.Pointer + " " + f.Detail))
	}
	return b.String()
}

const (
	maxProblems    = 100
	detailRequired = "is required"
)

// What a request that cannot be read is answered with.
var (
	errNoBody        = NewError(fasthttp.StatusBadRequest, "the request has no body")
	errJSONSyntax    = NewError(fasthttp.StatusBadRequest, "the body is not valid JSON")
	errJSONDuplicate = NewError(fasthttp.StatusBadRequest, "a key occurs twice in one object of the body")
	errJSONDepth     = NewError(fasthttp.StatusBadRequest, "the body is nested too deeply")
	errJSONLong      = NewError(fasthttp.StatusRequestEntityTooLarge, "the body is too long")
	errXMLSyntax     = NewError(fasthttp.StatusBadRequest, "the body is not valid XML")
	errFormFields    = NewError(fasthttp.StatusBadRequest, "the form has too many fields")
	errFormSyntax    = NewError(fasthttp.StatusBadRequest, "the form is malformed or truncated")
	errMediaType     = NewError(fasthttp.StatusUnsupportedMediaType, "the body has a media type that is not read here")
	errEncoding      = NewError(fasthttp.StatusUnsupportedMediaType, "the body has a content encoding that is not read here")
	errInvalid       = NewError(fasthttp.StatusUnprocessableEntity, "")
)

// binding is one call of Bind. A Ctx keeps one for its requests.
type binding struct {
	c        *Ctx
	t        *fieldTable
	v        any
	root     reflect.Value
	format   format
	problems []FieldError
	seen     []uint8 // what has set each row: a source plus one, or sentInBody
	scan     jsonScan
	data     []byte // the document, where it is JSON
	message  bool   // the document is a message of a connection, not a body

	// Of the type and the engine that were asked about last.
	ruledType   *fieldTable
	ruledEngine *Engine
	hasRules    bool
}

const sentInBody = uint8(numSources) + 1

func (c *Ctx) bind(t *fieldTable, v any, root reflect.Value) error {
	b := c.binding
	if b == nil {
		b = &binding{c: c}
		c.binding = b
	}
	b.start(t, v, root)
	err := b.run()
	return b.end(err)
}

// start begins to bind to v.
func (b *binding) start(t *fieldTable, v any, root reflect.Value) {
	b.t, b.v, b.root, b.format, b.problems = t, v, root, formatNone, nil
	if n := len(t.fields); n <= cap(b.seen) {
		b.seen = b.seen[:n]
		clear(b.seen)
	} else {
		b.seen = make([]uint8, n, max(n, 16))
	}
}

// end asks the validator and returns what is wrong.
func (b *binding) end(err error) error {
	if err == nil && b.c.engine.set.Validator != nil {
		err = b.validate()
	}
	b.v, b.root, b.data = nil, reflect.Value{}, nil // they are the handler's
	if err != nil {
		return err
	}
	if len(b.problems) > 0 {
		return invalid(b.problems)
	}
	return nil
}

func (b *binding) run() error {
	t := b.t
	if len(t.defaults) > 0 {
		b.setDefaults()
	}
	if t.body || len(t.params[fromForm]) > 0 {
		if err := b.body(); err != nil {
			return err
		}
	}
	if len(t.params[fromQuery]) > 0 {
		b.fields(b.c.rc.URI().QueryString(), fromQuery)
	}
	if len(t.params[fromHeader]) > 0 {
		b.headers()
	}
	if len(t.params[fromCookie]) > 0 {
		b.cookies()
	}
	if len(t.params[fromPath]) > 0 {
		if err := b.path(); err != nil {
			return err
		}
	}
	if len(t.required) > 0 {
		b.checkRequired()
	}
	return nil
}

// invalid returns the error of status 422 that lists problems.
func invalid(problems []FieldError) *Error {
	detail := "one field is invalid"
	switch n := len(problems); {
	case n == maxProblems:
		detail = "at least " + strconv.Itoa(n) + " fields are invalid"
	case n > 1:
		detail = strconv.Itoa(n) + " fields are invalid"
	}
	return errInvalid.With("detail", detail).With("errors", problems).Wrap(FieldErrors(problems))
}

// fail notes a problem of a row.
func (b *binding) fail(f *field, s source, detail string) {
	if len(b.problems) < maxProblems {
		b.problems = append(b.problems, FieldError{In: b.called(s), Name: f.names[s], Detail: detail})
	}
}

// called returns what a source is called in problems: without a body, forms are queries.
func (b *binding) called(s source) string {
	if s == fromForm && b.format == formatQuery {
		s = fromQuery
	}
	return sourceTags[s]
}

func (b *binding) setDefaults() {
	for _, f := range b.t.defaults {
		if v, ok := f.in(b.root, true); ok && v.IsZero() {
			f.setter.setDefault(v, f.fallback)
		}
	}
}

// set gives a row one of the values that were sent. It reports only the first
// value of a row that is wrong.
func (b *binding) set(f *field, s source, t text) {
	pass := uint8(s) + 1
	v, ok := f.in(b.root, true)
	if !ok {
		return
	}
	if b.seen[f.row] == pass {
		if !f.setter.many() {
			return
		}
	} else {
		b.seen[f.row] = pass
		if f.setter.op >= opPointer {
			v.SetZero() // what is there, such as a default, may be shared or be appended to
		}
	}
	if !f.setter.set(v, t) {
		b.fail(f, s, f.setter.leaf().want())
	}
}

func (b *binding) headers() {
	h := &b.c.rc.Request.Header
	for _, f := range b.t.params[fromHeader] {
		if f.setter.many() {
			for _, value := range h.PeekAll(f.names[fromHeader]) {
				b.set(f, fromHeader, text{b: value, c: b.c})
			}
		} else if value := h.Peek(f.names[fromHeader]); len(value) > 0 {
			b.set(f, fromHeader, text{b: value, c: b.c})
		}
	}
}

func (b *binding) cookies() {
	for _, f := range b.t.params[fromCookie] {
		if value := b.c.rc.Request.Header.Cookie(f.names[fromCookie]); len(value) > 0 {
			b.set(f, fromCookie, text{b: value, c: b.c})
		}
	}
}

// path binds parameters of the route. A name that it does not have is the
// programmer's mistake.
func (b *binding) path() error {
	for _, f := range b.t.params[fromPath] {
		name := f.names[fromPath]
		value := b.c.Param(name)
		if value != "" {
			b.set(f, fromPath, text{b: unsafestring.Bytes(value), c: b.c, kept: true})
		} else if !b.c.routeHas(name) {
			return fmt.Errorf("geist: %s: field %s: route %s has no parameter %q", b.t.typ, f.path, b.c.Pattern(), name)
		}
	}
	return nil
}

// routeHas reports whether the route has a parameter, be it one that was not sent.
func (c *Ctx) routeHas(name string) bool {
	if c.hasParam(name) {
		return true
	}
	if c.ep != nil {
		for _, n := range c.ep.names {
			if n == name {
				return true
			}
		}
	}
	return false
}

// checkRequired reports the rows that nothing has set.
func (b *binding) checkRequired() {
	walked := false
	for _, f := range b.t.required {
		if b.seen[f.row] != 0 {
			continue
		}
		document := f.member != "" && !f.hidden && formatJSON <= b.format && b.format <= formatCodec
		if document {
			if v, ok := f.in(b.root, false); ok && !v.IsZero() {
				continue
			}
			if b.format == formatJSON && !walked {
				walked = true
				b.walk(b.data, true)
				if b.seen[f.row] != 0 {
					continue
				}
			}
		}
		b.missing(f, document)
	}
}

// missing reports a row that is required, at the place where it is looked for first.
func (b *binding) missing(f *field, document bool) {
	s := f.source()
	switch {
	case document || s == numSources:
		if len(b.problems) < maxProblems {
			b.problems = append(b.problems, FieldError{Pointer: string(appendPointer([]byte{'#'}, f.member)), Detail: detailRequired})
		}
	default:
		b.fail(f, s, detailRequired)
	}
}

// source returns where a row is looked for first, or numSources if only in documents.
func (f *field) source() source {
	s := numSources
	for i := range numSources {
		if f.names[i] != "" && (s == numSources || s == fromForm) {
			s = i
		}
	}
	return s
}
