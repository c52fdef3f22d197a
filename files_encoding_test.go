package geist_test

import (
	"fmt"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// The sibling that the client likes best is sent, under the type of the file that was asked for.
func TestStatic_precompressed(t *testing.T) {
	dir := site(t, map[string]string{
		"app.js": "plain plain plain", "app.js.br": "br", "app.js.zst": "zstd", "app.js.gz": "gz...",
		"only.css": "plain plain", "only.css.gz": "gzip",
		"none.txt":     "plain",
		"orphan.js.br": "br",
		"big.js":       fmt.Sprintf("%0100000d", 0), "big.js.gz": fmt.Sprintf("%050000d", 0),
	})
	put(t, dir, "old.js", "new content", time.Now().Add(-time.Hour))
	put(t, dir, "old.js.br", "old content", time.Now().Add(-2*time.Hour))
	app := geist.New(geist.Config{Logger: discard()})
	app.Use(func(c *geist.Ctx) error { c.AddHeader("Vary", "Origin"); return c.Next() })
	app.Static("/", dir)
	app.Static("/off", dir, geist.StaticConfig{DisablePrecompressed: true})
	c := geisttest.New(t, app)
	const js, css = "text/javascript; charset=utf-8", "text/css; charset=utf-8"
	for _, tt := range []struct {
		path, accept string
		encoding     string
		body         string
		kind         string
		vary         bool
	}{
		{"/app.js", "", "", "plain plain plain", js, true},
		{"/app.js", "gzip, deflate, br, zstd", "br", "br", js, true},
		{"/app.js", "gzip, zstd", "zstd", "zstd", js, true},
		{"/app.js", "gzip", "gzip", "gz...", js, true},
		{"/app.js", "x-gzip", "gzip", "gz...", js, true},
		{"/app.js", "GZIP", "gzip", "gz...", js, true},
		{"/app.js", "br;q=0.5, gzip;q=0.9", "gzip", "gz...", js, true},
		{"/app.js", "br;q=0, gzip;q=0.1", "gzip", "gz...", js, true},
		{"/app.js", "*", "br", "br", js, true},
		{"/app.js", "*;q=0.5, br;q=0", "zstd", "zstd", js, true},
		{"/app.js", "br;q=0.5, identity", "", "plain plain plain", js, true},
		{"/app.js", "identity;q=0.5, br", "br", "br", js, true},
		{"/app.js", "br;q=2", "", "plain plain plain", js, true},
		{"/app.js", "br;q=x, gzip", "gzip", "gz...", js, true},
		{"/app.js", "deflate", "", "plain plain plain", js, true},
		{"/app.js", "identity;q=0, *;q=0", "", "plain plain plain", js, true},
		{"/app.js", "brotli", "", "plain plain plain", js, true},
		{"/only.css", "br, gzip", "gzip", "gzip", css, true},
		{"/none.txt", "br, gzip", "", "plain", "text/plain; charset=utf-8", false},
		{"/old.js", "br", "", "new content", js, false},
		{"/app.js.gz", "gzip", "", "gz...", "application/gzip", false},
		{"/off/app.js", "br", "", "plain plain plain", js, false},
	} {
		t.Run(tt.path+" "+tt.accept, func(t *testing.T) {
			req := c.With(t).GET(tt.path)
			if tt.accept != "" {
				req.Header("Accept-Encoding", tt.accept)
			}
			r := req.Do().Status(200).BodyIs(tt.body).HasHeader("Content-Type", tt.kind).HasHeader("Vary", "Origin")
			if got := r.Header("Content-Encoding"); got != tt.encoding {
				t.Errorf("Content-Encoding = %q, want %q", got, tt.encoding)
			}
			if tt.vary {
				r.HasHeader("Vary", "Accept-Encoding")
			} else if len(r.Raw().Header.Values("Vary")) != 1 {
				t.Errorf("Vary = %q", r.Raw().Header.Values("Vary"))
			}
		})
	}
	c.GET("/orphan.js").Header("Accept-Encoding", "br").Do().Status(404)

	// Ranges and validators are those of the chosen form.
	plain, br := c.GET("/app.js").Do(), c.GET("/app.js").Header("Accept-Encoding", "br").Do()
	if plain.Header("Etag") == br.Header("Etag") {
		t.Errorf("both forms have the tag %s", plain.Header("Etag"))
	}
	c.GET("/app.js").Header("Accept-Encoding", "br").Header("Range", "bytes=1-").Do().Status(206).BodyIs("r").HasHeader("Content-Range", "bytes 1-1/2").HasHeader("Content-Encoding", "br")
	c.GET("/app.js").Header("Accept-Encoding", "br").Header("Range", "bytes=1-").Header("If-Range", plain.Header("Etag")).Do().Status(200).BodyIs("br")
	c.GET("/app.js").Header("Accept-Encoding", "br").Header("If-None-Match", br.Header("Etag")).Do().Status(304).HasHeader("Vary", "Accept-Encoding").NoHeader("Content-Encoding")
	c.GET("/app.js").Header("If-None-Match", br.Header("Etag")).Do().Status(200)
	c.GET("/big.js").Header("Accept-Encoding", "gzip").Do().Status(200).HasHeader("Content-Length", "50000").HasHeader("Content-Encoding", "gzip")
	c.HEAD("/big.js").Header("Accept-Encoding", "gzip").Do().Status(200).HasHeader("Content-Length", "50000").HasHeader("Content-Encoding", "gzip")
}

// The siblings of an embedded file have no time, and are no older.
func TestStaticFS_precompressed(t *testing.T) {
	app := geist.New(geist.Config{Logger: discard()})
	app.StaticFS("/", fstest.MapFS{"a.js": {Data: []byte("plain")}, "a.js.br": {Data: []byte("br")}})
	c := geisttest.New(t, app)
	c.GET("/a.js").Header("Accept-Encoding", "br").Do().Status(200).BodyIs("br")
	c.GET("/a.js").Do().Status(200).BodyIs("plain")
}
