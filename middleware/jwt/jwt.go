// Package jwt lets in who shows a JSON Web Token (RFC 7519) that somebody known has signed.
//
//	keys := jwt.NewJWKS(jwt.JWKSConfig{URLs: []string{"https://id.example.com/jwks.json"}})
//	app.OnShutdown(func(context.Context) error { return keys.Close() })
//
//	app.Use(jwt.New(jwt.Config{
//		Keys:     keys,
//		Issuer:   "https://id.example.com/",
//		Audience: []string{"https://api.example.com"},
//	}))
//	app.GET("/", func(c *geist.Ctx) error {
//		token, _ := jwt.From(c)
//		return c.Text(200, "hello "+token.Subject)
//	})
//	app.DELETE("/users/:id", jwt.Scope("users:write"), remove)
//
// Keys that do not change are given by [Key] and [KeyRing]. Claims of one's own are read by
// [Claims].
//
// # What is refused
//
// Algorithms are pinned by Config.Algorithms, or by what the keys are for; a token's own header
// chooses among them alone, a key serves only algorithms of its type, and "none" is none of
// them. Keys and addresses of keys in the header (jwk, jku, x5c, x5u) are not looked at. Every
// token must say when it expires, and whom it is from and for, unless the Config says otherwise.
// Names that stand twice in a header or in claims, in any case, and critical extensions are
// refused.
//
// Without a token, and for one that is not valid, the answer is 401 with WWW-Authenticate as
// RFC 6750 has it; with several tokens 400; without a scope that [Scope] asks for 403; and 503
// while no keys can be had or Config.Revoked fails.
//
// A token says nothing of who shows it: whoever has it may use it until it expires. Make
// tokens that live for minutes, and name those that are withdrawn before by Config.Revoked.
//
// # WebSockets and streams
//
// The token is checked once, before the connection or the stream begins: a refusal is a plain
// answer. What has begun outlives the token, unless something ends it: a WebSocket [CloseAtExpiry],
// a stream [EndAtExpiry], rooms the Expires of what the hub.Policy answers to a client's first message.
//
// The WebSocket and the EventSource of browsers cannot send header fields: for them there are
// cookies, which their route should take from pages of its own host alone (the default), and
// [Query], whose tokens end up in logs. Answers of 404, 405 and OPTIONS are behind the check,
// too, if the engine or their group uses it; a preflight request of CORS carries no token, so
// the cors middleware must stand before.
package jwt

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/internal/credential"
)

// Defaults of [Config].
const (
	// DefaultRealm is the default of Config.Realm.
	DefaultRealm = "restricted"
	// DefaultLeeway is the default of Config.Leeway: 10 seconds.
	DefaultLeeway = 10 * time.Second
	// DefaultMaxTokenBytes is the default of Config.MaxTokenBytes: 8 KiB.
	DefaultMaxTokenBytes = 8 << 10
)

// maxLeeway is the most that Config.Leeway may be: clocks that differ by more are broken.
const maxLeeway = 5 * time.Minute

// Source says where in a request tokens stand. Make one by Bearer, Header, Cookie or Query.
type Source struct{ source credential.Source }

// Bearer is Authorization: Bearer <token>.
func Bearer() Source {
	return Source{credential.Source{Place: credential.Header, Name: credential.Authorization, Scheme: "Bearer"}}
}

// Header is a header field whose whole value is the token, such as one that a proxy sets.
func Header(name string) Source {
	return Source{credential.Source{Place: credential.Header, Name: name}}
}

// Cookie is a cookie. Browsers send cookies with requests that other sites make, too: such
// routes need the csrf middleware.
func Cookie(name string) Source {
	return Source{credential.Source{Place: credential.Cookie, Name: name}}
}

// Query is a field of the query, such as access_token. Addresses end up in logs, in histories
// and in Referer fields, with the token in them: use it where clients can do nothing else, with
// tokens that live for seconds.
func Query(name string) Source {
	return Source{credential.Source{Place: credential.Query, Name: name}}
}

