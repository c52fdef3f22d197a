package peerwatch

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// linger is how long the epoll instance and its goroutine outlive the last registered watch, so
// that a trickle of slow requests does not make them anew each time.
const linger = 100 * time.Millisecond

// poller is one epoll instance that waits for many peers to leave. It exists while something is
// registered: Watcher.run owns it.
//
// Registrations fire once (EPOLLONESHOT), so that one that nobody waits for any more cannot spin.
// An event carries descriptor and generation; both must match what is registered, so that an event
// of a closed connection never reaches the next one with the same number:
//
//	watched[7] → Watch{gen: 41} → Watch{gen: 41}      two watches of one socket
//	watched[9] → Watch{gen: 38}
//	event {fd: 7, gen: 40}                            stale, dropped
type poller struct {
	// All guarded by Watcher.mu, except calls.
	file      *os.File // the epoll instance, inside Go's own poller; nil when there is none
	fd        int      // its descriptor; file is closed under Watcher.mu only
	watched   map[int32]*Watch
	gen       int32
	lingering bool // file has a read deadline, after which run looks whether it is still needed

	calls atomic.Int64 // epoll system calls so far, for tests
}

// addLocked registers t and reports whether that worked. w.mu must be held.
func (w *Watcher) addLocked(t *Watch) bool {
	p := &w.poll
	if p.file == nil && !w.openLocked() {
		return false
	}
	ok := false
	err := t.raw.Control(func(fd uintptr) { ok = p.registerLocked(t, int32(fd)) })
	if len(p.watched) == 0 {
		p.lingerLocked()
	}
	return ok && err == nil
}

// openLocked makes the epoll instance and starts its goroutine. w.mu must be held.
func (w *Watcher) openLocked() bool {
	p := &w.poll
	p.calls.Add(1)
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return false
	}
	// Epoll descriptors can themselves be polled: a non-blocking one goes into Go's poller, and the
	// goroutine that waits for it holds no thread.
	err = syscall.SetNonblock(fd, true)
	file := os.NewFile(uintptr(fd), "epoll")
	if err != nil || file.SetReadDeadline(time.Time{}) != nil {
		file.Close()
		return false
	}
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return false
	}
	p.file, p.fd, p.lingering = file, fd, false
	p.watched = make(map[int32]*Watch)
	go w.run(raw)
	return true
}

// registerLocked puts fd, the socket of t, into the set. w.mu must be held, and fd be kept from
// being closed.
func (p *poller) registerLocked(t *Watch, fd int32) bool {
	p.gen++
	ev := syscall.EpollEvent{Events: syscall.EPOLLRDHUP | syscall.EPOLLONESHOT, Fd: fd, Pad: p.gen}
	err := p.ctl(syscall.EPOLL_CTL_ADD, int(fd), &ev)
	if errors.Is(err, syscall.EEXIST) {
		// The kernel knows this very socket: another watch of it is registered, or was told and
		// left its spent registration behind. Modifying also reports what happened before.
		err = p.ctl(syscall.EPOLL_CTL_MOD, int(fd), &ev)
		if err == nil {
			t.next = p.watched[fd]
			for s := t.next; s != nil; s = s.next {
				s.gen = p.gen
			}
		}
	}
	// Had it not known it, then watches still listed under this number are of a closed connection:
	// t takes their place, and their Stop will not find them.
	if err != nil {
		t.next = nil
		return false
	}
	t.fd, t.gen = fd, p.gen
	p.watched[fd] = t
	return true
}

// removeLocked takes t out of the set. w.mu must be held.
func (w *Watcher) removeLocked(t *Watch) {
	p := &w.poll
	at := p.watched[t.fd]
	if at == t {
		p.setLocked(t.fd, t.next)
	} else {
		for at != nil && at.next != t {
			at = at.next
		}
		if at == nil {
			return // its connection was closed and the number given to another
		}
		at.next = t.next
	}
	t.next = nil
	if p.watched[t.fd] == nil {
		// Control fails when the connection is closed; then the kernel has removed it already.
		_ = t.raw.Control(func(fd uintptr) { _ = p.ctl(syscall.EPOLL_CTL_DEL, int(fd), nil) })
	}
	if len(p.watched) == 0 {
		p.lingerLocked()
	}
}

// setLocked makes t the first watch of fd, or forgets fd when t is nil. Watcher.mu must be held.
func (p *poller) setLocked(fd int32, t *Watch) {
	if t == nil {
		delete(p.watched, fd)
		return
	}
	p.watched[fd] = t
}

// lingerLocked lets run look, a little later, whether it is still needed. Watcher.mu must be held.
func (p *poller) lingerLocked() {
	if p.lingering {
		return
	}
	p.lingering = true
	_ = p.file.SetReadDeadline(time.Now().Add(linger))
}

// ctl is epoll_ctl, counted.
func (p *poller) ctl(op, fd int, ev *syscall.EpollEvent) error {
	p.calls.Add(1)
	return syscall.EpollCtl(p.fd, op, fd, ev)
}

// run waits for events and tells. It ends when nothing has been registered for a while.
func (w *Watcher) run(raw syscall.RawConn) {
	self := goroutineID()
	var events [128]syscall.EpollEvent
	n := 0
	harvest := func(fd uintptr) bool {
		w.poll.calls.Add(1)
		n, _ = syscall.EpollWait(int(fd), events[:], 0) // no EINTR: it does not sleep
		return n > 0
	}
	for {
		if raw.Read(harvest) != nil { // the deadline of lingerLocked
			if w.closeIdle() {
				return
			}
			continue
		}
		for _, ev := range events[:n] {
			for t := w.take(ev, self); t != nil; t = w.take(ev, self) {
				t.tell()
			}
		}
	}
}

// take returns a watch that ev is about, ready to be told, or nil. One at a time, because telling
// one may stop the next.
func (w *Watcher) take(ev syscall.EpollEvent, self uint64) *Watch {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := &w.poll
	t := p.watched[ev.Fd]
	if t == nil || t.gen != ev.Pad {
		return nil
	}
	// The spent registration stays in the kernel until the connection is closed: see registerLocked.
	p.setLocked(ev.Fd, t.next)
	t.next = nil
	if len(p.watched) == 0 {
		p.lingerLocked()
	}
	t.tellLocked(self) // true: what is listed is live
	return t
}

// closeIdle closes the epoll instance unless something is registered, and reports whether it did.
func (w *Watcher) closeIdle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := &w.poll
	p.lingering = false
	if len(p.watched) != 0 {
		_ = p.file.SetReadDeadline(time.Time{})
		return false
	}
	p.file.Close()
	p.file, p.watched = nil, nil
	return true
}
