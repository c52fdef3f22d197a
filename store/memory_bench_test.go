package store_test

import (
	"context"
	"hash/maphash"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gogeist/geist/store"
)

// benchKeys is how many entries the benchmarks of mixed operations have.
const benchKeys = 1_000_000

// bareMap is what a Memory is measured against: a sharded map that does nothing else. It
// has neither expiry nor bound nor versions, but copies values, as whoever uses one must.
type bareMap struct {
	seed   maphash.Seed
	shards [256]struct {
		sync.Mutex
		m map[string][]byte
	}
}

func newBareMap() *bareMap {
	b := &bareMap{seed: maphash.MakeSeed()}
	for i := range b.shards {
		b.shards[i].m = map[string][]byte{}
	}
	return b
}

func (b *bareMap) Get(_ context.Context, key string) ([]byte, bool) {
	s := &b.shards[maphash.String(b.seed, key)%256]
	s.Lock()
	val, ok := s.m[key]
	s.Unlock()
	if !ok {
		return nil, false
	}
	return append([]byte(nil), val...), true
}

func (b *bareMap) Set(_ context.Context, key string, val []byte) {
	val = append([]byte(nil), val...)
	s := &b.shards[maphash.String(b.seed, key)%256]
	s.Lock()
	s.m[key] = val
	s.Unlock()
}

func (b *bareMap) Delete(_ context.Context, key string) {
	s := &b.shards[maphash.String(b.seed, key)%256]
	s.Lock()
	delete(s.m, key)
	s.Unlock()
}

// mixed are the operations of one contender, and how long they took.
type mixed struct {
	get, set, remove func(key string)
	turns            []float64 // how long each took
}

// run does 80 reads, 15 writes and 5 deletions of 100, each deletion followed by a write.
func (m *mixed) run(keys []string, r *rand.Rand, n int) {
	start := time.Now()
	for range n {
		key := keys[r.IntN(len(keys))]
		switch n := r.IntN(100); {
		case n < 80:
			m.get(key)
		case n < 95:
			m.set(strings.Clone(key)) // each request has its own
		default:
			m.remove(key)
			m.set(strings.Clone(key))
		}
	}
	m.turns = append(m.turns, float64(time.Since(start)))
}

// BenchmarkMemory_mixed takes turns with a bare map, 1,000 operations each, over a
// million sessions of 128 bytes. Its figure is how fast the store is beside the map: the
// median over the turns, for other programs disturb single ones.
func BenchmarkMemory_mixed(b *testing.B) {
	keys := make([]string, benchKeys)
	for i := range keys {
		keys[i] = "session-" + strconv.FormatUint(rand.Uint64(), 36) + strconv.Itoa(i)
	}
	val := make([]byte, 128)
	ctx := context.Background()
	bench := func(b *testing.B, conf store.MemoryConfig) {
		bare, m := newBareMap(), store.NewMemory(conf)
		contenders := [...]*mixed{
			{
				get:    func(key string) { bare.Get(ctx, key) },
				set:    func(key string) { bare.Set(ctx, key, val) },
				remove: func(key string) { bare.Delete(ctx, key) },
			},
			{
				get:    func(key string) { m.Get(ctx, key) },
				set:    func(key string) { m.Set(ctx, key, val, time.Hour) },
				remove: func(key string) { m.Delete(ctx, key) },
			},
		}
		for _, c := range contenders {
			for _, key := range keys {
				c.set(strings.Clone(key))
			}
		}
		const turn = 1000
		n := 0
		for b.Loop() {
			for i, c := range contenders { // with keys of its own, which the other has not just brought near
				c.run(keys, rand.New(rand.NewPCG(uint64(n), uint64(i))), turn)
			}
			n += turn
		}
		ratios := make([]float64, len(contenders[0].turns))
		for i := range ratios {
			ratios[i] = contenders[0].turns[i] / contenders[1].turns[i]
		}
		b.ReportMetric(median(contenders[0].turns)/turn, "map-ns/op")
		b.ReportMetric(median(contenders[1].turns)/turn, "store-ns/op")
		b.ReportMetric(median(ratios), "speed/map")
		b.ReportMetric(0, "ns/op")
	}
	b.Run("fits", func(b *testing.B) { bench(b, store.MemoryConfig{MaxBytes: 1 << 30}) })
	b.Run("evicting", func(b *testing.B) { bench(b, store.MemoryConfig{MaxBytes: 256 << 20, EvictAll: true}) })
}

func median(all []float64) float64 {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

// BenchmarkMemory is each method by itself, on a thousand entries.
func BenchmarkMemory(b *testing.B) {
	m := store.NewMemory(store.MemoryConfig{}).Scoped("rl")
	keys := make([]string, 1000)
	for i := range keys {
		keys[i] = "192.0.2." + strconv.Itoa(i)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	val := make([]byte, 128)
	limit := store.Limit{Rate: 1 << 30, Period: time.Minute}
	for _, bb := range []struct {
		name string
		call func(key string) error
	}{
		{"Set", func(key string) error { return m.Set(ctx, key, val, time.Hour) }},
		{"Get", func(key string) error { _, err := m.Get(ctx, key); return err }},
		{"Touch", func(key string) error { return m.Touch(ctx, key, time.Hour) }},
		{"Allow", func(key string) error { _, err := store.Allow(ctx, m, key, limit, 1); return err }},
		{"Incr", func(key string) error { _, err := m.Incr(ctx, key, 1, time.Hour); return err }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			if bb.name == "Allow" {
				if err := m.Delete(ctx, keys...); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if err := bb.call(keys[i%len(keys)]); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}
