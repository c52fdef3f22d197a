//go:build !race && !geistdebug

package timeout_test

import (
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/timeout"
)

// TestNew_allocatesNothing: for a handler that does not ask for its context.
func TestNew_allocatesNothing(t *testing.T) {
	serve := passThrough(timeout.New())
	if n := testing.AllocsPerRun(10_000, serve); n != 0 {
		t.Errorf("allocs = %v, want 0", n)
	}
}

// passThrough returns a function that serves one request through middleware.
func passThrough(mw geist.Handler) func() {
	app := newApp(mw)
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "hello") })
	h := app.Handler()
	rc := &fasthttp.RequestCtx{}
	rc.Request.SetRequestURI("/")
	rc.Request.Header.SetHost("example.com")
	return func() {
		rc.Response.Reset()
		h(rc)
	}
}

func BenchmarkNew(b *testing.B) {
	for name, mw := range map[string]geist.Handler{
		"none": func(c *geist.Ctx) error { return c.Next() },
		"soft": timeout.New(),
		"hard": timeout.New(timeout.Config{Hard: true}),
	} {
		b.Run(name, func(b *testing.B) {
			serve := passThrough(mw)
			b.ReportAllocs()
			for b.Loop() {
				serve()
			}
		})
	}
}
