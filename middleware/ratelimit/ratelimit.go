package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/store"
)

// Defaults of [Config].
const (
	// DefaultName is the default of Config.Name.
	DefaultName = "default"
	// DefaultIPv6Prefix is the default of Config.IPv6Prefix: 64 bits.
	DefaultIPv6Prefix = 64
	// DefaultStoreTimeout is the default of Config.StoreTimeout: half a second.
	DefaultStoreTimeout = 500 * time.Millisecond
)

// Config holds the settings of [New]. Limit, or LimitFor, must be given. The functions must be safe for
// any number of goroutines.
type Config struct {
	// Limit is how much is allowed under one key. New panics if it is none; see store.Limit.
	Limit store.Limit

	// LimitFor returns the limit of one request, in place of Limit: by plan, or by route. The
	// zero Limit lets the request pass uncounted; one that cannot be is a server error (500). Nil means
	// Limit for every request.
	LimitFor func(c *geist.Ctx) store.Limit

	// Name tells this limit from others in the store and in the header fields: letters,
	// digits, "-", "_" and ".". Limiters of one name on one store count together. Empty
	// means "default".
	Name string

	// Key says who asks. It must not be something that a client can make up as often as it
	// likes. Nil means the client's address; on a unix socket without a trusted proxy all clients
	// have one key, the empty one.
	Key func(c *geist.Ctx) string

	// IPv6Prefix is how many bits of an IPv6 address count, from 1 to 128. Zero means 64.
	// It says nothing with Key.
	IPv6Prefix int

	// Cost says how much a request counts. Zero and less count as nothing. What costs more than
	// Burst is always refused. Nil means 1.
	Cost func(c *geist.Ctx) int

	// Store is where the counts are. Nil means memory of this middleware alone. One that
	// several nodes share makes the limit hold for all of them together. It is not closed.
	Store store.Store

	// StoreTimeout bounds the wait for a Store that is not in memory; then it counts as
	// failed. Zero means 500ms.
	StoreTimeout time.Duration

	// FailClosed answers 503 when the store fails, in place of letting requests pass.
	FailClosed bool

	// DisableHeaders sends no RateLimit and no RateLimit-Policy. Retry-After is sent in any case.
	DisableHeaders bool
}

// decisionKey holds what the innermost limiter has decided.
var decisionKey = geist.NewKey[store.Decision]("ratelimit")

// From returns what the limiter that ran last has decided about the request, and false if none
// has: there is none, its store failed, or LimitFor let the request pass.
func From(c *geist.Ctx) (store.Decision, bool) { return decisionKey.Get(c) }

// New returns middleware that bounds how often clients may ask. It panics for a Config that makes no
// sense, and for more than one. What it returns is safe for any number of goroutines and engines,
// which share the limit.
func New(config ...Config) geist.Handler {
	if len(config) != 1 {
		panic("ratelimit: New takes one Config: give it a Limit")
	}
	return newRateLimit(config[0].resolve()).handle
}

// resolve returns the Config with its defaults, or panics.
func (conf Config) resolve() Config {
	if conf.Name == "" {
		conf.Name = DefaultName
	}
	if conf.IPv6Prefix == 0 {
		conf.IPv6Prefix = DefaultIPv6Prefix
	}
	if conf.StoreTimeout == 0 {
		conf.StoreTimeout = DefaultStoreTimeout
	}
	if conf.LimitFor == nil {
		if conf.Limit == (store.Limit{}) {
			panic("ratelimit: Config.Limit is zero: say how much is allowed, such as store.Limit{Rate: 100, Period: time.Minute}")
		}
		if err := conf.Limit.Check(1); err != nil {
			panic(fmt.Sprintf("ratelimit: Config.Limit cannot be: %v", err))
		}
	}
	switch {
	case conf.LimitFor != nil && conf.Limit != (store.Limit{}):
		panic("ratelimit: Config has Limit and LimitFor: give one of them")
	case !validName(conf.Name):
		panic(fmt.Sprintf(`ratelimit: Config.Name is %q: use letters, digits, "-", "_" and "."`, conf.Name))
	case conf.IPv6Prefix < 1 || conf.IPv6Prefix > 128:
		panic(fmt.Sprintf("ratelimit: Config.IPv6Prefix is %d: give 1 to 128 bits, or 0 for %d", conf.IPv6Prefix, DefaultIPv6Prefix))
	case conf.StoreTimeout < 0:
		panic(fmt.Sprintf("ratelimit: Config.StoreTimeout is %s: give a positive time, or 0 for %s", conf.StoreTimeout, DefaultStoreTimeout))
	}
	return conf
}

