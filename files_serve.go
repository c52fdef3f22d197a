package geist

import (
	"errors"
	"io"
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/internal/httpfield"
	"github.com/gogeist/geist/internal/unsafestring"
)

// What a failed precondition or range is answered with.
var (
	errPrecondition = NewError(fasthttp.StatusPreconditionFailed, "the file is not the one that the request names")
	errRange        = NewError(fasthttp.StatusRequestedRangeNotSatisfiable, "the range lies beyond the end of the file")
)

// serve is the endpoint of Static and StaticFS.
func (f *files) serve(c *Ctx) error {
	rest := ""
	if r := c.ep.files; r.wild {
		s := c.caps.at(len(c.ep.names) - 1)
		rest = c.orig[s.off : int(s.off)+int(s.len)]
	}
	sent := c.rc.URI().PathOriginal()
	folder := sent[len(sent)-1] == '/'
	if strings.HasPrefix(rest, "/") || strings.Contains(rest, "//") {
		if c.engine.set.TrailingSlash == SlashRedirect {
			return c.redirectFolder(sent, false)
		}
		return c.withoutFiles()
	}
	name, ok := fileName(rest, f.cfg.DotFiles)
	if !ok || c.engine.set.TrailingSlash == SlashIgnore && hasEncodedDots(unsafestring.String(sent)) {
		return c.withoutFiles()
	}
	if folder || name == "" {
		name = path.Join(name, f.cfg.Index)
	}
	e, err := f.entry(name, c.requestTime())
	switch {
	case errors.Is(err, errNoFile):
		return f.missing(c, rest)
	case err != nil:
		return err
	case e.dir && folder:
		return f.missing(c, rest) // a directory that is called index.html
	case e.dir, !folder && len(rest) == 0:
		return c.redirectFolder(sent, true)
	}
	return f.send(c, name, e)
}

// requestTime returns when the request was read. It costs no look at the clock.
func (c *Ctx) requestTime() time.Time {
	if t := c.rc.Time(); !t.IsZero() {
		return t
	}
	return time.Now()
}

// missing answers a path without a file: with the fallback page, if it is for the
// page to decide, else as if there were no files.
func (f *files) missing(c *Ctx, rest string) error {
	if f.cfg.Fallback == "" || path.Ext(strings.TrimSuffix(rest, "/")) != "" || !acceptsHTML(c.rc.Request.Header.Peek(fasthttp.HeaderAccept)) {
		return c.withoutFiles()
	}
	tables, n := c.tablesFor(c.ep.files.routes)
	if c.claimed(c.ep.files, tables[:n], c.path, c.orig) {
		return c.withoutFiles()
	}
	e, err := f.entry(f.cfg.Fallback, c.requestTime())
	switch {
	case errors.Is(err, errNoFile), err == nil && e.dir:
		return c.withoutFiles()
	case err != nil:
		return err
	}
	return f.send(c, f.cfg.Fallback, e)
}

// acceptsHTML reports whether an Accept field names text/html, as browsers do when they navigate.
func acceptsHTML(accept []byte) bool {
	rest := unsafestring.String(accept)
	for rest != "" {
		var item string
		item, rest, _ = strings.Cut(rest, ",")
		kind, params, _ := strings.Cut(item, ";")
		if equalFold(strings.Trim(kind, " \t"), "text/html") {
			return httpfield.Quality(params) > 0
		}
	}
	return false
}

// redirectFolder redirects to the path as it was sent, clean, with a slash at its
// end if add asks for it. It begins with exactly one slash and stays on the host.
func (c *Ctx) redirectFolder(sent []byte, add bool) error {
	b := cleanPath(c.scratch[:0], unsafestring.String(sent))
	if add && b[len(b)-1] != '/' {
		b = append(b, '/')
	}
	if q := c.rc.URI().QueryString(); len(q) > 0 {
		b = append(append(b, '?'), q...)
	}
	c.scratch = b
	c.rc.Response.SetStatusCode(fasthttp.StatusPermanentRedirect)
	c.rc.Response.Header.SetBytesV(fasthttp.HeaderLocation, b)
	return nil
}

// send answers with an entry.
func (f *files) send(c *Ctx, name string, e *fileEntry) error {
	h := fileHeader{cacheControl: f.cfg.CacheControl, vary: len(e.forms) > 1}
	if e.page {
		h.cacheControl = "no-cache"
	}
	form := e.forms[0]
	if h.vary {
		form = e.choose(c.rc.Request.Header.Peek(fasthttp.HeaderAcceptEncoding))
	}
	if form.data != nil {
		return c.sendFile(form, nil, h)
	}
	file, info, err := f.openRegular(form.name)
	if errors.Is(err, errNoFile) {
		f.forget(name)
		return c.withoutFiles()
	}
	if err != nil {
		return err
	}
	if !form.sameAs(info) { // it has changed since it was looked at
		form, err = newRepresentation(form.name, form.encoding, form.mime, file, info, true)
		f.forget(name)
		if err != nil || form.data != nil {
			_ = file.Close()
			file = nil
		}
		if err != nil {
			return err
		}
	}
	return c.sendFile(form, file, h)
}

// choose returns the form that an Accept-Encoding field likes best, of equal ones
// the smallest. Without an acceptable one it is the file as it is.
func (e *fileEntry) choose(accept []byte) *representation {
	best, bestQ := e.forms[0], 0
	for _, r := range e.forms[1:] {
		q := httpfield.Coding(unsafestring.String(accept), r.encoding)
		if q > bestQ || q == bestQ && q > 0 && r.size < best.size {
			best, bestQ = r, q
		}
	}
	if httpfield.NamedCoding(unsafestring.String(accept), "identity") > bestQ {
		return e.forms[0]
	}
	return best
}

