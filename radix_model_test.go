package geist

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gogeist/geist/internal/routemodel"
)

// modelCustom are the constraints of testCustom, for the model.
func modelCustom() map[string]func(string) bool {
	m := map[string]func(string) bool{}
	for _, name := range []string{"even", "hasb"} {
		m[name], _ = testCustom(name)
	}
	return m
}

// genValues are constraints, "" for none, and values that they accept or nearly accept.
var genValues = []struct {
	con    string
	values []string
}{
	{"", []string{"a", "b", "ab", "x", "1", "a-b", "a.b", ".", "-", "aa", "new", "B", "a b", "é", "a/b", "%", "/"}},
	{"int", []string{"0", "7", "-3", "12", "007", "9223372036854775808", "-", "a"}},
	{"uuid", []string{"123e4567-e89b-12d3-a456-426614174000", "123E4567-E89B-12D3-A456-426614174000", "123e4567-e89b-12d3-a456-42661417400"}},
	{"date", []string{"2024-02-29", "2023-02-29", "2026-12-31", "2026-4-1"}},
	{"alpha", []string{"a", "Ab", "abc", "a1"}},
	{"min(5)", []string{"5", "4", "99", "-5"}},
	{"max(3)", []string{"3", "4", "-9"}},
	{"range(2,7)", []string{"2", "7", "8", "1", "03"}},
	{"len(2,3)", []string{"ab", "abc", "a", "abcd", "éé", "a/b"}},
	{"len(1)", []string{"a", "é", "ab"}},
	{"minlen(2)", []string{"ab", "a", "a/b"}},
	{"maxlen(1)", []string{"b", "ab"}},
	{"even", []string{"ab", "a", "12", "a/b1"}},
	{"hasb", []string{"b", "ab", "a"}},
	{"regex([a-b]+)", []string{"ab", "ba", "c", "a"}},
	{`regex(\d{1,2})`, []string{"1", "12", "123"}},
	{"regex((a|b)/[(x>]|1.*)", []string{"a/x", "b/(", "1", "1/", "a/"}},
	{"regex(^b.$)", []string{"b1", "ab", "bb"}},
	{"int;min(5)", []string{"5", "6", "3", "a"}},
	{"alpha;len(2,3)", []string{"ab", "abc", "a", "a1"}},
	{"max(3);int", []string{"3", "5", "-4"}},
}

// genPart is a piece of a generated segment: text, or a parameter whose values are known.
type genPart struct {
	src    string
	text   string
	values []string
}

type genSegment []genPart

func (s genSegment) src() string {
	var b strings.Builder
	for _, p := range s {
		b.WriteString(p.src)
	}
	return b.String()
}

// genRoute is a generated pattern with what is needed to make paths that it matches.
type genRoute struct {
	src  string
	segs []genSegment
}

// generator makes route sets and paths from a seed.
type generator struct {
	*rand.Rand
	escapes, fold                bool
	names                        int
	text, constrained, optionals bool // what the last set contains
}

func (g *generator) pick(list ...string) string { return list[g.IntN(len(list))] }

func (g *generator) chance(percent int) bool { return g.IntN(100) < percent }

// param makes a parameter.
func (g *generator) param(constrained bool) genPart {
	g.names++
	v := genValues[0]
	if constrained {
		v = genValues[1+g.IntN(len(genValues)-1)]
		g.constrained = true
	}
	src := ":p" + strconv.Itoa(g.names)
	if v.con != "" {
		src += "<" + v.con + ">"
	}
	return genPart{src: src, values: v.values}
}

func textPart(s string) genPart { return genPart{src: s, text: s} }

// segment makes one segment.
func (g *generator) segment() genSegment {
	switch n := g.IntN(100); {
	case n < 40:
		return genSegment{textPart(g.pick("a", "b", "ab", "aa", "new", "7", "Ab", "a.b", "é"))}
	case n < 60:
		return g.mixed()
	case n < 78:
		return genSegment{g.param(true)}
	}
	return genSegment{g.param(false)}
}

// mixed makes a segment with text around one to three parameters.
func (g *generator) mixed() genSegment {
	g.text = true
	var s genSegment
	if g.chance(50) {
		s = append(s, textPart(g.pick("a", "v", "ab", "x-")))
	}
	n := 1 + g.IntN(2)
	if g.chance(5) {
		n = 3
	}
	for i := range n {
		if i > 0 {
			s = append(s, textPart(g.pick("-", ".", "..", "--")))
		}
		s = append(s, g.param(n < 3 && g.chance(25)))
	}
	if len(s) == n+n-1 && n == 1 || g.chance(30) {
		s = append(s, textPart(g.pick(".a", "-", ".", "-b")))
	}
	return s
}

