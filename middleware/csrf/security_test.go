package csrf_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/csrf"
)

// A token that the attacker has got for a session of their own was good for anybody's.
func TestCVE_2023_45128_tokenOfAnotherSession(t *testing.T) {
	client := geisttest.New(t, served(csrf.New(withTokens)))
	attacker, visitor := load(t, client, "mallory"), load(t, client, "anna")
	attacker.post(client, "mallory").Do().Status(200)
	attacker.post(client, "anna").Do().Status(403) // with the attacker's cookie tossed into the browser
	page{attacker.token, visitor.name, visitor.cookie}.post(client, "anna").Do().Status(403)
	page{visitor.token, attacker.name, attacker.cookie}.post(client, "anna").Do().Status(403)
	visitor.post(client, "").Do().Status(403)
	load(t, client, "").post(client, "anna").Do().Status(403)
}

// A token was good by itself, or when it was equal to what the cookie said.
func TestCVE_2023_45141_tokenWithoutItsCookie(t *testing.T) {
	client := geisttest.New(t, served(csrf.New(withTokens)))
	one, two := load(t, client, "anna"), load(t, client, "anna")
	page{one.token, two.name, two.cookie}.post(client, "anna").Do().Status(403)
	page{one.token, one.name, ""}.post(client, "anna").Do().Status(403)
	page{one.token, "other", one.cookie}.post(client, "anna").Do().Status(403)
	page{"", one.name, one.cookie}.post(client, "anna").Do().Status(403)
	page{one.cookie, one.name, one.cookie}.post(client, "anna").Do().Status(403)
	page{one.token, one.name, one.token}.post(client, "anna").Do().Status(403)
	made := base64.RawURLEncoding.EncodeToString(make([]byte, 32)) // a secret of zeros
	page{made, one.name, base64.RawURLEncoding.EncodeToString(make([]byte, 48))}.post(client, "anna").Do().Status(403)
}

// Whether a request came over TLS was asked of its URL, which never says so: the check of
// where it came from did not run, and a host below the same name could send what it
// liked. It is asked of the connection, a Referer makes up for nothing, and tokens do not either.
func TestCVE_2025_24358_origin(t *testing.T) {
	client := geisttest.New(t, served(csrf.New(withTokens)), geisttest.Config{TLS: true})
	p := load(t, client, "anna")
	for _, origin := range []string{
		"http://example.com", "https://a.example.com", "https://example.com.evil.example", "https://evil.example", "https://example.com:444", "null",
		"https://example.com@evil.example", "https://evil.example/https://example.com", "https://example.com/", "example.com", "https://", "http://", "://example.com", "https:example.com",
	} {
		p.post(client, "anna").Header("Origin", origin).Do().Status(403)
		p.post(client, "anna").Header("Origin", origin).Header("Referer", "https://example.com/page").Do().Status(403)
	}
	p.post(client, "anna").Header("Origin", "https://example.com").Header("Origin", "https://evil.example").Do().Status(403)
	client.POST("/").Header("Sec-Fetch-Site", "cross-site").Header("Referer", "https://example.com/").Do().Status(403)
	client.POST("/").Header("X-Session", "anna").Header("Referer", "https://example.com/").Do().Status(403)
	p.post(client, "anna").Header("Origin", "https://example.com").Do().Status(200)
}

// Every request passed for one of the same origin, since its URL had neither scheme nor
// host. It is the header and the connection that tell.
func TestCVE_2025_46721_sameOrigin(t *testing.T) {
	client := geisttest.New(t, served(csrf.New()), geisttest.Config{TLS: true})
	client.POST("/").Header("Origin", "https://evil.example").Do().Status(403)
	client.POST("/").Header("Origin", "https://a.example.com").Do().Status(403)
	client.POST("/").Header("Origin", "http://example.com").Do().Status(403)
	client.POST("/").Header("Origin", "https://example.com").Do().Status(200)
	client.POST("/").Header("Sec-Fetch-Site", "same-site").Header("Origin", "https://a.example.com").Do().Status(403)
}

