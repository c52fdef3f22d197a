// Package keyauth lets in who shows a key: API keys and opaque tokens.
//
//	app.Use(keyauth.New(keyauth.Config[*Account]{
//		Sources: []keyauth.Source{keyauth.Header("X-API-Key")},
//		Verify: func(c *geist.Ctx, key string) (*Account, error) {
//			account, err := accounts.ByKey(c.Context(), key) // by a hash of it, best
//			if errors.Is(err, sql.ErrNoRows) {
//				return nil, keyauth.ErrUnknownKey
//			}
//			return account, err
//		},
//	}))
//	app.GET("/", func(c *geist.Ctx) error {
//		account, _ := keyauth.From[*Account](c)
//		…
//	})
//
// [Static] is a Verify for a few keys that are configured.
//
// # What is refused
//
// A request without a key, with a malformed one, one over Config.MaxKeyBytes or one that
// Verify does not know is answered 401 with WWW-Authenticate; one with several keys, in one
// place or in two, 400: which of them counts would be a guess. Answers never repeat a key.
//
// Where keys come in other header fields than Authorization or in cookies, answers say so in
// Vary, so that no shared cache gives one client's answer to another.
//
// # WebSockets and streams
//
// The key is checked once, before the connection or the stream begins: a refusal is a plain
// answer, and what has begun goes on when the key is withdrawn. The WebSocket and the
// EventSource of browsers cannot send header fields: for them there are cookies, which their
// route should take from pages of its own host alone (the default), and [Query], whose keys
// end up in logs. Answers of 404, 405 and OPTIONS are behind the check, too, if the engine or
// their group uses it; a preflight request of CORS carries no key, so the cors middleware must
// stand before.
package keyauth

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
	// DefaultMaxKeyBytes is the default of Config.MaxKeyBytes: 512.
	DefaultMaxKeyBytes = 512
)

// ErrUnknownKey is what Config.Verify returns, or wraps, for a key that is nobody's.
var ErrUnknownKey = errors.New("keyauth: nobody has this key")

// Source says where in a request keys stand. Make one by Bearer, Header, Cookie or Query.
type Source struct{ source credential.Source }

// Bearer is Authorization: Bearer <key>.
func Bearer() Source {
	return Source{credential.Source{Place: credential.Header, Name: credential.Authorization, Scheme: "Bearer"}}
}

// Header is a header field whose whole value is the key, such as X-API-Key.
func Header(name string) Source {
	return Source{credential.Source{Place: credential.Header, Name: name}}
}

// Cookie is a cookie. Browsers send cookies with requests that other sites make, too: such
// routes need the csrf middleware.
func Cookie(name string) Source {
	return Source{credential.Source{Place: credential.Cookie, Name: name}}
}

// Query is a field of the query. Addresses end up in logs, in histories and in Referer
// fields, with the key in them: use it where clients can do nothing else, with keys that do
// not live long.
func Query(name string) Source {
	return Source{credential.Source{Place: credential.Query, Name: name}}
}

// Config holds the settings. Verify is required. T is what a key says: whose it is, what
// it may be used for.
type Config[T any] struct {
	// Verify returns whose key it is, or ErrUnknownKey. It is called by many goroutines, for
	// each request unless CacheFor is set. It should look keys up by a hash, so that the time
	// it takes tells nothing of them. Another error that is a [geist.Error] is returned as
	// it is; any other makes a 503: it says that nobody could look, not that the key is wrong.
	Verify func(c *geist.Ctx, key string) (T, error)

	// Sources are where keys may stand. A request that has keys in several is refused. Nil
	// means Bearer.
	Sources []Source

	// Realm names what the key is for, in printable ASCII. Empty means "restricted".
	Realm string

	// MaxKeyBytes is how long a key may be; longer ones are unknown without Verify's being
	// asked. Zero means 512.
	MaxKeyBytes int

	// CacheFor is how long a key that was known is not asked for again: a key that is
	// withdrawn is known for so long. Up to 4,096 are remembered, by a keyed hash, with the T
	// that all their requests then share. Zero never remembers.
	CacheFor time.Duration
}

// cacheSize bounds the keys that are remembered.
const cacheSize = 4096

// identityKey holds a T of any Config, in an interface that the cache has made before.
var identityKey = geist.NewKey[any]("keyauth")

// New returns the middleware. It panics if the Config lacks Verify or holds what cannot be
// used.
func New[T any](config ...Config[T]) geist.Handler {
	if len(config) > 1 {
		panic("keyauth: New was given more than one Config")
	}
	var conf Config[T]
	if len(config) == 1 {
		conf = config[0]
	}
	if problem := conf.problem(); problem != "" {
		panic("keyauth: " + problem)
	}
	if conf.Realm == "" {
		conf.Realm = DefaultRealm
	}
	if conf.MaxKeyBytes == 0 {
		conf.MaxKeyBytes = DefaultMaxKeyBytes
	}
	g := &guard{
		verify:  func(c *geist.Ctx, key string) (any, error) { return conf.Verify(c, key) },
		realm:   conf.Realm,
		maxKey:  conf.MaxKeyBytes,
		keepFor: conf.CacheFor,
		seen:    credential.NewCache[any](cacheSize),
	}
	for _, s := range conf.sources() {
		g.sources = append(g.sources, s.source)
		if field := s.source.Varies(); field != "" && !slices.Contains(g.vary, field) {
			g.vary = append(g.vary, field)
		}
	}
	return g.handle
}

