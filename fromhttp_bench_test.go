package geist

import (
	"io"
	"net"
	"net/http"
	"runtime"
	"testing"
)

// quiet is a handler of net/http that sets a field and a short body.
func quietHandler(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	_, _ = io.WriteString(w, "hello")
}

const bridgeRequest = "GET /plain HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: x\r\nAccept: */*\r\n\r\n"

// oneConn is a listener with one connection.
type oneConn struct {
	c    chan net.Conn
	done chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	c, ok := <-l.c
	if !ok {
		return nil, io.EOF
	}
	return c, nil
}
func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

// BenchmarkCycle_fromHTTP compares a handler of net/http in its own server with the
// same in geist; by geist's own handler, what the bridge costs.
func BenchmarkCycle_fromHTTP(b *testing.B) {
	geistServer := func(h Handler) func(b *testing.B) {
		return func(b *testing.B) {
			app := New()
			app.GET("/plain", h)
			srv := app.Server()
			b.ReportAllocs()
			c := &memConn{in: []byte(bridgeRequest), n: b.N}
			if err := srv.ServeConn(c); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("geist", geistServer(func(c *Ctx) error { return c.Text(200, "hello") }))
	b.Run("fromHTTP", geistServer(FromHTTP(http.HandlerFunc(quietHandler))))
	b.Run("middleware", func(b *testing.B) {
		app := New()
		app.Use(FromHTTPMiddleware(func(next http.Handler) http.Handler { return next }))
		app.GET("/plain", func(c *Ctx) error { return c.Text(200, "hello") })
		srv := app.Server()
		b.ReportAllocs()
		if err := srv.ServeConn(&memConn{in: []byte(bridgeRequest), n: b.N}); err != nil {
			b.Fatal(err)
		}
	})
	b.Run("netHTTP", func(b *testing.B) {
		l := &oneConn{c: make(chan net.Conn, 1)}
		conn := &closeConnBench{memConn: memConn{in: []byte(bridgeRequest), n: b.N}, closed: make(chan struct{})}
		l.c <- conn
		srv := &http.Server{Handler: http.HandlerFunc(quietHandler)} //nolint:gosec // no client
		go func() { <-conn.closed; close(l.c) }()
		b.ReportAllocs()
		_ = srv.Serve(l)
	})
	runtime.KeepAlive(b)
}

// closeConnBench tells when it is closed.
type closeConnBench struct {
	memConn
	closed chan struct{}
}

func (c *closeConnBench) Close() error {
	select {
	case <-c.closed:
	default:
		close(c.closed)
	}
	return nil
}
