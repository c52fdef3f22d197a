//go:build !race && !geistdebug

package secure_test

import (
	"crypto/tls"
	"net"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/secure"
)

// tlsConn is a connection that says that it speaks TLS.
type tlsConn struct{ net.Conn }

func (tlsConn) ConnectionState() tls.ConnectionState { return tls.ConnectionState{} }
func (tlsConn) Handshake() error                     { return nil }
func (tlsConn) RemoteAddr() net.Addr                 { return nil }

// cycle returns a function that serves a request in memory, without what a server adds.
func cycle(tb testing.TB, mw geist.Handler, overTLS bool) func() {
	tb.Helper()
	h := served(mw).Handler()
	rc := new(fasthttp.RequestCtx)
	if overTLS {
		rc.Init2(tlsConn{}, nil, true)
	}
	rc.Request.SetRequestURI("/")
	rc.Request.Header.SetHost("example.com")
	serve := func() {
		rc.Response.Reset()
		h(rc)
	}
	if serve(); rc.Response.StatusCode() != 200 || overTLS != rc.IsTLS() {
		tb.Fatalf("status = %d, TLS %v", rc.Response.StatusCode(), rc.IsTLS())
	}
	return serve
}

func TestNew_allocatesNothing(t *testing.T) {
	mw := secure.New(secure.Config{ContentSecurityPolicy: "default-src 'self'", PermissionsPolicy: "camera=()"})
	for name, overTLS := range map[string]bool{"plain": false, "TLS": true} {
		if n := testing.AllocsPerRun(1000, cycle(t, mw, overTLS)); n != 0 {
			t.Errorf("%s: allocs = %v, want 0", name, n)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for _, bb := range []struct {
		name string
		mw   geist.Handler
	}{
		{"without", func(c *geist.Ctx) error { return c.Next() }},
		{"defaults", secure.New()},
		{"nonce", secure.New(secure.Config{ContentSecurityPolicy: "script-src 'nonce-{nonce}'"})},
	} {
		b.Run(bb.name, func(b *testing.B) {
			serve := cycle(b, bb.mw, true)
			b.ReportAllocs()
			for b.Loop() {
				serve()
			}
		})
	}
}
