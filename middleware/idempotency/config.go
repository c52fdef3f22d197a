package idempotency

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/store"
)

// Defaults of [Config].
const (
	// DefaultTTL is the default of Config.TTL: 24 hours.
	DefaultTTL = 24 * time.Hour
	// DefaultLockTTL is the default of Config.LockTTL: 1 minute.
	DefaultLockTTL = time.Minute
	// DefaultMaxBytes is the default of Config.MaxBytes: 32 KiB.
	DefaultMaxBytes = 32 << 10
)

// Config is what New takes. Scope is required.
type Config struct {
	// Scope says whose key it is, such as the id of the user: nobody gets the answer to another's
	// request. Who returns "" for everybody lets them. An error is the request's answer. It is
	// called by many goroutines.
	Scope func(c *geist.Ctx) (string, error)

	// Store keeps the answers, in a scope of its own. Nil means a new [store.Memory]: only requests to
	// this process are carried out once. New panics with a Memory in a process that ListenPrefork has started.
	Store store.Store

	// Methods are those whose requests may have a key. Nil means POST and PATCH. GET, HEAD,
	// OPTIONS and TRACE, which change nothing, make New panic.
	Methods []string

	// Required refuses requests without a key, with 400. False carries them out.
	Required bool

	// TTL is how long an answer is kept. Zero means 24 hours. It is at least LockTTL.
	TTL time.Duration

	// LockTTL is how long a request may take: after that its key is free, and the request
	// may be carried out again beside it. Give more than the slowest handler needs. Zero means a
	// minute. It cannot be below a second.
	LockTTL time.Duration

	// MaxBytes bounds the body of an answer that is kept, in bytes. Zero means 32 KiB. Stores have
	// limits of their own, of 64 KiB at least, and an entry is a third larger than the body.
	MaxBytes int

	// Headers are further fields of the answer to be kept, by name. Set-Cookie makes New panic.
	Headers []string
}

// kept are the header fields that are kept of every answer.
var kept = []string{
	"Content-Type", "Content-Encoding", "Content-Language", "Content-Disposition", "Content-Location",
	"Location", "Link", "ETag", "Last-Modified",
}

// resolve returns c with its defaults, or panics with what is wrong.
func (c Config) resolve() Config {
	c = c.defaults()
	switch {
	case c.Scope == nil:
		panic("idempotency: Config.Scope is nil: give a function that says whose key it is, since answers are given to whoever has the key")
	case c.LockTTL < time.Second:
		panic(fmt.Sprintf("idempotency: Config.LockTTL is %v: give at least a second", c.LockTTL))
	case c.TTL < c.LockTTL:
		panic(fmt.Sprintf("idempotency: Config.TTL is %v: give at least LockTTL, %v", c.TTL, c.LockTTL))
	case c.MaxBytes < 0:
		panic(fmt.Sprintf("idempotency: Config.MaxBytes is %d: give a number of bytes, or 0 for the default", c.MaxBytes))
	}
	for _, m := range c.Methods {
		if m != strings.ToUpper(m) || slices.Contains([]string{"", "GET", "HEAD", "OPTIONS", "TRACE"}, m) {
			panic(fmt.Sprintf("idempotency: Config.Methods has %q: give methods that change something, in upper case", m))
		}
	}
	if slices.Contains(c.Headers, "Set-Cookie") {
		panic("idempotency: Config.Headers has Set-Cookie: a cookie is for one answer, and not for a store")
	}
	if _, local := c.Store.(*store.Memory); local && geist.IsPreforkChild() {
		panic("idempotency: Config.Store is in memory in a process of ListenPrefork, whose siblings would carry out the same requests: give a store that they share, such as store/sqlite")
	}
	return c
}

// defaults returns a copy of c with zero replaced by what it means.
func (c Config) defaults() Config {
	if c.Store == nil {
		c.Store = store.NewMemory(store.MemoryConfig{})
	}
	if c.Methods == nil {
		c.Methods = []string{"POST", "PATCH"}
	}
	if c.TTL == 0 {
		c.TTL = DefaultTTL
	}
	if c.LockTTL == 0 {
		c.LockTTL = DefaultLockTTL
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = DefaultMaxBytes
	}
	c.Methods = slices.Clone(c.Methods)
	headers := slices.Clone(kept)
	for _, name := range c.Headers {
		if name = http.CanonicalHeaderKey(name); !slices.Contains(headers, name) {
			headers = append(headers, name)
		}
	}
	c.Headers = headers
	return c
}