// route makes a pattern.
func (g *generator) route() genRoute {
	g.names = 0
	var r genRoute
	for range 1 + g.IntN(3) {
		r.segs = append(r.segs, g.segment())
	}
	switch n := g.IntN(100); {
	case n < 10:
		r.segs = append(r.segs, genSegment{{src: "*rest", values: []string{"a", "a/b", "a/", "/", "7", "b/a-b"}}})
	case n < 18:
		r.segs = append(r.segs, genSegment{textPart("")})
	case n < 28:
		p := g.param(g.chance(40))
		p.src += "?"
		r.segs = append(r.segs, genSegment{p})
		g.optionals = true
	}
	for _, s := range r.segs {
		r.src += "/" + s.src()
	}
	return r
}

// path makes a raw path that r may match, now and then spoiled.
func (g *generator) path(r genRoute) string {
	segs := r.segs
	if strings.HasSuffix(r.src, "?") && g.chance(40) {
		segs = segs[:len(segs)-1]
	}
	var b strings.Builder
	for _, s := range segs {
		b.WriteByte('/')
		wild := len(s) == 1 && strings.HasPrefix(s[0].src, "*")
		for _, p := range s {
			text := p.text
			if p.values != nil {
				text = g.value(p.values)
			}
			g.escape(&b, text, wild)
		}
	}
	path := b.String()
	if path == "" {
		path = "/"
	}
	if g.chance(12) {
		path = g.spoil(path)
	}
	if g.fold && g.chance(50) {
		path = strings.ToUpper(path)
	}
	return path
}

func (g *generator) value(values []string) string {
	if g.chance(12) {
		return g.pick("a", "b", "ab", "7", "a-b", "a.b", "x", "new")
	}
	return values[min(g.IntN(len(values)), g.IntN(len(values)))]
}

// escape writes text, escaped where it must be, and elsewhere if this set has escapes.
func (g *generator) escape(b *strings.Builder, text string, slashes bool) {
	for i := range len(text) {
		c := text[i]
		must := !isPathChar(c) && !(c == '/' && slashes) && c < 0x80
		if must && !g.escapes {
			c, must = 'a', false
		}
		if must || g.escapes && g.chance(15) {
			esc := appendEscaped(nil, c)
			if g.chance(50) {
				esc = []byte(strings.ToLower(string(esc)))
			}
			b.Write(esc)
			continue
		}
		b.WriteByte(c)
	}
}

func (g *generator) spoil(path string) string {
	i := g.IntN(len(path))
	switch g.IntN(4) {
	case 0:
		return path + g.pick("/", "/a", "//", "x")
	case 1:
		return path[:i] + "/" + path[i:]
	case 2:
		return path[:max(i, 1)]
	}
	return path[:i+1] + g.pick("a", "-", ".", "/", "7") + path[i+1:]
}

// modelCoverage counts what a differential run has seen.
type modelCoverage struct {
	sets, text, constrained, optionals, escapes          int
	routes, conflicts, probes, hits, several, backtracks int
}

// check fails the test if the run did not see enough to mean anything.
func (c *modelCoverage) check(t *testing.T) {
	t.Helper()
	t.Logf("%+v", *c)
	atLeast := func(what string, n, of, percent int) {
		t.Logf("%s: %d of %d (%.1f %%)", what, n, of, 100*float64(n)/float64(of))
		if 100*n < percent*of {
			t.Errorf("%s: %d of %d, want at least %d %%", what, n, of, percent)
		}
	}
	atLeast("sets with text around parameters", c.text, c.sets, 30)
	atLeast("sets with constraints", c.constrained, c.sets, 30)
	atLeast("sets with optional parts", c.optionals, c.sets, 30)
	atLeast("sets probed with escapes", c.escapes, c.sets, 30)
	atLeast("lookups that hit", c.hits, c.probes, 40)
	atLeast("lookups that several routes match", c.several, c.probes, 10)
	atLeast("lookups that must go back", c.backtracks, c.probes, 1)
	atLeast("routes that conflict", c.conflicts, c.routes, 1)
}

// modelSeed is GEIST_SEED, or 1: a failure of the ordinary build is the same for everyone.
func modelSeed(t *testing.T) uint64 {
	if s := os.Getenv("GEIST_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("GEIST_SEED: %v", err)
		}
		return n
	}
	return 1
}

