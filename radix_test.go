package geist

import (
	"fmt"
	"strings"
	"testing"
)

// testCustom are the constraints that the tests register.
func testCustom(name string) (func(string) bool, bool) {
	switch name {
	case "even":
		return func(v string) bool { return len(v)%2 == 0 }, true
	case "hasb":
		return func(v string) bool { return strings.Contains(v, "b") }, true
	}
	return nil, false
}

func mustPattern(tb testing.TB, src string) []*pattern {
	tb.Helper()
	ps, err := parsePattern(src, testCustom)
	if err != nil {
		tb.Fatalf("parsePattern(%q): %v", src, err)
	}
	return ps
}

// testTree is a tree that knows which pattern each endpoint is.
type testTree struct {
	*tree
	pats map[*endpoint]*pattern
}

func emptyTestTree(fold bool) *testTree {
	return &testTree{newTree(fold), map[*endpoint]*pattern{}}
}

// newTestTree adds the patterns and freezes the tree.
func newTestTree(tb testing.TB, fold bool, srcs ...string) *testTree {
	tb.Helper()
	tr := emptyTestTree(fold)
	for _, src := range srcs {
		if with := tr.register(tb, src); with != nil {
			tb.Fatalf("%q conflicts with %q", src, with)
		}
	}
	tr.freeze()
	return tr
}

// register adds the one or two patterns of src, up to a conflict, and returns with what that is.
func (t *testTree) register(tb testing.TB, src string) (with *pattern) {
	tb.Helper()
	for _, p := range mustPattern(tb, src) {
		ep := new(endpoint)
		if _, with := t.add(p, ep); with != nil {
			return with
		}
		t.pats[ep] = p
	}
	return nil
}

// route is a whole lookup of a raw path.
func (t *testTree) route(raw string) (p *pattern, values []string) {
	decoded, err := decodePath(nil, raw)
	if err != nil {
		return nil, nil
	}
	orig := string(decoded)
	path := orig
	if t.fold {
		path = string(foldASCII(nil, orig))
	}
	var cs captures
	ep := t.find(path, orig, &cs)
	if ep == nil {
		return nil, nil
	}
	for i := range cs.n {
		s := cs.at(i)
		values = append(values, paramValue(orig[s.off:int(s.off)+int(s.len)]))
	}
	return t.pats[ep], values
}

// lookup is a whole lookup of a raw path, shown as "pattern name=value name=value".
func lookup(t *testTree, raw string) string {
	p, values := t.route(raw)
	if p == nil {
		return "404"
	}
	var b strings.Builder
	b.WriteString(p.src)
	for i, v := range values {
		fmt.Fprintf(&b, " %s=%s", p.names[i], v)
	}
	return b.String()
}

func TestRadix_rank(t *testing.T) {
	users := []string{"/users", "/users/", "/users/new", "/users/:id<int>", "/users/:id", "/users/*rest", "/users/ver:ver", "/users/:id/posts", "/users/:n.:ext", "/users/:id<even>", "/users/:id<regex([a-c]+)>", "/users/:a<alpha>"}
	tests := []struct {
		name   string
		routes []string
		path   string
		want   string
	}{
		{"static", users, "/users/new", "/users/new"},
		{"text longer than static", users, "/users/newer", "/users/:a<alpha> a=newer"},
		{"int", users, "/users/42", "/users/:id<int> id=42"},
		{"text before int", users, "/users/ver42", "/users/ver:ver ver=42"},
		{"two parameters", users, "/users/a1.tar.gz", "/users/:n.:ext n=a1 ext=tar.gz"},
		{"custom", users, "/users/a1", "/users/:id<even> id=a1"},
		{"plain", users, "/users/a1_", "/users/:id id=a1_"},
		{"slash", users, "/users/", "/users/"},
		{"no slash", users, "/users", "/users"},
		{"deeper", users, "/users/new/posts", "/users/:id/posts id=new"},
		{"wildcard", users, "/users/new/posts/", "/users/*rest rest=new/posts/"},
		{"longer text first", []string{"/a:x", "/:x.html"}, "/ab.html", "/:x.html x=ab"},
		{"contested later static", []string{"/:a<min(1)>/:x", "/:b<max(9)>/a"}, "/5/a", "/:b<max(9)>/a b=5"},
		{"contested other", []string{"/:a<min(1)>/:x", "/:b<max(9)>/a"}, "/5/b", "/:a<min(1)>/:x a=5 x=b"},
		{"encoded slash", []string{"/:x", "/a/b"}, "/a%2Fb", "/:x x=a/b"},
		{"constraint sees slash", []string{"/:x<regex(a/b)>"}, "/a%2fb", "/:x<regex(a/b)> x=a/b"},
		{"shortest first", []string{"/:a-:b<int>"}, "/x-y-7", "/:a-:b<int> a=x-y b=7"},
		{"optional without", []string{"/u/:id?"}, "/u", "/u/:id?"},
		{"optional with", []string{"/u/:id?"}, "/u/7", "/u/:id? id=7"},
		{"optional root", []string{"/:id<int>?"}, "/", "/:id<int>?"},
		{"backtrack", []string{"/:p0/:p1", "/abd/:p1/b/ab"}, "/abd/abd", "/:p0/:p1 p0=abd p1=abd"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := lookup(newTestTree(t, false, tt.routes...), tt.path); got != tt.want {
				t.Errorf("%s: got %q, want %q", tt.path, got, tt.want)
			}
		})
	}
}
