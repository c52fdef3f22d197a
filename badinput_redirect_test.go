package geist_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gogeist/geist"
)

// browserHost returns the host to which a browser on http://a/x/y goes when it is
// sent to location: the states of the WHATWG URL parser that decide on the host.
func browserHost(location string) string {
	s := strings.TrimFunc(location, func(r rune) bool { return r <= ' ' })
	s = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(s)
	slash := func(i int) bool { return i < len(s) && (s[i] == '/' || s[i] == '\\') }
	authority := func(i int) string { // special authority ignore slashes state
		for slash(i) {
			i++
		}
		rest := s[i:]
		if j := strings.IndexAny(rest, `/\?#`); j >= 0 {
			rest = rest[:j]
		}
		return "host:" + rest[strings.LastIndexByte(rest, '@')+1:]
	}
	scheme, rest, ok := strings.Cut(s, ":")
	if ok && isScheme(scheme) {
		switch strings.ToLower(scheme) {
		case "http": // special relative or authority state: the base has this scheme
			if strings.HasPrefix(rest, "//") {
				return authority(len(scheme) + 1)
			}
			s = rest
		case "https", "ws", "wss", "ftp":
			return authority(len(scheme) + 1)
		default:
			return "scheme:" + scheme
		}
	}
	if slash(0) && slash(1) {
		return authority(2)
	}
	return "a"
}

func isScheme(s string) bool {
	for i, r := range s {
		letter := 'a' <= r|0x20 && r|0x20 <= 'z'
		if !letter && (i == 0 || !('0' <= r && r <= '9' || r == '+' || r == '-' || r == '.')) {
			return false
		}
	}
	return s != ""
}

// TestBrowserHost checks the checker.
func TestBrowserHost(t *testing.T) {
	for location, want := range map[string]string{
		"/x": "a", "x": "a", "?q": "a", "#f": "a", "": "a", "/.//b": "a", "./b:c": "a", "/%5cb": "a", "http:x": "a", "http:/x": "a", "http:": "a",
		"//b": "host:b", "///b": "host:b", `/\b`: "host:b", `\\b`: "host:b", "/\t/b": "host:b", " //b": "host:b", "\x00//b": "host:b", "//u@b/x": "host:b", "http://b/x": "host:b", "https:b": "host:b", "https:/b": "host:b", `http://b\x`: "host:b", "ht\ntp://b": "host:b",
		"javascript:x": "scheme:javascript", "data:x": "scheme:data",
	} {
		if got := browserHost(location); got != want {
			t.Errorf("browserHost(%q): got %q, want %q", location, got, want)
		}
	}
}

