package monitor_test

import (
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/monitor"
)

// BenchmarkNew is a request without and with the monitor; the difference is its cost.
func BenchmarkNew(b *testing.B) {
	pass := func(c *geist.Ctx) error { return c.Next() }
	for _, bm := range []struct {
		name string
		mw   geist.Handler
	}{{"empty", pass}, {"counted", monitor.New().Handler()}} {
		b.Run(bm.name, func(b *testing.B) {
			app := geist.New()
			app.Use(bm.mw)
			app.GET("/users/:id", func(*geist.Ctx) error { return nil })
			serve := app.Handler()
			rc := new(fasthttp.RequestCtx)
			rc.Init(&fasthttp.Request{}, nil, nil)
			rc.Request.Header.SetMethod("GET")
			rc.Request.SetRequestURI("/users/7")
			rc.Request.Header.SetHost("localhost")
			b.ReportAllocs()
			for b.Loop() {
				serve(rc)
			}
		})
	}
}
