//go:build !race && !geistdebug

package session_test

import (
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/internal/cycle"
	"github.com/gogeist/geist/middleware/session"
)

// BenchmarkNew is a whole request cycle in memory: without the middleware, with it, with a
// session that is read, and one that is read and written.
func BenchmarkNew(b *testing.B) {
	bare := quiet()
	bare.GET("/none", func(c *geist.Ctx) error { return c.Text(200, "none") })
	app := service(session.Config{Store: memory(b)})
	id := sid(b, geisttest.New(b, app).POST("/name/ada").Do())
	for _, bb := range []struct {
		name string
		app  *geist.Engine
		line string
	}{
		{"bare", bare, "GET /none"},
		{"unused", app, "GET /none"},
		{"read", app, "GET /name"},
		{"readAndWrite", app, "POST /count"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			cycle.Run(b, bb.app.Server().ServeConn, bb.line+" HTTP/1.1\r\nHost: a\r\nCookie: sid="+id+"\r\n\r\n", b.N)
		})
	}
}
