package peers

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/clientip"
	"github.com/gogeist/geist/middleware/cors"
	"github.com/gogeist/geist/middleware/recovery"
	"github.com/gogeist/geist/middleware/requestid"
	"github.com/gogeist/geist/middleware/secure"
	"github.com/gogeist/geist/validate"

	"github.com/gogeist/geist/bench/tables"
)

// geistPeers is geist with its zero Config: safe strings, limits, panic recovery
// and the checks of bad input are on. It serves as users serve, by Engine.Serve; the
// first variant runs inside a fasthttp server, as Engine.Server returns it. The second answers
// with bytes that never change without the copy that Ctx.Bytes makes, as its documentation says.
func geistPeers() []Peer {
	return []Peer{
		{Name: "geist", Build: func(s Spec) (App, error) { return buildGeist(s, true) }, Plain: geistPlain, API: geistAPI},
		{Name: "geist (embedded)", Only: []string{"server/", "pipeline/"}, Build: func(s Spec) (App, error) { return buildGeist(s, false) }},
		{Name: "geist (without a copy)", Only: []string{"loopback/download"}, Plain: geistUncopied},
	}
}

func buildGeist(s Spec, own bool) (App, error) {
	app := geist.New(geist.Config{})
	for range s.Middleware {
		app.Use(func(c *geist.Ctx) error { return c.Next() })
	}
	for _, r := range s.Table.Routes {
		app.Handle(r.Method, r.Pattern, geistHandler(s, r))
	}
	a, err := serveGeist(app)
	a.Lookup = geistLookup(app)
	if !own {
		a.Serve, a.Stop = nil, nil
	}
	return a, err
}

func geistHandler(s Spec, r tables.Route) geist.Handler {
	id, names, sink := r.ID, r.Params, s.Sink
	switch s.Do {
	case Record, Params:
		answer := s.Do == Params
		return func(c *geist.Ctx) error {
			sink.Route, sink.N = id, len(names)
			for i, name := range names {
				sink.Values[i] = c.Param(name)
			}
			if answer {
				return c.Text(http.StatusOK, Body)
			}
			return nil
		}
	case JSON, JSONList:
		v := s.Do.Value()
		return func(c *geist.Ctx) error { return c.JSON(http.StatusOK, v) }
	case Wait:
		return func(c *geist.Ctx) error { s.Wait(c.Context()); return c.Text(http.StatusOK, Body) }
	default:
		return func(c *geist.Ctx) error { return c.Text(http.StatusOK, Body) }
	}
}

// geistLookup is the router alone. It reads parameters by their index.
func geistLookup(app *geist.Engine) func(method, path string, s *Sink) bool {
	var m geist.Match
	return func(method, path string, s *Sink) bool {
		if !app.Match(method, path, &m) {
			return false
		}
		s.Pattern, s.N = m.Pattern(), m.Len()
		for i := range m.Len() {
			s.Values[i] = m.Param(i)
		}
		return true
	}
}

// The applications of the loopback scenes on geist, by its zero Config but for what the mix
// asks for.

// serveGeist is how users serve: by Engine.Serve.
func serveGeist(app *geist.Engine) (App, error) {
	if err := app.Check(); err != nil {
		return App{}, err
	}
	return App{Fast: app.Handler(), FastServer: app.Server(), Serve: app.Serve, Stop: func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // cut what is left: the scene is over
		_ = app.Shutdown(ctx)
	}}, nil
}

func geistPlain() (App, error) {
	return geistApp(func(data []byte) geist.Handler {
		return func(c *geist.Ctx) error { return c.Bytes(http.StatusOK, octets, data) }
	})
}

func geistUncopied() (App, error) {
	return geistApp(func(data []byte) geist.Handler {
		return func(c *geist.Ctx) error {
			answer := &c.Raw().Response
			answer.Header.SetContentType(octets)
			answer.SetBodyRaw(data)
			return nil
		}
	})
}

func geistApp(download func(data []byte) geist.Handler) (App, error) {
	app, user := geist.New(geist.Config{DisableBanner: true}), newUser(583231)
	app.GET("/hello", func(c *geist.Ctx) error { return c.Text(http.StatusOK, Body) })
	app.GET("/users/:user", func(c *geist.Ctx) error { return c.Text(http.StatusOK, c.Param("user")) })
	app.GET("/json", func(c *geist.Ctx) error { return c.JSON(http.StatusOK, user) })
	app.POST("/upload", func(c *geist.Ctx) error { return c.Text(http.StatusOK, strconv.Itoa(len(c.Body()))) })
	app.GET("/download", download(blob()))
	return serveGeist(app)
}

// geistAPI is the mix: typed handlers, the module validate, and packages of middleware.
func geistAPI() (App, error) {
	app := geist.New(geist.Config{
		DisableBanner: true, TrustedProxies: []string{"127.0.0.1"}, Validator: validate.New(),
		Logger: slog.New(slog.DiscardHandler),
	})
	app.Use(requestid.New(), clientip.New(), cors.New(cors.Config{AllowOrigins: []string{Origin}}), secure.New(), recovery.New())
	app.OnError(geistError)
	app.GET(APIPrefix+"panic", func(*geist.Ctx) error { panicking(); return nil })
	for _, name := range Resources() {
		path := APIPrefix + name
		geist.Get(app, path, geistList)
		geist.Post(app, path, geistCreate, geist.Status(http.StatusCreated))
		geist.Get(app, path+"/:id", geistShow)
		geist.Put(app, path+"/:id", geistUpdate)
		geist.Delete(app, path+"/:id", func(*geist.Ctx, *geistID) (*geist.None, error) { return nil, nil })
	}
	return serveGeist(app)
}

func geistError(c *geist.Ctx, err error) {
	status := geist.StatusCode(err)
	if err := c.JSON(status, troubleOf(status)); err != nil {
		geist.DefaultErrorHandler(c, err)
	}
}

type geistID struct {
	ID int `path:"id"`
}

// geistUpdated is EntryInput with its id.
type geistUpdated struct {
	ID int `path:"id" json:"-"`
	EntryInput
}

func geistList(c *geist.Ctx, q *ListQuery) (*Page, error) { return q.page(c.ClientIP()), nil }

func geistShow(c *geist.Ctx, in *geistID) (*Entry, error) {
	record := stored(in.ID, c.ClientIP())
	return &record, nil
}

func geistCreate(c *geist.Ctx, in *EntryInput) (*Entry, error) {
	return in.record(newID, c.ClientIP()), nil
}

func geistUpdate(c *geist.Ctx, in *geistUpdated) (*Entry, error) {
	return in.record(in.ID, c.ClientIP()), nil
}
