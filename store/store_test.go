package store_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gogeist/geist/internal/leakcheck"
	"github.com/gogeist/geist/store"
	"github.com/gogeist/geist/store/storetest"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

func TestMemory_store(t *testing.T) {
	for name, conf := range map[string]store.MemoryConfig{
		"keeps":  {},
		"evicts": {EvictAll: true},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(testing.TB) store.Store { return store.NewMemory(conf) }, storetest.Config{MaxValue: 1 << 20})
		})
	}
}

// plain is a store with nothing of its own but the methods that it must have, as a guest's
// is: no Allow, and views by Scope.
type plain struct{ store.Store }

func (p plain) Scoped(prefix string) store.Store { return store.Scope(p, prefix) }

func TestScope_store(t *testing.T) {
	storetest.Run(t, func(testing.TB) store.Store { return plain{store.NewMemory(store.MemoryConfig{})} })
}

// TestScope_keys holds the form of keys, which other tools may look for. Views of a
// Memory have the same.
func TestScope_keys(t *testing.T) {
	for _, tt := range []struct {
		scopes []string
		want   string
	}{
		{nil, "k"},
		{[]string{"sess"}, "4:sess:k"},
		{[]string{"t", "rl"}, "1:t2:rl:k"},
		{[]string{""}, "0::k"},
		{[]string{"é\x00:"}, "4:é\x00::k"},
	} {
		for name, s := range map[string]store.Store{"Memory": store.NewMemory(store.MemoryConfig{}), "Scope": plain{store.NewMemory(store.MemoryConfig{})}} {
			in := s
			for _, prefix := range tt.scopes {
				in = in.Scoped(prefix)
			}
			if err := in.Set(t.Context(), "k", []byte("v"), 0); err != nil {
				t.Fatal(err)
			}
			if item, err := s.Get(t.Context(), tt.want); err != nil || string(item.Val) != "v" {
				t.Errorf("%s: Get(%q) after Set in %q = %q, %v", name, tt.want, tt.scopes, item.Val, err)
			}
		}
	}
}

func TestNewMemory_panics(t *testing.T) {
	for _, conf := range []store.MemoryConfig{
		{MaxBytes: -1}, {MaxValue: -1}, {MaxBytes: 100, MaxValue: 101}, {MaxValue: 1000}, {MaxBytes: 1 << 20, MaxValue: 1000},
	} {
		func() {
			defer func() {
				if v := recover(); v == nil {
					t.Errorf("NewMemory(%+v) did not panic", conf)
				}
			}()
			store.NewMemory(conf)
		}()
	}
}

// failing is a store of which one call fails.
type failing struct {
	store.Store
	get, cas error
}

func (f failing) Get(ctx context.Context, key string) (store.Item, error) {
	if f.get != nil {
		return store.Item{}, f.get
	}
	return f.Store.Get(ctx, key)
}

func (f failing) CAS(ctx context.Context, key string, ver uint64, val []byte, ttl time.Duration) (store.Item, error) {
	if f.cas != nil {
		return store.Item{}, f.cas
	}
	return f.Store.CAS(ctx, key, ver, val, ttl)
}

// TestAllow_storeFails holds that nobody is let through by mistake.
func TestAllow_storeFails(t *testing.T) {
	down := errors.New("down")
	m := store.NewMemory(store.MemoryConfig{})
	for _, s := range []store.Store{failing{m, down, nil}, failing{m, nil, down}} {
		if d, err := store.Allow(t.Context(), s, "k", store.Limit{Rate: 1}, 1); !errors.Is(err, down) || d != (store.Decision{}) {
			t.Errorf("Allow = %+v, %v, want nothing and %v", d, err, down)
		}
	}
	// One that is never the fastest waits, and leaves when its time is over.
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := store.Allow(ctx, failing{m, nil, store.ErrConflict}, "k", store.Limit{Rate: 1}, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Allow with conflicts for ever = %v, want %v", err, context.DeadlineExceeded)
	}
}

