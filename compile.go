package geist

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"sort"
	"strings"
)

// The usual methods have fixed indexes, so that routing finds its tree without a
// map. Methods that only some route registers follow after them.
const (
	methodGet = iota
	methodHead
	methodPost
	methodPut
	methodPatch
	methodDelete
	methodOptions
	methodConnect
	methodTrace
	usualMethods
)

// methodNames is indexed by the constants above.
var methodNames = [usualMethods]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"}

// usualMethod returns the index of a usual method, or -1.
func usualMethod(m string) int {
	switch m {
	case "GET":
		return methodGet
	case "HEAD":
		return methodHead
	case "POST":
		return methodPost
	case "PUT":
		return methodPut
	case "PATCH":
		return methodPatch
	case "DELETE":
		return methodDelete
	case "OPTIONS":
		return methodOptions
	case "CONNECT":
		return methodConnect
	case "TRACE":
		return methodTrace
	}
	return -1
}

// routes is everything that serving needs to know about the registrations of one
// engine (at one mount point). It is immutable: lookups take no lock, and a
// Change swaps the whole.
type routes struct {
	engine *Engine
	def    *table // routes without a host
	exact  map[string]*table
	labels []hostLabel // patterns with a {name} label, most specific first
	custom map[string]int
	method []string // names by index

	onError ErrorHandler // for requests that fail before they are routed

	bodyMost int64 // the longest body that a route's own limit allows

	infos  []RouteInfo
	origin []*Route // of infos, one to one
	named  map[string][]*pattern

	shown []func() // what hooks of OnRoutes want to be called when these routes serve
}

// table is the routes of one host: a tree a method, and one of all patterns that
// tells a wrong method from a wrong path in a single lookup.
type table struct {
	trees   []*tree // by method index; nil without routes
	any     *tree   // of all methods; of patterns that differ in names only, it has one
	inexact bool    // any lacks a pattern that overlaps another without being like it
	scopes  *tree   // prefixes of groups, to find who answers 404; nil if there are none
	root    *fallback
	claims  *tree // what lies below routes and groups; nil if no route serves files
}

// endpoint is a compiled route: what one leaf of a tree leads to.
type endpoint struct {
	engine  *Engine
	pattern string
	names   []string
	absent  string // the optional parameter that this form of the pattern lacks
	chain   []Handler
	onError ErrorHandler
	mount   *routes       // the endpoint is a mounted engine
	files   *fileRoute    // the endpoint serves files
	levels  []step        // the scopes that the chain is made of
	scope   *fallback     // the endpoint is a group's prefix
	options *routeOptions // of the route; nil for what answers in place of one
	eager   bool          // the body is read before the endpoint runs
	live    bool          // the endpoint leads to a connection that lasts
	place   string
	method  string
	source  *pattern
	kind    RouteKind
}

// fallback is what answers below one group's prefix when no route does.
type fallback struct {
	notFound, notAllowed, options, redirect *endpoint
}

// methodIndex returns the index of a method's tree, or -1 if nobody knows it.
func (rs *routes) methodIndex(m string) int {
	if i := usualMethod(m); i >= 0 {
		return i
	}
	if i, ok := rs.custom[m]; ok {
		return i
	}
	return -1
}

// compiler turns registrations into routes. One compiler compiles one engine at
// one mount point; mounted engines have compilers of their own.
type compiler struct {
	engine   *Engine
	stack    []*Engine // engines being compiled, outermost first: cycles show here
	routes   *routes
	tables   map[string]*table
	gets     map[*table][]*endpoint // endpoints for GET, which answer HEAD too
	problems *[]string
	implied  []implied
	hasFiles bool
	schemes  map[string]SecurityScheme // of the routes, by name
}

// level is what a scope inherits from those around it.
type level struct {
	host     string
	prefix   string
	mounted  string // the part of prefix at which the engine is mounted
	chain    []Handler
	onError  ErrorHandler
	notFound Handler
	notAllow Handler
	steps    []step
	options  []RouteOption
}

// compile builds the routes of e and returns every problem it meets.
func compile(e *Engine) (*routes, []string) {
	var problems []string
	rs := compileAt(e, level{}, nil, &problems)
	return rs, problems
}

// compileAt builds the routes of e as mounted at the given level.
func compileAt(e *Engine, at level, stack []*Engine, problems *[]string) *routes {
	*problems = append(*problems, e.problems...)
	c := &compiler{
		engine:   e,
		stack:    append(slices.Clone(stack), e),
		routes:   &routes{engine: e, method: methodNames[:], named: map[string][]*pattern{}},
		tables:   map[string]*table{},
		gets:     map[*table][]*endpoint{},
		schemes:  map[string]SecurityScheme{},
		problems: problems,
	}
	c.collectMethods(e)
	at.host, at.mounted = "", at.prefix
	c.routes.onError = c.onError(level{onError: nearer(e.reg.onError, at.onError)})
	c.table("") // even an engine without routes answers 404
	c.walk(&e.scope, at)
	c.finish()
	return c.routes
}

