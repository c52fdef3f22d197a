package geist

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// SameSite is a cookie's SameSite attribute, RFC 6265bis §5.6.7.
type SameSite uint8

const (
	// SameSiteDefault sends no attribute, which browsers take for Lax.
	SameSiteDefault SameSite = iota
	// SameSiteLax sends the cookie with top-level navigations from other sites.
	SameSiteLax
	// SameSiteStrict never sends the cookie with requests from other sites.
	SameSiteStrict
	// SameSiteNone sends the cookie everywhere. It needs Secure.
	SameSiteNone
)

// String returns the attribute's value, empty for SameSiteDefault.
func (s SameSite) String() string {
	switch s {
	case SameSiteLax:
		return "Lax"
	case SameSiteStrict:
		return "Strict"
	case SameSiteNone:
		return "None"
	}
	return ""
}

// Cookie is a cookie that a response sets, RFC 6265.
type Cookie struct {
	// Name is a token of RFC 9110. It is required.
	Name string
	// Value holds the characters that RFC 6265 allows: printable ASCII but space,
	// quotes, comma, semicolon and backslash. Encode other values, for example with
	// url.QueryEscape.
	Value string
	// Path limits the cookie to paths below it. Empty means the request's directory.
	Path string
	// Domain extends the cookie to subdomains. Empty means this host only.
	Domain string
	// Expires ends the cookie at a time. The zero time sends no attribute.
	Expires time.Time
	// MaxAge is the cookie's life in seconds. Zero sends no attribute; negative
	// deletes the cookie.
	MaxAge int
	// Secure keeps the cookie off plain HTTP.
	Secure bool
	// HTTPOnly hides the cookie from scripts.
	HTTPOnly bool
	// SameSite limits what requests from other sites carry. Zero sends no attribute.
	SameSite SameSite
	// Partitioned keeps a third-party cookie apart for each top-level site. It needs Secure.
	Partitioned bool
}

// SetCookie adds a Set-Cookie field to the response. It fails, and sets nothing, when a part holds characters
// that could change another part, or when attributes contradict: SameSite=None or
// Partitioned without Secure, the prefixes __Host- and __Secure- without what they promise.
func (c *Ctx) SetCookie(cookie Cookie) error {
	c.check()
	if err := cookie.validate(); err != nil {
		return fmt.Errorf("geist: cookie %q: %w", cookie.Name, err)
	}
	c.scratch = cookie.append(c.scratch[:0])
	c.rc.Response.Header.AddBytesV(fasthttp.HeaderSetCookie, c.scratch)
	return nil
}

func (k *Cookie) validate() error {
	switch {
	case !validToken(k.Name):
		return fmt.Errorf("the name is not a token")
	case !validAll(k.Value, isCookieByte):
		return fmt.Errorf("the value holds a character that cookies cannot carry: encode it, for example with url.QueryEscape")
	case !validAll(k.Path, isAttributeByte) || k.Path != "" && k.Path[0] != '/':
		return fmt.Errorf("the path must begin with / and hold neither semicolons nor control characters")
	case k.Domain != "" && !validHost([]byte(strings.TrimPrefix(k.Domain, "."))) || strings.ContainsRune(k.Domain, ':'):
		return fmt.Errorf("the domain is not a host name")
	case !k.Expires.IsZero() && (k.Expires.UTC().Year() < 1601 || k.Expires.UTC().Year() > 9999):
		return fmt.Errorf("the year of Expires must lie between 1601 and 9999")
	case k.SameSite > SameSiteNone:
		return fmt.Errorf("SameSite is %d: use one of the constants", k.SameSite)
	case k.SameSite == SameSiteNone && !k.Secure:
		return fmt.Errorf("SameSite=None needs Secure")
	case k.Partitioned && !k.Secure:
		return fmt.Errorf("the attribute Partitioned needs Secure")
	}
	return k.validatePrefix()
}

// validatePrefix checks what the name's prefix promises, RFC 6265bis §4.1.3. User
// agents compare the prefixes without regard to case.
func (k *Cookie) validatePrefix() error {
	switch {
	case hasPrefixFold(k.Name, "__Host-") && (!k.Secure || k.Path != "/" || k.Domain != ""):
		return fmt.Errorf("the prefix __Host- needs Secure, Path / and no Domain")
	case hasPrefixFold(k.Name, "__Secure-") && !k.Secure:
		return fmt.Errorf("the prefix __Secure- needs Secure")
	}
	return nil
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && equalFold(s[:len(prefix)], prefix)
}

func validAll(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

// isCookieByte accepts the cookie-octets of RFC 6265 §4.1.1.
func isCookieByte(b byte) bool {
	return b > ' ' && b < 0x7f && b != '"' && b != ',' && b != ';' && b != '\\'
}

func isAttributeByte(b byte) bool { return b >= ' ' && b < 0x7f && b != ';' }

// append appends the field's value.
func (k *Cookie) append(b []byte) []byte {
	b = append(b, k.Name...)
	b = append(b, '=')
	b = append(b, k.Value...)
	if k.Path != "" {
		b = append(append(b, "; Path="...), k.Path...)
	}
	if k.Domain != "" {
		b = append(append(b, "; Domain="...), strings.TrimPrefix(k.Domain, ".")...)
	}
	if !k.Expires.IsZero() {
		b = fasthttp.AppendHTTPDate(append(b, "; Expires="...), k.Expires)
	}
	if k.MaxAge != 0 {
		b = strconv.AppendInt(append(b, "; Max-Age="...), int64(max(k.MaxAge, 0)), 10)
	}
	if k.HTTPOnly {
		b = append(b, "; HttpOnly"...)
	}
	if k.Secure {
		b = append(b, "; Secure"...)
	}
	if s := k.SameSite.String(); s != "" {
		b = append(append(b, "; SameSite="...), s...)
	}
	if k.Partitioned {
		b = append(b, "; Partitioned"...)
	}
	return b
}
