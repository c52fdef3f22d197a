package geist

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestPattern_syntax(t *testing.T) {
	tests := []struct {
		src   string
		want  []string // String of each pattern
		names string   // of the last, comma-separated
	}{
		{"/", []string{"/"}, ""},
		{"/users/", []string{"/users/"}, ""},
		{"/users/:id", []string{"/users/:id"}, "id"},
		{"/files/*path", []string{"/files/*path"}, "path"},
		{"/users/:id?", []string{"/users", "/users/:id"}, "id"},
		{"/users/:id<int>?", []string{"/users", "/users/:id<int>"}, "id"},
		{"/:id?", []string{"/", "/:id"}, "id"},
		{"/files/:name.:ext", []string{"/files/:name.:ext"}, "name,ext"},
		{"/range/:from-:to", []string{"/range/:from-:to"}, "from,to"},
		{"/v:ver", []string{"/v:ver"}, "ver"},
		{"/v:ver<int>x", []string{"/v:ver<int>x"}, "ver"},
		{"/:id<int;min(1)>", []string{"/:id<int;min(1)>"}, "id"},
		{"/:id<range(-5, 5)>", []string{"/:id<range(-5,5)>"}, "id"},
		{"/:id<len(4)>", []string{"/:id<len(4)>"}, "id"},
		{"/:x<even>", []string{"/:x<even>"}, "x"},
		{`/:x<regex((a|[)>/]|\)){2})>/b`, []string{`/:x<regex((a|[)>/]|\)){2})>/b`}, "x"},
		{`/:x<regex([[:alpha:])]+);minlen(2)>`, []string{`/:x<regex([[:alpha:])]+);minlen(2)>`}, "x"},
		{`/a\:b\*c\\d\<e\?f`, []string{`/a\:b\*c\\d\<e\?f`}, ""},
		{`/:x\<y`, []string{`/:x\<y`}, "x"},
		{"/café/a b/{id}", []string{"/café/a b/{id}"}, ""},
		{"/:_a1/:B", []string{"/:_a1/:B"}, "_a1,B"},
		{"/...", []string{"/..."}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.src, func(t *testing.T) {
			var got []string
			ps := mustPattern(t, tt.src)
			for _, p := range ps {
				got = append(got, p.String())
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("patterns: got %q, want %q", got, tt.want)
			}
			if names := strings.Join(ps[len(ps)-1].names, ","); names != tt.names {
				t.Errorf("names: got %q, want %q", names, tt.names)
			}
		})
	}
}