// collectMethods gives an index to each method beyond the usual ones, those of
// mounted engines included: a request is routed to a mount in its method's tree.
func (c *compiler) collectMethods(e *Engine) {
	var walk func(s *scope, depth int)
	walk = func(s *scope, depth int) {
		for _, r := range s.reg.routes {
			for _, m := range r.methods {
				if usualMethod(m) < 0 && validToken(m) {
					c.addMethod(m)
				}
			}
		}
		for _, m := range s.reg.mounts {
			if depth < maxMountDepth {
				walk(&m.child.scope, depth+1)
			}
		}
		for _, g := range s.children[:s.reg.children] {
			walk(&g.scope, depth)
		}
	}
	walk(&e.scope, 0)
}

// maxMountDepth bounds the walk over engines that are mounted in a cycle, before
// the cycle is reported.
const maxMountDepth = 16

func (c *compiler) addMethod(m string) {
	if _, ok := c.routes.custom[m]; ok {
		return
	}
	if c.routes.custom == nil {
		c.routes.custom = map[string]int{}
	}
	c.routes.method = append(slices.Clone(c.routes.method), m)
	c.routes.custom[m] = len(c.routes.method) - 1
	if len(c.routes.method) == maxMethods+1 {
		c.problem("routes use more than %d methods, the last one %q: use fewer", maxMethods, m)
	}
}

// maxMethods is how many methods a set of methods has room for.
const maxMethods = 64

func (c *compiler) problem(format string, args ...any) {
	*c.problems = append(*c.problems, fmt.Sprintf(format, args...))
}

// table returns the table of a host pattern, made on first use.
func (c *compiler) table(host string) *table {
	t := c.tables[host]
	if t == nil {
		t = &table{trees: make([]*tree, len(c.routes.method)), any: newTree(c.engine.set.CaseInsensitive)}
		c.tables[host] = t
	}
	return t
}

// walk compiles one scope and everything below it.
func (c *compiler) walk(s *scope, at level) {
	if s.prefix != "" && s.prefix[0] != '/' {
		c.problem("the prefix %q of a group must begin with /", s.prefix)
		return
	}
	if s.host != "" {
		at.host = s.host
	}
	at.prefix += s.prefix
	at.chain = slices.Concat(at.chain, s.chain())
	at.steps = append(slices.Clip(at.steps), step{s, len(at.chain)})
	at.options = slices.Concat(at.options, s.reg.options)
	at.onError = nearer(s.reg.onError, at.onError)
	if s.reg.notFound != nil {
		at.notFound = s.reg.notFound
	}
	if s.reg.methodNotAllowed != nil {
		at.notAllow = s.reg.methodNotAllowed
	}
	c.addScope(s, at)
	for _, r := range s.reg.routes {
		c.addRoute(r, at)
	}
	for _, m := range s.reg.mounts {
		c.addMount(m, at)
	}
	for _, g := range s.children[:s.reg.children] {
		c.walk(&g.scope, at)
	}
}

// addScope registers what answers below the scope's prefix when no route does. A
// group without a prefix of its own is not a place in the tree and owns nothing.
func (c *compiler) addScope(s *scope, at level) {
	if s.prefix == "" && s.parent != nil && s.host == "" {
		return
	}
	t := c.table(at.host)
	prefix := strings.TrimSuffix(at.prefix, "/")
	fall := c.fallback(at, prefix)
	if t.root == nil && (s.parent == nil || s.host != "") {
		t.root = fall
		return
	}
	if t.scopes == nil {
		t.scopes = newTree(c.engine.set.CaseInsensitive)
	}
	for _, src := range []string{prefix, prefix + "/", prefix + "/*" + restName} {
		patterns, err := c.parse(src)
		if err != nil || len(patterns) != 1 {
			return // the group's routes report it, with their places
		}
		ep := &endpoint{engine: c.engine, scope: fall, names: patterns[0].names, source: patterns[0]}
		t.scopes.add(patterns[0], ep) // of groups with one prefix, the first answers
	}
}

// restName is the wildcard that stands for everything below a prefix. A user's
// parameter of that name would be a duplicate, which the parser reports.
const restName = "geist_rest"

func (c *compiler) prefixNames(prefix string) []string {
	if p, err := c.parse(prefix + "/"); err == nil && len(p) == 1 {
		return p[0].names
	}
	return nil
}

