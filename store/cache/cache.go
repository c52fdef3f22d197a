// Package cache keeps what is costly to make, in a [store.Store]:
//
//	c := cache.New(s.Scoped("cache"), cache.Config{TTL: time.Minute})
//
//	user, err := cache.GetOrLoad(ctx, c, "user/7", func(ctx context.Context) (User, error) {
//		return db.User(ctx, 7)
//	})
//
// However many ask for a key at once, it is loaded once in this process. Entries die at
// slightly different times, so that they are not all loaded at once again.
package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gogeist/geist/store"
)

// Config is what New takes. The zero Config has the defaults given at each field. Values
// out of range make New panic.
type Config struct {
	// TTL is how long a value is kept. Zero means 5 minutes.
	TTL time.Duration
	// Jitter is the largest part of TTL and Negative by which they are cut, at random. Zero means 0.1,
	// negative none; at most 1.
	Jitter float64
	// Negative is how long it is kept that there is no value: that load returned an error
	// that is store.ErrNotFound by errors.Is. Zero keeps no such thing. Other errors are never kept.
	Negative time.Duration
	// Timeout bounds one load, by its context. Zero means 30 s.
	Timeout time.Duration
	// OnError is told when the store fails or a kept value cannot be read. The caller does not
	// hear of it: the value is loaded. Nil logs a warning with slog.Default.
	// It is called by any goroutine.
	OnError func(key string, err error)
	// Marshal makes of a value what is kept. Nil means encoding/json; it comes with Unmarshal.
	Marshal func(v any) ([]byte, error)
	// Unmarshal is the reverse. It may meet what another version of the program has kept;
	// its error is told to OnError then, and the value is loaded.
	Unmarshal func(data []byte, v any) error
}

const (
	defaultTTL     = 5 * time.Minute
	defaultJitter  = 0.1
	defaultTimeout = 30 * time.Second
)

// Cache remembers what has been loaded. Its methods, and GetOrLoad, may be called by any
// number of goroutines. It has no goroutine but one for each load, which ends with it.
type Cache struct {
	store store.Store
	conf  Config

	mu      sync.Mutex
	flights map[string]*flight // guarded by mu; the loads that are on their way
}

// New makes a cache in a store, of which it should have a scope for itself. The store
// stays the caller's to close.
func New(s store.Store, conf Config) *Cache {
	if conf.TTL < 0 || conf.Negative < 0 || conf.Timeout < 0 || !(conf.Jitter <= 1) || (conf.Marshal == nil) != (conf.Unmarshal == nil) {
		panic(fmt.Sprintf("cache: Config with TTL %v, Negative %v, Timeout %v, Jitter %v: no time can be negative, Jitter at most 1, and Marshal comes with Unmarshal",
			conf.TTL, conf.Negative, conf.Timeout, conf.Jitter))
	}
	if conf.TTL == 0 {
		conf.TTL = defaultTTL
	}
	if conf.Jitter == 0 {
		conf.Jitter = defaultJitter
	}
	if conf.Timeout == 0 {
		conf.Timeout = defaultTimeout
	}
	if conf.Marshal == nil {
		conf.Marshal, conf.Unmarshal = json.Marshal, json.Unmarshal
	}
	if conf.OnError == nil {
		conf.OnError = func(key string, err error) {
			slog.Default().Warn("cache", "key", key, "error", err)
		}
	}
	return &Cache{store: s, conf: conf, flights: map[string]*flight{}}
}

// GetOrLoad returns the value of a key: the one that is kept, or else what load returns,
// which is kept then. If others wait for the same key, this call joins them and its load is not
// called. Every caller gets a value of its own, marshalled and unmarshalled; all callers
// of a key use the same T.
//
// When ctx is done, GetOrLoad returns its error. The load goes on for the others; when
// nobody waits any more its context ends, and nothing is kept. That context has the values
// of the ctx of the caller who began it.
//
// store.ErrKey means that the store takes no such key. What load returns as store.ErrNotFound
// is remembered if Config.Negative says so; callers get an error that is it, too.
//
// An error of load is returned as it is to all who wait. If load panics they get a
// *PanicError, on goroutines of their own.
func GetOrLoad[T any](ctx context.Context, c *Cache, key string, load func(ctx context.Context) (T, error)) (T, error) {
	var none T
	kept, err := c.kept(ctx, key)
	if err != nil {
		return none, err
	}
	if kept != nil {
		v, err := open[T](c, kept)
		if err == nil || errors.Is(err, errMissing) {
			return v, err
		}
		c.conf.OnError(key, err)
	}
	kept, err = c.join(ctx, key, func(ctx context.Context) ([]byte, error) {
		v, err := load(ctx)
		if err != nil {
			return nil, err
		}
		return c.seal(v)
	})
	if err != nil {
		return none, err
	}
	return open[T](c, kept)
}

// Delete forgets keys, because what they stand for has changed. A load that is on its way keeps
// nothing; whoever asks from now on begins another. Other processes may have loaded the old
// value and write it afterwards: TTL bounds how long it stays.
func (c *Cache) Delete(ctx context.Context, keys ...string) error {
	c.mu.Lock()
	for _, key := range keys {
		if f := c.flights[key]; f != nil {
			f.stale = true
			delete(c.flights, key)
		}
	}
	c.mu.Unlock()
	return c.store.Delete(ctx, keys...)
}

// kept returns what the store has, or nil. A store that fails has nothing.
func (c *Cache) kept(ctx context.Context, key string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	item, err := c.store.Get(ctx, key)
	switch {
	case err == nil:
		return item.Val, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, store.ErrKey):
		return nil, err
	case !errors.Is(err, store.ErrNotFound):
		c.conf.OnError(key, err)
	}
	return nil, nil
}

// What is kept begins with a byte that tells what it is.
const (
	missing byte = iota // load said that there is nothing
	present             // the value, marshalled
)

// errMissing is what a kept absence gives.
var errMissing = fmt.Errorf("cache: %w", store.ErrNotFound)

var errFormat = errors.New("cache: not written by a cache")

// seal makes of a value what is kept.
func (c *Cache) seal(v any) ([]byte, error) {
	data, err := c.conf.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("cache: marshal: %w", err)
	}
	return append([]byte{present}, data...), nil
}

// open is the reverse.
func open[T any](c *Cache, kept []byte) (T, error) {
	var v T
	switch {
	case len(kept) > 0 && kept[0] == present:
		if err := c.conf.Unmarshal(kept[1:], &v); err != nil {
			return *new(T), fmt.Errorf("cache: unmarshal: %w", err)
		}
		return v, nil
	case len(kept) == 1 && kept[0] == missing:
		return v, errMissing
	}
	return v, errFormat
}

// keep writes the result of a load, if it is one to keep.
func (c *Cache) keep(ctx context.Context, key string, kept []byte, err error) {
	ttl := c.conf.TTL
	if err != nil {
		if ttl = c.conf.Negative; ttl == 0 || !errors.Is(err, store.ErrNotFound) {
			return
		}
		kept = []byte{missing}
	}
	if err := c.store.Set(ctx, key, kept, c.cut(ttl)); err != nil {
		c.conf.OnError(key, err)
	}
}

// cut takes a random part off a time to live.
func (c *Cache) cut(ttl time.Duration) time.Duration {
	return ttl - time.Duration(float64(ttl)*max(c.conf.Jitter, 0)*rand.Float64())
}
