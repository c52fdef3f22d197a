package cache_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist/internal/leakcheck"
	"github.com/gogeist/geist/store"
	"github.com/gogeist/geist/store/cache"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

// fixture is a cache that notes what it is told, in a store that can fail.
type fixture struct {
	*testing.T
	*cache.Cache
	store  *failing
	mu     sync.Mutex
	errors []error // guarded by mu
}

// failing is a store whose calls return an error, if it has one.
type failing struct {
	store.Store
	err   atomic.Pointer[error]
	onSet func() // called before each Set, unless it is nil
}

func (f *failing) failure() error {
	if err := f.err.Load(); err != nil {
		return *err
	}
	return nil
}

func (f *failing) Get(ctx context.Context, key string) (store.Item, error) {
	if err := f.failure(); err != nil {
		return store.Item{}, err
	}
	return f.Store.Get(ctx, key)
}

func (f *failing) Set(ctx context.Context, key string, val []byte, ttl time.Duration) error {
	if err := f.failure(); err != nil {
		return err
	}
	if f.onSet != nil {
		f.onSet()
	}
	return f.Store.Set(ctx, key, val, ttl)
}

// test runs in a bubble.
func test(t *testing.T, conf cache.Config, run func(f *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{T: t, store: &failing{Store: store.NewMemory(store.MemoryConfig{}).Scoped("cache")}}
		conf.OnError = func(key string, err error) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.errors = append(f.errors, fmt.Errorf("%s: %w", key, err))
		}
		f.Cache = cache.New(f.store, conf)
		run(f)
	})
}

// told returns what OnError was told, and forgets it.
func (f *fixture) told() []error {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer func() { f.errors = nil }()
	return f.errors
}

// gives wants a value, or an error.
func (f *fixture) gives(key string, load func(context.Context) (string, error), want string, wantErr error) {
	f.Helper()
	got, err := cache.GetOrLoad(f.Context(), f.Cache, key, load)
	if got != want || !errors.Is(err, wantErr) {
		f.Errorf("GetOrLoad(%q) = %q, %v, want %q, %v", key, got, err, want, wantErr)
	}
}

func value(val string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return val, nil }
}

func failure(err error) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return "not this", err }
}

var errLoad = errors.New("load")

func TestGetOrLoad_keeps(t *testing.T) {
	test(t, cache.Config{TTL: time.Minute, Jitter: -1}, func(f *fixture) {
		f.gives("k", value("1"), "1", nil)
		f.gives("k", value("2"), "1", nil)
		f.gives("other", value("2"), "2", nil)
		time.Sleep(time.Minute - time.Nanosecond)
		f.gives("k", value("2"), "1", nil)
		time.Sleep(time.Nanosecond)
		f.gives("k", value("3"), "3", nil)
	})
}

// TestGetOrLoad_ownValues holds that no caller can change what another gets.
func TestGetOrLoad_ownValues(t *testing.T) {
	test(t, cache.Config{}, func(f *fixture) {
		load := func(context.Context) ([]int, error) {
			time.Sleep(time.Second)
			return []int{1, 2, 3}, nil
		}
		var wait sync.WaitGroup
		for i := range 20 {
			wait.Go(func() {
				time.Sleep(time.Duration(i) * 100 * time.Millisecond) // some join, some come later
				got, err := cache.GetOrLoad(f.Context(), f.Cache, "k", load)
				if err != nil || !slices.Equal(got, []int{1, 2, 3}) {
					f.Errorf("GetOrLoad = %v, %v", got, err)
				}
				clear(got)
			})
		}
		wait.Wait()
	})
}

func TestGetOrLoad_once(t *testing.T) {
	test(t, cache.Config{}, func(f *fixture) {
		var loads atomic.Int64
		var wait sync.WaitGroup
		for range 100 {
			wait.Go(func() {
				f.gives("k", func(context.Context) (string, error) {
					loads.Add(1)
					time.Sleep(time.Second)
					return "v", nil
				}, "v", nil)
			})
		}
		wait.Wait()
		if loads.Load() != 1 {
			t.Errorf("%d loads, want 1", loads.Load())
		}
	})
}

