package pathrule

import (
	"net/url"
	"strings"
	"testing"
)

func TestRule_table(t *testing.T) {
	for _, tt := range []struct{ from, to, path, want string }{
		{"/", "/home", "/", "/home"},
		{"/", "/home", "/x", ""},
		{"/a", "/b", "/a", "/b"},
		{"/a", "/b", "/a/", ""},
		{"/a/", "/b", "/a/", "/b"},
		{"/a", "/b", "/%61", "/b"},
		{"/a", "/b", "/A", ""},
		{"/a b", "/b", "", ""},
		{"/a%20b", "/b%20c", "/a%20b", "/b%20c"},
		{"/caf%C3%A9", "/b", "/caf%c3%a9", "/b"},
		{"/v1/users/:id", "/users/:id", "/v1/users/7", "/users/7"},
		{"/v1/users/:id", "/users/:id", "/v1/users/", ""},
		{"/v1/users/:id", "/users/:id", "/v1/users/7/posts", ""},
		{"/v1/users/:id", "/users/:id", "/v1/users/a%2Fb", "/users/a%2Fb"},
		{"/v1/users/:id", "/users/:id", "/v1/users/%252e%252e", "/users/%252e%252e"},
		{"/v1/users/:id", "/users/:id", "/v1%2Fusers/7", ""},
		{"/:a/:b", "/:b/:a", "/x/y", "/y/x"},
		{"/blog/:id", "/posts/:id.html", "/blog/7", "/posts/7.html"},
		{"/old/*path", "/new/*path", "/old/a/b", "/new/a/b"},
		{"/old/*path", "/new/*path", "/old/a/", "/new/a/"},
		{"/old/*path", "/new/*path", "/old/", ""},
		{"/old/*path", "/new/*path", "/old", ""},
		{"/old/*path", "/*path", "/old//evil.example", ""},
		{"/old/*path", "/*path", `/old/\evil.example`, ""},
		{"/old/*path", "/*path", "/old/%2Fevil.example", "/%2Fevil.example"},
		{"/old/*path", "/*path", "/old/a/../b", ""},
		{"/old/*path", "/*path", "/old/a/%2e%2E/b", ""},
		{"/old/*path", "/*path", "/old/./b", ""},
		{"/old/*path", "/*path", "/old/..", ""},
		{"/old/*path", "/*path", "/old/...", "/..."},
		{"/old/*path", "/*path", "/old/a//b", ""},
		{"/old/*path", "/*path", "/old/%", ""},
		{"/old/*path", "/*path", "/old/%00", ""},
		{"/old/*path", "/*path", "/old/a\x00", ""},
		{"/old/*path", "/*path", "/old/a?b", ""},
		{"/old/*path", "/*path", "//old/a", ""},
		{"/old/*path", "/*path", "*", ""},
	} {
		r, err := Parse(tt.from, tt.to)
		if tt.path == "" {
			if err == nil {
				t.Errorf("Parse(%q, %q) = nil, want an error", tt.from, tt.to)
			}
			continue
		}
		if err != nil {
			t.Errorf("Parse(%q, %q): %v", tt.from, tt.to, err)
			continue
		}
		got, ok := r.Append([]byte("x"), tt.path)
		if want := "x" + tt.want; string(got) != want || ok != (tt.want != "") {
			t.Errorf("%s → %s: Append(%q) = %q, %t, want %q", tt.from, tt.to, tt.path, got, ok, want)
		}
	}
}

