// Package storetest is the suite that every back end of package store passes. A back end
// needs one test:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(tb testing.TB) store.Store { return open(tb, tb.TempDir()) })
//	}
package storetest

import (
	"bytes"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist/store"
)

// Config is what the suite should know of a back end. The zero Config is for one that
// lives in this process and reads the time by package time.
type Config struct {
	// Advance lets time pass for the store. Nil means that each test runs in a bubble of
	// testing/synctest, where it passes by itself; that needs a store without goroutines
	// outside, hence without connections. A server whose clock cannot be moved takes time.Sleep.
	Advance func(d time.Duration)
	// Late is how much longer than its ttl an entry may live, a second at most. Zero
	// means not at all.
	Late time.Duration
	// MaxValue is the length of the longest value, in bytes. Zero leaves it untested that
	// longer ones are refused.
	MaxValue int
	// Replica opens the store again that was opened last, as another process would. Nil
	// means that only one may have it.
	Replica func(tb testing.TB) store.Store
}

// Run tests a back end. Each test calls open for a store that is empty, and closes it.
func Run(t *testing.T, open func(tb testing.TB) store.Store, conf ...Config) {
	var c Config
	if len(conf) > 0 {
		c = conf[0]
	}
	tests := []struct {
		name string
		test func(*suite)
	}{
		{"values", (*suite).values},
		{"keys", (*suite).keys},
		{"limits", (*suite).limits},
		{"ownership", (*suite).ownership},
		{"SetNX", (*suite).setNX},
		{"CAS", (*suite).cas},
		{"versions", (*suite).versions},
		{"Incr", (*suite).incr},
		{"Delete", (*suite).remove},
		{"expiry", (*suite).expiry},
		{"Touch", (*suite).touch},
		{"expiryOfCounters", (*suite).expiryOfCounters},
		{"longLives", (*suite).longLives},
		{"scopes", (*suite).scopes},
		{"scopesOfCraftedKeys", (*suite).craftedKeys},
		{"contendedCAS", (*suite).contendedCAS},
		{"contendedSetNX", (*suite).contendedSetNX},
		{"contendedIncr", (*suite).contendedIncr},
		{"contendedValues", (*suite).contendedValues},
		{"Allow", (*suite).allow},
		{"AllowByCAS", (*suite).allowByCAS},
		{"contendedAllow", (*suite).contendedAllow},
		{"contendedAllowByCAS", (*suite).contendedAllowByCAS},
		{"context", (*suite).context},
		{"Close", (*suite).close},
		{"closeInUse", (*suite).closeInUse},
		{"replicas", (*suite).replicas},
	}
	for _, tt := range tests {
		if tt.name == "replicas" && c.Replica == nil {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			run := func(t *testing.T) {
				s := &suite{T: t, Store: open(t), conf: c}
				t.Cleanup(func() { s.ok("Close", s.Store.Close()) })
				tt.test(s)
			}
			if c.Advance != nil {
				run(t)
				return
			}
			synctest.Test(t, run)
		})
	}
}

// suite is one test with its store.
type suite struct {
	*testing.T
	store.Store
	conf Config
}

// pass lets time pass.
func (s *suite) pass(d time.Duration) {
	if s.conf.Advance != nil {
		s.conf.Advance(d)
		return
	}
	time.Sleep(d)
}

// second is the unit of times to live: with a coarse clock or a real one, tests that cut
// it fine would tell nothing.
const second = time.Second

func (s *suite) ok(what string, err error) {
	s.Helper()
	if err != nil {
		s.Fatalf("%s = %v", what, err)
	}
}

func (s *suite) fails(what string, err, want error) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Errorf("%s = %v, want %v", what, err, want)
	}
}

func (s *suite) set(key, val string, ttl time.Duration) {
	s.Helper()
	s.ok("Set", s.Set(s.Context(), key, []byte(val), ttl))
}

// has wants a value, and returns its entry.
func (s *suite) has(key, val string) store.Item {
	s.Helper()
	return s.hasIn(s.Store, key, val)
}

func (s *suite) hasIn(in store.Store, key, val string) store.Item {
	s.Helper()
	item, err := in.Get(s.Context(), key)
	switch {
	case err != nil:
		s.Fatalf("Get(%.40q) = %v, want %.40q", key, err, val)
	case !bytes.Equal(item.Val, []byte(val)) || item.Val == nil:
		s.Fatalf("Get(%.40q) = %.40q, want %.40q", key, item.Val, val)
	case item.Ver == 0:
		s.Fatalf("Get(%.40q) has the version 0", key)
	}
	return item
}

func (s *suite) lacks(key string) {
	s.Helper()
	s.lacksIn(s.Store, key)
}

func (s *suite) lacksIn(in store.Store, key string) {
	s.Helper()
	if item, err := in.Get(s.Context(), key); !errors.Is(err, store.ErrNotFound) {
		s.Fatalf("Get(%.40q) = %.40q, %v, want %v", key, item.Val, err, store.ErrNotFound)
	}
}
