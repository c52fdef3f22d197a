//go:build !race && !geistdebug

package logger_test

import (
	"io"
	"log/slog"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/internal/cycle"
	"github.com/gogeist/geist/middleware/clientip"
	"github.com/gogeist/geist/middleware/logger"
	"github.com/gogeist/geist/middleware/nocache"
	"github.com/gogeist/geist/middleware/recovery"
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
		{"sampled out", logger.New(logger.Config{Sample: 1 << 30, Format: logger.JSON, Output: io.Discard}), "", 0},
		{"not enabled", logger.New(logger.Config{Logger: slog.New(slog.DiscardHandler)}), "", 0},
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
	app.Use(logger.New(logger.Config{Format: logger.Combined, Output: io.Discard}))
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "hello") })
	serve := app.Server().ServeConn
	b.ReportAllocs()
	cycle.Run(b, serve, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b.N)
}

// TestChain_allocs: of the middleware that every service has, sampled out, nothing allocates but
// the id of the request.
func TestChain_allocs(t *testing.T) {
	const requests = 20_000
	app := geist.New()
	app.Use(requestid.New(), logger.New(logger.Config{Sample: 1 << 30}), recovery.New(), clientip.New(), nocache.New())
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "hello") })
	got := cycle.Mallocs(t, app.Server().ServeConn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", requests)
	if limit := requests + requests/100; got > limit {
		t.Errorf("mallocs over %d requests = %d, want at most %d", requests, got, limit)
	}
}
