package archtest

import (
	"go/ast"
	"go/token"
	"go/types"
	"path"
	"strings"
	"testing"
)

// constructors are the calls whose results never change, so that a package variable
// may hold one.
var constructors = map[string]bool{
	"errors.New": true, "fmt.Errorf": true, "regexp.MustCompile": true, "strings.NewReplacer": true,
	"reflect.TypeFor": true, "reflect.TypeOf": true, "netip.MustParsePrefix": true, "netip.MustParseAddr": true,
	"NewError": true, "geist.NewError": true, "NewKey": true, "geist.NewKey": true, "session.NewKey": true, "geist.Returns": true, "geist.Emits": true,
	"fmt.Sprintf": true, "strings.Repeat": true, "len": true, "math.Inf": true, "math.NaN": true, "time.Unix": true, "template.Must": true,
}

// immutable are methods of Error that return a changed copy.
var immutable = map[string]bool{"Quiet": true, "With": true}

// checkVariables refuses init functions, and package variables that are not constant
// in effect. Constant are sentinels, tables, compiled patterns and assertions that
// nothing in the package writes to, and pools.
func checkVariables(r *repo) []string {
	var problems []string
	for _, p := range r.packages {
		if source := p.source(); len(source) > 0 {
			problems = append(problems, newVariableCheck(r, p, source).run()...)
		}
	}
	return problems
}

// variableCheck looks at one package. Types of imported packages are unknown to it,
// which only matters for what they declare: names of the package itself are resolved.
type variableCheck struct {
	repo     *repo
	files    []*sourceFile
	info     *types.Info
	scope    *types.Scope
	structs  map[string]ast.Expr  // the package's own types
	written  map[string]token.Pos // package variables, to where something writes to them
	problems []string
}

// nothing stands in for every import.
type nothing struct{}

func (nothing) Import(importPath string) (*types.Package, error) {
	p := types.NewPackage(importPath, path.Base(importPath))
	p.MarkComplete()
	return p, nil
}

func newVariableCheck(r *repo, p *pkg, files []*sourceFile) *variableCheck {
	c := &variableCheck{
		repo: r, files: files, structs: map[string]ast.Expr{}, written: map[string]token.Pos{},
		info: &types.Info{Uses: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{}},
	}
	syntax := make([]*ast.File, 0, len(files))
	for _, f := range files {
		syntax = append(syntax, f.syntax)
	}
	conf := types.Config{Importer: nothing{}, FakeImportC: true, Error: func(error) {}}
	checked, _ := conf.Check(p.path, r.fset, syntax, c.info) // errors come from the empty imports
	c.scope = checked.Scope()
	return c
}

func (c *variableCheck) run() []string {
	for _, f := range c.files {
		ast.Inspect(f.syntax, c.collect)
	}
	for _, f := range c.files {
		for _, decl := range f.syntax.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil && d.Name.Name == "init" {
					c.report(d.Pos(), "func init: do it where an Engine is made, or at registration")
				}
			case *ast.GenDecl:
				if d.Tok == token.VAR {
					c.variables(d)
				}
			}
		}
	}
	return c.problems
}

func (c *variableCheck) report(pos token.Pos, format string, args ...any) {
	c.problems = append(c.problems, c.repo.at(pos, format, args...))
}

// collect notes types and every write to a package variable. Long on purpose: one
// case for each statement that can write.
func (c *variableCheck) collect(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.TypeSpec:
		c.structs[n.Name.Name] = n.Type
	case *ast.AssignStmt:
		for _, lhs := range n.Lhs {
			if n.Tok != token.DEFINE {
				c.write(lhs)
			}
		}
	case *ast.IncDecStmt:
		c.write(n.X)
	case *ast.RangeStmt:
		if n.Tok == token.ASSIGN {
			c.write(n.Key)
			c.write(n.Value)
		}
	case *ast.UnaryExpr:
		// &v[i] is let pass: it is how big entries of a table are read.
		if _, element := n.X.(*ast.IndexExpr); n.Op == token.AND && !element {
			c.write(n.X)
		}
	case *ast.CallExpr:
		if name, ok := n.Fun.(*ast.Ident); ok && len(n.Args) > 0 {
			switch name.Name {
			case "delete", "clear", "copy":
				c.write(n.Args[0])
			}
		}
	}
	return true
}

