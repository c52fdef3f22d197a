package geist

import (
	"sync/atomic"
	"time"
)

// coarseClock tells the time to within clockTick for less than a nanosecond, so
// that deadlines, which are seconds away, cost a connection neither a look at the
// clock nor a system call a request. It runs only while somebody asks: a timer
// advances it and stops it when nobody has asked since the last time. The zero
// clock is ready to use.
type coarseClock struct {
	now   atomic.Int64 // unix nanoseconds; 0 while it stands still
	asked atomic.Bool
}

// clockTick is how far the clock may lag behind.
const clockTick = 100 * time.Millisecond

// nanos returns the time in unix nanoseconds.
func (k *coarseClock) nanos() int64 {
	t := k.now.Load()
	if t == 0 {
		return k.start()
	}
	if !k.asked.Load() {
		k.asked.Store(true)
	}
	return t
}

func (k *coarseClock) start() int64 {
	t := time.Now().UnixNano()
	if k.now.CompareAndSwap(0, t) {
		time.AfterFunc(clockTick, k.advance)
	}
	return t
}

func (k *coarseClock) advance() {
	if !k.asked.Swap(false) {
		k.now.Store(0)
		return
	}
	k.now.Store(time.Now().UnixNano())
	time.AfterFunc(clockTick, k.advance)
}

// deadline returns the time that lies timeout after now, or no time if timeout is
// not positive. What the clock may lag behind is added.
func deadline(now int64, timeout time.Duration) time.Time {
	if timeout <= 0 {
		return time.Time{}
	}
	return time.Unix(0, now).Add(timeout + clockTick)
}
