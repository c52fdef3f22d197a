// Package cycle serves one request over and over on a connection in memory, for tests that
// count allocations and for benchmarks: nothing but the server's own work is in them.
package cycle

import (
	"io"
	"net"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// warmUp is how many requests fill the pools before anything is counted.
const warmUp = 1000

// Mallocs returns how many allocations serving the request that many times takes, once the
// pools are filled. serve is that of an engine's server, ServeConn.
func Mallocs(tb testing.TB, serve func(net.Conn) error, request string, requests int) int {
	tb.Helper()
	Run(tb, serve, request, warmUp)
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties pools, which is not the request's doing
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	Run(tb, serve, request, requests)
	runtime.ReadMemStats(&after)
	return int(after.Mallocs - before.Mallocs)
}

// Run serves the request that many times, and fails the test if serve fails.
func Run(tb testing.TB, serve func(net.Conn) error, request string, requests int) {
	tb.Helper()
	if err := serve(&conn{request: request, left: requests, addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}}); err != nil {
		tb.Fatal(err)
	}
}

// conn sends the request over and over, and drops what it is sent.
type conn struct {
	request string
	left    int // requests to come
	off     int
	addr    net.Addr // of both ends
}

func (c *conn) Read(p []byte) (int, error) {
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

func (c *conn) Write(p []byte) (int, error)      { return len(p), nil }
func (c *conn) Close() error                     { return nil }
func (c *conn) RemoteAddr() net.Addr             { return c.addr }
func (c *conn) LocalAddr() net.Addr              { return c.addr }
func (c *conn) SetDeadline(time.Time) error      { return nil }
func (c *conn) SetReadDeadline(time.Time) error  { return nil }
func (c *conn) SetWriteDeadline(time.Time) error { return nil }