func TestRadix_agreesWithModel(t *testing.T) {
	seed := modelSeed(t)
	t.Logf("GEIST_SEED=%d", seed)
	var c modelCoverage
	extra := []string{"abcdefab-e89b-12d3-a456-42661417400a", "ab3e4567-e89b-12d3-a456-42661417400a", "b1000000-0000-0000-0000-000000000000", "1999-12-31"}
	for _, v := range genValues {
		extra = append(extra, v.values...)
	}
	space := routemodel.NewSpace(extra...)
	for c.probes < modelProbes && !t.Failed() {
		g := &generator{Rand: rand.New(rand.NewPCG(seed, uint64(c.sets)))}
		compareWithModel(t, g, space, &c)
	}
	c.check(t)
}

// compareWithModel compares tree and model on one route set.
func compareWithModel(t *testing.T, g *generator, space *routemodel.Space, c *modelCoverage) {
	g.fold, g.escapes = g.chance(10), g.chance(50)
	model, tr := routemodel.New(g.fold, modelCustom(), space), emptyTestTree(g.fold)
	var routes []genRoute
	for range 2 + g.IntN(11) {
		r := g.route()
		c.routes++
		if addToBoth(t, r.src, model, tr) {
			c.conflicts++
		}
		routes = append(routes, r)
	}
	tr.freeze()
	c.sets++
	c.text += count(g.text)
	c.constrained += count(g.constrained)
	c.optionals += count(g.optionals)
	c.escapes += count(g.escapes)
	for range 50 {
		path := g.path(routes[g.IntN(len(routes))])
		want := model.Find(path)
		src := ""
		p, values := tr.route(path)
		if p != nil {
			src = p.src
		}
		if src != want.Src || !slices.Equal(values, want.Values) {
			t.Fatalf("set %d %v, fold %v, path %q:\n got %q %q\nwant %q %q", c.sets, sources(routes), g.fold, path, src, values, want.Src, want.Values)
		}
		c.probes++
		c.hits += count(src != "")
		c.several += count(want.Matches > 1)
		c.backtracks += count(want.Backtracks)
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

func sources(routes []genRoute) (srcs []string) {
	for _, r := range routes {
		srcs = append(srcs, r.src)
	}
	return srcs
}

// addToBoth registers src with both and reports whether it conflicts, on which they must agree.
func addToBoth(t *testing.T, src string, model *routemodel.Model, tr *testTree) bool {
	t.Helper()
	got, hints := "", []string(nil)
	if with := tr.register(t, src); with != nil {
		got = with.src
		for _, p := range mustPattern(t, src) {
			if tr.fold {
				p = p.folded()
			}
			if p.key() != with.key() {
				continue
			}
			if path, ok := commonPath(with, p, tr.fold); ok {
				hints = append(hints, path)
			}
		}
	}
	want, conflict, err := model.Add(src, hints...)
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Fatalf("%q conflicts with %q in the tree, with %q in the model", src, got, want)
	}
	return conflict
}

// FuzzRadix compares tree and model on routes that the seed makes and the path that the fuzzer
// makes.
func FuzzRadix(f *testing.F) {
	f.Add(uint64(1), uint8(3), "/a/b")
	f.Add(uint64(2), uint8(9), "/a%2Fb/7-x.")
	f.Add(uint64(3), uint8(12), "/ab/2024-02-29//")
	f.Fuzz(func(t *testing.T, seed uint64, n uint8, path string) {
		if !strings.HasPrefix(path, "/") || len(path) > 300 || strings.Contains(path, "\x00") || strings.Contains(path, "%00") {
			t.Skip()
		}
		g := &generator{Rand: rand.New(rand.NewPCG(seed, 0)), fold: seed%5 == 0}
		model, tr := routemodel.New(g.fold, modelCustom(), routemodel.NewSpace()), emptyTestTree(g.fold)
		for range n%16 + 1 {
			src := g.route().src
			// Conflicts depend on the values that the model knows; the other test compares them.
			before := len(tr.routes)
			tr.register(t, src) // of an optional pattern, the second half may conflict
			if err := model.Force(src, len(tr.routes)-before); err != nil {
				t.Fatal(err)
			}
		}
		tr.freeze()
		want := model.Find(path)
		src := ""
		p, values := tr.route(path)
		if p != nil {
			src = p.src
		}
		if src != want.Src || !slices.Equal(values, want.Values) {
			t.Fatalf("path %q: got %q %q, want %q %q", path, src, values, want.Src, want.Values)
		}
	})
}
