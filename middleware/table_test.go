package middleware_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docs is where the documents are that these tests hold.
const docs = "../docs/"

// none stands in a cell that says nothing.
const none = "–"

// rows returns the cells of the table behind the marker, or of the first table of the text.
func rows(t *testing.T, text, marker string) [][]string {
	t.Helper()
	_, text, ok := strings.Cut(text, marker)
	_, text, lined := strings.Cut(text, "| --- ")
	if !ok || !lined {
		t.Fatalf("there is no table behind %q", marker)
	}
	var all [][]string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case len(all) == 0 && strings.HasSuffix(line, "--- |"): // the rest of the line that was cut
		case strings.HasPrefix(line, "| "):
			all = append(all, strings.Split(strings.TrimSuffix(strings.TrimPrefix(line, "| "), " |"), " | "))
		default:
			return all
		}
	}
	return all
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// functions returns the functions without a receiver that the tests of a directory declare, and
// the file of each.
func functions(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, file := range files {
		syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range syntax.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil {
				all[f.Name.Name] = filepath.ToSlash(file)
			}
		}
	}
	return all
}

// packages returns the directories of middleware, sorted.
func packages(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		if e.IsDir() {
			all = append(all, e.Name())
		}
	}
	return all
}

var (
	link      = regexp.MustCompile(`\[([^]]+)\]\(([^)]+)\)`)
	tableTest = regexp.MustCompile("^`(Test\\w+)`$")
)

// TestTable_rows: both tables have one row for each package, in their order.
func TestTable_rows(t *testing.T) {
	text := read(t, docs+"middleware.md")
	meaning, tests := rows(t, text, "<!-- table: meaning -->"), rows(t, text, "<!-- table: tests -->")
	want := packages(t)
	for name, table := range map[string][][]string{"meaning": meaning, "tests": tests} {
		var got []string
		for _, row := range table {
			cell := row[0]
			if m := link.FindStringSubmatch(cell); m != nil {
				if cell = m[1]; m[2] != "../middleware/"+cell {
					t.Errorf("%s: %s links to %s", name, cell, m[2])
				}
			}
			got = append(got, cell)
		}
		if !slices.Equal(got, want) {
			t.Errorf("the table of %s has rows for\n%q, want\n%q", name, got, want)
		}
	}
}

// TestTable_tests: each cell of the first table that says something has a test in its package, and
// each package an example with its output.
func TestTable_tests(t *testing.T) {
	text := read(t, docs+"middleware.md")
	meaning, tests := rows(t, text, "<!-- table: meaning -->"), rows(t, text, "<!-- table: tests -->")
	if len(meaning) != len(tests) {
		t.Fatalf("%d rows and %d rows", len(meaning), len(tests))
	}
	for i, row := range tests {
		name, said := row[0], meaning[i]
		if len(row) != 6 || len(said) != 5 {
			t.Errorf("%s: %d and %d cells, want 6 and 5", name, len(row), len(said))
			continue
		}
		declared := functions(t, name)
		if m := link.FindStringSubmatch(row[1]); len(m) != 3 || m[2] != "../middleware/"+declared[m[1]] {
			t.Errorf("%s: %s is no link to an example", name, row[1])
		}
		for j, cell := range row[2:] {
			m := tableTest.FindStringSubmatch(cell)
			switch {
			case cell == none && said[j+1] == none:
			case m == nil || said[j+1] == none || said[j+1] == "":
				t.Errorf("%s: %q is held by %q", name, said[j+1], cell)
			case declared[m[1]] == "":
				t.Errorf("%s: there is no test %s", name, m[1])
			}
		}
	}
}

// TestEcosystem_table: each row says what is built, with an example, what is not yet, and what will not
// be, with a reason; none stands twice.
func TestEcosystem_table(t *testing.T) {
	seen := map[string]bool{}
	built := map[string]bool{}
	for _, row := range rows(t, read(t, docs+"ecosystem.md"), "") {
		if len(row) != 3 || seen[row[0]] {
			t.Errorf("%q: the row is not one of three cells, or stands twice", row)
			continue
		}
		seen[row[0]] = true
		links := link.FindAllStringSubmatch(row[2], -1)
		examples := slices.DeleteFunc(slices.Clone(links), func(m []string) bool { return !isExample(t, m[2]) })
		switch row[1] {
		case "built":
			if len(examples) == 0 {
				t.Errorf("%s: built, without a link to an example", row[0])
			}
		case "later", "refused":
			if len(row[2]) < 20 {
				t.Errorf("%s: %s, without a reason", row[0], row[1])
			}
		default:
			t.Errorf("%s: %q is not built, later or refused", row[0], row[1])
		}
		for _, m := range links {
			built[path.Base(path.Dir(m[2]))] = row[1] == "built" || built[path.Base(path.Dir(m[2]))]
		}
	}
	for _, name := range packages(t) {
		if !built[name] {
			t.Errorf("no row says that %s is built", name)
		}
	}
}

// isExample reports whether a link of a document leads to a file with an example.
func isExample(t *testing.T, target string) bool {
	t.Helper()
	file := path.Join(docs, target)
	for name, in := range functions(t, path.Dir(file)) {
		if in == file && strings.HasPrefix(name, "Example") {
			return true
		}
	}
	return false
}

// TestDocuments_links: what the documents link to exists.
func TestDocuments_links(t *testing.T) {
	for _, name := range []string{"middleware.md", "ecosystem.md"} {
		links := link.FindAllStringSubmatch(read(t, docs+name), -1)
		if len(links) < len(packages(t)) {
			t.Errorf("%s has %d links only", name, len(links))
		}
		for _, m := range links {
			if strings.Contains(m[2], "://") {
				continue
			}
			if _, err := os.Stat(path.Join(docs, m[2])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
