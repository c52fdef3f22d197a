package geist_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gogeist/geist"
)

// with is a request for /alive with more header fields.
func with(fields string) string {
	return "GET /alive HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n"
}

// sized is a request whose header fields, the empty line included, take n bytes.
func sized(n int) string {
	const rest = "Host: a\r\nCookie: k=\r\n\r\n"
	return "GET /alive HTTP/1.1\r\nHost: a\r\nCookie: k=" + strings.Repeat("c", n-len(rest)) + "\r\n\r\n"
}

func TestBadInput_header(t *testing.T) {
	w := newWire(t, geist.Config{}, func(app *geist.Engine) {
		app.GET("/echo", func(c *geist.Ctx) error {
			return c.Text(200, c.Header("X-A")+"|"+c.Header("X-B")+"|"+c.Header("Content-Length"))
		})
	})
	long := strings.Repeat("c", 40<<10)
	echo := func(fields string) string { return "GET /echo HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" }
	w.run(t, []attack{
		// Length: the bound is Config.MaxHeaderBytes, 16 KiB.
		{name: "fields at the limit", send: sized(16 << 10), status: 200, body: "alive"},
		{name: "fields a byte too long", send: sized(16<<10 + 1), status: 431},
		{name: "fields that fill the buffer", send: with("Cookie: " + canary + "=" + long + "\r\n"), status: 431, closes: true},
		{name: "fields hugely too long", send: with("Cookie: " + canary + "=" + strings.Repeat(long, 100) + "\r\n"), status: 431, closes: true},
		{name: "medium URI and many long cookies", send: "GET /alive?" + strings.Repeat("u", 900) + " HTTP/1.1\r\nHost: a\r\nCookie: " + strings.Repeat("k=v; ", 10<<10) + "\r\n\r\n", status: 431, closes: true},
		{name: "name hugely too long", send: with(canary + long + ": a\r\n"), status: 431, closes: true},
		{name: "1,000 fields", send: with(strings.Repeat("a: b\r\n", 1000)), status: 200, body: "alive"},
		{name: "10,000 fields", send: with(strings.Repeat("a: b\r\n", 10000)), status: 431, closes: true},
		{name: "3,000 cookies", send: with("Cookie: " + strings.Repeat("a=b;", 3000) + "\r\n"), status: 200, body: "alive"},

		// Syntax.
		{name: "name with a space before the colon", send: with("X-A : " + canary + "\r\n"), status: 400, closes: true},
		{name: "name empty", send: with(": " + canary + "\r\n"), status: 400, closes: true},
		{name: "name with NUL", send: with("X\x00A: " + canary + "\r\n"), status: 400, closes: true},
		{name: "name beyond ASCII", send: with("X\xe9: " + canary + "\r\n"), status: 400, closes: true},
		{name: "line without a colon", send: with(canary + "\r\n"), status: 400, closes: true},
		{name: "first line folded", send: "GET /alive HTTP/1.1\r\n Host: a\r\n\r\n", status: 400, closes: true},
		{name: "value with NUL", send: with("X-A: " + canary + "\x00\r\n"), status: 400, closes: true},
		{name: "value with ESC", send: with("X-A: " + canary + "\x1b[31m\r\n"), status: 400, closes: true},
		{name: "value with a bare CR", send: with("X-A: " + canary + "\rX-B: b\r\n"), status: 400, closes: true},
		{name: "value beyond ASCII", send: echo("X-A: \xe9\r\n"), status: 200, body: "\xe9||"},
		{name: "obs-fold is one value", send: echo("X-A: a\r\n b\r\n\tc\r\n"), status: 200, body: "a b c||"},
		{name: "obs-fold hides no field", send: echo("X-A: a\r\n Content-Length: 9\r\n"), status: 200, body: "a Content-Length: 9||"},
		{name: "leading line ends", send: "\r\n\r\n" + with(""), status: 200, body: "alive"},
		{name: "leading bare LF", send: "\n\n" + with(""), status: 200, body: "alive"},
		{name: "leading space", send: " " + with(""), status: 400, closes: true},

		// Today's behaviour of fasthttp, which only it can change; see SECURITY.md.
		{name: "today: name with a space inside is accepted", send: with("X A: b\r\n"), status: 200, body: "alive"},
		{name: "today: bare LF ends a field", send: echo("X-A: a\nX-B: b\r\n"), status: 200, body: "a|b|"},
		{name: "today: bare LF ends the request line", send: "GET /alive HTTP/1.1\nHost: a\r\n\r\n", status: 200, body: "alive"},
	})
}

