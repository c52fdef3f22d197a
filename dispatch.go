package geist

import (
	"bytes"
	"math/bits"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/internal/unsafestring"
)

// serve answers one request: it is the handler that fasthttp calls. Whatever can
// be decided at registration has been; what is rare stands in functions of its own.
func (e *Engine) serve(rc *fasthttp.RequestCtx) {
	if rc.Request.IsBodyStream() && resumed(rc) {
		return
	}
	length := rc.Request.Header.ContentLength()
	if st := stateOf(rc.Conn()); st != nil {
		st.handle(&rc.Request, length)
	}
	c := e.pool.Get().(*Ctx)
	c.rc = rc
	defer c.finish()
	c.dispatch(e, length)
	c.returned = true
}

// dispatch checks the request's target, finds its endpoint and runs the chain. length
// is the Content-Length in fasthttp's words, which is asked for once a request.
func (c *Ctx) dispatch(e *Engine, length int) {
	req := &c.rc.Request
	h := &req.Header
	uri := req.URI()
	raw, query, target := uri.PathOriginal(), uri.QueryString(), h.RequestURI()
	plain, ascii := scan(raw)
	rs := e.routes.Load()
	method := methodGet
	if m := unsafestring.String(h.Method()); m != "GET" {
		method = rs.methodIndex(m)
	}
	behind := len(target) - len(raw) // "?" and the query; anything else is odd
	if method < 0 || len(raw) == 0 || target[0] != '/' || (behind != 0 && behind != len(query)+1) ||
		len(target) > e.set.MaxURIBytes || len(h.RawHeaders()) > e.set.MaxHeaderBytes ||
		len(query) >= e.set.MaxFields || mayBeChunked(length) || !h.IsHTTP11() ||
		!ascii || len(query) > 0 && !isASCII(query) || !bytes.Equal(h.Host(), c.knownHost) {
		if err := c.inspect(e, method); err != nil {
			c.reject(err)
			return
		}
		raw, length = uri.PathOriginal(), h.ContentLength()
	}
	c.bodied = expectsBody(length)
	c.raw = unsafestring.String(raw)
	// fasthttp's normalised path differs from the original wherever there is something
	// to clean, but for a "/." at the end, so that one comparison finds the common case.
	if plain && e.plainPaths && raw[len(raw)-1] != '.' && bytes.Equal(raw, uri.Path()) {
		c.path, c.orig, c.clean = c.raw, c.raw, true
	} else if err := c.prepare(e); err != nil {
		c.reject(err)
		return
	}
	if len(e.hooks.before) > 0 && !c.runBefore(e) {
		return
	}
	if c.asterisk {
		c.rs = rs
		c.answer([]*table{rs.def}, "/", rs.allMethods(), (*fallback).optionsEndpoint)
		return
	}
	if rs.exact == nil && rs.labels == nil && !c.dots {
		if tr := rs.def.trees[method]; tr != nil {
			if ep := tr.find(c.path, c.orig, &c.caps); ep != nil && ep.mount == nil {
				c.run(ep)
				return
			}
		}
	}
	c.route(rs, method)
}

// run runs the chain of an endpoint.
func (c *Ctx) run(ep *endpoint) {
	c.ep = ep
	c.engine = ep.engine
	c.chain = ep.chain
	if len(ep.chain) == 1 { // nobody is around it to see the error of a panic
		c.index = 0
		if c.bodied {
			if err := c.admit(); err != nil {
				_ = c.settle(err)
				return
			}
		}
		if err := ep.chain[0](c); err != nil {
			_ = c.settle(err)
		}
		return
	}
	c.index = -1
	_ = c.Next() // its error has been answered where it arose
}

// Next runs the rest of the chain and returns its error, which has been answered
// already: middleware sees the final status, and may overwrite the answer or
// return another error, which is then answered in its place. Called a second time,
// or in a hook, it does nothing.
func (c *Ctx) Next() error {
	c.check()
	c.index++
	last := len(c.chain) - 1
	switch {
	case c.index < last:
		err := c.chain[c.index](c)
		c.index = last // whoever calls Next again, nothing is left to run
		if err != nil {
			err = c.settle(err)
		}
		return err
	case c.index == last:
		return c.callEndpoint(c.chain[last])
	}
	return nil
}

