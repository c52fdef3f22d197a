package geist_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// serve answers one GET / by a handler and returns the answer.
func answerTo(t *testing.T, h geist.Handler) *geisttest.Response {
	t.Helper()
	app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler)})
	app.GET("/", h)
	return geisttest.New(t, app).GET("/").Do()
}

func TestCtx_answers(t *testing.T) {
	for _, test := range []struct {
		name    string
		handler geist.Handler
		status  int
		typ     string
		body    string
	}{
		{"nothing", func(*geist.Ctx) error { return nil }, 200, "", ""},
		{"Status", func(c *geist.Ctx) error { c.Status(202); return nil }, 202, "", ""},
		{"Text", func(c *geist.Ctx) error { return c.Text(201, "é") }, 201, "text/plain; charset=utf-8", "é"},
		{"HTML", func(c *geist.Ctx) error { return c.HTML(200, "<b>") }, 200, "text/html; charset=utf-8", "<b>"},
		{"Bytes", func(c *geist.Ctx) error { return c.Bytes(200, "image/png", []byte{0, 255}) }, 200, "image/png", "\x00\xff"},
		{"JSON", func(c *geist.Ctx) error { return c.JSON(200, geist.Map{"a": []int{1}}) }, 200, "application/json", `{"a":[1]}`},
		{"JSON null", func(c *geist.Ctx) error { return c.JSON(200, nil) }, 200, "application/json", "null"},
		{"JSON twice", func(c *geist.Ctx) error { _ = c.JSON(200, "long long long"); return c.JSON(202, 1) }, 202, "application/json", "1"},
		{"JSON with newlines", func(c *geist.Ctx) error { return c.JSON(200, "a\nb\n") }, 200, "application/json", `"a\nb\n"`},
		{"NoContent", func(c *geist.Ctx) error { _ = c.Text(200, "x"); return c.NoContent() }, 204, "", ""},
		{"NoContent with a status", func(c *geist.Ctx) error { return c.Status(205).NoContent() }, 205, "", ""},
		{"the last answer counts", func(c *geist.Ctx) error { _ = c.Text(500, "x"); return c.HTML(200, "y") }, 200, "text/html; charset=utf-8", "y"},
		{"Status 200 after another", func(c *geist.Ctx) error { c.Status(404); return c.Text(200, "y") }, 200, "text/plain; charset=utf-8", "y"},
		{"Status out of range", func(c *geist.Ctx) error { return c.Text(99, "y") }, 500, "text/plain; charset=utf-8", "y"},
		{"Status far out of range", func(c *geist.Ctx) error { return c.Text(1000, "y") }, 500, "text/plain; charset=utf-8", "y"},
	} {
		t.Run(test.name, func(t *testing.T) {
			resp := answerTo(t, test.handler).Status(test.status).BodyIs(test.body)
			if test.status != 204 && test.typ != "" {
				resp.HasHeader("Content-Type", test.typ)
			}
			if test.typ == "" {
				resp.NoHeader("Content-Type")
			}
			resp.NoHeader("Server")
			if resp.Header("Date") == "" {
				t.Error("no Date header")
			}
		})
	}
}

func TestCtx_responseHeaders(t *testing.T) {
	resp := answerTo(t, func(c *geist.Ctx) error {
		c.SetHeader("x-one", "1")
		c.SetHeader("X-One", "2")
		c.AddHeader("X-Two", "1")
		c.AddHeader("X-Two", "2")
		c.AddHeader("X-Three", "1")
		c.AddHeader("X-Three", "2")
		c.SetHeader("x-three", "3") // in place of both
		c.SetHeader("X-Tab", "a\tb")
		c.SetHeader("X-Empty", "")
		c.SetHeader("X-High", "caf\u00e9")
		if got := c.ResponseHeader("x-ONE"); got != "2" {
			t.Errorf("ResponseHeader = %q, want 2", got)
		}
		if c.ResponseHeader("X-None") != "" || c.ResponseStatus() != 200 || c.Status(203).ResponseStatus() != 203 {
			t.Error("ResponseHeader of none, or ResponseStatus")
		}
		return nil
	}).Status(203).HasHeader("X-One", "2").HasHeader("X-Tab", "a\tb").HasHeader("X-High", "caf\u00e9")
	if got := resp.Raw().Header.Values("X-Two"); len(got) != 2 || got[0] != "1" || got[1] != "2" {
		t.Errorf("X-Two = %q, want 1 and 2", got)
	}
	if got := resp.Raw().Header.Values("X-Three"); len(got) != 1 || got[0] != "3" {
		t.Errorf("X-Three = %q, want 3", got)
	}
}

