//go:build !race && !geistdebug

package hostauth_test

import (
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/hostauth"
)

// cycle returns a function that serves a request in memory, without what a server adds.
func cycle(tb testing.TB, mw geist.Handler, host string) func() {
	tb.Helper()
	h := served(mw).Handler()
	rc := new(fasthttp.RequestCtx)
	rc.Request.SetRequestURI("/")
	rc.Request.Header.SetHost(host)
	serve := func() {
		rc.Response.Reset()
		h(rc)
	}
	if serve(); rc.Response.StatusCode() != 200 {
		tb.Fatalf("status = %d, want 200", rc.Response.StatusCode())
	}
	return serve
}

// The host is a string of the Ctx, which costs an allocation for every 2 KiB of them.
func TestNew_allocatesNothing(t *testing.T) {
	mw := hostauth.New(hostauth.Config{AllowHosts: []string{"example.com", "*.example.org"}})
	for _, host := range []string{"example.com", "a.example.org:8080"} {
		if n := testing.AllocsPerRun(1000, cycle(t, mw, host)); n != 0 {
			t.Errorf("host %s: allocs = %v, want 0", host, n)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for _, bb := range []struct {
		name string
		mw   geist.Handler
	}{
		{"without", func(c *geist.Ctx) error { return c.Next() }},
		{"below", hostauth.New(hostauth.Config{AllowHosts: []string{"example.com", "*.example.org"}})},
	} {
		b.Run(bb.name, func(b *testing.B) {
			serve := cycle(b, bb.mw, "a.example.org")
			b.ReportAllocs()
			for b.Loop() {
				serve()
			}
		})
	}
}
