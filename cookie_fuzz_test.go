package geist_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// FuzzSetCookie: what SetCookie accepts comes back as it was given, as one cookie, to
// net/http's parser and to our own; what it refuses sets nothing.
func FuzzSetCookie(f *testing.F) {
	f.Add("sid", "abc", "/", "example.com", 60)
	f.Add("__Host-sid", "", "", "", 0)
	f.Add("a", "b; Secure", "/;x", "a.b\r\nX: y", -1)
	f.Add("a b", "\"q\"", "\x00", "é", 1)
	f.Fuzz(func(t *testing.T, name, value, path, domain string, age int) {
		app := geist.New(geist.Config{Logger: discard()})
		var refused error
		app.GET("/set", func(c *geist.Ctx) error {
			refused = c.SetCookie(geist.Cookie{Name: name, Value: value, Path: path, Domain: domain, MaxAge: age, Secure: true})
			return c.NoContent()
		})
		app.GET("/get", func(c *geist.Ctx) error { return c.Text(200, c.Cookie(name)) })
		c := geisttest.New(t, app)
		resp := c.GET("/set").Do().Status(204).Raw()
		fields := resp.Header.Values("Set-Cookie")
		if refused != nil {
			if len(fields) != 0 {
				t.Fatalf("refused (%v), but sent %q", refused, fields)
			}
			return
		}
		got := resp.Cookies()
		if len(fields) != 1 || len(got) != 1 || got[0].Name != name || got[0].Value != value || !got[0].Secure {
			t.Fatalf("cookie %q=%q path %q domain %q: sent %q, read as %v", name, value, path, domain, fields, got)
		}
		if path != "" && got[0].Path != path || strings.TrimPrefix(got[0].Domain, ".") != strings.TrimPrefix(domain, ".") {
			t.Fatalf("cookie path %q domain %q: sent %q", path, domain, fields)
		}
		request := (&http.Cookie{Name: name, Value: value}).String()
		if echoed := geisttest.New(t, app).GET("/get").Header("Cookie", request).Do().Status(200).Text(); echoed != value {
			t.Fatalf("cookie sent back as %q: got %q, want %q", request, echoed, value)
		}
	})
}

// FuzzCookieHeader: no Cookie field panics, and what is found in it was sent.
func FuzzCookieHeader(f *testing.F) {
	f.Add("a=b; c=d", "c")
	f.Add("=;;a==b;a", "a")
	f.Add("\"a\"=\"b;c\"", "a")
	f.Add(strings.Repeat("a=b; ", 300), "a")
	app := geist.New(geist.Config{Logger: discard()})
	var name string
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, c.Cookie(name)) })
	f.Fuzz(func(t *testing.T, field, ask string) {
		if strings.ContainsFunc(field, func(r rune) bool { return r < ' ' || r == 0x7f }) || len(field) > 8<<10 {
			return
		}
		name = ask
		resp := geisttest.New(t, app).GET("/").Header("Cookie", field).Do()
		if got := resp.Text(); resp.Raw().StatusCode == 200 && !strings.Contains(field, got) {
			t.Fatalf("Cookie %q: %q is %q, which was not sent", field, ask, got)
		}
	})
}
