package generator

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gogeist/geist/bench/realtime/load"
)

// readSize is the most that one read takes.
const readSize = 64 << 10

// worker is one goroutine's share of a client.
type worker struct {
	cfg       *Config
	failed    *atomic.Bool // of the client
	addr      unix.Sockaddr
	exchanges []Exchange // of cfg
	last      []Exchange // the same with requests that close
	clock     load.Clock
	epoll     int
	timer     int
	armed     bool            // timer
	conns     map[int32]*conn // by file descriptor
	events    [256]unix.EpollEvent
	buf       [readSize + headLimit]byte
	now       int64 // when the events at hand were reported
	moved     int   // reads, writes and connects, for patience

	// Of the loop that runs.
	hist     *load.Hist
	answered int
	made     int   // connections
	flying   int   // requests that are not answered
	until    int64 // closed loops send nothing later
	schedule *schedule
}

func newWorker(client *Client, addr unix.Sockaddr) (*worker, error) {
	clock, err := load.NewClock()
	if err != nil {
		return nil, err
	}
	cfg := &client.cfg
	w := &worker{cfg: cfg, failed: &client.failed, addr: addr, exchanges: cfg.Exchanges, clock: clock, timer: -1, conns: map[int32]*conn{}}
	for _, e := range cfg.Exchanges {
		e.Request = closing(e.Request)
		w.last = append(w.last, e)
	}
	if w.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	if w.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC); err == nil {
		err = unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, w.timer, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(w.timer)})
	}
	if err != nil {
		w.close()
		return nil, fmt.Errorf("timer: %w", err)
	}
	return w, nil
}

func (w *worker) close() {
	for _, c := range w.conns {
		_ = unix.Close(int(c.fd))
	}
	clear(w.conns)
	if w.timer >= 0 {
		_ = unix.Close(w.timer)
	}
	_ = unix.Close(w.epoll)
	w.timer = -1
}

// dial opens n connections and waits until they are open.
func (w *worker) dial(n int) error {
	open := 0
	for i := range n {
		c := &conn{w: w, at: i * 3, opened: func() { open++ }}
		if err := c.connect(); err != nil {
			return err
		}
	}
	if err := w.poll(func() bool { return open == n }, func() time.Duration { return forever }); err != nil {
		return err
	}
	for _, c := range w.conns {
		c.opened = nil
	}
	return nil
}

// closed is Client.Closed.
func (w *worker) closed(d time.Duration) (Result, error) {
	w.begin()
	start := w.clock.Now()
	w.until = start + int64(d)
	for _, c := range w.list() {
		if err := c.next(start); err != nil {
			return Result{}, err
		}
	}
	err := w.poll(func() bool { return w.flying == 0 }, func() time.Duration { return forever })
	return w.result(start), err
}

func (w *worker) begin() {
	w.hist, w.answered, w.made, w.flying, w.schedule = new(load.Hist), 0, 0, 0, nil
}

func (w *worker) result(start int64) Result {
	return Result{Requests: w.answered, Conns: w.made, Wall: time.Duration(w.now - start), Latency: w.hist}
}

// list returns the connections: what is done with them may replace them.
func (w *worker) list() []*conn {
	all := make([]*conn, 0, len(w.conns))
	for _, c := range w.conns {
		all = append(all, c)
	}
	return all
}

// forever is a time to wait for events when nothing is due.
const forever = time.Hour

// poll handles events until done. Before it waits it calls due, which does what the time
// asks for and returns how long there is nothing to do.
func (w *worker) poll(done func() bool, due func() time.Duration) error {
	last, quiet := w.moved, w.clock.Now()
	w.now = quiet
	for !done() {
		if w.failed.Load() {
			return errStopped
		}
		idle := due()
		wait, err := w.wake(idle)
		if err != nil {
			return err
		}
		n, err := unix.EpollWait(w.epoll, w.events[:], wait)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("epoll: %w", err)
		}
		w.now = w.clock.Now()
		for _, e := range w.events[:max(n, 0)] {
			c := w.conns[e.Fd]
			if c == nil { // the timer, or one that was closed before its turn
				continue
			}
			if err := c.event(e.Events); err != nil {
				return c.explain(err)
			}
		}
		if w.moved != last || w.flying == 0 && idle < forever {
			last, quiet = w.moved, w.now
		} else if time.Duration(w.now-quiet) > w.cfg.Patience {
			return w.impatient()
		}
	}
	return nil
}

func (w *worker) impatient() error {
	var are [ending + 1]int
	for _, c := range w.conns {
		are[c.state]++
	}
	switch {
	case are[ending] > 0:
		return fmt.Errorf("%d connections are still open %v after the answer to \"Connection: close\"", are[ending], w.cfg.Patience)
	case are[connecting] > 0:
		return fmt.Errorf("%d connections are not accepted after %v", are[connecting], w.cfg.Patience)
	}
	return fmt.Errorf("no answer for %v; %d requests wait for one, %d have one", w.cfg.Patience, w.flying, w.answered)
}

// spin is the span below which waiting by the timer costs more than it spares.
const spin = 20 * time.Microsecond

// wake sees to it that polling ends after d. It returns the timeout of the poll, in
// milliseconds: for long times that suffices, short ones are the timer's.
func (w *worker) wake(d time.Duration) (int, error) {
	const patient = 100 // to look at the clock
	if d < spin {
		return 0, nil
	}
	if d > patient*time.Millisecond {
		if !w.armed {
			return patient, nil
		}
		d = 0 // disarms it: else it would stay readable
	}
	w.armed = d > 0
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}
	if err := unix.TimerfdSettime(w.timer, 0, &spec, nil); err != nil {
		return 0, fmt.Errorf("timer: %w", err)
	}
	return patient, nil
}

// errEarly says that a server closed a connection that it should have kept.
var errEarly = fmt.Errorf("the server closed the connection: %w", io.ErrUnexpectedEOF)
