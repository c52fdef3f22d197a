package geist_test

import (
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// TestCtx_Header_names: a name's case does not matter, whatever form it is in already.
func TestCtx_Header_names(t *testing.T) {
	app := geist.New()
	app.GET("/", func(c *geist.Ctx) error {
		for _, name := range []string{
			"Accept", "accept", "ACCEPT", "aCCEPT", "Content-Type", "content-Type", "ETag", "Etag", "X-Request-ID", "X-Request-Id",
			"X--A", "x--a", "-X", "-x", "X-1a", "X-1A", "X_y", "X_Y", "Host", "host", "User-Agent", "Cookie", "X\ry", "X y", "Ä", "", "None",
		} {
			if got, want := c.Header(name), string(c.Raw().Request.Header.Peek(name)); got != want {
				t.Errorf("Header(%q) = %q, want %q", name, got, want)
			}
		}
		return nil
	})
	r := geisttest.New(t, app).GET("/")
	for i, name := range []string{"Accept", "Content-Type", "ETag", "X-Request-ID", "X--A", "-X", "X-1a", "X_Y", "User-Agent", "Cookie"} {
		r.Header(name, string(rune('a'+i)))
	}
	r.Do().Status(200)
}