func TestParse_refused(t *testing.T) {
	for _, tt := range []struct{ from, to, want string }{
		{"a", "/b", `the pattern "a" is no path`},
		{"", "/b", "is no path"},
		{"//a", "/b", "is no path"},
		{"/a//b", "/b", "which no path has"},
		{"/a/../b", "/b", "which no path has"},
		{"/a/%2e", "/b", "which no path has"},
		{"/a%zz", "/b", "is no path"},
		{"/a?b", "/b", "is no path"},
		{"/x:id", "/b", "whole segment"},
		{"/:id.json", "/b", "whole segment"},
		{"/:id<int>", "/b", "no constraint"},
		{"/:id?", "/b", "is no path"},
		{"/:", "/b", "whole segment"},
		{"/*path/x", "/b", "last segment"},
		{"/:a/:a", "/b", `two parameters named "a"`},
		{"/:a/:b/:c/:d/:e/:f/:g/:h/:i", "/b", "more than 8"},
		{"/a", "b", `the target "b" is no path`},
		{"/a", "//b", "is no path"},
		{"/a", `/\b`, "is no path"},
		{"/a", "/b//c", "is no path"},
		{"/a", "/b/../c", "is no path"},
		{"/a", "/b?c=1", "is no path"},
		{"/a", "https://b.example/", "is no path"},
		{"/a/:id", "/b/:ID", `names ":ID"`},
		{"/a/:id", "/b/:", `names ":"`},
		{"/a", "/b/*path", `names "*path"`},
	} {
		if _, err := Parse(tt.from, tt.to); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Parse(%q, %q) = %v, want an error with %q", tt.from, tt.to, err, tt.want)
		}
	}
}

func TestRule_allocs(t *testing.T) {
	r, err := Parse("/v1/:a/*b", "/v2/:a/*b")
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 0, 64)
	if n := testing.AllocsPerRun(100, func() {
		if _, ok := r.Append(buf, "/v1/x/%41/c"); !ok {
			t.Error("the rule does not apply")
		}
		if _, ok := r.Append(buf, "/v2/x/%41/c"); ok {
			t.Error("the rule applies")
		}
	}); n != 0 {
		t.Errorf("allocs = %v, want 0", n)
	}
}

// FuzzRule holds a rule against a model that is written with net/url, and its result
// against what may stand in a Location.
func FuzzRule(f *testing.F) {
	for _, p := range []string{"/v1/x/y/z", "/v1/%2e/y", "/v1//y", "/v1/a/", "/v1/a/b%2F", `/v1/a/\b`, "/v1/a/%", "/%761/a/..", "/v1/a/b/."} {
		f.Add(p)
	}
	r, err := Parse("/v1/:a/*b", "/*b/-/:a")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, path string) {
		got, ok := r.Append(nil, path)
		if want := model(path); string(got) != want || ok != (want != "") {
			t.Fatalf("Append(%q) = %q, %t, want %q", path, got, ok, want)
		}
		if !ok {
			return
		}
		base, _ := url.Parse("https://host.example/x")
		u, err := base.Parse(string(got))
		if err != nil || u.Host != "host.example" {
			t.Errorf("Append(%q) = %q, which leads to %v (%v)", path, got, u, err)
		}
	})
}

func model(path string) string {
	parts := strings.Split(path, "/")
	if len(parts) < 4 || parts[0] != "" {
		return ""
	}
	for i, s := range parts[1:] {
		d, err := url.PathUnescape(s)
		if err != nil || d == "." || d == ".." || strings.Contains(d, "\x00") || s == "" && i < len(parts)-2 || strings.ContainsAny(s, "\\?#") {
			return ""
		}
		for _, b := range []byte(s) {
			if b <= ' ' || b >= 0x7f {
				return ""
			}
		}
	}
	if d, _ := url.PathUnescape(parts[1]); d != "v1" || parts[2] == "" || parts[3] == "" {
		return ""
	}
	return "/" + strings.Join(parts[3:], "/") + "/-/" + parts[2]
}

func TestAppendQuery_table(t *testing.T) {
	for _, tt := range []struct{ to, query, want string }{
		{"/a", "", "/a"},
		{"/a", "b=1&c=%20", "/a?b=1&c=%20"},
		{"/a?x", "b=1", "/a?x&b=1"},
		{"/a", "\\\" <>#\r\n\xff", "/a?%5C%22%20%3C%3E%23%0D%0A%FF"},
	} {
		if got := string(AppendQuery([]byte(tt.to), tt.query)); got != tt.want {
			t.Errorf("AppendQuery(%q, %q) = %q, want %q", tt.to, tt.query, got, tt.want)
		}
	}
}
