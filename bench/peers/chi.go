package peers

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/gogeist/geist/bench/tables"
)

// chiPeer: chi.NewRouter as it is.
func chiPeer() Peer {
	return Peer{
		Name: "chi", Module: "github.com/go-chi/chi/v5",
		Build: func(s Spec) (App, error) {
			m := chi.NewRouter()
			for range s.Middleware {
				m.Use(passHTTP)
			}
			for _, r := range s.Table.Routes {
				m.MethodFunc(r.Method, r.Convert("{%s}"), chiHandler(s, r))
			}
			return App{HTTP: m}, nil
		},
		Plain: func() (App, error) { return App{HTTP: chiRouter(httpPlain(chi.URLParam))}, nil },
		API: func() (App, error) {
			return App{HTTP: chiRouter(httpAPIRoutes(chi.URLParam), httpMiddleware()...)}, nil
		},
	}
}

func chiRouter(routes []httpRoute, middleware ...func(http.Handler) http.Handler) http.Handler {
	m := chi.NewRouter()
	m.Use(middleware...)
	m.NotFound(httpNotFound)
	for _, r := range routes {
		m.MethodFunc(r.method, r.path, r.handler)
	}
	return m
}

func chiHandler(s Spec, r tables.Route) http.HandlerFunc {
	id, names, sink := r.ID, r.Params, s.Sink
	switch s.Do {
	case Record, Params:
		answer := s.Do == Params
		return func(w http.ResponseWriter, req *http.Request) {
			sink.Route, sink.N = id, len(names)
			for i, name := range names {
				sink.Values[i] = chi.URLParam(req, name)
			}
			if answer {
				writeText(w)
			}
		}
	default:
		return plainHandler(s)
	}
}
