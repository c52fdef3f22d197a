package archtest

import (
	"go/ast"
	"go/token"
	"strings"
	"testing"
)

// checkComments wants a comment on every package, and on every exported name that a
// user can reach: in packages that can be imported, types, functions, methods,
// constants, variables, fields and the methods of interfaces. In the programs of the
// repository, which nobody imports, the comment of a type or a group is enough.
func checkComments(r *repo) []string {
	var problems []string
	for _, p := range r.packages {
		source := p.source()
		if len(source) == 0 {
			continue
		}
		documented := false
		for _, f := range source {
			documented = documented || says(f.syntax.Doc)
		}
		if !documented {
			problems = append(problems, r.at(source[0].syntax.Package, "package %s has no comment", p.dir))
		}
		if !p.isInternal() && !p.isMain() {
			problems = append(problems, (&commentCheck{repo: r, reach: reachable(source), program: p.isProgram()}).run(source)...)
		}
	}
	return problems
}

// isProgram reports whether p belongs to a program of the repository.
func (p *pkg) isProgram() bool {
	top, _, _ := strings.Cut(p.dir, "/")
	return top == "bench" || top == "examples" || top == "cmd"
}

// says reports whether a comment says anything: directives such as //go:embed do not.
func says(groups ...*ast.CommentGroup) bool {
	for _, g := range groups {
		if g.Text() != "" {
			return true
		}
	}
	return false
}

// reachable returns the names of the types whose members users see: the exported ones
// and those that they embed.
func reachable(files []*sourceFile) map[string]bool {
	embeds := map[string][]string{}
	reach := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		if !reach[name] {
			reach[name] = true
			for _, e := range embeds[name] {
				visit(e)
			}
		}
	}
	for _, f := range files {
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if ok {
				embeds[spec.Name.Name] = embedded(spec.Type)
			}
			return true
		})
	}
	for name := range embeds {
		if ast.IsExported(name) {
			visit(name)
		}
	}
	return reach
}

func embedded(t ast.Expr) []string {
	var fields *ast.FieldList
	switch t := t.(type) {
	case *ast.StructType:
		fields = t.Fields
	case *ast.InterfaceType:
		fields = t.Methods
	default:
		return nil
	}
	var names []string
	for _, f := range fields.List {
		if len(f.Names) == 0 {
			names = append(names, typeName(f.Type))
		}
	}
	return names
}

// typeName returns the name in T, *T, T[A] and (T), and "" for other types.
func typeName(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.Ident:
		return t.Name
	case *ast.StarExpr:
		return typeName(t.X)
	case *ast.ParenExpr:
		return typeName(t.X)
	case *ast.IndexExpr:
		return typeName(t.X)
	case *ast.IndexListExpr:
		return typeName(t.X)
	}
	return ""
}

type commentCheck struct {
	repo     *repo
	reach    map[string]bool
	program  bool
	problems []string
}

func (c *commentCheck) run(files []*sourceFile) []string {
	for _, f := range files {
		for _, decl := range f.syntax.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				c.function(d)
			case *ast.GenDecl:
				c.group(d)
			}
		}
	}
	return c.problems
}

func (c *commentCheck) want(name *ast.Ident, qualifier string, comments ...*ast.CommentGroup) {
	if name.IsExported() && !says(comments...) {
		c.problems = append(c.problems, c.repo.at(name.Pos(), "%s%s has no comment", qualifier, name.Name))
	}
}

func (c *commentCheck) function(d *ast.FuncDecl) {
	if d.Recv == nil {
		c.want(d.Name, "", d.Doc)
		return
	}
	if receiver := typeName(d.Recv.List[0].Type); c.reach[receiver] {
		c.want(d.Name, receiver+".", d.Doc)
	}
}

