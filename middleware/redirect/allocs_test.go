//go:build !race && !geistdebug

package redirect

import (
	"testing"

	"github.com/valyala/fasthttp"
)

// TestNew_allocs: what is not for the rules costs no more than the copy of its path, of
// which some 2 KiB are one allocation.
func TestNew_allocs(t *testing.T) {
	h := newApp(Config{Aliases: map[string]string{"www.example.com": "example.com"}, Rules: []Rule{{From: "/old/*path", To: "/here/*path"}}}).Handler()
	rc := new(fasthttp.RequestCtx)
	if n := testing.AllocsPerRun(1000, func() {
		rc.Request.Reset()
		rc.Response.Reset()
		rc.Request.Header.SetMethod("GET")
		rc.Request.SetRequestURI("/here/x")
		rc.Request.Header.SetHost("localhost")
		h(rc)
		if rc.Response.StatusCode() != 200 {
			t.Error("not passed")
		}
	}); n != 0 {
		t.Errorf("allocs = %v, want 0", n)
	}
}