// fileHeader is what answers with files have beside what the file itself says.
type fileHeader struct {
	cacheControl string
	vary         bool
}

// sendFile answers with r, whose content is in file unless r has it. It owns file.
func (c *Ctx) sendFile(r *representation, file fs.File, h fileHeader) error {
	req, resp := &c.rc.Request.Header, &c.rc.Response
	var ranges []byteRange
	var room [4]byteRange
	if resp.StatusCode() == fasthttp.StatusOK { // a page for an error is sent whole
		switch r.precondition(req) {
		case conditionFailed:
			closeFile(file)
			return errPrecondition
		case conditionNotModified:
			closeFile(file)
			c.fileValidators(r, h)
			resp.ResetBody()
			resp.Header.SetContentTypeBytes(nil)
			resp.SetStatusCode(fasthttp.StatusNotModified)
			return nil
		}
		var verdict rangeVerdict
		if field := req.Peek(fasthttp.HeaderRange); len(field) > 0 && req.IsGet() && r.seekable(file) && r.rangeApplies(req) {
			ranges, verdict = parseRange(room[:0], unsafestring.String(field), r.size)
		}
		if verdict == rangeUnsatisfiable {
			closeFile(file)
			resp.Header.Set(fasthttp.HeaderContentRange, "bytes */"+strconv.FormatInt(r.size, 10))
			return errRange
		}
	}
	c.fileValidators(r, h)
	if r.encoding != "" {
		resp.Header.SetContentEncoding(r.encoding)
	}
	resp.Header.SetContentType(r.mime)
	if r.seekable(file) {
		resp.Header.SetCanonical(headerAcceptRanges, valueBytes)
	}
	resp.Header.SetCanonical(headerNosniff, valueNosniff)
	switch len(ranges) {
	case 0:
		c.fileBody(r, file, byteRange{0, r.size})
	case 1:
		resp.SetStatusCode(fasthttp.StatusPartialContent)
		c.scratch = ranges[0].appendContentRange(c.scratch[:0], r.size)
		resp.Header.SetBytesV(fasthttp.HeaderContentRange, c.scratch)
		c.fileBody(r, file, ranges[0])
	default:
		resp.SetStatusCode(fasthttp.StatusPartialContent)
		c.fileParts(r, file, ranges)
	}
	return nil
}

func closeFile(file fs.File) {
	if file != nil {
		_ = file.Close()
	}
}

// Names and values of header fields, in the form that fasthttp writes.
var (
	headerETag         = []byte("Etag")
	headerLastModified = []byte("Last-Modified")
	headerAcceptRanges = []byte("Accept-Ranges")
	headerNosniff      = []byte("X-Content-Type-Options")
	valueBytes         = []byte("bytes")
	valueNosniff       = []byte("nosniff")
)

// fileValidators sets the fields that a 304 has too.
func (c *Ctx) fileValidators(r *representation, h fileHeader) {
	header := &c.rc.Response.Header
	if r.etag != "" {
		header.SetCanonical(headerETag, unsafestring.Bytes(r.etag))
	}
	if r.lastModified != "" {
		header.SetCanonical(headerLastModified, unsafestring.Bytes(r.lastModified))
	}
	if h.vary {
		header.Add(fasthttp.HeaderVary, fasthttp.HeaderAcceptEncoding)
	}
	if h.cacheControl != "" && len(header.Peek(fasthttp.HeaderCacheControl)) == 0 {
		header.Set(fasthttp.HeaderCacheControl, h.cacheControl)
	}
}

// seekable reports whether ranges of r can be sent.
func (r *representation) seekable(file fs.File) bool {
	if file == nil {
		return true
	}
	_, ok := file.(io.Seeker)
	return ok
}

// fileBody sends one range of r.
func (c *Ctx) fileBody(r *representation, file fs.File, part byteRange) {
	resp := &c.rc.Response
	if file == nil {
		c.shareBody(r.data[part.off : part.off+part.n : part.off+part.n])
		resp.Header.SetContentLength(int(part.n)) // fasthttp tells HEAD no length of nothing
		return
	}
	if c.rc.IsHead() {
		_ = file.Close()
		resp.ResetBody()
		resp.Header.SetContentLength(streamLength(part.n))
		return
	}
	b := &fileBody{file: file, conn: c.rc.Conn()}
	b.one[0].byteRange = part
	b.parts = b.one[:]
	resp.SetBodyStream(b, streamLength(part.n))
}

// fileParts sends several ranges of r.
func (c *Ctx) fileParts(r *representation, file fs.File, ranges []byteRange) {
	resp := &c.rc.Response
	parts, total, contentType := multipartRanges(ranges, r.size, r.mime)
	resp.Header.SetContentType(contentType)
	if file != nil {
		resp.SetBodyStream(&fileBody{file: file, conn: c.rc.Conn(), parts: parts}, streamLength(total))
		return
	}
	resp.ResetBody()
	for _, p := range parts {
		resp.AppendBody(p.head)
		resp.AppendBody(r.data[p.off : p.off+p.n])
	}
}

// streamLength returns a length as fasthttp takes it; one that an int does not hold
// is sent in chunks.
func streamLength(n int64) int {
	if n > math.MaxInt {
		return -1
	}
	return int(n)
}
