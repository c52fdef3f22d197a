package peers

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/gogeist/geist/bench/tables"
)

// serveMuxPeer is the standard library alone. It has no middleware: handlers
// are wrapped by hand, around the whole mux.
func serveMuxPeer() Peer {
	return Peer{
		Name: "net/http ServeMux",
		Build: func(s Spec) (App, error) {
			mux := http.NewServeMux()
			for _, r := range s.Table.Routes {
				pattern := r.Convert("{%s}")
				if pattern == "/" {
					pattern = "/{$}" // "/" alone would match every path
				}
				mux.HandleFunc(r.Method+" "+pattern, serveMuxHandler(s, r))
			}
			return App{HTTP: wrapHTTP(mux, s.Middleware)}, nil
		},
		Plain: func() (App, error) { return App{HTTP: serveMux(httpPlain((*http.Request).PathValue))}, nil },
		API:   serveMuxAPI,
	}
}

func serveMux(routes []httpRoute) *http.ServeMux {
	mux := http.NewServeMux()
	for _, r := range routes {
		mux.HandleFunc(r.method+" "+r.path, r.handler)
	}
	return mux
}

func serveMuxAPI() (App, error) {
	mux := serveMux(httpAPIRoutes((*http.Request).PathValue))
	mux.HandleFunc("/", httpNotFound)
	var h http.Handler = mux
	for _, wrap := range slices.Backward(httpMiddleware()) {
		h = wrap(h)
	}
	return App{HTTP: h}, nil
}

func serveMuxHandler(s Spec, r tables.Route) http.HandlerFunc {
	id, names, sink := r.ID, r.Params, s.Sink
	switch s.Do {
	case Record, Params:
		answer := s.Do == Params
		return func(w http.ResponseWriter, req *http.Request) {
			sink.Route, sink.N = id, len(names)
			for i, name := range names {
				sink.Values[i] = req.PathValue(name)
			}
			if answer {
				writeText(w)
			}
		}
	default:
		return plainHandler(s)
	}
}

// plainHandler is the handler of net/http for the actions that read nothing.
func plainHandler(s Spec) http.HandlerFunc {
	switch s.Do {
	case JSON, JSONList:
		v := s.Do.Value()
		return func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, v) }
	case Wait:
		return func(w http.ResponseWriter, req *http.Request) { s.Wait(req.Context()); writeText(w) }
	default:
		return func(w http.ResponseWriter, _ *http.Request) { writeText(w) }
	}
}

// writeJSON is what routers without a codec of their own leave to their users.
func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// passHTTP is the pass-through middleware of net/http.
func passHTTP(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, r) })
}

func wrapHTTP(h http.Handler, n int) http.Handler {
	for range n {
		h = passHTTP(h)
	}
	return h
}
