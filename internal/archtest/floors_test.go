package archtest

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// floor is where a package stands in the house; see CONTRIBUTING.md. Imports point
// strictly down, and a unit imports no other unit of its floor.
type floor struct {
	number int
	unit   string
	apart  bool // in a module of its own, for dependencies that only it has
}

// The floors of everything but middleware, cluster, cmd and internal, by first directory.
var floorByDir = map[string]int{
	".": 2, "hub": 1, "store": 1, "client": 1,
	"swagger": 3, "geisttest": 3, "view": 3, "validate": 3, "otel": 3, "prometheus": 3,
	"bench": 4, "examples": 4,
}

// goClient is where the client for services lies. Its users do not get the server: what tries
// both together is in the module servertest, which nobody imports.
const goClient = "client/go"

// judge tries the documents of services, those of the examples among them. Nobody imports it.
const judge = "swagger/judge"

// floorOf places a directory. Those at the root of the floors' units decide: what
// lies below hub belongs to hub, but each package below middleware is a unit.
func floorOf(dir string) (floor, bool) {
	first, rest, _ := strings.Cut(dir, "/")
	second, _, _ := strings.Cut(rest, "/")
	switch first {
	case "internal":
		return floor{number: 0, unit: "internal"}, true
	case "middleware", "cluster":
		return floor{number: 3, unit: strings.TrimSuffix(first+"/"+second, "/")}, true
	case "cmd":
		return floor{number: 4, unit: "cmd/" + second}, true
	}
	switch {
	case within(dir, goClient+"/servertest"):
		return floor{number: 4, unit: goClient + "/servertest"}, true
	case within(dir, judge):
		return floor{number: 5, unit: judge}, true
	case within(dir, goClient):
		return floor{number: 1, unit: goClient}, true
	}
	number, ok := floorByDir[first]
	return floor{number: number, unit: first}, ok
}

func checkFloors(r *repo) []string {
	var problems []string
	for _, p := range r.packages {
		from, ok := floorOf(p.dir)
		if !ok {
			problems = append(problems, r.at(p.files[0].syntax.Package, "%s stands on no floor: give it one in floorByDir and in CONTRIBUTING.md", p.dir))
			continue
		}
		from.apart = p.module.dir != "."
		for _, f := range p.files {
			for _, spec := range f.syntax.Imports {
				if why := forbidden(from, f.test, importPath(spec)); why != "" {
					problems = append(problems, r.at(spec.Pos(), "imports %s: %s", importPath(spec), why))
				}
			}
		}
	}
	return problems
}

// forbidden says why a file on a floor may not import target, or "".
func forbidden(from floor, test bool, target string) string {
	if dir, ok := ownDir(target); ok {
		return forbiddenOwn(from, test, dir)
	}
	std := isStandard(target)
	switch {
	case from.number < 2 && isFasthttp(target), strings.HasPrefix(from.unit, "cluster/") && isFasthttp(target) && !test:
		return "only the root and what stands above it see fasthttp"
	case from.number < 2 && !std && !from.apart:
		return "floors 0 and 1 (internal, hub, store, client) import the standard library only"
	case strings.HasPrefix(from.unit, "cmd/") && !std:
		return "commands use the standard library only"
	}
	return ""
}

func forbiddenOwn(from floor, test bool, dir string) string {
	to, ok := floorOf(dir)
	switch {
	case !ok:
		return "" // reported where that package is
	case from.unit == to.unit:
		return ""
	case from.unit == goClient:
		return "the Go client imports nothing of the server; what tries both is in " + goClient + "/servertest"
	case test && from.number >= 2 && to.number < 4:
		return "" // tests use geisttest, and join what stands apart
	case strings.HasPrefix(from.unit, "cluster/") && to.number == 2:
		return "cluster sees hub and store, never the root"
	case strings.HasPrefix(from.unit, "cmd/"):
		return "commands use the standard library only"
	case from.number == to.number:
		return from.unit + " and " + to.unit + " stand on one floor"
	case from.number < to.number:
		return from.unit + " stands below " + unitName(to.unit) + "; imports point down"
	}
	return ""
}

func unitName(unit string) string {
	if unit == "." {
		return "the root package"
	}
	return unit
}

// ownDir returns the directory of a package of this repository.
func ownDir(importPath string) (string, bool) {
	if importPath == rootPath {
		return ".", true
	}
	return strings.CutPrefix(importPath, rootPath+"/")
}

func isStandard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".") && first != "C"
}

func isFasthttp(importPath string) bool {
	return within(importPath, "github.com/valyala/fasthttp") || within(importPath, "github.com/fasthttp")
}

