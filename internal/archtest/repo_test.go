package archtest

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// rootPath is the module path of the repository's root.
const rootPath = "github.com/gogeist/geist"

// repo is the source of a tree with its modules and packages.
type repo struct {
	fsys     fs.FS
	fset     *token.FileSet
	modules  []*module  // by directory, the root first
	packages []*pkg     // by directory
	texts    []textFile // every file that is not binary
}

// module is one go.mod.
type module struct {
	file     string // "store/sqlite/go.mod"
	dir      string // "." for the root
	path     string
	direct   []string          // modules required without an indirect comment
	requires map[string]string // module to version
	replaces map[string]string // module, with its version where given, to what stands in
}

// pkg is one directory with Go files, of any build tags.
type pkg struct {
	dir    string // "." for the root
	path   string // import path
	module *module
	files  []*sourceFile
}

type sourceFile struct {
	name   string // path from the root
	test   bool
	syntax *ast.File
}

type textFile struct{ name, text string }

// load reads the tree of fsys. Hidden directories, testdata, vendored and built
// things are no source and stay out.
func load(fsys fs.FS) (*repo, error) {
	r := &repo{fsys: fsys, fset: token.NewFileSet()}
	dirs := map[string]*pkg{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skipDir(name)
		}
		if !d.Type().IsRegular() || isProduct(name) {
			return nil
		}
		return r.add(name, dirs)
	})
	if err != nil {
		return nil, err
	}
	r.packages = slices.SortedFunc(maps.Values(dirs), func(a, b *pkg) int { return cmp.Compare(a.dir, b.dir) })
	slices.SortFunc(r.modules, func(a, b *module) int { return cmp.Compare(a.dir, b.dir) })
	for _, p := range r.packages {
		p.module = r.moduleOf(p.dir)
		if p.module == nil {
			return nil, fmt.Errorf("%s: Go files outside every module", p.dir)
		}
		p.path = path.Join(p.module.path, strings.TrimPrefix(strings.TrimPrefix(p.dir, p.module.dir), "/"))
		if p.module.dir == "." {
			p.path = path.Join(p.module.path, p.dir)
		}
	}
	return r, nil
}

func skipDir(name string) error {
	base := path.Base(name)
	hidden := strings.HasPrefix(base, ".") && name != "." && base != ".ci" && base != ".github"
	if hidden || base == "testdata" || base == "vendor" || base == "node_modules" || name == "bin" {
		return fs.SkipDir
	}
	return nil
}

// isProduct reports whether git ignores a file of this name (see .gitignore), or, as
// in a worktree, the file is git's own.
func isProduct(name string) bool {
	base := path.Base(name)
	return base == ".git" || base == ".DS_Store" || slices.Contains([]string{".test", ".out", ".prof"}, path.Ext(base))
}

func (r *repo) add(name string, dirs map[string]*pkg) error {
	src, err := fs.ReadFile(r.fsys, name)
	if err != nil {
		return err
	}
	if !slices.Contains(src, 0) {
		r.texts = append(r.texts, textFile{name, string(src)})
	}
	dir, base := path.Split(name)
	dir = path.Clean("./" + dir)
	if base == "go.mod" {
		r.modules = append(r.modules, parseModule(name, string(src)))
	}
	if path.Ext(base) != ".go" || strings.HasPrefix(base, "_") {
		return nil
	}
	syntax, err := parser.ParseFile(r.fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	if dirs[dir] == nil {
		dirs[dir] = &pkg{dir: dir}
	}
	dirs[dir].files = append(dirs[dir].files, &sourceFile{name, strings.HasSuffix(base, "_test.go"), syntax})
	return nil
}

// parseModule reads the lines of a go.mod that the rules look at.
func parseModule(file, text string) *module {
	m := &module{file: file, dir: path.Dir(file), requires: map[string]string{}, replaces: map[string]string{}}
	block := ""
	for line := range strings.Lines(text) {
		line, comment, _ := strings.Cut(strings.TrimSpace(line), "//")
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == ")":
			block = ""
		case len(words) == 2 && words[1] == "(":
			block = words[0]
		case block == "":
			m.line(words[0], words[1:], comment)
		default:
			m.line(block, words, comment)
		}
	}
	return m
}

func (m *module) line(verb string, words []string, comment string) {
	switch {
	case verb == "module" && len(words) == 1:
		m.path = words[0]
	case verb == "require" && len(words) == 2:
		m.requires[words[0]] = words[1]
		if strings.TrimSpace(comment) != "indirect" {
			m.direct = append(m.direct, words[0])
		}
	case verb == "replace":
		old, stand, _ := strings.Cut(strings.Join(words, " "), " => ")
		m.replaces[old] = stand
	}
}

// moduleOf returns the innermost module around dir.
func (r *repo) moduleOf(dir string) *module {
	for {
		for _, m := range r.modules {
			if m.dir == dir {
				return m
			}
		}
		if dir == "." {
			return nil
		}
		dir = path.Dir(dir)
	}
}

// at formats one problem.
func (r *repo) at(pos token.Pos, format string, args ...any) string {
	p := r.fset.Position(pos)
	return fmt.Sprintf("%s:%d: %s", p.Filename, p.Line, fmt.Sprintf(format, args...))
}

// source returns the files that are compiled into p, without tests.
func (p *pkg) source() []*sourceFile {
	return slices.DeleteFunc(slices.Clone(p.files), func(f *sourceFile) bool { return f.test })
}

// isMain reports whether p is a command: nothing imports it.
func (p *pkg) isMain() bool {
	return slices.ContainsFunc(p.source(), func(f *sourceFile) bool { return f.syntax.Name.Name == "main" })
}

// isInternal reports whether Go keeps users from importing p.
func (p *pkg) isInternal() bool { return slices.Contains(strings.Split(p.dir, "/"), "internal") }

func importPath(spec *ast.ImportSpec) string {
	text, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return spec.Path.Value // the parser has refused it already
	}
	return text
}

// within reports whether an import path or a directory is root or lies below it.
func within(name, root string) bool {
	return name == root || strings.HasPrefix(name, root+"/")
}
