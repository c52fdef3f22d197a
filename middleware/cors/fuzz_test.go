package cors_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/middleware/cors"
)

// FuzzCORS_origin compares the middleware with a slow model, which takes an origin apart
// by net/url and allows what is put together again to the byte.
func FuzzCORS_origin(f *testing.F) {
	for _, origin := range []string{
		"https://app.example.com", "https://a.example.org", "https://a.b.example.org", "https://example.org", "http://a.localhost:3000", "null", "*", "",
		"https://evil.example/.example.org", "https://a..example.org", "https://a.example.org:443", "https://A.example.org", "https://a@b.example.org",
		"https://[::1].example.org", "https://-.example.org", "https://_.example.org", "https://1.example.org",
	} {
		f.Add(origin)
	}
	h := served(cors.New(cors.Config{
		AllowOrigins: []string{"https://app.example.com", "https://*.example.org", "http://*.localhost:3000"},
	})).Handler()
	f.Fuzz(func(t *testing.T, origin string) {
		var rc fasthttp.RequestCtx
		rc.Request.SetRequestURI("/hello")
		rc.Request.Header.SetHost("localhost")
		rc.Request.Header.Set("Origin", origin)
		origin = string(rc.Request.Header.Peek("Origin")) // without line ends
		h(&rc)
		if status := rc.Response.StatusCode(); status != 200 {
			t.Fatalf("origin %q: status %d", origin, status)
		}
		got := string(rc.Response.Header.Peek("Access-Control-Allow-Origin"))
		want := ""
		if modelAllows(origin) {
			want = origin
		}
		if got != want {
			t.Errorf("origin %q: allowed %q, want %q", origin, got, want)
		}
	})
}

func modelAllows(origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme+"://"+u.Host != origin || len(origin) > 512 {
		return false
	}
	if origin == "https://app.example.com" {
		return true
	}
	name, found := strings.CutSuffix(u.Hostname(), ".example.org")
	if !found || u.Scheme != "https" || u.Port() != "" {
		name, found = strings.CutSuffix(u.Hostname(), ".localhost")
		if !found || u.Scheme != "http" || u.Port() != "3000" {
			return false
		}
	}
	if len(u.Hostname()) > 253 || strings.HasSuffix(u.Host, ":") {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}
