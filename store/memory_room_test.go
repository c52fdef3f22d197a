package store

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// check looks at everything that must hold between two calls.
func (m *Memory) check(tb testing.TB) {
	tb.Helper()
	var used int64
	for i := range m.core.shards {
		s := &m.core.shards[i]
		s.mu.Lock()
		queued := map[*entry]bool{}
		for _, q := range []*queue{&s.small, &s.main} {
			var bytes int64
			for e, first := q.head, true; e != nil && (first || e != q.head); e, first = e.next, false {
				bytes += e.size()
				queued[e] = true
				if s.queueOf(e) != q || e.next.prev != e {
					tb.Errorf("%q is not where its queue is", e.key())
				}
			}
			if bytes != q.bytes {
				tb.Errorf("a queue has %d bytes, and says %d", bytes, q.bytes)
			}
		}
		for at, d := range s.due {
			if int(d.e.pos) != at+1 || d.at > d.e.expires || at > 0 && s.due[(at-1)/2].at > d.at {
				tb.Errorf("%q is out of order: place %d says %d, at %d of %d", d.e.key(), at, d.e.pos, d.at, d.e.expires)
			}
		}
		for key, e := range s.entries {
			used += e.size()
			if key != e.key() || (e.expires != 0) != (e.pos != 0) || queued[e] != (s.queueOf(e) != nil) || s.peak < len(s.entries) {
				tb.Errorf("%q: %+v", key, e)
			}
			delete(queued, e)
		}
		if len(queued) > 0 {
			tb.Errorf("%d entries are queued that are not there", len(queued))
		}
		s.mu.Unlock()
	}
	if got := m.core.used.Load(); got != used || used > m.core.conf.MaxBytes {
		tb.Errorf("%d bytes are used, and %d counted, of %d", used, got, m.core.conf.MaxBytes)
	}
}

// TestMemory_invariants does everything at random, often with too little room.
func TestMemory_invariants(t *testing.T) {
	for _, conf := range []MemoryConfig{
		{MaxBytes: 200_000, Evict: []string{"cache"}},
		{MaxBytes: 100_000, EvictAll: true},
		{MaxBytes: 1 << 20},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := NewMemory(conf)
			views := []Store{m, m.Scoped("cache"), m.Scoped("sess")}
			r := rand.New(rand.NewPCG(1, 2))
			for i := range 30_000 {
				s := views[r.IntN(len(views))]
				randomCall(t, s, r)
				if i%5000 == 0 {
					m.check(t)
				}
			}
			m.check(t)
			if st := m.Stats(); st.Expired == 0 || st.Entries == 0 || st.Bytes > st.MaxBytes {
				t.Errorf("%+v", st)
			}
			time.Sleep(time.Hour)
			if err := m.Close(); err != nil {
				t.Errorf("Close = %v", err)
			}
			if st := m.Stats(); st.Entries != 0 || st.Bytes != 0 {
				t.Errorf("after Close: %+v", st)
			}
		})
	}
}

func randomCall(t *testing.T, s Store, r *rand.Rand) {
	t.Helper()
	ctx := t.Context()
	key := fmt.Sprint(r.IntN(2000))
	ttl := time.Duration(r.IntN(4)) * 100 * time.Millisecond
	val := make([]byte, r.IntN(2)*r.IntN(300))
	var err error
	switch r.IntN(10) {
	case 0:
		err = s.Set(ctx, key, val, ttl)
	case 1:
		_, err = s.SetNX(ctx, key, val, ttl)
	case 2:
		var item Item
		if item, err = s.Get(ctx, key); err == nil {
			_, err = s.CAS(ctx, key, item.Ver, val, ttl) // ErrConflict: it was evicted to make room for itself
		}
	case 3:
		err = s.Delete(ctx, key)
	case 4:
		err = s.Touch(ctx, key, ttl)
	case 5:
		_, err = s.Incr(ctx, key, 1, ttl)
	case 6:
		_, err = Allow(ctx, s, key, Limit{Rate: 10}, 1)
	case 7:
		time.Sleep(time.Duration(r.IntN(2)) * time.Millisecond)
	default:
		_, err = s.Get(ctx, key)
	}
	for _, fine := range []error{nil, ErrNotFound, ErrNotInteger, ErrFull, ErrConflict} {
		if errors.Is(err, fine) {
			return
		}
	}
	t.Fatalf("a call = %v", err)
}

