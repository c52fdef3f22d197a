//go:build !race && !geistdebug

package keyauth

import (
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
)

// served returns a function that serves one request.
func served(tb testing.TB, conf Config[string]) func() {
	app := geist.New()
	app.Use(New(conf))
	app.GET("/", func(c *geist.Ctx) error {
		name, _ := From[string](c)
		return c.Text(200, name)
	})
	serve := app.Handler()
	var rc fasthttp.RequestCtx
	var request fasthttp.Request
	request.SetRequestURI("/")
	request.Header.SetHost("localhost")
	request.Header.Set("X-API-Key", adasKey)
	rc.Init(&request, nil, nil)
	return func() {
		rc.Response.Reset()
		serve(&rc)
		if rc.Response.StatusCode() != 200 {
			tb.Fatalf("status %d, want 200", rc.Response.StatusCode())
		}
	}
}

func cached() Config[string] {
	return Config[string]{
		Verify: Static(map[string]string{"ada": adasKey}), Sources: []Source{Header("X-API-Key")}, CacheFor: time.Hour,
	}
}

func TestNew_cachedAllocatesNothing(t *testing.T) {
	serve := served(t, cached())
	serve()
	if n := testing.AllocsPerRun(1000, serve); n != 0 {
		t.Errorf("allocs = %v, want 0", n)
	}
}

func BenchmarkNew(b *testing.B) {
	serve := served(b, cached())
	serve()
	b.ReportAllocs()
	for b.Loop() {
		serve()
	}
}
