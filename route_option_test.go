package geist_test

import (
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

func TestWith_runsBehindGroupsAndHandlers(t *testing.T) {
	app := geist.New()
	app.Use(mark("app"))
	g := app.Group("/g", mark("g")).Doc(geist.With(mark("doc")))
	inner := g.Group("/in").Doc(geist.With(mark("in-doc")))
	inner.GET("/x", mark("route"), say("x")).Doc(geist.With(mark("with1"), mark("with2"))).Doc(geist.With(mark("with3")))
	g.GET("/y", say("y"))
	app.GET("/z", say("z"))
	c := geisttest.New(t, app)
	wantChain(t, c.GET("/g/in/x").Do().Status(200), "app g route doc in-doc with1 with2 with3")
	wantChain(t, c.GET("/g/y").Do().Status(200), "app g doc")
	wantChain(t, c.GET("/z").Do().Status(200), "app")
	wantChain(t, c.GET("/g/none").Do().Status(404), "app g")
}

func TestWith_ofGroupAppliesToMountsAndFiles(t *testing.T) {
	child := geist.New()
	child.GET("/x", say("x")).Doc(geist.With(mark("own")))
	app := geist.New()
	g := app.Group("/g").Doc(geist.With(mark("doc")))
	g.Mount("/m", child)
	g.Static("/f", "testdata/site").Doc(geist.With(mark("files")))
	c := geisttest.New(t, app)
	wantChain(t, c.GET("/g/m/x").Do().Status(200), "doc own")
	wantChain(t, c.GET("/g/f/app.js").Do().Status(200), "doc files")
}

func TestDoc_problems(t *testing.T) {
	app := geist.New()
	app.GET("/nil", say("x")).Doc(nil)
	app.GET("/mw", say("x")).Doc(geist.With(nil))
	wantProblems(t, app,
		[]string{"/nil", "route_option_test.go:", "option is nil"},
		[]string{"/mw", "route_option_test.go:", "nil handler"},
	)
}

func TestDoc_addedByFailedChangeIsUndone(t *testing.T) {
	app := geist.New()
	route := app.GET("/x", say("x")).Doc(geist.With(mark("a")))
	c := geisttest.New(t, app)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("Change with a nil option did not panic")
			}
		}()
		app.Change(func() { route.Doc(geist.With(mark("b")), nil) })
	}()
	wantChain(t, c.GET("/x").Do().Status(200), "a")
	app.Change(func() { route.Doc(geist.With(mark("c"))) })
	wantChain(t, c.GET("/x").Do().Status(200), "a c")
}

// TestDoc_bodyOptionsOfConnections: what reads no body is not told how. A group's options
// are for the other routes in it.
func TestDoc_bodyOptionsOfConnections(t *testing.T) {
	socket := func(_ *geist.Ctx, ws *geist.Conn) error { return ws.Close(1000, "") }
	events := func(c *geist.Ctx, _ *geist.Stream) error { return c.NoContent() }
	app := geist.New()
	app.WS("/ws", socket, geist.BodyLimit(10))
	app.WS("/ws2", socket).Doc(geist.StreamBody(), geist.BodyLimit(-1))
	app.SSE("/sse", events, geist.StreamBody())
	app.SSE("/sse2", events).Doc(geist.BodyLimit(10))
	const text = "BodyLimit and StreamBody are for routes that read a body"
	wantProblems(t, app, []string{"/ws (", text}, []string{"/ws2 (", text}, []string{"/sse (", text}, []string{"/sse2 (", text})
	app = geist.New()
	g := app.Group("/g").Doc(geist.StreamBody(), geist.BodyLimit(-1))
	g.WS("/ws", socket)
	g.SSE("/sse", events)
	g.POST("/up", say("up"))
	if err := app.Check(); err != nil {
		t.Errorf("Check = %v, want nil", err)
	}
}
