package ui_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/swagger"
	"github.com/gogeist/geist/swagger/ui"
)

func config() swagger.Config {
	return swagger.Config{Title: `Users & "friends"`, Version: "1.0", Logger: slog.New(slog.DiscardHandler), Pages: ui.Pages}
}

func none(c *geist.Ctx) error { return c.NoContent() }

func stream(*geist.Ctx, *geist.Stream) error { return nil }

// mount returns an engine with pages, an operation and a channel.
func mount(t *testing.T, cfg swagger.Config) *geist.Engine {
	t.Helper()
	app := geist.New()
	if err := swagger.Mount(app, cfg); err != nil {
		t.Fatal(err)
	}
	app.GET("/users", none)
	app.SSE("/events", stream)
	return app
}

var addresses = regexp.MustCompile(`(?:href|src)="([^"]*)"`)

// links returns what a page refers to, as paths from the root.
func links(t *testing.T, page, text string) []string {
	t.Helper()
	var all []string
	for _, m := range addresses.FindAllStringSubmatch(text, -1) {
		if !strings.HasPrefix(m[1], "./") {
			t.Errorf("%s refers to %s, which is not relative", page, m[1])
			continue
		}
		dir := page[:strings.LastIndexByte(page, '/')]
		rest := m[1][2:]
		for strings.HasPrefix(rest, "../") {
			rest = rest[3:]
			dir = dir[:strings.LastIndexByte(dir, '/')]
		}
		all = append(all, dir+"/"+rest)
	}
	return all
}

func TestPages_everyLinkIsServed(t *testing.T) {
	for _, prefix := range []string{"", "/about", "/a/b"} {
		cfg := config()
		cfg.Prefix = prefix
		parent := geist.New()
		parent.Mount("/shop", mount(t, cfg))
		for base, app := range map[string]*geist.Engine{"": mount(t, cfg), "/shop": parent} {
			c := geisttest.New(t, app)
			for _, page := range []string{"/docs", "/docs/realtime", "/docs/oauth2-redirect"} {
				page = base + prefix + page
				text := c.GET(page).Do().Status(200).Text()
				found := links(t, page, text)
				if len(found) < 3 {
					t.Errorf("%s refers to %q alone", page, found)
				}
				for _, link := range found {
					c.GET(link).Do().Status(200)
				}
			}
		}
	}
}

