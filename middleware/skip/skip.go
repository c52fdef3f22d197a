// Package skip runs middleware for some requests and leaves it out for others.
//
//	app.Use(skip.Unless(skip.Paths("/healthz", "/static/*"), logger.New()))
//	app.Use(skip.Only(skip.Methods("POST", "PUT"), csrf.New()))
//
// A request that is left out goes on with the next handler of the chain, as if the
// middleware were not there. Conditions see what was matched, not what was sent:
// Ctx.Path is decoded and Ctx.Pattern is that of the route, so that an encoded letter or a
// doubled slash gets nobody past a check that the route is behind. Nothing that a client
// is free to say, such as a header field, is a condition of this package.
//
// What must never be left out stands better on a group than behind Only: a group's
// middleware follows its routes when they move. Unless with a short list of what is
// public is the safe form for authentication.
//
// # WebSockets and streams
//
// [Upgrades] is true of requests to routes of WS, SSE and Rooms, whatever their header
// says. The condition is asked once, before the middleware would begin; that a connection
// or stream goes on later changes nothing. For 404, 405 and automatic OPTIONS
// the conditions see the path and the method, but no pattern; for a redirect of the
// engine, the path that it leads to.
package skip

import (
	"fmt"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
)

// Condition says something of a request. It must be safe for many goroutines and must
// not answer.
type Condition func(c *geist.Ctx) bool

// Unless returns middleware that is mw, except for requests of which cond is true. For
// several, wrap each: the condition is asked for each of them then. It panics if one of
// the two is nil.
func Unless(cond Condition, mw geist.Handler) geist.Handler {
	if cond == nil || mw == nil {
		panic("skip: give Unless and Only a condition and a handler")
	}
	return func(c *geist.Ctx) error {
		if cond(c) {
			return c.Next()
		}
		return mw(c)
	}
}

// Only returns middleware that is mw for requests of which cond is true, and nothing for
// others. It panics if one of the two is nil.
func Only(cond Condition, mw geist.Handler) geist.Handler {
	if cond == nil {
		return Unless(nil, mw)
	}
	return Unless(Not(cond), mw)
}

// Paths is true of requests whose Ctx.Path is one of paths or, where that ends in "/*",
// begins with what stands before the star. Paths are written decoded, as Ctx.Path is,
// and in lower case where the engine has Config.CaseInsensitive. "/a/*" is true of "/a/",
// not of "/a". It panics if a path does not begin with a slash or has a star elsewhere,
// and if there is none.
func Paths(paths ...string) Condition {
	var exact, prefixes []string
	for _, p := range paths {
		prefix, all := strings.CutSuffix(p, "/*")
		switch {
		case !strings.HasPrefix(p, "/") || strings.IndexByte(prefix, '*') >= 0:
			panic(fmt.Sprintf("skip: path %q: begin with a slash; a star stands only at the end, behind a slash", p))
		case all:
			prefixes = append(prefixes, prefix+"/")
		default:
			exact = append(exact, p)
		}
	}
	if len(paths) == 0 {
		panic("skip: Paths was given none")
	}
	return func(c *geist.Ctx) bool {
		path := c.Path()
		if slices.Contains(exact, path) {
			return true
		}
		for _, p := range prefixes {
			if strings.HasPrefix(path, p) && !hasDots(path) {
				return true
			}
		}
		return false
	}
}

// hasDots reports whether a path has a dot segment. No route has such a path, but what
// answers in place of one may act on it.
func hasDots(path string) bool {
	for path != "" {
		var s string
		s, path, _ = strings.Cut(path, "/")
		if s == "." || s == ".." {
			return true
		}
	}
	return false
}

// Patterns is true of requests to a route with one of the patterns, with the prefixes of
// its groups, as Ctx.Pattern returns it. It panics if there is none, and if one does not
// begin with a slash.
func Patterns(patterns ...string) Condition {
	for _, p := range patterns {
		if !strings.HasPrefix(p, "/") {
			panic(fmt.Sprintf("skip: pattern %q: begin with a slash", p))
		}
	}
	if len(patterns) == 0 {
		panic("skip: Patterns was given none")
	}
	patterns = slices.Clone(patterns)
	return func(c *geist.Ctx) bool { return slices.Contains(patterns, c.Pattern()) }
}

// Methods is true of requests with one of the methods, in the case they are sent in:
// "GET". HEAD is a method of its own here. It panics if there is none.
func Methods(methods ...string) Condition {
	if len(methods) == 0 || slices.Contains(methods, "") {
		panic("skip: Methods was given none")
	}
	methods = slices.Clone(methods)
	return func(c *geist.Ctx) bool { return slices.Contains(methods, c.Method()) }
}

// Upgrades is true of requests that become a WebSocket or a stream of events unless they
// are refused: those to routes of WS and SSE, and GET to routes of Rooms. Handlers of
// net/http, and c.Stream, are not known before they run.
func Upgrades() Condition {
	return func(c *geist.Ctx) bool {
		switch c.Kind() {
		case geist.RouteWebSocket, geist.RouteEvents:
			return true
		case geist.RouteRooms:
			return c.Method() == fasthttp.MethodGet
		}
		return false
	}
}

// Any is true where one of the conditions is; they are asked in order until one is.
func Any(conds ...Condition) Condition {
	conds = mustHave("Any", conds)
	return func(c *geist.Ctx) bool {
		return slices.ContainsFunc(conds, func(cond Condition) bool { return cond(c) })
	}
}

// All is true where every condition is; they are asked in order until one is not.
func All(conds ...Condition) Condition {
	conds = mustHave("All", conds)
	return func(c *geist.Ctx) bool {
		return !slices.ContainsFunc(conds, func(cond Condition) bool { return !cond(c) })
	}
}

// Not is true where the condition is not.
func Not(cond Condition) Condition {
	mustHave("Not", []Condition{cond})
	return func(c *geist.Ctx) bool { return !cond(c) }
}

// mustHave returns a copy of conds and panics if one is nil or there is none.
func mustHave(what string, conds []Condition) []Condition {
	if len(conds) == 0 || slices.ContainsFunc(conds, func(cond Condition) bool { return cond == nil }) {
		panic("skip: " + what + " needs conditions, and none of them nil")
	}
	return slices.Clone(conds)
}
