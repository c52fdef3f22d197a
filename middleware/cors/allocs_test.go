//go:build !race && !geistdebug

package cors_test

import (
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/cors"
)

// cycle returns a function that serves a request in memory, without what a server adds.
func cycle(tb testing.TB, mw geist.Handler, status int, method string, header ...string) func() {
	tb.Helper()
	app := geist.New(geist.Config{MaxHeaderBytes: 200 << 10})
	app.Use(mw)
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "hello") })
	h := app.Handler()
	rc := new(fasthttp.RequestCtx)
	rc.Request.Header.SetMethod(method)
	rc.Request.SetRequestURI("/")
	rc.Request.Header.SetHost("localhost")
	for i := 0; i < len(header); i += 2 {
		rc.Request.Header.Set(header[i], header[i+1])
	}
	serve := func() {
		rc.Response.Reset()
		h(rc)
	}
	if serve(); rc.Response.StatusCode() != status {
		tb.Fatalf("status = %d, want %d", rc.Response.StatusCode(), status)
	}
	return serve
}

var allocConfig = cors.Config{
	AllowOrigins: []string{app1, "https://*.example.org"}, AllowCredentials: true, ExposeHeaders: []string{"ETag"},
}

func TestNew_allocatesNothing(t *testing.T) {
	for _, tt := range []struct {
		name   string
		mw     geist.Handler
		method string
		header []string
		status int
	}{
		{"any origin", cors.New(), "GET", []string{"Origin", app1}, 200},
		{"no origin", cors.New(allocConfig), "GET", nil, 200},
		{"exact", cors.New(allocConfig), "GET", []string{"Origin", app1}, 200},
		{"below", cors.New(allocConfig), "GET", []string{"Origin", "https://a.b.example.org"}, 200},
		{"other", cors.New(allocConfig), "GET", []string{"Origin", "https://evil.example"}, 200},
		{"preflight", cors.New(allocConfig), "OPTIONS", []string{"Origin", app1, "Access-Control-Request-Method", "PUT"}, 204},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if n := testing.AllocsPerRun(1000, cycle(t, tt.mw, tt.status, tt.method, tt.header...)); n != 0 {
				t.Errorf("allocs = %v, want 0", n)
			}
		})
	}
}

// A long list of asked fields costs no memory.
func TestCVE_2025_47908_allocations(t *testing.T) {
	serve := cycle(t, cors.New(allocConfig), 204, "OPTIONS", "Origin", app1, "Access-Control-Request-Method", "PUT",
		"Access-Control-Request-Headers", strings.Repeat(",", 100_000))
	if n := testing.AllocsPerRun(100, serve); n != 0 {
		t.Errorf("allocs = %v, want 0", n)
	}
}

func BenchmarkNew(b *testing.B) {
	for _, bb := range []struct {
		name string
		mw   geist.Handler
	}{{"without", func(c *geist.Ctx) error { return c.Next() }}, {"any", cors.New()}, {"exact", cors.New(allocConfig)}} {
		b.Run(bb.name, func(b *testing.B) {
			serve := cycle(b, bb.mw, 200, "GET", "Origin", app1)
			b.ReportAllocs()
			for b.Loop() {
				serve()
			}
		})
	}
}
