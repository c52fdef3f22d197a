//go:build !race && !geistdebug

package concurrency_test

import (
	"log/slog"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/concurrency"
)

// TestNew_allocatesNothing: where nobody waits.
func TestNew_allocatesNothing(t *testing.T) {
	for name, mw := range map[string]geist.Handler{"one limit": limited(), "by key": byKey()} {
		if n := testing.AllocsPerRun(10_000, passThrough(mw)); n != 0 {
			t.Errorf("%s: allocs = %v, want 0", name, n)
		}
	}
}

func limited() geist.Handler { return concurrency.New(concurrency.Config{Limit: 100}) }

func byKey() geist.Handler {
	return concurrency.New(concurrency.Config{Limit: 100, Key: func(c *geist.Ctx) string { return c.Header("X-User") }})
}

// passThrough returns a function that serves one request through middleware.
func passThrough(mw geist.Handler) func() {
	app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler)})
	app.Use(mw)
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "hello") })
	h := app.Handler()
	rc := &fasthttp.RequestCtx{}
	rc.Request.SetRequestURI("/")
	rc.Request.Header.SetHost("example.com")
	rc.Request.Header.Set("X-User", "ada")
	return func() {
		rc.Response.Reset()
		h(rc)
	}
}

func BenchmarkNew(b *testing.B) {
	for name, mw := range map[string]geist.Handler{
		"none":    func(c *geist.Ctx) error { return c.Next() },
		"limited": limited(),
		"by key":  byKey(),
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