// A trusted host was trusted over plain HTTP too, where anybody can write its pages.
func TestCVE_2025_47909_trustedOrigin(t *testing.T) {
	client := geisttest.New(t, served(csrf.New(csrf.Config{TrustedOrigins: []string{"https://app.example.org"}})), geisttest.Config{TLS: true})
	client.POST("/").Header("Origin", "https://app.example.org").Do().Status(200)
	for _, origin := range []string{
		"http://app.example.org", "https://app.example.org:8443", "https://a.app.example.org", "https://app.example.org.evil.example",
		"https://APP.example.org", "https://app.example.org/", "app.example.org", "//app.example.org", "https://app.example.org, https://evil.example",
	} {
		client.POST("/").Header("Origin", origin).Do().Status(403)
		client.POST("/").Header("Origin", origin).Header("Sec-Fetch-Site", "cross-site").Do().Status(403)
	}
	twice := client.POST("/").Header("Origin", "https://app.example.org").Header("Origin", "https://evil.example")
	twice.Header("Sec-Fetch-Site", "cross-site").Do().Status(403)
}

// Patterns that let some paths pass also let pass what was only redirected to them. There
// are no such patterns here: the path of a request does not matter.
func TestGO_2025_3955_noPathPasses(t *testing.T) {
	client := geisttest.New(t, served(csrf.New()))
	for _, path := range []string{"/", "//", "/body", "/body/", "//body", "/x/../body", "/body?a=b", "/%62ody", "/nowhere"} {
		client.POST(path).Header("Sec-Fetch-Site", "cross-site").Do().Status(403).NoHeader("Location")
	}
}

// TestNew_noHost: an origin without a host is not that of a request without one.
func TestNew_noHost(t *testing.T) {
	conn := geisttest.New(t, served(csrf.New())).Dial()
	defer conn.Close()
	if _, err := io.WriteString(conn, "POST / HTTP/1.0\r\nOrigin: https://\r\nContent-Length: 0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(conn); err != nil || !strings.Contains(string(answer), " 403 ") {
		t.Errorf("the answer is %q, %v, want 403", answer, err)
	}
}

// TestNew_methodTricks: only the method of the request line counts.
func TestNew_methodTricks(t *testing.T) {
	client := geisttest.New(t, served(csrf.New()))
	for _, field := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"} {
		client.POST("/").Header(field, "GET").Header("Sec-Fetch-Site", "cross-site").Do().Status(403)
	}
	client.POST("/?_method=GET").Header("Sec-Fetch-Site", "cross-site").Do().Status(403)
}

// TestToken_forgedOrCut: of the texts around a valid pair only the pair itself is good.
func TestToken_forgedOrCut(t *testing.T) {
	client := geisttest.New(t, served(csrf.New(withTokens)))
	p := load(t, client, "anna")
	for i := range len(p.token) {
		page{flip(p.token, i), p.name, p.cookie}.post(client, "anna").Do().Status(403)
		page{p.token[:i], p.name, p.cookie}.post(client, "anna").Do().Status(403)
	}
	for i := range len(p.cookie) {
		page{p.token, p.name, flip(p.cookie, i)}.post(client, "anna").Do().Status(403)
		page{p.token, p.name, p.cookie[:i]}.post(client, "anna").Do().Status(403)
	}
	for _, long := range []string{p.token + "A", p.token + "=", p.token + p.token, strings.Repeat("A", 8000)} {
		page{long, p.name, p.cookie}.post(client, "anna").Do().Status(403)
		page{p.token, p.name, p.cookie + long}.post(client, "anna").Do().Status(403)
	}
	// The last character has two bits that stand for nothing: only one of four is right.
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, p.token[42])
	page{p.token[:42] + alphabet[last+1:last+2], p.name, p.cookie}.post(client, "anna").Do().Status(403)
	page{strings.Repeat("A", 20_000), p.name, p.cookie}.post(client, "anna").Do().Status(431)
	p.post(client, "anna").Do().Status(200)
}

// flip returns text with another character of the alphabet at i.
func flip(text string, i int) string {
	const other = "A"
	if text[i:i+1] == other {
		return text[:i] + "B" + text[i+1:]
	}
	return text[:i] + other + text[i+1:]
}

