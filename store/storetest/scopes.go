package storetest

import (
	"context"
	"fmt"
	"time"

	"github.com/gogeist/geist/store"
)

func (s *suite) scopes() {
	a := s.Scoped("a")
	for name, call := range s.calls(a, "k", 0) {
		if err := call(s.Context()); err != nil && name != "Touch" && name != "Get" && name != "CAS" {
			s.Errorf("%s in a scope = %v", name, err)
		}
	}
	s.ok("Set", a.Set(s.Context(), "k", []byte("in a"), 0))
	s.hasIn(s.Scoped("a"), "k", "in a")
	s.lacks("k")
	s.lacks("ak")
	s.ok("Delete", s.Scoped("b").Delete(s.Context(), "k"))
	s.hasIn(a, "k", "in a")
	s.ok("Close of a view", a.Close())
	s.hasIn(a, "k", "in a")
	s.ok("Delete", a.Delete(s.Context(), "k", "other"))
	s.lacksIn(a, "k")
}

// craftedKeys writes every key in every scope, and wants each of them to be another.
// Whoever chooses a key knows all prefixes, and how they are put together.
func (s *suite) craftedKeys() {
	scopes := map[string]store.Store{
		"a": s.Scoped("a"), "ab": s.Scoped("ab"), "a/b": s.Scoped("a").Scoped("b"), "b/a": s.Scoped("b").Scoped("a"),
		"": s.Scoped(""), "/": s.Scoped("").Scoped(""), "a/": s.Scoped("a").Scoped(""), "a:": s.Scoped("a:"), ":a": s.Scoped(":a"),
		"1:a": s.Scoped("1:a"), "1:a:": s.Scoped("1:a:"), "1:a1:b:": s.Scoped("1:a1:b:"), "a/b/c": s.Scoped("a").Scoped("b").Scoped("c"), "0:": s.Scoped("0:"),
		"NUL": s.Scoped("\x00"), "a NUL": s.Scoped("a\x00"),
	}
	keys := []string{
		"k", "b", ":k", "a:k", "bk", "b:k", "1:bk", "1:b:k", "/k", "../k", "1:a:k", "1:a1:b:k", "0::k", "0:0::k", "k:", "1:b1:c:k", "\x00k", "a\x00k", "*", "%",
	}
	for name, scope := range scopes {
		for _, key := range keys {
			if fresh, err := scope.SetNX(s.Context(), key, []byte(name+"|"+key), 0); !fresh || err != nil {
				s.Errorf("SetNX(%q) in %q = %t, %v, want true: another scope has the key", key, name, fresh, err)
			}
		}
	}
	for name, scope := range scopes {
		for _, key := range keys {
			s.hasIn(scope, key, name+"|"+key)
		}
		s.ok("Delete", scope.Delete(s.Context(), keys...))
		for _, key := range keys {
			s.lacksIn(scope, key)
		}
	}
}

// calls are all that can be done with a key, by name.
func (s *suite) calls(in store.Store, key string, ttl time.Duration) map[string]func(ctx context.Context) error {
	limit := store.Limit{Rate: 1}
	return map[string]func(ctx context.Context) error{
		"Get": func(ctx context.Context) error { _, err := in.Get(ctx, key); return err },
		"Set": func(ctx context.Context) error { return in.Set(ctx, key, []byte("1"), ttl) },
		"SetNX": func(ctx context.Context) error {
			_, err := in.SetNX(ctx, key, []byte("1"), ttl)
			return err
		},
		"CAS": func(ctx context.Context) error {
			item, err := in.Get(ctx, key)
			if err != nil && ttl >= 0 {
				return err
			}
			_, err = in.CAS(ctx, key, item.Ver, []byte("1"), ttl)
			return err
		},
		"Incr":   func(ctx context.Context) error { _, err := in.Incr(ctx, key, 1, ttl); return err },
		"Touch":  func(ctx context.Context) error { return in.Touch(ctx, key, ttl) },
		"Delete": func(ctx context.Context) error { return in.Delete(ctx, key) },
		"Allow":  func(ctx context.Context) error { _, err := store.Allow(ctx, in, key, limit, 0); return err },
		"AllowByCAS": func(ctx context.Context) error {
			_, err := store.Allow(ctx, plain{in}, key, limit, 0)
			return err
		},
	}
}

// context holds that what was cancelled before has no effect.
func (s *suite) context() {
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	late, end := context.WithDeadline(s.Context(), time.Now().Add(-second))
	defer end()
	for _, in := range []store.Store{s.Store, s.Scoped("a")} {
		s.ok("Set", in.Set(s.Context(), "k", []byte("7"), 0))
		before := s.hasIn(in, "k", "7")
		for name, call := range s.calls(in, "k", second) {
			s.fails(name+" with a cancelled context", call(ctx), context.Canceled)
			s.fails(name+" after a deadline", call(late), context.DeadlineExceeded)
		}
		for name, call := range s.calls(in, "new", second) {
			s.fails(fmt.Sprintf("%s of nothing with a cancelled context", name), call(ctx), context.Canceled)
		}
		if after := s.hasIn(in, "k", "7"); after.Ver != before.Ver || !after.ExpiresAt.IsZero() {
			s.Errorf("the entry was changed by a call whose context was done")
		}
		s.lacksIn(in, "new")
	}
}