// checkUnsafe keeps package unsafe in one place, tests included.
func checkUnsafe(r *repo) []string {
	var problems []string
	for _, p := range r.packages {
		for _, f := range p.files {
			if p.dir == "internal/unsafestring" {
				continue
			}
			for _, spec := range f.syntax.Imports {
				if path := importPath(spec); path == "unsafe" || path == "C" {
					problems = append(problems, r.at(spec.Pos(), "imports %s: only internal/unsafestring does", path))
				}
			}
		}
	}
	return problems
}

// checkGoroutines asks every package of the library that starts goroutines for a
// TestMain that fails on those that are left over.
func checkGoroutines(r *repo) []string {
	var problems []string
	for _, p := range r.packages {
		if at, _ := floorOf(p.dir); at.number >= 4 || p.dir == "internal/leakcheck" {
			continue
		}
		start := firstGo(p.source())
		if start != nil && !slices.ContainsFunc(p.files, callsLeakcheck) {
			problems = append(problems, r.at(start.Pos(), "%s starts a goroutine, but no TestMain of it calls leakcheck.Main or Run", p.dir))
		}
	}
	return problems
}

func firstGo(files []*sourceFile) (found *ast.GoStmt) {
	for _, f := range files {
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if stmt, ok := n.(*ast.GoStmt); ok && found == nil {
				found = stmt
			}
			return found == nil
		})
	}
	return found
}

func callsLeakcheck(f *sourceFile) bool {
	for _, decl := range f.syntax.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || !f.test || fn.Name.Name != "TestMain" {
			continue
		}
		found := false
		ast.Inspect(fn, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if ok && isIdent(sel.X, "leakcheck") && (sel.Sel.Name == "Main" || sel.Sel.Name == "Run") {
				found = true
			}
			return !found
		})
		return found
	}
	return false
}

