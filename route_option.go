package geist

import (
	"fmt"
	"slices"
)

// RouteOption says something about a route beside its path and its handlers. It is
// given to Route.Doc, Group.Doc, or to what registers the route. Options are values:
// one may be used for many routes, from any goroutine. Only this package makes them;
// one that cannot be is reported by [Engine.Check], with the route's place.
type RouteOption interface{ apply(o *routeOptions) }

// routeOptions is what the options of a route add up to: those of its groups first,
// the outermost before the inner ones, then its own. It is frozen once compiled.
type routeOptions struct {
	middleware []Handler
	socket     *socketOptions // of a WebSocket route; nil for the defaults
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
	if r.socket == nil {
		o.checkSocket(r.options)
	}
	for _, p := range o.problems {
		c.problem("route %s (%s): %s", pattern, r.place, p)
	}
	return o
}

// chain returns the handlers of a route in their order: those of its scopes, its own
// but the last, those of its options, and the one that answers.
func (o *routeOptions) chain(scopes, own []Handler) []Handler {
	last := len(own) - 1
	return slices.Concat(scopes, own[:last], o.middleware, own[last:])
}
