// Package basicauth lets in who knows a user's password, by HTTP Basic authentication
// (RFC 7617).
//
//	app.Use(basicauth.New(basicauth.Config{Users: map[string]string{
//		"ada": "pbkdf2-sha256$600000$…", // made once by basicauth.Hash
//	}}))
//	app.GET("/", func(c *geist.Ctx) error {
//		user, _ := basicauth.From(c)
//		…
//	})
//
// Passwords go over the wire with every request: use it over TLS only.
//
// # What is refused
//
// A request without credentials, with malformed ones or with wrong ones is answered 401 with
// WWW-Authenticate, by which browsers ask for a password; more than one Authorization field
// is 400. A name that nobody has takes as long as a wrong password, so that names cannot be
// found out. At most Config.MaxHashing passwords are hashed at once and as many as
// Config.MaxWaiting wait for that; the rest is answered 503, so that guessing does not take
// the whole machine. Put a rate limit before it to slow guessing down.
//
// # WebSockets and streams
//
// The credentials are checked once, before the connection or the stream begins: a refusal is
// a plain answer. What has begun goes on when the password changes. Browsers send no
// Authorization with a WebSocket unless the page has been asked for a password already.
// Answers of 404, 405 and OPTIONS are behind the check, too, if the engine or their group
// uses it; a preflight request of CORS carries no credentials, so the cors middleware must
// stand before.
package basicauth

import (
	"encoding/base64"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/internal/credential"
)

// Defaults of [Config].
const (
	// DefaultRealm is the default of Config.Realm.
	DefaultRealm = "restricted"
	// DefaultCacheFor is the default of Config.CacheFor with Users: a minute.
	DefaultCacheFor = time.Minute
	// DefaultMaxWaiting is the default of Config.MaxWaiting: 256.
	DefaultMaxWaiting = 256
)

// Config holds the settings. Either Users or Verify is required.
type Config struct {
	// Users are the users' names with what [Hash] has made of their passwords. It is copied.
	Users map[string]string

	// Verify reports whether a password is that of a user, in place of Users. It is called
	// by many goroutines, for each request unless CacheFor is set, and must take as long for
	// users who do not exist as for others. An error that is a [geist.Error] is returned as
	// it is, any other makes a 503: it says that nobody could look, not that the password
	// is wrong.
	Verify func(c *geist.Ctx, user, password string) (bool, error)

	// Realm names what the password is for, in printable ASCII. Empty means "restricted".
	Realm string

	// CacheFor is how long credentials that were right are not checked again. Up to 1,024 are
	// remembered, by a keyed hash. Zero means a minute with Users, which do not change, and
	// not at all with Verify; negative never remembers.
	CacheFor time.Duration

	// MaxHashing bounds how many passwords are hashed at once, for Users. Zero means half
	// of the processors that Go uses, at least one.
	MaxHashing int

	// MaxWaiting bounds how many requests wait for that; more are answered 503. Who waits
	// for credentials that meanwhile were found right is let in at once. Zero means 256,
	// negative none.
	MaxWaiting int
}

// cacheSize bounds the credentials that are remembered.
const cacheSize = 1024

// maxCredentials is the longest name with its password, in base64, that is looked at.
const maxCredentials = 2 << 10

var userKey = geist.NewKey[string]("basicauth")

// New returns the middleware. It panics if the Config lacks what is required or holds what
// cannot be used, such as a password in the place of its hash.
func New(config ...Config) geist.Handler { return newGuard(config).handle }

// From returns the name of the user whose password has come with the request; false if the
// middleware has not run.
func From(c *geist.Ctx) (string, bool) { return userKey.Get(c) }

// Scheme describes the authentication, for geist.Security and the documents of a service.
func (conf Config) Scheme() geist.SecurityScheme {
	return geist.SecurityScheme{Name: "basic", Type: "http", Scheme: "basic", Description: "The name and the password of a user."}
}

var (
	errNone        = geist.NewError(401, "a name and a password are required")
	errMalformed   = geist.NewError(401, "the credentials are malformed")
	errWrong       = geist.NewError(401, "the name or the password is wrong")
	errSeveral     = geist.NewError(400, "the request has more than one Authorization field")
	errUnavailable = geist.NewError(503, "passwords cannot be checked at the moment")
	errBusy        = geist.NewError(503, "too many passwords are being checked")
)

// guard is the middleware. It is frozen but for what it remembers.
type guard struct {
	verify    func(c *geist.Ctx, user, password string) (bool, error)
	passwords *passwords // whose verify is used; nil without Config.Users
	challenge string
	cacheFor  time.Duration // 0 means never
	seen      *credential.Cache[string]
}

