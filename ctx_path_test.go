package geist_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// pathApp sets the path that the header field X-Path names, before routing.
func pathApp(cfg geist.Config) *geist.Engine {
	app := geist.New(cfg)
	app.BeforeRequest(func(c *geist.Ctx) error {
		if p := c.Header("X-Path"); p != "" {
			return c.SetPath(p)
		}
		return nil
	})
	show := func(c *geist.Ctx) error {
		return c.Text(200, strings.Join([]string{c.Pattern(), c.Path(), c.RawPath(), c.Param("id"), c.RawQuery()}, "|"))
	}
	app.GET("/users/:id", show)
	app.GET("/files/*id", show)
	app.GET("/std/*id", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(r.URL.Path + "|" + r.URL.EscapedPath() + "|" + r.URL.RawQuery + "|" + r.RequestURI))
	})))
	return app
}

func TestCtx_SetPath_routes(t *testing.T) {
	const r, i = geist.SlashRedirect, geist.SlashIgnore
	for _, tt := range []struct {
		policy geist.SlashPolicy
		path   string
		status int
		want   string // the body of 200, the Location of 308
	}{
		{r, "/users/7", 200, "/users/:id|/users/7|/users/7|7|q=1"},
		{r, "/users/a%2Fb", 200, "/users/:id|/users/a%2Fb|/users/a%2Fb|a/b|q=1"},
		{r, "/users/%252e", 200, "/users/:id|/users/%2e|/users/%252e|%2e|q=1"},
		{r, "/%75sers/7", 200, "/users/:id|/users/7|/%75sers/7|7|q=1"},
		{r, "/users/7/", 308, "/users/7?q=1"},
		{r, "/files/../users/7", 308, "/users/7?q=1"},
		{r, "/files/%2e%2e/users/7", 308, "/users/7?q=1"},
		{r, "/nowhere", 404, ""},
		{r, "/std/a%20b", 200, "/std/a b|/std/a%20b|q=1|/start%41?q=1"},
		{i, "/users//7/", 200, "/users/:id|/users/7|/users/7|7|q=1"},
		{i, "/files/../users/7", 200, "/users/:id|/users/7|/users/7|7|q=1"},
	} {
		res := geisttest.New(t, pathApp(geist.Config{TrailingSlash: tt.policy})).GET("/start%41?q=1").Header("X-Path", tt.path).Do().Status(tt.status)
		got := res.Text()
		if tt.status == 308 {
			got = res.Header("Location")
		}
		if tt.want != "" && got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.path, got, tt.want)
		}
	}
}

func TestCtx_SetPath_refused(t *testing.T) {
	for _, tt := range []struct {
		path   string
		status int
	}{
		{"users/7", 400},
		{"//host/users/7", 400},
		{`/\host`, 400},
		{"/users/7?x=1", 400},
		{"/users/7#x", 400},
		{"/users/%", 400},
		{"/users/%4", 400},
		{"/users/%zz", 400},
		{"/users/%00", 400},
		{"/users/a b", 400},
		{"/users/\x7f", 400},
		{"http://host/users/7", 400},
		{"*", 400},
		{"/" + strings.Repeat("a", 17<<10), 414},
	} {
		app := geist.New()
		app.BeforeRequest(func(c *geist.Ctx) error {
			before := c.RawPath() + c.Path()
			err := c.SetPath(tt.path)
			if after := c.RawPath() + c.Path(); after != before {
				t.Errorf("%q: refused, but the path became %q", tt.path, after)
			}
			return err
		})
		geisttest.New(t, app).GET("/x%41").Do().Status(tt.status)
	}
}

// TestCtx_SetPath_tooLate holds that a path is not set where nothing would follow from it.
func TestCtx_SetPath_tooLate(t *testing.T) {
	app := geist.New()
	var got []error
	try := func(c *geist.Ctx) { got = append(got, c.SetPath("/y")) }
	app.Use(func(c *geist.Ctx) error { try(c); return c.Next() })
	app.GET("/x", func(c *geist.Ctx) error { try(c); return nil })
	app.AfterRequest(try)
	client := geisttest.New(t, app)
	client.GET("/x").Do().Status(200)
	client.GET("/nowhere").Do().Status(404)
	if len(got) != 5 {
		t.Fatalf("tried %d times, want 5", len(got))
	}
	for i, err := range got {
		if err == nil || !strings.Contains(err.Error(), "BeforeRequest") {
			t.Errorf("SetPath %d = %v, want an error that names BeforeRequest", i, err)
		}
	}
	asterisk := geist.New()
	asterisk.BeforeRequest(func(c *geist.Ctx) error {
		if err := c.SetPath("/y"); err == nil {
			return errors.New("OPTIONS * has no path")
		}
		return nil
	})
	geisttest.New(t, asterisk).OPTIONS("*").Do().Status(204)
}

func TestCtx_Path_beforeRouting(t *testing.T) {
	var got string
	app := geist.New()
	app.BeforeRequest(func(c *geist.Ctx) error { got = c.Path() + " " + c.RawPath(); return nil })
	client := geisttest.New(t, app)
	client.GET("/%61/b%2Fc").Do()
	if want := "/a/b%2Fc /%61/b%2Fc"; got != want {
		t.Errorf("paths in a hook = %q, want %q", got, want)
	}
	got = ""
	client.GET("/%zz").Do().Status(400)
	if got != "" {
		t.Errorf("the hook ran for a malformed path")
	}
}

func TestCtx_Kind_table(t *testing.T) {
	app := geist.New()
	var got geist.RouteKind
	app.Use(func(c *geist.Ctx) error { got = c.Kind(); return c.Next() })
	app.GET("/http", func(c *geist.Ctx) error { return c.Text(200, "") })
	app.WS("/ws", func(*geist.Ctx, *geist.Conn) error { return geist.NewError(403, "no") })
	app.SSE("/sse", func(*geist.Ctx, *geist.Stream) error { return geist.NewError(403, "no") })
	app.Static("/files", t.TempDir())
	client := geisttest.New(t, app)
	for path, want := range map[string]geist.RouteKind{
		"/http": geist.RouteHTTP, "/ws": geist.RouteWebSocket, "/sse": geist.RouteEvents, "/files/x": geist.RouteFiles, "/nowhere": geist.RouteHTTP,
	} {
		got = 99
		client.GET(path).Header("Connection", "Upgrade").Header("Upgrade", "websocket").Do()
		if got != want {
			t.Errorf("%s: Kind = %v, want %v", path, got, want)
		}
	}
}

// TestCtx_RawResponse_body holds that looking at an answer does not make the client send its body.
func TestCtx_RawResponse_body(t *testing.T) {
	app := geist.New()
	app.Use(func(c *geist.Ctx) error {
		err := c.Next()
		if got := len(c.RawResponse().Body()); got == 0 {
			t.Error("the answer has no body")
		}
		return err
	})
	app.Use(func(*geist.Ctx) error { return geist.NewError(401, "who are you?") })
	app.POST("/", func(c *geist.Ctx) error { return c.Text(200, "ok") })
	conn := geisttest.New(t, app).Dial()
	defer conn.Close()
	if _, err := conn.Write([]byte("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 12)
	if _, err := conn.Read(head); err != nil || string(head) != "HTTP/1.1 401" {
		t.Errorf("the answer begins with %q (%v), want 401 without 100 Continue", head, err)
	}
}
