package geist_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// counted is middleware that says in the answer that it ran.
func counted(name string) geist.Handler {
	return func(c *geist.Ctx) error {
		c.AddHeader("X-Ran", name)
		return c.Next()
	}
}

// A page for every navigation never eats what an API answers by itself.
func TestStatic_spa(t *testing.T) {
	dir := site(t, map[string]string{"index.html": "spa", "app.js": "js", "docs/index.html": "docs"})
	text := func(s string) geist.Handler { return func(c *geist.Ctx) error { return c.Text(200, s) } }
	app := geist.New(geist.Config{Logger: discard()})
	app.Use(counted("app"))
	app.Static("/", dir, geist.StaticConfig{SPA: true, CacheControl: "max-age=60"})
	api := app.Group("/api", counted("api"))
	api.OnError(func(c *geist.Ctx, err error) { _ = c.Text(geist.StatusCode(err), "api error") })
	api.GET("/users", text("users"))
	api.POST("/upload", text("uploaded"))
	v2 := api.Group("/v2", counted("v2"))
	v2.NotFound(func(c *geist.Ctx) error { return c.Text(404, "no v2 "+c.Path()) })
	app.GET("/plain/list", text("list"))
	app.POST("/login", text("in"))
	app.GET("/about", text("about"))
	child := geist.New(geist.Config{Logger: discard()})
	child.GET("/x", text("child"))
	app.Mount("/child", child)
	c := geisttest.New(t, app)
	const (
		nav   = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
		fetch = "*/*"
	)
	for _, tt := range []struct {
		method, path, accept string
		status               int
		body                 string
		ran                  string
	}{
		{"GET", "/", nav, 200, "spa", "app"},
		{"GET", "/settings", nav, 200, "spa", "app"},
		{"GET", "/settings/profile/7", nav, 200, "spa", "app"},
		{"HEAD", "/settings", nav, 200, "", "app"},
		{"GET", "/settings/", nav, 200, "spa", "app"},
		{"GET", "/settings", fetch, 404, "", "app"},
		{"GET", "/settings", "", 404, "", "app"},
		{"GET", "/settings", "application/json", 404, "", "app"},
		{"GET", "/settings", "text/html;q=0", 404, "", "app"},
		{"GET", "/settings", "application/json, Text/HTML;q=0.1", 200, "spa", "app"},
		{"GET", "/old.js", nav, 404, "", "app"},
		{"GET", "/app.js", nav, 200, "js", "app"},
		{"GET", "/docs/", nav, 200, "docs", "app"},
		{"GET", "/.env", nav, 404, "", "app"},
		{"GET", "/api/users", nav, 200, "users", "app api"},
		{"GET", "/api/nothing", nav, 404, "api error", "app api"},
		{"GET", "/api/nothing", fetch, 404, "api error", "app api"},
		{"GET", "/api", nav, 404, "api error", "app api"},
		{"GET", "/api/", nav, 404, "api error", "app api"},
		{"HEAD", "/api/nothing", nav, 404, "", "app api"},
		{"POST", "/api/nothing", fetch, 404, "api error", "app api"},
		{"DELETE", "/api/users", fetch, 405, "api error", "app api"},
		{"GET", "/api/upload", nav, 405, "api error", "app api"},
		{"GET", "/api/users/", nav, 308, "", "app api"},
		{"GET", "/api/v2/x", nav, 404, "no v2 /api/v2/x", "app api v2"},
		{"PUT", "/api/v2/x", nav, 404, "no v2 /api/v2/x", "app api v2"},
		{"OPTIONS", "/api/v2/x", nav, 404, "no v2 /api/v2/x", "app api v2"},
		{"GET", "/plain/list", fetch, 200, "list", "app"},
		{"GET", "/plain/list/7", nav, 404, "", "app"},
		{"GET", "/plain/list/", nav, 308, "", "app"},
		{"GET", "/plain/other", nav, 200, "spa", "app"},
		{"GET", "/about/", nav, 308, "", "app"},
		{"GET", "/login", nav, 200, "spa", "app"},
		{"GET", "/login", fetch, 405, "", "app"},
		{"POST", "/login", fetch, 200, "in", "app"},
		{"PUT", "/login", fetch, 405, "", "app"},
		{"POST", "/settings", fetch, 405, "", "app"},
		{"GET", "/child/x", nav, 200, "child", "app"},
		{"GET", "/child/y", nav, 404, "", "app"},
		{"GET", "/child", nav, 404, "", "app"},
	} {
		t.Run(tt.method+tt.path+" "+tt.accept, func(t *testing.T) {
			req := c.With(t).Request(tt.method, tt.path)
			if tt.accept != "" {
				req.Header("Accept", tt.accept)
			}
			r := req.Do().Status(tt.status)
			if tt.body != "" {
				r.BodyIs(tt.body)
			}
			ran := ""
			for i, v := range r.Raw().Header.Values("X-Ran") {
				if i > 0 {
					ran += " "
				}
				ran += v
			}
			if ran != tt.ran {
				t.Errorf("middleware that ran = %q, want %q", ran, tt.ran)
			}
			if tt.body == "spa" {
				r.HasHeader("Cache-Control", "no-cache")
			}
			if tt.body == "js" {
				r.HasHeader("Cache-Control", "max-age=60")
			}
			if tt.status == 405 && r.Header("Allow") == "" {
				t.Error("405 without Allow")
			}
		})
	}
	c.GET("/api/users/").Do().Status(308).HasHeader("Location", "/api/users")
}

