package peers

import (
	"net/http"

	"github.com/julienschmidt/httprouter"

	"github.com/gogeist/geist/bench/tables"
)

// httprouterPeer has no middleware: the router is wrapped by hand.
func httprouterPeer() Peer {
	return Peer{
		Name: "httprouter", Module: "github.com/julienschmidt/httprouter",
		Build: func(s Spec) (App, error) {
			rt := httprouter.New()
			rt.HandleMethodNotAllowed = s.NotAllowed
			for _, r := range s.Table.Routes {
				rt.Handle(r.Method, r.Pattern, httprouterHandler(s, r))
			}
			return App{HTTP: wrapHTTP(rt, s.Middleware)}, nil
		},
	}
}

func httprouterHandler(s Spec, r tables.Route) httprouter.Handle {
	id, names, sink := r.ID, r.Params, s.Sink
	switch s.Do {
	case Record, Params:
		answer := s.Do == Params
		return func(w http.ResponseWriter, _ *http.Request, ps httprouter.Params) {
			sink.Route, sink.N = id, len(names)
			for i, name := range names {
				sink.Values[i] = ps.ByName(name)
			}
			if answer {
				writeText(w)
			}
		}
	default:
		h := plainHandler(s)
		return func(w http.ResponseWriter, r *http.Request, _ httprouter.Params) { h(w, r) }
	}
}
