package clientip_test

import (
	"net"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/clientip"
)

// element is one of RFC 7239, with what is taken beside it: no quotes around addresses, and
// white space behind semicolons.
var element = regexp.MustCompile("^(?:[ \t;]*[!#$%&'*+.^_`|~:\\[\\]0-9A-Za-z-]+=(?:[!#$%&'*+.^_`|~:\\[\\]0-9A-Za-z-]+|\"(?:[^\"\\\\]|\\\\.)*\")[ \t]*(?:;|$))*[ \t;]*$")

// FuzzForwarded holds the walk against a slow model: whatever a client sends in front, the
// proxy's own element decides, and what is no element tells nothing.
func FuzzForwarded(f *testing.F) {
	for _, s := range []string{"", "for=1.1.1.1", `for="a, for=1.1.1.1`, `for="[::1]:80";by=x`, `x="\", for=2.2.2.2`, "for=10.0.0.1,", ";;"} {
		f.Add(s)
	}
	app := geist.New()
	app.Use(clientip.New(clientip.Config{Header: clientip.Forwarded, Trusted: []string{proxy}}))
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, told(c)) })
	serve := app.Handler()
	ask := func(value string) string {
		var rc fasthttp.RequestCtx
		var req fasthttp.Request
		req.SetRequestURI("/")
		req.Header.SetHost("localhost")
		req.Header.Set("Forwarded", value)
		rc.Init(&req, &net.TCPAddr{IP: net.ParseIP(proxy)}, nil)
		serve(&rc)
		return string(rc.Response.Body())
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.ContainsAny(s, "\r\n\x00") {
			return
		}
		if got := ask(s + ", for=203.0.113.7"); got != "203.0.113.7" {
			t.Errorf("behind %q: %s, want the proxy's word", s, got)
		}
		got := ask(s)
		last := s[strings.LastIndexByte(s, ',')+1:]
		if addr, err := netip.ParseAddr(got); strings.Trim(last, " \t") != "" && err == nil && (!element.MatchString(last) || !strings.Contains(strings.ToLower(last), "for=")) {
			t.Errorf("%q: %s, though its last element tells nothing", s, addr)
		}
	})
}
