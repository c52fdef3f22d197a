//go:build !race && !geistdebug

package clientip_test

import (
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/internal/cycle"
	"github.com/gogeist/geist/middleware/clientip"
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
		{"engine", clientip.New(clientip.Config{Deny: []string{"10.0.0.0/8"}}), "", 0},
		{"X-Real-IP", clientip.New(clientip.Config{Header: clientip.XRealIP, Trusted: []string{"127.0.0.1"}, Deny: []string{"10.0.0.0/8"}}), "X-Real-IP: 203.0.113.7\r\n", 0},
		{"Forwarded", clientip.New(clientip.Config{Header: clientip.Forwarded, Trusted: []string{"127.0.0.1"}}), "Forwarded: for=203.0.113.7, for=\"[::ffff:127.0.0.1]:80\";proto=https\r\n", 0},
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
	app.Use(clientip.New(clientip.Config{Header: clientip.XRealIP, Trusted: []string{"127.0.0.1"}}))
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "hello") })
	serve := app.Server().ServeConn
	b.ReportAllocs()
	cycle.Run(b, serve, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b.N)
}
