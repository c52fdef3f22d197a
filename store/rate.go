package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

// Limit is how much is allowed: Rate in each Period, evenly, and Burst at once after a
// rest. {Rate: 100, Period: time.Minute, Burst: 20} lets 20 through at once, and one more
// every 600 ms.
type Limit struct {
	// Rate is how many are allowed in a Period, at least 1.
	Rate int
	// Period is the time that Rate is about. Zero means a second. It must be at least a
	// nanosecond for each of Rate.
	Period time.Duration
	// Burst is how many are allowed at once. Zero means Rate.
	Burst int
}

// Decision is what Allow says, in the terms of the RateLimit header fields.
type Decision struct {
	// Allowed reports whether all that was asked for is allowed. If not, nothing of it
	// has been counted.
	Allowed bool
	// Limit is the Burst of the limit.
	Limit int
	// Remaining is how many more would be allowed now.
	Remaining int
	// RetryAfter is after how long what was asked for would be allowed, if nothing else is.
	// Zero means that it is, negative that it never will be: it is more than Burst.
	RetryAfter time.Duration
	// ResetAfter is after how long all of Burst is there again.
	ResetAfter time.Duration
}

// RateStore is a Store that can do Allow in one call. Package functions use it where it is there.
type RateStore interface {
	Store
	// Allow does what the function Allow does.
	Allow(ctx context.Context, key string, l Limit, n int) (Decision, error)
}

// Allow takes n out of what a limit allows under a key, or nothing at all: by GCRA, the
// leaky bucket that needs one number for each key and no timer. With n zero it only looks.
// It is exact, however many ask at once, on one node or many. What is kept under the key is
// not for other methods, and dies when it says nothing any more.
//
// A store that is no [RateStore] is asked by Get and CAS, until no one else has been
// faster, and the clock is that of this node: nodes whose clocks differ by a second are
// generous or strict by as much.
//
// A changed limit holds at once: nobody is made to wait for longer than the new one would.
func Allow(ctx context.Context, s Store, key string, l Limit, n int) (Decision, error) {
	if r, ok := s.(RateStore); ok {
		return r.Allow(ctx, key, l, n)
	}
	if err := l.Check(n); err != nil {
		return Decision{}, err
	}
	for try := 0; ; try++ {
		item, err := s.Get(ctx, key)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return Decision{}, err
		}
		due, ok := parseInt(string(item.Val))
		if !ok && err == nil {
			return Decision{}, ErrNotInteger
		}
		now := time.Now().UnixNano()
		due, d := l.Step(due, now, n)
		if !d.Allowed || n == 0 {
			return d, nil
		}
		_, err = s.CAS(ctx, key, item.Ver, strconv.AppendInt(nil, due, 10), time.Duration(due-now))
		if err == nil {
			return d, nil
		}
		if !errors.Is(err, ErrConflict) {
			return Decision{}, err
		}
		if err := pause(ctx, try); err != nil {
			return Decision{}, err
		}
	}
}

// pause waits a little, longer each time and never twice the same, so that those who
// collide do not do so again.
func pause(ctx context.Context, try int) error {
	t := time.NewTimer(rand.N(time.Millisecond << min(try, 5)))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Check returns ErrLimit for a limit that is none, and for an n below zero.
func (l Limit) Check(n int) error {
	switch every, burst := l.spacing(); {
	case l.Rate < 1 || l.Period < 0 || l.Burst < 0 || every < 1:
		return fmt.Errorf("%w: %d in %v, %d at once", ErrLimit, l.Rate, l.Period, l.Burst)
	case int64(burst) > math.MaxInt64/4/every:
		return fmt.Errorf("%w: %d at once take longer than there is time", ErrLimit, burst)
	case n < 0:
		return fmt.Errorf("%w: %d asked for", ErrLimit, n)
	}
	return nil
}

// spacing returns the time between two, in nanoseconds, and the burst. The time is 0 if
// the limit is none.
func (l Limit) spacing() (every int64, burst int) {
	period, burst := l.Period, l.Burst
	if period == 0 {
		period = time.Second
	}
	if burst == 0 {
		burst = l.Rate
	}
	return int64(period) / int64(max(l.Rate, 1)), burst
}

// Step is one Allow, without the store: due is the number that is kept, or 0, and now the
// time, both in nanoseconds of the same clock, whichever that is. It returns the
// number to keep from now on, until that time; it has changed only if n was more than zero and is
// allowed. The limit and n have passed Check. It is for those who write a store.
//
//	        now                        due
//	─────────┼──────────────────────────┼───────────┬────▶
//	         └── taken: burst−remaining ┘           now + burst × every
func (l Limit) Step(due, now int64, n int) (int64, Decision) {
	every, burst := l.spacing()
	full := every * int64(burst)
	// Never further ahead than the limit allows: clocks are set back, limits change.
	base := min(max(due, now), now+full)
	d := Decision{Limit: burst, Allowed: n <= burst}
	if !d.Allowed {
		d.RetryAfter = -1
	} else if next := base + int64(n)*every; next <= now+full {
		base = next
	} else {
		d.Allowed, d.RetryAfter = false, time.Duration(next-now-full)
	}
	d.ResetAfter = time.Duration(base - now)
	d.Remaining = int((now + full - base) / every)
	return base, d
}
