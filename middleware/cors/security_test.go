package cors_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/cors"
)

// refusal returns what New panics with, or "".
func refusal(config ...cors.Config) (text string) {
	defer func() {
		if v := recover(); v != nil {
			text = fmt.Sprint(v)
		}
	}()
	cors.New(config...)
	return ""
}

func wantRefusal(t *testing.T, part string, config ...cors.Config) {
	t.Helper()
	if got := refusal(config...); !strings.HasPrefix(got, "cors: ") || !strings.Contains(got, part) {
		t.Errorf("New(%+v) panics with %q, want a sentence about %q", config, got, part)
	}
}

// An origin "*" with credentials would let every page read what its visitors may.
func TestCVE_2024_25124_wildcardWithCredentials(t *testing.T) {
	wantRefusal(t, "AllowCredentials", cors.Config{AllowOrigins: []string{"*"}, AllowCredentials: true})
	wantRefusal(t, "AllowCredentials", cors.Config{AllowOrigins: []string{app1, "*"}, AllowCredentials: true})
	for _, config := range []cors.Config{
		{AllowMethods: []string{"*"}}, {AllowHeaders: []string{"*"}}, {ExposeHeaders: []string{"*"}},
	} {
		config.AllowOrigins, config.AllowCredentials = []string{app1}, true
		wantRefusal(t, "AllowCredentials", config)
	}
}

// A star at the end, or in the middle of a label, matched what only began alike.
func TestCVE_2019_25211_trailingWildcard(t *testing.T) {
	for _, origin := range []string{
		"https://example.com/*", "https://example.com*", "https://example.*", "https://*", "https://*example.com", "https://a.*.example.com",
		"*.example.com", "http*://example.com", "*://example.com", "https://*.*.example.com", "https://*.example.com/", "https://*.example.com:*",
		"https://*.com", "https://*.", "https://*.1.2.3.4", "https://*.[::1]", "**", "https://*.example.com:443:443",
	} {
		wantRefusal(t, "Config.AllowOrigins has", cors.Config{AllowOrigins: []string{origin}})
	}
}

// TestNew_originTricks: origins that begin, end or look like an allowed one get a plain
// answer to a request and 403 to a preflight.
func TestNew_originTricks(t *testing.T) {
	client := geisttest.New(t, served(cors.New(cors.Config{AllowOrigins: []string{"https://example.com", "https://*.example.com"}, AllowCredentials: true})))
	for _, origin := range []string{
		"https://example.community", "https://example.com.evil.example", "https://notexample.com", "https://evil-example.com",
		"https://example.com@evil.example", "https://evil.example/.example.com", "https://evil.example#.example.com",
		"https://evil.example?.example.com", `https://evil.example\.example.com`, "https://evil.example:443.example.com",
		"https://user@a.example.com", "https://a.example.com:8443", "https://.example.com", "https://a..example.com",
		"https://a.example.com.", "https://example.com.", "http://example.com", "http://a.example.com", "https://A.example.com", "https://a.EXAMPLE.com",
		"https://example.com:443", "https://example.com/", "https://example.com https://evil.example", "https://example.com,https://evil.example",
		"https://a b.example.com", "https://a%00.example.com", "https://*.example.com", "*", "null", "example.com", "//example.com",
		"https://" + strings.Repeat("a.", 300) + "example.com", "https://xn--a\u00e9.example.com",
	} {
		resp := client.GET("/hello").Header("Origin", origin).Do().Status(200)
		if got := resp.Header("Access-Control-Allow-Origin") + resp.Header("Access-Control-Allow-Credentials"); got != "" {
			t.Errorf("origin %q gets %q", origin, got)
		}
		ask(client, "/hello", origin, "PUT").Do().Status(403).NoHeader("Access-Control-Allow-Origin").NoHeader("Access-Control-Allow-Methods")
	}
	twice := client.GET("/hello").Header("Origin", "https://example.com").Header("Origin", "https://example.com").Do().Status(200)
	twice.NoHeader("Access-Control-Allow-Origin")
}

// What a preflight asks for is neither taken apart nor sent back, however long it is.
func TestCVE_2025_47908_preflightHeaders(t *testing.T) {
	app := geist.New(geist.Config{MaxHeaderBytes: 200 << 10})
	app.Use(cors.New(cors.Config{AllowOrigins: []string{app1}}))
	client := geisttest.New(t, app)
	for _, asked := range []string{strings.Repeat(",", 100_000), strings.Repeat("a,", 50_000), strings.Repeat("x", 100_000)} {
		resp := ask(client, "/", app1, "PUT").Header("Access-Control-Request-Headers", asked).Do().Status(204)
		if resp.HasHeader("Access-Control-Allow-Headers", "Content-Type"); len(resp.Head()) > 1000 {
			t.Errorf("the answer has a header of %d bytes", len(resp.Head()))
		}
	}
	usual := geisttest.New(t, quiet(cors.New(cors.Config{AllowOrigins: []string{app1}})))
	ask(usual, "/", app1, "PUT").Header("Access-Control-Request-Headers", strings.Repeat(",", 100_000)).Do().Status(431)
	ask(usual, "/", app1, strings.Repeat("P", 8000)).Do().Status(204)
	ask(usual, "/", "https://"+strings.Repeat("a", 8000), "PUT").Do().Status(403)
}

func TestNew_refusesWhatIsDangerousOrWrong(t *testing.T) {
	one := []string{app1}
	yes := func(*geist.Ctx, string) bool { return true }
	for _, tt := range []struct {
		name, part string
		config     []cors.Config
	}{
		{"two Configs", "several", []cors.Config{{AllowOrigins: one}, {AllowOrigins: one}}},
		{"no origins", "AllowOrigins is empty", []cors.Config{{}}},
		{"an empty list", "AllowOrigins is empty", []cors.Config{{AllowOrigins: []string{}, MaxAge: 5}}},
		{"an empty name", `has ""`, []cors.Config{{AllowOrigins: []string{""}}}},
		{"null with credentials", "null", []cors.Config{{AllowOrigins: []string{"null"}, AllowCredentials: true}}},
		{"a star beside others", "beside other", []cors.Config{{AllowOrigins: []string{app1, "*"}}}},
		{"a star beside a function", "beside other", []cors.Config{{AllowOrigins: []string{"*"}, AllowOriginFunc: yes}}},
		{"the private network for all", "AllowPrivateNetwork", []cors.Config{{AllowOrigins: []string{"*"}, AllowPrivateNetwork: true}}},
		{"a method with a line end", "AllowMethods", []cors.Config{{AllowOrigins: one, AllowMethods: []string{"GET\r\nX: y"}}}},
		{"a forbidden method", "TRACE", []cors.Config{{AllowOrigins: one, AllowMethods: []string{"TRACE"}}}},
		{"a header that is none", "AllowHeaders", []cors.Config{{AllowOrigins: one, AllowHeaders: []string{"X Y"}}}},
		{"an empty header", "ExposeHeaders", []cors.Config{{AllowOrigins: one, ExposeHeaders: []string{""}}}},
		{"stars beside names", "AllowMethods", []cors.Config{{AllowOrigins: one, AllowMethods: []string{"*", "GET"}}}},
	} {
		t.Run(tt.name, func(t *testing.T) { wantRefusal(t, tt.part, tt.config...) })
	}
	if got := refusal(cors.Config{AllowOriginFunc: yes, AllowCredentials: true}); got != "" {
		t.Errorf("a function alone: New panics with %q", got)
	}
}