func newGuard(config []Config) *guard {
	if len(config) > 1 {
		panic("basicauth: New was given more than one Config")
	}
	var conf Config
	if len(config) == 1 {
		conf = config[0]
	}
	if problem := conf.problem(); problem != "" {
		panic("basicauth: " + problem)
	}
	if conf.Realm == "" {
		conf.Realm = DefaultRealm
	}
	if conf.CacheFor == 0 && conf.Users != nil {
		conf.CacheFor = DefaultCacheFor
	}
	g := &guard{
		verify:    conf.Verify,
		challenge: credential.Challenge("Basic", "realm", conf.Realm, "charset", "UTF-8"),
		cacheFor:  max(conf.CacheFor, 0),
		seen:      credential.NewCache[string](cacheSize),
	}
	if conf.Users != nil {
		g.passwords = newPasswords(conf.Users, conf.MaxHashing, conf.MaxWaiting)
		g.verify = g.passwords.verify
	}
	return g
}

// problem says what is wrong with conf, or "".
func (conf Config) problem() string {
	switch {
	case conf.Users == nil && conf.Verify == nil:
		return "Config.Users and Config.Verify are nil: give the users with the hashes of their passwords, or a function that checks one"
	case conf.Users != nil && conf.Verify != nil:
		return "Config.Users and Config.Verify are both set: give one of them"
	case conf.Users != nil && len(conf.Users) == 0:
		return "Config.Users is empty: nobody could enter"
	case conf.MaxHashing < 0:
		return "Config.MaxHashing is negative: use a positive number, or 0 for the default"
	}
	for user, hash := range conf.Users {
		if !validUser(user) {
			return "Config.Users holds a name that cannot be sent: use UTF-8 without colons and control characters"
		}
		if _, err := parseHash(hash); err != nil {
			return "Config.Users: " + user + ": " + err.Error()
		}
	}
	return credential.RealmProblem(conf.Realm)
}

func (g *guard) handle(c *geist.Ctx) error {
	value, once := c.HeaderOnce(credential.Authorization)
	if !once {
		return errSeveral
	}
	encoded, err := credential.Scheme(value, "Basic")
	if err != nil || len(encoded) > maxCredentials {
		return g.refuse(c, errMalformed)
	}
	if encoded == "" {
		return g.refuse(c, errNone)
	}
	user, err := g.identify(c, encoded)
	if err != nil {
		return err
	}
	userKey.Set(c, user)
	return c.Next()
}

// identify returns the user whose credentials these are.
func (g *guard) identify(c *geist.Ctx, encoded string) (string, error) {
	var id credential.ID
	if g.cacheFor > 0 {
		id = g.seen.ID(encoded)
		if user, ok := g.seen.Get(id); ok {
			return user, nil
		}
	}
	user, password, ok := decode(encoded)
	if !ok {
		return "", g.refuse(c, errMalformed)
	}
	if g.passwords != nil {
		if err := g.passwords.enter(c); err != nil {
			return "", err
		}
		defer g.passwords.leave()
		if user, ok := g.seen.Get(id); ok { // who went before has had the same
			return user, nil
		}
	}
	right, err := g.verify(c, user, password)
	switch {
	case err != nil:
		return "", unavailable(c, err)
	case !right:
		return "", g.refuse(c, errWrong)
	case g.cacheFor > 0:
		g.seen.Put(id, user, time.Now().Add(g.cacheFor))
	}
	return user, nil
}

func (g *guard) refuse(c *geist.Ctx, err *geist.Error) error {
	c.SetHeader("WWW-Authenticate", g.challenge)
	return err
}

// unavailable answers that nobody could look.
func unavailable(c *geist.Ctx, err error) error {
	if _, ok := errors.AsType[*geist.Error](err); ok {
		return err
	}
	c.SetHeader("Retry-After", "1")
	return errUnavailable.Wrap(err)
}

// decode returns the name and the password of credentials in base64.
func decode(encoded string) (user, password string, ok bool) {
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return "", "", false
	}
	user, password, ok = strings.Cut(string(raw), ":")
	return user, password, ok && validUser(user) && validText(password)
}

func validUser(s string) bool { return validText(s) && !strings.Contains(s, ":") }

// validText reports whether s is UTF-8 without control characters, as RFC 7617 has it.
func validText(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
	}
	return utf8.ValidString(s)
}
