package geist_test

import (
	"embed"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// site writes files into a new directory and returns it. All are an hour old, so that the
// cache takes them for settled.
func site(tb testing.TB, files map[string]string) string {
	tb.Helper()
	dir := tb.TempDir()
	for name, content := range files {
		put(tb, dir, name, content, time.Now().Add(-time.Hour))
	}
	return dir
}

func put(tb testing.TB, dir, name, content string, modified time.Time) {
	tb.Helper()
	p := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
	if err := os.Chtimes(p, modified, modified); err != nil {
		tb.Fatal(err)
	}
}

func TestStatic_files(t *testing.T) {
	dir := site(t, map[string]string{
		"index.html":      "home",
		"css/app.css":     "body{}",
		"docs/index.html": "docs",
		"empty/x.txt":     "x",
		"zero":            "",
		"ünï code.txt":    "u",
		"noext":           "%PDF-1.4",
		".env":            "secret",
		".well-known/a":   "wk",
		"a/.hidden/b.txt": "h",
	})
	app := geist.New(geist.Config{Logger: discard()})
	app.Static("/s", dir)
	app.Group("/g").Static("/", dir)
	c := geisttest.New(t, app)
	for _, tt := range []struct {
		path   string
		status int
		body   string
		kind   string
		to     string
	}{
		{"/s/", 200, "home", "text/html; charset=utf-8", ""},
		{"/s", 308, "", "", "/s/"},
		{"/s?x=1", 308, "", "", "/s/?x=1"},
		{"/s/index.html", 200, "home", "text/html; charset=utf-8", ""},
		{"/s/css/app.css", 200, "body{}", "text/css; charset=utf-8", ""},
		{"/s/css/app.css?v=2", 200, "body{}", "text/css; charset=utf-8", ""},
		{"/s/css/app.css/", 404, "", "", ""},
		{"/s/css", 404, "", "", ""},
		{"/s/css/", 404, "", "", ""},
		{"/s/docs", 308, "", "", "/s/docs/"},
		{"/s/docs/", 200, "docs", "text/html; charset=utf-8", ""},
		{"/s/empty", 404, "", "", ""},
		{"/s/zero", 200, "", "text/plain; charset=utf-8", ""},
		{"/s/noext", 200, "%PDF-1.4", "application/pdf", ""},
		{"/s/%C3%BCn%C3%AF%20code.txt", 200, "u", "text/plain; charset=utf-8", ""},
		{"/s/none", 404, "", "", ""},
		{"/s/.env", 404, "", "", ""},
		{"/s/.well-known/a", 200, "wk", "text/plain; charset=utf-8", ""},
		{"/s/a/.hidden/b.txt", 404, "", "", ""},
		{"/s//css/app.css", 308, "", "", "/s/css/app.css"},
		{"/s/css//app.css", 308, "", "", "/s/css/app.css"},
		{"/s//", 308, "", "", "/s/"},
		{"//s/docs", 308, "", "", "/s/docs"},
		{"/s/./css/app.css", 308, "", "", "/s/css/app.css"},
		{"/g/css/app.css", 200, "body{}", "text/css; charset=utf-8", ""},
		{"/g/", 200, "home", "text/html; charset=utf-8", ""},
		{"/g", 308, "", "", "/g/"},
	} {
		t.Run(tt.path, func(t *testing.T) {
			r := c.With(t).GET(tt.path).Do().Status(tt.status)
			if tt.status == 200 {
				r.BodyIs(tt.body).HasHeader("Content-Type", tt.kind).HasHeader("X-Content-Type-Options", "nosniff").HasHeader("Accept-Ranges", "bytes")
				if r.Header("Etag") == "" || r.Header("Last-Modified") == "" {
					t.Errorf("%s: no validators: %s", tt.path, r.Head())
				}
			}
			if got := r.Header("Location"); got != tt.to {
				t.Errorf("%s: Location = %q, want %q", tt.path, got, tt.to)
			}
			h := c.With(t).HEAD(tt.path).Do().Status(tt.status)
			for _, name := range []string{"Content-Length", "Content-Type", "Etag", "Last-Modified", "Location", "Accept-Ranges", "X-Content-Type-Options"} {
				if h.Header(name) != r.Header(name) && (tt.status == 200 || name != "Content-Length") {
					t.Errorf("%s: HEAD has %s = %q, GET %q", tt.path, name, h.Header(name), r.Header(name))
				}
			}
		})
	}
	c.POST("/s/css/app.css").Do().Status(405).HasHeader("Allow", "GET, HEAD, OPTIONS")
	c.OPTIONS("/s/css/app.css").Do().Status(204).HasHeader("Allow", "GET, HEAD, OPTIONS")
}

//go:embed testdata/site
var embedded embed.FS

func TestStaticFS_embed(t *testing.T) {
	sub, err := fs.Sub(embedded, "testdata/site")
	if err != nil {
		t.Fatal(err)
	}
	app := geist.New(geist.Config{Logger: discard()})
	app.StaticFS("/", sub)
	app.GET("/one", func(c *geist.Ctx) error { return c.FileFS(embedded, "testdata/site/app.js") })
	c := geisttest.New(t, app)
	r := c.GET("/app.js").Do().Status(200).HasHeader("Content-Type", "text/javascript; charset=utf-8").NoHeader("Last-Modified")
	tag := r.Header("Etag")
	if !strings.HasPrefix(tag, `"`) || len(tag) < 20 {
		t.Fatalf("ETag = %q, want a hash", tag)
	}
	c.GET("/app.js").Header("If-None-Match", tag).Do().Status(304)
	c.GET("/one").Do().Status(200).HasHeader("Etag", tag).BodyIs(r.Text())
	c.GET("/").Do().Status(200).HasHeader("Cache-Control", "no-cache")
	c.GET("/../app.js").Do().Status(308).HasHeader("Location", "/app.js")
}
