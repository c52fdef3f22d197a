package geist

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// StaticConfig says how Static and StaticFS serve their files. The zero value is
// right for a directory of assets.
type StaticConfig struct {
	// Index is the file that answers for a directory. Empty means index.html. A
	// directory without one is 404: there are no listings.
	Index string

	// SPA answers navigations to paths that have no file with the page Fallback and
	// status 200, for single-page applications that route in the browser. A navigation
	// is a GET or HEAD whose Accept names text/html. Paths whose last segment has an
	// extension are assets, and stay 404. So does what lies below the prefix of a group or the path
	// of a route that begins, behind the prefix of the files, with fixed text: an API keeps its own
	// 404, 405 and redirects.
	SPA bool

	// Fallback is the page that SPA answers with, relative to the root of the files.
	// Empty means Index. A name turns SPA on.
	Fallback string

	// CacheControl is the value of the Cache-Control field of files, such as
	// "public, max-age=31536000, immutable" for those with a hash in their names. Empty
	// sends none. Pages named Index and Fallback are always sent with no-cache, which
	// lets them be kept but asks for them to be checked. A field that middleware has set stays.
	CacheControl string

	// DotFiles also serves names that begin with a dot, which are 404 otherwise, but
	// for the directory .well-known at the root (RFC 8615).
	DotFiles bool

	// DisablePrecompressed ignores the siblings app.js.br, app.js.zst and app.js.gz. By
	// default the one that the client likes best, and of equal ones the smallest, is
	// sent in place of app.js, unless it is more than two seconds older.
	DisablePrecompressed bool
}

// Static serves the files of a directory below prefix, by GET and HEAD; other
// methods are 405. Names are decoded once. What no file can be called safely on every platform is 404:
// dot segments and slashes that were sent encoded, backslashes, control characters,
// colons, Windows device names, names that end with a dot or a space. Symbolic links
// may lead to other places in the directory, never out of it. The directory is
// opened once, here: one that is later moved away or replaced as a whole is still the one that is
// served. A directory that cannot be opened is reported by Check.
//
// Answers carry ETag, Last-Modified and X-Content-Type-Options: nosniff, and obey
// preconditions and ranges (RFC 9110 §13 and §14). Small files are kept in memory, at most 16 MiB for
// each Static; a file that has changed is seen within a second. Large ones
// are streamed, and Config.WriteTimeout then bounds each 128 KiB instead of the answer.
//
// A path without a file is answered as if there were no files: by the 404 of the deepest group, by a
// redirect to a route that differs in a slash, or by 405. Routes always win over files.
func (s *scope) Static(prefix, dir string, config ...StaticConfig) *Route {
	s.engine.mustRegister("Static")
	f := &files{}
	root, err := os.OpenRoot(dir)
	if err != nil {
		s.engine.problem(fmt.Sprintf("Static %q (%s): %s", prefix, callerPlace(), err))
	}
	f.root = root
	return s.addFiles("Static", prefix, f, config)
}

// StaticFS is Static with a file system, such as an embed.FS or what fs.Sub makes of
// one. Whether links can lead out of it is its own affair. Files without a
// modification time, as in an embed.FS, are taken never to change: their ETag is a
// hash of their content, made once. Ranges need files that can seek.
func (s *scope) StaticFS(prefix string, fsys fs.FS, config ...StaticConfig) *Route {
	s.engine.mustRegister("StaticFS")
	if fsys == nil {
		s.engine.problem(fmt.Sprintf("StaticFS %q (%s) was given a nil file system: pass one", prefix, callerPlace()))
	}
	return s.addFiles("StaticFS", prefix, &files{fsys: fsys}, config)
}

func (s *scope) addFiles(what, prefix string, f *files, config []StaticConfig) *Route {
	if len(config) > 1 {
		s.engine.problem(fmt.Sprintf("%s %q (%s) was given more than one StaticConfig: pass one", what, prefix, callerPlace()))
	}
	if len(config) > 0 {
		f.cfg = config[0]
	}
	f.cfg.Index = orDefault(f.cfg.Index, "index.html")
	if f.cfg.Fallback == "" && f.cfg.SPA {
		f.cfg.Fallback = f.cfg.Index
	}
	if !fs.ValidPath(f.cfg.Index) || strings.Contains(f.cfg.Index, "/") {
		s.engine.problem(fmt.Sprintf("%s %q (%s): StaticConfig.Index %q is not the name of a file", what, prefix, callerPlace(), f.cfg.Index))
	}
	if f.cfg.Fallback != "" && !fs.ValidPath(f.cfg.Fallback) {
		s.engine.problem(fmt.Sprintf("%s %q (%s): StaticConfig.Fallback %q is not a path of names and slashes", what, prefix, callerPlace(), f.cfg.Fallback))
	}
	if !validFieldValue(f.cfg.CacheControl) {
		s.engine.problem(fmt.Sprintf("%s %q (%s): StaticConfig.CacheControl holds a control character: remove it", what, prefix, callerPlace()))
	}
	r := s.add([]string{"GET"}, strings.TrimSuffix(prefix, "/")+"/*path", []Handler{f.serve})
	r.files = f
	return r
}

// fileRoute is what an endpoint knows of the files that it serves.
type fileRoute struct {
	routes *routes
	depth  int  // segments of the prefix
	wild   bool // the last parameter is the file's name; else the path is the prefix
}

// step is one scope on the way from the engine to a route, with the length of the
// chain up to and including its middleware.
type step struct {
	scope *scope
	n     int
}