// group looks at const, var and type declarations. What a comment above parentheses
// says holds for none of the names inside by itself.
func (c *commentCheck) group(d *ast.GenDecl) {
	var above *ast.CommentGroup
	if d.Lparen == token.NoPos || c.program {
		above = d.Doc
	}
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.ValueSpec:
			for _, name := range s.Names {
				c.want(name, "", above, s.Doc, s.Comment)
			}
		case *ast.TypeSpec:
			c.want(s.Name, "", above, s.Doc, s.Comment)
			if c.reach[s.Name.Name] && !c.program {
				c.members(s.Name.Name+".", s.Type)
			}
		}
	}
}

func (c *commentCheck) members(qualifier string, t ast.Expr) {
	var fields *ast.FieldList
	switch t := t.(type) {
	case *ast.StructType:
		fields = t.Fields
	case *ast.InterfaceType:
		if fields = t.Methods; len(fields.List) == 1 && c.oneLine(t) {
			return // the type's comment is about its only method
		}
	default:
		return
	}
	for _, f := range fields.List {
		for _, name := range f.Names {
			c.want(name, qualifier, f.Doc, f.Comment)
			if name.IsExported() {
				c.members(qualifier+name.Name+".", f.Type)
			}
		}
	}
}

func (c *commentCheck) oneLine(n ast.Node) bool {
	return c.repo.fset.Position(n.Pos()).Line == c.repo.fset.Position(n.End()).Line
}

func TestComments_samples(t *testing.T) {
	one := func(code string) map[string]string {
		return map[string]string{"hub/a.go": "// Package hub is here.\npackage hub\n" + code}
	}
	tryRule(t, "comments", []sample{
		{"all there", one(`
// T is.
type T struct {
	// A and B are.
	A, B int
	C int // C is.
	d int
	inner
}

// M does.
func (t *T) M() {}

type inner struct{}

func (inner) private() {}

// Doer does.
type Doer interface{ Do() }

// Colours.
const (
	Red = iota // red
	// Green is green.
	Green
)

// ErrX is.
var ErrX = 1

func f() {}
`), nil},
		{"internal, main, tests", map[string]string{
			"internal/x/a.go":       "// Package x is.\npackage x\ntype T struct{ A int }\n",
			"examples/chat/main.go": "// Command chat is.\npackage main\nfunc F() {}\n",
			"hub/a_test.go":         "package hub\nfunc TestX() {}\n",
		}, nil},
		{"a program's types", map[string]string{
			"bench/peers/a.go": "// Package peers is.\npackage peers\n// T is.\ntype T struct{ A int }\n// Limits.\nconst (\n\tA = 1\n)\n",
		}, nil},
		{"a program's functions", map[string]string{
			"bench/peers/a.go": "// Package peers is.\npackage peers\nfunc F() {}\n",
		}, []string{"F has no comment"}},
		{"package", map[string]string{"internal/x/a.go": "package x\n"}, []string{"internal/x/a.go:1: package internal/x has no comment"}},
		{"function", one("func F() {}\n"), []string{"hub/a.go:3: F has no comment"}},
		{"directive only", one("//go:noinline\nfunc F() {}\n"), []string{"F has no comment"}},
		{"type", one("type T int\n"), []string{"T has no comment"}},
		{"method", one("// T is.\ntype T[A any] int\nfunc (t *T[A]) M() {}\n"), []string{"T.M has no comment"}},
		{"promoted method", one("// T is.\ntype T struct{ base }\ntype base struct{}\nfunc (*base) M() {}\n"), []string{"base.M has no comment"}},
		{"field", one("// T is.\ntype T struct {\n\tA struct{ B int } // A is.\n}\n"), []string{"T.A.B has no comment"}},
		{"interface method", one("// T is.\ntype T interface {\n\tM()\n}\n"), []string{"T.M has no comment"}},
		{"constants in a group", one("// Colours.\nconst (\n\tRed = 1\n\tGreen = 2\n)\n"), []string{"hub/a.go:5: Red has no comment", "hub/a.go:6: Green has no comment"}},
	})
}
