package secure_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/secure"
)

// HSTS asked for a protocol of "https" where the text was HTTP/1.1, and was never sent. It
// must be sent over TLS, over a trusted proxy that ends TLS, and nowhere else.
func TestCVE_2026_53624_hsts(t *testing.T) {
	const field, sent = "Strict-Transport-Security", "max-age=31536000"
	app := served(secure.New(), geist.Config{TrustedProxies: []string{"192.0.2.9"}})
	geisttest.New(t, app, geisttest.Config{TLS: true}).GET("/").Do().HasHeader(field, sent)
	client := geisttest.New(t, app)
	client.GET("/").Do().NoHeader(field)
	client.GET("/").Header("X-Forwarded-Proto", "https").Do().NoHeader(field)
	client.GET("/").RemoteAddr("192.0.2.9").Header("X-Forwarded-Proto", "https").Do().HasHeader(field, sent)
	client.GET("/").RemoteAddr("192.0.2.9").Header("X-Forwarded-Proto", "http").Do().NoHeader(field)
	client.GET("/").RemoteAddr("192.0.2.9").Header("X-Forwarded-Proto", "http").Header("X-Forwarded-Proto", "https").Do().NoHeader(field)
}

func TestNew_hstsNeverForLocalhost(t *testing.T) {
	client := geisttest.New(t, served(secure.New()), geisttest.Config{TLS: true})
	for _, host := range []string{"localhost", "localhost:8443", "LOCALHOST.", "app.localhost:8443"} {
		client.GET("/").Host(host).Do().NoHeader("Strict-Transport-Security")
	}
	for _, host := range []string{"notlocalhost", "localhost.example.com", "example.com:8443"} {
		client.GET("/").Host(host).Do().HasHeader("Strict-Transport-Security", "max-age=31536000")
	}
}

// TestConfig_redirectStaysOnTheHost: nothing that a request says leads elsewhere, but for
// the host that it names as its own.
func TestConfig_redirectStaysOnTheHost(t *testing.T) {
	client := geisttest.New(t, served(secure.New(secure.Config{RedirectHTTPS: true})))
	for target, want := range map[string]string{
		"//evil.example":        "https://example.com//evil.example",
		"/@evil.example":        "https://example.com/@evil.example",
		"/%0d%0aX:y":            "https://example.com/%0d%0aX:y",
		"/?next=//evil.example": "https://example.com/?next=//evil.example",
		"/.evil.example":        "https://example.com/.evil.example",
	} {
		client.GET(target).Do().Status(308).HasHeader("Location", want)
	}
	for _, tt := range []struct{ request, want string }{
		{"GET / HTTP/1.0\r\n\r\n", "names no host"},
		{"GET / HTTP/1.1\r\nHost: example.com@evil.example\r\n\r\n", "400 "},
		{"GET / HTTP/1.1\r\nHost: evil.example/x\r\n\r\n", "400 "},
		{"GET /\\evil.example HTTP/1.1\r\nHost: example.com\r\n\r\n", "400 "},
		{"GET http://other.example/x HTTP/1.1\r\nHost: example.com\r\n\r\n", "Location: https://other.example/x\r\n"},
		{"OPTIONS * HTTP/1.1\r\nHost: example.com\r\n\r\n", "Location: https://example.com\r\n"},
	} {
		conn := client.Dial()
		if _, err := io.WriteString(conn, strings.Replace(tt.request, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1)); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn)
		if err != nil || !strings.Contains(string(answer), tt.want) {
			t.Errorf("%q: %q, %v, want %q", tt.request, answer, err, tt.want)
		}
		conn.Close()
	}
	spoofed := geisttest.New(t, served(secure.New(secure.Config{RedirectHTTPS: true})))
	spoofed.GET("/").Header("X-Forwarded-Host", "evil.example").Header("X-Forwarded-Proto", "https").Do().Status(308).HasHeader("Location", "https://example.com/")
}

func TestNew_refusesWhatIsDangerousOrWrong(t *testing.T) {
	year := 365 * 24 * time.Hour
	for _, tt := range []struct {
		name, part string
		config     []secure.Config
	}{
		{"two Configs", "several", []secure.Config{{}, {}}},
		{"preload without names below", "HSTSPreload", []secure.Config{{HSTSPreload: true, HSTSMaxAge: year}}},
		{"preload for less than a year", "HSTSPreload", []secure.Config{{HSTSPreload: true, HSTSIncludeSubDomains: true, HSTSMaxAge: year - 1}}},
		{"preload without HSTS", "HSTSPreload", []secure.Config{{HSTSPreload: true, HSTSIncludeSubDomains: true, HSTSMaxAge: -1}}},
		{"HSTS below a second", "HSTSMaxAge", []secure.Config{{HSTSMaxAge: time.Millisecond}}},
		{"a frame option", "FrameOptions", []secure.Config{{FrameOptions: "ALLOW-FROM https://example.com"}}},
		{"a referrer policy", "ReferrerPolicy", []secure.Config{{ReferrerPolicy: "never"}}},
		{"an opener policy", "CrossOriginOpenerPolicy", []secure.Config{{CrossOriginOpenerPolicy: "same-site"}}},
		{"a resource policy", "CrossOriginResourcePolicy", []secure.Config{{CrossOriginResourcePolicy: "same-origin\r\nX: y"}}},
		{"an embedder policy", "CrossOriginEmbedderPolicy", []secure.Config{{CrossOriginEmbedderPolicy: "corp"}}},
		{"a line end in the permissions", "PermissionsPolicy", []secure.Config{{PermissionsPolicy: "camera=()\r\nSet-Cookie: a=b"}}},
		{"a line end in the policy", "ContentSecurityPolicy", []secure.Config{{ContentSecurityPolicy: "default-src 'self';\nscript-src 'none'"}}},
		{"a policy of blanks", "ContentSecurityPolicy", []secure.Config{{ContentSecurityPolicy: "  "}}},
		{"another alphabet", "ContentSecurityPolicyReportOnly", []secure.Config{{ContentSecurityPolicyReportOnly: "default-src bücher.example"}}},
		{"a nonce without quotes", "nonce", []secure.Config{{ContentSecurityPolicy: "script-src nonce-{nonce}"}}},
		{"a nonce that stays", "nonce", []secure.Config{{ContentSecurityPolicy: "script-src 'nonce-abc' 'nonce-{nonce}'"}}},
		{"a host that is a URL", "RedirectHost", []secure.Config{{RedirectHTTPS: true, RedirectHost: "https://example.com"}}},
		{"a host with a path", "RedirectHost", []secure.Config{{RedirectHTTPS: true, RedirectHost: "example.com/a"}}},
		{"a host with a name before", "RedirectHost", []secure.Config{{RedirectHTTPS: true, RedirectHost: "a@example.com"}}},
		{"a host without redirects", "RedirectHost", []secure.Config{{RedirectHost: "example.com"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.HasPrefix(got, "secure: ") || !strings.Contains(got, tt.part) {
					t.Errorf("New panics with %q, want a sentence about %q", got, tt.part)
				}
			}()
			secure.New(tt.config...)
		})
	}
}
