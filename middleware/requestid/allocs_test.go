//go:build !race && !geistdebug

package requestid_test

import (
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/internal/cycle"
	"github.com/gogeist/geist/middleware/requestid"
)

// TestNew_allocs: a request that passes allocates nothing more than perRequest says.
func TestNew_allocs(t *testing.T) {
	const requests = 20_000
	for _, tt := range []struct {
		name       string
		mw         geist.Handler
		field      string
		perRequest int
	}{
		{"new id", requestid.New(), "", 1},
		{"inbound id", requestid.New(), "X-Request-ID: 0123456789abcdef\r\n", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			app := geist.New()
			app.Use(tt.mw)
			app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "hello") })
			got := cycle.Mallocs(t, app.Server().ServeConn, "GET / HTTP/1.1\r\nHost: localhost\r\n"+tt.field+"\r\n", requests)
			if limit := requests*tt.perRequest + requests/100; got > limit {
				t.Errorf("mallocs over %d requests = %d, want at most %d", requests, got, limit)
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	app := geist.New()
	app.Use(requestid.New())
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "hello") })
	serve := app.Server().ServeConn
	b.ReportAllocs()
	cycle.Run(b, serve, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b.N)
}
