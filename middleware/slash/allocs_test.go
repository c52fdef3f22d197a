//go:build !race && !geistdebug

package slash

import (
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
)

// TestNew_allocs: a path in its form costs no more than its copies, of which some 2 KiB
// are one allocation.
func TestNew_allocs(t *testing.T) {
	app := newApp(t, geist.SlashRedirect)
	app.BeforeRequest(Rewrite(Config{Prefixes: []string{"/api"}}))
	app.Use(New())
	h := app.Handler()
	for _, path := range []string{"/api/users", "/wiki/a"} {
		rc := new(fasthttp.RequestCtx)
		if n := testing.AllocsPerRun(1000, func() {
			serveOne(h, rc, path)
			if rc.Response.StatusCode() != 200 {
				t.Error("not passed")
			}
		}); n != 0 {
			t.Errorf("%s: allocs = %v, want 0", path, n)
		}
	}
}