// TestGetOrLoad_leaving holds that a caller who leaves ends the load for nobody else.
func TestGetOrLoad_leaving(t *testing.T) {
	test(t, cache.Config{}, func(f *fixture) {
		ctx, cancel := context.WithCancel(f.Context())
		var wait sync.WaitGroup
		began := make(chan struct{})
		wait.Go(func() {
			start := time.Now()
			_, err := cache.GetOrLoad(ctx, f.Cache, "k", func(ctx context.Context) (string, error) {
				close(began)
				select {
				case <-ctx.Done():
					return "", ctx.Err()
				case <-time.After(time.Second):
					return "v", nil
				}
			})
			if !errors.Is(err, context.Canceled) || time.Since(start) > 500*time.Millisecond {
				t.Errorf("the caller that left got %v after %v", err, time.Since(start))
			}
		})
		<-began
		wait.Go(func() { f.gives("k", value("not this"), "v", nil) })
		synctest.Wait()
		cancel()
		wait.Wait()
		f.gives("k", value("not this"), "v", nil)
	})
}

// TestGetOrLoad_allLeave holds that a load for nobody is told to end, and that what it
// returns all the same is not kept.
func TestGetOrLoad_allLeave(t *testing.T) {
	test(t, cache.Config{}, func(f *fixture) {
		var ended atomic.Bool
		var wait sync.WaitGroup
		for i := range 3 {
			wait.Go(func() {
				ctx, cancel := context.WithTimeout(f.Context(), time.Duration(i+1)*time.Second)
				defer cancel()
				_, err := cache.GetOrLoad(ctx, f.Cache, "k", func(ctx context.Context) (string, error) {
					<-ctx.Done()
					ended.Store(true)
					return "late", nil
				})
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("GetOrLoad = %v, want %v", err, context.DeadlineExceeded)
				}
				synctest.Wait()
				if last := i == 2; ended.Load() != last {
					t.Errorf("after %d s the load has ended: %t", i+1, ended.Load())
				}
			})
			synctest.Wait()
		}
		wait.Wait()
		synctest.Wait()
		if told := f.told(); len(told) > 0 {
			t.Errorf("OnError was told %v, want nothing", told)
		}
		f.gives("k", value("new"), "new", nil)
	})
}

func TestGetOrLoad_timeout(t *testing.T) {
	test(t, cache.Config{Timeout: time.Second}, func(f *fixture) {
		start := time.Now()
		f.gives("k", func(ctx context.Context) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}, "", context.DeadlineExceeded)
		if took := time.Since(start); took != time.Second {
			t.Errorf("it took %v, want a second", took)
		}
	})
}

func TestGetOrLoad_context(t *testing.T) {
	test(t, cache.Config{}, func(f *fixture) {
		type key struct{}
		ctx := context.WithValue(f.Context(), key{}, "value")
		got, err := cache.GetOrLoad(ctx, f.Cache, "k", func(ctx context.Context) (string, error) {
			return ctx.Value(key{}).(string), nil
		})
		if got != "value" || err != nil {
			t.Errorf("GetOrLoad = %q, %v, want the value of the context", got, err)
		}
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		_, err = cache.GetOrLoad(ctx, f.Cache, "k", value("not this"))
		if !errors.Is(err, context.Canceled) || len(f.told()) > 0 {
			t.Errorf("GetOrLoad with a cancelled context = %v, want %v", err, context.Canceled)
		}
	})
}

func TestGetOrLoad_errors(t *testing.T) {
	test(t, cache.Config{}, func(f *fixture) {
		f.gives("k", failure(errLoad), "", errLoad)
		f.gives("k", failure(store.ErrNotFound), "", store.ErrNotFound)
		f.gives("k", value("v"), "v", nil)
		f.gives("", value("v"), "", store.ErrKey)
		f.gives(strings.Repeat("k", store.MaxKey), value("v"), "", store.ErrKey) // with its scope it is longer
		_, err := cache.GetOrLoad(f.Context(), f.Cache, "chan", func(context.Context) (chan int, error) { return make(chan int), nil })
		if err == nil || !strings.Contains(err.Error(), "marshal") {
			t.Errorf("a value that cannot be marshalled = %v, want an error", err)
		}
	})
}

