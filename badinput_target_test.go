package geist_test

import (
	"strings"
	"testing"

	"github.com/gogeist/geist"
)

// echoTarget answers with what the Ctx makes of the request target.
func echoTarget(c *geist.Ctx) error {
	return c.Text(200, c.Host()+" "+c.Path()+" p="+c.Param("path")+" q="+c.Query("q"))
}

// get is a minimal GET request for a target.
func get(target string) string { return "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n" }

func TestBadInput_target(t *testing.T) {
	w := newWire(t, geist.Config{}, func(app *geist.Engine) {
		app.GET("/x/*path", echoTarget)
		app.GET("/", echoTarget)
		app.GET("/admin", echoTarget)
	})
	long := func(n int) string { return "/x/" + strings.Repeat("a", n-3) }
	w.run(t, []attack{
		// Length: the bound is Config.MaxURIBytes, 16 KiB.
		{name: "URI at the limit", send: get(long(16 << 10)), status: 200, body: "a " + long(16<<10) + " p=" + long(16 << 10)[3:] + " q="},
		{name: "URI a byte too long", send: get(long(16<<10 + 1)), status: 414},
		{name: "URI moderately too long", send: get("/" + canary + long(24<<10)), status: 414},
		{name: "URI that fills the buffer", send: get("/" + canary + long(40<<10)), status: 414, closes: true},
		{name: "URI hugely too long", send: get("/" + canary + long(8<<20)), status: 414, closes: true},
		{name: "URI too long of backslash-n", send: get("/" + canary + strings.Repeat(`\n`, 20<<10)), status: 414, closes: true},
		{name: "query too long", send: get("/x/a?" + canary + strings.Repeat("a", 16<<10)), status: 414},

		// Escapes in the path.
		{name: "escape without digits", send: get("/x/" + canary + "%"), status: 400},
		{name: "escape of no hex digits", send: get("/x/" + canary + "%z1"), status: 400},
		{name: "escape cut short", send: get("/x/" + canary + "%2"), status: 400},
		{name: "escape of NUL", send: get("/x/" + canary + "%00"), status: 400},
		{name: "escape in the form of JavaScript", send: get("/x/" + canary + "%u0041"), status: 400},
		{name: "overlong UTF-8", send: get("/x/%c0%af"), status: 200, body: "a /x/\xc0\xaf p=\xc0\xaf q="},
		{name: "lone surrogate", send: get("/x/%ed%a0%80"), status: 200, body: "a /x/\xed\xa0\x80 p=\xed\xa0\x80 q="},
		{name: "double escape is decoded once", send: get("/x/%252e%252e%252f"), status: 200, body: "a /x/%2e%2e%2f p=%2e%2e%2f q="},
		{name: "escaped line end", send: get("/x/a%0d%0ab"), status: 200, body: "a /x/a\r\nb p=a\r\nb q="},

		// Escapes in the query: what is none stands for itself (WHATWG).
		{name: "query: escape without digits", send: get("/?q=%"), status: 200, body: "a / p= q=%"},
		{name: "query: escape of no hex digits", send: get("/?q=%zz"), status: 200, body: "a / p= q=%zz"},
		{name: "query: escape cut short", send: get("/?q=%2"), status: 200, body: "a / p= q=%2"},
		{name: "query: escape in the form of JavaScript", send: get("/?q=%u0041"), status: 200, body: "a / p= q=%u0041"},
		{name: "query: NUL", send: get("/?q=%00"), status: 200, body: "a / p= q=\x00"},
		{name: "query: overlong UTF-8", send: get("/?q=%c0%af"), status: 200, body: "a / p= q=\xc0\xaf"},

		// Raw bytes.
		{name: "raw NUL in the path", send: get("/x/" + canary + "\x00"), status: 400, closes: true},
		{name: "raw ESC in the path", send: get("/x/" + canary + "\x1b[31m"), status: 400, closes: true},
		{name: "raw DEL in the query", send: get("/?" + canary + "\x7f"), status: 400, closes: true},
		{name: "raw tab in the path", send: get("/x/" + canary + "\tb"), status: 400, closes: true},
		{name: "raw UTF-8 in the path", send: get("/x/" + canary + "é"), status: 400},
		{name: "raw UTF-8 in the query", send: get("/x/?q=" + canary + "é"), status: 400},
		{name: "raw Latin-1 in the path", send: get("/x/" + canary + "\xe9"), status: 400},
		{name: "raw 0x80 at each end of a word", send: get("/x/1234\x80"), status: 400},
		{name: "space in the path", send: get("/x/a " + canary), status: 400, closes: true},
		{name: "fragment", send: get("/x/a#" + canary), status: 400},
		{name: "fragment behind a query", send: get("/x/a?q=1#" + canary), status: 400},
		{name: "fragment before a query", send: get("/x/a#" + canary + "?q=1"), status: 400},

		// Fields of the query.
		{name: "1,000 fields", send: get("/?q=1" + strings.Repeat("&a=b", 999)), status: 200, body: "a / p= q=1"},
		{name: "1,001 fields", send: get("/?q=1" + strings.Repeat("&a=b", 1000)), status: 400},
		{name: "10,000 fields", send: get("/?q=1" + strings.Repeat("&", 9999)), status: 400},
	})
}