// TestMemory_sessionsStay holds that a cache beside them, however busy, drops no session,
// and that a store full of sessions says so.
func TestMemory_sessionsStay(t *testing.T) {
	ctx := t.Context()
	m := NewMemory(MemoryConfig{MaxBytes: 1 << 20, Evict: []string{"cache"}})
	sessions, cache := m.Scoped("sess"), m.Scoped("cache").Scoped("v1")
	val := make([]byte, 500)
	// A scope within another is like that, whatever its name.
	inner := sessions.Scoped("cache")
	if err := inner.Set(ctx, "k", val, 0); err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; n < 500; n++ {
		if err := errors.Join(sessions.Set(ctx, fmt.Sprint(n), val, time.Hour), cache.Set(ctx, fmt.Sprint(n), val, time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 10_000 {
		if err := cache.Set(ctx, fmt.Sprint(i), val, 0); err != nil {
			t.Fatalf("Set in a full cache = %v", err)
		}
	}
	var err error
	for ; err == nil; n++ {
		err = sessions.Set(ctx, fmt.Sprint(n), val, time.Hour)
	}
	if !errors.Is(err, ErrFull) {
		t.Fatalf("Set = %v, want %v", err, ErrFull)
	}
	for i := range n - 1 {
		if _, err := sessions.Get(ctx, fmt.Sprint(i)); err != nil {
			t.Fatalf("Get of session %d of %d = %v", i, n, err)
		}
	}
	if _, err := inner.Get(ctx, "k"); err != nil {
		t.Errorf("Get in a scope of the sessions = %v", err)
	}
	st := m.Stats()
	if st.Evicted == 0 || st.Full != 1 || st.Entries != n {
		t.Errorf("%+v, want every cached entry evicted and %d sessions", st, n)
	}
	if err := sessions.Set(ctx, "0", val[:10], time.Hour); err != nil {
		t.Errorf("a shorter value in a full store = %v", err)
	}
	if err := sessions.Delete(ctx, "1", "2"); err != nil {
		t.Errorf("Delete in a full store = %v", err)
	}
	if err := sessions.Set(ctx, "new", val, time.Hour); err != nil {
		t.Errorf("Set after Delete = %v", err)
	}
	m.check(t)
}

// TestMemory_fullKeepsOld holds that a write that finds no room changes nothing.
func TestMemory_fullKeepsOld(t *testing.T) {
	ctx := t.Context()
	m := NewMemory(MemoryConfig{MaxBytes: 100_000})
	long := []byte(strings.Repeat("x", 60_000))
	if err := errors.Join(m.Set(ctx, "a", long, 0), m.Set(ctx, "b", []byte("7"), 0)); err != nil {
		t.Fatal(err)
	}
	before, _ := m.Get(ctx, "b")
	if err := m.Set(ctx, "b", long, time.Second); !errors.Is(err, ErrFull) {
		t.Errorf("Set = %v, want %v", err, ErrFull)
	}
	if _, err := m.CAS(ctx, "b", before.Ver, long, time.Second); !errors.Is(err, ErrFull) {
		t.Errorf("CAS = %v, want %v", err, ErrFull)
	}
	if after, err := m.Get(ctx, "b"); err != nil || after.Ver != before.Ver || string(after.Val) != "7" || !after.ExpiresAt.IsZero() {
		t.Errorf("Get = %+v, %v, want what was there", after, err)
	}
	if err := m.Delete(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	if err := m.Set(ctx, "b", long, 0); err != nil {
		t.Errorf("Set with room = %v", err)
	}
	if err := NewMemory(MemoryConfig{MaxBytes: 10}).Set(ctx, "k", []byte("v"), 0); !errors.Is(err, ErrFull) {
		t.Errorf("Set in a store of 10 bytes = %v, want %v", err, ErrFull)
	}
}

// TestMemory_deadMakeRoom holds that no write is refused while there are dead entries.
func TestMemory_deadMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		m := NewMemory(MemoryConfig{MaxBytes: 1 << 20})
		fill := func(name string) (n int) {
			for ; ; n++ {
				key := fmt.Sprint(name, n)
				err := m.Set(ctx, key, []byte("v"), time.Second)
				if errors.Is(err, ErrFull) {
					return n
				}
				if err != nil {
					t.Fatal(err)
				}
				// Half of them are to live longer: they are where they were in the heap.
				if n%2 == 0 {
					if err := m.Touch(ctx, key, 2*time.Second); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		first := fill("a")
		time.Sleep(time.Second)
		if second := fill("b"); second < first/2-1 || second > first/2+1 {
			t.Errorf("%d entries fit beside the other half, want %d", second, first/2)
		}
		time.Sleep(2 * time.Second)
		if err := m.Set(ctx, "large", make([]byte, 900_000), 0); err != nil {
			t.Errorf("Set of a large value = %v", err)
		}
		m.check(t)
	})
}

// TestMemory_writesRemoveDead holds that dead entries leave while others are written,
// though nobody asks for them and there is room.
func TestMemory_writesRemoveDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(MemoryConfig{})
		for i := range 10_000 {
			if err := m.Set(t.Context(), fmt.Sprint("dies", i), nil, time.Second); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		for range 10_000 {
			if _, err := m.Incr(t.Context(), "stays", 1, 0); err != nil {
				t.Fatal(err)
			}
		}
		if st := m.Stats(); st.Entries != 1 || st.Expired != 10_000 {
			t.Errorf("%+v, want one entry", st)
		}
	})
}

// TestMemory_boundUnderLoad fills from all sides. The bound holds at every moment.
func TestMemory_boundUnderLoad(t *testing.T) {
	m := NewMemory(MemoryConfig{MaxBytes: 1 << 20, EvictAll: true})
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			for range 5000 {
				if err := m.Set(t.Context(), fmt.Sprint(r.IntN(5000)), make([]byte, r.IntN(2000)), 0); err != nil {
					t.Errorf("Set = %v", err)
				}
				if used := m.Stats().Bytes; used > 1<<20 {
					t.Errorf("%d bytes are used", used)
				}
			}
		})
	}
	wait.Wait()
	m.check(t)
}

