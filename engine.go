package geist

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/internal/peerwatch"
)

// Engine is a web application: routes, middleware, hooks and the server that runs
// them. New makes it; the zero Engine is not usable. Routes are registered first
// and from one goroutine; then Run, Listen or Serve freeze them, and the engine is
// safe for any number of goroutines. Change registers more while it serves.
type Engine struct {
	scope
	set   settings
	hooks hooks

	// plainPaths: a path without escapes, dots and double slashes is matched as it is.
	plainPaths bool

	constraints map[string]func(string) bool
	parents     []*Engine // engines this one is mounted in
	problems    []string  // what registration and Config got wrong

	family   *family // whose lock guards registration while serving, and every build of routes
	changing atomic.Bool
	serving  atomic.Bool // true: registration outside Change panics
	routes   atomic.Pointer[routes]

	pool     sync.Pool // of *Ctx
	large    largeBuffers
	tables   sync.Map // of *fieldTable by reflect.Type: what binding knows of types
	ruled    sync.Map // of *ruled by reflect.Type: what the validator knows of types
	embedded sync.Map // embed.FS to *files, of Ctx.FileFS
	watcher  peerwatch.Watcher
	live     server
}

// hooks are the functions that the application asked to be called.
type hooks struct {
	before   []Handler
	after    []func(*Ctx)
	listen   []func(net.Addr)
	shutdown []func(context.Context) error
	route    []func(RouteInfo)
	routes   []func([]RouteInfo) (func(), error)

	connect    []func(*Ctx) error
	disconnect []func(hub.ConnID, error)
}

// New returns an engine with the given configuration; without one, with the
// defaults. Mistakes in the configuration are reported by [Engine.Check], and
// thereby by Run, Listen and Serve, together with those of the routes.
func New(config ...Config) *Engine {
	e := &Engine{constraints: map[string]func(string) bool{}, family: &family{}}
	e.scope.engine = e
	var cfg Config
	if len(config) > 0 {
		cfg = config[0]
	}
	if len(config) > 1 {
		e.problem("New was given more than one Config: pass one")
	}
	set, problems := cfg.resolve()
	e.set = set
	e.plainPaths = !set.CaseInsensitive && set.TrailingSlash != SlashIgnore
	e.problems = append(e.problems, problems...)
	e.pool.New = func() any { return newCtx(e) }
	e.live.init(e)
	return e
}

// Constraint adds a parameter constraint for patterns of this engine: after
// app.Constraint("even", isEven), "/n/:id<even>" matches only if isEven is true
// of the decoded value. Name is a parameter name; a built-in cannot be replaced.
// The function must be safe for many goroutines and quick: it runs while routing.
// The value is borrowed: copy it to keep it.
func (e *Engine) Constraint(name string, matches func(value string) bool) {
	e.mustRegister("Constraint")
	switch {
	case matches == nil:
		e.problem(fmt.Sprintf("Constraint %q was given a nil function (%s): pass a func(string) bool", name, callerPlace()))
	case !validParamName(name):
		e.problem(fmt.Sprintf("Constraint name %q is not a name (%s): use letters, digits and _", name, callerPlace()))
	case isBuiltinConstraint(name):
		e.problem(fmt.Sprintf("Constraint %q is built in (%s): choose another name", name, callerPlace()))
	case e.constraints[name] != nil:
		e.problem(fmt.Sprintf("Constraint %q is defined twice (%s): choose another name", name, callerPlace()))
	default:
		e.constraints[name] = matches
	}
}

// Host opens a group whose routes answer only requests for that host, before the
// routes without a host are tried. The pattern is an exact name ("api.example.com")
// or has one {name} label ("{tenant}.example.com"), whose value is c.Param(name).
// Case, port and a trailing dot are ignored.
func (e *Engine) Host(pattern string) *Group {
	e.mustRegister("Host")
	if err := checkHostPattern(pattern); err != nil {
		e.problem(fmt.Sprintf("Host %q (%s): %s", pattern, callerPlace(), err))
	}
	return e.child("", normalHost(pattern))
}

