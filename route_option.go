package geist

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// RouteOption says something about a route beside its path and its handlers. It is
// given to Route.Doc, Group.Doc, or to what registers the route. Options are values:
// one may be used for many routes, from any goroutine. Only this package makes them;
// one that cannot be is reported by [Engine.Check], with the route's place.
type RouteOption interface{ apply(o *routeOptions) }

// routeOptions is what the options of a route add up to: those of its groups first,
// the outermost before the inner ones, then its own. It is frozen once compiled.
type routeOptions struct {
	description
	middleware []Handler
	stream     bool           // the endpoint reads the body itself
	limit      int64          // of the body; 0 is Config.MaxBodyBytes
	timeout    time.Duration  // 0 without one
	socket     *socketOptions // of a WebSocket route; nil for the defaults
	plan       *typedPlan     // of a typed route, else nil
	problems   []string       // sentences without the route, which compiler.options names
}

// optionFunc makes a function a RouteOption.
type optionFunc func(o *routeOptions)

func (f optionFunc) apply(o *routeOptions) { f(o) }

func (o *routeOptions) problem(format string, args ...any) {
	o.problems = append(o.problems, fmt.Sprintf(format, args...))
}

// With adds middleware to the route. It runs after that of the groups and, given by
// Route.Doc, after the handlers that were registered before the endpoint. Several
// options run in their order.
func With(mw ...Handler) RouteOption {
	mw = slices.Clone(mw)
	return optionFunc(func(o *routeOptions) {
		if slices.ContainsFunc(mw, func(h Handler) bool { return h == nil }) {
			o.problem("With was given a nil handler: pass functions")
			return
		}
		o.middleware = append(o.middleware, mw...)
	})
}

// StreamBody gives the route its request's body piece by piece, by [Ctx.BodyReader] or
// [EachPart], as it comes: the endpoint runs when the header has been read, and nothing
// of the body is kept. Config.ReadTimeout then bounds each wait for some of it, not the
// whole. The limit is that of other routes unless [BodyLimit] says otherwise.
//
// What the endpoint has not read when it returns is skipped if it is little, else the
// connection is closed behind the answer. Routes of WS and SSE read no body: those of a
// group ignore it, and [Engine.Check] reports one of their own.
func StreamBody() RouteOption {
	return optionFunc(func(o *routeOptions) { o.stream = true })
}

// BodyLimit bounds the bytes of the route's request body (413), in place of
// Config.MaxBodyBytes, upwards or downwards. Zero stands for Config.MaxBodyBytes. A
// negative n removes the bound, which only a [StreamBody] route may do. Routes of WS and SSE
// have Config.MaxBodyBytes, as [StreamBody] says.
func BodyLimit(n int64) RouteOption {
	return optionFunc(func(o *routeOptions) {
		o.limit = n
		if n < 0 {
			o.limit = math.MaxInt64
		}
	})
}

// Timeout bounds what the route's own handlers do, those of [With] included: after d,
// [Ctx.Context] ends with the cause [ErrTimeout], and so does the wait for the body
// (408). A handler that then fails because of its context is answered with ErrTimeout,
// status 503. A handler that does not look at its context is not stopped, and what it
// returns counts. Streams and WebSocket connections that the handlers lead to are not
// bounded: the time is over when the handlers have returned. d must be positive.
func Timeout(d time.Duration) RouteOption {
	return optionFunc(func(o *routeOptions) {
		if d <= 0 {
			o.problem("Timeout(%s): use a positive duration, or no Timeout", d)
			return
		}
		o.timeout = d
	})
}

// Doc adds options to the route. Of two that say the same thing differently, the
// later one counts.
func (r *Route) Doc(opts ...RouteOption) *Route {
	r.scope.engine.mustRegister("Doc")
	r.options = append(slices.Clip(r.options), opts...)
	return r
}

// Doc adds options to every route of the group and of the groups and engines below
// it, whenever it is registered; a route's own options count more. What answers
// where there is no route (404, 405, OPTIONS, redirects) has none.
func (g *Group) Doc(opts ...RouteOption) *Group {
	g.engine.mustRegister("Doc")
	g.reg.options = append(slices.Clip(g.reg.options), opts...)
	return g
}

// options adds up what applies to a route, and reports what is wrong with it.
func (c *compiler) options(r *Route, at level, pattern string) *routeOptions {
	o := &routeOptions{}
	for _, opt := range slices.Concat(at.options, r.options) {
		if opt == nil {
			o.problem("an option is nil: pass what this package's functions return")
			continue
		}
		opt.apply(o)
	}
	o.checkOwn(r)
	if r.bodiless() { // what its groups say is for its neighbours
		o.stream, o.limit = false, 0
	}
	if o.limit == math.MaxInt64 && !o.stream {
		o.problem("BodyLimit without a bound: give one, or use StreamBody, which does not keep the body in memory")
	}
	c.routes.bodyMost = max(c.routes.bodyMost, o.limit)
	for _, p := range o.problems {
		c.problem("route %s (%s): %s", pattern, r.place, p)
	}
	return o
}

// bodiless reports whether the route's requests have no body that a handler reads.
func (r *Route) bodiless() bool { return r.socket != nil || r.events }

// checkOwn reports options that a route was given and that say nothing about it. Those of
// its groups may be for its neighbours.
func (o *routeOptions) checkOwn(r *Route) {
	own := &routeOptions{}
	for _, opt := range r.options {
		if opt != nil {
			opt.apply(own)
		}
	}
	if r.socket == nil && !r.rooms && own.socket != nil {
		o.problem("Subprotocols, Origins and Compression are for routes of WS and Rooms: remove them")
	}
	if r.rooms && own.socket != nil && len(own.socket.protocols) > 0 {
		o.problem("Subprotocols says nothing about a route of Rooms, which speaks geist.v1: remove it")
	}
	if r.bodiless() && (own.stream || own.limit != 0) {
		o.problem("BodyLimit and StreamBody are for routes that read a body, which those of WS and SSE do not: remove them")
	}
	if (r.bodiless() || r.rooms) && len(own.consumes) > 0 {
		o.problem("Consumes is for routes whose handlers read a body: remove it")
	}
}

// chain returns the handlers of a route in their order: those of its scopes, its own
// but the last, those of its options, and the one that answers.
func (o *routeOptions) chain(scopes, own []Handler) []Handler {
	last := len(own) - 1
	chain := slices.Concat(scopes, own[:last], o.middleware, own[last:])
	if o.timeout > 0 {
		chain[len(scopes)] = timed(o.timeout, chain[len(scopes)]) // which the others run within
	}
	return chain
}
