package peers

import (
	"github.com/fasthttp/router"
	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/bench/tables"
)

// fasthttpRouterPeer: values are strings in the request's user values, copied by
// the router. It has no middleware: functions are wrapped by hand.
func fasthttpRouterPeer() Peer {
	return Peer{
		Name: "fasthttp/router", Module: "github.com/fasthttp/router",
		NoCancel: "RequestCtx.Done ends only with the server",
		Build: func(s Spec) (App, error) {
			rt := router.New()
			rt.HandleMethodNotAllowed = s.NotAllowed
			for _, r := range s.Table.Routes {
				h := fasthttpRouterHandler(s, r)
				for range s.Middleware {
					next := h
					h = func(ctx *fasthttp.RequestCtx) { next(ctx) }
				}
				rt.Handle(r.Method, r.Convert("{%s}"), h)
			}
			return App{Fast: rt.Handler}, nil
		},
	}
}

func fasthttpRouterHandler(s Spec, r tables.Route) fasthttp.RequestHandler {
	id, names, sink := r.ID, r.Params, s.Sink
	switch s.Do {
	case Record, Params:
		answer := s.Do == Params
		return func(ctx *fasthttp.RequestCtx) {
			sink.Route, sink.N = id, len(names)
			for i, name := range names {
				sink.Values[i], _ = ctx.UserValue(name).(string)
			}
			if answer {
				ctx.Response.SetBodyString(Body)
			}
		}
	case JSON, JSONList:
		v := s.Do.Value()
		return func(ctx *fasthttp.RequestCtx) { fastJSON(ctx, v) }
	case Wait:
		return func(ctx *fasthttp.RequestCtx) { s.Wait(ctx); ctx.Response.SetBodyString(Body) }
	default:
		return func(ctx *fasthttp.RequestCtx) { ctx.Response.SetBodyString(Body) }
	}
}
