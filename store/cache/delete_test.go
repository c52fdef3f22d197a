package cache_test

import (
	"context"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist/store/cache"
)

// TestCache_Delete holds that what was loaded before a Delete is not kept after it.
func TestCache_Delete(t *testing.T) {
	test(t, cache.Config{}, func(f *fixture) {
		f.gives("k", value("1"), "1", nil)
		if err := f.Delete(f.Context(), "k", "other"); err != nil {
			t.Fatalf("Delete = %v", err)
		}
		var wait sync.WaitGroup
		wait.Go(func() {
			f.gives("k", func(context.Context) (string, error) {
				time.Sleep(time.Second)
				return "old", nil
			}, "old", nil)
		})
		synctest.Wait()
		if err := f.Delete(f.Context(), "k"); err != nil {
			t.Fatalf("Delete = %v", err)
		}
		f.gives("k", value("new"), "new", nil) // not the load that began before
		wait.Wait()
		f.gives("k", value("not this"), "new", nil)
	})
}

// TestCache_DeleteLast holds that a Delete that comes while a value is being written has
// the last word.
func TestCache_DeleteLast(t *testing.T) {
	test(t, cache.Config{}, func(f *fixture) {
		f.store.onSet = func() {
			f.store.onSet = nil
			if err := f.Delete(f.Context(), "k"); err != nil {
				t.Errorf("Delete = %v", err)
			}
		}
		f.gives("k", value("old"), "old", nil)
		f.gives("k", value("new"), "new", nil)
	})
}

func TestNew_panics(t *testing.T) {
	for _, conf := range []cache.Config{
		{TTL: -1}, {Negative: -1}, {Timeout: -1}, {Jitter: 1.5}, {Jitter: math.Inf(1)}, {Jitter: math.NaN()},
		{Marshal: func(any) ([]byte, error) { return nil, nil }},
	} {
		func() {
			defer func() {
				if v := recover(); v == nil {
					t.Errorf("New(%+v) did not panic", conf)
				}
			}()
			cache.New(nil, conf)
		}()
	}
}