// write notes the package variable that e is, or is a part of.
func (c *variableCheck) write(e ast.Expr) {
	switch e := e.(type) {
	case *ast.Ident:
		if v, ok := c.info.Uses[e].(*types.Var); ok && v.Parent() == c.scope {
			c.written[e.Name] = e.Pos()
		}
	case *ast.SelectorExpr:
		c.write(e.X)
	case *ast.IndexExpr:
		c.write(e.X)
	case *ast.SliceExpr:
		c.write(e.X)
	case *ast.StarExpr:
		c.write(e.X)
	case *ast.ParenExpr:
		c.write(e.X)
	}
}

func (c *variableCheck) variables(d *ast.GenDecl) {
	for _, spec := range d.Specs {
		s := spec.(*ast.ValueSpec)
		embeds := directive(d.Doc, "//go:embed") || directive(s.Doc, "//go:embed")
		for i, name := range s.Names {
			if name.Name == "_" || isPool(s.Type) || i < len(s.Values) && isPool(s.Values[i]) {
				continue
			}
			if pos, ok := c.written[name.Name]; ok {
				c.report(name.Pos(), "package variable %s is written to at %s", name.Name, c.repo.fset.Position(pos))
				continue
			}
			var value ast.Expr
			switch {
			case i < len(s.Values):
				value = s.Values[i]
			case len(s.Values) > 0:
				value = s.Values[0]
			case embeds:
				continue
			}
			if why := c.mutable(s.Type, value); why != "" {
				c.report(name.Pos(), "package variable %s %s", name.Name, why)
			}
		}
	}
}

func directive(g *ast.CommentGroup, text string) bool {
	if g == nil {
		return false
	}
	for _, comment := range g.List {
		if strings.HasPrefix(comment.Text, text) {
			return true
		}
	}
	return false
}

// isPool reports whether e is sync.Pool or a literal of it.
func isPool(e ast.Expr) bool {
	if lit, ok := e.(*ast.CompositeLit); ok {
		e = lit.Type
	}
	sel, ok := e.(*ast.SelectorExpr)
	return ok && isIdent(sel.X, "sync") && sel.Sel.Name == "Pool"
}

// mutable says why a variable of a type and an initial value can change, or "".
func (c *variableCheck) mutable(declared, value ast.Expr) string {
	if declared != nil && c.synchronised(declared, nil) {
		return "holds a lock, an atomic or a channel: state belongs to an Engine"
	}
	if value == nil {
		switch declared.(type) {
		case *ast.MapType, *ast.StarExpr, *ast.FuncType, *ast.InterfaceType:
			return "has no value yet, so something will set it"
		}
		return ""
	}
	why := ""
	ast.Inspect(value, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false // runs later, or at once to build a table; writes are seen by collect
		case *ast.CompositeLit:
			if n.Type != nil && c.synchronised(n.Type, nil) {
				why = "holds a lock, an atomic or a channel: state belongs to an Engine"
			}
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				why = "points to something that can be written to"
			}
		case *ast.CallExpr:
			if !c.constantCall(n) {
				why = "comes from a call that may return something mutable: see constructors in internal/archtest"
			}
		}
		return why == ""
	})
	return why
}

func (c *variableCheck) constantCall(call *ast.CallExpr) bool {
	if _, ok := call.Fun.(*ast.FuncLit); ok {
		return true
	}
	fun := call.Fun
	if method, ok := fun.(*ast.SelectorExpr); ok && immutable[method.Sel.Name] {
		if on, ok := method.X.(*ast.CallExpr); ok {
			return c.constantCall(on)
		}
	}
	switch f := fun.(type) {
	case *ast.IndexExpr:
		fun = f.X
	case *ast.IndexListExpr:
		fun = f.X
	}
	if constructors[types.ExprString(fun)] || c.info.Types[call.Fun].IsType() {
		return true
	}
	switch fun.(type) {
	case *ast.ArrayType, *ast.ParenExpr:
		return true // a conversion such as []byte("x") or (T)(nil)
	}
	return false
}

