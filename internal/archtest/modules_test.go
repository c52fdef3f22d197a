package archtest

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"
)

// rootDependencies are the only direct dependencies that users of geist get.
var rootDependencies = [...]string{"github.com/fasthttp/websocket", "github.com/goccy/go-json", "github.com/valyala/fasthttp"}

func checkModules(r *repo) []string {
	var problems []string
	for _, m := range r.modules {
		if m.dir == "." {
			problems = append(problems, checkRootModule(m)...)
		} else {
			problems = append(problems, checkNestedModule(m)...)
		}
	}
	return append(problems, checkLatest(r)...)
}

func checkRootModule(m *module) []string {
	var problems []string
	for _, dep := range m.direct {
		if !slices.Contains(rootDependencies[:], dep) {
			problems = append(problems, m.file+": requires "+dep+": the root module depends on fasthttp, fasthttp/websocket and go-json only; give the package that needs it its own go.mod")
		}
	}
	for dep := range m.replaces {
		problems = append(problems, m.file+": replaces "+dep+": users of the module would not see it")
	}
	return problems
}

// checkNestedModule wants a nested module to be built with the tree that it lies in,
// but the command, which users install by its path: go install refuses replacements.
func checkNestedModule(m *module) []string {
	var problems []string
	if want := rootPath + "/" + m.dir; m.path != want {
		problems = append(problems, m.file+": module "+m.path+", want "+want)
	}
	if within(m.dir, "cmd") && len(m.replaces) > 0 {
		problems = append(problems, m.file+": replaces something: go install would refuse the command")
	}
	for dep := range m.requires {
		dir, own := ownDir(dep)
		if !own {
			continue
		}
		stand := m.replaces[dep]
		if local := strings.HasPrefix(stand, "."); !local || path.Join(m.dir, stand) != dir {
			problems = append(problems, m.file+": requires "+dep+", but does not replace it by its directory here")
		}
	}
	return problems
}

// checkLatest wants go.latest.mod, for make test-latest, to say what go.mod says:
// only fasthttp, what it brings along and the stand-in for a version differ.
func checkLatest(r *repo) []string {
	const file = "go.latest.mod"
	text, err := fs.ReadFile(r.fsys, file)
	if err != nil {
		return nil
	}
	latest, root := parseModule(file, string(text)), r.moduleOf(".")
	var problems []string
	if !slices.Equal(latest.direct, root.direct) {
		problems = append(problems, file+": direct dependencies differ from those of go.mod: run make tidy")
	}
	for _, dep := range root.direct {
		if dep != "github.com/valyala/fasthttp" && latest.requires[dep] != root.requires[dep] {
			problems = append(problems, file+": requires another version of "+dep+" than go.mod: run make tidy")
		}
	}
	return problems
}

func TestModules_samples(t *testing.T) {
	const root = "module " + rootPath + "\nrequire github.com/goccy/go-json v0.12.0\nrequire github.com/valyala/fasthttp v1.74.0\n"
	nested := func(dir, lines string) map[string]string {
		return map[string]string{"go.mod": root, dir + "/go.mod": "module " + rootPath + "/" + dir + "\n" + lines}
	}
	tryRule(t, "modules", []sample{
		{"three direct ones", map[string]string{"go.mod": root + "require a.example/b v1.0.0 // indirect\n"}, nil},
		{"a fourth", map[string]string{"go.mod": root + "require (\n\ta.example/b v1.0.0\n)\n"}, []string{"go.mod: requires a.example/b"}},
		{"the root replaces", map[string]string{"go.mod": root + "replace a.example/b v1.3.0 => a.example/b v1.0.1\n"}, []string{"go.mod: replaces a.example/b v1.3.0"}},
		{"nested", nested("store/sqlite", "require "+rootPath+" v0.0.0\nrequire modernc.org/sqlite v1.60.0\nreplace "+rootPath+" => ../../\n"), nil},
		{"nested without replace", nested("otel", "require "+rootPath+" v0.0.0\n"), []string{"otel/go.mod: requires " + rootPath + ", but"}},
		{"nested replaces by another directory", nested("otel", "require "+rootPath+" v0.0.0\nreplace "+rootPath+" => ./x\n"), []string{"otel/go.mod: requires"}},
		{"nested of another name", map[string]string{"go.mod": root, "otel/go.mod": "module example\n"}, []string{"otel/go.mod: module example, want"}},
		{"the command replaces", nested("cmd/geist", "replace a.example/b => ../b\n"), []string{"cmd/geist/go.mod: replaces"}},
		{"latest", map[string]string{"go.mod": root, "go.latest.mod": strings.Replace(root, "v1.74.0", "v1.77.0", 1)}, nil},
		{"latest is behind", map[string]string{"go.mod": root, "go.latest.mod": strings.Replace(root, "v0.12.0", "v0.11.0", 1)},
			[]string{"go.latest.mod: requires another version of github.com/goccy/go-json"}},
		{"latest lacks one", map[string]string{"go.mod": root, "go.latest.mod": "module " + rootPath + "\nrequire github.com/goccy/go-json v0.12.0\n"},
			[]string{"go.latest.mod: direct dependencies differ"}},
	})
}
