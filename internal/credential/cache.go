package credential

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"hash"
	"sync"
	"time"

	"github.com/gogeist/geist/internal/unsafestring"
)

// Cache remembers whom credentials have been found to belong to. It holds no credential:
// entries lie under HMAC-SHA256 of them, with a key that the cache has drawn for itself.
// Only what was found good goes in, so that nobody pushes others out by guessing. All
// methods may be called by many goroutines.
type Cache[T any] struct {
	size   int
	hashes sync.Pool // of *digest

	mu      sync.RWMutex
	entries map[ID]entry[T] // guarded by mu
}

// ID stands for a credential.
type ID [sha256.Size]byte

type entry[T any] struct {
	value T
	until time.Time
}

// digest is a hash with room for its result, which would otherwise be allocated.
type digest struct {
	hash hash.Hash
	sum  []byte
}

// NewCache returns a cache of at most size entries.
func NewCache[T any](size int) *Cache[T] {
	var key [sha256.Size]byte
	_, _ = rand.Read(key[:]) // never fails
	return &Cache[T]{
		size:    size,
		entries: map[ID]entry[T]{},
		hashes: sync.Pool{New: func() any {
			return &digest{hash: hmac.New(sha256.New, key[:]), sum: make([]byte, 0, sha256.Size)}
		}},
	}
}

// ID returns what stands for a credential in this cache.
func (k *Cache[T]) ID(credential string) ID {
	d := k.hashes.Get().(*digest)
	d.hash.Reset()
	_, _ = d.hash.Write(unsafestring.Bytes(credential))
	d.sum = d.hash.Sum(d.sum[:0])
	id := ID(d.sum)
	k.hashes.Put(d)
	return id
}

// Get returns what was put under id, unless its time has passed.
func (k *Cache[T]) Get(id ID) (T, bool) {
	k.mu.RLock()
	e, ok := k.entries[id]
	k.mu.RUnlock()
	if !ok || !time.Now().Before(e.until) {
		var zero T
		return zero, false
	}
	return e.value, true
}

// Put remembers value until a time. If the cache is full, what has expired makes room, or
// else any entry: it costs its owner one more check.
func (k *Cache[T]) Put(id ID, value T, until time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, there := k.entries[id]; !there && len(k.entries) >= k.size {
		k.evictLocked()
	}
	k.entries[id] = entry[T]{value, until}
}

// evictLooks bounds how many entries are looked at to make room for one.
const evictLooks = 16

// evictLocked removes what has expired of a few entries, which the map chooses at random,
// or the last of them. k.mu must be held.
func (k *Cache[T]) evictLocked() {
	now := time.Now()
	var victim ID
	looks, expired := 0, false
	for id, e := range k.entries {
		if victim = id; !now.Before(e.until) {
			delete(k.entries, id)
			expired = true
		}
		if looks++; looks == evictLooks {
			break
		}
	}
	if !expired {
		delete(k.entries, victim)
	}
}