// TestMemory_scanPassesBy holds that what has been read again outlives ten times as much
// as there is room for, which is read never.
func TestMemory_scanPassesBy(t *testing.T) {
	ctx := t.Context()
	const room, hot = 20_000, 2000
	m := NewMemory(MemoryConfig{MaxBytes: room * size(len("hot1000")), EvictAll: true})
	for i := range hot {
		key := fmt.Sprint("hot", i)
		if err := m.Set(ctx, key, nil, 0); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := m.Get(ctx, key); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range 10 * room {
		if err := m.Set(ctx, fmt.Sprintf("%7d", i), nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	stayed := 0
	for i := range hot {
		if _, err := m.Get(ctx, fmt.Sprint("hot", i)); err == nil {
			stayed++
		}
	}
	if stayed < hot*99/100 {
		t.Errorf("%d of %d that were read twice are left after a scan", stayed, hot)
	}
}

// lru is what the hit rate is measured against.
type lru struct {
	room    int
	order   list.List
	entries map[string]*list.Element
}

func (l *lru) get(key string) bool {
	if e := l.entries[key]; e != nil {
		l.order.MoveToFront(e)
		return true
	}
	if l.order.Len() == l.room {
		delete(l.entries, l.order.Remove(l.order.Back()).(string))
	}
	l.entries[key] = l.order.PushFront(key)
	return false
}

// TestMemory_hitRate compares with LRU of as many entries: where some keys are asked for
// more often than others, and where a scan goes by that is never repeated.
func TestMemory_hitRate(t *testing.T) {
	ctx := context.Background()
	const room, asked = 5_000, 100_000
	for _, tt := range []struct {
		name   string
		scan   int     // of 100
		better float64 // at least so much of all requests more than LRU
	}{
		{"skewed", 0, 0.01},
		{"with a scan", 30, 0.03},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := NewMemory(MemoryConfig{MaxBytes: room * size(len("1000000")), EvictAll: true})
			l := lru{room: room, entries: map[string]*list.Element{}}
			r := rand.New(rand.NewPCG(3, 4))
			skewed := rand.NewZipf(r, 1.05, 20, 100_000)
			var hits, lruHits float64
			for i := range asked {
				key := fmt.Sprintf("%7d", skewed.Uint64())
				if r.IntN(100) < tt.scan {
					key = fmt.Sprintf("s%6d", i)
				}
				if l.get(key) {
					lruHits++
				}
				if _, err := m.Get(ctx, key); err == nil {
					hits++
				} else if err := m.Set(ctx, key, nil, 0); err != nil {
					t.Fatal(err)
				}
			}
			t.Logf("%.1f %% of requests hit, %.1f %% with LRU", 100*hits/asked, 100*lruHits/asked)
			if hits < lruHits+tt.better*asked {
				t.Errorf("%.3f of requests hit, LRU has %.3f, want %.2f more", hits/asked, lruHits/asked, tt.better)
			}
		})
	}
}
