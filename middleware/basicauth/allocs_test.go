//go:build !race && !geistdebug

package basicauth

import (
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
)

// served returns a function that serves one request with cached credentials.
func served(tb testing.TB) func() {
	app := geist.New()
	app.Use(New(Config{Users: map[string]string{"ada": sleepy}}))
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "ok") })
	serve := app.Handler()
	var rc fasthttp.RequestCtx
	var request fasthttp.Request
	request.SetRequestURI("/")
	request.Header.SetHost("localhost")
	request.Header.Set("Authorization", basic("ada:secret"))
	rc.Init(&request, nil, nil)
	return func() {
		rc.Response.Reset()
		serve(&rc)
		if rc.Response.StatusCode() != 200 {
			tb.Fatalf("status %d, want 200", rc.Response.StatusCode())
		}
	}
}

func TestNew_cachedAllocatesNothing(t *testing.T) {
	serve := served(t)
	serve()
	if n := testing.AllocsPerRun(1000, serve); n != 0 {
		t.Errorf("allocs = %v, want 0", n)
	}
}

func BenchmarkNew(b *testing.B) {
	serve := served(b)
	serve()
	b.ReportAllocs()
	for b.Loop() {
		serve()
	}
}