// synchronised reports whether a type has a lock, an atomic or a channel in it, so
// that it can change without an assignment.
func (c *variableCheck) synchronised(t ast.Expr, seen []string) bool {
	found := false
	ast.Inspect(t, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ChanType:
			found = true
		case *ast.FuncType, *ast.Field:
			if f, ok := n.(*ast.Field); ok {
				found = found || c.synchronised(f.Type, seen)
			}
			return false
		case *ast.SelectorExpr:
			found = found || isIdent(n.X, "sync") || isIdent(n.X, "atomic")
			return false
		case *ast.Ident:
			own := c.structs[n.Name]
			for _, s := range seen {
				if s == n.Name {
					own = nil
				}
			}
			if own != nil {
				found = found || c.synchronised(own, append(seen, n.Name))
			}
		}
		return !found
	})
	return found
}

func TestVariables_samples(t *testing.T) {
	one := func(code string) map[string]string {
		return map[string]string{"hub/a.go": "package hub\n" + code}
	}
	tryRule(t, "variables", []sample{
		{"constant ones", one(`
var ErrX = errors.New("hub: x")
var _ I = (*T)(nil)
var pool = sync.Pool{New: func() any { return new(T) }}
var other sync.Pool
var (
	re    = regexp.MustCompile("^a$")
	table = [256]bool{'a': true}
	names = map[string]int{"a": 1, "b": len("x")}
	lower = func() (t [256]byte) { for i := range t { t[i] = byte(i) }; return }()
	bytes = []byte("true")
	key   = geist.NewKey[*T]("t")
	code  = Code(5)
	none  T
)
type Code int
type T struct{ a int }
//go:embed x.txt
var text string
func f() { table := 1; table = 2; _ = table; n := names["a"]; n++; for _, r := range lower { _ = r } }
`), nil},
		{"tests may", map[string]string{"hub/a_test.go": "package hub\nvar n int\nfunc init() { n++ }\n"}, nil},
		{"init", one("func init() {}\n"), []string{"hub/a.go:2: func init"}},
		{"a counter", one("var n int\nfunc f() { n++ }\n"), []string{"hub/a.go:2: package variable n is written to at hub/a.go:3"}},
		{"from another file", map[string]string{"hub/a.go": "package hub\nvar n = 1\n", "hub/b.go": "package hub\nfunc f() { n = 2 }\n"}, []string{"written to at hub/b.go:2"}},
		{"a map that is filled", one("var m = map[string]int{}\nfunc f() { m[\"a\"] = 1 }\n"), []string{"m is written to"}},
		{"a field", one("type t struct{ a struct{ b []int } }\nvar v = t{}\nfunc f() { v.a.b[0] = 1 }\n"), []string{"v is written to"}},
		{"a map that is emptied", one("var m = map[string]int{\"a\": 1}\nfunc f() { delete(m, \"a\") }\n"), []string{"m is written to"}},
		{"its address", one("var n = 1\nfunc f() *int { return &n }\n"), []string{"n is written to"}},
		{"a range target", one("var n = 1\nfunc f() { for n = range 3 { } }\n"), []string{"n is written to"}},
		{"a registry", one("var m = make(map[string]int)\n"), []string{"m comes from a call"}},
		{"a method of a call", one("var m = make(map[string]int).Quiet()\n"), []string{"m comes from a call"}},
		{"a pointer", one("type t struct{}\nvar d = &t{}\n"), []string{"d points to"}},
		{"no value yet", one("var hook func()\n"), []string{"hook has no value yet"}},
		{"a lock", one("var mu sync.Mutex\n"), []string{"mu holds a lock"}},
		{"an atomic", one("var n atomic.Int64\n"), []string{"n holds a lock, an atomic"}},
		{"a lock inside", one("type a struct{ b }\ntype b struct{ m [2]sync.RWMutex }\nvar v = a{}\n"), []string{"v holds a lock"}},
	})
}
