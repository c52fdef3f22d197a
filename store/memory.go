package store

import (
	"context"
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// MemoryConfig is what NewMemory takes. The zero MemoryConfig is a store of 256 MiB that
// drops nothing before its time. Negative numbers make NewMemory panic.
type MemoryConfig struct {
	// MaxBytes bounds what all entries take, in bytes of memory: keys, values, and what
	// is needed to find them, about 200 bytes each. Zero means 256 MiB.
	//
	// A write that finds no room makes some, of entries that are dead and of those that
	// Evict and EvictAll give up. When there are none left it returns ErrFull.
	MaxBytes int64
	// MaxValue bounds one value, in bytes. Zero means 1 MiB; longer ones give
	// ErrTooLarge. It cannot be more than MaxBytes, nor less than 64 KiB unless MaxBytes is.
	MaxValue int
	// Evict names scopes, by the prefix given to Scoped of the store itself, whose
	// entries may be dropped before their time when room is needed: caches, not sessions. What is
	// dropped are those that were not read again soon after they came, then those that
	// have not been read for longest. Views within such a scope are like it.
	Evict []string
	// EvictAll lets every entry be dropped so. The store is a cache then.
	EvictAll bool
}

const (
	defaultMemory   = 256 << 20
	defaultMaxValue = 1 << 20
	leastMaxValue   = 64 << 10
)

// Memory is a Store in this process: fast, bounded, and gone when the process is. Other
// processes do not see it; prefork and several nodes need another one. It has no goroutine: dead entries
// make room for what is written, a few with each write.
//
// A Memory is also a view of one; see Scoped.
type Memory struct {
	core   *memory
	prefix string // of the scope, as scopePrefix makes it; "" for the store itself
	evict  bool   // what is written through this view may be dropped
}

// memory is what all views share.
type memory struct {
	conf   MemoryConfig
	seed   maphash.Seed
	start  time.Time // what times of entries count from
	closed atomic.Bool
	swept  atomic.Uint32 // how many shards sweep has looked at
	used   atomic.Int64  // bytes, of all shards; never above conf.MaxBytes
	shards [memoryShards]shard
}

var _ RateStore = (*Memory)(nil)

// NewMemory makes an empty store.
func NewMemory(conf MemoryConfig) *Memory {
	if conf.MaxBytes < 0 || conf.MaxValue < 0 {
		panic(fmt.Sprintf("store: MemoryConfig with MaxBytes %d and MaxValue %d: neither can be negative", conf.MaxBytes, conf.MaxValue))
	}
	if conf.MaxBytes == 0 {
		conf.MaxBytes = defaultMemory
	}
	if conf.MaxValue == 0 {
		conf.MaxValue = int(min(defaultMaxValue, conf.MaxBytes))
	}
	if least := min(leastMaxValue, conf.MaxBytes); int64(conf.MaxValue) < least || int64(conf.MaxValue) > conf.MaxBytes {
		panic(fmt.Sprintf("store: MemoryConfig.MaxValue is %d: from %d to %d (MaxBytes) are allowed", conf.MaxValue, least, conf.MaxBytes))
	}
	conf.Evict = slices.Clone(conf.Evict)
	c := &memory{conf: conf, seed: maphash.MakeSeed(), start: time.Now()}
	for i := range c.shards {
		c.shards[i].open(c, i)
	}
	return &Memory{core: c, evict: conf.EvictAll}
}

// Scoped returns a view of the same memory with keys of its own, a *Memory. Its Close
// does nothing.
func (m *Memory) Scoped(prefix string) Store {
	evict := m.evict || m.prefix == "" && slices.Contains(m.core.conf.Evict, prefix)
	return &Memory{core: m.core, prefix: m.prefix + scopePrefix(prefix), evict: evict}
}

// keyRoom is for the bytes of most keys, on the stack.
const keyRoom = 128

// key appends to buf the key as it is kept, or says why the call cannot be.
func (m *Memory) key(ctx context.Context, buf []byte, key string) ([]byte, error) {
	if m.core.closed.Load() {
		return nil, ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if m.prefix != "" && key != "" {
		buf = append(append(buf, m.prefix...), ':')
	}
	buf = append(buf, key...)
	if len(buf) == 0 || len(buf) > MaxKey {
		return nil, badKey(len(buf))
	}
	return buf, nil
}

// Get returns a copy of an entry; see Store.
func (m *Memory) Get(ctx context.Context, key string) (Item, error) {
	var buf [keyRoom]byte
	k, err := m.key(ctx, buf[:0], key)
	if err != nil {
		return Item{}, err
	}
	s := m.core.shard(k)
	now := m.core.now()
	s.mu.Lock()
	e := s.liveLocked(k, now)
	if e == nil {
		s.mu.Unlock()
		return Item{}, m.core.orClosed(ErrNotFound)
	}
	e.freq = min(e.freq+1, maxFreq)
	v, ver, expires := e.value(), e.ver, e.expires
	s.mu.Unlock()
	return Item{Val: v.bytes(), Ver: ver, ExpiresAt: m.core.wall(expires)}, nil
}

// Set writes an entry; see Store.
func (m *Memory) Set(ctx context.Context, key string, val []byte, ttl time.Duration) error {
	_, _, err := m.put(ctx, key, val, ttl, whatever)
	return err
}

// SetNX writes an entry if there is none; see Store.
func (m *Memory) SetNX(ctx context.Context, key string, val []byte, ttl time.Duration) (bool, error) {
	_, written, err := m.put(ctx, key, val, ttl, 0)
	return written, err
}

// CAS writes an entry if its version is ver; see Store.
func (m *Memory) CAS(ctx context.Context, key string, ver uint64, val []byte, ttl time.Duration) (Item, error) {
	if ver == whatever {
		return Item{}, ErrConflict
	}
	item, written, err := m.put(ctx, key, val, ttl, ver)
	if err == nil && !written {
		err = m.core.orClosed(ErrConflict)
	}
	return item, err
}

// whatever is a version that no entry has: any will do for a write.
const whatever = math.MaxUint64

// put writes a value if the entry is at version ver, and reports whether it was.
func (m *Memory) put(ctx context.Context, key string, val []byte, ttl time.Duration, ver uint64) (Item, bool, error) {
	var buf [keyRoom]byte
	k, err := m.key(ctx, buf[:0], key)
	if err == nil {
		err = CheckTTL(ttl)
	}
	if err == nil {
		err = CheckValue(val, m.core.conf.MaxValue)
	}
	if err != nil {
		return Item{}, false, err
	}
	now := m.core.now()
	expires := expiry(now, ttl)
	data := joined(k, val)
	s := m.core.shard(k)
	for {
		s.mu.Lock()
		s.expireLocked(now, stepsWriting)
		e := s.liveLocked(k, now)
		if ver != whatever && e.version() != ver {
			s.mu.Unlock()
			return Item{}, false, nil
		}
		e, grow, err := s.putLocked(e, data, len(k), m.evict)
		if e != nil {
			s.expireAtLocked(e, expires)
			item := Item{Val: val, Ver: e.ver, ExpiresAt: m.core.wall(expires)}
			s.mu.Unlock()
			m.core.sweep(item.Ver)
			return item, true, nil
		}
		s.mu.Unlock()
		if err == nil {
			err = m.core.makeRoom(s, grow)
		}
		if err != nil {
			return Item{}, false, err
		}
	}
}

// joined returns a string of a key and a text, in memory of its own.
func joined(key, text []byte) string {
	var b strings.Builder
	b.Grow(len(key) + len(text))
	b.Write(key)
	b.Write(text)
	return b.String()
}

// Incr adds to an integer; see Store. It allocates nothing once the entry is there.
func (m *Memory) Incr(ctx context.Context, key string, delta int64, ttl time.Duration) (int64, error) {
	if err := CheckTTL(ttl); err != nil {
		return 0, err
	}
	var sum int64
	err := m.number(ctx, key, m.core.now(), func(n int64, there bool) (int64, time.Duration, error) {
		var ok bool
		if sum, ok = addInt(n, delta); !ok {
			return 0, 0, fmt.Errorf("%w: the sum is out of range", ErrNotInteger)
		}
		if there {
			return sum, keepTTL, nil
		}
		return sum, ttl, nil
	})
	return sum, err
}

// Allow does what the function Allow does, in one step. It allocates nothing once the
// entry is there.
func (m *Memory) Allow(ctx context.Context, key string, l Limit, n int) (Decision, error) {
	if err := l.Check(n); err != nil {
		return Decision{}, err
	}
	var d Decision
	now := m.core.now()
	err := m.number(ctx, key, now, func(due int64, _ bool) (int64, time.Duration, error) {
		if due, d = l.Step(due, now, n); !d.Allowed || n == 0 {
			return 0, 0, errUnchanged
		}
		return due, time.Duration(due-now) + lingering, nil
	})
	if err == errUnchanged { //nolint:errorlint // it comes from the function above, as it is
		err = nil
	}
	if err != nil {
		return Decision{}, err
	}
	return d, nil
}

// lingering is how long an entry of Allow stays when it says nothing any more: a client
// that is far below its limit finds it again, and is not an allocation each time.
const lingering = time.Second

// keepTTL leaves the time to live of an entry as it is.
const keepTTL = time.Duration(-1)

// number changes an integer, or makes it, by a function that may run more than once. Its
// error ends the call, and nothing is changed. now is the time.
func (m *Memory) number(ctx context.Context, key string, now int64, change func(n int64, there bool) (int64, time.Duration, error)) error {
	var buf [keyRoom]byte
	k, err := m.key(ctx, buf[:0], key)
	if err != nil {
		return err
	}
	s := m.core.shard(k)
	for {
		ver, grow, err := s.number(m, k, now, change)
		if err != nil {
			return err
		}
		if ver != 0 {
			m.core.sweep(ver)
			return nil
		}
		if err := m.core.makeRoom(s, grow); err != nil {
			return err
		}
	}
}

// Touch gives an entry another time to live; see Store.
func (m *Memory) Touch(ctx context.Context, key string, ttl time.Duration) error {
	var buf [keyRoom]byte
	k, err := m.key(ctx, buf[:0], key)
	if err == nil {
		err = CheckTTL(ttl)
	}
	if err != nil {
		return err
	}
	s := m.core.shard(k)
	now := m.core.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.liveLocked(k, now)
	if e == nil {
		return m.core.orClosed(ErrNotFound)
	}
	e.freq = min(e.freq+1, maxFreq)
	s.expireAtLocked(e, expiry(now, ttl))
	return nil
}

// Delete removes entries; see Store. If a key is bad, none is removed.
func (m *Memory) Delete(ctx context.Context, keys ...string) error {
	var buf [keyRoom]byte
	for _, remove := range [...]bool{false, true} {
		for _, key := range keys {
			k, err := m.key(ctx, buf[:0], key)
			if err != nil {
				return err
			}
			if remove {
				m.core.shard(k).remove(k)
			}
		}
	}
	return nil
}

// Close drops all entries. Later calls get ErrClosed. It never fails; on a view it does nothing.
func (m *Memory) Close() error {
	if m.prefix == "" && !m.core.closed.Swap(true) {
		for i := range m.core.shards {
			m.core.shards[i].close()
		}
	}
	return nil
}

// MemoryStats are what a Memory has and has done, for monitor pages. Dead entries that
// have not made room yet count as entries.
type MemoryStats struct {
	Entries  int    // now
	Bytes    int64  // that they take
	MaxBytes int64  // that they may take
	Expired  uint64 // entries that died and were removed
	Evicted  uint64 // entries that were dropped before their time
	Full     uint64 // writes that got ErrFull
}

// Stats returns figures about the whole store, views included.
func (m *Memory) Stats() MemoryStats {
	st := MemoryStats{Bytes: m.core.used.Load(), MaxBytes: m.core.conf.MaxBytes}
	for i := range m.core.shards {
		s := &m.core.shards[i]
		s.mu.Lock()
		st.Entries += len(s.entries)
		st.Expired += s.expired
		st.Evicted += s.evicted
		st.Full += s.full
		s.mu.Unlock()
	}
	return st
}

// now returns the time of this store, in nanoseconds: since it was made, so that a clock
// that is set does not matter.
func (c *memory) now() int64 { return int64(time.Since(c.start)) + 1 }

// orClosed returns err, which is what an entry that is not there means, unless that is
// because the store has been closed.
func (c *memory) orClosed(err error) error {
	if c.closed.Load() {
		return ErrClosed
	}
	return err
}

// expiry returns when an entry dies that has ttl from now on; 0 is never.
func expiry(now int64, ttl time.Duration) int64 {
	if ttl == 0 || int64(ttl) > math.MaxInt64-now { // that is in 292 years
		return 0
	}
	return now + int64(ttl)
}

// wall returns the time of day of an expiry.
func (c *memory) wall(expires int64) time.Time {
	if expires == 0 {
		return time.Time{}
	}
	return c.start.Add(time.Duration(expires - 1)).Round(0)
}
