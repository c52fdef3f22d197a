package geisttest

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/gogeist/geist"
)

// Defaults of [Config].
const (
	// DefaultTimeout is the default of Config.Timeout: 10 seconds.
	DefaultTimeout = 10 * time.Second
	// DefaultHost is the default of Config.Host.
	DefaultHost = "example.com"
	// DefaultRemoteAddr is the default of Config.RemoteAddr: an address of TEST-NET-1 (RFC 5737).
	DefaultRemoteAddr = "192.0.2.1"
)

// Config holds the settings of a [Client]. The zero Config is what most tests want.
type Config struct {
	// Timeout bounds one request, from dialling to the last byte of the body; a handler that
	// hangs then fails the test with its route and its stack. It also bounds the wait for handlers
	// at the end of the test. Zero means 10s; negative disables it.
	Timeout time.Duration

	// Host is the Host header of requests that set none. Empty means example.com.
	Host string

	// RemoteAddr is the address that requests come from unless they say another; see
	// [Request.RemoteAddr]. Empty means 192.0.2.1.
	RemoteAddr string

	// TLS talks TLS over the in-memory connection, with a throwaway certificate that the client does
	// not verify: Ctx.Scheme is then https.
	TLS bool

	// Jar keeps the cookies that answers set and sends them with later requests, as a browser does.
	Jar bool

	// Checker checks every exchange of the client against a description of the service; what
	// is not as described fails the test. Nil checks nothing. [Request.Unchecked] leaves
	// out one request.
	Checker Checker
}

// Client sends requests to an engine. It may be used by several goroutines; by parallel subtests
// through [Client.With].
type Client struct {
	tb      testing.TB
	session *session
}

// New serves app in memory for the rest of the test and returns a client for it; several engines
// and several clients of one engine may live at once. It ends registration on app, as serving does,
// calls its OnListen hooks, and panics with the error of [geist.Engine.Check] if there is one.
//
// When the test ends, the client's connections are closed and its handlers are waited for; one
// that does not end fails the test. The engine itself is not shut down: OnShutdown hooks run if the
// test calls Shutdown, after which every request fails with syscall.ECONNREFUSED.
func New(tb testing.TB, app *geist.Engine, config ...Config) *Client {
	tb.Helper()
	if err := app.Check(); err != nil {
		panic(err)
	}
	var cfg Config
	if len(config) > 0 {
		cfg = config[0]
	}
	if len(config) > 1 {
		tb.Fatal("geisttest: New was given more than one Config: pass one")
	}
	s, err := newSession(app, cfg)
	if err != nil {
		tb.Fatalf("geisttest: %v", err)
	}
	tb.Cleanup(func() {
		tb.Helper()
		if err := s.close(); err != nil {
			tb.Errorf("geisttest: %v", err)
		}
	})
	return &Client{tb: tb, session: s}
}

// With returns a client that shares connections and cookies with c, and reports to tb: that of a
// subtest, whose failures are then its own. It does not outlive the test that New was called in.
func (c *Client) With(tb testing.TB) *Client { return &Client{tb: tb, session: c.session} }

// GET starts a request; see [Client.Request]. So do the next six.
func (c *Client) GET(path string) *Request { return c.Request(http.MethodGet, path) }

// POST starts a request.
func (c *Client) POST(path string) *Request { return c.Request(http.MethodPost, path) }

// PUT starts a request.
func (c *Client) PUT(path string) *Request { return c.Request(http.MethodPut, path) }

// PATCH starts a request.
func (c *Client) PATCH(path string) *Request { return c.Request(http.MethodPatch, path) }

// DELETE starts a request.
func (c *Client) DELETE(path string) *Request { return c.Request(http.MethodDelete, path) }

// HEAD starts a request.
func (c *Client) HEAD(path string) *Request { return c.Request(http.MethodHead, path) }

// OPTIONS starts a request.
func (c *Client) OPTIONS(path string) *Request { return c.Request(http.MethodOptions, path) }

// Request starts a request, which [Request.Do] sends. The path is the request target as it stands on
// the wire: it may hold a query, is sent unchanged and must be escaped. "*" and an absolute URL
// are targets too.
func (c *Client) Request(method, path string) *Request {
	return &Request{client: c, method: method, target: path, ctx: context.Background()}
}

// Dial opens a connection to the engine, for bytes that no request can say and for answers to be
// read raw. It has a CloseWrite method, has done the handshake if Config.TLS is set, and is closed at
// the end of the test if not before. Dial fails the test if the engine takes no connections.
func (c *Client) Dial() net.Conn {
	c.tb.Helper()
	ctx, cancel := c.session.withTimeout(context.Background())
	defer cancel()
	conn, err := c.session.dial(ctx, "")
	if err != nil {
		c.tb.Fatalf("geisttest: Dial: %v", err)
	}
	return conn.Conn
}
