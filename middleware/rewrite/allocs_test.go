//go:build !race && !geistdebug

package rewrite

import (
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
)

// TestNew_allocs: what is not for the rules costs no more than the copy of its path, of
// which some 2 KiB are one allocation.
func TestNew_allocs(t *testing.T) {
	h := newApp(geist.Config{}, Rule{"/v1/users/:id", "/users/:id"}).Handler()
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
