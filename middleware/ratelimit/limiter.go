package ratelimit

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/gogeist/geist/internal/unsafestring"
	"github.com/gogeist/geist/store"
)

// Scope is the prefix under which a store has all that this package keeps in it.
const Scope = "ratelimit"

const (
	// ownBytes bounds the memory of a store that nobody has given.
	ownBytes = 64 << 20
	// longestKey is the longest key that is kept as it is: clients choose some, and stores
	// have limits.
	longestKey = 128
)

// Limiter counts by key: messages of a WebSocket, say. It is safe for any number of goroutines.
//
//	perMessage := ratelimit.NewLimiter(nil, "chat", store.Limit{Rate: 10, Burst: 30})
//	…
//	d, err := perMessage.Allow(c.Context(), userID, 1)
//	if err == nil && !d.Allowed {
//		return geist.NewError(429, "too many messages")
//	}
type Limiter struct {
	store  store.Store
	memory *store.Memory // store, if it is one
	limit  store.Limit
}

// NewLimiter returns a Limiter that counts in s, apart from those of other names. A nil s stands
// for a store of its own, as without Config.Store. NewLimiter panics if the name is empty or the limit is none.
func NewLimiter(s store.Store, name string, limit store.Limit) *Limiter {
	if err := limit.Check(1); err != nil {
		panic(fmt.Sprintf("ratelimit: the limit %q cannot be: %v", name, err))
	}
	return newLimiter(s, name, limit)
}

func newLimiter(s store.Store, name string, limit store.Limit) *Limiter {
	if name == "" {
		panic("ratelimit: a limiter has no name: give one that says what it limits")
	}
	if s == nil {
		s = store.NewMemory(store.MemoryConfig{MaxBytes: ownBytes, EvictAll: true})
	}
	l := &Limiter{store: s.Scoped(Scope).Scoped(name), limit: limit}
	l.memory, _ = l.store.(*store.Memory)
	return l
}

// Allow takes n out of what is allowed under a key, or nothing at all: see [store.Allow], whose
// errors it returns. Any key will do, none included; long ones are kept as a hash.
func (l *Limiter) Allow(ctx context.Context, key string, n int) (store.Decision, error) {
	return l.allow(ctx, key, l.limit, n)
}

func (l *Limiter) allow(ctx context.Context, key string, limit store.Limit, n int) (store.Decision, error) {
	switch {
	case key == "":
		key = "\x00"
	case len(key) > longestKey, key[0] == 0: // nobody chooses what stands for another key
		sum := sha256.Sum256(unsafestring.Bytes(key))
		key = "\x00#" + string(sum[:])
	}
	if l.memory != nil {
		return l.memory.Allow(ctx, key, limit, n)
	}
	return store.Allow(ctx, l.store, key, limit, n)
}