// callEndpoint runs the last handler. Its panic becomes an error here, so that the
// middleware around it goes on; a panic in middleware is recovered by finish.
func (c *Ctx) callEndpoint(h Handler) (err error) {
	returned := false // asking recover costs more than this flag (BenchmarkCycle)
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil {
			err = c.settle(c.panicError(v))
		}
	}()
	if c.bodied {
		err = c.admit()
	}
	if err == nil {
		err = h(c)
	}
	returned = true
	if err != nil {
		err = c.settle(err)
	}
	return err
}

// runBefore runs the BeforeRequest hooks and reports whether to go on.
func (c *Ctx) runBefore(e *Engine) bool {
	for _, h := range e.hooks.before {
		if err := h(c); err != nil {
			_ = c.settle(err)
			return false
		}
	}
	return true
}

// reject answers a request whose target or framing is unsound, which no handler
// may see.
func (c *Ctx) reject(err *Error) {
	c.failure = err
	DefaultErrorHandler(c, err)
}

// prepare makes c.path, the form that is matched, from c.raw: escapes are decoded
// a segment at a time, case is folded and, under SlashIgnore, slashes are cleaned.
func (c *Ctx) prepare(e *Engine) *Error {
	ignore := e.set.TrailingSlash == SlashIgnore
	if ignore && len(c.raw) > 1 {
		c.cleaned = cleanPath(c.cleaned[:0], c.raw)
		c.raw = strings.TrimSuffix(unsafestring.String(c.cleaned), "/")
		if c.raw == "" {
			c.raw = "/"
		}
	}
	c.path = c.raw
	if strings.IndexByte(c.raw, '%') >= 0 {
		b, err := decodePath(c.decoded[:0], c.raw)
		if err != nil {
			return errPathEscape
		}
		c.decoded = b
		c.path = unsafestring.String(b)
	}
	c.orig = c.path
	c.dots = hasDotSegment(c.path)
	if e.set.CaseInsensitive {
		c.folded = foldASCII(c.folded[:0], c.path)
		c.path = unsafestring.String(c.folded)
	}
	return nil
}

// route finds the endpoint in rs, by host where hosts are registered, and runs
// it, or answers in place of one.
func (c *Ctx) route(rs *routes, method int) {
	c.rs = rs
	tables := [3]*table{rs.def}
	n := 1
	if rs.exact != nil || rs.labels != nil {
		n = c.hostTables(rs, &tables)
	}
	if method >= 0 && !c.dots {
		for _, t := range tables[:n] {
			if ep := c.find(t, method, c.path, c.orig); ep != nil {
				c.ofHost(rs, t)
				c.enter(ep, method)
				return
			}
		}
	}
	c.miss(rs, tables[:n], method)
}

// enter runs an endpoint, or goes on in the mounted engine that it leads to. The
// trees of a mounted engine hold full paths, so that no offset needs correction.
func (c *Ctx) enter(ep *endpoint, method int) {
	rs := ep.mount
	if rs == nil {
		if c.passed != nil {
			c.resume(ep)
			return
		}
		c.run(ep)
		return
	}
	if !c.server.plainPaths || !rs.engine.plainPaths {
		c.raw = unsafestring.String(c.rc.URI().PathOriginal())
		_ = c.prepare(rs.engine) // its escapes are sound: the parent has decoded them
	}
	c.engine = rs.engine
	if method >= usualMethods {
		method = rs.methodIndex(unsafestring.String(c.rc.Request.Header.Method()))
	}
	c.route(rs, method)
}

// find looks a path up in one table, for one method.
func (c *Ctx) find(t *table, method int, path, orig string) *endpoint {
	if method >= len(t.trees) || t.trees[method] == nil {
		return nil
	}
	return t.trees[method].find(path, orig, &c.caps)
}

