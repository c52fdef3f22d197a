package generator

import (
	"fmt"
	"math"
	"time"
)

// schedule is that of an open loop.
type schedule struct {
	start int64
	each  float64 // ns between requests
	n     int     // requests in all
	next  int     // of them, the first that is not sent
	free  []*conn // those with nothing on its way; the longest first
}

// at returns when a request is due.
func (s *schedule) at(i int) int64 { return s.start + int64(float64(i)*s.each) }

// open is Client.Open. The requests of several workers alternate: shift is the part of the
// span between two of one worker by which it begins later.
func (w *worker) open(rate float64, d time.Duration, shift float64) (Result, error) {
	w.begin()
	each := float64(time.Second) / rate
	start := w.clock.Now()
	s := &schedule{
		start: start + int64(shift*each), each: each, free: w.list(),
		n: max(int(math.Ceil(d.Seconds()*rate)), 1),
	}
	w.schedule = s
	var failed error
	limit := s.start + int64(d) + int64(w.cfg.Patience)
	err := w.poll(func() bool {
		if failed == nil && w.answered < s.n && w.now > limit {
			failed = fmt.Errorf("%d of %d requests are answered %v after the last was due", w.answered, s.n, w.cfg.Patience)
		}
		return failed != nil || w.answered == s.n
	}, func() time.Duration {
		var idle time.Duration
		idle, failed = w.send(s)
		return idle
	})
	if err == nil {
		err = failed
	}
	return w.result(start), err
}

// send sends what is due, as far as there are free connections, and returns how long there
// is nothing to do.
func (w *worker) send(s *schedule) (time.Duration, error) {
	for s.next < s.n && len(s.free) > 0 {
		due := s.at(s.next)
		if left := due - w.clock.Now(); left > 0 {
			return time.Duration(left), nil
		}
		c := s.free[0]
		s.free = s.free[1:]
		c.add(due)
		s.next++
		if err := c.flush(); err != nil {
			return 0, c.explain(err)
		}
	}
	return forever, nil
}
