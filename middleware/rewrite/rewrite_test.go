package rewrite

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// newApp has routes that tell what they were asked for.
func newApp(cfg geist.Config, rules ...Rule) *geist.Engine {
	app := geist.New(cfg)
	app.BeforeRequest(New(Config{Rules: rules}))
	show := func(c *geist.Ctx) error {
		return c.Text(200, c.Pattern()+" "+c.Path()+" "+c.Param("id")+" "+c.Query("q"))
	}
	app.GET("/users/:id", show)
	app.POST("/users/:id", show)
	app.GET("/new/*id", show)
	app.GET("/std/*id", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(r.URL.RequestURI()))
	})))
	app.WS("/ws/:id", func(c *geist.Ctx, ws *geist.Conn) error { return ws.Write(geist.TextMessage, []byte(c.Param("id"))) })
	app.SSE("/sse/:id", func(c *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error { return s.Send(geist.Event{Data: []byte(c.Param("id"))}) })
	})
	return app
}

func TestNew_routes(t *testing.T) {
	rules := []Rule{
		{"/v1/users/:id", "/users/:id"},
		{"/users/first", "/users/1"},
		{"/old/*path", "/new/*path"},
		{"/net/*path", "/std/*path"},
		{"/chain", "/old/x"},
	}
	for _, tt := range []struct {
		target string
		status int
		want   string
	}{
		{"/v1/users/7?q=a%20b", 200, "/users/:id /users/7 7 a b"},
		{"/v1/users/first", 200, "/users/:id /users/first first "}, // one rule, once
		{"/users/first", 200, "/users/:id /users/1 1 "},
		{"/users/2", 200, "/users/:id /users/2 2 "},
		{"/v1/users/a%2Fb", 200, "/users/:id /users/a%2Fb a/b "},
		{"/old/a/b", 200, "/new/*id /new/a/b a/b "},
		{"/net/a%20b?q=1", 200, "/std/a%20b?q=1"},
		{"/chain", 404, ""},
		{"/v1/users/7/x", 404, ""},
		{"/%", 400, ""},
	} {
		res := geisttest.New(t, newApp(geist.Config{}, rules...)).GET(tt.target).Do().Status(tt.status)
		if tt.want != "" && res.Text() != tt.want {
			t.Errorf("%s: got %q, want %q", tt.target, res.Text(), tt.want)
		}
	}
}

func TestNew_methods(t *testing.T) {
	c := geisttest.New(t, newApp(geist.Config{}, Rule{"/v1/:id", "/users/:id"}))
	c.HEAD("/v1/7").Do().Status(200).HasHeader("Content-Length", "22")
	c.POST("/v1/7").BodyString("x").Do().Status(200)
	c.OPTIONS("/v1/7").Do().Status(204).HasHeader("Allow", "GET, HEAD, POST, OPTIONS")
	c.OPTIONS("*").Do().Status(204)
}

func TestNew_notFound(t *testing.T) {
	c := geisttest.New(t, newApp(geist.Config{}, Rule{"/v1/:id", "/users/:id"}, Rule{"/gone", "/nowhere"}))
	c.GET("/gone").Do().Status(404)
	c.GET("/other").Do().Status(404)
	c.DELETE("/v1/7").Do().Status(405)
	c.GET("/v1/7/").Do().Status(404) // no rule fits, and no route has the path without the slash
}

func TestNew_websocket(t *testing.T) {
	ws := geisttest.New(t, newApp(geist.Config{}, Rule{"/live/:id", "/ws/:id"})).WS("/live/7")
	ws.Next().Text("7")
	ws.Closed(1000)
}

func TestNew_stream(t *testing.T) {
	geisttest.New(t, newApp(geist.Config{}, Rule{"/live/:id", "/sse/:id"})).SSE("/live/7").Next().Is("message", "7")
}

func TestNew_asMiddleware(t *testing.T) {
	app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler)})
	app.Use(New(Config{Rules: []Rule{{"/a", "/b"}}}))
	app.GET("/b", func(c *geist.Ctx) error { return c.Text(200, "b") })
	c := geisttest.New(t, app)
	c.GET("/b").Do().Status(200).BodyIs("b")
	c.GET("/a").Do().Status(500)
}

func TestNew_rulesAreCopied(t *testing.T) {
	rules := []Rule{{"/v1/:id", "/users/:id"}}
	app := geist.New()
	app.BeforeRequest(New(Config{Rules: rules}))
	app.GET("/users/:id", func(c *geist.Ctx) error { return c.Text(200, c.Param("id")) })
	rules[0] = Rule{"/x", "/y"}
	geisttest.New(t, app).GET("/v1/7").Do().Status(200).BodyIs("7")
}

func TestNew_panics(t *testing.T) {
	for name, tt := range map[string]struct {
		configs []Config
		want    string
	}{
		"no Config":   {nil, "give New one Config with Rules"},
		"no rules":    {[]Config{{}}, "give New one Config with Rules"},
		"two Configs": {[]Config{{Rules: []Rule{{"/a", "/b"}}}, {}}, "give New one Config"},
		"a pattern":   {[]Config{{Rules: []Rule{{"/a", "/b"}, {"/:id<int>", "/b"}}}}, "no constraint"},
		"a host":      {[]Config{{Rules: []Rule{{"/a", "//b.example"}}}}, "is no path"},
		"a name":      {[]Config{{Rules: []Rule{{"/:a", "/:b"}}}}, `names ":b"`},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if v, _ := recover().(string); !strings.Contains(v, tt.want) {
					t.Errorf("panic = %q, want one with %q", v, tt.want)
				}
			}()
			New(tt.configs...)
		})
	}
}

func BenchmarkNew(b *testing.B) {
	for _, path := range []string{"/users/7", "/v1/users/7"} {
		b.Run(path, func(b *testing.B) {
			h := newApp(geist.Config{}, Rule{"/v1/users/:id", "/users/:id"}).Handler()
			rc := new(fasthttp.RequestCtx)
			b.ReportAllocs()
			for b.Loop() {
				rc.Request.Reset()
				rc.Response.Reset()
				rc.Request.Header.SetMethod("GET")
				rc.Request.SetRequestURI(path)
				rc.Request.Header.SetHost("localhost")
				h(rc)
			}
		})
	}
}
