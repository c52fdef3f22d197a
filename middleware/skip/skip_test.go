package skip

import (
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
)

// marked is middleware that leaves a field, before and after, and may refuse.
func marked(c *geist.Ctx) error {
	c.SetHeader("X-Ran", "yes")
	if c.Query("refuse") != "" {
		return geist.NewError(403, "no")
	}
	err := c.Next()
	c.SetHeader("X-Status", fasthttp.StatusMessage(c.ResponseStatus()))
	return err
}

// newApp has routes of every kind behind mw.
func newApp(cfg geist.Config, mw geist.Handler) *geist.Engine {
	app := geist.New(cfg)
	app.Use(mw)
	show := func(c *geist.Ctx) error { return c.Text(200, c.Path()) }
	for _, path := range []string{"/healthz", "/static/*path", "/users/:id", "/users/me"} {
		app.GET(path, show)
	}
	app.POST("/users/:id", show)
	app.WS("/ws", func(_ *geist.Ctx, ws *geist.Conn) error { return ws.Write(geist.TextMessage, []byte("hi")) })
	app.SSE("/sse", func(_ *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error { return s.Send(geist.Event{Data: []byte("hi")}) })
	})
	return app
}

func TestConditions_table(t *testing.T) {
	never := func(*geist.Ctx) bool { return false }
	public := Paths("/healthz", "/static/*")
	for _, tt := range []struct {
		name           string
		cond           Condition
		method, target string
		want           bool
	}{
		{"exact", public, "GET", "/healthz", true},
		{"exact, query", public, "GET", "/healthz?x=/static/", true},
		{"exact, encoded", public, "GET", "/%68ealthz", true},
		{"exact, longer", public, "GET", "/healthzz", false},
		{"exact, below", public, "GET", "/healthz/x", false},
		{"exact, slash: the redirect leads there", public, "GET", "/healthz/", true},
		{"prefix", public, "GET", "/static/a/b", true},
		{"prefix, nothing behind", public, "GET", "/static/", true},
		{"prefix, no slash", public, "GET", "/static", false},
		{"prefix, other", public, "GET", "/statically", false},
		{"prefix, encoded slash", public, "GET", "/static%2Fa", false},
		{"prefix, dots", public, "GET", "/static/../nowhere", false},
		{"prefix, encoded dots", public, "GET", "/static/%2e%2e/nowhere", false},
		{"prefix, dots in a name", public, "GET", "/static/..a", true},
		{"everything", Paths("/*"), "GET", "/nowhere", true},
		{"pattern", Patterns("/users/:id"), "GET", "/users/7", true},
		{"pattern, other route", Patterns("/users/:id"), "GET", "/users/me", false},
		{"pattern, no route", Patterns("/users/:id"), "DELETE", "/users/7", false},
		{"method", Methods("POST", "PUT"), "POST", "/users/7", true},
		{"method, other", Methods("POST", "PUT"), "GET", "/users/7", false},
		{"method, HEAD", Methods("GET"), "HEAD", "/users/7", false},
		{"upgrade", Upgrades(), "GET", "/ws", true},
		{"upgrade, events", Upgrades(), "GET", "/sse", true},
		{"upgrade, neither", Upgrades(), "GET", "/users/7", false},
		{"any", Any(never, public), "GET", "/healthz", true},
		{"any, none", Any(never, never), "GET", "/healthz", false},
		{"all", All(public, Methods("GET")), "GET", "/healthz", true},
		{"all, not one", All(public, Methods("POST")), "GET", "/healthz", false},
		{"not", Not(public), "GET", "/healthz", false},
		{"not, not", Not(never), "GET", "/healthz", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked := 0
			cond := func(c *geist.Ctx) bool { asked++; return tt.cond(c) }
			ran := func(mw geist.Handler) bool {
				app := newApp(geist.Config{}, mw)
				return geisttest.New(t, app).Request(tt.method, tt.target).Header("Connection", "close").Do().Header("X-Ran") != ""
			}
			if got := ran(Only(cond, marked)); got != tt.want {
				t.Errorf("Only: ran = %t, want %t", got, tt.want)
			}
			if got := ran(Unless(cond, marked)); got == tt.want {
				t.Errorf("Unless: ran = %t, want %t", got, !tt.want)
			}
			if asked != 2 {
				t.Errorf("asked %d times for two requests", asked)
			}
		})
	}
}

