// Package credential finds what clients show to prove who they are, a password or a token,
// and remembers what has been found good.
package credential

import (
	"errors"
	"strings"
)

// Why there is no credential. None of them says anything of what was sent.
var (
	// ErrNone means that the request has none.
	ErrNone = errors.New("credential: none was sent")
	// ErrMalformed means that what was sent cannot be one.
	ErrMalformed = errors.New("credential: malformed")
	// ErrSeveral means that more than one was sent: which of them counts would be a guess,
	// and another server may have guessed otherwise.
	ErrSeveral = errors.New("credential: more than one was sent")
	// ErrTooLong means that it is longer than the limit.
	ErrTooLong = errors.New("credential: too long")
)

// Place is where in a request a credential stands.
type Place uint8

// The places.
const (
	Header Place = iota // a header field
	Query               // a field of the query
	Cookie              // a cookie
)

// Source says where a credential stands.
type Source struct {
	Place Place
	// Name is that of the header field, the query field or the cookie.
	Name string
	// Scheme stands before the credential in a header field: "Bearer". Empty means that the
	// whole value is the credential.
	Scheme string
}

// Authorization is the header field whose answers no shared cache keeps.
const Authorization = "Authorization"

// Varies returns the request's header field that caches must tell answers apart by, or "".
// They do so by Authorization and by the query anyway.
func (s Source) Varies() string {
	switch {
	case s.Place == Cookie:
		return "Cookie"
	case s.Place == Header && !strings.EqualFold(s.Name, Authorization):
		return s.Name
	}
	return ""
}

// Problem says what of s cannot be used, or "".
func (s Source) Problem() string {
	if !token(s.Name) {
		return "a source is named " + quote(s.Name) + ": use a token of RFC 9110, such as X-API-Key"
	}
	if s.Scheme != "" && !token(s.Scheme) {
		return "the scheme of a source is " + quote(s.Scheme) + ": use a token of RFC 9110, such as Bearer"
	}
	return ""
}

// Request is what a credential is looked for in.
type Request interface {
	// HeaderOnce returns the value of a header field; false if there are several.
	HeaderOnce(name string) (string, bool)
	// QueryAll returns the values of a query field.
	QueryAll(name string) []string
	// Cookie returns the value of a cookie.
	Cookie(name string) string
	// Header returns the value of a header field: all cookies, once Cookie has been called.
	Header(name string) string
}

// Find returns the only credential of a request, at most limit bytes of visible ASCII, or
// one of the errors above.
func Find(r Request, sources []Source, limit int) (string, error) {
	found := ""
	for _, s := range sources {
		value, err := s.find(r)
		switch {
		case err != nil:
			return "", err
		case value == "":
			continue
		case found != "":
			return "", ErrSeveral
		}
		found = value
	}
	switch {
	case found == "":
		return "", ErrNone
	case len(found) > limit:
		return "", ErrTooLong
	case !visible(found):
		return "", ErrMalformed
	}
	return found, nil
}

// find returns the credential at one place, "" if there is none.
func (s Source) find(r Request) (string, error) {
	switch s.Place {
	case Query:
		switch all := r.QueryAll(s.Name); len(all) {
		case 0:
			return "", nil
		case 1:
			return all[0], nil
		}
		return "", ErrSeveral
	case Cookie:
		value := r.Cookie(s.Name)
		if CountCookies(r.Header("Cookie"), s.Name) > 1 {
			return "", ErrSeveral
		}
		return value, nil
	}
	value, once := r.HeaderOnce(s.Name)
	if !once {
		return "", ErrSeveral
	}
	if s.Scheme == "" || value == "" {
		return value, nil
	}
	return Scheme(value, s.Scheme)
}

// CountCookies returns how many cookies of a name a Cookie field has. Of several, one may have
// been planted: by another host of the domain, or for another path.
func CountCookies(field, name string) int {
	n := 0
	for pair := range strings.SplitSeq(field, ";") {
		if key, _, _ := strings.Cut(strings.TrimSpace(pair), "="); key == name {
			n++
		}
	}
	return n
}

// Scheme returns what stands behind a scheme, whose case does not matter, in the value of
// Authorization: "" if the scheme is another one, ErrMalformed if nothing stands there.
func Scheme(value, scheme string) (string, error) {
	name, rest, _ := strings.Cut(value, " ")
	if !strings.EqualFold(name, scheme) {
		return "", nil
	}
	if rest = strings.Trim(rest, " "); rest == "" {
		return "", ErrMalformed
	}
	return rest, nil
}

// visible reports whether s is visible ASCII, without spaces.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// token reports whether s is a token of RFC 9110.
func token(s string) bool {
	for i := range len(s) {
		if b := s[i]; b <= ' ' || b >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, b) >= 0 {
			return false
		}
	}
	return s != ""
}
