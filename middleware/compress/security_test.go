package compress

import (
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// TestCVE_2013_3587_noTransform: a route with a secret beside what the request says can be
// kept out, so that the length of its answer tells nothing (BREACH).
func TestCVE_2013_3587_noTransform(t *testing.T) {
	app := geist.New()
	app.Use(New())
	app.GET("/", func(c *geist.Ctx) error {
		c.SetHeader("Cache-Control", "private, no-transform")
		return c.HTML(200, strings.Repeat("<p>token=secret</p>", 100)+c.Query("q"))
	})
	c := geisttest.New(t, app)
	right := c.GET("/?q=token%3Dsecret").Header("Accept-Encoding", "gzip, br, zstd").Do().NoHeader("Content-Encoding")
	wrong := c.GET("/?q=token%3Dxxxxxx").Header("Accept-Encoding", "gzip, br, zstd").Do().NoHeader("Content-Encoding")
	if len(right.Bytes()) != len(wrong.Bytes()) {
		t.Errorf("lengths %d and %d tell a right guess", len(right.Bytes()), len(wrong.Bytes()))
	}
}

// TestCVE_2013_3587_streams: a stream, in which secrets and what a client says follow each
// other, is never compressed.
func TestCVE_2013_3587_streams(t *testing.T) {
	c := geisttest.New(t, newApp(t, New(Config{MinBytes: 1})))
	c.GET("/stream").Header("Accept-Encoding", "gzip").Do().NoHeader("Content-Encoding")
	c.GET("/sse").Header("Accept-Encoding", "gzip").SSE().Response().NoHeader("Content-Encoding")
	c.GET("/ws").Header("Accept-Encoding", "gzip").WS().Response().NoHeader("Content-Encoding")
}

// TestCVE_2026_30246_vary: a cache is told that the answer depends on Accept-Encoding, for
// the form that was not compressed and for a 304, too, whatever Vary says already.
func TestCVE_2026_30246_vary(t *testing.T) {
	c := geisttest.New(t, newApp(t, New()))
	for _, accept := range []string{"", "identity", "gzip", "gzip;q=0", "unknown"} {
		req := c.GET("/with").Query("field", "Vary:Origin")
		if accept != "" {
			req.Header("Accept-Encoding", accept)
		}
		if got := strings.Join(req.Do().Raw().Header.Values("Vary"), ","); got != "Origin,Accept-Encoding" {
			t.Errorf("Accept-Encoding %q: Vary = %q, want both names", accept, got)
		}
	}
	c.GET("/files/a.json").Header("If-None-Match", "*").Do().Status(304).HasHeader("Vary", "Accept-Encoding")
}

// TestCVE_2025_47908_longField: what a client lists costs time and memory in proportion at most.
func TestCVE_2025_47908_longField(t *testing.T) {
	m := compile(Config{})
	for _, accept := range []string{
		strings.Repeat(",", 100<<10), strings.Repeat("x;q=0.5,", 12<<10), strings.Repeat("gzip;q=0;", 12<<10),
		strings.Repeat(`"`, 100<<10), strings.Repeat("identity;q=0,", 8<<10), "gzip;q=" + strings.Repeat("0", 100<<10),
	} {
		var best *coding
		if n := testing.AllocsPerRun(5, func() { best = m.choose(accept) }); n > 20 || best != nil {
			t.Errorf("Accept-Encoding of %d bytes (%.10q…): allocs = %v, chosen %v, want a few and none", len(accept), accept, n, best)
		}
	}
	app := newApp(t, New())
	geisttest.New(t, app).GET("/text").Header("Accept-Encoding", strings.Repeat("a,", 50<<10)).Do().Status(431)
	var rc fasthttp.RequestCtx // a server with larger limits than ours
	serveOne(app.Handler(), &rc, "/text", strings.Repeat("a,", 5<<10)+"gzip")
	if got := string(rc.Response.Header.ContentEncoding()); got != "gzip" {
		t.Errorf("behind 5,000 other codings, Content-Encoding = %q, want gzip", got)
	}
}