func TestUnless_chain(t *testing.T) {
	var order []string
	app := newApp(geist.Config{}, Unless(Paths("/healthz"), marked))
	app.Use(func(c *geist.Ctx) error { order = append(order, "inner"); return c.Next() })
	c := geisttest.New(t, app)
	c.GET("/healthz").Do().Status(200).BodyIs("/healthz").NoHeader("X-Status")
	c.GET("/users/7").Do().Status(200).BodyIs("/users/7").HasHeader("X-Status", "OK")
	if len(order) != 2 {
		t.Errorf("what follows ran %d times, want 2", len(order))
	}
	c.GET("/users/7?refuse=1").Do().Status(403)
	c.GET("/healthz?refuse=1").Do().Status(200)
	if len(order) != 3 {
		t.Errorf("what follows ran %d times, want 3", len(order))
	}
}

func TestUnless_notFound(t *testing.T) {
	c := geisttest.New(t, newApp(geist.Config{}, Unless(Paths("/quiet/*"), marked)))
	c.GET("/quiet/x").Do().Status(404).NoHeader("X-Ran")
	c.GET("/loud/x").Do().Status(404).HasHeader("X-Status", "Not Found")
	c.DELETE("/healthz").Do().Status(405).HasHeader("X-Status", "Method Not Allowed")
	c.GET("/users/7/").Do().Status(308).HasHeader("X-Ran", "yes")
}

func TestUnless_caseInsensitive(t *testing.T) {
	c := geisttest.New(t, newApp(geist.Config{CaseInsensitive: true}, Unless(Paths("/healthz"), marked)))
	c.GET("/HealthZ").Do().Status(200).NoHeader("X-Ran")
}

func TestUpgrades_websocket(t *testing.T) {
	c := geisttest.New(t, newApp(geist.Config{}, Unless(Upgrades(), marked)))
	ws := c.WS("/ws")
	ws.Response().NoHeader("X-Ran")
	ws.Next().Text("hi")
	ws.Closed(1000)
	c.GET("/users/7").Handshake().Do().Status(200).HasHeader("X-Ran", "yes") // asking for an upgrade makes no route one
}

func TestUpgrades_stream(t *testing.T) {
	c := geisttest.New(t, newApp(geist.Config{}, Unless(Upgrades(), marked)))
	feed := c.SSE("/sse")
	feed.Response().NoHeader("X-Ran")
	feed.Next().Is("message", "hi")
	c.GET("/users/7").Header("Accept", "text/event-stream").Do().HasHeader("X-Ran", "yes")
}

func TestUpgrades_rooms(t *testing.T) {
	app := newApp(geist.Config{}, Only(Upgrades(), marked))
	app.Rooms("/rooms", hub.New(hub.Config{}), func(*geist.Ctx) (hub.Policy, error) { return hub.Policy{}, geist.NewError(401, "no") })
	c := geisttest.New(t, app)
	c.GET("/rooms").Do().HasHeader("X-Ran", "yes")
	c.POST("/rooms").Do().NoHeader("X-Ran")
}

func TestConditions_panics(t *testing.T) {
	for name, f := range map[string]func(){
		"no condition":       func() { Unless(nil, marked) },
		"no handler":         func() { Unless(Paths("/a"), nil) },
		"Only, no condition": func() { Only(nil, marked) },
		"Only, no handler":   func() { Only(Paths("/a"), nil) },
		"no paths":           func() { Paths() },
		"path without slash": func() { Paths("a") },
		"star in the middle": func() { Paths("/a*b") },
		"star without slash": func() { Paths("/a*") },
		"two stars":          func() { Paths("/*/a/*") },
		"no patterns":        func() { Patterns() },
		"pattern, no slash":  func() { Patterns("users") },
		"no methods":         func() { Methods() },
		"empty method":       func() { Methods("") },
		"Any of none":        func() { Any() },
		"All of none":        func() { All() },
		"Any of nil":         func() { Any(Paths("/a"), nil) },
		"All of nil":         func() { All(nil) },
		"Not of nil":         func() { Not(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f()
		})
	}
}

// TestConditions_copied holds that the caller's slice may change.
func TestConditions_copied(t *testing.T) {
	methods, patterns, conds := []string{"GET"}, []string{"/users/me"}, []Condition{Paths("/users/me")}
	all := All(Methods(methods...), Patterns(patterns...), Any(conds...))
	methods[0], patterns[0], conds[0] = "PUT", "/x", Paths("/x")
	geisttest.New(t, newApp(geist.Config{}, Only(all, marked))).GET("/users/me").Do().HasHeader("X-Ran", "yes")
}

func BenchmarkUnless(b *testing.B) {
	mw := Unless(Any(Paths("/healthz", "/static/*"), Upgrades()), func(c *geist.Ctx) error { return c.Next() })
	for _, path := range []string{"/users/7", "/static/a"} {
		b.Run(path, func(b *testing.B) {
			h := newApp(geist.Config{}, mw).Handler()
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