func TestBadInput_host(t *testing.T) {
	w := newWire(t, geist.Config{}, func(app *geist.Engine) {
		app.GET("/", func(c *geist.Ctx) error { return c.Text(200, c.Host()) })
	})
	var attacks []attack
	bad := func(closes bool, hosts ...string) {
		for _, host := range hosts {
			attacks = append(attacks, attack{name: fmt.Sprintf("bad %.20q", host), send: "GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n", status: 400, closes: closes})
		}
	}
	// Refused by us, so that the connection can still be used, and by fasthttp.
	bad(false, "u@a", "u:p@a", "a:99999999", "a:65536", ":80", "a,b", "[::1]:99999", "[fe80::1%25en0]", strings.Repeat("a", 300), "é.example", "a\xff", "a<b>", `"a"`)
	bad(true, "", "a:-1", "a:80:80", "a:8o", "a b", "a\tb", "a/b", "a?b", "a#b", `a\b`, "a%41", "[::1", "::1", "[]", "[::1]x", "[::g]")
	for _, host := range []string{"a", "a.example.", "A.example", "127.0.0.1:80", "a_b:", "a:65535", "[::1]", "[::1]:80", "[::ffff:127.0.0.1]", strings.Repeat("a", 255)} {
		attacks = append(attacks, attack{name: fmt.Sprintf("good %.20q", host), send: "GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n", status: 200, body: host})
	}
	w.run(t, append(attacks,
		attack{name: "two", send: "GET / HTTP/1.1\r\nHost: a\r\nHost: " + canary + "\r\n\r\n", status: 400, closes: true},
		attack{name: "two alike", send: "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", status: 400, closes: true},
		attack{name: "none", send: "GET / HTTP/1.1\r\nX-A: " + canary + "\r\n\r\n", status: 400, closes: true},
		attack{name: "none on HTTP/1.0", send: "GET / HTTP/1.0\r\n\r\n", status: 200, closes: true},
		attack{name: "empty on HTTP/1.0", send: "GET / HTTP/1.0\r\nHost:\r\n\r\n", status: 200, closes: true},
		attack{name: "bad on HTTP/1.0", send: "GET / HTTP/1.0\r\nHost: u@" + canary + "\r\n\r\n", status: 400, closes: true},
	))
}

