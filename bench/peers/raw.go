package peers

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"

	"github.com/go-playground/validator/v10"
	"github.com/goccy/go-json"
	"github.com/valyala/fasthttp"
)

// rawPeer is fasthttp with nothing on it: what a programmer would write by hand
// for one route. It is the floor for every framework on fasthttp, not a rival:
// it knows no second route, has no middleware and answers 404 for all the rest.
func rawPeer() Peer {
	return Peer{
		Name: "fasthttp", Module: "github.com/valyala/fasthttp", Handwritten: true,
		NoCancel: "RequestCtx.Done ends only with the server",
		Plain:    rawPlain, API: newRawAPI,
		Build: func(s Spec) (App, error) {
			if s.Hit == nil {
				return App{}, fmt.Errorf("hand-written servers answer one route")
			}
			h, err := rawHandler(s)
			for range s.Middleware {
				next := h
				h = func(ctx *fasthttp.RequestCtx) { next(ctx) }
			}
			return App{Fast: h}, err
		},
	}
}

func rawHandler(s Spec) (fasthttp.RequestHandler, error) {
	end, sink := rawEnd(s), s.Sink
	if s.Do != Record && s.Do != Params {
		sink = nil
	}
	switch path := s.Hit.Pattern; len(s.Hit.Params) {
	case 0:
		return func(ctx *fasthttp.RequestCtx) {
			switch string(ctx.Path()) {
			case path:
				if !ctx.IsGet() {
					ctx.Error("Method Not Allowed", fasthttp.StatusMethodNotAllowed)
					return
				}
				if sink != nil {
					sink.Route, sink.N = 0, 0
				}
				end(ctx)
			default:
				ctx.Error("Not Found", fasthttp.StatusNotFound)
			}
		}, nil
	default:
		return rawParams(s, end)
	}
}

// rawParams splits the path by hand, segment by segment, and copies each value.
func rawParams(s Spec, end fasthttp.RequestHandler) (fasthttp.RequestHandler, error) {
	id, sink := s.Hit.ID, s.Sink
	switch s.Hit.Pattern {
	case "/users/:user":
		return func(ctx *fasthttp.RequestCtx) {
			user, ok := bytes.CutPrefix(ctx.Path(), []byte("/users/"))
			if !ok || !ctx.IsGet() || len(user) == 0 || bytes.IndexByte(user, '/') >= 0 {
				ctx.Error("Not Found", fasthttp.StatusNotFound)
				return
			}
			sink.Route, sink.N, sink.Values[0] = id, 1, string(user)
			end(ctx)
		}, nil
	case "/:a/:b/:c/:d/:e":
		return func(ctx *fasthttp.RequestCtx) {
			rest := ctx.Path()[1:]
			sink.Route, sink.N = id, 5
			for i := range 4 {
				k := bytes.IndexByte(rest, '/')
				if k <= 0 {
					ctx.Error("Not Found", fasthttp.StatusNotFound)
					return
				}
				sink.Values[i], rest = string(rest[:k]), rest[k+1:]
			}
			if !ctx.IsGet() || len(rest) == 0 || bytes.IndexByte(rest, '/') >= 0 {
				ctx.Error("Not Found", fasthttp.StatusNotFound)
				return
			}
			sink.Values[4] = string(rest)
			end(ctx)
		}, nil
	case "/repos/:owner/:repo/issues/:number":
		return func(ctx *fasthttp.RequestCtx) {
			rest, ok := bytes.CutPrefix(ctx.Path(), []byte("/repos/"))
			i := bytes.IndexByte(rest, '/')
			if !ok || !ctx.IsGet() || i <= 0 {
				ctx.Error("Not Found", fasthttp.StatusNotFound)
				return
			}
			owner, rest := rest[:i], rest[i+1:]
			j := bytes.IndexByte(rest, '/')
			if j <= 0 {
				ctx.Error("Not Found", fasthttp.StatusNotFound)
				return
			}
			repo := rest[:j]
			number, ok := bytes.CutPrefix(rest[j:], []byte("/issues/"))
			if !ok || len(number) == 0 || bytes.IndexByte(number, '/') >= 0 {
				ctx.Error("Not Found", fasthttp.StatusNotFound)
				return
			}
			sink.Route, sink.N = id, 3
			sink.Values[0], sink.Values[1], sink.Values[2] = string(owner), string(repo), string(number)
			end(ctx)
		}, nil
	}
	return nil, fmt.Errorf("no hand-written code for %s", s.Hit.Pattern)
}

// rawEnd is what follows the parameters.
func rawEnd(s Spec) fasthttp.RequestHandler {
	switch s.Do {
	case Params, Text:
		return func(ctx *fasthttp.RequestCtx) { ctx.Response.SetBodyString(Body) }
	case JSON, JSONList:
		v := s.Do.Value()
		return func(ctx *fasthttp.RequestCtx) { fastJSON(ctx, v) }
	case Wait:
		return func(ctx *fasthttp.RequestCtx) { s.Wait(ctx); ctx.Response.SetBodyString(Body) }
	default:
		return func(*fasthttp.RequestCtx) {}
	}
}

// fastJSON encodes into the response's own buffer; go-json's encoder is the
// fastest way found that allocates nothing.
func fastJSON(ctx *fasthttp.RequestCtx, v any) {
	ctx.Response.Header.SetContentType("application/json")
	if err := json.NewEncoder(ctx.Response.BodyWriter()).Encode(v); err != nil {
		ctx.Error("encode", fasthttp.StatusInternalServerError)
	}
}