// offHost are paths that would leave the host if they were sent back, or cleaned
// in the wrong order.
var offHost = []string{
	"//evil.com", "//evil.com/", "///evil.com", "////evil.com//", `/\evil.com`, `/\\evil.com`, `/\/evil.com`, `//\evil.com`, `\/evil.com`[1:],
	"/%5cevil.com", "/%5Cevil.com/", "/%5c%5cevil.com", "/%2fevil.com", "/%2f%2fevil.com", "/%2F/evil.com", "/%09/evil.com", "/%0a/evil.com", "/%0d%0aLocation:%20x", "/%00/evil.com",
	"//evil.com/..", "//evil.com/../", "//evil.com/%2e%2e", "//evil.com/%2e%2e/", "//evil.com/x/..", "/x/..//evil.com", "/x/../%2fevil.com", "/x/..%2f/evil.com", "/./%5cevil.com", "/.//evil.com", "/..//evil.com", "/%2e//evil.com", "/%2e%2e//evil.com", "/%2e/%5cevil.com", "/./\\evil.com",
	"//evil.com%2f..", "//evil.com?", "//evil.com?q=://", "//evil.com/?//", "//a@evil.com", "//evil.com:80", "//[::1]/", "/;//evil.com", "/http://evil.com", "/https:%2f%2fevil.com", "//http://evil.com", "//", "///", "/.", "/..", "/./", "/../", "/%2e", "/%2e%2e/", "//.", "//..", "//./", "/%2f", "/%2f/", "/%5c", `/\`,
	"/a//b", "/a/./b", "/a/../b", "/a/%2e%2e/b/", "/a%2f..%2fb", "/a/..%2fb", "/a/%2e%2e%2fb/", "/a/b/..", "/a/b/../..//", "/a;/b",
}

// TestBadInput_redirects asks for all of them under each policy, with routes that
// make near misses of as many as possible.
func TestBadInput_redirects(t *testing.T) {
	tables := map[string]func(app *geist.Engine, h geist.Handler){
		"with slashes":    func(app *geist.Engine, h geist.Handler) { app.GET("/:a/", h); app.GET("/:a/:b/", h); app.GET("/", h) },
		"without slashes": func(app *geist.Engine, h geist.Handler) { app.GET("/:a", h); app.GET("/:a/:b", h) },
		"wildcard":        func(app *geist.Engine, h geist.Handler) { app.GET("/*rest", h) },
		"mounted": func(app *geist.Engine, h geist.Handler) {
			child := geist.New()
			child.GET("/:a/", h)
			child.GET("/:a/:b", h)
			app.Mount("/:m", child)
			app.Group("/g").GET("/", h)
		},
		"host": func(app *geist.Engine, h geist.Handler) { app.Host("{h}").GET("/:a/", h); app.GET("/:a/:b", h) },
	}
	for name, register := range tables {
		for _, policy := range []geist.SlashPolicy{geist.SlashRedirect, geist.SlashIgnore, geist.SlashStrict} {
			for _, fold := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s %v", name, policy, fold), func(t *testing.T) {
					checkRedirects(t, geist.Config{TrailingSlash: policy, CaseInsensitive: fold}, func(app *geist.Engine) {
						register(app, func(c *geist.Ctx) error { return c.NoContent() })
					})
				})
			}
		}
	}
}

func checkRedirects(t *testing.T, cfg geist.Config, register func(*geist.Engine)) {
	w := newWire(t, cfg, register)
	c := w.dial(t)
	for _, target := range offHost {
		c.raw.Reset()
		c.send(get(target))
		a, err := c.receive("GET")
		if err != nil {
			t.Fatalf("%s: %v", target, err)
		}
		location := a.Header.Get("Location")
		if a.StatusCode >= 500 || (a.StatusCode == 308) != (location != "") {
			t.Errorf("%s: got %d with Location %q", target, a.StatusCode, location)
		}
		if host := browserHost(location); host != "a" {
			t.Errorf("%s: Location %q leads a browser to %s", target, location, host)
		}
		if a.StatusCode == 308 {
			checkFollowed(t, w, target, location)
		}
		if a.Close {
			c = w.dial(t)
		}
	}
	w.checkLog(t)
}

// checkFollowed follows a redirect. It may lead into a mounted engine, which may
// redirect once more or know nothing of it, but not further.
func checkFollowed(t *testing.T, w *wire, target, location string) {
	for range 2 {
		c := w.dial(t)
		c.send(get(location))
		a, err := c.receive("GET")
		if err != nil {
			t.Fatalf("%s: Location %q: %v", target, location, err)
		}
		if a.StatusCode != 308 {
			return
		}
		location = a.Header.Get("Location")
	}
	t.Errorf("%s: redirected a third time, to %q", target, location)
}

// TestBadInput_redirectByHandler gives c.Redirect what a request may hold.
func TestBadInput_redirectByHandler(t *testing.T) {
	w := newWire(t, geist.Config{}, func(app *geist.Engine) {
		app.GET("/go", func(c *geist.Ctx) error { return c.Redirect(302, c.Query("to")) })
	})
	refused := []string{"", "//evil.com", "///evil.com", `/\evil.com`, `\\evil.com`, `\/evil.com`, "/\t/evil.com", "/\n/evil.com", " //evil.com", "\x00//evil.com", "javascript:alert(1)", "JavaScript:alert(1)", "java\nscript:alert(1)", "data:text/html,x", "vbscript:x", "ftp://evil.com", "http:evil.com", "https:evil.com", "https:/evil.com", "https:///evil.com", `https:\\evil.com`, "http://", "//", "a b", "/a\r\nX-Evil: 1", "mailto:a@b"}
	for _, to := range append(append(refused, offHost...), "/a", "a", "?q", "../a", "#f", "/.//b", "é", "./a:b") {
		t.Run(fmt.Sprintf("%.30q", to), func(t *testing.T) {
			c := w.dial(t)
			var escaped strings.Builder
			for i := range len(to) {
				fmt.Fprintf(&escaped, "%%%02x", to[i])
			}
			c.send(get("/go?to=" + escaped.String()))
			a, err := c.receive("GET")
			if err != nil {
				t.Fatal(err)
			}
			location := a.Header.Get("Location")
			if host := browserHost(location); a.StatusCode == 302 && host != "a" {
				t.Errorf("Redirect to %q: Location %q leads a browser to %s", to, location, host)
			}
			if a.Header.Get("X-Evil") != "" {
				t.Error("the header was split")
			}
			c.checkAlive(t)
		})
	}
	for _, to := range refused {
		c := w.dial(t)
		c.send(get("/go?to=" + strings.NewReplacer(" ", "%20", "\t", "%09", "\r", "%0d", "\n", "%0a", "\x00", "%00").Replace(to)))
		checkProblem(t, c.expect(t, "GET", 400))
	}
}

// TestBadInput_dotSegments asks for one route by ways that mean the same.
func TestBadInput_dotSegments(t *testing.T) {
	same := []string{"/a/./b", "/./a/b", "/a/%2e/b", "/x/../a/b", "/x/%2e%2e/a/b", "/x/.%2E/a/b", "/x/%2e./a/b", "/../a/b", "/a/b/c/..", "/a/b/.", "//a/b", "/a//b", "/a/b/", "/a/b//"}
	other := []string{"/a%2fb", "/a/..%2fa/b", "/a/%2e%2e%2fa/b", "/x/..%5ca/b", `/x/..\a/b`, "/.../a/b", "/a/b/...", "/a/%252e/b", "/a;/b", "/a/b%00", "/x%2f../a/b"}
	for policy, status := range map[geist.SlashPolicy]int{geist.SlashRedirect: 308, geist.SlashIgnore: 200, geist.SlashStrict: 404} {
		t.Run(policy.String(), func(t *testing.T) {
			w := newWire(t, geist.Config{TrailingSlash: policy}, func(app *geist.Engine) {
				app.GET("/a/b", func(c *geist.Ctx) error { return c.Text(200, c.Path()) })
				app.GET("/p/:x", func(c *geist.Ctx) error { return c.Text(200, c.Param("x")) })
				app.GET("/w/*path", func(c *geist.Ctx) error { return c.Text(200, c.Param("path")) })
			})
			c := w.dial(t)
			for _, target := range same {
				c.send(get(target + "?q=/../"))
				a, err := c.receive("GET")
				want := ""
				if policy == geist.SlashRedirect {
					want = "/a/b?q=/../"
				}
				if err != nil || a.StatusCode != status || a.Header.Get("Location") != want {
					t.Errorf("%s: got %+v, error %v, want %d with Location %q", target, a, err, status, want)
				} else if status == 200 && a.body != "/a/b" {
					t.Errorf("%s: Ctx.Path is %q, want what was served", target, a.body)
				}
			}
			for _, target := range other {
				c.send(get(target))
				if a, err := c.receive("GET"); err != nil || a.StatusCode != 404 && a.StatusCode != 400 {
					t.Errorf("%s: got %+v, error %v, want 404 or 400", target, a, err)
				}
			}
			for _, target := range []string{"/w/../a/b", "/w/x/../../a", "/w/%2e%2e/a", "/w/x/./y", "/w/..", "/w/.", "/w/%2e", "/w/x/.", "/w/x/%2E", "/p/.", "/p/%2e", "/p/..", "/p/%2e."} {
				c.send(get(target))
				if a, err := c.receive("GET"); err != nil || a.StatusCode == 200 && strings.Contains(a.body, ".") {
					t.Errorf("%s: got %+v, error %v: no parameter may match a dot segment", target, a, err)
				}
			}
		})
	}
}