func TestPattern_errors(t *testing.T) {
	tests := []struct {
		src  string
		off  int
		want string // part of the message
	}{
		{"", 0, `write "/"`},
		{"users", 0, `write "/users"`},
		{"/a//b", 3, "empty segment"},
		{"//", 1, "empty segment"},
		{"/a/:", 4, "needs a name"},
		{"/a/:9", 4, "needs a name"},
		{"/a/*", 4, "needs a name"},
		{"/:a:b", 3, "put literal text between"},
		{"/:a<int>:b", 8, "put literal text between"},
		{"/:a/:a", 5, "used twice"},
		{"/:a/*a", 5, "used twice"},
		{"/a*b", 2, `write \*`},
		{"/:a*b", 3, `write \*`},
		{"/*p/b", 3, "last segment"},
		{"/*p/", 3, "last segment"},
		{"/*p.txt", 3, "last segment"},
		{"/*p<int>", 3, "no constraint"},
		{"/*p?", 3, "cannot be optional"},
		{"/a?", 2, `write \?`},
		{"/a?b=c", 2, `write \?`},
		{"/v:a?", 4, "text around it"},
		{"/:a.:b?", 6, "text around it"},
		{"/:a?/b", 3, "nothing may follow"},
		{"/:a?/", 3, "nothing may follow"},
		{"/a#b", 2, "fragment"},
		{"/a%20b", 2, "decoded"},
		{"/a\x00", 2, "control"},
		{"/a\n", 2, "control"},
		{"/a\x7f", 2, "control"},
		{"/a\xff", 2, "UTF-8"},
		{"/./a", 1, "dot segment"},
		{"/a/..", 3, "dot segment"},
		{`/a\b`, 2, `write \\`},
		{`/a\`, 2, `write \\`},
		{"/:a<", 4, "needs a name"},
		{"/:a<>", 4, "needs a name"},
		{"/:a<int", 3, "not closed"},
		{"/:a<int;>", 8, "needs a name"},
		{"/:a<int,min(1)>", 7, "cannot follow"},
		{"/:a<guid>", 4, "no constraint"},
		{"/:a<even(1)>", 4, "remove the parentheses"},
		{"/:a<int()>", 4, "remove the parentheses"},
		{"/:a<min>", 4, "min(2)"},
		{"/:a<min(x)>", 4, "min(2)"},
		{"/:a<range(1)>", 4, "range(2,5)"},
		{"/:a<range(5,1)>", 4, "can never match"},
		{"/:a<len(0)>", 4, "can never match"},
		{"/:a<maxlen(0)>", 4, "can never match"},
		{"/:a<regex([)>", 9, "not closed"},
		{"/:a<regex()>", 4, "never empty"},
		{"/:a<regex(a**)>", 4, "RE2"},
	}
	for _, tt := range tests {
		t.Run(tt.src, func(t *testing.T) {
			_, err := parsePattern(tt.src, testCustom)
			var pe *patternError
			if !errors.As(err, &pe) {
				t.Fatalf("got %v, want a *patternError", err)
			}
			if pe.off != tt.off || !strings.Contains(pe.Error(), tt.want) {
				t.Errorf("got %v, want byte %d and %q", pe, tt.off, tt.want)
			}
		})
	}
}

func TestPattern_conflicts(t *testing.T) {
	const unsure = "neither is more specific, and both may match one same path"
	tests := []struct {
		a, b string
		want string // conflict text; empty if they may stand together
	}{
		{"/a/:x", "/a/:y", "both match /a/x"},
		{"/a", "/a", "both match /a"},
		{"/a", "/a/", ""},
		{"/a/:x", "/a/*y", ""},
		{"/a/*x", "/a/*y", "both match /a/x"},
		{"/a/:x?", "/a", "both match /a"},
		{"/a/:x?", "/a/:y", "both match /a/x"},
		{"/:a<int>", "/:b<uuid>", ""},
		{"/:a<int>", "/:b<date>", ""},
		{"/:a<uuid>", "/:b<date>", ""},
		{"/:a<int>", "/:b<int;min(7)>", "both match /7"},
		{"/:a<min(1)>", "/:b<max(9)>", "both match /1"},
		{"/:a<min(10)>", "/:b<max(9)>", ""},
		{"/:a<range(1,5)>", "/:b<range(6,9)>", ""},
		{"/:a<range(-9,-3)>", "/:b<range(-3,9)>", "both match /-3"},
		{"/:a<len(2,3)>", "/:b<len(4)>", ""},
		{"/:a<len(2,3)>", "/:b<len(3,4)>", "both match /xxx"},
		{"/:a<alpha>", "/:b<min(1)>", ""},
		{"/:a<alpha;len(2)>", "/:b<alpha;minlen(3)>", ""},
		{"/:a<int;len(2)>", "/:b<int;max(-1)>", "both match /-1"},
		{"/:a<int;len(1)>", "/:b<int;max(-1)>", ""},
		{"/:a<even>", "/:b<hasb>", unsure},
		{"/:a<regex([a-c]+)>", "/:b<regex([d-f]+)>", ""},
		{"/:a<regex([a-c]+)>", "/:b<regex([c-f]+)>", "both match /c"},
		{"/:a<regex(^a)>", "/:b<regex(b$)>", ""},
		{"/:a<regex(a/b)>", "/:b<regex(a.b)>", "both match /a%2Fb"},
		{"/:a<regex((?i)abc)>", "/:b<regex(ABC)>", "both match /ABC"},
		{"/v:a", "/w:b", ""},
		{"/v:a", "/:b.", "both match /v."},
		{"/:a.txt", "/:b.pdf", ""},
		{"/:a.txt", "/:b.txt", "both match /x.txt"},
		{"/:a.txt", "/:b.jpeg", ""},
		{"/:a-:b", "/:c-:d", "both match /x-x"},
		{"/v:a<min(5)>", "/v:b<max(3)>", ""},
		{"/a:x<int>", "/:y<int>b", ""},
		{"/:a<int>-:b", "/:c<alpha>-:d", ""},
		{"/:a/:b<min(5)>", "/:c/:d<max(3)>", ""},
		{"/:a/x", "/:b/y", ""},
		{"/é:a", "/é:b", "both match /%C3%A9x"},
	}
	for _, tt := range tests {
		t.Run(tt.a+" "+tt.b, func(t *testing.T) {
			tr := emptyTestTree(false)
			tr.register(t, tt.a)
			got := ""
			for _, p := range mustPattern(t, tt.b) {
				if _, with := tr.add(p, new(endpoint)); with != nil {
					got = conflictText(with, p, false)
				}
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	t.Run("ignoring case", func(t *testing.T) {
		tr := emptyTestTree(true)
		tr.register(t, "/Users/:id")
		if tr.register(t, "/users/:name") == nil {
			t.Error("no conflict")
		}
	})
}

func FuzzPattern(f *testing.F) {
	for _, src := range []string{"/", "/users/:id?", "/a:b<int;min(1)>-:c.d/*rest", `/:x<regex((a|[)>/]|\)){2})>/b`, `/\:\*\\\<\?`, "/:a<len(2,5)>?", "/é/%/#"} {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		ps, err := parsePattern(src, testCustom)
		if err != nil {
			return
		}
		for _, p := range ps {
			text := p.String()
			again, err := parsePattern(text, testCustom)
			if err != nil || len(again) != 1 {
				t.Fatalf("%q is written %q, which gives %d patterns, %v", src, text, len(again), err)
			}
			if got := again[0].String(); got != text || again[0].key() != p.key() || !slices.Equal(again[0].names, p.names) {
				t.Fatalf("%q is written %q, and that %q", src, text, got)
			}
		}
	})
}

// TestPattern_endsInSlash: where no pattern does, a 404 is not tried with a slash at its end.
func TestPattern_endsInSlash(t *testing.T) {
	for src, want := range map[string]bool{
		"/": false, "/users": false, "/users/": true, "/users/:id": false, "/users/:id?": false, "/users/:id/": true,
		"/*path": true, "/files/*path": true, "/v:ver": false, "/:x<regex(.*)>": false,
	} {
		for _, p := range mustPattern(t, src) {
			tr := newTree(false)
			tr.add(p, new(endpoint))
			if got := p.endsInSlash(); got != want || tr.slash != want {
				t.Errorf("%s: got %v, and %v of a tree with it, want %v", p, got, tr.slash, want)
			}
		}
	}
}
