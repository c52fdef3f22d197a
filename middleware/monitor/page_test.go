package monitor_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/monitor"
)

var (
	links  = regexp.MustCompile(`(?:src|href|data-stats|data-events)="([^"]*)"`)
	inline = regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|javascript:|<script(?:\s[^>]*)?>[^<]|//[a-z]`)
)

// TestMonitor_page follows every link of the page, where it stands and below a slash.
func TestMonitor_page(t *testing.T) {
	app := geist.New(geist.Config{TrailingSlash: geist.SlashIgnore})
	m := monitor.New()
	m.Mount(app, "/ops/monitor")
	client := local(t, app)
	for at, base := range map[string]string{"/ops/monitor": "/ops/", "/ops/monitor/": "/ops/monitor/"} {
		page := client.GET(at).Do().Status(200).HasHeader("Content-Type", "text/html; charset=utf-8").HasHeader("Cache-Control", "no-store").
			HasHeader("X-Frame-Options", "DENY").HasHeader("X-Content-Type-Options", "nosniff").HasHeader("Referrer-Policy", "no-referrer")
		html := page.Text()
		if csp := page.Header("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; ") || strings.Contains(csp, "unsafe") {
			t.Errorf("policy %q", csp)
		}
		if bad := inline.FindString(html); bad != "" {
			t.Errorf("the page has %q, which its policy forbids", bad)
		}
		found := links.FindAllStringSubmatch(html, -1)
		if len(found) < 7 {
			t.Fatalf("the page has %d links: %q", len(found), found)
		}
		for _, link := range found {
			if strings.HasSuffix(link[1], "/events") || link[1] == "events" {
				client.SSE(base + link[1]).Close()
				continue
			}
			got := client.GET(base + link[1]).Do().Status(200)
			if cached := strings.Contains(link[1], "-"); cached != strings.Contains(got.Header("Cache-Control"), "immutable") {
				t.Errorf("%s has Cache-Control %q", link[1], got.Header("Cache-Control"))
			}
		}
	}
}

func TestMonitor_methods(t *testing.T) {
	app, _ := monitored(monitor.Config{})
	client := local(t, app)
	for _, path := range []string{"/monitor", "/monitor/stats.json", "/monitor/events"} {
		client.HEAD(path).Do().Status(200)
		client.POST(path).Do().Status(405)
	}
	client.GET("/monitor/other").Do().Status(404)
	if s := read(client); s.Viewers != 0 {
		t.Errorf("%d viewers are left by HEAD", s.Viewers)
	}
}

func TestMonitor_Mount_middleware(t *testing.T) {
	app := geist.New()
	asked := 0
	m := monitor.New(monitor.Config{Allow: func(c *geist.Ctx) bool {
		asked++
		return c.Header("X-Role") == "admin"
	}})
	app.Use(m.Handler())
	m.Mount(app, "/monitor", func(c *geist.Ctx) error {
		if c.Header("Authorization") == "" {
			c.SetHeader("WWW-Authenticate", "Basic")
			return geist.NewError(401, "who are you?")
		}
		return c.Next()
	})
	client := geisttest.New(t, app)
	client.GET("/monitor").Do().Status(401).HasHeader("WWW-Authenticate", "Basic")
	if asked != 0 {
		t.Error("Allow was asked before the login")
	}
	client.GET("/monitor").Header("Authorization", "a").Do().Status(403)
	client.GET("/monitor").Header("Authorization", "a").Header("X-Role", "admin").Do().Status(200)
	for _, route := range app.Routes() {
		if !route.Hidden {
			t.Errorf("%s %s is not hidden", route.Method, route.Pattern)
		}
	}
}
