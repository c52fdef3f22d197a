package peers

import (
	"net/http"

	"github.com/uptrace/bunrouter"

	"github.com/gogeist/geist/bench/tables"
)

// bunrouterPeer uses bunrouter's own handler type, the fastest of its three.
func bunrouterPeer() Peer {
	return Peer{
		Name: "bunrouter", Module: "github.com/uptrace/bunrouter",
		Build: func(s Spec) (App, error) {
			var opts []bunrouter.Option
			for range s.Middleware {
				opts = append(opts, bunrouter.Use(func(next bunrouter.HandlerFunc) bunrouter.HandlerFunc {
					return func(w http.ResponseWriter, req bunrouter.Request) error { return next(w, req) }
				}))
			}
			rt := bunrouter.New(opts...)
			for _, r := range s.Table.Routes {
				rt.Handle(r.Method, r.Pattern, bunrouterHandler(s, r))
			}
			return App{HTTP: rt}, nil
		},
	}
}

func bunrouterHandler(s Spec, r tables.Route) bunrouter.HandlerFunc {
	id, names, sink := r.ID, r.Params, s.Sink
	switch s.Do {
	case Record, Params:
		answer := s.Do == Params
		return func(w http.ResponseWriter, req bunrouter.Request) error {
			sink.Route, sink.N = id, len(names)
			for i, name := range names {
				sink.Values[i] = req.Param(name)
			}
			if answer {
				writeText(w)
			}
			return nil
		}
	case JSON, JSONList:
		v := s.Do.Value()
		return func(w http.ResponseWriter, _ bunrouter.Request) error { return bunrouter.JSON(w, v) }
	default:
		h := plainHandler(s)
		return func(w http.ResponseWriter, req bunrouter.Request) error { h(w, req.Request); return nil }
	}
}
