package slash

import (
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// newApp has a wildcard route, one in each form, files, and streams.
func newApp(t testing.TB, policy geist.SlashPolicy) *geist.Engine {
	app := geist.New(geist.Config{TrailingSlash: policy})
	show := func(c *geist.Ctx) error { return c.Text(200, c.Path()) }
	app.GET("/wiki/*page", show)
	app.POST("/wiki/*page", show)
	app.GET("/api/users", show)
	app.GET("/dir/", show)
	app.Static("/files", t.TempDir())
	app.WS("/ws/*room", func(_ *geist.Ctx, ws *geist.Conn) error { return ws.Write(geist.TextMessage, []byte("hi")) })
	app.SSE("/sse/*room", func(_ *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error { return s.Send(geist.Event{Data: []byte("hi")}) })
	})
	return app
}

func TestNew_table(t *testing.T) {
	for _, tt := range []struct {
		conf           Config
		method, target string
		status         int
		location       string
	}{
		{Config{}, "GET", "/wiki/a/", 308, "/wiki/a"},
		{Config{}, "GET", "/wiki/a/b/?x=1&y=%2F", 308, "/wiki/a/b?x=1&y=%2F"},
		{Config{}, "GET", `/wiki/a/?x=\`, 308, "/wiki/a?x=%5C"},
		{Config{}, "GET", "/wiki/a%2F/", 308, "/wiki/a%2F"},
		{Config{}, "POST", "/wiki/a/", 308, "/wiki/a"},
		{Config{}, "GET", "/wiki/a", 200, ""},
		{Config{}, "GET", "/wiki/a//", 200, ""},
		{Config{}, "GET", "/wiki//", 200, ""},
		{Config{}, "GET", "/dir/", 200, ""},
		{Config{}, "GET", "/dir", 308, "/dir/"},
		{Config{}, "GET", "/api/users/", 308, "/api/users"},
		{Config{}, "GET", "/files/", 404, ""},
		{Config{}, "GET", "/nowhere/", 404, ""},
		{Config{}, "DELETE", "/wiki/a/", 405, ""},
		{Config{}, "OPTIONS", "/wiki/a/", 204, ""},
		{Config{Status: 301}, "GET", "/wiki/a/", 301, "/wiki/a"},
		{Config{Status: 302}, "HEAD", "/wiki/a/", 302, "/wiki/a"},
		{Config{Status: 301}, "POST", "/wiki/a/", 200, ""},
		{Config{Status: 307}, "POST", "/wiki/a/", 307, "/wiki/a"},
		{Config{Add: true}, "GET", "/wiki/a", 308, "/wiki/a/"},
		{Config{Add: true}, "GET", "/wiki/a/", 200, ""},
		{Config{Add: true}, "GET", "/wiki/a.css", 200, ""},
		{Config{Add: true}, "GET", "/wiki/v1.2/a", 308, "/wiki/v1.2/a/"},
		{Config{Add: true}, "GET", "/api/users", 200, ""},
		{Config{Prefixes: []string{"/wiki/a"}}, "GET", "/wiki/a/b/", 308, "/wiki/a/b"},
		{Config{Prefixes: []string{"/wiki/a/"}}, "GET", "/wiki/%61/", 308, "/wiki/%61"},
		{Config{Prefixes: []string{"/wiki/a"}}, "GET", "/wiki/ab/", 200, ""},
	} {
		app := newApp(t, geist.SlashRedirect)
		app.Use(New(tt.conf))
		res := geisttest.New(t, app).Request(tt.method, tt.target).Do().Status(tt.status)
		if got := res.Header("Location"); got != tt.location {
			t.Errorf("%+v: %s %s: Location = %q, want %q", tt.conf, tt.method, tt.target, got, tt.location)
		}
	}
}

func TestRewrite_table(t *testing.T) {
	for _, tt := range []struct {
		conf         Config
		target, want string
	}{
		{Config{}, "/api/users/", "/api/users"},
		{Config{}, "/api/users", "/api/users"},
		{Config{}, "/wiki/a/?x", "/wiki/a"},
		{Config{}, "/api/users//", ""},
		{Config{}, "/api/./users/", ""},
		{Config{}, "/", ""},
		{Config{Add: true}, "/dir", "/dir/"},
		{Config{Prefixes: []string{"/api"}}, "/api/users/", "/api/users"},
		{Config{Prefixes: []string{"/api"}}, "/wiki/a/", "/wiki/a/"},
	} {
		app := newApp(t, geist.SlashStrict)
		app.BeforeRequest(Rewrite(tt.conf))
		res := geisttest.New(t, app).GET(tt.target).Do()
		if tt.want == "" {
			res.Status(404)
		} else {
			res.Status(200).BodyIs(tt.want)
		}
	}
}

func TestNew_notFound(t *testing.T) {
	app := newApp(t, geist.SlashRedirect)
	app.Use(New())
	c := geisttest.New(t, app)
	c.GET("/nowhere/").Do().Status(404).NoHeader("Location")
	c.DELETE("/wiki/a/").Do().Status(405).NoHeader("Location")
}

func TestNew_websocket(t *testing.T) {
	app := newApp(t, geist.SlashRedirect)
	app.Use(New())
	c := geisttest.New(t, app)
	c.GET("/ws/a/").Handshake().Do().Status(308).HasHeader("Location", "/ws/a")
	ws := c.WS("/ws/a")
	ws.Next().Text("hi")
	ws.Closed(1000)
	hooked := newApp(t, geist.SlashStrict)
	hooked.BeforeRequest(Rewrite())
	ws = geisttest.New(t, hooked).WS("/ws/a/")
	ws.Next().Text("hi")
	ws.Closed(1000)
}

func TestNew_stream(t *testing.T) {
	app := newApp(t, geist.SlashRedirect)
	app.Use(New())
	c := geisttest.New(t, app)
	c.GET("/sse/a/").Do().Status(308).HasHeader("Location", "/sse/a")
	c.SSE("/sse/a").Next().Is("message", "hi")
}

func TestNew_panics(t *testing.T) {
	for name, tt := range map[string]struct {
		f    func()
		want string
	}{
		"status":              {func() { New(Config{Status: 303}) }, "use 301, 302, 307 or 308"},
		"status of a rewrite": {func() { Rewrite(Config{Status: 308}) }, "redirects nothing"},
		"prefix":              {func() { New(Config{Prefixes: []string{"api"}}) }, "begins with a slash"},
		"prefix with a star":  {func() { Rewrite(Config{Prefixes: []string{"/api/*"}}) }, "without parameters"},
		"two Configs":         {func() { New(Config{}, Config{}) }, "more than one"},
		"two for a rewrite":   {func() { Rewrite(Config{}, Config{}) }, "more than one"},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if v, _ := recover().(string); !strings.Contains(v, tt.want) {
					t.Errorf("panic = %q, want one with %q", v, tt.want)
				}
			}()
			tt.f()
		})
	}
}

// serveOne serves one request.
func serveOne(h fasthttp.RequestHandler, rc *fasthttp.RequestCtx, path string) {
	rc.Request.Reset()
	rc.Response.Reset()
	rc.Request.Header.SetMethod("GET")
	rc.Request.SetRequestURI(path)
	rc.Request.Header.SetHost("localhost")
	h(rc)
}

func BenchmarkNew(b *testing.B) {
	for _, path := range []string{"/api/users", "/wiki/a", "/wiki/a/"} {
		b.Run(path, func(b *testing.B) {
			app := newApp(b, geist.SlashRedirect)
			app.Use(New())
			h := app.Handler()
			rc := new(fasthttp.RequestCtx)
			b.ReportAllocs()
			for b.Loop() {
				serveOne(h, rc, path)
			}
		})
	}
}
