package geist

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/valyala/fasthttp"

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

	family   *family // engines mounted in one another, this one included
	changing atomic.Bool
	serving  atomic.Bool // true: registration outside Change panics
	routes   atomic.Pointer[routes]

	pool    sync.Pool // of *Ctx
	tables  sync.Map  // of *fieldTable by reflect.Type: what binding knows of types
	watcher peerwatch.Watcher
	live    server
}

// family is a set of engines that are mounted in one another. They are built and
// changed under one lock, since building one reads those below it.
type family struct {
	mu      sync.Mutex
	members []*Engine
}

// hooks are the functions that the application asked to be called.
type hooks struct {
	before   []Handler
	after    []func(*Ctx)
	listen   []func(net.Addr)
	shutdown []func(context.Context) error
	route    []func(RouteInfo)
}

// New returns an engine with the given configuration; without one, with the
// defaults. Mistakes in the configuration are reported by [Engine.Check], and
// thereby by Run, Listen and Serve, together with those of the routes.
func New(config ...Config) *Engine {
	e := &Engine{constraints: map[string]func(string) bool{}}
	e.scope.engine = e
	e.family = &family{members: []*Engine{e}}
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
// for every request whose framing is sound. An error answers the request at once.
// Ctx.Param and Ctx.Pattern are not known yet.
func (e *Engine) BeforeRequest(h Handler) {
	e.mustHook("BeforeRequest")
	e.hooks.before = append(e.hooks.before, h)
}

// AfterRequest adds a hook that runs when the answer is built, after all
// middleware and also after panics, in the order of registration.
func (e *Engine) AfterRequest(f func(c *Ctx)) {
	e.mustHook("AfterRequest")
	e.hooks.after = append(e.hooks.after, f)
}

// OnListen adds a hook that is called with the address of each listener before
// its first connection is accepted.
func (e *Engine) OnListen(f func(net.Addr)) {
	e.mustHook("OnListen")
	e.hooks.listen = append(e.hooks.listen, f)
}

// OnShutdown adds a hook that Shutdown runs after the last connection has ended, in
// reverse order of registration. Its context is the one given to Shutdown; its
// error becomes part of Shutdown's.
func (e *Engine) OnShutdown(f func(context.Context) error) {
	e.mustHook("OnShutdown")
	e.hooks.shutdown = append(e.hooks.shutdown, f)
}

// OnRoute adds a hook that is called for each route when the engine starts to
// serve, and for each route that a later Change adds.
func (e *Engine) OnRoute(f func(RouteInfo)) {
	e.mustHook("OnRoute")
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
	patterns, ok := e.current().named[name]
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
	e.family.mu.Lock()
	defer e.family.mu.Unlock()
	_, err := e.build()
	return err
}

// Change registers routes, groups and middleware while the engine serves: what
// register adds becomes visible to requests all at once, when it returns. If that
// would make the engine invalid, or if register panics, nothing changes and Change
// panics, with a *[CheckError] in the first case. Requests are never held up.
// Change may be called from any goroutine; calls run one after another. Hooks
// cannot be added while the engine serves.
func (e *Engine) Change(register func()) {
	mu := &e.family.mu
	mu.Lock()
	defer mu.Unlock()
	e.changing.Store(true)
	defer e.changing.Store(false)
	undo := e.save()
	done := false
	defer func() {
		if !done {
			undo()
		}
	}()
	register()
	if err := e.rebuild(); err != nil {
		panic(err)
	}
	done = true
}

// rebuild makes the changes of e visible wherever it serves: in itself and in the
// engines above it, in all of them or in none. The family's lock must be held.
func (e *Engine) rebuild() error {
	if !e.serving.Load() {
		return nil
	}
	above := []*Engine{e}
	for i := 0; i < len(above); i++ {
		for _, parent := range above[i].parents {
			if !slices.Contains(above, parent) {
				above = append(above, parent)
			}
		}
	}
	built := make([]*routes, len(above))
	for i, a := range above {
		rs, err := a.build()
		if err != nil {
			return err
		}
		built[i] = rs
	}
	for i, a := range above {
		if a.routes.Load() != nil { // else it serves only as a part of others
			a.publish(built[i])
		}
		a.markServing()
	}
	return nil
}

// publish makes rs the routes of e and tells the OnRoute hooks what is new.
func (e *Engine) publish(rs *routes) {
	known := map[*Route]bool{}
	if old := e.routes.Swap(rs); old != nil {
		for _, r := range old.origin {
			known[r] = true
		}
	}
	for i, info := range rs.infos {
		if !known[rs.origin[i]] {
			for _, f := range e.hooks.route {
				f(info)
			}
		}
	}
}

// save returns a function that restores all registrations of e as they are now.
func (e *Engine) save() (undo func()) {
	type saved struct {
		s   *scope
		reg registry
	}
	var all []saved
	var walk func(s *scope)
	walk = func(s *scope) {
		all = append(all, saved{s, s.reg})
		for _, g := range s.children[:s.reg.children] {
			walk(&g.scope)
		}
	}
	walk(&e.scope)
	problems, constraints := e.problems, maps.Clone(e.constraints)
	return func() {
		for _, x := range all {
			x.s.reg = x.reg
		}
		e.problems, e.constraints = problems, constraints
	}
}

// freeze checks the engine, builds its routes and ends registration. It may be
// called again, which costs nothing.
func (e *Engine) freeze() error {
	if e.routes.Load() != nil {
		return nil
	}
	e.family.mu.Lock()
	defer e.family.mu.Unlock()
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

// markServing ends registration on e and on what is mounted in it.
func (e *Engine) markServing() {
	e.serving.Store(true)
	var walk func(s *scope)
	walk = func(s *scope) {
		for _, m := range s.reg.mounts {
			m.child.markServing()
		}
		for _, g := range s.children[:s.reg.children] {
			walk(&g.scope)
		}
	}
	walk(&e.scope)
}

// build compiles the routes of e, or reports all its problems. The family's lock
// must be held.
func (e *Engine) build() (*routes, error) {
	rs, problems := compile(e)
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
	if !e.changing.Load() {
		e.family.mu.Lock()
		defer e.family.mu.Unlock()
	}
	rs, _ := compile(e)
	return rs
}

// mountedIn remembers that a change of e must rebuild parent too, and joins their
// families.
func (e *Engine) mountedIn(parent *Engine) {
	if !slices.Contains(e.parents, parent) {
		e.parents = append(e.parents, parent)
	}
	if old := e.family; old != parent.family {
		for _, m := range old.members {
			m.family = parent.family
		}
		parent.family.members = append(parent.family.members, old.members...)
	}
}

func (e *Engine) problem(text string) { e.problems = append(e.problems, text) }

// mustRegister panics when the engine serves and no Change is under way.
func (e *Engine) mustRegister(what string) {
	if e.serving.Load() && !e.changing.Load() {
		panic("geist: " + what + " (" + callerPlace() + ") after the engine began to serve: register before, or inside Engine.Change")
	}
}

// mustHook panics when the engine serves: hooks are read without a lock.
func (e *Engine) mustHook(what string) {
	if e.serving.Load() {
		panic("geist: " + what + " (" + callerPlace() + ") after the engine began to serve: add hooks before")
	}
}

// Handler returns the engine as a fasthttp handler, to be embedded in a foreign
// server, whose limits then apply. [Engine.Server] is preferred: it comes with the
// limits of Config. Handler panics with the error of Check, if there is one, and
// ends registration.
func (e *Engine) Handler() fasthttp.RequestHandler {
	if err := e.freeze(); err != nil {
		panic(err)
	}
	return e.serve
}
