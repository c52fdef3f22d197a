//go:build !race && !geistdebug

package middleware_test

import (
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/internal/cycle"
	"github.com/gogeist/geist/middleware/bodylimit"
	"github.com/gogeist/geist/middleware/clientip"
	"github.com/gogeist/geist/middleware/cors"
	"github.com/gogeist/geist/middleware/etag"
	"github.com/gogeist/geist/middleware/logger"
	"github.com/gogeist/geist/middleware/ratelimit"
	"github.com/gogeist/geist/middleware/recovery"
	"github.com/gogeist/geist/middleware/requestid"
	"github.com/gogeist/geist/middleware/secure"
	"github.com/gogeist/geist/middleware/timeout"
	"github.com/gogeist/geist/store"
)

// ten serves / behind the first n of ten middlewares.
func ten(n int) *geist.Engine {
	app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler)})
	app.Use([]geist.Handler{
		recovery.New(),
		requestid.New(),
		clientip.New(),
		logger.New(logger.Config{Sample: 1 << 30, Format: logger.JSON, Output: io.Discard}),
		cors.New(cors.Config{AllowOrigins: []string{"https://app.example.com", "https://admin.example.com"}}),
		secure.New(),
		ratelimit.New(ratelimit.Config{Limit: store.Limit{Rate: 1_000_000_000, Period: time.Second}}),
		timeout.New(timeout.Config{After: 5 * time.Second}),
		bodylimit.New(bodylimit.Config{MaxBytes: 64 << 10}),
		etag.New(),
	}[:n]...)
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "Hello, World!") })
	return app
}

// tenRequest comes from a page of an allowed origin.
const tenRequest = "GET / HTTP/1.1\r\nHost: api.example.com\r\nOrigin: https://app.example.com\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n"

// TestChain_allocs: of ten middlewares that all do their work, nothing allocates but the id of
// the request, which is a string of 32 bytes.
func TestChain_allocs(t *testing.T) {
	const requests = 100_000
	got := cycle.Mallocs(t, ten(10).Server().ServeConn, tenRequest, requests)
	strings := requests * len("https://app.example.com") / 2048 // those that middleware reads of the request
	if limit := requests + strings + requests/100; got > limit {
		t.Errorf("mallocs over %d requests = %d, want at most %d", requests, got, limit)
	}
}

func BenchmarkChain(b *testing.B) {
	for n := range 11 {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			serve := ten(n).Server().ServeConn
			cycle.Run(b, serve, tenRequest, b.N)
		})
	}
}