// TestBadInput_hostAfterGoodOne: the last valid Host is remembered, a bad one never.
func TestBadInput_hostAfterGoodOne(t *testing.T) {
	w := newWire(t, geist.Config{}, func(*geist.Engine) {})
	c := w.dial(t)
	for range 3 {
		c.checkAlive(t)
		c.send("GET /alive HTTP/1.1\r\nHost: u@a\r\n\r\n")
		checkProblem(t, c.expect(t, "GET", 400))
		c.send("GET http://b/alive HTTP/1.1\r\nHost: u@a\r\n\r\n")
		checkProblem(t, c.expect(t, "GET", 400))
	}
	c.send("GET /alive HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
	c.expect(t, "GET", 200)
	c.send("GET /alive HTTP/1.1\r\nHost:\r\n\r\n")
	checkProblem(t, c.expect(t, "GET", 400))
}

// TestBadInput_responseSplitting gives every setter what would end a field, and
// looks at the bytes that were sent.
func TestBadInput_responseSplitting(t *testing.T) {
	const evil = "a\r\nX-Evil: 1\r\n\r\n\x00\x1b<h1>\n\rX-Evil: 2\x7f"
	setters := map[string]func(c *geist.Ctx, s string) error{
		"SetHeader value":       func(c *geist.Ctx, s string) error { c.SetHeader("X-A", s); return nil },
		"SetHeader name":        func(c *geist.Ctx, s string) error { c.SetHeader(s, "a"); return nil },
		"AddHeader value":       func(c *geist.Ctx, s string) error { c.AddHeader("X-A", s); c.AddHeader("X-A", s); return nil },
		"AddHeader name":        func(c *geist.Ctx, s string) error { c.AddHeader(s, "a"); return nil },
		"SetHeader type":        func(c *geist.Ctx, s string) error { c.SetHeader("Content-Type", s); return nil },
		"SetHeader server":      func(c *geist.Ctx, s string) error { c.SetHeader("Server", s); return nil },
		"SetHeader cookie":      func(c *geist.Ctx, s string) error { c.AddHeader("Set-Cookie", s); return nil },
		"SetHeader location":    func(c *geist.Ctx, s string) error { c.SetHeader("Location", s); return nil },
		"SetHeader trailer":     func(c *geist.Ctx, s string) error { c.SetHeader("Trailer", s); return nil },
		"SetHeader connection":  func(c *geist.Ctx, s string) error { c.SetHeader("Connection", s); return nil },
		"SetHeader encoding":    func(c *geist.Ctx, s string) error { c.SetHeader("Content-Encoding", s); return nil },
		"SetHeader length":      func(c *geist.Ctx, s string) error { c.SetHeader("Content-Length", s); return nil },
		"SetHeader transfer":    func(c *geist.Ctx, s string) error { c.SetHeader("Transfer-Encoding", s); return nil },
		"Redirect":              func(c *geist.Ctx, s string) error { return c.Redirect(302, "/"+s) },
		"Redirect absolute":     func(c *geist.Ctx, s string) error { return c.Redirect(302, "http://a/"+s) },
		"Bytes content type":    func(c *geist.Ctx, s string) error { return c.Bytes(200, s, nil) },
		"SetCookie name":        func(c *geist.Ctx, s string) error { return c.SetCookie(geist.Cookie{Name: s, Value: "v"}) },
		"SetCookie value":       func(c *geist.Ctx, s string) error { return c.SetCookie(geist.Cookie{Name: "n", Value: s}) },
		"SetCookie path":        func(c *geist.Ctx, s string) error { return c.SetCookie(geist.Cookie{Name: "n", Path: "/" + s}) },
		"SetCookie domain":      func(c *geist.Ctx, s string) error { return c.SetCookie(geist.Cookie{Name: "n", Domain: s}) },
		"Text body":             func(c *geist.Ctx, s string) error { return c.Text(200, s) },
		"Error detail":          func(_ *geist.Ctx, s string) error { return geist.NewError(400, s) },
		"Error member":          func(_ *geist.Ctx, s string) error { return geist.NewError(400, "d").With(s, s) },
		"Error type and titles": func(_ *geist.Ctx, s string) error { return geist.NewError(400, "d").With("type", s).With("title", s) },
	}
	w := newWire(t, geist.Config{}, func(app *geist.Engine) {
		app.GET("/:setter", func(c *geist.Ctx) error { return setters[c.Param("setter")](c, evil) })
	})
	for name := range setters {
		t.Run(name, func(t *testing.T) {
			c := w.dial(t)
			c.send(get("/" + strings.ReplaceAll(name, " ", "%20")))
			a, err := c.receive("GET")
			if err != nil {
				t.Fatalf("the answer cannot be read: %v in %q", err, c.raw.String())
			}
			head, _, _ := strings.Cut(c.raw.String(), "\r\n\r\n")
			for _, line := range strings.Split(head, "\r\n")[1:] {
				if strings.HasPrefix(line, "X-Evil") || strings.ContainsAny(line, "\r\n\x00\x1b\x7f") {
					t.Errorf("%s: the answer has the line %q", name, line)
				}
			}
			if a.Header.Get("X-Evil") != "" {
				t.Errorf("%s: X-Evil was sent", name)
			}
			if !a.Close {
				c.checkAlive(t)
			}
		})
	}
}

// TestBadInput_framingSetters: handlers cannot make an answer end elsewhere.
func TestBadInput_framingSetters(t *testing.T) {
	fields := []string{"Content-Length: 1", "Content-Length: 999", "Content-Length: x", "Transfer-Encoding: chunked", "Transfer-Encoding: gzip", "Connection: upgrade", "Trailer: X-A", "Trailer: Content-Length"}
	w := newWire(t, geist.Config{}, func(app *geist.Engine) {
		app.GET("/:n<int>", func(c *geist.Ctx) error {
			n, err := geist.Param[int](c, "n")
			name, value, _ := strings.Cut(fields[n], ": ")
			c.SetHeader(name, value)
			c.AddHeader(name, value)
			_ = c.Text(200, "five!")
			c.SetHeader(name, value)
			return err
		})
	})
	for i, field := range fields {
		t.Run(field, func(t *testing.T) {
			c := w.dial(t)
			c.send(get(fmt.Sprintf("/%d", i)))
			if a := c.expect(t, "GET", 200); a.body != "five!" {
				t.Fatalf("body: got %q, want five! (%q)", a.body, c.raw.String())
			}
			c.checkAlive(t)
		})
	}
}
