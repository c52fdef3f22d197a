// Package slash settles trailing slashes where the engine leaves them open.
//
// First look at Config.TrailingSlash of the engine: its default redirects to the form that
// a route has, whichever that is, SlashIgnore serves both, and SlashStrict neither. That is
// all that most services need, and it costs nothing. Two things it does not do, and this
// package does:
//
//	// One form for what a wildcard route serves in both:
//	app.GET("/wiki/*page", page)
//	app.Use(slash.New(slash.Config{Prefixes: []string{"/wiki"}}))
//
//	// Both forms served for a part of the site, without a redirect:
//	app.BeforeRequest(slash.Rewrite(slash.Config{Prefixes: []string{"/api"}}))
//
// # WebSockets and streams
//
// Rewrite treats requests for them as all others. New concerns them only where their route
// ends in a wildcard, and then answers the handshake, too; browsers do not follow that.
// 404, 405, OPTIONS and files of Static, which settle their own slashes, pass by New.
package slash

import (
	"fmt"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/internal/pathrule"
)

// Config says which form paths have, and which paths.
type Config struct {
	// Add gives paths a trailing slash, unless their last segment has a dot, as names of
	// files do. Zero takes it away. Routes must be registered in the same form: the
	// engine's redirect to the other one would lead back.
	Add bool
	// Prefixes are the parts of the site that this is for: "/api" is that path and all
	// below it, decoded, as Ctx.Path is. Empty means all of it.
	Prefixes []string
	// Status is that of the redirects of New: 308, 307, or, for GET and HEAD alone, 301 or
	// 302. Zero means 308. Rewrite has no use for it.
	Status int
}

// New returns middleware that redirects requests for a route that ends in a wildcard to the
// one form of their path. The query is kept; a path with empty or dot segments is left
// alone. It panics if the Config cannot be meant. It is safe for many goroutines.
func New(config ...Config) geist.Handler {
	conf := compile("New", config)
	switch conf.Status {
	case 0:
		conf.Status = fasthttp.StatusPermanentRedirect
	case fasthttp.StatusMovedPermanently, fasthttp.StatusFound, fasthttp.StatusTemporaryRedirect, fasthttp.StatusPermanentRedirect:
	default:
		panic(fmt.Sprintf("slash: Config.Status %d: use 301, 302, 307 or 308", conf.Status))
	}
	keepsMethod := conf.Status >= fasthttp.StatusTemporaryRedirect
	return func(c *geist.Ctx) error {
		if endsInWildcard(c.Pattern()) && c.Kind() != geist.RouteFiles {
			if m := c.Method(); keepsMethod || m == fasthttp.MethodGet || m == fasthttp.MethodHead {
				if path := conf.other(c); path != "" {
					return c.Redirect(conf.Status, string(pathrule.AppendQuery([]byte(path), c.RawQuery())))
				}
			}
		}
		return c.Next()
	}
}

// Rewrite returns a hook for [geist.Engine.BeforeRequest] that gives paths their form
// before they are routed, so that both are served. It panics if the Config cannot be meant,
// and as middleware fails where a path has the other form. It is safe for many goroutines.
func Rewrite(config ...Config) geist.Handler {
	conf := compile("Rewrite", config)
	if conf.Status != 0 {
		panic("slash: Rewrite was given a Status: it redirects nothing, New does")
	}
	return func(c *geist.Ctx) error {
		if path := conf.other(c); path != "" {
			return c.SetPath(path)
		}
		return c.Next() // which in a hook does nothing
	}
}

// compile returns a checked copy of the Config.
func compile(what string, config []Config) Config {
	if len(config) > 1 {
		panic("slash: " + what + " was given more than one Config: pass one")
	}
	var conf Config
	if len(config) == 1 {
		conf = config[0]
	}
	conf.Prefixes = slices.Clone(conf.Prefixes)
	for i, p := range conf.Prefixes {
		if !strings.HasPrefix(p, "/") || strings.ContainsAny(p, "*:?") {
			panic(fmt.Sprintf("slash: prefix %q: give a path that begins with a slash, without parameters", p))
		}
		conf.Prefixes[i] = strings.TrimSuffix(p, "/")
	}
	return conf
}

// other returns the path in the form that it should have had, or "" if it has it.
func (conf *Config) other(c *geist.Ctx) string {
	path := c.RawPath()
	n := len(path)
	if n < 2 || (path[n-1] == '/') == conf.Add || !conf.concerns(c.Path()) || !pathrule.Plain(path) {
		return ""
	}
	if !conf.Add {
		return path[:n-1]
	}
	if strings.IndexByte(path[strings.LastIndexByte(path, '/'):], '.') >= 0 {
		return ""
	}
	return path + "/"
}

// concerns reports whether a path lies in one of the parts.
func (conf *Config) concerns(path string) bool {
	return len(conf.Prefixes) == 0 || slices.ContainsFunc(conf.Prefixes, func(p string) bool {
		return strings.HasPrefix(path, p) && (len(path) == len(p) || path[len(p)] == '/')
	})
}

// endsInWildcard reports whether the last segment of a pattern is a wildcard.
func endsInWildcard(pattern string) bool {
	return strings.HasPrefix(pattern[strings.LastIndexByte(pattern, '/')+1:], "*")
}
