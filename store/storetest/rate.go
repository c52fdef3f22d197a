package storetest

import (
	"errors"
	"math"
	"sync/atomic"
	"time"

	"github.com/gogeist/geist/store"
)

// plain hides that a store can do Allow itself.
type plain struct{ store.Store }

func (s *suite) allow() {
	s.allowIn(s.Store)
	s.allowIn(s.Scoped("rl"))
}

// allowByCAS needs the store's clock and this one to be the same.
func (s *suite) allowByCAS() {
	if s.conf.Advance == nil {
		s.allowIn(plain{s.Store})
	}
}

// allowIn takes a limit through its life. 10 in 40 s, 4 at once: one more every 4 s.
func (s *suite) allowIn(in store.Store) {
	s.Helper()
	limit := store.Limit{Rate: 10, Period: 40 * second, Burst: 4}
	steps := []struct {
		name      string
		after     time.Duration
		n         int
		ok        bool
		remaining int
		retry     time.Duration // rounded
		reset     time.Duration
	}{
		{"a look at nothing", 0, 0, true, 4, 0, 0},
		{"one", 0, 1, true, 3, 0, 4 * second},
		{"two at once", 0, 2, true, 1, 0, 12 * second},
		{"two, but one is left", 0, 2, false, 1, 4 * second, 12 * second},
		{"the last", 0, 1, true, 0, 0, 16 * second},
		{"none left", 0, 1, false, 0, 4 * second, 16 * second},
		{"a look", 0, 0, true, 0, 0, 16 * second},
		{"more than ever", 0, 5, false, 0, -1, 16 * second},
		{"too early", 3 * second, 1, false, 0, second, 13 * second},
		{"one is back", second, 1, true, 0, 0, 16 * second},
		{"after a rest", 20 * second, 4, true, 0, 0, 16 * second},
		{"all at once", 0, 1, false, 0, 4 * second, 16 * second},
	}
	near := func(got, want time.Duration) bool {
		return want == -1 && got < 0 || (got-want).Abs() < second/2
	}
	for _, tt := range steps {
		if tt.after > 0 {
			s.pass(tt.after)
		}
		d, err := store.Allow(s.Context(), in, "k", limit, tt.n)
		if err != nil || d.Allowed != tt.ok || d.Remaining != tt.remaining || d.Limit != 4 || !near(d.RetryAfter, tt.retry) || !near(d.ResetAfter, tt.reset) {
			s.Errorf("%s: %+v, %v, want allowed %t, %d remaining, retry after %v, reset after %v", tt.name, d, err, tt.ok, tt.remaining, tt.retry, tt.reset)
		}
	}
	if d, err := store.Allow(s.Context(), in, "other", limit, 4); !d.Allowed || err != nil {
		s.Errorf("another key: %+v, %v, want allowed", d, err)
	}
	smaller := store.Limit{Rate: 1, Period: second}
	if d, err := store.Allow(s.Context(), in, "k", smaller, 1); d.RetryAfter > second || err != nil {
		s.Errorf("a limit that was made smaller: %+v, %v, want a second at most", d, err)
	}
	s.badLimits(in)
	s.pass(18*second + s.conf.Late)
	s.lacksIn(in, "k") // it said nothing any more
	s.ok("Set", in.Set(s.Context(), "text", []byte("text"), 0))
	_, err := store.Allow(s.Context(), in, "text", limit, 1)
	s.fails("Allow of a text", err, store.ErrNotInteger)
	s.ok("Delete", in.Delete(s.Context(), "text", "other"))
}

func (s *suite) badLimits(in store.Store) {
	s.Helper()
	for _, tt := range []struct {
		limit store.Limit
		n     int
	}{
		{store.Limit{}, 1},
		{store.Limit{Rate: -1}, 1},
		{store.Limit{Rate: 1, Period: -1}, 1},
		{store.Limit{Rate: 1, Burst: -1}, 1},
		{store.Limit{Rate: 2, Period: 1}, 1},
		{store.Limit{Rate: 1, Period: math.MaxInt64, Burst: math.MaxInt32}, 1},
		{store.Limit{Rate: 1}, -1},
	} {
		if d, err := store.Allow(s.Context(), in, "bad", tt.limit, tt.n); !errors.Is(err, store.ErrLimit) || d != (store.Decision{}) {
			s.Errorf("Allow(%+v, %d) = %+v, %v, want %v", tt.limit, tt.n, d, err, store.ErrLimit)
		}
	}
}

// contendedAllow lets 100 ask at once, through several views: exactly 20 are let through.
func (s *suite) contendedAllow() {
	s.storm(func(int) store.Store { return s.Store })
	s.storm(func(int) store.Store { return s.Scoped("rl") })
}

func (s *suite) contendedAllowByCAS() {
	s.storm(func(int) store.Store { return plain{s.Store} })
}

func (s *suite) storm(in func(i int) store.Store) {
	s.Helper()
	limit := store.Limit{Rate: 20, Period: 24 * time.Hour}
	var allowed atomic.Int64
	together(100, func(i int) {
		d, err := store.Allow(s.Context(), in(i), "storm", limit, 1)
		if err != nil {
			s.Errorf("Allow = %v", err)
		}
		if d.Allowed {
			allowed.Add(1)
		}
	})
	if allowed.Load() != 20 {
		s.Errorf("%d of 100 at once were let through, want 20", allowed.Load())
	}
	s.ok("Delete", in(0).Delete(s.Context(), "storm"))
}