func validName(name string) bool {
	for i := range len(name) {
		switch b := name[i]; {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9', b == '-', b == '_', b == '.':
		default:
			return false
		}
	}
	return true
}

// rateLimit is the middleware.
type rateLimit struct {
	conf    Config
	limiter *Limiter
	fields  *fields // nil if none are sent
	refusal *geist.Error
	failed  failures
}

func newRateLimit(conf Config) *rateLimit {
	r := &rateLimit{
		conf:    conf,
		limiter: newLimiter(conf.Store, conf.Name, conf.Limit),
		refusal: geist.NewError(429, "too many requests, try again later").With("policy", conf.Name),
	}
	if !conf.DisableHeaders {
		r.fields = newFields(conf)
	}
	return r
}

func (r *rateLimit) handle(c *geist.Ctx) error {
	limit := r.conf.Limit
	if r.conf.LimitFor != nil {
		if limit = r.conf.LimitFor(c); limit == (store.Limit{}) {
			return c.Next()
		}
	}
	cost := 1
	if r.conf.Cost != nil {
		cost = max(r.conf.Cost(c), 0)
	}
	d, err := r.allow(c, limit, cost)
	switch {
	case errors.Is(err, store.ErrLimit):
		return fmt.Errorf("ratelimit: what LimitFor of %q has returned: %w", r.conf.Name, err)
	case err != nil && c.Context().Err() != nil:
		return ended(context.Cause(c.Context()))
	case err != nil:
		return r.fail(c, err)
	}
	decisionKey.Set(c, d)
	if r.fields != nil {
		r.fields.send(c, limit, d)
	}
	if d.Allowed {
		return c.Next()
	}
	wait := d.RetryAfter
	if wait < 0 { // it is never allowed
		wait = max(d.ResetAfter, time.Second)
	}
	setSeconds(c, "Retry-After", wait)
	return r.refusal
}

// allow asks the limiter. Memory answers at once; for another store the client may leave, and its
// time may end.
func (r *rateLimit) allow(c *geist.Ctx, limit store.Limit, cost int) (store.Decision, error) {
	ctx := context.Background()
	if r.limiter.memory == nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(c.Context(), r.conf.StoreTimeout)
		defer cancel()
	}
	if r.conf.Key != nil {
		return r.limiter.allow(ctx, r.conf.Key(c), limit, cost)
	}
	ip := c.ClientIP()
	if !isIPv6(ip) {
		return r.limiter.allow(ctx, ip, limit, cost)
	}
	return r.allowPrefix(ctx, ip, limit, cost)
}

// ended refuses a request whose context has ended while the store was asked: the store has not
// failed, and who is in time to leave would never be counted.
func ended(cause error) error {
	if _, ok := errors.AsType[*geist.Error](cause); ok || errors.Is(cause, geist.ErrClientGone) {
		return cause
	}
	return errUnchecked.Wrap(cause)
}

// fail lets a request pass that could not be counted, or refuses it.
func (r *rateLimit) fail(c *geist.Ctx, err error) error {
	if r.conf.FailClosed {
		setSeconds(c, "Retry-After", time.Second)
		return errUnchecked.Wrap(err)
	}
	if n, now := r.failed.note(time.Now()); now {
		c.Logger().Warn("rate limit not checked, requests pass", "policy", r.conf.Name, "error", err.Error(), "requests", n)
	}
	return c.Next()
}

var errUnchecked = geist.NewError(503, "the rate limit cannot be checked now")

// failures counts requests for a warning every logEvery.
type failures struct {
	n    atomic.Int64 // since the last warning
	last atomic.Int64 // when that was, in unix nanoseconds
}

const logEvery = 10 * time.Second

// note counts a failure, and reports whether it is time for a warning about n of them.
func (f *failures) note(now time.Time) (n int64, warn bool) {
	f.n.Add(1)
	last := f.last.Load()
	if now.UnixNano()-last < int64(logEvery) || !f.last.CompareAndSwap(last, now.UnixNano()) {
		return 0, false
	}
	return f.n.Swap(0), true
}
