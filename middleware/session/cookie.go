package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/internal/credential"
)

// secretBytes is how long a secret is: 256 bits.
const secretBytes = 32

// newSecret returns a secret as it stands in a cookie. Without randomness the process
// ends: there is no weaker one.
func newSecret() string {
	var b [secretBytes]byte
	_, _ = rand.Read(b[:]) // it never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// entryOf returns the key of the store for a secret. Who reads the store cannot go back.
func entryOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// wellFormed reports whether a cookie's value could be a secret.
func wellFormed(value string) bool {
	if len(value) != base64.RawURLEncoding.EncodedLen(secretBytes) {
		return false
	}
	var b [secretBytes]byte
	_, err := base64.RawURLEncoding.Decode(b[:], []byte(value))
	return err == nil
}

// https reports whether the cookie is one for https.
func (m *manager) https(c *geist.Ctx) bool { return m.conf.Secure || c.Scheme() == "https" }

// secretOf returns the secret that a request has come with, or "".
func (m *manager) secretOf(c *geist.Ctx) string {
	name := m.conf.cookieName(m.https(c))
	value := c.Cookie(name)
	if !wellFormed(value) || credential.CountCookies(c.Header("Cookie"), name) != 1 {
		return ""
	}
	return strings.Clone(value) // with UnsafeStrings it would be another client's once a WebSocket has begun
}

// forever is how long browsers keep a cookie at most, in seconds: 400 days.
const forever = 400 * 24 * 60 * 60

// announce tells the client what has become of its session: the secret is new, or there is
// none any more.
func (s *Session) announce() error {
	if s.secret == s.brought {
		return nil
	}
	conf := &s.m.conf
	https := s.m.https(s.c)
	cookie := geist.Cookie{
		Name: conf.cookieName(https), Value: s.secret, Path: "/", Domain: conf.Domain,
		Secure: https, HTTPOnly: true, SameSite: conf.SameSite,
	}
	switch {
	case s.secret == "":
		cookie.MaxAge = -1
	case conf.Persistent && conf.Absolute > 0:
		cookie.MaxAge = min(int(conf.Absolute.Seconds()), forever)
	case conf.Persistent:
		cookie.MaxAge = forever
	}
	s.c.SetHeader("Cache-Control", "no-store")
	s.brought = s.secret
	return s.c.SetCookie(cookie)
}
