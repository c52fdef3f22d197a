// Package wheel runs rough timers for very many connections: heartbeats, silences,
// deadlines of closing. A timer is a struct within its connection and costs nothing while
// it waits; setting one again is a few pointers under a lock. In return it fires late, by
// up to one tick, never early.
//
//	slots  0   1   2  …  511         a timer due at tick 700 hangs in slot 188 and is
//	       │       │                 passed over once, at tick 188
//	       e───e   e
//
// There is one time.Timer for all, armed for the next slot that holds anything: an empty
// wheel costs nothing and has no goroutine.
package wheel

import (
	"sync"
	"time"
)

// Tick is the wheel's resolution: 100 ms.
const Tick = 100 * time.Millisecond

// slots times Tick is one turn, 51 seconds: few timers last longer.
const slots = 512

// Task is what a timer runs. It is run on a goroutine of the wheel, which other timers
// wait for: it must not block. It may set timers.
type Task interface{ Expire() }

// Timer is one timer, to be embedded. The zero Timer is not set. Its fields are guarded
// by the wheel's lock.
type Timer struct {
	task       Task
	next, prev *Timer // in its slot, a ring without a head; nil if it is not set
	due        int64  // the tick
}

// Wheel holds timers. The zero Wheel is ready. Its methods may be called from any
// goroutine. A Wheel must not be copied after first use.
type Wheel struct {
	mu    sync.Mutex
	start time.Time     // guarded by mu; of tick 0; set by the first Set
	done  int64         // guarded by mu; the last tick whose slot has been seen to
	armed int64         // guarded by mu; the tick that alarm is set for, or 0
	count int           // guarded by mu; timers that are set
	alarm *time.Timer   // guarded by mu
	rings [slots]*Timer // guarded by mu; any member of each slot's ring
}

// Set makes t fire once, d from now, and not when it was set to before. A timer belongs
// to one wheel.
func (w *Wheel) Set(t *Timer, d time.Duration, task Task) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.removeLocked(t)
	now := w.nowLocked()
	if w.count == 0 {
		w.done = now // nothing was missed while the wheel stood still
	}
	t.task, t.due = task, max(now+1+int64((d+Tick-1)/Tick), w.done+1)
	ring := &w.rings[t.due%slots]
	if *ring == nil {
		t.next, t.prev = t, t
		*ring = t
	} else {
		t.next, t.prev = *ring, (*ring).prev
		t.prev.next, t.next.prev = t, t
	}
	w.count++
	if w.armed == 0 || t.due < w.armed {
		w.armLocked(t.due)
	}
}

// Stop lets t not fire any more, and reports whether it was set. A task that has begun
// is not waited for.
func (w *Wheel) Stop(t *Timer) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.removeLocked(t)
}

// Len returns how many timers are set.
func (w *Wheel) Len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

// removeLocked takes t out of its slot.
func (w *Wheel) removeLocked(t *Timer) bool {
	if t.next == nil {
		return false
	}
	ring := &w.rings[t.due%slots]
	if *ring = t.next; t.next == t {
		*ring = nil
	}
	t.prev.next, t.next.prev = t.next, t.prev
	t.next, t.prev, t.task = nil, nil, nil
	w.count--
	return true
}

// nowLocked returns the current tick, beginning with 1.
func (w *Wheel) nowLocked() int64 {
	if w.start.IsZero() {
		w.start = time.Now().Add(-Tick)
	}
	return int64(time.Since(w.start) / Tick)
}

// armLocked sets the alarm for a tick.
func (w *Wheel) armLocked(tick int64) {
	w.armed = tick
	d := time.Until(w.start.Add(time.Duration(tick) * Tick))
	if w.alarm == nil {
		w.alarm = time.AfterFunc(d, w.turn)
		return
	}
	w.alarm.Reset(d)
}

// turn is the alarm: it runs what is due, on the goroutine that time.AfterFunc gives
// it, and ends.
func (w *Wheel) turn() {
	for _, task := range w.take() {
		task.Expire()
	}
}

// take takes the timers that are due out of their slots and sets the next alarm.
func (w *Wheel) take() (due []Task) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.nowLocked()
	for tick := max(w.done+1, now-slots+1); tick <= now; tick++ {
		due = w.takeSlotLocked(due, tick%slots, now)
	}
	w.done, w.armed = now, 0
	if w.count > 0 {
		w.armLocked(w.nextLocked())
	}
	return due
}

// takeSlotLocked takes what is due out of one slot.
func (w *Wheel) takeSlotLocked(due []Task, slot, now int64) []Task {
	first := w.rings[slot]
	if first == nil {
		return due
	}
	var wait []*Timer
	for t := first; ; t = t.next {
		wait = append(wait, t)
		if t.next == first {
			break
		}
	}
	for _, t := range wait {
		if t.due <= now {
			due = append(due, t.task)
			w.removeLocked(t)
		}
	}
	return due
}

// nextLocked returns the next tick whose slot holds anything, maybe only timers of a
// later turn.
func (w *Wheel) nextLocked() int64 {
	for tick := w.done + 1; tick < w.done+slots; tick++ {
		if w.rings[tick%slots] != nil {
			return tick
		}
	}
	return w.done + slots
}