// Middleware around the files sees the error of what answers in their place.
func TestStatic_missThroughMiddleware(t *testing.T) {
	dir := site(t, map[string]string{"a.txt": "a"})
	var saw error
	var status int
	app := geist.New(geist.Config{Logger: discard()})
	app.Use(func(c *geist.Ctx) error {
		saw = c.Next()
		status = c.ResponseStatus()
		again := c.Next()
		if again != nil {
			t.Errorf("a second Next ran something: %v", again)
		}
		return saw
	})
	app.Static("/", dir)
	app.Group("/g", counted("g1"), counted("g2"), counted("g3")).GET("/x", func(c *geist.Ctx) error { return nil })
	c := geisttest.New(t, app)
	c.GET("/g/none").Do().Status(404)
	if status != 404 || geist.StatusCode(saw) != 404 {
		t.Errorf("middleware saw %v with status %d, want a 404", saw, status)
	}
	c.GET("/none").Do().Status(404)
	if status != 404 || geist.StatusCode(saw) != 404 {
		t.Errorf("middleware saw %v with status %d, want a 404", saw, status)
	}
	c.GET("/a.txt").Do().Status(200)
	if saw != nil {
		t.Errorf("middleware saw %v, want nil", saw)
	}
}

// Routes win over files, whatever the order; so does a route in the place of an index.
func TestStatic_routesFirst(t *testing.T) {
	dir := site(t, map[string]string{"index.html": "file", "a": "file", "s/index.html": "file"})
	app := geist.New(geist.Config{Logger: discard()})
	app.Static("/", dir)
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "route") })
	app.GET("/a", func(c *geist.Ctx) error { return c.Text(200, "route") })
	app.GET("/x", func(c *geist.Ctx) error { return c.Text(200, "route") })
	app.Static("/x", dir).Name("x")
	app.Host("h.example").Static("/", dir)
	c := geisttest.New(t, app)
	c.GET("/").Do().Status(200).BodyIs("route")
	c.GET("/a").Do().Status(200).BodyIs("route")
	c.GET("/x").Do().Status(200).BodyIs("route")
	c.GET("/x/").Do().Status(200).BodyIs("file")
	c.GET("/x/a").Do().Status(200).BodyIs("file")
	c.GET("/").Host("h.example").Do().Status(200).BodyIs("file")
	c.GET("/none").Host("h.example").Do().Status(404)
	if got, err := app.URL("x", "css/a b.css"); err != nil || got != "/x/css/a%20b.css" {
		t.Errorf("URL = %q, %v, want /x/css/a%%20b.css", got, err)
	}
}

// Mistakes are reported at start, with their place.
func TestStatic_problems(t *testing.T) {
	app := geist.New(geist.Config{Logger: discard()})
	dir := t.TempDir()
	app.Static("/a", dir+"/none")
	app.Static("b", dir)
	app.StaticFS("/c", nil)
	app.Static("/d", dir, geist.StaticConfig{Index: "a/b"})
	app.Static("/e", dir, geist.StaticConfig{Fallback: "../x"})
	app.Static("/f", dir, geist.StaticConfig{CacheControl: "a\r\nb"})
	app.Static("/g", dir, geist.StaticConfig{}, geist.StaticConfig{})
	app.Static("/h", dir)
	app.Static("/h/", dir)
	app.Static("/i/:x?", dir)
	app.Static("/j/*x", dir)
	check, _ := errors.AsType[*geist.CheckError](app.Check())
	if check == nil {
		t.Fatal("Check found nothing")
	}
	text := strings.Join(check.Problems, "\n")
	for _, want := range []string{
		`Static "/a" (files_spa_test.go`, `"b/*path"`, "nil file system", "StaticConfig.Index", "StaticConfig.Fallback", "StaticConfig.CacheControl",
		"more than one StaticConfig", "GET /h/*path (files_spa_test.go", "/i/:x?", "/j/*x",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("Check does not say %q:\n%s", want, text)
		}
	}
}
