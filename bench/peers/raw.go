package peers

import (
	"bytes"
	"fmt"

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
