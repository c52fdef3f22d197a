package store

import (
	"context"
	"strconv"
	"time"
)

// Scope returns a view of parent whose keys are its own; a store's Scoped may be nothing
// else. The view can do Allow, in one call if parent can.
//
// What stands in parent for a key is the prefix with its length before it, and the key
// behind a colon:
//
//	Scope(s, "sess")            "abc"   →  "4:sess:abc"
//	Scope(Scope(s, "t"), "rl")  "abc"   →  "1:t2:rl:abc"
//
// A prefix may be any bytes, none included. One that leaves no room for keys below MaxKey makes
// every call return ErrKey.
func Scope(parent Store, prefix string) Store {
	return &scope{parent: parent, prefix: scopePrefix(prefix)}
}

// scopePrefix is what a scope adds. A length, hence a digit, begins it and a colon
// begins what is a key: so nothing within one scope looks like anything in another.
func scopePrefix(prefix string) string {
	return strconv.Itoa(len(prefix)) + ":" + prefix
}

// scope is a view of a store.
type scope struct {
	parent Store // the one that was opened
	prefix string
}

var _ RateStore = (*scope)(nil)

// full returns the key in the parent. An empty one stays empty, and is refused there.
func (s *scope) full(key string) string {
	if key == "" {
		return ""
	}
	return s.prefix + ":" + key
}

func (s *scope) Get(ctx context.Context, key string) (Item, error) {
	return s.parent.Get(ctx, s.full(key))
}

func (s *scope) Set(ctx context.Context, key string, val []byte, ttl time.Duration) error {
	return s.parent.Set(ctx, s.full(key), val, ttl)
}

func (s *scope) SetNX(ctx context.Context, key string, val []byte, ttl time.Duration) (bool, error) {
	return s.parent.SetNX(ctx, s.full(key), val, ttl)
}

func (s *scope) CAS(ctx context.Context, key string, ver uint64, val []byte, ttl time.Duration) (Item, error) {
	return s.parent.CAS(ctx, s.full(key), ver, val, ttl)
}

func (s *scope) Incr(ctx context.Context, key string, delta int64, ttl time.Duration) (int64, error) {
	return s.parent.Incr(ctx, s.full(key), delta, ttl)
}

func (s *scope) Touch(ctx context.Context, key string, ttl time.Duration) error {
	return s.parent.Touch(ctx, s.full(key), ttl)
}

func (s *scope) Delete(ctx context.Context, keys ...string) error {
	full := make([]string, len(keys))
	for i, key := range keys {
		full[i] = s.full(key)
	}
	return s.parent.Delete(ctx, full...)
}

func (s *scope) Allow(ctx context.Context, key string, l Limit, n int) (Decision, error) {
	return Allow(ctx, s.parent, s.full(key), l, n)
}

func (s *scope) Scoped(prefix string) Store {
	return &scope{parent: s.parent, prefix: s.prefix + scopePrefix(prefix)}
}

func (s *scope) Close() error { return nil }
