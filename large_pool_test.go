//go:build !race && !geistdebug

// Debug builds give no buffer to a second request.

package geist

import (
	"log/slog"
	"strings"
	"testing"
)

// failing is the body of a foreign server's request, whose reader is somebody's.
type failing struct{}

func (failing) Read([]byte) (int, error) { panic("the reader of the body") }

// TestBody_panicKeepsNoBuffer: the buffer that a body has outgrown is not the next request's and
// another's as well, also if the larger one is never read.
func TestBody_panicKeepsNoBuffer(t *testing.T) {
	const short, long = 20 << 10, 300 << 10
	app := New(Config{Logger: slog.New(slog.DiscardHandler)})
	app.POST("/", func(c *Ctx) error { return c.Bytes(200, "text/plain", c.Body()) })
	rc := request("POST", "/")
	rc.Request.SetBodyStream(strings.NewReader(strings.Repeat("a", short)), short)
	app.Handler()(rc)
	rc = request("POST", "/")
	rc.Request.SetBodyStream(failing{}, long)
	app.Handler()(rc)
	if got := rc.Response.StatusCode(); got != 500 {
		t.Fatalf("status %d, want 500: the reader has panicked", got)
	}
	if n := app.large.ahead.Load(); n != 0 {
		t.Errorf("%d bytes are still given ahead", n)
	}
	c := app.pool.Get().(*Ctx)
	given, ok := app.large.pools[largeClass(short)].Get().(*[]byte)
	if ok && cap(c.bodyBuf) > 0 && &c.bodyBuf[:1][0] == &(*given)[:1][0] {
		t.Error("a buffer has two owners")
	}
}
