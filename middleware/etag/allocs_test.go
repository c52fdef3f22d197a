//go:build !race && !geistdebug

package etag

import (
	"testing"

	"github.com/valyala/fasthttp"
)

// TestNew_allocs: tagging allocates nothing, and comparing only copies If-None-Match, of
// which some 2 KiB are one allocation.
func TestNew_allocs(t *testing.T) {
	h := newApp(t, New()).Handler()
	for match, status := range map[string]int{"": 200, helloTag: 304, `"a"`: 200} {
		rc := new(fasthttp.RequestCtx)
		if n := testing.AllocsPerRun(1000, func() {
			serveOne(h, rc, match)
			if rc.Response.StatusCode() != status || len(rc.Response.Header.Peek("Etag")) == 0 {
				t.Errorf("If-None-Match %q: %v", match, &rc.Response)
			}
		}); n != 0 {
			t.Errorf("If-None-Match %q: allocs = %v, want 0", match, n)
		}
	}
}
