package geist

import (
	"bytes"
	"github.com/valyala/fasthttp"
	"io"
	"net"
	"testing"
	"time"
)

type memConn struct {
	net.Conn
	in  []byte
	off int
	n   int
	out *bytes.Buffer
	w   int
}

func (c *memConn) Read(p []byte) (int, error) {
	if c.off == len(c.in) {
		if c.n == 0 {
			return 0, io.EOF
		}
		c.n--
		c.off = 0
	}
	k := copy(p, c.in[c.off:])
	c.off += k
	return k, nil
}
func (c *memConn) Write(p []byte) (int, error) {
	c.w += len(p)
	if c.out != nil {
		c.out.Write(p)
	}
	return len(p), nil
}
func (c *memConn) Close() error                     { return nil }
func (c *memConn) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
func (c *memConn) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
func (c *memConn) SetDeadline(time.Time) error      { return nil }
func (c *memConn) SetReadDeadline(time.Time) error  { return nil }
func (c *memConn) SetWriteDeadline(time.Time) error { return nil }

func BenchmarkCycle(b *testing.B) {
	run := func(b *testing.B, s *fasthttp.Server) {
		b.ReportAllocs()
		c := &memConn{in: []byte("GET /plain HTTP/1.1\r\nHost: localhost:8080\r\n\r\n"), n: b.N}
		if err := s.ServeConn(c); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("raw", func(b *testing.B) {
		run(b, &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
			ctx.Response.Header.SetContentType("text/plain; charset=utf-8")
			ctx.Response.SetBodyString("hello")
		}, NoDefaultServerHeader: true, ReadTimeout: time.Second, WriteTimeout: time.Second})
	})
	b.Run("geist", func(b *testing.B) {
		app := New()
		app.GET("/plain", func(c *Ctx) error { return c.Text(200, "hello") })
		run(b, app.Server())
	})
	b.Run("geist5", func(b *testing.B) {
		app := New()
		for range 5 {
			app.Use(func(c *Ctx) error { return c.Next() })
		}
		app.GET("/plain", func(c *Ctx) error { return c.Text(200, "hello") })
		run(b, app.Server())
	})
}

func BenchmarkHandler(b *testing.B) {
	prepare := func() *fasthttp.RequestCtx {
		var req fasthttp.Request
		req.Header.SetMethod("GET")
		req.SetRequestURI("/plain")
		req.Header.SetHost("localhost:8080")
		var rc fasthttp.RequestCtx
		rc.Init(&req, nil, nil)
		rc.Request.Header.SetProtocol("HTTP/1.1")
		rc.URI()
		return &rc
	}
	b.Run("raw", func(b *testing.B) {
		rc := prepare()
		h := func(ctx *fasthttp.RequestCtx) {
			ctx.Response.Header.SetContentType("text/plain; charset=utf-8")
			ctx.Response.SetBodyString("hello")
		}
		for b.Loop() {
			h(rc)
		}
	})
	b.Run("geist", func(b *testing.B) {
		app := New()
		app.GET("/plain", func(c *Ctx) error { return c.Text(200, "hello") })
		h := app.Handler()
		rc := prepare()
		for b.Loop() {
			h(rc)
		}
	})
}
