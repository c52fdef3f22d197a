// Package loopback serves engines and handlers on ports of the loopback, for tests
// that want real sockets.
package loopback

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gogeist/geist"
)

// patience bounds everything that a test waits for: 30 s, which no correct run needs.
const patience = 30 * time.Second

// Serve serves app until the test ends and returns its URL. The test fails if the
// server does not drain.
func Serve(tb testing.TB, app *geist.Engine) string {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- app.Serve(ln) }() // ends with Shutdown
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := errors.Join(app.Shutdown(ctx), <-served); err != nil {
			tb.Error(err)
		}
	})
	return "http://" + ln.Addr().String()
}

// ServeHTTP serves h by net/http until the test ends and returns its URL.
func ServeHTTP(tb testing.TB, h http.Handler) string {
	tb.Helper()
	srv := httptest.NewServer(h)
	tb.Cleanup(srv.Close)
	return srv.URL
}

// Client returns a client that follows no redirects, asks for no compression and
// leaves no connection behind.
func Client(tb testing.TB) *http.Client {
	tr := &http.Transport{DisableCompression: true}
	tb.Cleanup(tr.CloseIdleConnections)
	return &http.Client{
		Transport:     tr,
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Answer is all of an answer.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Do sends a request with header fields, as pairs of name and value, and reads the
// whole answer.
func Do(tb testing.TB, client *http.Client, method, url string, body io.Reader, fields ...string) Answer {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), method, url, body)
	if err != nil {
		tb.Fatal(err)
	}
	for i := 0; i < len(fields); i += 2 {
		req.Header.Add(fields[i], fields[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatalf("%s %s: %v after %d bytes", method, url, err, len(b))
	}
	return Answer{resp.StatusCode, resp.Header, string(b)}
}