// TestToken_cookieOfPlainHTTP: over HTTPS, a cookie without the prefix may be anybody's.
func TestToken_cookieOfPlainHTTP(t *testing.T) {
	app := served(csrf.New(withTokens))
	plain := load(t, geisttest.New(t, app), "anna")
	https := geisttest.New(t, app, geisttest.Config{TLS: true})
	plain.post(https, "anna").Do().Status(403)
	page{plain.token, "__Host-csrf", plain.cookie}.post(https, "anna").Do().Status(200)
}

// TestNew_headerFlood: many or long fields are refused or passed, and never a 500.
func TestNew_headerFlood(t *testing.T) {
	for _, config := range []csrf.Config{{}, withTokens} {
		client := geisttest.New(t, served(csrf.New(config)))
		for _, name := range []string{"Origin", "Sec-Fetch-Site", "X-CSRF-Token", "Cookie", "Referer"} {
			many, long := client.POST("/").Header("Sec-Fetch-Site", "cross-site"), client.POST("/").Header("Sec-Fetch-Site", "cross-site")
			for range 200 {
				many.Header(name, "csrf=a")
			}
			many.Do().Status(403)
			long.Header(name, strings.Repeat("a=b; ", 2000)).Do().Status(403)
		}
	}
}

func TestNew_refusesWhatIsDangerousOrWrong(t *testing.T) {
	session := withTokens.Session
	for _, tt := range []struct {
		name, part string
		config     []csrf.Config
	}{
		{"two Configs", "several", []csrf.Config{{}, {}}},
		{"a short key", "31 bytes", []csrf.Config{{Keys: [][]byte{key(1)[:31]}, Session: session}}},
		{"an empty key among others", "0 bytes", []csrf.Config{{Keys: [][]byte{key(1), nil}, Session: session}}},
		{"keys without a session", "Session is nil", []csrf.Config{{Keys: [][]byte{key(1)}}}},
		{"a session without keys", "Keys is empty", []csrf.Config{{Session: session}}},
		{"a name without keys", "Keys is empty", []csrf.Config{{HeaderName: "X-Token"}}},
		{"a cookie with a prefix", "__", []csrf.Config{{Keys: [][]byte{key(1)}, Session: session, CookieName: "__Host-csrf"}}},
		{"a cookie with a semicolon", "CookieName", []csrf.Config{{Keys: [][]byte{key(1)}, Session: session, CookieName: "a; Domain=evil.example"}}},
		{"a header with a line end", "HeaderName", []csrf.Config{{Keys: [][]byte{key(1)}, Session: session, HeaderName: "X\r\nY"}}},
		{"null is trusted", "TrustedOrigins", []csrf.Config{{TrustedOrigins: []string{"null"}}}},
		{"all are trusted", "TrustedOrigins", []csrf.Config{{TrustedOrigins: []string{"*"}}}},
		{"a pattern is trusted", "TrustedOrigins", []csrf.Config{{TrustedOrigins: []string{"https://*.example.com"}}}},
		{"a host is trusted", "TrustedOrigins", []csrf.Config{{TrustedOrigins: []string{"example.com"}}}},
		{"a page is trusted", "TrustedOrigins", []csrf.Config{{TrustedOrigins: []string{"https://example.com/a"}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.HasPrefix(got, "csrf: ") || !strings.Contains(got, tt.part) {
					t.Errorf("New panics with %q, want a sentence about %q", got, tt.part)
				}
			}()
			csrf.New(tt.config...)
		})
	}
}

// TestErrToken_revealsNothing: what was sent does not come back.
func TestErrToken_revealsNothing(t *testing.T) {
	client := geisttest.New(t, served(csrf.New(withTokens)))
	p := load(t, client, "anna")
	body := page{flip(p.token, 0), p.name, p.cookie}.post(client, "anna").Do().Status(403).Text()
	if strings.Contains(body, p.token[1:]) || strings.Contains(body, p.cookie) || strings.Contains(body, "anna") {
		t.Errorf("the answer is %s", body)
	}
}
