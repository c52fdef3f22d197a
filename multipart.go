package geist

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/textproto"
	"os"
	"strings"

	"github.com/valyala/fasthttp"
)

const (
	// maxParts bounds the parts of a multipart form. mime/multipart has the same bound
	// on forms that it reads whole.
	maxParts = 1000
	// maxPartHeaderBytes bounds the boundary and header fields of one part, with what
	// mime/multipart reads ahead.
	maxPartHeaderBytes = 16<<10 + partAheadBytes
	partAheadBytes     = 4 << 10
	// formMemoryBytes is how much of a form's files stays in memory on StreamBody routes.
	formMemoryBytes = 256 << 10
)

var (
	errPartHeader   = NewError(fasthttp.StatusBadRequest, "the header of a part is too long")
	errTooManyParts = NewError(fasthttp.StatusBadRequest, "the form has too many parts")
)

// Part is one part of a multipart form, as [EachPart] passes it on. It reads the
// part's content, is valid until the function that was given it returns, and is for
// one goroutine at a time.
type Part struct {
	p *multipart.Part
}

// Name returns the name of the form field, or "".
func (p *Part) Name() string { return p.p.FormName() }

// Header returns the part's own header fields, such as Content-Type.
func (p *Part) Header() textproto.MIMEHeader { return p.p.Header }

// FileName returns the last element of the file name that the client gave, with either
// slash, or "" if there is none that could be a file's. It is the client's choice: show
// it, store it, but never make a path of it. IsFile tells files from fields.
func (p *Part) FileName() string {
	name, _ := p.fileName()
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	if name == "." || name == ".." || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return ""
	}
	return name
}

// IsFile reports whether the client sent the part as a file, with or without a name.
func (p *Part) IsFile() bool {
	_, ok := p.fileName()
	return ok
}

func (p *Part) fileName() (string, bool) {
	_, params, err := mime.ParseMediaType(p.p.Header.Get("Content-Disposition"))
	name, ok := params["filename"]
	return name, ok && err == nil
}

// Read reads the part's content. Errors of the body are of type [*Error], to be returned.
func (p *Part) Read(b []byte) (int, error) {
	n, err := p.p.Read(b)
	if err != nil && err != io.EOF {
		err = formFailure(err)
	}
	return n, err
}

// SaveNew copies the rest of the part to a new file at path, under the rules of
// [Ctx.SaveFile]: nothing is overwritten, and if it fails, also because the client goes
// away, no file is left. Path is the server's choice. It returns the bytes written. An
// error of the body is of type [*Error].
func (p *Part) SaveNew(path string) (int64, error) {
	counted := &countingReader{r: p}
	if err := writeNew(path, counted); err != nil {
		return counted.n, fmt.Errorf("geist: SaveNew: %w", err)
	}
	return counted.n, nil
}

type countingReader struct {
	r io.Reader
	n int64
}

func (r *countingReader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	r.n += int64(n)
	return n, err
}

var _ io.Reader = (*Part)(nil)

// EachPart calls f for each part of a multipart/form-data body, in their order, and
// returns the first error, f's own or the form's. On a [StreamBody] route nothing is
// kept: a part is read from the connection as f reads it, what f leaves is skipped, and
// a form of any length takes a few KiB. Elsewhere it goes through the body in memory.
//
// The form's errors are of type [*Error]: 415 if the body is none, or is compressed;
// 400 if it is malformed or ends early, has more than 1,000 parts or a part header of
// more than 16 KiB; those of [Ctx.BodyReader]. Forms inside of parts are content.
func EachPart(c *Ctx, f func(p *Part) error) error {
	c.check()
	boundary, err := c.boundary()
	if err != nil {
		return err
	}
	gate := &partGate{r: c.BodyReader()}
	mr := multipart.NewReader(gate, boundary)
	for n := 0; ; n++ {
		p, err := gate.next(mr)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return formFailure(err)
		}
		if n == maxParts {
			return errTooManyParts
		}
		if err := f(&Part{p}); err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, p); err != nil {
			return formFailure(err)
		}
	}
}

// boundary returns the boundary of a multipart form, or why the body is none.
func (c *Ctx) boundary() (string, error) {
	h := &c.rc.Request.Header
	media, params, err := mime.ParseMediaType(string(h.ContentType()))
	if media != mimeMultipart {
		return "", errMediaType
	}
	if c.server.set.DecompressBodies && !c.streamsBody() {
		if _, err := c.body(); err != nil { // before its encoding is looked at
			return "", err
		}
	}
	switch {
	case len(h.Peek(fasthttp.HeaderContentEncoding)) > 0:
		return "", c.refuseEncoding()
	case err != nil || params["boundary"] == "" || len(params["boundary"]) > 70: // RFC 2046 §5.1.1
		return "", errFormSyntax
	}
	return params["boundary"], nil
}

// formFailure turns an error of reading a form into an answer. What the body's reader
// says stays.
func formFailure(err error) error {
	if e := asError(err); e != nil {
		return e
	}
	if errors.Is(err, ErrRequestDone) {
		return err
	}
	if errors.Is(err, multipart.ErrMessageTooLarge) {
		return errFormFields
	}
	return errFormSyntax
}

// partGate bounds what mime/multipart reads between two parts, for which it has limits
// of 10 MiB and 10,000 fields.
type partGate struct {
	r    io.Reader
	open bool // within a part
	left int
}

func (g *partGate) next(mr *multipart.Reader) (*multipart.Part, error) {
	g.open, g.left = false, maxPartHeaderBytes
	p, err := mr.NextRawPart() // a content encoding of a part is its content
	g.open = true
	return p, err
}

func (g *partGate) Read(p []byte) (int, error) {
	if g.open {
		return g.r.Read(p)
	}
	if g.left == 0 {
		return 0, errPartHeader
	}
	n, err := g.r.Read(p[:min(len(p), g.left)])
	g.left -= n
	return n, err
}

// removeForm removes the files of a form.
func (c *Ctx) removeForm() {
	if err := c.cold.form.RemoveAll(); err != nil {
		c.logFailure(c.status(), fmt.Errorf("geist: removing uploaded files: %w", err))
	}
}

// streamedForm reads the form of a StreamBody route, its large files to disk.
func (c *Ctx) streamedForm() (*multipart.Form, error) {
	if c.cold.form != nil {
		return c.cold.form, nil
	}
	boundary, err := c.boundary()
	if err != nil {
		return nil, err
	}
	form, err := multipart.NewReader(c.BodyReader(), boundary).ReadForm(formMemoryBytes)
	if err != nil {
		if _, ok := errors.AsType[*os.PathError](err); ok && asError(err) == nil {
			return nil, fmt.Errorf("geist: MultipartForm: %w", err) // the disk's fault, not the client's
		}
		return nil, formFailure(err)
	}
	c.cold.used = true
	c.cold.form = form
	return form, nil
}
