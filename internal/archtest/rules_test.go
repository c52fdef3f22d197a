package archtest

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// rules are all that this package holds the repository to. A rule returns one line
// for each breach, which begins with the place.
var rules = map[string]func(*repo) []string{
	"floors":     checkFloors,
	"modules":    checkModules,
	"comments":   checkComments,
	"variables":  checkVariables,
	"unsafe":     checkUnsafe,
	"goroutines": checkGoroutines,
	"snippets":   checkSnippets,
	"words":      checkWords,
}

// exceptions are the breaches that stay, by "rule: place without line number", each
// with its reason. One that is not needed any more fails.
var exceptions = map[string]string{}

func TestRepository(t *testing.T) {
	r, err := load(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.modules) == 0 || r.modules[0].dir != "." || r.modules[0].path != rootPath {
		t.Fatalf("this is not the repository of %s", rootPath)
	}
	used := map[string]bool{}
	for name, check := range rules {
		t.Run(name, func(t *testing.T) {
			for _, problem := range check(r) {
				file, _, _ := strings.Cut(problem, ":")
				if key := name + ": " + file; exceptions[key] != "" {
					used[key] = true
					continue
				}
				t.Error(problem)
			}
		})
	}
	for key := range exceptions {
		if !used[key] && !t.Failed() {
			t.Errorf("the exception %q is not needed", key)
		}
	}
}

// sample is a small tree and what a rule must say about it.
type sample struct {
	name  string
	files map[string]string
	want  []string // one part of each problem, in order; none for a good tree
}

// tryRule runs a rule on samples: the bad ones prove that it can fail, the good ones
// that it does not cry wolf.
func tryRule(t *testing.T, name string, samples []sample) {
	t.Helper()
	for _, tt := range samples {
		t.Run(tt.name, func(t *testing.T) {
			tree := fstest.MapFS{}
			for file, text := range tt.files {
				tree[file] = &fstest.MapFile{Data: []byte(text)}
			}
			if tree["go.mod"] == nil {
				tree["go.mod"] = &fstest.MapFile{Data: []byte("module " + rootPath + "\n")}
			}
			r, err := load(tree)
			if err != nil {
				t.Fatal(err)
			}
			got := rules[name](r)
			slices.Sort(got)
			if len(got) != len(tt.want) {
				t.Fatalf("%d problems, want %d:\n%s", len(got), len(tt.want), strings.Join(got, "\n"))
			}
			for i, want := range tt.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("problem %d:\ngot  %s\nwant %s", i, got[i], want)
				}
			}
		})
	}
	bad := func(s sample) bool { return len(s.want) > 0 }
	if !slices.ContainsFunc(samples, bad) || !slices.ContainsFunc(samples, func(s sample) bool { return !bad(s) }) {
		t.Errorf("rule %q needs a good and a bad sample", name)
	}
}

// TestLoad_ignoresWhatIsNoSource holds what load leaves out: none of it compiles.
func TestLoad_ignoresWhatIsNoSource(t *testing.T) {
	tree := fstest.MapFS{"go.mod": {Data: []byte("module " + rootPath + "\n")}, "a.go": {Data: []byte("package geist\n")}}
	for _, name := range []string{".cache/x.go", "hub/testdata/x.go", "node_modules/x.go", "bin/x.go", "_x.go", "x.out"} {
		tree[name] = &fstest.MapFile{Data: []byte("no Go")}
	}
	r, err := load(tree)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.packages) != 1 || len(r.texts) != 3 { // go.mod, a.go, _x.go
		t.Errorf("%d packages and %d texts, want 1 and 3", len(r.packages), len(r.texts))
	}
	tree["b.go"] = &fstest.MapFile{Data: []byte("no Go")}
	if _, err := load(tree); err == nil {
		t.Error("a file that does not parse gave no error")
	}
}

func TestParseModule_lines(t *testing.T) {
	m := parseModule("store/sqlite/go.mod", `// a comment
module github.com/gogeist/geist/store/sqlite

go 1.26.0

replace github.com/gogeist/geist => ../..

require github.com/gogeist/geist v0.0.0 // why

require (
	modernc.org/sqlite v1.60.0
	modernc.org/libc v1.0.0 // indirect
)

replace (
	a.example/b v1.3.0 => a.example/b v1.0.1
)
`)
	if m.path != rootPath+"/store/sqlite" || m.dir != "store/sqlite" {
		t.Errorf("path, dir = %q, %q", m.path, m.dir)
	}
	if want := []string{rootPath, "modernc.org/sqlite"}; !slices.Equal(m.direct, want) {
		t.Errorf("direct = %q, want %q", m.direct, want)
	}
	if len(m.requires) != 3 || m.requires["modernc.org/libc"] != "v1.0.0" {
		t.Errorf("requires = %q", m.requires)
	}
	if m.replaces[rootPath] != "../.." || m.replaces["a.example/b v1.3.0"] != "a.example/b v1.0.1" {
		t.Errorf("replaces = %q", m.replaces)
	}
}
