package jwt

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	gojwt "github.com/golang-jwt/jwt/v5"

	"github.com/gogeist/geist"
)

// Token is what a verified token says. Requests may share it: it is not to be changed.
type Token struct {
	// ID is the claim jti, empty if there is none.
	ID string
	// Subject is the claim sub, empty if there is none.
	Subject string
	// Issuer is the claim iss. It is empty only with Config.AnyIssuer.
	Issuer string
	// Audience is the claim aud. It is empty only with Config.AnyAudience.
	Audience []string
	// Expires is the claim exp, in whole seconds. Every token has one.
	Expires time.Time
	// NotBefore is the claim nbf; the zero time if there is none.
	NotBefore time.Time
	// IssuedAt is the claim iat; the zero time if there is none.
	IssuedAt time.Time
	// Scopes are those of the claim scope, or else of scp.
	Scopes []string
	// KeyID is the header's kid, empty if there is none.
	KeyID string
	// Algorithm is the one that the token is signed with.
	Algorithm string

	claims json.RawMessage
	ends   time.Time // Expires and the leeway
}

// Decode decodes all claims into v as encoding/json does. No two of them have the same name,
// in any case.
func (t *Token) Decode(v any) error { return json.Unmarshal(t.claims, v) }

// Claims returns the claims of the request's token as a struct of one's own with json tags.
// It decodes them each time. Without a token, and for one whose claims do not fit T, the error
// is a 401, for the handler to return.
func Claims[T any](c *geist.Ctx) (T, error) {
	var claims T
	token, ok := From(c)
	if !ok {
		challenge(c, "", "", errNone, "")
		return claims, errNone
	}
	if err := token.Decode(&claims); err != nil {
		var zero T
		challenge(c, "", "invalid_token", errInvalid, "")
		return zero, errInvalid.Wrap(err)
	}
	return claims, nil
}

// parser verifies tokens. It is frozen.
type parser struct {
	keys     Keys
	tokens   *gojwt.Parser
	algs     []string
	typ      string
	maxBytes int
	leeway   time.Duration
}

func newParser(conf Config) *parser {
	p := &parser{
		keys:     conf.Keys,
		algs:     algorithms(conf.Algorithms, conf.Keys),
		typ:      plainType(conf.Type),
		maxBytes: conf.MaxTokenBytes,
		leeway:   conf.Leeway,
	}
	if p.maxBytes == 0 {
		p.maxBytes = DefaultMaxTokenBytes
	}
	if p.leeway == 0 {
		p.leeway = DefaultLeeway
	}
	p.leeway = max(p.leeway, 0)
	p.tokens = gojwt.NewParser(
		gojwt.WithValidMethods(p.algs), gojwt.WithStrictDecoding(), gojwt.WithExpirationRequired(),
		gojwt.WithLeeway(p.leeway), gojwt.WithIssuer(conf.Issuer), gojwt.WithAudience(slices.Clone(conf.Audience)...),
	)
	return p
}

var (
	errMalformed = errors.New("jwt: the token is malformed")
	errHeader    = errors.New("jwt: the token's header asks for what is not done here")
)

// parse verifies a token. What is wrong with it is an *Error of status 401; another error says
// that the keys could not be had.
func (p *parser) parse(c *geist.Ctx, raw string) (*Token, error) {
	if err := p.checkForm(raw); err != nil {
		return nil, errInvalid.Wrap(err)
	}
	claims := new(payload)
	parsed, err := p.tokens.ParseWithClaims(raw, claims, func(t *gojwt.Token) (any, error) {
		return p.keys.find(c, t)
	})
	switch {
	case err == nil:
	case errors.Is(err, errNoKeys):
		return nil, err
	// The errors of claims come with no others than theirs: the signature is right then.
	case errors.Is(err, gojwt.ErrTokenExpired):
		return nil, errExpired.Wrap(err)
	case errors.Is(err, gojwt.ErrTokenNotValidYet):
		return nil, errEarly.Wrap(err)
	default:
		return nil, errInvalid.Wrap(err)
	}
	token := claims.token
	token.KeyID, _ = parsed.Header["kid"].(string)
	token.Algorithm = parsed.Method.Alg()
	token.ends = token.Expires.Add(p.leeway)
	return &token, nil
}

// maxKeyID is the longest kid that is looked for.
const maxKeyID = 256

// checkForm checks what can be seen before any key is looked for.
func (p *parser) checkForm(raw string) error {
	if strings.Count(raw, ".") != 2 {
		return errMalformed
	}
	segment, _, _ := strings.Cut(raw, ".")
	b, err := base64.RawURLEncoding.Strict().DecodeString(segment)
	if err != nil {
		return errMalformed
	}
	header, err := object(b)
	if err != nil {
		return err
	}
	if _, ok := header["crit"]; ok { // of extensions that must be understood; none is here
		return errHeader
	}
	for _, name := range []string{"alg", "kid", "typ"} {
		s, err := text(header, name)
		switch {
		case err != nil:
			return err
		case name == "kid" && len(s) > maxKeyID, name == "typ" && p.typ != "" && plainType(s) != p.typ:
			return errHeader
		}
	}
	return nil
}