// MethodNotAllowed sets the handler that answers when routes match the path but
// not the method; the Allow header is already set. The default fails with
// [ErrMethodNotAllowed].
func (e *Engine) MethodNotAllowed(h Handler) {
	e.mustRegister("MethodNotAllowed")
	e.reg.methodNotAllowed = h
}

// BeforeRequest adds a hook that runs before routing, in the order of registration,
// for every request whose framing and target are sound. An error answers the request at
// once. Ctx.Path is what will be matched, and [Ctx.SetPath] replaces it; Ctx.Param and
// Ctx.Pattern are not known yet.
func (e *Engine) BeforeRequest(h Handler) {
	if !e.mustHook("BeforeRequest", h == nil) {
		return
	}
	e.hooks.before = append(e.hooks.before, h)
}

// AfterRequest adds a hook that runs when the answer is built, after all
// middleware and also after panics, in the order of registration.
func (e *Engine) AfterRequest(f func(c *Ctx)) {
	if !e.mustHook("AfterRequest", f == nil) {
		return
	}
	e.hooks.after = append(e.hooks.after, f)
}

// OnListen adds a hook that is called with the address of each listener before
// its first connection is accepted.
func (e *Engine) OnListen(f func(net.Addr)) {
	if !e.mustHook("OnListen", f == nil) {
		return
	}
	e.hooks.listen = append(e.hooks.listen, f)
}

// OnShutdown adds a hook that Shutdown runs after the last connection has ended, in
// reverse order of registration, also if the engine has never served. Its context is
// the one given to Shutdown; its error becomes part of Shutdown's. Run does not call
// Shutdown when it fails to start.
func (e *Engine) OnShutdown(f func(context.Context) error) {
	if !e.mustHook("OnShutdown", f == nil) {
		return
	}
	e.hooks.shutdown = append(e.hooks.shutdown, f)
}

// OnRoute adds a hook that is called for each route when the engine starts to
// serve, and for each route that a later Change adds.
func (e *Engine) OnRoute(f func(RouteInfo)) {
	if !e.mustHook("OnRoute", f == nil) {
		return
	}
	e.hooks.route = append(e.hooks.route, f)
}

// Routes lists the routes in the order of registration, those of mounted engines
// included. It may be called at any time and returns a copy.
func (e *Engine) Routes() []RouteInfo {
	return slices.Clone(e.current().infos)
}

// URL returns the path of the named route with its parameters replaced, in the
// order of the pattern, by params: strings, numbers, booleans and anything with a
// MarshalText or String method. Values are escaped and checked against the
// constraints; an optional last parameter may be left out. It fails when the name
// is unknown, the number of params is wrong or a value would not match the route.
func (e *Engine) URL(name string, params ...any) (string, error) {
	return e.current().url(name, params)
}

// url returns the path of the named route.
func (rs *routes) url(name string, params []any) (string, error) {
	patterns, ok := rs.named[name]
	if !ok {
		return "", fmt.Errorf("geist: no route is named %q", name)
	}
	// An optional parameter makes two patterns: the number of params decides.
	p := patterns[0]
	for _, q := range patterns {
		if len(q.names) == len(params) {
			p = q
		}
	}
	b, err := p.build(nil, params)
	if err != nil {
		return "", fmt.Errorf("geist: URL of route %q (%s): %w", name, p, err)
	}
	return string(b), nil
}

// Match is what [Engine.Match] found. It is a value: it refers to the path that
// was matched and stays valid for ever.
type Match struct {
	path     string
	endpoint *endpoint
	caps     captures
}

// Pattern returns the pattern of the route that matched.
func (m *Match) Pattern() string { return m.endpoint.pattern }

// Len returns the number of parameters.
func (m *Match) Len() int { return len(m.endpoint.names) }

// Name returns the name of the i-th parameter.
func (m *Match) Name(i int) string { return m.endpoint.names[i] }

// Param returns the decoded value of the i-th parameter.
func (m *Match) Param(i int) string {
	s := m.caps.at(i)
	return paramValue(m.path[s.off : int(s.off)+int(s.len)])
}

