package view

import (
	"errors"
	"fmt"
	htmltemplate "html/template"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"text/template"
	"text/template/parse"
)

// Names of templates that mean something.
const (
	usualLayout = "layout"  // its file; not with a _, which go:embed would leave out without a word
	contentName = "content" // what a layout includes
	layoutName  = "layout"  // the text of which is the layout that a page wants
)

// library is what was read at one time. Nothing but others changes afterwards.
type library struct {
	set      *Set
	err      error             // every mistake; nothing is rendered then
	files    []file            // with Reload
	texts    map[string]string // with Reload: of files, by the path that messages show
	layouts  map[string]*source
	partials map[string]*parse.Tree // with what is defined in their files
	pages    map[string]*page

	mu     sync.RWMutex
	others map[way]*entry // guarded by mu: those that were asked for
}

// source is a parsed file.
type source struct {
	name  string
	shown string // the file's path for messages
	html  bool
	main  *parse.Tree            // what stands outside of definitions
	trees map[string]*parse.Tree // what is defined
}

// page is what can be rendered.
type page struct {
	*source
	partial bool
	layout  string // that it names; "" for the usual one
	usual   *entry // without a fragment and with its own layout
}

// way is a page, a layout in place of its own or "", and a fragment of it or "".
type way struct{ page, layout, block string }

// load reads, parses and checks everything.
func (s *Set) load() *library {
	lib := &library{
		set:     s,
		layouts: map[string]*source{}, partials: map[string]*parse.Tree{}, pages: map[string]*page{},
		others: map[way]*entry{},
	}
	if s.cfg.Reload {
		lib.texts = map[string]string{}
	}
	sources, problems := lib.read()
	for _, src := range sources {
		problems = append(problems, lib.place(src)...)
	}
	if len(problems) == 0 {
		problems = lib.assemble()
	}
	lib.err = errors.Join(problems...)
	return lib
}

// read reads and parses the files.
func (l *library) read() (sources []*source, problems []error) {
	dir, err := l.set.open()
	if err != nil {
		return nil, []error{fmt.Errorf("view: %w", err)}
	}
	defer dir.close()
	files, err := dir.list()
	if err != nil {
		problems = append(problems, fmt.Errorf("view: %w", err))
	}
	if l.texts != nil {
		l.files = files
	}
	for _, f := range files {
		text, err := dir.read(f.path)
		if err == nil {
			var src *source
			if src, err = l.parse(dir, f.path, text); err == nil {
				sources = append(sources, src)
			}
		}
		if err != nil {
			problems = append(problems, err)
		}
	}
	return sources, problems
}

func (l *library) parse(dir *directory, p, text string) (*source, error) {
	src := &source{
		name: strings.TrimSuffix(p, dir.ext), shown: dir.show(p),
		html: strings.HasSuffix(p, dir.ext), trees: map[string]*parse.Tree{},
	}
	if l.texts != nil {
		l.texts[src.shown] = text
	}
	cfg := &l.set.cfg
	t := template.New(src.shown).Delims(cfg.Delims[0], cfg.Delims[1])
	t, err := t.Funcs(l.set.funcs.bind(&instance{})).Parse(text)
	if err != nil {
		return nil, l.located(err)
	}
	for _, one := range t.Templates() {
		src.trees[one.Name()] = one.Tree
	}
	src.main = src.trees[src.shown]
	delete(src.trees, src.shown)
	return src, nil
}

// place puts a file where it belongs.
func (l *library) place(src *source) (problems []error) {
	layout := l.set.cfg.Layout
	dir, base := path.Split(src.name)
	bare := strings.TrimSuffix(src.name, textExt)
	switch {
	case bare == layout || strings.HasSuffix(bare, "/"+layout), within(dir, "layouts"):
		l.layouts[src.name] = src
		return nil
	case strings.HasPrefix(base, "_"), within(dir, "partials"):
		problems = append(problems, l.addPartial(src.name, src.main, src.shown)...)
		for _, name := range slices.Sorted(maps.Keys(src.trees)) {
			problems = append(problems, l.addPartial(name, src.trees[name], src.shown)...)
		}
		l.pages[src.name] = &page{source: src, partial: true}
		return problems
	}
	p := &page{source: src}
	if tree := src.trees[layoutName]; tree != nil {
		var ok bool
		if p.layout, ok = plainText(tree); !ok {
			err := fmt.Errorf("%q must hold the name of a layout and nothing else, or %s for none", layoutName, NoLayout)
			problems = append(problems, &Error{File: src.shown, Err: err})
		}
		delete(src.trees, layoutName)
	}
	if src.trees[contentName] != nil && !parse.IsEmptyTree(src.main.Root) {
		err := fmt.Errorf("it defines %q, and has text outside of definitions, which would be lost: move it", contentName)
		problems = append(problems, &Error{File: src.shown, Err: err})
	}
	l.pages[src.name] = p
	return problems
}

// within reports whether a directory of a path has that name.
func within(dir, name string) bool { return slices.Contains(strings.Split(dir, "/"), name) }

func (l *library) addPartial(name string, tree *parse.Tree, shown string) []error {
	if other := l.partials[name]; other != nil {
		err := fmt.Errorf("%q is in %s, too, and partials are there in every page: rename one", name, other.ParseName)
		return []error{&Error{File: shown, Err: err}}
	}
	l.partials[name] = tree
	return nil
}