// fallback makes the endpoints that answer in place of a route at a level.
func (c *compiler) fallback(at level, prefix string) *fallback {
	names := c.prefixNames(prefix)
	end := func(h Handler) *endpoint {
		return &endpoint{engine: c.engine, names: names, chain: slices.Concat(at.chain, []Handler{h}), onError: c.onError(at), levels: at.steps}
	}
	notFound, notAllowed := at.notFound, at.notAllow
	if notFound == nil {
		notFound = func(*Ctx) error { return ErrNotFound }
	}
	if notAllowed == nil {
		notAllowed = func(*Ctx) error { return ErrMethodNotAllowed }
	}
	return &fallback{
		notFound:   end(notFound),
		notAllowed: end(notAllowed),
		options:    end((*Ctx).NoContent),
		redirect:   end((*Ctx).redirectClean),
	}
}

// nearer returns the nearer of two error handlers.
func nearer(own, inherited ErrorHandler) ErrorHandler {
	if own != nil {
		return own
	}
	return inherited
}

func (c *compiler) onError(at level) ErrorHandler {
	if at.onError == nil {
		return DefaultErrorHandler
	}
	return at.onError
}

func (c *compiler) parse(src string) ([]*pattern, error) {
	return parsePattern(src, func(name string) (func(string) bool, bool) {
		f, ok := c.engine.constraints[name]
		return f, ok
	})
}

// addRoute compiles one route for each of its methods.
func (c *compiler) addRoute(r *Route, at level) {
	if r.files != nil {
		c.addFiles(r, at)
		return
	}
	patterns, ok := c.patterns(r.path, at.prefix, r.place)
	if !ok || !c.checkHandlers(r) {
		return
	}
	c.nameRoute(r, patterns)
	full := patterns[len(patterns)-1]
	options := c.options(r, at, full.src)
	c.typed(r, at, options, full)
	chain := options.chain(at.chain, r.handlers)
	for _, method := range r.methods {
		if !validToken(method) {
			c.problem("route %s (%s): method %q is not a token of RFC 9110", r.path, r.place, method)
			continue
		}
		for _, p := range patterns {
			ep := &endpoint{
				engine: c.engine, pattern: full.src, names: p.names, chain: chain, options: options, eager: !options.stream, live: r.bodiless() || r.rooms,
				onError: c.onError(at), levels: at.steps, place: r.place, method: method, source: p, kind: r.kind(),
			}
			if n := len(p.names); n < len(full.names) {
				ep.absent = full.names[n]
			}
			c.insert(at.host, method, p, ep)
		}
		c.describe(r, at, method, full, options, len(chain)-1)
	}
}

// nameRoute makes the route's patterns known by its name.
func (c *compiler) nameRoute(r *Route, patterns []*pattern) {
	if r.name == "" {
		return
	}
	if _, taken := c.routes.named[r.name]; taken {
		c.problem("two routes are named %q, the second at %s: names are unique", r.name, r.place)
		return
	}
	c.routes.named[r.name] = patterns
}

// patterns parses the full pattern of a path at a prefix and reports what is wrong.
func (c *compiler) patterns(path, prefix, place string) ([]*pattern, bool) {
	if path != "" && path[0] != '/' {
		c.problem("route %q (%s): a path begins with /", path, place)
		return nil, false
	}
	full := prefix + path
	if len(c.stack) > 1 && path == "/" {
		full = prefix // the root of a mounted engine is the mount point itself
	}
	if c.engine.set.TrailingSlash == SlashIgnore && len(full) > 1 {
		full = strings.TrimSuffix(full, "/")
	}
	if full == "" {
		full = "/"
	}
	patterns, err := c.parse(full)
	if err != nil {
		c.problem("route %s (%s): %s", full, place, err)
		return nil, false
	}
	return patterns, true
}

func (c *compiler) checkHandlers(r *Route) bool {
	if len(r.handlers) == 0 {
		c.problem("route %s (%s) has no handler: pass at least one", r.path, r.place)
		return false
	}
	if slices.ContainsFunc(r.handlers, func(h Handler) bool { return h == nil }) {
		c.problem("route %s (%s) has a nil handler: pass functions", r.path, r.place)
		return false
	}
	return true
}

// insert adds an endpoint to its method's tree and reports conflicts.
func (c *compiler) insert(host, method string, p *pattern, ep *endpoint) {
	t := c.table(host)
	i := c.routes.methodIndex(method)
	if t.trees[i] == nil {
		t.trees[i] = newTree(c.engine.set.CaseInsensitive)
	}
	if other, with := t.trees[i].add(p, ep); other != nil {
		c.problem("%s %s (%s) conflicts with %s %s (%s): %s", method, p, ep.place,
			other.method, with.src, other.place, conflictText(p, with, c.engine.set.CaseInsensitive))
		return
	}
	if method == "GET" {
		c.gets[t] = append(c.gets[t], ep)
	}
	if other, with := t.any.add(p, ep); other != nil && !p.alike(with) {
		t.inexact = true
	}
}

