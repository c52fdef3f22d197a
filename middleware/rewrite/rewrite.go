// Package rewrite serves requests for one path by the routes of another, without the
// client noticing: for addresses that have moved but must stay.
//
//	app.BeforeRequest(rewrite.New(rewrite.Config{Rules: []rewrite.Rule{
//		{From: "/v1/users/:id", To: "/users/:id"},
//		{From: "/old/*path", To: "/new/*path"},
//	}}))
//
// It is a hook that runs before routing, not middleware: what middleware, handlers and
// logs see as Ctx.Path and Ctx.Pattern is the new path, and that is what they authorise.
// The query stays. The path that was sent is c.Raw().RequestURI().
//
// Rules are tried in order, on the path as it was sent; the first that fits is applied,
// once, so that there are no loops. Text is compared in decoded form, as the router does
// (with regard to case, even under Config.CaseInsensitive), and what a parameter has
// captured is put into the new path as it was sent: "a%2Fb" stays one segment, "%252e"
// is not decoded twice. A path with dot segments or empty ones fits no rule: the router
// redirects it to its clean form first, or refuses it.
//
// # WebSockets and streams
//
// Requests for them are rewritten as all others are. So are those that no route serves,
// OPTIONS and HEAD; redirects of the engine, such as those for a trailing slash, name
// the new path.
package rewrite

import (
	"github.com/gogeist/geist"
	"github.com/gogeist/geist/internal/pathrule"
)

// Config says what is rewritten.
type Config struct {
	// Rules are tried in their order. There must be one.
	Rules []Rule
}

// Rule is a pattern and the path that stands for what it matches.
type Rule struct {
	// From is a pattern of text and of parameters that are a whole segment: ":id", never
	// empty, and at the end "*path" for the rest, never empty. At most eight; constraints
	// and optional parameters are not understood.
	From string
	// To is a path, escaped, in which the parameters of From stand anywhere: "/p/:id.html".
	// It has no query and names no host.
	To string
}

// New returns a hook for [geist.Engine.BeforeRequest]. It panics if there is no rule or
// one is malformed. As middleware, which runs when the route has been found, it fails
// where a rule fits. The hook is safe for many goroutines; a request that no rule fits
// costs no allocation.
func New(config ...Config) geist.Handler {
	if len(config) != 1 || len(config[0].Rules) == 0 {
		panic("rewrite: give New one Config with Rules")
	}
	given := config[0].Rules
	rules := make([]pathrule.Rule, 0, len(given))
	for _, g := range given {
		r, err := pathrule.Parse(g.From, g.To)
		if err != nil {
			panic("rewrite: " + err.Error())
		}
		rules = append(rules, r)
	}
	return func(c *geist.Ctx) error {
		path := c.RawPath()
		var room [128]byte
		for i := range rules {
			if to, ok := rules[i].Append(room[:0], path); ok {
				return c.SetPath(string(to))
			}
		}
		return c.Next() // which in a hook does nothing
	}
}
