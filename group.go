package geist

import (
	"cmp"
	"io/fs"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/gogeist/geist/hub"
)

// Handler serves a request, or a part of it: middleware and endpoints are one
// type. Middleware calls c.Next to run the rest of the chain and returns its
// error; returning without c.Next stops the chain. A Handler is called by many
// goroutines at once, each with its own Ctx, which it must not keep.
type Handler func(c *Ctx) error

// ErrorHandler answers a request that failed. See [Engine.OnError].
type ErrorHandler func(c *Ctx, err error)

// Router is what an [Engine] and a [Group] have in common: the registration of
// routes and middleware. Only this package implements it. None of its methods may
// be called once the engine serves, except inside [Engine.Change]: they panic.
type Router interface {
	// Use adds middleware; see [Engine.Use].
	Use(mw ...Handler)
	// UsePriority adds middleware with a priority; see [Engine.UsePriority].
	UsePriority(priority int, mw ...Handler)
	// GET registers a route; see [Engine.Handle]. So do the next six.
	GET(path string, handlers ...Handler) *Route
	// POST registers a route.
	POST(path string, handlers ...Handler) *Route
	// PUT registers a route.
	PUT(path string, handlers ...Handler) *Route
	// PATCH registers a route.
	PATCH(path string, handlers ...Handler) *Route
	// DELETE registers a route.
	DELETE(path string, handlers ...Handler) *Route
	// HEAD registers a route.
	HEAD(path string, handlers ...Handler) *Route
	// OPTIONS registers a route.
	OPTIONS(path string, handlers ...Handler) *Route
	// Handle registers a route for any method; see [Engine.Handle].
	Handle(method, path string, handlers ...Handler) *Route
	// Any registers a route for the seven usual methods; see [Engine.Any].
	Any(path string, handlers ...Handler) *Route
	// WS registers a route for WebSockets; see [Engine.WS].
	WS(path string, handler func(c *Ctx, ws *Conn) error, opts ...RouteOption) *Route
	// SSE registers a stream of Server-Sent Events; see [Engine.SSE].
	SSE(path string, h func(c *Ctx, s *Stream) error, opts ...RouteOption) *Route
	// Rooms registers a route on which clients speak geist.v1; see [Engine.Rooms].
	Rooms(path string, h *hub.Hub, policy func(c *Ctx) (hub.Policy, error), opts ...RouteOption) *Route
	// Static serves the files of a directory; see [Engine.Static].
	Static(prefix, dir string, config ...StaticConfig) *Route
	// StaticFS serves the files of a file system; see [Engine.StaticFS].
	StaticFS(prefix string, fsys fs.FS, config ...StaticConfig) *Route
	// Group opens a group of routes; see [Engine.Group].
	Group(prefix string, mw ...Handler) *Group
	// Mount serves another engine below a prefix; see [Engine.Mount].
	Mount(prefix string, child *Engine)
	// Resource registers the routes of a resource; see [Engine.Resource].
	Resource(path string, resource any) []*Route
	// OnError sets the error handler; see [Engine.OnError].
	OnError(h ErrorHandler)
	// NotFound sets what answers unknown paths; see [Engine.NotFound].
	NotFound(h Handler)

	base() *scope
}

var (
	_ Router = (*Engine)(nil)
	_ Router = (*Group)(nil)
)

// Group is a set of routes with a common path prefix, middleware and error
// handler. It is made by Group or Host of an [Engine] or another Group.
type Group struct{ scope }

// scope is one level of middleware: an engine's root, a host or a group. Engine
// and Group embed it, so their registration methods are one piece of code.
type scope struct {
	engine   *Engine
	parent   *scope // nil for the engine's root
	prefix   string // own part of the path prefix, "" or "/…" as given
	host     string // own host pattern; only on what Engine.Host returned
	children []*Group

	// What Change saves and restores.
	reg registry
}

// registry is what has been registered on one scope.
type registry struct {
	middleware       []leveled
	routes           []*Route
	options          []RouteOption
	mounts           []mount
	children         int // how many of scope.children count
	onError          ErrorHandler
	notFound         Handler
	methodNotAllowed Handler
}

// leveled is one middleware with its priority in its level.
type leveled struct {
	priority int
	handler  Handler
}

// mount is another engine below a prefix.
type mount struct {
	prefix string
	child  *Engine
	place  string
}

