//go:build !race && !geistdebug

package idempotency_test

import (
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/internal/cycle"
	"github.com/gogeist/geist/middleware/idempotency"
)

// TestNew_allocs: requests without a key, and those of other methods, allocate nothing.
func TestNew_allocs(t *testing.T) {
	const requests = 100_000
	s := &service{Engine: quiet()}
	s.Use(idempotency.New(idempotency.Config{Scope: byUser}))
	s.GET("/text", func(c *geist.Ctx) error { return c.Text(200, "") })
	s.POST("/text", func(c *geist.Ctx) error { return c.Text(200, "") })
	for _, line := range []string{"GET /text", "POST /text", "POST /nowhere"} {
		if got := cycle.Mallocs(t, s.Engine.Server().ServeConn, line+" HTTP/1.1\r\nHost: a\r\n\r\n", requests); got > requests/100 {
			t.Errorf("%s: mallocs over %d requests = %d, want at most 1 %%", line, requests, got)
		}
	}
}
