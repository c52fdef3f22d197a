//go:build !race && !geistdebug

package ratelimit_test

import (
	"net"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/ratelimit"
	"github.com/gogeist/geist/store"
)

// TestNew_allocatesNothing: with clients of both families; the address as a string is the arena's.
func TestNew_allocatesNothing(t *testing.T) {
	for _, addr := range []string{"192.0.2.1", "2001:db8:1:2:3:4:5:6"} {
		if n := testing.AllocsPerRun(10_000, passThrough(limited(), addr)); n != 0 {
			t.Errorf("%s: allocs = %v, want 0", addr, n)
		}
	}
}

func limited() geist.Handler {
	return ratelimit.New(ratelimit.Config{Limit: store.Limit{Rate: 1e9, Burst: 1e6}})
}

// passThrough returns a function that serves one request through middleware.
func passThrough(mw geist.Handler, addr string) func() {
	app := newApp(mw)
	h := app.Handler()
	rc := &fasthttp.RequestCtx{}
	rc.SetRemoteAddr(&net.TCPAddr{IP: net.ParseIP(addr), Port: 1234})
	rc.Request.SetRequestURI("/")
	rc.Request.Header.SetHost("example.com")
	return func() {
		rc.Response.Reset()
		h(rc)
	}
}

func BenchmarkNew(b *testing.B) {
	for _, bb := range []struct {
		name string
		mw   geist.Handler
		addr string
	}{
		{"none", func(c *geist.Ctx) error { return c.Next() }, "192.0.2.1"},
		{"IPv4", limited(), "192.0.2.1"},
		{"IPv6", limited(), "2001:db8:1:2:3:4:5:6"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			serve := passThrough(bb.mw, bb.addr)
			b.ReportAllocs()
			for b.Loop() {
				serve()
			}
		})
	}
}