func (s *scope) base() *scope { return s }

// Use adds middleware that runs for every route of this engine or group, whenever
// it is or was registered, and for 404, 405, automatic OPTIONS answers and
// redirects below it. Middleware runs in the order it was added; that of an
// engine runs before that of its groups.
func (s *scope) Use(mw ...Handler) { s.UsePriority(0, mw...) }

// UsePriority is Use with a priority, which orders the middleware of this one
// level: lower runs first, Use is 0, equal ones keep their order of registration.
// Levels never interleave: the engine's middleware always runs before a group's.
func (s *scope) UsePriority(priority int, mw ...Handler) {
	s.engine.mustRegister("Use")
	for _, h := range mw {
		if h == nil {
			s.engine.problem("Use was given a nil handler (" + callerPlace() + "): pass a function")
			continue
		}
		s.reg.middleware = append(s.reg.middleware, leveled{priority, h})
	}
}

// GET registers a route for GET, which answers HEAD too; see Handle.
func (s *scope) GET(path string, handlers ...Handler) *Route {
	return s.add([]string{"GET"}, path, handlers)
}

// POST registers a route for POST; see Handle.
func (s *scope) POST(path string, handlers ...Handler) *Route {
	return s.add([]string{"POST"}, path, handlers)
}

// PUT registers a route for PUT; see Handle.
func (s *scope) PUT(path string, handlers ...Handler) *Route {
	return s.add([]string{"PUT"}, path, handlers)
}

// PATCH registers a route for PATCH; see Handle.
func (s *scope) PATCH(path string, handlers ...Handler) *Route {
	return s.add([]string{"PATCH"}, path, handlers)
}

// DELETE registers a route for DELETE; see Handle.
func (s *scope) DELETE(path string, handlers ...Handler) *Route {
	return s.add([]string{"DELETE"}, path, handlers)
}

// HEAD registers a route for HEAD in place of the automatic answer; see Handle.
func (s *scope) HEAD(path string, handlers ...Handler) *Route {
	return s.add([]string{"HEAD"}, path, handlers)
}

// OPTIONS registers a route for OPTIONS in place of the automatic answer; see Handle.
func (s *scope) OPTIONS(path string, handlers ...Handler) *Route {
	return s.add([]string{"OPTIONS"}, path, handlers)
}

// Handle registers a route for a method and a path pattern, as the package
// comment describes it. The last handler answers, those before it are the route's
// own middleware. The method is a token of RFC 9110 and case-sensitive; methods
// beyond the usual ones are answered 501 unless some route registers them.
//
// A route that cannot be served (a bad pattern, no handler, a conflict with
// another route) is reported by [Engine.Check], and thereby by Run, Listen and Serve.
func (s *scope) Handle(method, path string, handlers ...Handler) *Route {
	return s.add([]string{method}, path, handlers)
}

// Any registers a route for GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS.
func (s *scope) Any(path string, handlers ...Handler) *Route {
	return s.add([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}, path, handlers)
}

func (s *scope) add(methods []string, path string, handlers []Handler) *Route {
	s.engine.mustRegister(methods[0])
	r := &Route{scope: s, methods: methods, path: path, handlers: slices.Clone(handlers), place: callerPlace()}
	s.reg.routes = append(s.reg.routes, r)
	return r
}

// Group opens a group: its routes share the prefix, which may hold parameters, and
// the middleware. Groups nest. The pattern of a route is the text of all prefixes
// and its path, so Group("/a") with path "" is the pattern "/a".
func (s *scope) Group(prefix string, mw ...Handler) *Group {
	s.engine.mustRegister("Group")
	g := s.child(prefix, "")
	g.Use(mw...)
	return g
}

func (s *scope) child(prefix, host string) *Group {
	g := &Group{scope{engine: s.engine, parent: s, prefix: prefix, host: host}}
	s.children = append(s.children[:s.reg.children], g)
	s.reg.children++
	return g
}

// Mount serves child below prefix. The parent owns the server and its limits, and
// its middleware runs first; the child owns its handlers, JSON codec, slash and
// case policy, 404, 405 and error handling below the prefix. An engine may be mounted several
// times, but not below itself.
func (s *scope) Mount(prefix string, child *Engine) {
	s.engine.mustRegister("Mount")
	place := callerPlace()
	if child == nil {
		s.engine.problem("Mount was given a nil engine (" + place + "): pass what New returned")
		return
	}
	s.reg.mounts = append(s.reg.mounts, mount{prefix, child, place})
	child.mountedIn(s.engine)
}