// Config holds the settings. Keys, Issuer and Audience are required; AnyIssuer and
// AnyAudience are in place of the latter.
type Config struct {
	// Keys verify the signatures: of Key, KeyRing or NewJWKS.
	Keys Keys

	// Algorithms are those that tokens may be signed with: HS256, HS384, HS512, RS256 to
	// RS512, PS256 to PS512, ES256 to ES512 and EdDSA. Nil means what the keys are made for:
	// HS256, RS256, ES256 (or that of the curve) and EdDSA by their types, and all of these but
	// HS256 for a JWKS.
	Algorithms []string

	// Issuer is what the claim iss must be.
	Issuer string
	// AnyIssuer takes tokens whatever their iss: the keys are then all that tells whose they
	// are. It does not go with Issuer.
	AnyIssuer bool

	// Audience are names of this service, one of which the claim aud must have: else a token
	// that was made for another service would be good for this one.
	Audience []string
	// AnyAudience takes tokens whatever their aud. It does not go with Audience.
	AnyAudience bool

	// Type is what the header's typ must be, such as "at+jwt" (RFC 9068), where the issuer
	// makes other tokens with the same keys. Case and the prefix application/ do not matter.
	// Empty takes any.
	Type string

	// Leeway is how much the clocks of this machine and the issuer's may differ, for exp
	// and nbf. Zero means 10 seconds, negative none; the most is 5 minutes.
	Leeway time.Duration

	// Sources are where tokens may stand. A request that has tokens in several is refused.
	// Nil means Bearer.
	Sources []Source

	// Realm names what the token is for, in printable ASCII. Empty means "restricted".
	Realm string

	// MaxTokenBytes is how long a token may be; longer ones are refused before they are
	// parsed. Zero means 8 KiB.
	MaxTokenBytes int

	// Revoked reports whether a token that is valid otherwise has been withdrawn, by its ID
	// or its subject, or has been used before. It is called for every request, by many
	// goroutines. An error that is a [geist.Error] is returned as it is, any other makes a
	// 503. Nil withdraws none.
	Revoked func(c *geist.Ctx, token *Token) (bool, error)

	// CacheFor is how long the signature of a token that was valid is not verified again, at
	// most until it expires: a key that is withdrawn is good for so long. Up to 4,096 tokens
	// are remembered, by a keyed hash. Zero verifies every time.
	CacheFor time.Duration
}

// cacheSize bounds the tokens that are remembered.
const cacheSize = 4096

var tokenKey = geist.NewKey[*Token]("jwt")

// New returns the middleware. It panics if the Config lacks what is required or holds what
// cannot be used.
func New(config ...Config) geist.Handler {
	if len(config) > 1 {
		panic("jwt: New was given more than one Config")
	}
	var conf Config
	if len(config) == 1 {
		conf = config[0]
	}
	if problem := conf.problem(); problem != "" {
		panic("jwt: " + problem)
	}
	return newGuard(conf).handle
}

// From returns the request's token, which has been verified; false if the middleware has not
// run. Requests may share a Token: it is not to be changed.
func From(c *geist.Ctx) (*Token, bool) { return tokenKey.Get(c) }

// Scheme describes the authentication by the first of the sources, for geist.Security and
// the documents of a service.
func (conf Config) Scheme() geist.SecurityScheme {
	s := conf.sources()[0].source
	if s.Scheme != "" {
		return geist.SecurityScheme{Name: "jwt", Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "A JSON Web Token."}
	}
	in := map[credential.Place]string{credential.Header: "header", credential.Query: "query", credential.Cookie: "cookie"}[s.Place]
	return geist.SecurityScheme{Name: "jwt", Type: "apiKey", In: in, Key: s.Name, Description: "A JSON Web Token."}
}

func (conf Config) sources() []Source {
	if len(conf.Sources) == 0 {
		return []Source{Bearer()}
	}
	return conf.Sources
}

// problem says what is wrong with conf, or "".
func (conf Config) problem() string {
	switch {
	case conf.Keys == nil:
		return "Config.Keys is nil: give the keys that verify signatures, by Key, KeyRing or NewJWKS"
	case conf.Issuer == "" && !conf.AnyIssuer:
		return "Config.Issuer is empty: give what the claim iss must be, or set AnyIssuer"
	case conf.Issuer != "" && conf.AnyIssuer:
		return "Config.Issuer and Config.AnyIssuer are both set: choose one"
	case len(conf.Audience) == 0 && !conf.AnyAudience:
		return "Config.Audience is empty: give the names of this service in the claim aud, or set AnyAudience"
	case len(conf.Audience) > 0 && conf.AnyAudience:
		return "Config.Audience and Config.AnyAudience are both set: choose one"
	case slices.Contains(conf.Audience, ""):
		return "Config.Audience holds an empty name: remove it"
	case conf.Leeway > maxLeeway:
		return "Config.Leeway is more than 5 minutes: set the clocks instead"
	case conf.MaxTokenBytes < 0:
		return "Config.MaxTokenBytes is negative: use a positive number, or 0 for the default"
	case conf.CacheFor < 0:
		return "Config.CacheFor is negative: use a positive duration, or 0 for none"
	}
	if problem := algorithmsProblem(conf.Algorithms, conf.Keys); problem != "" {
		return problem
	}
	for _, s := range conf.Sources {
		if problem := s.source.Problem(); problem != "" {
			return "Config.Sources: " + problem
		}
	}
	return credential.RealmProblem(conf.Realm)
}

var (
	errNone        = geist.NewError(401, "a token is required")
	errInvalid     = geist.NewError(401, "the token is not valid")
	errExpired     = geist.NewError(401, "the token has expired")
	errEarly       = geist.NewError(401, "the token is not valid yet")
	errRevoked     = geist.NewError(401, "the token has been withdrawn")
	errSeveral     = geist.NewError(400, "the request has more than one token")
	errUnavailable = geist.NewError(503, "tokens cannot be checked at the moment")
)