// Modules import each other by relative addresses, which must be served beside them.
func TestPages_everyImportIsServed(t *testing.T) {
	c := geisttest.New(t, mount(t, config()))
	imports := regexp.MustCompile(`from "\./([^"]+)"`)
	open := []string{"realtime.js", "docs.js", "oauth2.js"}
	version := regexp.MustCompile(`docs/assets/[^/]+/`).FindString(c.GET("/docs").Do().Text())
	seen := map[string]bool{}
	for len(open) > 0 {
		name := open[0]
		open = open[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		r := c.GET("/"+version+name).Do().Status(200).HasHeader("Content-Type", "text/javascript; charset=utf-8")
		for _, m := range imports.FindAllStringSubmatch(r.Text(), -1) {
			open = append(open, m[1])
		}
	}
	if !seen["geist.js"] || len(seen) < 8 {
		t.Errorf("seen %v, want the client and the parts of the page among them", seen)
	}
}

func TestPages_headers(t *testing.T) {
	cfg := config()
	cfg.Servers = []swagger.Server{{URL: "https://api.geist.test/v1"}}
	c := geisttest.New(t, mount(t, cfg))
	r := c.GET("/docs").Do().Status(200).HasHeader("Content-Type", "text/html; charset=utf-8").HasHeader("Cache-Control", "no-cache").
		HasHeader("X-Content-Type-Options", "nosniff").BodyContains("Users &amp; &#34;friends&#34;")
	policy := r.Header("Content-Security-Policy")
	for _, want := range []string{"default-src 'none';", "script-src 'self';", "style-src 'self';", "connect-src 'self' https://api.geist.test wss://api.geist.test;", "frame-ancestors 'self'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy = %s, want %s", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("policy = %s has exceptions", policy)
	}
	c.HEAD("/docs").Do().Status(200).HasHeader("ETag", r.Header("ETag")).BodyIs("")
	c.GET("/docs").Header("If-None-Match", r.Header("ETag")).Do().Status(304).HasHeader("Content-Security-Policy", policy).BodyIs("")
	asset := regexp.MustCompile(`docs/assets/[^"]*swagger-ui\.css`).FindString(r.Text())
	c.GET("/"+asset).Do().Status(200).HasHeader("Content-Type", "text/css; charset=utf-8").HasHeader("Cache-Control", "private, max-age=31536000, immutable")
	c.GET("/docs/assets/0000000000000000/swagger-ui.css").Do().Status(404)
	c.GET(strings.Replace("/"+asset, "swagger-ui.css", "doc.go", 1)).Do().Status(404)
}

// Both forms are the same text, with an entity tag each.
func TestPages_compression(t *testing.T) {
	c := geisttest.New(t, mount(t, config()))
	plain := c.GET("/docs").Do().NoHeader("Content-Encoding").HasHeader("Vary", "Accept-Encoding")
	for field, zipped := range map[string]bool{"gzip": true, "br, GZIP;q=0.5": true, "gzip;q=0": false, "br": false, "identity": false} {
		r := c.GET("/docs").Header("Accept-Encoding", field).Do().Status(200)
		if got := r.Header("Content-Encoding") == "gzip"; got != zipped {
			t.Errorf("Accept-Encoding %q is answered zipped: %v", field, got)
			continue
		}
		text := r.Bytes()
		if zipped {
			reader, err := gzip.NewReader(bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			if text, err = io.ReadAll(reader); err != nil {
				t.Fatal(err)
			}
			c.GET("/docs").Header("Accept-Encoding", field).Header("If-None-Match", r.Header("ETag")).Do().Status(304)
		}
		if !bytes.Equal(text, plain.Bytes()) {
			t.Errorf("Accept-Encoding %q gives another text", field)
		}
		if same := r.Header("ETag") == plain.Header("ETag"); same == zipped {
			t.Errorf("Accept-Encoding %q: entity tag %s beside %s", field, r.Header("ETag"), plain.Header("ETag"))
		}
	}
}

// What has nothing to show is not found, and nothing leads there.
func TestPages_followTheDocuments(t *testing.T) {
	app := geist.New()
	cfg := config()
	cfg.Filter = func(r geist.RouteInfo) bool { return r.Pattern != "/filtered" }
	if err := swagger.Mount(app, cfg); err != nil {
		t.Fatal(err)
	}
	app.SSE("/filtered", stream)
	c := geisttest.New(t, app)
	c.GET("/docs").Do().Status(404)
	c.GET("/docs/realtime").Do().Status(404)
	app.Change(func() { app.GET("/users", none) })
	if text := c.GET("/docs").Do().Status(200).Text(); strings.Contains(text, "docs/realtime") {
		t.Errorf("the page leads to one that is not there:\n%s", text)
	}
	c.GET("/docs/realtime").Do().Status(404)
	app.Change(func() { app.SSE("/events", stream) })
	c.GET("/docs").Do().Status(200).BodyContains("docs/realtime")
	c.GET("/docs/realtime").Do().Status(200)
	if got := c.GET("/openapi.json").Do().Text(); strings.Contains(got, "/docs") {
		t.Errorf("the document describes its pages:\n%s", got)
	}
}

func TestPages_areGuardedLikeTheDocuments(t *testing.T) {
	cfg := config()
	cfg.Middleware = []geist.Handler{func(c *geist.Ctx) error {
		if c.Header("Authorization") == "" {
			return geist.NewError(401, "who are you?")
		}
		return c.Next()
	}}
	c := geisttest.New(t, mount(t, cfg))
	text := c.GET("/docs").Header("Authorization", "x").Do().Status(200).Text()
	for _, path := range append(links(t, "/docs", text), "/docs", "/docs/realtime", "/docs/oauth2-redirect") {
		c.GET(path).Do().Status(401)
		c.GET(path).Header("Authorization", "x").Do().Status(200)
	}
}

// A page that ends in a slash would look for everything in the wrong place.
func TestPages_slash(t *testing.T) {
	for policy, status := range map[geist.SlashPolicy]int{geist.SlashRedirect: 308, geist.SlashIgnore: 308, geist.SlashStrict: 404} {
		app := geist.New(geist.Config{TrailingSlash: policy})
		if err := swagger.Mount(app, config()); err != nil {
			t.Fatal(err)
		}
		app.GET("/users", none)
		c := geisttest.New(t, app)
		r := c.GET("/docs/").Do().Status(status)
		if to := r.Header("Location"); status == 308 && !strings.HasSuffix(to, "/docs") {
			t.Errorf("policy %v: Location = %q", policy, to)
		}
	}
}