func TestBadInput_targetForm(t *testing.T) {
	w := newWire(t, geist.Config{}, func(app *geist.Engine) {
		app.GET("/", echoTarget)
		app.GET("/admin", echoTarget)
		app.GET("/x/*path", echoTarget)
		app.POST("/x/*path", echoTarget)
	})
	const allow = "GET, HEAD, POST, OPTIONS"
	w.run(t, []attack{
		// Methods.
		{name: "unknown method", send: "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", status: 501},
		{name: "method in lower case", send: "get / HTTP/1.1\r\nHost: a\r\n\r\n", status: 501},
		{name: "method with a body", send: "BREW / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGET /", status: 501},
		{name: "method that is no token", send: "GE(T / HTTP/1.1\r\nHost: a\r\n\r\n", status: 400, closes: true},
		{name: "method missing", send: " / HTTP/1.1\r\nHost: a\r\n\r\n", status: 400, closes: true},
		{name: "method of 10,000 letters", send: strings.Repeat("A", 10000) + " / HTTP/1.1\r\nHost: a\r\n\r\n", status: 501},
		{name: "CONNECT", send: "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", status: 405, allow: allow},
		{name: "CONNECT of a path", send: "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", status: 405, allow: allow},
		{name: "TRACE", send: "TRACE / HTTP/1.1\r\nHost: a\r\nCookie: " + canary + "\r\n\r\n", status: 405, allow: allow},

		// asterisk-form
		{name: "OPTIONS *", send: "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", status: 204, allow: allow},
		{name: "GET *", send: get("*"), status: 400, either: true},
		{name: "asterisk with more", send: "OPTIONS *" + canary + " HTTP/1.1\r\nHost: a\r\n\r\n", status: 400, closes: true},
		{name: "asterisk with a query", send: "OPTIONS *?a HTTP/1.1\r\nHost: a\r\n\r\n", status: 400, closes: true},

		// absolute-form: the target's host counts, not the header's (RFC 9112 §3.2.2).
		{name: "absolute", send: get("http://b.example/x/1?q=2"), status: 200, body: "b.example /x/1 p=1 q=2"},
		{name: "absolute with a port", send: get("http://b.example:81/x/1"), status: 200, body: "b.example:81 /x/1 p=1 q="},
		{name: "absolute with upper-case scheme", send: get("HTTP://B.example/x/1"), status: 200, body: "b.example /x/1 p=1 q="},
		{name: "absolute https", send: get("https://b.example/x/1"), status: 200, body: "b.example /x/1 p=1 q="},
		{name: "absolute without a path", send: get("http://b.example"), status: 200, body: "b.example / p= q="},
		{name: "absolute without a path, with a query", send: get("http://b.example?q=2"), status: 200, body: "b.example / p= q=2"},
		{name: "absolute with a slash in the query", send: get("http://b.example?q=/admin"), status: 200, body: "b.example / p= q=/admin"},
		{name: "absolute, HTTP/1.0 without Host", send: "GET http://b.example/ HTTP/1.0\r\n\r\n", status: 200, closes: true, body: "b.example / p= q="},
		{name: "absolute without Host", send: "GET http://b.example/ HTTP/1.1\r\n\r\n", status: 400, closes: true},
		{name: "absolute with a bad Host", send: "GET http://b.example/ HTTP/1.1\r\nHost: u@" + canary + "\r\n\r\n", status: 400},
		{name: "absolute ftp", send: get("ftp://" + canary + "/"), status: 400},
		{name: "absolute with a user", send: get("http://u@" + canary + "/"), status: 400},
		{name: "absolute with an empty user", send: get("http://@" + canary + "/"), status: 400},
		{name: "absolute with a password only", send: get("http://:pw@" + canary + "/"), status: 400},
		{name: "absolute with an at sign in the path", send: get("http://b.example/x/a@b"), status: 200, body: "b.example /x/a@b p=a@b q="},
		{name: "absolute without a host", send: get("http:///" + canary), status: 400},
		{name: "absolute with a bad port", send: get("http://b.example:99999/"), status: 400},
		{name: "absolute with an escaped host", send: get("http://ex%61mple/"), status: 400, closes: true},
		{name: "scheme without slashes", send: get("http:" + canary), status: 400, closes: true},
		{name: "bad scheme", send: get("1http://" + canary + "/"), status: 400, closes: true},
		{name: "path without a slash", send: get("x/1"), status: 400, closes: true},
		{name: "query only", send: get("?q=1"), status: 400, closes: true},

		// What looks like another form is a path all the same. 308: //x/admin is /x/admin.
		{name: "URL in the query", send: get("/?q=http://b.example/"), status: 200, body: "a / p= q=http://b.example/"},
		{name: "URL in the path", send: get("/x/http://b.example/c"), status: 200, body: "a /x/http://b.example/c p=http://b.example/c q="},
		{name: "two slashes are no host", send: get("//b.example/admin"), status: 404},
		{name: "two slashes and a URL are no host", send: get("//b.example/admin?q=://"), status: 404},
		{name: "two slashes without Host are no host", send: "GET //b.example/admin HTTP/1.0\r\n\r\n", status: 404, closes: true},
		{name: "two slashes and no path", send: get("//b.example?q=://"), status: 404},
	})
}

