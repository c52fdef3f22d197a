package geist

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRadix_thousandSegments(t *testing.T) {
	tr := newTestTree(t, false, strings.Repeat("/a", 1000), strings.Repeat("/a", 999)+"/:x", "/:x/*rest")
	for path, want := range map[string]string{
		strings.Repeat("/a", 1000):       "static",
		strings.Repeat("/a", 999) + "/b": "param",
		strings.Repeat("/a", 998):        "wild",
		strings.Repeat("/a", 1001):       "wild",
	} {
		p, _ := tr.route(path)
		got := "wild"
		if p != nil && len(p.segs) == 1000 {
			got = map[bool]string{true: "static", false: "param"}[len(p.names) == 0]
		}
		if got != want {
			t.Errorf("%d segments ending in %q: got %s, want %s", strings.Count(path, "/"), path[len(path)-2:], got, want)
		}
	}
}

func TestRadix_longPaths(t *testing.T) {
	tr := newTestTree(t, false, "/:x", "/s/*rest")
	for _, n := range []int{16 << 10, maxPath - 3} {
		long := strings.Repeat("x", n)
		if _, values := tr.route("/s/" + long); !slices.Equal(values, []string{long}) {
			t.Errorf("wildcard of %d bytes not captured whole", n)
		}
	}
	if _, values := tr.route("/" + strings.Repeat("x", maxPath-1)); len(values) != 1 {
		t.Error("longest path not found")
	}
	if p, _ := tr.route("/" + strings.Repeat("x", maxPath)); p != nil {
		t.Error("a path that spans cannot address was found")
	}
}

func TestRadix_hundredParameters(t *testing.T) {
	var src, path strings.Builder
	var want []string
	for i := range 100 {
		fmt.Fprintf(&src, "/:p%d", i)
		fmt.Fprintf(&path, "/v%d", i)
		want = append(want, fmt.Sprintf("v%d", i))
	}
	for _, s := range []string{src.String(), strings.ReplaceAll(src.String()[1:], "/", "-")} {
		s = "/" + strings.TrimPrefix(s, "/")
		p := path.String()
		if strings.Contains(s, "-") {
			p = "/" + strings.ReplaceAll(p[1:], "/", "-")
		}
		if _, got := newTestTree(t, false, s).route(p); !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
	}
}

func TestRadix_manyRoutes(t *testing.T) {
	for name, format := range map[string]string{
		"after static": "/api/r%d/:id",
		"mixed":        "/files/f%05d-:id",
		"constrained":  "/api/:id<int>/r%d",
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			tr := emptyTestTree(false)
			for i := range 10_000 {
				tr.register(t, fmt.Sprintf(format, i))
			}
			tr.freeze()
			took := time.Since(start)
			t.Logf("10,000 routes: %v", took)
			if took > 5*time.Second { // far above, so that a busy machine does not fail
				t.Errorf("10,000 routes took %v", took)
			}
			path := strings.NewReplacer(":id<int>", "7", ":id", "7").Replace(fmt.Sprintf(format, 9_999))
			if _, values := tr.route(path); !slices.Equal(values, []string{"7"}) {
				t.Errorf("%s: got %q", path, values)
			}
		})
	}
}

// A segment of text and constrained parameters is matched up to 255 bytes, in bounded time.
func TestRadix_longMixedSegments(t *testing.T) {
	tr := newTestTree(t, false, "/c/:a<int>-x", "/t/:a-x", "/s/:a<regex(.*)>-:b<regex(.*)>-:c<regex(.*)>-:d<int>")
	for n, want := range map[int]bool{253: true, 254: false} {
		path := "/c/" + strings.Repeat("0", n) + "-x"
		if p, _ := tr.route(path); (p != nil) != want {
			t.Errorf("constrained, %d bytes: found %v, want %v", n+2, p != nil, want)
		}
	}
	if p, _ := tr.route("/t/" + strings.Repeat("0", 5000) + "-x"); p == nil {
		t.Error("unconstrained text has no bound")
	}
	start := time.Now()
	if p, _ := tr.route("/s/" + strings.Repeat("-", 250)); p != nil {
		t.Error("found")
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("a hostile segment took %v", took)
	}
}

func TestRadix_emptyTree(t *testing.T) {
	tr := newTestTree(t, false)
	for _, path := range []string{"", "/", "/a", "a"} {
		if p, _ := tr.route(path); p != nil {
			t.Errorf("%q found %v", path, p)
		}
	}
}

func TestRadix_foldCase(t *testing.T) {
	tr := newTestTree(t, true, "/Users/:id<regex([a-z]+)>", "/FILES/V:ver.TXT", "/users/:id")
	for path, want := range map[string]string{
		"/USERS/abc":     "/Users/:id<regex([a-z]+)> id=abc",
		"/users/ABC":     "/users/:id id=ABC",
		"/files/vAb.txt": "/FILES/V:ver.TXT ver=Ab",
	} {
		if got := lookup(tr, path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}
