//go:build !race && !geistdebug

package skip

import (
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
)

// TestUnless_allocs: conditions cost no more than the copy of the path, of which
// some 2 KiB are one allocation.
func TestUnless_allocs(t *testing.T) {
	h := newApp(geist.Config{}, Unless(Any(Paths("/healthz", "/static/*"), Upgrades()), func(c *geist.Ctx) error { return c.Next() })).Handler()
	rc := new(fasthttp.RequestCtx)
	if n := testing.AllocsPerRun(1000, func() {
		rc.Request.Reset()
		rc.Response.Reset()
		rc.Request.Header.SetMethod("GET")
		rc.Request.SetRequestURI("/users/7")
		rc.Request.Header.SetHost("localhost")
		h(rc)
		if rc.Response.StatusCode() != 200 {
			t.Error("not passed")
		}
	}); n != 0 {
		t.Errorf("allocs = %v, want 0", n)
	}
}