// From returns what Config.Verify has said of the request's key; false if the middleware has
// not run, or was made for another T.
func From[T any](c *geist.Ctx) (T, bool) {
	v, _ := identityKey.Get(c)
	t, ok := v.(T)
	return t, ok
}

// Scheme describes the authentication by the first of the sources, for geist.Security and
// the documents of a service.
func (conf Config[T]) Scheme() geist.SecurityScheme {
	s := conf.sources()[0].source
	if s.Scheme != "" {
		return geist.SecurityScheme{Name: "key", Type: "http", Scheme: strings.ToLower(s.Scheme), Description: "A key."}
	}
	in := map[credential.Place]string{credential.Header: "header", credential.Query: "query", credential.Cookie: "cookie"}[s.Place]
	return geist.SecurityScheme{Name: "key", Type: "apiKey", In: in, Key: s.Name, Description: "A key."}
}

func (conf Config[T]) sources() []Source {
	if len(conf.Sources) == 0 {
		return []Source{Bearer()}
	}
	return conf.Sources
}

// problem says what is wrong with conf, or "".
func (conf Config[T]) problem() string {
	switch {
	case conf.Verify == nil:
		return "Config.Verify is nil: give a function that says whose key it is"
	case conf.MaxKeyBytes < 0:
		return "Config.MaxKeyBytes is negative: use a positive number, or 0 for the default"
	case conf.CacheFor < 0:
		return "Config.CacheFor is negative: use a positive duration, or 0 for none"
	}
	for _, s := range conf.Sources {
		if problem := s.source.Problem(); problem != "" {
			return "Config.Sources: " + problem
		}
	}
	return credential.RealmProblem(conf.Realm)
}

var (
	errNone        = geist.NewError(401, "a key is required")
	errUnknown     = geist.NewError(401, "the key is not valid")
	errSeveral     = geist.NewError(400, "the request has more than one key")
	errUnavailable = geist.NewError(503, "keys cannot be checked at the moment")
)

// guard is the middleware. It is frozen but for what it remembers.
type guard struct {
	verify  func(c *geist.Ctx, key string) (any, error)
	sources []credential.Source
	vary    []string
	realm   string
	maxKey  int
	keepFor time.Duration // 0 means never
	seen    *credential.Cache[any]
}

func (g *guard) handle(c *geist.Ctx) error {
	for _, field := range g.vary {
		c.AddHeader("Vary", field)
	}
	identity, err := g.identify(c)
	if err != nil {
		return err
	}
	identityKey.Set(c, identity)
	return c.Next()
}

// identify returns whose key the request has.
func (g *guard) identify(c *geist.Ctx) (any, error) {
	key, err := credential.Find(c, g.sources, g.maxKey)
	switch {
	case errors.Is(err, credential.ErrNone):
		return nil, g.refuse(c, errNone, "")
	case errors.Is(err, credential.ErrSeveral):
		return nil, g.refuse(c, errSeveral, "invalid_request")
	case err != nil:
		return nil, g.refuse(c, errUnknown, "invalid_token")
	case g.keepFor == 0:
		return g.ask(c, key)
	}
	id := g.seen.ID(key)
	if identity, ok := g.seen.Get(id); ok {
		return identity, nil
	}
	identity, err := g.ask(c, key)
	if err == nil {
		g.seen.Put(id, identity, time.Now().Add(g.keepFor))
	}
	return identity, err
}

// ask asks Verify.
func (g *guard) ask(c *geist.Ctx, key string) (any, error) {
	identity, err := g.verify(c, key)
	if err == nil {
		return identity, nil
	}
	if errors.Is(err, ErrUnknownKey) {
		return nil, g.refuse(c, errUnknown, "invalid_token")
	}
	if _, ok := errors.AsType[*geist.Error](err); ok {
		return nil, err
	}
	c.SetHeader("Retry-After", "1")
	return nil, errUnavailable.Wrap(err)
}

// refuse returns err with the challenge that belongs to it: of RFC 6750 for bearers, else of
// a scheme that only says that a key is wanted.
func (g *guard) refuse(c *geist.Ctx, err error, code string) error {
	scheme := g.sources[0].Scheme
	if scheme == "" {
		scheme, code = "ApiKey", ""
	}
	c.SetHeader("WWW-Authenticate", credential.Challenge(scheme, "realm", g.realm, "error", code))
	return err
}