// OnError sets the error handler of this engine or group: it answers when a
// handler below it returns an error or panics ([PanicError]). The nearest one
// wins; the outermost default is [DefaultErrorHandler]. It runs as soon as the
// handler has failed, before the error travels up through the middleware, which
// therefore sees the final status. It must not call c.Next.
func (s *scope) OnError(h ErrorHandler) {
	s.engine.mustRegister("OnError")
	s.reg.onError = h
}

// NotFound sets the handler that answers a path below this engine or group that
// no route matches. The default fails with [ErrNotFound].
func (s *scope) NotFound(h Handler) {
	s.engine.mustRegister("NotFound")
	s.reg.notFound = h
}

// Indexer lists a resource: GET path. See [Engine.Resource].
type Indexer interface{ Index(c *Ctx) error }

// Shower shows one item: GET path/:id. See [Engine.Resource].
type Shower interface{ Show(c *Ctx) error }

// Creator creates an item: POST path. See [Engine.Resource].
type Creator interface{ Create(c *Ctx) error }

// Updater changes an item: PUT and PATCH path/:id. See [Engine.Resource].
type Updater interface{ Update(c *Ctx) error }

// Deleter deletes an item: DELETE path/:id. See [Engine.Resource].
type Deleter interface{ Delete(c *Ctx) error }

// Resource registers the conventional routes of a resource, for each of [Indexer],
// [Shower], [Creator], [Updater] and [Deleter] that it implements. Items are
// addressed by the parameter id. Implementing none is reported by Check.
func (s *scope) Resource(path string, resource any) []*Route {
	var routes []*Route
	item := strings.TrimSuffix(path, "/") + "/:id"
	if r, ok := resource.(Indexer); ok {
		routes = append(routes, s.GET(path, r.Index))
	}
	if r, ok := resource.(Shower); ok {
		routes = append(routes, s.GET(item, r.Show))
	}
	if r, ok := resource.(Creator); ok {
		routes = append(routes, s.POST(path, r.Create))
	}
	if r, ok := resource.(Updater); ok {
		routes = append(routes, s.add([]string{"PUT", "PATCH"}, item, []Handler{r.Update}))
	}
	if r, ok := resource.(Deleter); ok {
		routes = append(routes, s.DELETE(item, r.Delete))
	}
	if routes == nil {
		s.engine.problem("Resource " + path + " (" + callerPlace() + ") implements none of Indexer, Shower, Creator, Updater, Deleter")
	}
	return routes
}

// chain returns the scope's own middleware in the order in which it runs.
func (s *scope) chain() []Handler {
	sorted := slices.Clone(s.reg.middleware)
	slices.SortStableFunc(sorted, func(a, b leveled) int { return cmp.Compare(a.priority, b.priority) })
	chain := make([]Handler, len(sorted))
	for i, m := range sorted {
		chain[i] = m.handler
	}
	return chain
}

// Route is a registered route. Its methods configure it further and return it, so
// that calls chain; they may be called until the engine serves.
type Route struct {
	scope    *scope
	methods  []string
	path     string
	name     string
	handlers []Handler
	place    string
	options  []RouteOption
	files    *files     // what Static serves
	shown    any        // the function that RouteInfo.Handler names; nil for the last handler
	socket   any        // the handler that WS was given
	events   bool       // made by SSE
	rooms    bool       // made by Rooms
	typed    *signature // made by Get, Post and the like
	messages *signature // made by the functions WS and SSE
}

// Name names the route for [Engine.URL]. Names are unique in an engine, which
// Check verifies. The empty name removes it.
func (r *Route) Name(name string) *Route {
	r.scope.engine.mustRegister("Name")
	r.name = name
	return r
}

// callerPlace returns "file.go:31" of the nearest caller outside this package, so
// that problems name the user's line and not ours.
func callerPlace() string {
	var pcs [16]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		inside := strings.HasPrefix(f.Function, "github.com/gogeist/geist.") && !strings.HasSuffix(f.File, "_test.go")
		if !inside {
			return f.File[strings.LastIndexByte(f.File, '/')+1:] + ":" + strconv.Itoa(f.Line)
		}
		if !more {
			return "unknown place"
		}
	}
}