// plainText returns the text of a template that has no actions, and is not empty.
func plainText(tree *parse.Tree) (string, bool) {
	if len(tree.Root.Nodes) != 1 {
		return "", false
	}
	n, ok := tree.Root.Nodes[0].(*parse.TextNode)
	if !ok {
		return "", false
	}
	s := strings.TrimSpace(string(n.Text))
	return s, s != ""
}

// assemble makes the usual entry of each page.
func (l *library) assemble() (problems []error) {
	if name := l.set.cfg.Layout; name != usualLayout && name != NoLayout && !l.hasLayout(name) {
		problems = append(problems, fmt.Errorf("view: Config.Layout is %q: there is no such file", name))
	}
	for _, name := range slices.Sorted(maps.Keys(l.pages)) {
		e, err := l.build(l.pages[name], way{page: name})
		if err != nil {
			problems = append(problems, err)
		}
		l.pages[name].usual = e
	}
	return problems
}

func (l *library) hasLayout(name string) bool {
	for have := range l.layouts {
		if bare := strings.TrimSuffix(have, textExt); bare == name || strings.HasSuffix(bare, "/"+name) {
			return true
		}
	}
	return false
}

// build puts together what renders a page in one way.
func (l *library) build(p *page, w way) (*entry, error) {
	layout, err := l.layoutOf(p, w.layout)
	if err != nil {
		return nil, err
	}
	trees := maps.Clone(l.partials)
	name := contentName
	if p.partial {
		name = p.name
	}
	if layout != nil {
		name = layout.name
		trees[name] = layout.main
		maps.Copy(trees, layout.trees)
	}
	if !p.partial {
		trees[contentName] = p.main
		maps.Copy(trees, p.trees)
	}
	if w.block != "" {
		if trees[w.block] == nil {
			return nil, l.noBlock(p, trees, w.block)
		}
		name = w.block
	}
	if err := l.checkCalls(p, layout, trees, name, w.block == ""); err != nil {
		return nil, err
	}
	e, err := newEntry(l, p.html, trees, name)
	if bad, ok := errors.AsType[*htmltemplate.Error](err); ok && bad.Line == 0 && bad.Node == nil { // of the page as a whole
		return nil, &Error{File: p.shown, Err: err, text: bad.Description}
	}
	return e, l.located(err)
}

// layoutOf returns the layout that a page has, or nil: the one that is asked for, or that
// the page names, or the nearest of the usual name.
func (l *library) layoutOf(p *page, asked string) (*source, error) {
	if p.partial && asked == "" {
		return nil, nil
	}
	if p.partial && asked != NoLayout {
		return nil, &Error{File: p.shown, Err: errors.New("a partial has no layout: make it a page")}
	}
	named := asked != "" || p.layout != ""
	name := l.set.cfg.Layout
	if asked != "" {
		name = asked
	} else if p.layout != "" {
		name = p.layout
	}
	if name == NoLayout {
		return nil, nil
	}
	if !p.html && !strings.HasSuffix(name, textExt) {
		name += textExt
	}
	for dir := path.Dir(p.name); ; dir = path.Dir(dir) {
		if src := l.layouts[path.Join(dir, name)]; src != nil {
			return src, nil
		}
		if dir == "." {
			break
		}
	}
	if !named {
		return nil, nil
	}
	return nil, &Error{File: p.shown, Err: fmt.Errorf("there is no layout %q: layouts are %s", name, list(maps.Keys(l.layouts)))}
}

// checkCalls returns what a template calls and is not there, which text/template finds out
// too late, and, of a whole page, content that its layout does not show.
func (l *library) checkCalls(p *page, layout *source, trees map[string]*parse.Tree, name string, whole bool) error {
	called := map[string]bool{}
	var missing error
	var visit func(from *parse.Tree, n parse.Node)
	follow := func(from *parse.Tree, n *parse.TemplateNode) {
		tree := trees[n.Name]
		if tree == nil && missing == nil {
			place, _ := from.ErrorContext(n)
			missing = l.located(fmt.Errorf("template: %s: no template is named %q%s", place, n.Name, l.hint(n.Name)))
		}
		if tree != nil && !called[n.Name] {
			called[n.Name] = true
			visit(tree, tree.Root)
		}
	}
	visit = func(from *parse.Tree, n parse.Node) {
		for _, child := range children(n) {
			if call, ok := child.(*parse.TemplateNode); ok {
				follow(from, call)
				continue
			}
			visit(from, child)
		}
	}
	visit(trees[name], trees[name].Root)
	if missing == nil && whole && layout != nil && !called[contentName] && !parse.IsEmptyTree(trees[contentName].Root) {
		err := fmt.Errorf("its layout %s does not call {{template %q .}}: what stands outside of definitions would be lost", layout.shown, contentName)
		return &Error{File: p.shown, Err: err}
	}
	return missing
}

// hint says where a partial may have got lost.
func (l *library) hint(name string) string {
	if l.set.cfg.FS != nil && strings.HasPrefix(path.Base(name), "_") {
		return "; go:embed takes names that begin with _ only by all:, as in //go:embed all:views"
	}
	return ""
}

// children returns the nodes below n among which calls of templates may be.
func children(n parse.Node) []parse.Node {
	branch := func(b *parse.BranchNode) []parse.Node {
		if b.ElseList == nil {
			return b.List.Nodes
		}
		return slices.Concat(b.List.Nodes, b.ElseList.Nodes)
	}
	switch n := n.(type) {
	case *parse.ListNode:
		return n.Nodes
	case *parse.IfNode:
		return branch(&n.BranchNode)
	case *parse.RangeNode:
		return branch(&n.BranchNode)
	case *parse.WithNode:
		return branch(&n.BranchNode)
	}
	return nil
}