func TestGetOrLoad_negative(t *testing.T) {
	test(t, cache.Config{Negative: time.Second, Jitter: -1}, func(f *fixture) {
		none := fmt.Errorf("user 7: %w", store.ErrNotFound)
		f.gives("k", failure(none), "", none)
		f.gives("k", value("v"), "", store.ErrNotFound)
		f.gives("other", failure(errLoad), "", errLoad)
		f.gives("other", value("v"), "v", nil)
		time.Sleep(time.Second)
		f.gives("k", value("v"), "v", nil)
	})
}

// TestGetOrLoad_jitter holds that entries written at once do not die at once, and none
// lives longer than it should.
func TestGetOrLoad_jitter(t *testing.T) {
	test(t, cache.Config{TTL: time.Hour, Jitter: 0.5}, func(f *fixture) {
		const n = 200
		ends := map[time.Time]bool{}
		for i := range n {
			key := fmt.Sprint(i)
			f.gives(key, value("v"), "v", nil)
			item, err := f.store.Get(f.Context(), key)
			left := time.Until(item.ExpiresAt)
			if err != nil || left < time.Hour/2 || left > time.Hour {
				t.Errorf("an entry has %v, %v, want from half an hour to one", left, err)
			}
			ends[item.ExpiresAt] = true
		}
		if len(ends) < n/2 {
			t.Errorf("%d entries die at %d times", n, len(ends))
		}
	})
}

// TestGetOrLoad_panic holds that a panic of load reaches all who wait, as an error.
func TestGetOrLoad_panic(t *testing.T) {
	for _, tt := range []struct {
		name string
		load func()
		want func(error) bool
	}{
		{"a text", func() { panic("boom") }, func(err error) bool {
			p, ok := errors.AsType[*cache.PanicError](err)
			return ok && p.Value == "boom" && strings.Contains(string(p.Stack), "TestGetOrLoad_panic") && strings.Contains(err.Error(), "boom")
		}},
		{"an error", func() { panic(errLoad) }, func(err error) bool { return errors.Is(err, errLoad) }},
		{"Goexit", runtime.Goexit, func(err error) bool { return errors.Is(err, cache.ErrGone) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			test(t, cache.Config{}, func(f *fixture) {
				var wait sync.WaitGroup
				for range 5 {
					wait.Go(func() {
						_, err := cache.GetOrLoad(f.Context(), f.Cache, "k", func(context.Context) (string, error) {
							time.Sleep(time.Second)
							tt.load()
							return "v", nil
						})
						if !tt.want(err) {
							f.Errorf("GetOrLoad = %v", err)
						}
					})
				}
				wait.Wait()
				f.gives("k", value("v"), "v", nil)
			})
		})
	}
}

// TestGetOrLoad_storeFails holds that a cache without its store loads, and says so.
func TestGetOrLoad_storeFails(t *testing.T) {
	test(t, cache.Config{}, func(f *fixture) {
		down := errors.New("down")
		f.store.err.Store(&down)
		for _, val := range []string{"1", "2"} {
			f.gives("k", value(val), val, nil)
			if told := f.told(); len(told) != 2 || !errors.Is(told[0], down) || !errors.Is(told[1], down) || !strings.HasPrefix(told[0].Error(), "k: ") {
				t.Errorf("OnError was told %v, want twice %v", told, down)
			}
		}
		f.store.err.Store(nil)
		f.gives("k", value("3"), "3", nil)
	})
}

// TestGetOrLoad_damaged holds that what cannot be read is loaded again.
func TestGetOrLoad_damaged(t *testing.T) {
	test(t, cache.Config{}, func(f *fixture) {
		for i, kept := range []string{"", "\x00more", "\x02", "\x01", "\x01{", "\x017", `"v"`} {
			key := fmt.Sprint(i)
			if err := f.store.Set(f.Context(), key, []byte(kept), 0); err != nil {
				t.Fatal(err)
			}
			f.gives(key, value("v"), "v", nil)
			if told := f.told(); len(told) != 1 {
				t.Errorf("%q: OnError was told %v, want one error", kept, told)
			}
			f.gives(key, value("not this"), "v", nil)
		}
	})
}