// hostTables fills tables with those that serve the request's host, the most
// specific first and the one without a host last, and returns their number.
func (c *Ctx) hostTables(rs *routes, tables *[3]*table) int {
	host := c.hostName()
	n := 0
	if t := rs.exact[host]; t != nil {
		tables[n] = t
		n++
	}
	for i := range rs.labels {
		if label, ok := rs.labels[i].match(host); ok {
			c.hostParam, c.hostValue, c.hostTable = rs.labels[i].name, label, rs.labels[i].table
			tables[n] = rs.labels[i].table
			n++
			break
		}
	}
	tables[n] = rs.def
	return n + 1
}

// ofHost forgets the label of the request's host if the table that answers is not
// the one of that label: its routes have no such parameter.
func (c *Ctx) ofHost(rs *routes, t *table) {
	if c.hostParam != "" && t != c.hostTable && (rs.exact != nil || rs.labels != nil) {
		c.hostParam, c.hostValue = "", ""
	}
}

// hostName returns the request's host in lower case, without port and final dot.
// It is a view of the request or of c.hostBuf.
func (c *Ctx) hostName() string {
	host := c.requestHost()
	if i := bytes.LastIndexByte(host, ':'); i >= 0 && bytes.IndexByte(host[i:], ']') < 0 {
		host = host[:i]
	}
	host = bytes.TrimSuffix(host, []byte("."))
	c.hostBuf = foldASCII(c.hostBuf[:0], unsafestring.String(host))
	return unsafestring.String(c.hostBuf)
}

// requestHost returns the host that the request is for: that of an absolute
// target, else that of the Host header (RFC 9112 §3.2.2).
func (c *Ctx) requestHost() []byte {
	if c.absolute {
		return c.rc.URI().Host()
	}
	return c.rc.Request.Header.Host()
}

// miss answers a request that no route serves: 405 and automatic OPTIONS where
// the path exists for other methods, a redirect where it nearly exists, else 404.
func (c *Ctx) miss(rs *routes, tables []*table, method int) {
	if method == methodConnect || method == methodTrace {
		c.answer(tables, c.path, rs.allMethods(), (*fallback).notAllowedEndpoint)
		return
	}
	if !c.dots {
		if allow := c.allowed(tables, c.path, c.orig); allow != 0 {
			c.wrongMethod(tables, c.path, method, allow)
			return
		}
	}
	c.hiddenDots = c.dots && hasEncodedDots(c.raw)
	if rs.engine.set.TrailingSlash == SlashRedirect && c.nearMiss(rs, tables, method) {
		return
	}
	c.answer(tables, c.path, 0, (*fallback).notFoundEndpoint)
}

// wrongMethod answers where the path exists, but not for the method.
func (c *Ctx) wrongMethod(tables []*table, path string, method int, allow uint64) {
	kind := (*fallback).notAllowedEndpoint
	if method == methodOptions {
		kind = (*fallback).optionsEndpoint
	}
	c.answer(tables, path, allow, kind)
}

// nearMiss looks for the path with its dot segments and repeated slashes removed,
// and with its trailing slash added or removed. It answers and returns true if
// there is one: by a redirect, or in place for OPTIONS and upgrades.
func (c *Ctx) nearMiss(rs *routes, tables []*table, method int) bool {
	tidy := c.clean && strings.IndexByte(c.raw, '\\') < 0 // which a Location must not hold
	if tidy && c.raw[len(c.raw)-1] != '/' && !slices.ContainsFunc(tables, func(t *table) bool { return t.any.slash }) {
		return false // the usual 404: no route would take the path with a slash
	}
	clean := c.cleaned[:0]
	if tidy {
		clean = append(clean, c.raw...)
	} else {
		clean = cleanPath(clean, c.raw)
		if unsafestring.String(clean) != c.raw && c.tryNear(rs, tables, method, clean) {
			return true
		}
	}
	switch n := len(clean); {
	case n == 1:
		return false // the root has no other form
	case clean[n-1] == '/':
		clean = clean[:n-1]
	default:
		clean = append(clean, '/')
	}
	return c.tryNear(rs, tables, method, clean)
}