func isIdent(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

func TestFloors_samples(t *testing.T) {
	const geist = rootPath
	imports := func(name string, paths ...string) string {
		var b strings.Builder
		b.WriteString("package " + name + "\n")
		for _, p := range paths {
			b.WriteString("import _ \"" + p + "\"\n")
		}
		return b.String()
	}
	tryRule(t, "floors", []sample{
		{"down", map[string]string{
			"a.go":                   imports("geist", "github.com/valyala/fasthttp", "net", geist+"/hub", geist+"/internal/x"),
			"a_test.go":              imports("geist_test", geist, geist+"/geisttest", geist+"/middleware/cors"),
			"hub/a.go":               imports("hub", "sync", geist+"/internal/x", geist+"/hub/log"),
			"hub/a_test.go":          imports("hub", geist+"/internal/leakcheck"),
			"internal/x/a.go":        imports("x", "strings", geist+"/internal/y"),
			"store/a.go":             imports("store", "time"),
			"store/sqlite/go.mod":    "module " + geist + "/store/sqlite\n",
			"store/sqlite/a.go":      imports("sqlite", "modernc.org/sqlite", geist+"/store"),
			"store/sqlite/a_test.go": imports("sqlite", "modernc.org/sqlite", geist+"/store/storetest"),
			"middleware/cors/a.go":   imports("cors", geist, "github.com/valyala/fasthttp"),
			"swagger/a.go":           imports("swagger", geist),
			"cluster/natsbus/a.go":   imports("natsbus", "github.com/nats-io/nats.go", geist+"/hub", geist+"/store"),
			"examples/chat/main.go":  imports("main", geist, geist+"/middleware/cors", geist+"/cluster/natsbus"),
			"cmd/geist/main.go":      imports("main", "os/exec", geist+"/cmd/geist/internal/dev"),
			"bench/main.go":          imports("main", geist, "github.com/gin-gonic/gin"),
		}, nil},
		{"hub imports fasthttp", map[string]string{"hub/a.go": imports("hub", "github.com/valyala/fasthttp/fasthttputil")},
			[]string{"hub/a.go:2: imports github.com/valyala/fasthttp/fasthttputil: only the root and what stands above it see fasthttp"}},
		{"hub's test imports fasthttp", map[string]string{"hub/a_test.go": imports("hub", "github.com/valyala/fasthttp")}, []string{"hub/a_test.go:2"}},
		{"hub imports the root", map[string]string{"hub/a.go": imports("hub", geist)}, []string{"hub stands below the root package"}},
		{"hub's test imports geisttest", map[string]string{"hub/a_test.go": imports("hub", geist+"/geisttest")}, []string{"hub stands below geisttest"}},
		{"hub imports store", map[string]string{"hub/a.go": imports("hub", geist+"/store")}, []string{"hub and store stand on one floor"}},
		{"hub imports a library", map[string]string{"hub/a.go": imports("hub", "a.example/b")}, []string{"standard library only"}},
		{"store imports a library", map[string]string{"store/a.go": imports("store", "github.com/goccy/go-json")}, []string{"standard library only"}},
		{"store/sqlite imports fasthttp", map[string]string{"store/sqlite/go.mod": "module x\n", "store/sqlite/a.go": imports("sqlite", "github.com/valyala/fasthttp")}, []string{"see fasthttp"}},
		{"internal imports a library", map[string]string{"internal/x/a.go": imports("x", "golang.org/x/sys/unix")}, []string{"standard library only"}},
		{"internal imports hub", map[string]string{"internal/x/a.go": imports("x", geist+"/hub")}, []string{"internal stands below hub"}},
		{"the root imports middleware", map[string]string{"a.go": imports("geist", geist+"/middleware/cors")}, []string{". stands below middleware/cors"}},
		{"middleware imports middleware", map[string]string{"middleware/jwt/a.go": imports("jwt", geist+"/middleware/session")},
			[]string{"middleware/jwt and middleware/session stand on one floor"}},
		{"swagger imports geisttest", map[string]string{"swagger/a.go": imports("swagger", geist+"/geisttest")}, []string{"stand on one floor"}},
		{"cluster imports the root", map[string]string{"cluster/natsbus/a.go": imports("natsbus", geist)}, []string{"never the root"}},
		{"cluster imports fasthttp", map[string]string{"cluster/natsbus/a.go": imports("natsbus", "github.com/valyala/fasthttp")}, []string{"see fasthttp"}},
		{"a command imports geist", map[string]string{"cmd/geist/main.go": imports("main", geist)}, []string{"commands use the standard library only"}},
		{"a test imports an example", map[string]string{"a_test.go": imports("geist_test", geist+"/examples/chat")}, []string{"stands below examples"}},
		{"the judge", map[string]string{"swagger/judge/a_test.go": imports("judge", geist+"/swagger", geist+"/examples/chat")}, nil},
		{"the Go client", map[string]string{
			"client/go/go.mod":               "module " + geist + "/client/go\n",
			"client/go/a.go":                 imports("geistclient", "github.com/coder/websocket", geist+"/client/go/internal/x"),
			"client/go/servertest/a_test.go": imports("servertest", geist, geist+"/client/go", geist+"/hub", geist+"/internal/x"),
		}, nil},
		{"the Go client imports internal", map[string]string{"client/go/go.mod": "module x\n", "client/go/a.go": imports("geistclient", geist+"/internal/x")}, []string{"nothing of the server"}},
		{"the Go client's test imports the root", map[string]string{"client/go/go.mod": "module x\n", "client/go/a_test.go": imports("geistclient", geist)}, []string{"nothing of the server"}},
		{"the Go client imports fasthttp", map[string]string{"client/go/go.mod": "module x\n", "client/go/a.go": imports("geistclient", "github.com/valyala/fasthttp")}, []string{"see fasthttp"}},
		{"no floor", map[string]string{"util/a.go": imports("util")}, []string{"util/a.go:1: util stands on no floor"}},
	})
}

func TestUnsafe_samples(t *testing.T) {
	tryRule(t, "unsafe", []sample{
		{"in its place", map[string]string{"internal/unsafestring/a.go": "package unsafestring\nimport \"unsafe\"\n"}, nil},
		{"elsewhere", map[string]string{"ctx.go": "package geist\n\nimport (\n\t\"fmt\"\n\t_ \"unsafe\"\n)\n"}, []string{"ctx.go:5: imports unsafe"}},
		{"in a test of a nested module", map[string]string{"otel/go.mod": "module x\n", "otel/a_test.go": "package otel\nimport \"unsafe\"\n"}, []string{"otel/a_test.go:2"}},
		{"cgo", map[string]string{"a.go": "package geist\nimport \"C\"\n"}, []string{"a.go:2: imports C"}},
	})
}

func TestGoroutines_samples(t *testing.T) {
	const starts = "package hub\nfunc f() {\n\tgo f()\n}\n"
	tryRule(t, "goroutines", []sample{
		{"checked", map[string]string{"hub/a.go": starts,
			"hub/main_test.go": "package hub\nfunc TestMain(m *testing.M) { leakcheck.Main(m) }\n"}, nil},
		{"none started", map[string]string{"hub/a.go": "package hub\n"}, nil},
		{"an example", map[string]string{"examples/chat/main.go": "package main\nfunc main() { go main() }\n"}, nil},
		{"no TestMain", map[string]string{"hub/a.go": starts}, []string{"hub/a.go:3: hub starts a goroutine"}},
		{"a TestMain that checks nothing", map[string]string{"hub/a.go": starts,
			"hub/main_test.go": "package hub\nfunc TestMain(m *testing.M) { m.Run() }\n"}, []string{"hub/a.go:3"}},
	})
}
