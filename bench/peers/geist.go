package peers

import (
	"context"
	"net/http"

	"github.com/gogeist/geist"

	"github.com/gogeist/geist/bench/tables"
)

// geistPeers is geist with its zero Config: safe strings, limits, panic recovery
// and the checks of bad input are on. It serves as users serve, by Engine.Serve; the
// variant runs inside a fasthttp server, as Engine.Server returns it.
func geistPeers() []Peer {
	return []Peer{
		{Name: "geist", Build: func(s Spec) (App, error) { return buildGeist(s, true) }},
		{Name: "geist (embedded)", Only: []string{"server/", "pipeline/"}, Build: func(s Spec) (App, error) { return buildGeist(s, false) }},
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
	if err := app.Check(); err != nil {
		return App{}, err
	}
	a := App{Fast: app.Handler(), FastServer: app.Server(), Lookup: geistLookup(app)}
	if own {
		a.Serve = app.Serve
		a.Stop = func() {
			ctx, cancel := context.WithCancel(context.Background())
			cancel() // cut what is left: the scene is over
			_ = app.Shutdown(ctx)
		}
	}
	return a, nil
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
