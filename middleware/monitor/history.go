package monitor

import (
	"sync"
	"time"
)

const (
	// historySeconds is how long lines are kept.
	historySeconds = 300
	// markSeconds is how far apart the histograms are that the last minute is made of.
	markSeconds = 10
	// windowMarks is how many of them a window has: 50 to 60 seconds.
	windowMarks = 6
)

// line is what is kept of a second. Latencies are in nanoseconds.
type line struct {
	status              statuses
	p50, p90, p99, p999 time.Duration
	inFlight            int64
	gauges              gauges
}

// gauges are numbers that requests do not change.
type gauges struct {
	conns, sockets, streams int
	goroutines, heap        uint64
}

// history keeps the last seconds.
//
//	lines   …│ 41 │ 42 │ 43 ← the newest; 44 is being counted
//	marks   what had been counted at 0 s, 10 s, … 40 s
type history struct {
	mu      sync.Mutex
	lines   [historySeconds]line // guarded by mu; second s at s % historySeconds
	status  statuses             // guarded by mu; at the end of the newest line
	latency counts               // guarded by mu; likewise
	marks   [windowMarks]counts  // guarded by mu; before second s, a multiple of markSeconds, at s / markSeconds % windowMarks
	process process              // guarded by mu
}

func (m *Monitor) secondOf(since time.Duration) int64 { return int64(since / time.Second) }

// turn writes the lines of the seconds before now, unless somebody else does. With wait
// they are written when it returns.
func (m *Monitor) turn(now time.Duration, wait bool) {
	h := &m.history
	if wait {
		h.mu.Lock()
	} else if !h.mu.TryLock() {
		return
	}
	defer h.mu.Unlock()
	m.turnLocked(m.secondOf(now))
}

// turnLocked makes second the one that is being counted. m.history must be locked.
func (m *Monitor) turnLocked(second int64) {
	h, from := &m.history, m.second.Load()
	if second <= from {
		return
	}
	var latency counts
	m.all.latency(&latency)
	status := m.all.status()
	var l line
	for class := range status {
		l.status[class] = status[class] - h.status[class]
	}
	come := latency.minus(&h.latency)
	n := come.total()
	l.p50, l.p90, l.p99, l.p999 = come.quantile(n, .5), come.quantile(n, .9), come.quantile(n, .99), come.quantile(n, .999)
	l.inFlight = m.all.inFlight()
	l.gauges = m.gaugesLocked()
	// All of it has been counted in the first of these seconds: else that would have turned.
	idle := line{inFlight: l.inFlight, gauges: l.gauges}
	h.lines[from%historySeconds] = l
	for s := max(from+1, second-historySeconds); s < second; s++ {
		h.lines[s%historySeconds] = idle
	}
	for mark := max(from/markSeconds+1, second/markSeconds-windowMarks+1); mark <= second/markSeconds; mark++ {
		h.marks[mark%windowMarks] = latency
	}
	h.status, h.latency = status, latency
	m.second.Store(second)
}

func (m *Monitor) gaugesLocked() gauges {
	var g gauges
	if app := m.app.Load(); app != nil {
		open := app.Stats()
		g.conns, g.sockets, g.streams = open.Conns, open.WebSockets, open.Streams
	}
	g.goroutines, g.heap = m.history.process.quick()
	return g
}

// minuteLocked returns the latencies of the last minute. m.history must be locked.
func (m *Monitor) minuteLocked() counts {
	var now counts
	m.all.latency(&now)
	return now.minus(&m.history.marks[(m.second.Load()/markSeconds+1)%windowMarks]) // the oldest; in the first minute nothing
}
