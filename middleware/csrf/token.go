package csrf

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/gogeist/geist"
)

// minKeyBytes is the least length of a key.
const minKeyBytes = 32

// secretBytes is the length of a secret, and of the mask of a token.
const secretBytes = 16

// hostPrefix begins the name of a cookie that browsers take only from the host itself, over
// HTTPS.
const hostPrefix = "__Host-"

// stateKey holds what Token needs of the middleware.
var stateKey = geist.NewKey[state]("csrf")

// state is that of one request.
type state struct {
	tokens  *tokens
	known   bool // the two below are set
	session string
	secret  [secretBytes]byte
}

// tokens makes and checks tokens:
//
//	secret   16 random bytes
//	cookie   base64(secret + HMAC-SHA256(key, label + session + secret))
//	token    base64(mask + (mask XOR secret))
type tokens struct {
	keys                  [][]byte
	session               func(c *geist.Ctx) string
	cookie, header, field string
}

// newTokens checks conf, and returns nil if it has no keys.
func newTokens(conf *Config) *tokens {
	if len(conf.Keys) == 0 {
		if conf.Session != nil || conf.CookieName+conf.HeaderName+conf.FieldName != "" {
			panic("csrf: Config.Keys is empty, but other settings of tokens are there: give a key of 32 random bytes, or none of them")
		}
		return nil
	}
	if conf.Session == nil {
		panic("csrf: Config.Session is nil: give a function that returns the id of the visitor's session, or tokens would be good for everybody")
	}
	t := &tokens{session: conf.Session, cookie: "csrf", header: "X-CSRF-Token", field: "csrf_token"}
	for _, key := range conf.Keys {
		if len(key) < minKeyBytes {
			panic(fmt.Sprintf("csrf: Config.Keys has a key of %d bytes: give 32 random ones at least", len(key)))
		}
		t.keys = append(t.keys, bytes.Clone(key))
	}
	rename(&t.cookie, "CookieName", conf.CookieName)
	rename(&t.header, "HeaderName", conf.HeaderName)
	if strings.HasPrefix(t.cookie, "__") {
		panic("csrf: Config.CookieName begins with __: leave the prefix out, it is added over HTTPS")
	}
	if conf.FieldName != "" {
		t.field = conf.FieldName
	}
	return t
}

// rename puts a setting, which must be a token of RFC 9110, in place of its default.
func rename(name *string, setting, value string) {
	other := func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	}
	if strings.ContainsFunc(value, other) {
		panic(fmt.Sprintf("csrf: Config.%s is %q, which is no name: use a token of RFC 9110", setting, value))
	}
	if value != "" {
		*name = value
	}
}

// Token returns a token for a page of the request's session: 43 letters, digits, dashes and
// underscores, different each time. It sets the cookie that belongs to it unless the
// request has brought it, so call it before the answer's stream or connection begins, and
// after a login has renewed the session. The answer then has Vary: Cookie. Token returns ""
// where the middleware, with Config.Keys, has not run.
func Token(c *geist.Ctx) string {
	s, ok := stateKey.Get(c)
	if !ok {
		return ""
	}
	if session := s.tokens.session(c); !s.known || s.session != session {
		s.known, s.session = true, session
		c.AddHeader("Vary", "Cookie")
		if s.secret, ok = s.tokens.secret(c, session); !ok {
			_, _ = rand.Read(s.secret[:]) // never fails: it ends the process
			if s.tokens.setCookie(c, &s) != nil {
				return ""
			}
		}
		stateKey.Set(c, s)
	}
	return mask(s.secret)
}

// setCookie gives the secret to the browser.
func (t *tokens) setCookie(c *geist.Ctx, s *state) error {
	name, https := t.cookieName(c)
	value := slices.Concat(s.secret[:], sign(t.keys[0], s.session, s.secret))
	return c.SetCookie(geist.Cookie{
		Name: name, Value: base64.RawURLEncoding.EncodeToString(value),
		Path: "/", Secure: https, HTTPOnly: true, SameSite: geist.SameSiteLax,
	})
}

// cookieName returns the cookie's name, and whether it goes over HTTPS. There, only one with
// the prefix counts: hosts below the same name can set others.
func (t *tokens) cookieName(c *geist.Ctx) (name string, https bool) {
	if c.Scheme() == "https" {
		return hostPrefix + t.cookie, true
	}
	return t.cookie, false
}

// verify reports whether a request has a token of its session.
func (t *tokens) verify(c *geist.Ctx) bool {
	secret, ok := t.secret(c, t.session(c))
	if !ok {
		return false
	}
	text := c.Header(t.header)
	if text == "" {
		text = c.Form(t.field)
	}
	given, ok := unmask(text)
	return ok && subtle.ConstantTimeCompare(given[:], secret[:]) == 1
}

// secret returns that of the request's cookie, if it was signed for the session.
func (t *tokens) secret(c *geist.Ctx, session string) (secret [secretBytes]byte, ok bool) {
	name, _ := t.cookieName(c)
	var value [secretBytes + sha256.Size]byte
	if !decode(value[:], c.Cookie(name)) {
		return secret, false
	}
	copy(secret[:], value[:])
	signed := func(key []byte) bool { return hmac.Equal(sign(key, session, secret), value[secretBytes:]) }
	return secret, slices.ContainsFunc(t.keys, signed)
}

// sign binds a secret to a session. The label keeps what is signed here apart from what
// others sign with the same key.
func sign(key []byte, session string, secret [secretBytes]byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("geist csrf secret\x00" + session))
	mac.Write(secret[:])
	return mac.Sum(nil)
}

// mask returns a token of a secret.
func mask(secret [secretBytes]byte) string {
	var b [2 * secretBytes]byte
	_, _ = rand.Read(b[:secretBytes]) // never fails: it ends the process
	subtle.XORBytes(b[secretBytes:], b[:secretBytes], secret[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// unmask returns the secret of a token.
func unmask(token string) (secret [secretBytes]byte, ok bool) {
	var b [2 * secretBytes]byte
	ok = decode(b[:], token)
	subtle.XORBytes(secret[:], b[:secretBytes], b[secretBytes:])
	return secret, ok
}

// decode fills b with what text stands for. There is one text for each value: what is
// longer, shorter or holds anything else is refused unread.
func decode(b []byte, text string) bool {
	if len(text) != base64.RawURLEncoding.EncodedLen(len(b)) {
		return false
	}
	n, err := base64.RawURLEncoding.Strict().Decode(b, []byte(text))
	return err == nil && n == len(b)
}
