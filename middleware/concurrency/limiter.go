package concurrency

import (
	"sync"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/internal/unsafestring"
)

// Limiter bounds how many requests are handled at once, for as many routes and engines as its
// Handle is used in. It is safe for any number of goroutines, and has none of its own.
type Limiter struct {
	conf       Config
	retryAfter string
	refusal    *geist.Error

	mu    sync.Mutex
	all   *gate            // its fields are guarded by mu; nil with Config.Key
	keys  map[string]*gate // guarded by mu; those that have requests
	spare *gate            // guarded by mu; one that no key has any more
	stats Stats            // guarded by mu
}

// Stats are what a Limiter does and has done, those of all keys together.
type Stats struct {
	Running int // requests that hold a slot, now
	Waiting int // requests in the queue, now

	Admitted uint64 // requests that got a slot
	Full     uint64 // requests that found the queue full
	Shed     uint64 // requests that were refused because of overload
	TimedOut uint64 // requests that waited for MaxWait
	Gone     uint64 // requests whose context ended while they waited
}

// Stats returns figures for monitor pages.
func (l *Limiter) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats
}

// gate is one limit: that of all requests, or of a key.
type gate struct {
	key         string // of room, while it is in Limiter.keys: the request's own may change
	room        []byte
	running     int
	waiting     int
	first, last *waiter // the queue, in the order of coming

	// Of the last Interval; see record.
	began      time.Time
	least      time.Duration
	shed       bool
	overloaded bool
}

// waiter is a request in the queue. Its fields are guarded by the Limiter's lock, but for turn.
type waiter struct {
	turn       chan bool // gets whether it is admitted, once
	since      time.Time
	prev, next *waiter
	queued     bool
	admitted   bool
}

// enter takes a slot, or a place in the queue, which it returns. Without either the gate is nil.
func (l *Limiter) enter(key string) (*gate, *waiter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.gateLocked(key)
	switch {
	case g.running < l.conf.Limit: // then nobody waits
		g.running++
		l.stats.Running++
		l.stats.Admitted++
		g.overloaded = false
		return g, nil
	case g.waiting >= l.conf.Queue:
		l.stats.Full++
		return nil, nil
	}
	w := &waiter{turn: make(chan bool, 1), since: time.Now()}
	if g.first == nil {
		g.restart(w.since)
	}
	g.push(w)
	l.stats.Waiting++
	return g, w
}

func (l *Limiter) gateLocked(key string) *gate {
	if l.keys == nil {
		return l.all
	}
	g := l.keys[key]
	if g == nil {
		if g = l.spare; g == nil {
			g = &gate{}
		}
		l.spare = nil
		*g = gate{room: append(g.room[:0], key...)}
		g.key = unsafestring.String(g.room)
		l.keys[g.key] = g
	}
	return g
}

// leave gives a slot back: to one that waits, if there is one.
func (l *Limiter) leave(g *gate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if g.first != nil {
		l.passLocked(g, time.Now())
		return
	}
	g.running--
	l.stats.Running--
	if g.running == 0 && l.keys != nil {
		delete(l.keys, g.key)
		l.spare = g
	}
}

// passLocked gives the slot of a request that has ended to the next one, and refuses those that
// have waited for too long.
func (l *Limiter) passLocked(g *gate, now time.Time) {
	w := g.first
	if g.overloaded {
		w = g.last
	}
	l.takeLocked(g, w, true)
	l.stats.Admitted++
	for g.overloaded && g.first != nil && now.Sub(g.first.since) > l.conf.Target {
		l.takeLocked(g, g.first, false)
		l.stats.Shed++
		g.shed = true
	}
	g.record(&l.conf, now, now.Sub(w.since))
}

// takeLocked takes a request out of the queue and tells it whether it is admitted.
func (l *Limiter) takeLocked(g *gate, w *waiter, admitted bool) {
	g.remove(w)
	l.stats.Waiting--
	w.admitted = admitted
	w.turn <- admitted
}

// giveUp takes a request out of the queue, whose patience has ended. It reports whether it has
// been admitted meanwhile, and thus holds a slot.
func (l *Limiter) giveUp(g *gate, w *waiter, count func(*Stats) *uint64) (admitted bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.queued {
		g.remove(w)
		l.stats.Waiting--
		*count(&l.stats)++
	}
	return w.admitted
}

func timedOut(s *Stats) *uint64 { return &s.TimedOut }
func gone(s *Stats) *uint64     { return &s.Gone }

// restart begins an Interval.
func (g *gate) restart(now time.Time) {
	g.began, g.least, g.shed = now, 1<<62, false
}

// record notes how long a request has waited that gets a slot, and judges at the end of an
// Interval: overload begins when every wait was longer than Target, and ends when nobody had to
// be refused for that.
func (g *gate) record(conf *Config, now time.Time, wait time.Duration) {
	g.least = min(g.least, wait)
	if now.Sub(g.began) < conf.Interval {
		return
	}
	if g.overloaded {
		g.overloaded = g.shed
	} else {
		g.overloaded = g.least > conf.Target
	}
	g.restart(now)
}

// push puts a request at the end of the queue.
func (g *gate) push(w *waiter) {
	w.queued, w.prev = true, g.last
	if g.last == nil {
		g.first = w
	} else {
		g.last.next = w
	}
	g.last = w
	g.waiting++
}

// remove takes a request out of the queue.
func (g *gate) remove(w *waiter) {
	if w.prev == nil {
		g.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		g.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.queued, w.prev, w.next = false, nil, nil
	g.waiting--
}
