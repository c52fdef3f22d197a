package peers

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-playground/validator/v10"
)

// The applications of the loopback scenes for routers that have no binding of their own:
// chi and the ServeMux. Middlewares are written by hand, the least that does the work:
// net/http has none, and chi's sets no X-Request-Id and logs stacks. Rules are those of
// validator/v10, as in most others.

// pathValue is how a router tells the value of a parameter.
type pathValue func(r *http.Request, name string) string

// httpRoute is a route of a router in the syntax of net/http.
type httpRoute struct {
	method, path string
	handler      http.HandlerFunc
}

func httpPlain(value pathValue) []httpRoute {
	user, data := newUser(583231), blob()
	return []httpRoute{
		{"GET", "/hello", func(w http.ResponseWriter, _ *http.Request) { writeText(w) }},
		{"GET", "/users/{user}", func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Content-Type"] = textType
			_, _ = io.WriteString(w, value(r, "user"))
		}},
		{"GET", "/json", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, user) }},
		{"POST", "/upload", func(w http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBodyBytes))
			if err != nil {
				http.Error(w, "upload", http.StatusBadRequest)
				return
			}
			w.Header()["Content-Type"] = textType
			_, _ = io.WriteString(w, strconv.Itoa(len(b)))
		}},
		{"GET", "/download", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", octets)
			w.Header().Set("Content-Length", strconv.Itoa(len(data)))
			_, _ = w.Write(data)
		}},
	}
}

// httpAPI is the mix.
type httpAPI struct {
	rules *validator.Validate
	value pathValue
}

func httpAPIRoutes(value pathValue) []httpRoute {
	a := &httpAPI{validator.New(), value}
	routes := []httpRoute{{"GET", APIPrefix + "panic", func(http.ResponseWriter, *http.Request) { panicking() }}}
	for _, name := range Resources() {
		path := APIPrefix + name
		routes = append(routes,
			httpRoute{"GET", path, a.list}, httpRoute{"POST", path, a.create},
			httpRoute{"GET", path + "/{id}", a.show}, httpRoute{"PUT", path + "/{id}", a.update},
			httpRoute{"DELETE", path + "/{id}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }})
	}
	return routes
}

func (a *httpAPI) list(w http.ResponseWriter, r *http.Request) {
	q, err := readQuery(r.URL.Query())
	if err != nil || a.rules.Struct(q) != nil {
		httpTrouble(w, http.StatusUnprocessableEntity)
		return
	}
	httpJSON(w, http.StatusOK, q.page(httpClient(r)))
}

// readQuery is what one writes where there is no binding.
func readQuery(v url.Values) (q *ListQuery, err error) {
	q = &ListQuery{Sort: v.Get("sort"), Tag: v.Get("tag")}
	var err2 error
	q.Page, err = strconv.Atoi(v.Get("page"))
	q.Limit, err2 = strconv.Atoi(v.Get("limit"))
	return q, errors.Join(err, err2)
}

func (a *httpAPI) show(w http.ResponseWriter, r *http.Request) {
	if id, ok := a.id(w, r); ok {
		record := stored(id, httpClient(r))
		httpJSON(w, http.StatusOK, &record)
	}
}

func (a *httpAPI) create(w http.ResponseWriter, r *http.Request) {
	if in, ok := a.input(w, r); ok {
		httpJSON(w, http.StatusCreated, in.record(newID, httpClient(r)))
	}
}

func (a *httpAPI) update(w http.ResponseWriter, r *http.Request) {
	id, ok := a.id(w, r)
	if !ok {
		return
	}
	if in, ok := a.input(w, r); ok {
		httpJSON(w, http.StatusOK, in.record(id, httpClient(r)))
	}
}

func (a *httpAPI) id(w http.ResponseWriter, r *http.Request) (int, bool) {
	id, err := strconv.Atoi(a.value(r, "id"))
	if err != nil {
		httpTrouble(w, http.StatusUnprocessableEntity)
	}
	return id, err == nil
}

func (a *httpAPI) input(w http.ResponseWriter, r *http.Request) (*EntryInput, bool) {
	in := new(EntryInput)
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, MaxBodyBytes)).Decode(in); err != nil {
		httpTrouble(w, http.StatusBadRequest)
		return nil, false
	}
	if a.rules.Struct(in) != nil {
		httpTrouble(w, http.StatusUnprocessableEntity)
		return nil, false
	}
	return in, true
}

func httpJSON(w http.ResponseWriter, status int, v any) {
	w.Header()["Content-Type"] = jsonTypes
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

var jsonTypes = []string{jsonType}

func httpTrouble(w http.ResponseWriter, status int) { httpJSON(w, status, troubleOf(status)) }

func httpNotFound(w http.ResponseWriter, _ *http.Request) { httpTrouble(w, http.StatusNotFound) }

// httpClient returns the address that the proxy on the loopback tells, or the connection's.
func httpClient(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return forwarded(host, r.Header.Get("X-Forwarded-For"))
}

// forwarded returns the last address of an X-Forwarded-For, if the connection comes from
// the loopback; else host.
func forwarded(host, field string) string {
	if peer, err := netip.ParseAddr(host); err != nil || !peer.IsLoopback() {
		return host
	}
	last := strings.TrimSpace(field[strings.LastIndexByte(field, ',')+1:])
	if _, err := netip.ParseAddr(last); err != nil {
		return host
	}
	return last
}

// httpMiddleware are the middlewares of the mix, from the outermost on.
func httpMiddleware() []func(http.Handler) http.Handler {
	return []func(http.Handler) http.Handler{httpRequestID, httpCORS, httpSecure, httpRecovery}
}

func httpRequestID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(requestID)
		if id == "" {
			id = newRequestID()
		}
		w.Header()[requestID] = []string{id}
		next.ServeHTTP(w, r)
	})
}

func httpCORS(next http.Handler) http.Handler {
	origin, vary := []string{Origin}, []string{"Origin"}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Vary"] = vary
		if r.Header.Get("Origin") == Origin {
			w.Header()["Access-Control-Allow-Origin"] = origin
		}
		next.ServeHTTP(w, r)
	})
}

func httpSecure(next http.Handler) http.Handler {
	fields := map[string][]string{}
	for _, h := range secureHeaders {
		fields[h[0]] = []string{h[1]}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		for name, value := range fields {
			h[name] = value
		}
		next.ServeHTTP(w, r)
	})
}

func httpRecovery(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() != nil {
				httpTrouble(w, http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}
