//go:build !race && !geistdebug

package bodylimit_test

import (
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/bodylimit"
)

// TestNew_allocatesNothing: with a body and without.
func TestNew_allocatesNothing(t *testing.T) {
	for _, body := range []string{"", "hello"} {
		if n := testing.AllocsPerRun(10_000, passThrough(bodylimit.New(), body)); n != 0 {
			t.Errorf("body %q: allocs = %v, want 0", body, n)
		}
	}
}

// passThrough returns a function that serves one request through middleware.
func passThrough(mw geist.Handler, body string) func() {
	app := newApp(mw)
	app.POST("/", func(c *geist.Ctx) error { return c.Text(200, "hello") })
	h := app.Handler()
	rc := &fasthttp.RequestCtx{}
	rc.Request.Header.SetMethod("POST")
	rc.Request.SetRequestURI("/")
	rc.Request.Header.SetHost("example.com")
	rc.Request.SetBodyString(body)
	rc.Request.Header.SetContentLength(len(body))
	return func() {
		rc.Response.Reset()
		h(rc)
	}
}

func BenchmarkNew(b *testing.B) {
	for name, mw := range map[string]geist.Handler{
		"none":    func(c *geist.Ctx) error { return c.Next() },
		"limited": bodylimit.New(),
	} {
		b.Run(name, func(b *testing.B) {
			serve := passThrough(mw, "hello")
			b.ReportAllocs()
			for b.Loop() {
				serve()
			}
		})
	}
}
