//go:build !race && !geistdebug

package compress

import (
	"testing"

	"github.com/valyala/fasthttp"
)

// TestNew_allocs: what passes by allocates nothing, and compressing once, for fasthttp's
// workers. Of Accept-Encoding, which is copied, some 2 KiB are one allocation.
func TestNew_allocs(t *testing.T) {
	h := newApp(t, New()).Handler()
	for _, tt := range []struct {
		target, accept string
		most           float64
	}{
		{"/text", "", 0},
		{"/text", "identity", 0},
		{"/text", "gzip", 1},
		{"/text", "zstd", 1},
		{"/text", "br", 1},
	} {
		rc := new(fasthttp.RequestCtx)
		if n := testing.AllocsPerRun(200, func() { serveOne(h, rc, tt.target, tt.accept) }); n > tt.most {
			t.Errorf("%s for %q: allocs = %v, want %v", tt.target, tt.accept, n, tt.most)
		}
	}
}