// injections are what every setter is given: what stands behind it must never become a field, a
// cookie, an answer or the end of the header.
var injections = []string{
	"a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\rX-Evil: 1", "a\r\n\r\n<evil>", "\r\n", "a\x00b", "a\x7fb", "\x1b[31m", "a\u0085X-Evil: 1\u2028",
}

func TestCtx_headerInjection(t *testing.T) {
	setters := map[string]func(c *geist.Ctx, v string) error{
		"SetHeader value":  func(c *geist.Ctx, v string) error { c.SetHeader("X-A", v); return nil },
		"AddHeader value":  func(c *geist.Ctx, v string) error { c.AddHeader("X-A", v); return nil },
		"SetHeader name":   func(c *geist.Ctx, v string) error { c.SetHeader(v, "x"); return nil },
		"AddHeader name":   func(c *geist.Ctx, v string) error { c.AddHeader("X-"+v, "x"); return nil },
		"Content-Type":     func(c *geist.Ctx, v string) error { c.SetHeader("Content-Type", v); return nil },
		"Add Content-Type": func(c *geist.Ctx, v string) error { c.AddHeader("Content-Type", v); return nil },
		"Set-Cookie":       func(c *geist.Ctx, v string) error { c.SetHeader("Set-Cookie", "a="+v); return nil },
		"Add Set-Cookie":   func(c *geist.Ctx, v string) error { c.AddHeader("Set-Cookie", "a="+v); return nil },
		"Location":         func(c *geist.Ctx, v string) error { c.SetHeader("Location", v); return nil },
		"Server":           func(c *geist.Ctx, v string) error { c.SetHeader("Server", v); return nil },
		"Content-Encoding": func(c *geist.Ctx, v string) error { c.SetHeader("Content-Encoding", v); return nil },
		"Trailer":          func(c *geist.Ctx, v string) error { c.SetHeader("Trailer", v); return nil },
		"Date":             func(c *geist.Ctx, v string) error { c.SetHeader("Date", v); return nil },
		"Connection":       func(c *geist.Ctx, v string) error { c.SetHeader("Connection", v); return nil },
		"Bytes":            func(c *geist.Ctx, v string) error { return c.Bytes(200, v, []byte("x")) },
		"Redirect":         func(c *geist.Ctx, v string) error { return c.Redirect(302, "/"+v) },
		"cookie name":      func(c *geist.Ctx, v string) error { return c.SetCookie(geist.Cookie{Name: v, Value: "x"}) },
		"cookie value":     func(c *geist.Ctx, v string) error { return c.SetCookie(geist.Cookie{Name: "a", Value: v}) },
		"cookie path": func(c *geist.Ctx, v string) error {
			return c.SetCookie(geist.Cookie{Name: "a", Path: "/" + v})
		},
		"cookie domain": func(c *geist.Ctx, v string) error {
			return c.SetCookie(geist.Cookie{Name: "a", Domain: "e.example" + v})
		},
		"error detail": func(_ *geist.Ctx, v string) error { return geist.NewError(400, v) },
		"error member": func(_ *geist.Ctx, v string) error { return geist.NewError(400, "").With(v, v) },
	}
	for name, set := range setters {
		app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler)})
		var value string
		app.GET("/", func(c *geist.Ctx) error { return set(c, value) })
		c := geisttest.New(t, app)
		for _, v := range injections {
			t.Run(fmt.Sprintf("%s %q", name, v), func(t *testing.T) {
				value = v
				resp := c.With(t).GET("/").Header("Connection", "close").Do()
				head := strings.TrimSuffix(string(resp.Head()), "\r\n\r\n")
				for line := range strings.SplitSeq(head, "\r\n") {
					if strings.ContainsAny(line, "\r\n\x00\x7f\x1b") {
						t.Errorf("a control character is in the line %q", line)
					}
					if strings.HasPrefix(strings.ToLower(line), "x-evil") {
						t.Errorf("the value made the field %q", line)
					}
				}
				if bytes.HasPrefix(resp.Bytes(), []byte("<evil>")) {
					t.Errorf("the value made a body:\n%s%s", resp.Head(), resp.Bytes())
				}
				resp.NoHeader("X-Evil")
			})
		}
	}
}