// guard is the middleware. It is frozen but for what it remembers.
type guard struct {
	parser  *parser
	revoked func(c *geist.Ctx, token *Token) (bool, error)
	sources []credential.Source
	vary    []string
	realm   string
	keepFor time.Duration // 0 means never
	seen    *credential.Cache[*Token]
}

func newGuard(conf Config) *guard {
	if conf.Realm == "" {
		conf.Realm = DefaultRealm
	}
	g := &guard{
		parser:  newParser(conf),
		revoked: conf.Revoked,
		realm:   conf.Realm,
		keepFor: conf.CacheFor,
		seen:    credential.NewCache[*Token](cacheSize),
	}
	for _, s := range conf.sources() {
		g.sources = append(g.sources, s.source)
		if field := s.source.Varies(); field != "" && !slices.Contains(g.vary, field) {
			g.vary = append(g.vary, field)
		}
	}
	return g
}

func (g *guard) handle(c *geist.Ctx) error {
	for _, field := range g.vary {
		c.AddHeader("Vary", field)
	}
	raw, err := credential.Find(c, g.sources, g.parser.maxBytes)
	switch {
	case errors.Is(err, credential.ErrNone):
		return g.refuse(c, errNone, "")
	case errors.Is(err, credential.ErrSeveral):
		return g.refuse(c, errSeveral, "invalid_request")
	case err != nil:
		return g.refuse(c, errInvalid, "invalid_token")
	}
	token, err := g.verified(c, raw)
	if err != nil {
		return g.failed(c, err)
	}
	if g.revoked != nil {
		switch revoked, err := g.revoked(c, token); {
		case err != nil:
			return unavailable(c, err)
		case revoked:
			return g.refuse(c, errRevoked, "invalid_token")
		}
	}
	tokenKey.Set(c, token)
	return c.Next()
}

// verified returns a token whose signature and claims are right.
func (g *guard) verified(c *geist.Ctx, raw string) (*Token, error) {
	if g.keepFor == 0 {
		return g.parser.parse(c, raw)
	}
	id := g.seen.ID(raw)
	if token, ok := g.seen.Get(id); ok {
		return token, nil
	}
	token, err := g.parser.parse(c, raw)
	if err == nil {
		until := time.Now().Add(g.keepFor)
		if token.ends.Before(until) {
			until = token.ends
		}
		g.seen.Put(id, token, until)
	}
	return token, err
}

// failed answers a token that parse has refused.
func (g *guard) failed(c *geist.Ctx, err error) error {
	e, _ := errors.AsType[*geist.Error](err)
	if e == nil || e.StatusCode() >= 500 {
		return unavailable(c, err)
	}
	return g.refuse(c, e, "invalid_token")
}

// unavailable answers that nobody could look.
func unavailable(c *geist.Ctx, err error) error {
	if _, ok := errors.AsType[*geist.Error](err); ok {
		return err
	}
	c.SetHeader("Retry-After", "1")
	return errUnavailable.Wrap(err)
}

// refuse returns err with the challenge of RFC 6750.
func (g *guard) refuse(c *geist.Ctx, err *geist.Error, code string) error {
	challenge(c, g.realm, code, err, "")
	return err
}

func challenge(c *geist.Ctx, realm, code string, err *geist.Error, scope string) {
	description := err.Detail()
	if code == "" {
		description = "" // who has shown no token has made no mistake
	}
	c.SetHeader("WWW-Authenticate", credential.Challenge("Bearer", "realm", realm, "error", code, "error_description", description, "scope", scope))
}

// Scope returns a handler that lets in tokens with all of the scopes, for the routes behind
// New. It answers others 403, with the scopes in WWW-Authenticate, and requests without a token 401.
// It panics without a scope, and for one that is no scope of RFC 6749.
func Scope(scopes ...string) geist.Handler {
	if len(scopes) == 0 {
		panic("jwt: Scope was given no scopes: use New alone to let in any token")
	}
	for _, s := range scopes {
		if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '\\' }) {
			panic("jwt: Scope was given what is no scope: use visible ASCII without spaces, quotes and backslashes, one scope each")
		}
	}
	scopes = slices.Clone(scopes)
	joined := strings.Join(scopes, " ")
	return func(c *geist.Ctx) error {
		token, ok := From(c)
		if !ok {
			challenge(c, "", "", errNone, joined)
			return errNone
		}
		for _, s := range scopes {
			if !slices.Contains(token.Scopes, s) {
				challenge(c, "", "insufficient_scope", errScope, joined)
				return errScope
			}
		}
		return c.Next()
	}
}

var errScope = geist.NewError(403, "the token does not allow this")