// tryNear answers with the candidate raw path, if a route has it.
func (c *Ctx) tryNear(rs *routes, tables []*table, method int, candidate []byte) bool {
	c.cleaned = candidate
	before := c.raw
	c.setRaw(rs.engine, unsafestring.String(candidate))
	allow := c.allowed(tables, c.path, c.orig)
	switch {
	case allow == 0:
		c.setRaw(rs.engine, before)
		return false
	case method < 0 || allow&(1<<method) == 0:
		c.wrongMethod(tables, c.path, method, allow)
	case method == methodOptions || len(c.rc.Request.Header.Peek(fasthttp.HeaderUpgrade)) > 0:
		c.route(rs, method)
	default:
		c.answer(tables, c.path, 0, (*fallback).redirectEndpoint)
	}
	return true
}

// setRaw makes raw, whose escapes are known to be sound, the path that is matched.
func (c *Ctx) setRaw(e *Engine, raw string) {
	c.raw = raw
	if c.clean && e.plainPaths {
		c.path, c.orig = raw, raw
		return
	}
	_ = c.prepare(e)
}

// countsFiles reports whether a route for files, which matches any name, counts as
// one that has the path.
func (c *Ctx) countsFiles(r *fileRoute, tables []*table, path, orig string) bool {
	return c.passed == nil && !c.hiddenDots && !c.claimed(r, tables, path, orig)
}

// allowed returns the set of methods, a bit each by index, that have a route for
// the path. One lookup in the tree of all methods settles the usual 404.
func (c *Ctx) allowed(tables []*table, path, orig string) (set uint64) {
	for _, t := range tables {
		if !t.inexact && t.any.find(path, orig, &c.caps) == nil {
			continue
		}
		for m, tr := range t.trees {
			if tr == nil {
				continue
			}
			if ep := tr.find(path, orig, &c.caps); ep != nil && (ep.files == nil || c.countsFiles(ep.files, tables, path, orig)) {
				set |= 1 << m
			}
		}
	}
	if set != 0 {
		set |= 1 << methodOptions
	}
	return set
}

// answer runs the endpoint that answers in place of a route, with the middleware
// of the deepest group whose prefix the path has.
func (c *Ctx) answer(tables []*table, path string, allow uint64, kind func(*fallback) *endpoint) {
	from := tables[0]
	fall := from.root
	for _, t := range tables {
		if t.scopes == nil {
			continue
		}
		if ep := t.scopes.find(path, path, &c.caps); ep != nil {
			from, fall = t, ep.scope
			break
		}
	}
	c.ofHost(c.rs, from)
	if allow != 0 {
		c.setAllow(allow)
	}
	if c.passed != nil {
		c.resume(kind(fall))
		return
	}
	c.run(kind(fall))
}

// setAllow sets the Allow header to a set of methods.
func (c *Ctx) setAllow(set uint64) {
	names := c.rs.method
	b := c.hostBuf[:0]
	for ; set != 0; set &= set - 1 {
		if len(b) > 0 {
			b = append(b, ", "...)
		}
		b = append(b, names[bits.TrailingZeros64(set)]...)
	}
	c.hostBuf = b
	c.rc.Response.Header.SetBytesV(fasthttp.HeaderAllow, b)
}

func (f *fallback) notFoundEndpoint() *endpoint   { return f.notFound }
func (f *fallback) notAllowedEndpoint() *endpoint { return f.notAllowed }
func (f *fallback) optionsEndpoint() *endpoint    { return f.options }
func (f *fallback) redirectEndpoint() *endpoint   { return f.redirect }

// allMethods returns the set of methods that have any route at all.
func (rs *routes) allMethods() (set uint64) {
	for m, tr := range rs.def.trees {
		if tr != nil {
			set |= 1 << m
		}
	}
	return set | 1<<methodOptions
}