func TestCtx_redirect(t *testing.T) {
	for _, test := range []struct {
		code   int
		url    string
		status int
		want   string // Location
	}{
		{301, "/a", 301, "/a"},
		{302, "/a?b=c#d", 302, "/a?b=c#d"},
		{303, "b", 303, "b"},
		{307, "?x=1", 307, "?x=1"},
		{308, "https://other.example/x", 308, "https://other.example/x"},
		{302, "HTTP://other.example", 302, "HTTP://other.example"},
		{302, "/caf\u00e9", 302, "/caf%C3%A9"},
		{302, "/a:b", 302, "/a:b"},
		{302, "/a//b", 302, "/a//b"},
		{302, "/?u=//x&v=\x5c", 400, ""},
		{302, "//evil.example", 400, ""},
		{302, `/\evil.example`, 400, ""},
		{302, `\\evil.example`, 400, ""},
		{302, `\/evil.example`, 400, ""},
		{302, "/\t/evil.example", 400, ""},
		{302, "\t//evil.example", 400, ""},
		{302, " //evil.example", 400, ""},
		{302, "/a b", 400, ""},
		{302, "/\r\nX: y", 400, ""},
		{302, "/\x00", 400, ""},
		{302, "javascript:alert(1)", 400, ""},
		{302, "JavaScript:alert(1)", 400, ""},
		{302, "data:text/html,x", 400, ""},
		{302, "https:evil.example", 400, ""},
		{302, "https:/evil.example", 400, ""},
		{302, "https:///evil.example", 400, ""},
		{302, `https:\\evil.example`, 400, ""},
		{302, "http://", 400, ""},
		{302, "ftp://x", 400, ""},
		{302, "", 400, ""},
		{200, "/a", 500, ""},
		{304, "/a", 500, ""},
		{309, "/a", 500, ""},
		{404, "/a", 500, ""},
	} {
		t.Run(fmt.Sprintf("%d %q", test.code, test.url), func(t *testing.T) {
			resp := answerTo(t, func(c *geist.Ctx) error { return c.Redirect(test.code, test.url) }).Status(test.status)
			if test.want == "" {
				resp.NoHeader("Location")
				return
			}
			resp.HasHeader("Location", test.want).BodyIs("")
		})
	}
}

