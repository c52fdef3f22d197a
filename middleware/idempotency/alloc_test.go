//go:build !race && !geistdebug

package idempotency_test

import (
	"io"
	"net"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/idempotency"
)

// loopConn is a connection in memory that sends one request over and over.
type loopConn struct {
	net.Conn
	request string
	left    int // requests to come
	off     int
}

func (c *loopConn) Read(p []byte) (int, error) {
	if c.off == 0 && c.left == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.request[c.off:])
	if c.off += n; c.off == len(c.request) {
		c.off = 0
		c.left--
	}
	return n, nil
}

func (c *loopConn) Write(p []byte) (int, error)      { return len(p), nil }
func (c *loopConn) Close() error                     { return nil }
func (c *loopConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *loopConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *loopConn) SetDeadline(time.Time) error      { return nil }
func (c *loopConn) SetReadDeadline(time.Time) error  { return nil }
func (c *loopConn) SetWriteDeadline(time.Time) error { return nil }

// serving returns a function that sends a request so many times.
func serving(tb testing.TB, app *geist.Engine, request string) func(n int) {
	srv := app.Server()
	return func(n int) {
		if err := srv.ServeConn(&loopConn{request: request, left: n}); err != nil {
			tb.Fatal(err)
		}
	}
}

// TestNew_allocs: requests without a key, and those of other methods, allocate nothing.
func TestNew_allocs(t *testing.T) {
	const requests = 100_000
	s := &service{Engine: quiet()}
	s.Use(idempotency.New(idempotency.Config{Scope: byUser}))
	s.GET("/text", func(c *geist.Ctx) error { return c.Text(200, "") })
	s.POST("/text", func(c *geist.Ctx) error { return c.Text(200, "") })
	for _, line := range []string{"GET /text", "POST /text", "POST /nowhere"} {
		run := serving(t, s.Engine, line+" HTTP/1.1\r\nHost: a\r\n\r\n")
		run(1000)
		gc := debug.SetGCPercent(-1) // a collection empties pools, which is not the request's doing
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		run(requests)
		runtime.ReadMemStats(&after)
		debug.SetGCPercent(gc)
		if got := after.Mallocs - before.Mallocs; got > requests/100 {
			t.Errorf("%s: mallocs over %d requests = %d, want at most 1 %%", line, requests, got)
		}
	}
}