// TestLimit_StepModel compares with a bucket that is filled by the nanosecond.
func TestLimit_StepModel(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		l := store.Limit{Rate: 1 + r.IntN(20), Period: time.Duration(1 + r.IntN(20)), Burst: r.IntN(6)}
		l.Period *= time.Duration(l.Rate) // a whole number of nanoseconds for each
		if err := l.Check(1); err != nil {
			t.Fatal(err)
		}
		burst, every := l.Burst, int64(l.Period)/int64(l.Rate)
		if burst == 0 {
			burst = l.Rate
		}
		now, due := int64(1000), int64(0)
		level := int64(burst) * every // what is in the bucket, in nanoseconds
		for range 200 {
			step := r.Int64N(3 * every)
			now += step
			level = min(level+step, int64(burst)*every)
			n := r.IntN(burst + 2)
			next, d := l.Step(due, now, n)
			ok := int64(n)*every <= level
			if !ok {
				// It becomes possible at RetryAfter, and not before.
				if n > burst != (d.RetryAfter < 0) || n <= burst && int64(d.RetryAfter) != int64(n)*every-level {
					t.Fatalf("%+v: %d of %d ns: RetryAfter %v", l, n, level, d.RetryAfter)
				}
			} else {
				level -= int64(n) * every
			}
			if d.Allowed != ok || int64(d.Remaining) != level/every || int64(d.ResetAfter) != int64(burst)*every-level || d.Limit != burst {
				t.Fatalf("%+v: %d of %d ns: %+v", l, n, level, d)
			}
			due = next
		}
	}
}

// TestLimit_StepClock holds that a clock that is set makes nobody wait for long.
func TestLimit_StepClock(t *testing.T) {
	l := store.Limit{Rate: 1, Period: time.Second, Burst: 5}
	for _, due := range []int64{0, math.MinInt64, math.MaxInt64, time.Now().Add(1000 * time.Hour).UnixNano()} {
		now := time.Now().UnixNano()
		next, d := l.Step(due, now, 1)
		if d.RetryAfter > time.Second || d.ResetAfter > 5*time.Second || d.ResetAfter < 0 || d.Remaining < 0 || d.Remaining > 4 || next > now+int64(5*time.Second) {
			t.Errorf("Step(%d) = %d, %+v", due, next-now, d)
		}
	}
	extreme := store.Limit{Rate: 1, Period: math.MaxInt64 / 4, Burst: 1}
	if err := extreme.Check(1); err != nil {
		t.Fatal(err)
	}
	now := time.Now().UnixNano()
	due, d := extreme.Step(0, now, 1)
	if _, again := extreme.Step(due, now, 1); !d.Allowed || again.Allowed || again.RetryAfter <= 0 {
		t.Errorf("a limit of one in 73 years: %+v, then %+v", d, again)
	}
}

func TestAddInt(t *testing.T) {
	for _, tt := range []struct {
		val   []byte
		delta int64
		want  string
	}{
		{nil, 3, "3"}, {[]byte("-3"), 3, "0"}, {[]byte("9223372036854775806"), 1, "9223372036854775807"}, {nil, math.MinInt64, "-9223372036854775808"},
		{[]byte("-9223372036854775808"), math.MaxInt64, "-1"}, {[]byte{}, 1, ""}, {[]byte("-9223372036854775808"), -1, ""}, {[]byte("+1"), 1, ""},
	} {
		val, n, err := store.AddInt(tt.val, tt.delta)
		if string(val) != tt.want || tt.want != "" && fmt.Sprint(n) != tt.want || (tt.want == "") != errors.Is(err, store.ErrNotInteger) {
			t.Errorf("AddInt(%q, %d) = %q, %d, %v, want %q", tt.val, tt.delta, val, n, err, tt.want)
		}
	}
}
