package storetest_test

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/gogeist/geist/internal/leakcheck"
	"github.com/gogeist/geist/store"
	"github.com/gogeist/geist/store/storetest"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

// server stands for a system that knows no more than most: to read, and to write if
// nobody else has.
type server struct {
	mu     sync.Mutex
	vals   map[string][]byte // guarded by mu
	revs   map[string]uint64 // guarded by mu
	rev    uint64            // guarded by mu; the last one given
	closed bool              // guarded by mu
}

// get returns a value and its revision; 0 is that of nothing.
func (s *server) get(ctx context.Context, key string) ([]byte, uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, 0, store.ErrClosed
	}
	return s.vals[key], s.revs[key], ctx.Err()
}

// put writes, or removes if val is nil, unless the revision is another by now.
func (s *server) put(ctx context.Context, key string, val []byte, rev uint64) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false, store.ErrClosed
	}
	if err := ctx.Err(); err != nil || s.revs[key] != rev {
		return false, err
	}
	if val == nil {
		delete(s.vals, key)
		delete(s.revs, key)
		return true, nil
	}
	s.rev++
	s.vals[key], s.revs[key] = val, s.rev
	return true, nil
}

func (s *server) open() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	return nil
}

// entry is what stands in the server under a key: a version of its own, the time of death, and the value.
type entry struct {
	ver, expires uint64
	val          []byte
}

const entryHeader = 16

func (e *entry) encode() []byte {
	if e == nil {
		return nil
	}
	b := binary.BigEndian.AppendUint64(nil, e.ver)
	b = binary.BigEndian.AppendUint64(b, e.expires)
	return append(b, e.val...)
}

// decode returns nil for nothing, and for what is dead.
func decode(b []byte) *entry {
	if len(b) < entryHeader {
		return nil
	}
	e := &entry{ver: binary.BigEndian.Uint64(b), expires: binary.BigEndian.Uint64(b[8:])}
	if e.expires != 0 && e.expires <= uint64(time.Now().UnixNano()) {
		return nil
	}
	e.val = append([]byte{}, b[entryHeader:]...)
	return e
}

// recipe is a store on a server that knows no more than most.
type recipe struct{ server *server }

var errKeep = errors.New("leave it as it is")

// update is every write: read, change, and write unless somebody was faster.
func update(ctx context.Context, s *server, key string, ttl time.Duration, val []byte, change func(e *entry) (*entry, error)) error {
	err := errors.Join(s.open(), ctx.Err(), store.CheckKey(key), store.CheckTTL(ttl), store.CheckValue(val, 1<<20))
	for err == nil {
		data, rev, getErr := s.get(ctx, key)
		if getErr != nil {
			return getErr
		}
		e, changeErr := change(decode(data))
		if changeErr != nil {
			return changeErr
		}
		var written bool
		if written, err = s.put(ctx, key, e.encode(), rev); written {
			return nil
		}
	}
	return err
}

// newEntry has a version that no other entry has.
func newEntry(val []byte, expires uint64) *entry {
	return &entry{ver: rand.Uint64N(math.MaxUint64) + 1, expires: expires, val: val}
}

func expiry(ttl time.Duration) uint64 {
	if ttl == 0 {
		return 0
	}
	return uint64(time.Now().UnixNano()) + uint64(ttl)
}

func (e *entry) item() store.Item {
	item := store.Item{Val: e.val, Ver: e.ver}
	if e.expires != 0 && e.expires <= math.MaxInt64 {
		item.ExpiresAt = time.Unix(0, int64(e.expires))
	}
	return item
}

func (s recipe) Get(ctx context.Context, key string) (store.Item, error) {
	var item store.Item
	err := update(ctx, s.server, key, 0, nil, func(e *entry) (*entry, error) {
		if e == nil {
			return nil, store.ErrNotFound
		}
		item = e.item()
		return nil, errKeep
	})
	if errors.Is(err, errKeep) {
		err = nil
	}
	return item, err
}

func (s recipe) Set(ctx context.Context, key string, val []byte, ttl time.Duration) error {
	return update(ctx, s.server, key, ttl, val, func(*entry) (*entry, error) { return newEntry(val, expiry(ttl)), nil })
}

func (s recipe) SetNX(ctx context.Context, key string, val []byte, ttl time.Duration) (bool, error) {
	_, err := s.CAS(ctx, key, 0, val, ttl)
	if errors.Is(err, store.ErrConflict) {
		return false, nil
	}
	return err == nil, err
}

func (s recipe) CAS(ctx context.Context, key string, ver uint64, val []byte, ttl time.Duration) (store.Item, error) {
	var item store.Item
	err := update(ctx, s.server, key, ttl, val, func(e *entry) (*entry, error) {
		if e == nil && ver != 0 || e != nil && e.ver != ver {
			return nil, store.ErrConflict
		}
		e = newEntry(val, expiry(ttl))
		item = e.item()
		return e, nil
	})
	if err != nil {
		return store.Item{}, err
	}
	return item, nil
}

func (s recipe) Incr(ctx context.Context, key string, delta int64, ttl time.Duration) (int64, error) {
	var sum int64
	err := update(ctx, s.server, key, ttl, nil, func(e *entry) (*entry, error) {
		if e == nil {
			e = &entry{expires: expiry(ttl)}
		}
		val, n, err := store.AddInt(e.val, delta)
		sum = n
		return newEntry(val, e.expires), err
	})
	return sum, err
}

func (s recipe) Touch(ctx context.Context, key string, ttl time.Duration) error {
	return update(ctx, s.server, key, ttl, nil, func(e *entry) (*entry, error) {
		if e == nil {
			return nil, store.ErrNotFound
		}
		e.expires = expiry(ttl)
		return e, nil
	})
}

func (s recipe) Delete(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if err := update(ctx, s.server, key, 0, nil, func(*entry) (*entry, error) { return nil, nil }); err != nil {
			return err
		}
	}
	return nil
}

func (s recipe) Scoped(prefix string) store.Store { return store.Scope(s, prefix) }

func (s recipe) Close() error {
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.closed = true
	return nil
}

// TestRun_recipe holds that the way to a store that docs/stores.md shows leads to one.
func TestRun_recipe(t *testing.T) {
	var last *server
	open := func(testing.TB) store.Store {
		last = &server{vals: map[string][]byte{}, revs: map[string]uint64{}}
		return recipe{last}
	}
	storetest.Run(t, open, storetest.Config{
		MaxValue: 1 << 20,
		Replica:  func(testing.TB) store.Store { return recipe{last} },
	})
}