// addFiles compiles a route for files: its pattern is prefix/*path, and the prefix
// itself and prefix/ lead to it too, unless a route of their own exists.
func (c *compiler) addFiles(r *Route, at level) {
	patterns, ok := c.patterns(r.path, at.prefix, r.place)
	if !ok {
		return
	}
	full := patterns[len(patterns)-1]
	depth := len(full.segs) - 1
	options := c.options(r, at, full.src)
	chain := options.chain(at.chain, r.handlers)
	endpointFor := func(p *pattern, wild bool) *endpoint {
		return &endpoint{
			engine: c.engine, pattern: full.src, names: p.names, chain: chain, onError: c.onError(at),
			levels: at.steps, place: r.place, method: "GET", source: p, absent: "path", options: options,
			files: &fileRoute{routes: c.routes, depth: depth, wild: wild}, kind: RouteFiles,
		}
	}
	ep := endpointFor(full, true)
	ep.absent = ""
	c.insert(at.host, "GET", full, ep)
	named := []*pattern{full}
	base := strings.TrimSuffix(full.src, "/*path")
	for _, src := range []string{base + "/", base} {
		if src == "" || src != "/" && src != base && c.engine.set.TrailingSlash == SlashIgnore {
			continue
		}
		p, err := c.parse(src)
		if err != nil || len(p) != 1 {
			c.problem("route %s (%s): the prefix of files has no optional parameter", full.src, r.place)
			return
		}
		c.implied = append(c.implied, implied{at.host, p[0], endpointFor(p[0], false)})
		named = append(named, p[0])
	}
	c.hasFiles = true
	c.nameRoute(r, named)
	c.describe(r, at, "GET", full, options, len(chain)-1)
}

// implied is an endpoint that yields to any route in its place.
type implied struct {
	host string
	p    *pattern
	ep   *endpoint
}

// addImplied adds the implied endpoints, when all others are known.
func (c *compiler) addImplied() {
	for _, x := range c.implied {
		t := c.table(x.host)
		if other, _ := t.trees[methodGet].add(x.p, x.ep); other != nil {
			continue
		}
		c.gets[t] = append(c.gets[t], x.ep)
		if other, with := t.any.add(x.p, x.ep); other != nil && !x.p.alike(with) {
			t.inexact = true
		}
	}
}

// addClaims builds the tree of what lies below routes and groups, in every table:
// files answer there only for what exists.
func (c *compiler) addClaims() {
	if !c.hasFiles {
		return
	}
	for _, t := range c.tables {
		t.claims = newTree(c.engine.set.CaseInsensitive)
		for _, tr := range []*tree{t.any, t.scopes} {
			if tr == nil {
				continue
			}
			for i := range tr.routes {
				c.claim(t, tr.routes[i].ep)
			}
		}
	}
}

// claim adds one route, or a form of a group's prefix, to the claims of t.
func (c *compiler) claim(t *table, ep *endpoint) {
	if ep.files != nil || ep.mount != nil {
		return // a mounted engine answers whatever is below it by itself
	}
	add := func(src string) {
		if p, err := c.parse(src); err == nil && len(p) == 1 {
			t.claims.add(p[0], &endpoint{source: p[0]})
		}
	}
	segs := ep.source.segs
	if ep.scope != nil || segs[len(segs)-1].wild {
		add(ep.source.src)
		return
	}
	src := strings.TrimSuffix(strings.TrimSuffix(ep.source.src, "?"), "/")
	add(src + "/")
	add(src + "/*" + restName)
}

// yieldsTo reports whether a claim that was found keeps the files of r out: behind
// their prefix it goes on with fixed text.
func (r *fileRoute) yieldsTo(claim *endpoint) bool {
	segs := claim.source.segs
	return r.depth < len(segs) && segs[r.depth].static() && segs[r.depth].lits[0] != ""
}

// claimed reports whether a path without a file is the business of a route or a
// group below the prefix of the files.
func (c *Ctx) claimed(r *fileRoute, tables []*table, path, orig string) bool {
	for _, t := range tables {
		if t.claims == nil {
			continue
		}
		if claim := t.claims.find(path, orig, &captures{}); claim != nil && r.yieldsTo(claim) {
			return true
		}
	}
	return false
}

// withoutFiles answers a request as if the route that has no file for it did not
// exist: 405, a redirect or the 404 of the deepest group. Middleware that ran
// already, on the way to this route, does not run again.
func (c *Ctx) withoutFiles() error {
	chain := c.chain
	c.passed, c.before = c.ep.files, c.ep.levels
	tables, n := c.tablesFor(c.passed.routes)
	c.miss(c.rs, tables[:n], c.rs.methodIndex(c.Method()))
	c.chain, c.index = chain, len(chain)
	return c.passedErr
}

// tablesFor returns the tables that serve the request.
func (c *Ctx) tablesFor(rs *routes) (tables [3]*table, n int) {
	c.rs = rs
	tables[0], n = rs.def, 1
	if rs.exact != nil || rs.labels != nil {
		n = c.hostTables(rs, &tables)
	}
	return tables, n
}

// resume runs what ep's chain has beyond what the chain of the files had.
func (c *Ctx) resume(ep *endpoint) {
	common := 0
	for i, s := range c.before {
		if i == len(ep.levels) || ep.levels[i].scope != s.scope {
			break
		}
		common = s.n
	}
	c.ep, c.engine, c.chain, c.index = ep, ep.engine, ep.chain, common-1
	c.passedErr = c.Next()
}