// Match reports which route without a host would serve a request, for tests and
// tools. The path is escaped, as it stands in a request, and has no query. Slash
// policy and mounted engines are not consulted. m is reused by the caller so that nothing is allocated;
// its contents are undefined when Match returns false.
func (e *Engine) Match(method, path string, m *Match) bool {
	rs := e.current()
	i := rs.methodIndex(method)
	if i < 0 || rs.def.trees[i] == nil {
		return false
	}
	if strings.IndexByte(path, '%') >= 0 {
		b, err := decodePath(nil, path)
		if err != nil {
			return false
		}
		path = string(b)
	}
	folded := path
	if e.set.CaseInsensitive {
		folded = string(foldASCII(nil, path))
	}
	m.path = path
	m.endpoint = rs.def.trees[i].find(folded, path, &m.caps)
	return m.endpoint != nil && m.endpoint.mount == nil
}

// CheckError lists everything that is wrong with an engine. See [Engine.Check].
type CheckError struct {
	// Problems has one sentence each; it is not empty.
	Problems []string
}

// Error returns the problems, one on a line.
func (e *CheckError) Error() string {
	return "geist: the engine cannot serve:\n\t" + strings.Join(e.Problems, "\n\t")
}

// Check reports every problem of the configuration and of the routes at once, as a
// *[CheckError]: bad values, bad patterns, routes without a handler, conflicts with
// both places, duplicate names, cyclic mounts. Run, Listen and Serve call it.
func (e *Engine) Check() error {
	defer e.lockToRead()()
	_, err := e.build()
	return err
}

// freeze checks the engine, builds its routes and ends registration. It may be
// called again, which costs nothing.
func (e *Engine) freeze() error {
	if e.routes.Load() != nil {
		return nil
	}
	defer e.lock().mu.Unlock()
	if e.routes.Load() != nil {
		return nil
	}
	rs, err := e.build()
	if err != nil {
		return err
	}
	e.publish(rs)
	e.markServing()
	return nil
}

// build compiles the routes of e, or reports all its problems. The family must be locked.
func (e *Engine) build() (*routes, error) {
	rs, problems := compile(e)
	if len(problems) == 0 {
		problems = append(e.show(rs), e.showMounted()...)
	}
	if len(problems) > 0 {
		return nil, &CheckError{Problems: problems}
	}
	return rs, nil
}

// current returns the routes that serve, or those that would.
func (e *Engine) current() *routes {
	if rs := e.routes.Load(); rs != nil {
		return rs
	}
	defer e.lockToRead()()
	rs, _ := compile(e)
	return rs
}

func (e *Engine) problem(text string) { e.problems = append(e.problems, text) }

// mustRegister panics when the engine serves and no Change is under way.
func (e *Engine) mustRegister(what string) {
	if e.serving.Load() && !e.changing.Load() {
		panic("geist: " + what + " (" + callerPlace() + ") after the engine began to serve: register before, or inside Engine.Change")
	}
}

// mustHook panics when the engine serves: hooks are read without a lock. It
// reports whether to add the hook, which a nil function is not worth.
func (e *Engine) mustHook(what string, isNil bool) bool {
	if e.serving.Load() {
		panic("geist: " + what + " (" + callerPlace() + ") after the engine began to serve: add hooks before")
	}
	if isNil {
		e.problem(what + " was given a nil function (" + callerPlace() + "): pass a function")
	}
	return !isNil
}

// Handler returns the engine as a fasthttp handler, to be embedded in a foreign
// server, whose limits then apply beside those of Config on the target, the header and
// the body. The server should stream bodies (StreamRequestBody), else it holds each in
// memory before the engine sees it. [Engine.Server] is preferred: it comes with the
// limits of Config. Handler panics with the error of Check, if there is one, and
// ends registration.
func (e *Engine) Handler() fasthttp.RequestHandler {
	if err := e.freeze(); err != nil {
		panic(err)
	}
	return e.serve
}
