//go:build !race && !geistdebug

package geist_test

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/gogeist/geist"
)

// onceListener accepts one connection, and ends with it.
type onceListener struct {
	conn net.Conn
	once sync.Once
	done chan struct{}
}

func (l *onceListener) Accept() (conn net.Conn, err error) {
	err = io.EOF
	l.once.Do(func() { conn, err = l.conn, nil })
	if err != nil {
		<-l.done
	}
	return conn, err
}

func (l *onceListener) Close() error   { return nil }
func (l *onceListener) Addr() net.Addr { return loopAddr }

// endingConn tells when the server is done with it.
type endingConn struct {
	*loopConn
	done chan struct{}
}

func (c endingConn) Close() error { close(c.done); return nil }

// serveLoopConn serves n times the same request on a connection of the engine's own.
func serveLoopConn(b testing.TB, app *geist.Engine, request string, n int) {
	l := &onceListener{done: make(chan struct{})}
	l.conn = endingConn{&loopConn{request: request, left: n}, l.done}
	_ = app.Serve(l) // ends with io.EOF
	if err := shutdownNow(app); err != nil {
		b.Error(err)
	}
}

func shutdownNow(app *geist.Engine) error {
	ctx, cancel := timeoutContext(patience)
	defer cancel()
	return app.Shutdown(ctx)
}

// BenchmarkBody_cycle: what requests with bodies and without cost on connections of the
// engine's own.
func BenchmarkBody_cycle(b *testing.B) {
	for _, size := range []int{-1, 0, 32, 1 << 10, 16 << 10, 256 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			app := geist.New(geist.Config{DrainIdle: -1})
			var v struct{ Name string }
			app.GET("/x", func(c *geist.Ctx) error { return c.Text(200, "x") })
			app.POST("/x", func(c *geist.Ctx) error {
				if size == 32 {
					if err := c.Bind(&v); err != nil {
						return err
					}
				} else if len(c.Body()) != size {
					return geist.NewError(400, "no")
				}
				return c.Text(200, "x")
			})
			request := "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
			if size >= 0 {
				body := strings.Repeat("b", size)
				if size == 32 {
					body = `{"name":"thirty-two bytes long"}`
				}
				request = fmt.Sprintf("POST /x HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", size, body)
			}
			b.ReportAllocs()
			serveLoopConn(b, app, request, b.N)
		})
	}
}

// TestBody_allocs: neither a short body nor the reader of a longer one is allocated for a
// request.
func TestBody_allocs(t *testing.T) {
	const requests = 20000
	for size, most := range map[int]float64{-1: 0, 0: 0, 1 << 10: 0, 8 << 10: 0, 16 << 10: 0} {
		app := geist.New(geist.Config{DrainIdle: -1})
		app.GET("/x", func(c *geist.Ctx) error { return c.Text(200, "x") })
		app.POST("/x", func(c *geist.Ctx) error {
			if len(c.Body()) != size {
				return geist.NewError(400, "no")
			}
			return c.Text(200, "x")
		})
		request := "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
		if size >= 0 {
			request = fmt.Sprintf("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("b", size))
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		serveLoopConn(t, app, request, requests)
		runtime.ReadMemStats(&after)
		// Starting and stopping the server takes some hundred.
		if got := float64(after.Mallocs-before.Mallocs)/requests - most; got > 0.05 {
			t.Errorf("a body of %d bytes: %.2f allocations a request beyond %.0f", size, got, most)
		}
	}
}

// TestBody_largeIsReused: a connection keeps no large buffer, and yet large bodies and answers
// are not allocated anew each time.
func TestBody_largeIsReused(t *testing.T) {
	const size, requests = 1 << 20, 300
	app := geist.New(geist.Config{DrainIdle: -1})
	app.POST("/x", func(c *geist.Ctx) error { return c.Bytes(200, "text/plain", c.Body()) })
	request := fmt.Sprintf("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("b", size))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	serveLoopConn(t, app, request, requests)
	runtime.ReadMemStats(&after)
	// Each collection of garbage may drop some.
	if got := (after.TotalAlloc - before.TotalAlloc) / requests; got > size/8 {
		t.Errorf("%d bytes are allocated a request, want less than an eighth of the body", got)
	}
}