// The applications of the loopback scenes by hand on fasthttp: a switch in place of a
// router, and nothing that the answers do not need. It is the floor for every framework on
// fasthttp.

func rawPlain() (App, error) {
	user, data := newUser(583231), blob()
	return App{Fast: func(ctx *fasthttp.RequestCtx) {
		switch path := ctx.Path(); {
		case ctx.IsGet() && string(path) == "/hello":
			ctx.Response.SetBodyString(Body)
		case ctx.IsGet() && string(path) == "/json":
			fastJSON(ctx, user)
		case ctx.IsGet() && string(path) == "/download":
			ctx.Response.Header.SetContentType(octets)
			ctx.Response.SetBodyRaw(data)
		case ctx.IsPost() && string(path) == "/upload":
			ctx.Response.SetBodyString(strconv.Itoa(len(ctx.PostBody())))
		default:
			name, ok := bytes.CutPrefix(path, []byte("/users/"))
			if !ok || !ctx.IsGet() || len(name) == 0 || bytes.IndexByte(name, '/') >= 0 {
				ctx.Error("Not Found", fasthttp.StatusNotFound)
				return
			}
			ctx.Response.SetBodyString(string(name))
		}
	}}, nil
}

// rawAPI is the mix: its table of routes is a map of names.
type rawAPI struct {
	rules *validator.Validate
	names map[string]bool
}

func newRawAPI() (App, error) {
	a := &rawAPI{validator.New(), map[string]bool{}}
	for _, name := range Resources() {
		a.names[name] = true
	}
	return App{Fast: a.serve}, nil
}

func (a *rawAPI) serve(ctx *fasthttp.RequestCtx) {
	defer func() {
		if recover() != nil {
			rawTrouble(ctx, http.StatusInternalServerError)
		}
	}()
	h := &ctx.Response.Header
	id := string(ctx.Request.Header.Peek(requestID))
	if id == "" {
		id = newRequestID()
	}
	h.Set(requestID, id)
	h.Set("Vary", "Origin")
	if string(ctx.Request.Header.Peek("Origin")) == Origin {
		h.Set("Access-Control-Allow-Origin", Origin)
	}
	for _, f := range secureHeaders {
		h.Set(f[0], f[1])
	}
	a.route(ctx)
}

func (a *rawAPI) route(ctx *fasthttp.RequestCtx) {
	rest, ok := bytes.CutPrefix(ctx.Path(), []byte(APIPrefix))
	name, id, deep := bytes.Cut(rest, []byte("/"))
	switch {
	case ok && ctx.IsGet() && string(rest) == "panic":
		panicking()
	case !ok || !a.names[string(name)] || bytes.IndexByte(id, '/') >= 0:
		rawTrouble(ctx, http.StatusNotFound)
	case deep:
		a.one(ctx, string(id))
	case ctx.IsGet():
		a.list(ctx)
	case ctx.IsPost():
		if in, ok := a.input(ctx); ok {
			rawJSON(ctx, http.StatusCreated, in.record(newID, rawClient(ctx)))
		}
	default:
		rawTrouble(ctx, http.StatusNotFound)
	}
}

// one serves the routes with an id.
func (a *rawAPI) one(ctx *fasthttp.RequestCtx, text string) {
	id, err := strconv.Atoi(text)
	switch {
	case err != nil:
		rawTrouble(ctx, http.StatusUnprocessableEntity)
	case ctx.IsGet():
		record := stored(id, rawClient(ctx))
		rawJSON(ctx, http.StatusOK, &record)
	case ctx.IsPut():
		if in, ok := a.input(ctx); ok {
			rawJSON(ctx, http.StatusOK, in.record(id, rawClient(ctx)))
		}
	case ctx.IsDelete():
		ctx.SetStatusCode(http.StatusNoContent)
	default:
		rawTrouble(ctx, http.StatusNotFound)
	}
}

func (a *rawAPI) list(ctx *fasthttp.RequestCtx) {
	args := ctx.QueryArgs()
	q := &ListQuery{Sort: string(args.Peek("sort")), Tag: string(args.Peek("tag"))}
	var err1, err2 error
	q.Page, err1 = args.GetUint("page")
	q.Limit, err2 = args.GetUint("limit")
	if err1 != nil || err2 != nil || a.rules.Struct(q) != nil {
		rawTrouble(ctx, http.StatusUnprocessableEntity)
		return
	}
	rawJSON(ctx, http.StatusOK, q.page(rawClient(ctx)))
}

func (a *rawAPI) input(ctx *fasthttp.RequestCtx) (*EntryInput, bool) {
	in := new(EntryInput)
	if json.Unmarshal(ctx.PostBody(), in) != nil {
		rawTrouble(ctx, http.StatusBadRequest)
		return nil, false
	}
	if a.rules.Struct(in) != nil {
		rawTrouble(ctx, http.StatusUnprocessableEntity)
		return nil, false
	}
	return in, true
}

func rawJSON(ctx *fasthttp.RequestCtx, status int, v any) {
	ctx.SetStatusCode(status)
	fastJSON(ctx, v)
}

func rawTrouble(ctx *fasthttp.RequestCtx, status int) { rawJSON(ctx, status, troubleOf(status)) }

func rawClient(ctx *fasthttp.RequestCtx) string {
	return forwarded(ctx.RemoteIP().String(), string(ctx.Request.Header.Peek("X-Forwarded-For")))
}