func TestCtx_setCookie(t *testing.T) {
	date := time.Date(2030, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	for _, test := range []struct {
		name   string
		cookie geist.Cookie
		want   string // Set-Cookie, "" for an error
	}{
		{"plain", geist.Cookie{Name: "a", Value: "b"}, "a=b"},
		{"empty value", geist.Cookie{Name: "a"}, "a="},
		{"everything", geist.Cookie{
			Name: "a", Value: "b", Path: "/p", Domain: "e.example", Expires: date, MaxAge: 60,
			Secure: true, HTTPOnly: true, SameSite: geist.SameSiteStrict, Partitioned: true,
		}, "a=b; Path=/p; Domain=e.example; Expires=Wed, 02 Jan 2030 02:04:05 GMT; Max-Age=60; HttpOnly; Secure; SameSite=Strict; Partitioned"},
		{"lax", geist.Cookie{Name: "a", SameSite: geist.SameSiteLax}, "a=; SameSite=Lax"},
		{"none with Secure", geist.Cookie{Name: "a", SameSite: geist.SameSiteNone, Secure: true}, "a=; Secure; SameSite=None"},
		{"deleted", geist.Cookie{Name: "a", MaxAge: -1}, "a=; Max-Age=0"},
		{"domain with a dot", geist.Cookie{Name: "a", Domain: ".e.example"}, "a=; Domain=e.example"},
		{"value with =", geist.Cookie{Name: "a", Value: "b=c=="}, "a=b=c=="},
		{"host prefix", geist.Cookie{Name: "__Host-a", Path: "/", Secure: true}, "__Host-a=; Path=/; Secure"},
		{"secure prefix", geist.Cookie{Name: "__Secure-a", Secure: true}, "__Secure-a=; Secure"},
		{"no name", geist.Cookie{Value: "b"}, ""},
		{"name with a space", geist.Cookie{Name: "a b"}, ""},
		{"name with =", geist.Cookie{Name: "a=b"}, ""},
		{"name beyond ASCII", geist.Cookie{Name: "é"}, ""},
		{"value with ;", geist.Cookie{Name: "a", Value: "b;c"}, ""},
		{"value with a space", geist.Cookie{Name: "a", Value: "b c"}, ""},
		{"value with a comma", geist.Cookie{Name: "a", Value: "b,c"}, ""},
		{"value with a quote", geist.Cookie{Name: "a", Value: `"b"`}, ""},
		{"value with a backslash", geist.Cookie{Name: "a", Value: `b\c`}, ""},
		{"value beyond ASCII", geist.Cookie{Name: "a", Value: "é"}, ""},
		{"value with DEL", geist.Cookie{Name: "a", Value: "\x7f"}, ""},
		{"path with ;", geist.Cookie{Name: "a", Path: "/;Secure"}, ""},
		{"path without /", geist.Cookie{Name: "a", Path: "p"}, ""},
		{"domain with ;", geist.Cookie{Name: "a", Domain: "e.example; Path=/"}, ""},
		{"domain with a port", geist.Cookie{Name: "a", Domain: "e.example:80"}, ""},
		{"domain of a dot", geist.Cookie{Name: "a", Domain: "."}, ""},
		{"year 1600", geist.Cookie{Name: "a", Expires: time.Date(1600, 1, 1, 0, 0, 0, 0, time.UTC)}, ""},
		{"year 10000", geist.Cookie{Name: "a", Expires: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, ""},
		{"none without Secure", geist.Cookie{Name: "a", SameSite: geist.SameSiteNone}, ""},
		{"unknown SameSite", geist.Cookie{Name: "a", SameSite: 9, Secure: true}, ""},
		{"partitioned without Secure", geist.Cookie{Name: "a", Partitioned: true}, ""},
		{"host prefix without Secure", geist.Cookie{Name: "__Host-a", Path: "/"}, ""},
		{"host prefix with Domain", geist.Cookie{Name: "__Host-a", Path: "/", Secure: true, Domain: "e.example"}, ""},
		{"host prefix without Path", geist.Cookie{Name: "__host-a", Secure: true}, ""},
		{"secure prefix without Secure", geist.Cookie{Name: "__secure-a"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var err error
			resp := answerTo(t, func(c *geist.Ctx) error { err = c.SetCookie(test.cookie); return c.NoContent() }).Status(204)
			if test.want == "" {
				if resp.NoHeader("Set-Cookie"); err == nil {
					t.Errorf("SetCookie(%+v) = nil, want an error", test.cookie)
				}
				return
			}
			resp.HasHeader("Set-Cookie", test.want)
			if err != nil {
				t.Errorf("SetCookie = %v", err)
			}
			if c := resp.Cookie(test.cookie.Name); c == nil || c.Value != test.cookie.Value {
				t.Errorf("net/http reads %v", c)
			}
		})
	}
}

func TestCtx_cookiesAdd(t *testing.T) {
	resp := answerTo(t, func(c *geist.Ctx) error {
		_ = c.SetCookie(geist.Cookie{Name: "a", Value: "1"})
		_ = c.SetCookie(geist.Cookie{Name: "b", Value: "2"})
		_ = c.SetCookie(geist.Cookie{Name: "a", Value: "3", Path: "/x"})
		return nil
	})
	if got := resp.Raw().Header.Values("Set-Cookie"); len(got) != 3 {
		t.Errorf("Set-Cookie = %q, want three", got)
	}
}

func TestConfig_serverHeader(t *testing.T) {
	app := geist.New(geist.Config{ServerHeader: "mine"})
	geisttest.New(t, app).GET("/").Do().Status(404).HasHeader("Server", "mine")
	if err := geist.New(geist.Config{ServerHeader: "a\nb"}).Check(); err == nil {
		t.Error("Check accepts a ServerHeader with a newline")
	}
}

// TestCtx_headBodies: HEAD is answered as GET, but for the body.
func TestCtx_headBodies(t *testing.T) {
	app := geist.New()
	app.GET("/", func(c *geist.Ctx) error { c.SetHeader("X-A", "1"); return c.JSON(200, "12345") })
	app.GET("/err", func(*geist.Ctx) error { return geist.NewError(409, "taken") })
	conn := geisttest.New(t, app).Dial()
	io.WriteString(conn, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\nHEAD /err HTTP/1.1\r\nHost: a\r\n\r\nHEAD /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	b, err := io.ReadAll(conn)
	heads := strings.Split(strings.TrimSuffix(string(b), "\r\n\r\n"), "\r\n\r\n")
	if err != nil || len(heads) != 3 {
		t.Fatalf("answers: %q, %v, want three without bodies", b, err)
	}
	for i, want := range []string{"HTTP/1.1 200 OK\r\n", "HTTP/1.1 409 Conflict\r\n", "HTTP/1.1 404 Not Found\r\n"} {
		if !strings.HasPrefix(heads[i], want) || !strings.Contains(heads[i], "\r\nContent-Length: ") {
			t.Errorf("answer %d: %q, want %q with its length", i, heads[i], want)
		}
	}
}
