package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"
)

// A marker stands on the line above a Go block of a document and names what the block
// is a copy of: a whole file, from its package clause on, or the body of a function.
//
//	<!-- example: examples/hello/main.go -->
//	<!-- example: example_group_test.go ExampleEngine_Group -->
var marker = regexp.MustCompile(`^<!-- example: (\S+)(?: (\w+))? -->$`)

// checkSnippets compares the marked Go blocks of all documents with what they are
// copies of. A block that shows its output must be marked: its example proves it.
func checkSnippets(r *repo) []string {
	var problems []string
	for _, f := range r.texts {
		if path.Ext(f.name) == ".md" {
			problems = append(problems, checkDocument(r, f)...)
		}
	}
	return problems
}

// snippet is one Go block of a document.
type snippet struct {
	line     int    // of the marker, or of the block if it has none
	file, fn string // "" without a marker
	text     string
}

func checkDocument(r *repo, doc textFile) []string {
	var problems []string
	for _, s := range snippets(doc.text) {
		switch {
		case s.file == "" && strings.Contains(s.text, "// Output:"):
			problems = append(problems, fmt.Sprintf("%s:%d: a block with its output, but no <!-- example: file function --> above it", doc.name, s.line))
		case s.file != "":
			want, err := r.example(s.file, s.fn, strings.Contains(s.text, "// Output:"))
			if err != nil {
				problems = append(problems, fmt.Sprintf("%s:%d: %v", doc.name, s.line, err))
			} else if diff := firstDifference(s.text, want); diff != "" {
				problems = append(problems, fmt.Sprintf("%s:%d: the block is no copy of %s", doc.name, s.line, strings.TrimSpace(s.file+" "+s.fn))+diff)
			}
		}
	}
	return problems
}

func snippets(text string) []snippet {
	var all []snippet
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		s := snippet{line: i + 1}
		if m := marker.FindStringSubmatch(strings.TrimSpace(lines[i])); m != nil {
			s.file, s.fn = m[1], m[2]
			i++
		}
		if i >= len(lines) || lines[i] != "```go" {
			if s.file != "" {
				all = append(all, s) // a marker above nothing equals no example
			}
			continue
		}
		start := i + 1
		for i++; i < len(lines) && lines[i] != "```"; i++ {
		}
		s.text = strings.Join(lines[start:i], "\n")
		all = append(all, s)
	}
	return all
}

// example returns a file from its package clause on, or the body of a function in it
// as it would stand at the left margin. The comment with the expected output is left
// out unless asked for.
func (r *repo) example(file, fn string, output bool) (string, error) {
	src, err := fs.ReadFile(r.fsys, path.Clean(file))
	if err != nil {
		return "", err
	}
	fset := token.NewFileSet()
	syntax, err := parser.ParseFile(fset, file, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return "", err
	}
	if fn == "" {
		return string(src[fset.Position(syntax.Package).Offset:]), nil
	}
	for _, decl := range syntax.Decls {
		d, ok := decl.(*ast.FuncDecl)
		if !ok || d.Recv != nil || d.Name.Name != fn {
			continue
		}
		body := string(src[fset.Position(d.Body.Lbrace).Offset+1 : fset.Position(d.Body.Rbrace).Offset])
		if i := strings.Index(body, "\n\t// Output:"); i >= 0 && !output {
			body = body[:i]
		}
		return strings.ReplaceAll(body, "\n\t", "\n"), nil
	}
	return "", fmt.Errorf("%s has no function %s", file, fn)
}

// firstDifference tells the first line in which got is not want, or returns "". Blank
// lines around both do not count.
func firstDifference(got, want string) string {
	a, b := strings.Split(strings.TrimSpace(got), "\n"), strings.Split(strings.TrimSpace(want), "\n")
	for i := range max(len(a), len(b)) {
		switch {
		case i >= len(a):
			return fmt.Sprintf(": it lacks %q", b[i])
		case i >= len(b):
			return fmt.Sprintf(": the example ends before %q", a[i])
		case a[i] != b[i]:
			return fmt.Sprintf(": line %d is %q, want %q", i+1, a[i], b[i])
		}
	}
	return ""
}

func TestSnippets_samples(t *testing.T) {
	const program = "// A comment above the package.\npackage main\n\nfunc main() {\n\tprintln(1)\n}\n"
	const example = "package geist_test\n\nfunc ExampleNew() {\n\tif true {\n\t\tfmt.Println(1)\n\t}\n\n\t// Output: 1\n}\n"
	readme := func(text string) map[string]string {
		return map[string]string{"README.md": strings.ReplaceAll(text, "'''", "```"), "examples/hello/main.go": program, "example_test.go": example}
	}
	const whole = "# geist\n<!-- example: examples/hello/main.go -->\n"
	const body = "# geist\n\n<!-- example: example_test.go ExampleNew -->\n"
	tryRule(t, "snippets", []sample{
		{"no document", map[string]string{}, nil},
		{"a whole file", readme(whole + "'''go\npackage main\n\nfunc main() {\n\tprintln(1)\n}\n'''\n"), nil},
		{"a body", readme(body + "'''go\nif true {\n\tfmt.Println(1)\n}\n'''\n"), nil},
		{"a body with its output", readme(body + "'''go\nif true {\n\tfmt.Println(1)\n}\n\n// Output: 1\n'''\n"), nil},
		{"not marked", readme("'''go\nx := …\n'''\n'''sh\n// Output: 1\n'''\n"), nil},
		{"another line", readme(whole + "'''go\npackage main\n\nfunc main() {\n\tprintln(2)\n}\n'''\n"), []string{`README.md:2: the block is no copy of examples/hello/main.go: line 4 is "\tprintln(2)"`}},
		{"a line less", readme(body + "'''go\nif true {\n\tfmt.Println(1)\n'''\n"), []string{`it lacks "}"`}},
		{"a line more", readme(body + "'''go\nif true {\n\tfmt.Println(1)\n}\nf()\n'''\n"), []string{`the example ends before "f()"`}},
		{"no such file", readme("<!-- example: x_test.go ExampleX -->\n'''go\n'''\n"), []string{"README.md:1: open x_test.go"}},
		{"no such function", readme("<!-- example: example_test.go ExampleX -->\n'''go\n'''\n"), []string{"example_test.go has no function ExampleX"}},
		{"a marker above nothing", readme(body + "\ntext\n"), []string{"README.md:3: the block is no copy"}},
		{"output without a marker", readme("'''go\nf()\n// Output: 1\n'''\n"), []string{"README.md:1: a block with its output"}},
		{"in docs", map[string]string{"docs/a.md": "```go\n// Output: 1\n```\n"}, []string{"docs/a.md:1"}},
	})
}
