//go:build !race && !geistdebug

package csrf_test

import (
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/csrf"
)

// cycle returns a function that serves a request in memory, without what a server adds.
func cycle(tb testing.TB, mw geist.Handler, method string, header ...string) func() {
	tb.Helper()
	h := served(mw).Handler()
	rc := new(fasthttp.RequestCtx)
	rc.Request.Header.SetMethod(method)
	rc.Request.SetRequestURI("/")
	rc.Request.Header.SetHost("example.com")
	for i := 0; i < len(header); i += 2 {
		rc.Request.Header.Set(header[i], header[i+1])
	}
	serve := func() {
		rc.Response.Reset()
		h(rc)
	}
	if serve(); rc.Response.StatusCode() != 200 {
		tb.Fatalf("status = %d, want 200", rc.Response.StatusCode())
	}
	return serve
}

func TestNew_allocatesNothing(t *testing.T) {
	trusting := csrf.New(csrf.Config{TrustedOrigins: []string{"https://app.example.org"}})
	for _, tt := range []struct {
		name   string
		mw     geist.Handler
		method string
		header []string
	}{
		{"GET", csrf.New(), "GET", nil},
		{"GET, with tokens", csrf.New(withTokens), "GET", nil},
		{"no browser", csrf.New(), "POST", nil},
		{"fetch metadata", csrf.New(), "POST", []string{"Sec-Fetch-Site", "same-origin", "Origin", "https://example.com"}},
		{"origin", csrf.New(), "POST", []string{"Origin", "https://example.com"}},
		{"trusted", trusting, "POST", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://app.example.org"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if n := testing.AllocsPerRun(1000, cycle(t, tt.mw, tt.method, tt.header...)); n != 0 {
				t.Errorf("allocs = %v, want 0", n)
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	for _, bb := range []struct {
		name string
		mw   geist.Handler
	}{{"without", func(c *geist.Ctx) error { return c.Next() }}, {"fetch metadata", csrf.New()}} {
		b.Run(bb.name, func(b *testing.B) {
			serve := cycle(b, bb.mw, "POST", "Sec-Fetch-Site", "same-origin", "Origin", "https://example.com")
			b.ReportAllocs()
			for b.Loop() {
				serve()
			}
		})
	}
}
