package credential

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// request is a Request in memory.
type request struct {
	header, query map[string][]string
	cookie        string
}

func (r request) HeaderOnce(name string) (string, bool) {
	switch all := r.header[name]; len(all) {
	case 0:
		return "", true
	case 1:
		return all[0], true
	}
	return "", false
}

func (r request) QueryAll(name string) []string { return r.query[name] }
func (r request) Header(string) string          { return r.cookie }

func (r request) Cookie(name string) string {
	for pair := range strings.SplitSeq(r.cookie, "; ") {
		if key, value, _ := strings.Cut(pair, "="); key == name {
			return value
		}
	}
	return ""
}

func TestFind(t *testing.T) {
	bearer := Source{Header, Authorization, "Bearer"}
	sources := []Source{bearer, {Header, "X-Key", ""}, {Query, "key", ""}, {Cookie, "key", ""}}
	auth := func(values ...string) request { return request{header: map[string][]string{Authorization: values}} }
	for _, tt := range []struct {
		name string
		r    request
		want string
		err  error
	}{
		{"none", request{}, "", ErrNone},
		{"bearer", auth("Bearer abc"), "abc", nil},
		{"the scheme's case", auth("bEARER abc"), "abc", nil},
		{"more spaces", auth("Bearer   abc  "), "abc", nil},
		{"another scheme", auth("Basic abc"), "", ErrNone},
		{"a scheme that begins alike", auth("Bearerabc"), "", ErrNone},
		{"no token", auth("Bearer"), "", ErrMalformed},
		{"spaces for a token", auth("Bearer   "), "", ErrMalformed},
		{"two words", auth("Bearer a b"), "", ErrMalformed},
		{"a tab", auth("Bearer a\tb"), "", ErrMalformed},
		{"a NUL", auth("Bearer a\x00b"), "", ErrMalformed},
		{"not ASCII", auth("Bearer ä"), "", ErrMalformed},
		{"as long as may be", auth("Bearer " + strings.Repeat("a", 10)), strings.Repeat("a", 10), nil},
		{"too long", auth("Bearer " + strings.Repeat("a", 11)), "", ErrTooLong},
		{"the header twice", auth("Bearer a", "Bearer a"), "", ErrSeveral},
		{"header", request{header: map[string][]string{"X-Key": {"abc"}}}, "abc", nil},
		{"query", request{query: map[string][]string{"key": {"abc"}}}, "abc", nil},
		{"query twice", request{query: map[string][]string{"key": {"a", "b"}}}, "", ErrSeveral},
		{"query empty", request{query: map[string][]string{"key": {""}}}, "", ErrNone},
		{"cookie", request{cookie: "a=b; key=abc; akey=d"}, "abc", nil},
		{"cookie twice", request{cookie: "key=abc; key=def"}, "", ErrSeveral},
		{"cookie twice, once empty", request{cookie: "key=; key=def"}, "", ErrSeveral},
		{"two places", request{header: map[string][]string{"X-Key": {"a"}}, cookie: "key=a"}, "", ErrSeveral},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Find(tt.r, sources, 10)
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("Find = %q, %v, want %q, %v", got, err, tt.want, tt.err)
			}
		})
	}
}

func TestSource_variesAndProblem(t *testing.T) {
	for _, tt := range []struct {
		s       Source
		varies  string
		problem bool
	}{
		{Source{Header, "authorization", "Bearer"}, "", false},
		{Source{Header, "X-Key", ""}, "X-Key", false},
		{Source{Cookie, "key", ""}, "Cookie", false},
		{Source{Query, "key", ""}, "", false},
		{Source{Header, "", ""}, "", true},
		{Source{Header, "X Key", ""}, "X Key", true},
		{Source{Header, "X-Key", "a,b"}, "X-Key", true},
	} {
		if got := tt.s.Varies(); got != tt.varies {
			t.Errorf("%+v: Varies = %q, want %q", tt.s, got, tt.varies)
		}
		if got := tt.s.Problem(); got != "" != tt.problem {
			t.Errorf("%+v: Problem = %q, want one: %t", tt.s, got, tt.problem)
		}
	}
}

func TestChallenge(t *testing.T) {
	if got, want := Challenge("Basic"), "Basic"; got != want {
		t.Errorf("Challenge = %s, want %s", got, want)
	}
	got, want := Challenge("Bearer", "realm", `a "b" \c`, "error", "", "scope", "x y"), `Bearer realm="a \"b\" \\c", scope="x y"`
	if got != want {
		t.Errorf("Challenge = %s, want %s", got, want)
	}
	for _, realm := range []string{"a\r\nb", "ü", "\x7f"} {
		if RealmProblem(realm) == "" {
			t.Errorf("RealmProblem(%q) = \"\", want a problem", realm)
		}
	}
}

func TestCache_expires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := NewCache[string](2)
		k.Put(k.ID("a"), "Ada", time.Now().Add(time.Minute))
		if got, ok := k.Get(k.ID("a")); got != "Ada" || !ok {
			t.Errorf("Get = %q, %t, want Ada", got, ok)
		}
		if _, ok := k.Get(k.ID("b")); ok {
			t.Error("Get found what was never put")
		}
		time.Sleep(time.Minute)
		if got, ok := k.Get(k.ID("a")); ok {
			t.Errorf("Get = %q after its time, want nothing", got)
		}
	})
}

// What has expired goes first, and the bound holds.
func TestCache_bounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, size := range []int{1, 3, 100} {
			k := NewCache[int](size)
			for i := range 3 * size {
				k.Put(k.ID(strings.Repeat("x", i)), i, time.Now().Add(time.Hour))
				if n := len(k.entries); n > size {
					t.Fatalf("%d entries, want at most %d", n, size)
				}
			}
		}
		k := NewCache[int](2)
		k.Put(k.ID("old"), 1, time.Now())
		k.Put(k.ID("good"), 2, time.Now().Add(time.Hour))
		k.Put(k.ID("new"), 3, time.Now().Add(time.Hour))
		if _, ok := k.Get(k.ID("good")); !ok {
			t.Error("an entry went although another one had expired")
		}
	})
}

// Two caches draw two keys: who reads one's memory learns nothing for another.
func TestCache_ownKey(t *testing.T) {
	a, b := NewCache[int](1), NewCache[int](1)
	if a.ID("x") == b.ID("x") {
		t.Error("two caches have one key")
	}
	if first := a.ID("x"); first != a.ID("x") || first == a.ID("y") {
		t.Error("ID does not tell credentials apart")
	}
}
