//go:build linux

package load

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// readSize is the most that one read takes. One read an event suffices: epoll reports
// again what it leaves.
const readSize = 64 << 10

// A Loop polls the connections of any number of swarms.
type Loop struct {
	clock  Clock
	epoll  int
	conns  []*conn // by file descriptor; nil where there is none
	events [512]unix.EpollEvent
	buf    [readSize + restLimit]byte
	now    int64 // when the events at hand were reported
	err    error // the first failure of a connection that no swarm expects
}

// NewLoop returns a loop. Close releases it.
func NewLoop() (*Loop, error) {
	clock, err := NewClock()
	if err != nil {
		return nil, err
	}
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	return &Loop{clock: clock, epoll: fd}, nil
}

// Close closes every connection, with a reset, and the loop.
func (l *Loop) Close() {
	for _, c := range l.conns {
		if c != nil {
			l.drop(c, true)
		}
	}
	_ = unix.Close(l.epoll)
}

// Poll waits at most d for events and handles them. It returns the first failure of a
// connection: a swarm that stays open must not lose one, also while others are measured.
func (l *Loop) Poll(d time.Duration) error {
	n, err := unix.EpollWait(l.epoll, l.events[:], int(max(d.Milliseconds(), 0)))
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("epoll: %w", err)
	}
	l.now = l.clock.Now()
	for i := range max(n, 0) {
		if c := l.conns[l.events[i].Fd]; c != nil {
			c.ready(l)
		}
	}
	return l.err
}

// PollFor handles events for as long as d.
func (l *Loop) PollFor(d time.Duration) error {
	return l.pollUntil(d, func() bool { return false }, func() error { return nil })
}

// pollUntil handles events until done, or until limit has passed: then it fails with why.
func (l *Loop) pollUntil(limit time.Duration, done func() bool, why func() error) error {
	end := time.Now().Add(limit)
	for !done() {
		left := time.Until(end)
		if left <= 0 {
			return why()
		}
		if err := l.Poll(min(left+time.Millisecond, 100*time.Millisecond)); err != nil {
			return err
		}
	}
	return nil
}

func (l *Loop) add(c *conn, events uint32) error {
	for int(c.fd) >= len(l.conns) {
		l.conns = append(l.conns, make([]*conn, 1024)...)
	}
	l.conns[c.fd] = c
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, int(c.fd), &unix.EpollEvent{Events: events, Fd: c.fd})
}

func (l *Loop) watch(c *conn, events uint32) error {
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_MOD, int(c.fd), &unix.EpollEvent{Events: events, Fd: c.fd})
}

// ignore stops reading c, which stays open.
func (l *Loop) ignore(c *conn) error {
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, int(c.fd), nil)
}

// drop closes c, with a reset if abrupt. Closing takes it out of the epoll.
func (l *Loop) drop(c *conn, abrupt bool) {
	if abrupt {
		_ = unix.SetsockoptLinger(int(c.fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	l.conns[c.fd] = nil
	c.state = closed
	_ = unix.Close(int(c.fd))
}
