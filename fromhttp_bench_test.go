package geist

import (
	"io"
	"net"
	"net/http"
	"runtime"
	"testing"
)

// quietHandler is a handler of net/http that sets a field and a short body.
func quietHandler(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	_, _ = io.WriteString(w, "hello")
}

const bridgeRequest = "GET /plain HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: x\r\nAccept: */*\r\n\r\n"

// oneConn is a listener with one connection.
type oneConn struct{ c chan net.Conn }

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
		b.ReportAllocs()
		serveStd(&memConn{in: []byte(bridgeRequest), n: b.N})
	})
}

// closeConnBench tells when it is closed.
type closeConnBench struct {
	*memConn
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

// TestFromHTTP_allocations: at most two allocations more than net/http itself.
func TestFromHTTP_allocations(t *testing.T) {
	if debugCtx {
		t.Skip("debug builds allocate a Ctx each time")
	}
	const n = 20_000
	app := New()
	app.GET("/plain", FromHTTP(http.HandlerFunc(quietHandler)))
	own := app.Server()
	bridged := mallocs(func() {
		if err := own.ServeConn(&memConn{in: []byte(bridgeRequest), n: n}); err != nil {
			t.Error(err)
		}
	})
	std := mallocs(func() { serveStd(&memConn{in: []byte(bridgeRequest), n: n}) })
	if bridged > std+2*n {
		t.Errorf("%.1f allocations a request, net/http %.1f", float64(bridged)/n, float64(std)/n)
	}
}

// mallocs returns the number of allocations of f, and of what runs beside it.
func mallocs(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs
}

// serveStd serves the requests of one connection by net/http.
func serveStd(c *memConn) {
	l := &oneConn{c: make(chan net.Conn, 1)}
	conn := &closeConnBench{memConn: c, closed: make(chan struct{})}
	l.c <- conn
	srv := &http.Server{Handler: http.HandlerFunc(quietHandler)} //nolint:gosec // no client
	go func() { <-conn.closed; close(l.c) }()
	_ = srv.Serve(l)
}
