package scenes

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/bench/peers"
	"github.com/gogeist/geist/bench/tables"
)

// A driver calls an application without a server: requests are parsed before,
// answers are thrown away. What a server would reset between two requests is
// reset for each, no more.
type driver interface {
	// one serves request i and returns the status.
	one(i int) int
	// run serves n requests, going round.
	run(n int)
}

// newDriver returns the driver for the kind of application.
func newDriver(a peers.App, reqs []tables.Request) (driver, error) {
	switch {
	case a.HTTP != nil:
		return newHTTPDriver(a.HTTP, reqs)
	case a.Hertz != nil:
		return newHertzDriver(a.Hertz, reqs), nil
	default:
		return newFastDriver(a.Fast, reqs)
	}
}

// check asks for every request once and compares what the handler has recorded.
func check(d driver, sink *peers.Sink, t tables.Table, reqs []tables.Request) error {
	for i, r := range reqs {
		*sink = peers.Sink{Route: -1}
		status := d.one(i)
		if sink.Route < 0 && sink.Pattern == t.Routes[r.Route].Pattern {
			sink.Route = r.Route
		}
		if err := compare(sink, r); err != nil {
			return fmt.Errorf("%w (status %d)", err, status)
		}
	}
	return nil
}

func compare(sink *peers.Sink, r tables.Request) error {
	if sink.Route != r.Route {
		return fmt.Errorf("%s %s ran route %d, want %d", r.Method, r.Path, sink.Route, r.Route)
	}
	if got := sink.Values[:sink.N]; !slices.Equal(got, r.Values) {
		return fmt.Errorf("%s %s read %q, want %q", r.Method, r.Path, got, r.Values)
	}
	return nil
}

// ---- net/http

type httpDriver struct {
	h    http.Handler
	reqs []*http.Request
	w    nopWriter
	next int
}

func newHTTPDriver(h http.Handler, reqs []tables.Request) (driver, error) {
	d := &httpDriver{h: h, w: nopWriter{header: http.Header{}}}
	for _, r := range reqs {
		req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(r.Bytes())))
		if err != nil {
			return nil, err
		}
		d.reqs = append(d.reqs, req)
	}
	return d, nil
}

func (d *httpDriver) one(i int) int {
	d.w.reset()
	d.h.ServeHTTP(&d.w, d.reqs[i])
	return d.w.status
}

func (d *httpDriver) run(n int) {
	for range n {
		d.one(d.next)
		if d.next++; d.next == len(d.reqs) {
			d.next = 0
		}
	}
}

// nopWriter is an http.ResponseWriter that throws the answer away.
type nopWriter struct {
	header http.Header
	status int
}

func (w *nopWriter) Header() http.Header { return w.header }
func (w *nopWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return len(p), nil
}

func (w *nopWriter) WriteString(s string) (int, error) {
	w.WriteHeader(http.StatusOK)
	return len(s), nil
}

func (w *nopWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *nopWriter) reset() {
	w.status = 0
	if len(w.header) > 0 {
		clear(w.header)
	}
}

// ---- fasthttp

type fastDriver struct {
	h    fasthttp.RequestHandler
	ctxs []*fasthttp.RequestCtx
	next int
}

func newFastDriver(h fasthttp.RequestHandler, reqs []tables.Request) (driver, error) {
	d := &fastDriver{h: h}
	for _, r := range reqs {
		var req fasthttp.Request
		if err := req.Read(bufio.NewReader(bytes.NewReader(r.Bytes()))); err != nil {
			return nil, err
		}
		ctx := &fasthttp.RequestCtx{}
		ctx.Init(&req, nil, nil)
		ctx.Path() // parses the URI, as net/http's requests have it parsed
		d.ctxs = append(d.ctxs, ctx)
	}
	return d, nil
}

func (d *fastDriver) one(i int) int {
	ctx := d.ctxs[i]
	// The buffer goes to fasthttp's pool, since this is no server's Response, which keeps it. The pool lets go
	// of those that are longer than most: the bodies of errors count two or three allocations at times.
	ctx.Response.Reset()
	ctx.ResetUserValues()
	d.h(ctx)
	return ctx.Response.StatusCode()
}

func (d *fastDriver) run(n int) {
	for range n {
		d.one(d.next)
		if d.next++; d.next == len(d.ctxs) {
			d.next = 0
		}
	}
}

// ---- hertz

type hertzDriver struct {
	serve func(context.Context, *app.RequestContext)
	ctxs  []*app.RequestContext
	next  int
}

func newHertzDriver(h *peers.Hertz, reqs []tables.Request) driver {
	d := &hertzDriver{serve: h.Serve}
	for _, r := range reqs {
		c := h.NewContext()
		c.Request.SetMethod(r.Method)
		c.Request.SetRequestURI(r.Path)
		c.Request.Header.SetHost("api.example.com")
		c.Request.URI().Path()
		d.ctxs = append(d.ctxs, c)
	}
	return d
}

func (d *hertzDriver) one(i int) int {
	c := d.ctxs[i]
	c.Response.Reset()
	c.Params = c.Params[:0]
	c.SetIndex(-1)
	d.serve(context.Background(), c)
	return c.Response.StatusCode()
}

func (d *hertzDriver) run(n int) {
	for range n {
		d.one(d.next)
		if d.next++; d.next == len(d.ctxs) {
			d.next = 0
		}
	}
}

// ---- the router alone

type lookupDriver struct {
	lookup func(method, path string, s *peers.Sink) bool
	sink   *peers.Sink
	reqs   []tables.Request
	next   int
}

func (d *lookupDriver) one(i int) int {
	if d.lookup(d.reqs[i].Method, d.reqs[i].Path, d.sink) {
		return http.StatusOK
	}
	return http.StatusNotFound
}

func (d *lookupDriver) run(n int) {
	for range n {
		d.one(d.next)
		if d.next++; d.next == len(d.reqs) {
			d.next = 0
		}
	}
}