func TestBadInput_version(t *testing.T) {
	w := newWire(t, geist.Config{}, func(*geist.Engine) {})
	line := func(version string) string {
		return "GET /alive" + version + "\r\nHost: a\r\nX-A: " + canary + "\r\n\r\n"
	}
	w.run(t, []attack{
		{name: "HTTP/1.0", send: line(" HTTP/1.0"), status: 200, closes: true, body: "alive"},
		{name: "HTTP/1.0 that keeps alive", send: "GET /alive HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", status: 200, body: "alive"},
		{name: "HTTP/0.9", send: line(" HTTP/0.9"), status: 505, closes: true},
		{name: "HTTP/1.2", send: line(" HTTP/1.2"), status: 505, closes: true},
		{name: "HTTP/2.0", send: line(" HTTP/2.0"), status: 505, closes: true},
		{name: "HTTP/9.9", send: line(" HTTP/9.9"), status: 505, closes: true},
		{name: "preface of HTTP/2 with a path", send: "PRI /alive HTTP/2.0\r\n\r\nSM\r\n\r\n", status: 505, closes: true},
		{name: "version in lower case", send: line(" http/1.1"), status: 400, closes: true},
		{name: "version missing", send: line(""), status: 400, closes: true},
		{name: "version of one number", send: line(" HTTP/1"), status: 400, closes: true},
		{name: "version of two digits", send: line(" HTTP/1.10"), status: 400, closes: true},
		{name: "version with more", send: line(" HTTP/1.1 " + canary), status: 400, closes: true},
		{name: "two spaces before the version", send: line("  HTTP/1.1"), status: 400, closes: true},
		{name: "another protocol", send: line(" RTSP/1.0"), status: 400, closes: true},
		{name: "TLS handshake on a plain port", send: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + canary + "\n\r\n\r\n", status: 400, closes: true},
	})
}

// TestBadInput_prefaceOfHTTP2: newer versions of fasthttp refuse it as malformed.
func TestBadInput_prefaceOfHTTP2(t *testing.T) {
	w := newWire(t, geist.Config{}, func(*geist.Engine) {})
	c := w.dial(t)
	c.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	a, err := c.receive("PRI")
	if err != nil || a.StatusCode != 505 && a.StatusCode != 400 {
		t.Fatalf("preface of HTTP/2: got %+v, error %v, want 505 or 400", a, err)
	}
	checkProblem(t, a)
	c.checkClosed(t)
	w.checkLog(t)
}
