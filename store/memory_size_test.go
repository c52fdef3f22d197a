//go:build !race

package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"
)

func heapBytes() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestMemory_boundIsHeap holds that what entries are counted for is what they take, with
// all that finds them: a full store takes MaxBytes of heap at most.
func TestMemory_boundIsHeap(t *testing.T) {
	ctx := t.Context()
	const limit = 16 << 20
	for _, tt := range []struct {
		name     string
		val      int
		ttl      time.Duration
		evict    bool
		rewrites bool
	}{
		{"small", 0, 0, false, false},
		{"sessions", 128, time.Hour, false, false},
		{"cache", 128, time.Hour, true, true},
		{"rewritten", 300, time.Hour, false, true},
		{"large", 5000, time.Hour, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := heapBytes()
			m := NewMemory(MemoryConfig{MaxBytes: limit, EvictAll: tt.evict})
			val := make([]byte, tt.val)
			n := 0
			for ; !tt.evict || n < 3*limit/(tt.val+100); n++ {
				if err := m.Set(ctx, fmt.Sprint("some-key-", n), val, tt.ttl); err != nil {
					break
				}
			}
			for i := n - 1; i >= 0 && tt.rewrites; i -= 2 {
				key := fmt.Sprint("some-key-", i)
				if err := m.Set(ctx, key, val[:tt.val/(1+i%3)], tt.ttl); err != nil {
					t.Fatal(err)
				}
			}
			took := heapBytes() - before
			st := m.Stats()
			t.Logf("%d entries take %d bytes each, counted as %d", st.Entries, took/int64(st.Entries), st.Bytes/int64(st.Entries))
			if took > limit || st.Bytes > limit || took < limit/2 {
				t.Errorf("the heap grew by %d bytes, counted as %d, want %d at most, and half of it at least", took, st.Bytes, limit)
			}
			runtime.KeepAlive(m)
		})
	}
}

// TestMemory_givesBack holds that a store that was full and is nearly empty does not keep the
// memory of what was in it: maps do not shrink by themselves.
func TestMemory_givesBack(t *testing.T) {
	ctx := t.Context()
	before := heapBytes()
	m := NewMemory(MemoryConfig{})
	const n = 200_000
	for i := range n {
		if err := m.Set(ctx, fmt.Sprint(i), nil, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	full := heapBytes() - before
	for i := range n - n/100 {
		if err := m.Delete(ctx, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if took := heapBytes() - before; took > full/10 {
		t.Errorf("a hundredth of the entries takes %d bytes, all took %d", took, full)
	}
	m.check(t)
	runtime.KeepAlive(m)
}

// TestMemory_allocations holds what each call allocates, in a scope, once the entry is there.
func TestMemory_allocations(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	m := NewMemory(MemoryConfig{}).Scoped("a").Scoped("b")
	val := make([]byte, 100)
	limit := Limit{Rate: 1 << 40, Period: time.Hour * 24 * 365 * 10, Burst: 1}
	for _, tt := range []struct {
		name string
		want float64
		call func() error
	}{
		{"Set", 1, func() error { return m.Set(ctx, "set", val, time.Hour) }},
		{"Get", 1, func() error { _, err := m.Get(ctx, "set"); return err }},
		{"CAS", 1, func() error { _, err := m.CAS(ctx, "set", 1, val, 0); return ignore(err, ErrConflict) }},
		{"Incr", 0, func() error { _, err := m.Incr(ctx, "incr", 1, time.Hour); return err }},
		{"Touch", 0, func() error { return m.Touch(ctx, "set", time.Hour) }},
		{"Allow", 0, func() error { _, err := Allow(ctx, m, "allow", limit, 1); return err }},
		{"a refused Allow", 0, func() error { _, err := Allow(ctx, m, "refuse", Limit{Rate: 1, Period: time.Hour}, 1); return err }},
	} {
		if err := tt.call(); err != nil {
			t.Fatalf("%s = %v", tt.name, err)
		}
		got := testing.AllocsPerRun(1000, func() {
			if err := tt.call(); err != nil {
				t.Fatal(err)
			}
		})
		if got != tt.want {
			t.Errorf("%s allocates %v times, want %v", tt.name, got, tt.want)
		}
	}
}

// ignore returns err, unless it is other.
func ignore(err, other error) error {
	if errors.Is(err, other) {
		return nil
	}
	return err
}
