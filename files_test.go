package geist_test

import (
	"bytes"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
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

// Files of a mounted engine, in the case of the file system, and through net/http.
func TestStatic_everywhere(t *testing.T) {
	dir := site(t, map[string]string{"index.html": "home", "Dir/App.TXT": "text", "big.bin": strings.Repeat("b", 200_000)})
	child := geist.New(geist.Config{Logger: discard()})
	child.Static("/", dir)
	child.GET("/route", func(c *geist.Ctx) error { return c.Text(200, "route") })
	app := geist.New(geist.Config{Logger: discard(), CaseInsensitive: true})
	app.Mount("/m", child)
	app.Static("/Files", dir)
	app.Group("/t/:tenant").Static("/", dir)
	c := geisttest.New(t, app)
	c.GET("/m").Do().Status(308).HasHeader("Location", "/m/")
	c.GET("/m/").Do().Status(200).BodyIs("home")
	c.GET("/m/Dir/App.TXT").Do().Status(200).BodyIs("text")
	c.GET("/m/route/").Do().Status(308).HasHeader("Location", "/m/route")
	c.GET("/m/none").Do().Status(404)
	c.GET("/fILES/Dir/App.TXT").Do().Status(200).BodyIs("text").HasHeader("Content-Type", "text/plain; charset=utf-8")
	c.GET("/files").Do().Status(308).HasHeader("Location", "/files/")
	c.GET("/t/one/Dir/App.TXT").Do().Status(200).BodyIs("text")
	c.GET("/t/one/none").Do().Status(404)

	srv := httptest.NewServer(app.HTTPHandler())
	defer srv.Close()
	get := func(method, path string, header http.Header) *http.Response {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header = header
		resp, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || method == "GET" && resp.StatusCode < 300 && int64(len(body)) != resp.ContentLength {
			t.Errorf("%s %s: %d bytes of %d, %v", method, path, len(body), resp.ContentLength, err)
		}
		return resp
	}
	whole := get("GET", "/files/big.bin", http.Header{})
	if head := get("HEAD", "/files/big.bin", http.Header{}); whole.ContentLength != 200_000 || head.ContentLength != 200_000 {
		t.Errorf("lengths through net/http = %d and %d, want 200000", whole.ContentLength, head.ContentLength)
	}
	if r := get("GET", "/files/big.bin", http.Header{"Range": {"bytes=5-100004"}}); r.StatusCode != 206 || r.ContentLength != 100_000 {
		t.Errorf("a range through net/http: %d with %d bytes", r.StatusCode, r.ContentLength)
	}
	if r := get("GET", "/files/big.bin", http.Header{"If-None-Match": {whole.Header.Get("Etag")}}); r.StatusCode != 304 {
		t.Errorf("a condition through net/http: %d, want 304", r.StatusCode)
	}
}

// What a Static keeps in memory is bounded.
func TestStatic_cacheIsBounded(t *testing.T) {
	const n = 400 // of 64 KiB each
	fsys := fstest.MapFS{}
	content := []byte(strings.Repeat("x", 64<<10))
	for i := range n {
		fsys[fmt.Sprintf("%d.txt", i)] = &fstest.MapFile{Data: content, ModTime: time.Unix(1e9, 0)}
	}
	app := geist.New(geist.Config{Logger: discard()})
	app.StaticFS("/", fsys)
	c := geisttest.New(t, app)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 2 {
		for i := range n {
			if got := c.GET(fmt.Sprintf("/%d.txt", i)).Do().Status(200).Bytes(); !bytes.Equal(got, content) {
				t.Fatalf("file %d: %d bytes", i, len(got))
			}
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); kept > 18<<20 {
		t.Errorf("%d KiB are kept, want at most 16 MiB", kept>>10)
	}
}

// Many clients of few files, which change meanwhile.
func TestStatic_concurrent(t *testing.T) {
	dir := site(t, map[string]string{"a.txt": strings.Repeat("a", 1000), "b.txt": strings.Repeat("b", 100_000)})
	app := geist.New(geist.Config{Logger: discard()})
	app.Static("/", dir)
	app.StaticFS("/hash", fstest.MapFS{"a.txt": {Data: []byte(strings.Repeat("h", 100_000))}})
	c := geisttest.New(t, app)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				if i == 0 {
					name := filepath.Join(dir, "tmp")
					if err := os.WriteFile(name, []byte(strings.Repeat("a", 1000+j)), 0o600); err != nil {
						t.Error(err)
					}
					if err := os.Rename(name, filepath.Join(dir, "a.txt")); err != nil {
						t.Error(err)
					}
				}
				for _, path := range []string{"/a.txt", "/b.txt", "/hash/a.txt"} {
					r, err := c.GET(path).DoErr()
					if err != nil || r.StatusCode != 200 || len(strings.Trim(r.Text(), r.Text()[:1])) != 0 {
						t.Errorf("%s: %v", path, err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}