// plainType returns a media type in lower case, without the prefix that may be left out.
func plainType(s string) string { return strings.TrimPrefix(strings.ToLower(s), "application/") }

// payload is the claims of a token as the parser needs them.
type payload struct{ token Token }

// UnmarshalJSON is stricter than the standards' "may": what is read by a name is of its type,
// and no name stands twice.
func (p *payload) UnmarshalJSON(b []byte) error {
	claims, err := object(b)
	if err != nil {
		return err
	}
	t := &p.token
	for name, to := range map[string]*string{"jti": &t.ID, "sub": &t.Subject, "iss": &t.Issuer} {
		if *to, err = text(claims, name); err != nil {
			return err
		}
	}
	for name, to := range map[string]*time.Time{"exp": &t.Expires, "nbf": &t.NotBefore, "iat": &t.IssuedAt} {
		if *to, err = date(claims, name); err != nil {
			return err
		}
	}
	if t.Audience, err = texts(claims, "aud"); err != nil {
		return err
	}
	if t.Scopes, err = scopes(claims); err != nil {
		return err
	}
	t.claims = bytes.Clone(b)
	return nil
}

// object returns the members of a JSON object. encoding/json takes the last of several that
// have one name, and fields of structs in any case: others take the first.
func object(b []byte) (map[string]json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	if start, err := dec.Token(); err != nil || start != json.Delim('{') {
		return nil, errMalformed
	}
	members, folded := map[string]json.RawMessage{}, map[string]bool{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, errMalformed
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, errMalformed
		}
		key := name.(string) // of an object
		same := strings.Map(firstFold, key)
		if folded[same] {
			return nil, fmt.Errorf("%w: a name stands twice", errMalformed)
		}
		members[key], folded[same] = value, true
	}
	return members, nil
}

// firstFold returns the first of the runes that differ in case alone, as encoding/json sees it:
// for it ſ is an s.
func firstFold(r rune) rune {
	first := r
	for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
		first = min(first, next)
	}
	return first
}

// text returns a member that must be a string, "" if there is none.
func text(members map[string]json.RawMessage, name string) (string, error) {
	raw, ok := members[name]
	if !ok {
		return "", nil
	}
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		return "", fmt.Errorf("%w: %s is no text", errMalformed, name)
	}
	return *s, nil
}

// texts returns a member that must be a string or a list of strings.
func texts(members map[string]json.RawMessage, name string) ([]string, error) {
	raw, ok := members[name]
	if !ok {
		return nil, nil
	}
	if s, err := text(members, name); err == nil {
		return []string{s}, nil
	}
	var all []*string
	if err := json.Unmarshal(raw, &all); err != nil || all == nil {
		return nil, fmt.Errorf("%w: %s is neither a text nor a list of texts", errMalformed, name)
	}
	list := make([]string, 0, len(all))
	for _, s := range all {
		if s == nil {
			return nil, fmt.Errorf("%w: %s holds what is no text", errMalformed, name)
		}
		list = append(list, *s)
	}
	return list, nil
}

// scopes returns those of RFC 8693, a text with spaces, or of what some issuers call scp.
func scopes(members map[string]json.RawMessage) ([]string, error) {
	name := "scope"
	if _, ok := members[name]; !ok {
		name = "scp"
	}
	list, err := texts(members, name)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, s := range list {
		all = append(all, strings.Fields(s)...)
	}
	return all, nil
}

// maxDate is the end of the year 9999, in seconds.
const maxDate = 253_402_300_799

// date returns a member that must be a number of seconds, cut to whole ones; the zero time
// if there is none.
func date(members map[string]json.RawMessage, name string) (time.Time, error) {
	raw, ok := members[name]
	if !ok {
		return time.Time{}, nil
	}
	seconds, err := strconv.ParseFloat(string(raw), 64) // JSON, so neither NaN nor hexadecimal
	if err != nil || seconds < 0 || seconds > maxDate {
		return time.Time{}, fmt.Errorf("%w: %s is no date", errMalformed, name)
	}
	return time.Unix(int64(seconds), 0), nil
}

// The methods of gojwt.Claims.

func numericDate(t time.Time) (*gojwt.NumericDate, error) {
	if t.IsZero() {
		return nil, nil //nolint:nilnil // as the interface has it: there is none
	}
	return &gojwt.NumericDate{Time: t}, nil
}

func (p *payload) GetExpirationTime() (*gojwt.NumericDate, error) {
	return numericDate(p.token.Expires)
}
func (p *payload) GetNotBefore() (*gojwt.NumericDate, error) { return numericDate(p.token.NotBefore) }
func (p *payload) GetIssuedAt() (*gojwt.NumericDate, error)  { return numericDate(p.token.IssuedAt) }
func (p *payload) GetIssuer() (string, error)                { return p.token.Issuer, nil }
func (p *payload) GetSubject() (string, error)               { return p.token.Subject, nil }
func (p *payload) GetAudience() (gojwt.ClaimStrings, error) {
	return gojwt.ClaimStrings(p.token.Audience), nil
}

var _ gojwt.Claims = (*payload)(nil)
