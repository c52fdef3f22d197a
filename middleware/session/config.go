package session

import (
	"fmt"
	"strings"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/store"
)

// Defaults of [Config].
const (
	// DefaultIdle is the default of Config.Idle: 30 minutes.
	DefaultIdle = 30 * time.Minute
	// DefaultAbsolute is the default of Config.Absolute: 12 hours.
	DefaultAbsolute = 12 * time.Hour
	// DefaultMaxBytes is the default of Config.MaxBytes: 16 KiB.
	DefaultMaxBytes = 16 << 10
)

// Config is what New takes. The zero Config keeps sessions in this process. It is also how
// sessions are described ([Config.Scheme]) and ended ([Config.Revoke]).
type Config struct {
	// Store keeps the sessions, in a scope of its own. Nil means a new [store.Memory]: sessions
	// end with the process then, and no other process or node knows them. New panics with a
	// Memory in a process that ListenPrefork has started.
	Store store.Store

	// Idle is how long a session lives since the last request that has used it. Zero means 30
	// minutes, a negative Idle no limit. It is written at most eight times in that period, so that
	// a session may end an eighth early. It cannot be above zero and below a second.
	Idle time.Duration

	// Absolute is how long a session lives from its beginning, or its last Regenerate, on. Zero
	// means 12 hours, a negative Absolute no limit. One of Idle and Absolute must be one.
	Absolute time.Duration

	// MaxBytes bounds what a session holds, in bytes: its values as JSON, and their names. Zero
	// means 16 KiB. What would be more gives ErrTooLarge. Stores have limits of their own, of 64 KiB at least.
	MaxBytes int

	// Cookie is the name of the cookie, of letters, digits, dashes and underscores, without the prefix that it gets
	// over https: __Host-, or __Secure- with a Domain. Empty means "sid".
	Cookie string

	// Domain extends the cookie to the subdomains of a name. Empty, which is safer, means the
	// host alone.
	Domain string

	// SameSite says what requests from other sites carry the cookie. Zero means Lax; None needs
	// Secure, and protection against forged requests.
	SameSite geist.SameSite

	// Secure has the cookie sent over https alone, even where Ctx.Scheme says http: behind a proxy that
	// ends TLS and is not among the engine's TrustedProxies. False goes by the scheme of each request.
	Secure bool

	// Persistent keeps the cookie when the browser ends, for as long as Absolute allows.
	Persistent bool
}

// resolve returns c with its defaults, or panics with what is wrong.
func (c Config) resolve() Config {
	c = c.defaults()
	switch {
	case c.Idle < 0 && c.Absolute < 0:
		panic("session: Config.Idle and Config.Absolute are both negative: sessions must end one day, give one of them")
	case c.Idle > 0 && c.Idle < time.Second || c.Absolute > 0 && c.Absolute < time.Second:
		panic(fmt.Sprintf("session: Config.Idle is %v and Config.Absolute %v: give at least a second", c.Idle, c.Absolute))
	case c.MaxBytes < 0:
		panic(fmt.Sprintf("session: Config.MaxBytes is %d: give a number of bytes, or 0 for the default", c.MaxBytes))
	case strings.HasPrefix(c.Cookie, "__") || !plain(c.Cookie, "_-"):
		panic(fmt.Sprintf("session: Config.Cookie is %q: give letters, digits, dashes and underscores, without a prefix such as __Host-", c.Cookie))
	case !plain(c.Domain, ".-"):
		panic(fmt.Sprintf("session: Config.Domain is %q: give a host name", c.Domain))
	case c.SameSite > geist.SameSiteNone:
		panic(fmt.Sprintf("session: Config.SameSite is %d: use one of the constants", c.SameSite))
	case c.SameSite == geist.SameSiteNone && !c.Secure:
		panic("session: Config.SameSite is None without Config.Secure: browsers refuse such a cookie")
	}
	if _, local := c.Store.(*store.Memory); local && geist.IsPreforkChild() {
		panic("session: Config.Store is in memory in a process of ListenPrefork, whose siblings would not know its sessions: give a store that they share, such as store/sqlite")
	}
	return c
}

// defaults returns c with zero replaced by what it means.
func (c Config) defaults() Config {
	if c.Store == nil {
		c.Store = store.NewMemory(store.MemoryConfig{})
	}
	if c.Idle == 0 {
		c.Idle = DefaultIdle
	}
	if c.Absolute == 0 {
		c.Absolute = DefaultAbsolute
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	if c.SameSite == geist.SameSiteDefault {
		c.SameSite = geist.SameSiteLax
	}
	c.Cookie = c.cookieBase()
	return c
}

func (c Config) cookieBase() string {
	if c.Cookie == "" {
		return "sid"
	}
	return c.Cookie
}

// plain reports whether s has letters, digits and the others alone.
func plain(s, others string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(others, r))
	})
}

// cookieName returns the name of the cookie over https, or over http. The prefixes have browsers
// refuse such a cookie from anyone but the host, or from http: RFC 6265bis §4.1.3.
func (c Config) cookieName(https bool) string {
	switch {
	case !https:
		return c.cookieBase()
	case c.Domain != "":
		return "__Secure-" + c.cookieBase()
	}
	return "__Host-" + c.cookieBase()
}

// Scheme describes the cookie, as it is over https, for documents:
//
//	app.GET("/me", me).Doc(geist.Security(conf.Scheme()))
func (c Config) Scheme() geist.SecurityScheme {
	return geist.SecurityScheme{
		Name: "session", Type: "apiKey", In: "cookie", Key: c.cookieName(true),
		Description: "A session, which begins with the first answer that sets the cookie.",
	}
}