// alike reports whether p and q match the same paths, whatever their names.
func (p *pattern) alike(q *pattern) bool {
	return slices.EqualFunc(p.segs, q.segs, func(a, b segment) bool { return a.shape() == b.shape() })
}

// addMount compiles a mounted engine and leads everything below its prefix to it.
func (c *compiler) addMount(m mount, at level) {
	if slices.Contains(c.stack, m.child) {
		c.problem("Mount %q (%s): the engine is mounted below itself", m.prefix, m.place)
		return
	}
	if m.prefix != "" && m.prefix[0] != '/' {
		c.problem("Mount %q (%s): a prefix begins with /", m.prefix, m.place)
		return
	}
	at.prefix = strings.TrimSuffix(at.prefix+m.prefix, "/")
	at.notFound, at.notAllow = nil, nil
	host := at.host
	child := compileAt(m.child, at, c.stack, c.problems)
	for i := range child.infos {
		child.infos[i].Host = orDefault(child.infos[i].Host, host)
	}
	for _, src := range []string{at.prefix, at.prefix + "/", at.prefix + "/*" + restName} {
		if src == "" {
			continue
		}
		patterns, err := c.parse(src)
		if err != nil {
			c.problem("Mount %q (%s): %s", m.prefix, m.place, err)
			return
		}
		for _, method := range c.routes.method {
			c.insert(host, method, patterns[0], &endpoint{
				engine: m.child, mount: child, place: m.place, method: method, source: patterns[0],
			})
		}
	}
	c.routes.bodyMost = max(c.routes.bodyMost, child.bodyMost)
	c.routes.infos = append(c.routes.infos, child.infos...)
	c.routes.origin = append(c.routes.origin, child.origin...)
	for name, p := range child.named {
		if _, taken := c.routes.named[name]; !taken {
			c.routes.named[name] = p
		}
	}
}

// finish completes the trees: HEAD is answered by GET routes unless it has its
// own, hosts get their tables, and everything is made read-only.
func (c *compiler) finish() {
	c.addImplied()
	c.addClaims()
	for host, t := range c.tables {
		if t.root == nil {
			t.root = c.tables[""].root
		}
		c.addHead(t)
		for _, tr := range append(slices.Clone(t.trees), t.any, t.scopes, t.claims) {
			if tr != nil {
				tr.freeze()
			}
		}
		switch {
		case host == "":
			c.routes.def = t
		case strings.Contains(host, "{"):
			c.routes.labels = append(c.routes.labels, newHostLabel(host, t))
		default:
			if c.routes.exact == nil {
				c.routes.exact = map[string]*table{}
			}
			c.routes.exact[host] = t
		}
	}
	sort.Slice(c.routes.labels, func(i, j int) bool {
		a, b := c.routes.labels[i], c.routes.labels[j]
		if la, lb := len(a.prefix)+len(a.suffix), len(b.prefix)+len(b.suffix); la != lb {
			return la > lb
		}
		return a.prefix+"{"+a.suffix < b.prefix+"{"+b.suffix
	})
	for i := 1; i < len(c.routes.labels); i++ {
		if a, b := c.routes.labels[i-1], c.routes.labels[i]; a.prefix == b.prefix && a.suffix == b.suffix {
			c.problem("hosts %s{%s}%s and %s{%s}%s match the same requests: use one name for the label", a.prefix, a.name, a.suffix, b.prefix, b.name, b.suffix)
		}
	}
}

// addHead makes GET routes answer HEAD where no route of its own does.
func (c *compiler) addHead(t *table) {
	get := t.trees[methodGet]
	if get == nil {
		return
	}
	if t.trees[methodHead] == nil {
		t.trees[methodHead] = get
		return
	}
	for _, ep := range c.gets[t] {
		t.trees[methodHead].add(ep.source, ep) // a HEAD route in its place stays
	}
}

// endpoint returns the function that answers, for display.
func (r *Route) endpoint() any {
	switch {
	case r.shown != nil:
		return r.shown
	case r.socket != nil:
		return r.socket
	}
	return r.handlers[len(r.handlers)-1]
}

// handlerName returns the name of a handler's function, without the module's path.
func handlerName(h any) string {
	f := runtime.FuncForPC(reflect.ValueOf(h).Pointer())
	if f == nil {
		return "unknown"
	}
	name := f.Name()
	return strings.TrimSuffix(name[strings.LastIndexByte(name, '/')+1:], "-fm")
}
