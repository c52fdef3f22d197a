//go:build !race && !geistdebug

package session_test

import (
	"testing"

	"github.com/gogeist/geist/internal/cycle"
	"github.com/gogeist/geist/middleware/session"
)

// TestNew_allocs: requests that use no session allocate nothing, whatever cookie they bring.
func TestNew_allocs(t *testing.T) {
	const requests = 100_000
	for _, path := range []string{"/none", "/nowhere"} {
		if got := cycle.Mallocs(t, service(session.Config{}).Server().ServeConn, "GET "+path+" HTTP/1.1\r\nHost: a\r\nCookie: sid=abc\r\n\r\n", requests); got > requests/100 {
			t.Errorf("%s: mallocs over %d requests = %d, want at most 1 %%", path, requests, got)
		}
	}
}
