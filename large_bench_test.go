//go:build !race && !geistdebug

package geist_test

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/gogeist/geist"
)

// BenchmarkLarge_answer: what a long answer costs before it is written to a socket: copied, and
// as bytes that never change.
func BenchmarkLarge_answer(b *testing.B) {
	for _, size := range []int{16 << 10, 64 << 10, 1 << 20} {
		data := bytes.Repeat([]byte("a"), size)
		for name, h := range map[string]geist.Handler{
			"copy": func(c *geist.Ctx) error { return c.Bytes(200, "text/plain", data) },
			"raw": func(c *geist.Ctx) error {
				c.Raw().Response.SetBodyRaw(data)
				return nil
			},
		} {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				app := quiet(geist.Config{})
				app.GET("/", h)
				b.ReportAllocs()
				serveLoopConn(b, app, get("/"), b.N)
			})
		}
	}
}

// BenchmarkLarge_body: a large body that the handler has in memory.
func BenchmarkLarge_body(b *testing.B) {
	for _, size := range []int{128 << 10, 1 << 20} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			app := quiet(geist.Config{})
			app.POST("/", func(c *geist.Ctx) error { return c.Text(200, strconv.Itoa(len(c.Body()))) })
			b.ReportAllocs()
			serveLoopConn(b, app, fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("a", size)), b.N)
		})
	}
}
