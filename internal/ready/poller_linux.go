package ready

import (
	"os"
	"sync"
	"syscall"
	"time"
)

// linger is how long the epoll instance and its goroutine outlive the last registration, so
// that a trickle of connections does not make them anew each time.
const linger = 100 * time.Millisecond

// Poller watches sockets. The zero one is ready; there is nothing to close: its goroutine
// and its descriptor go when the last socket has. Its methods may be called by any
// goroutine. It must not be copied after first use.
type Poller struct {
	mu        sync.Mutex
	file      *os.File  // guarded by mu; the epoll instance, inside Go's own poller; nil when there is none
	fd        int       // guarded by mu; its descriptor
	table     []*Socket // guarded by mu; by descriptor: the kernel gives the lowest that is free
	count     int       // guarded by mu; sockets in table
	gen       int32     // guarded by mu; of the last registration
	lingering bool      // guarded by mu; file has a read deadline, at which run looks whether it is still needed
}

// Watch registers s, which is not registered, for the socket behind raw: task is told of
// the event from now on, also if it has been there before. It reports false if the system
// refuses, such as for want of descriptors. The connection may be closed at any time; Stop
// is to be called nevertheless.
func (p *Poller) Watch(s *Socket, raw syscall.RawConn, event Event, task Task) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file == nil && !p.openLocked() {
		return false
	}
	ok := false
	err := raw.Control(func(fd uintptr) { ok = p.addLocked(s, int(fd), event, task) })
	if p.count == 0 {
		p.lingerLocked()
	}
	return ok && err == nil
}

// Stop lets s tell nothing any more. A call of Ready that has begun is not waited for.
func (p *Poller) Stop(s *Socket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.task == nil {
		return
	}
	s.task = nil
	if int(s.fd) >= len(p.table) || p.table[s.fd] != s {
		return // its connection was closed, and the number given to another
	}
	// That fails if the connection is closed: then the kernel has removed it already.
	_ = syscall.EpollCtl(p.fd, syscall.EPOLL_CTL_DEL, int(s.fd), nil)
	p.table[s.fd] = nil
	if p.count--; p.count == 0 {
		p.lingerLocked()
	}
}

// edge is EPOLLET, which package syscall has as a negative number.
const edge = 1 << 31

// addLocked puts a descriptor, which is kept from being closed, into the set. p.mu must be
// held.
func (p *Poller) addLocked(s *Socket, fd int, event Event, task Task) bool {
	p.gen++
	ev := syscall.EpollEvent{Events: syscall.EPOLLRDHUP | edge, Fd: int32(fd), Pad: p.gen}
	if event == Readable {
		ev.Events |= syscall.EPOLLIN
	}
	if syscall.EpollCtl(p.fd, syscall.EPOLL_CTL_ADD, fd, &ev) != nil {
		return false
	}
	for len(p.table) <= fd {
		p.table = append(p.table, nil)
	}
	if p.table[fd] == nil { // else it is of a connection that was closed, whose Stop is to come
		p.count++
	}
	s.task, s.fd, s.gen = task, int32(fd), p.gen
	p.table[fd] = s
	return true
}

// openLocked makes the epoll instance and starts its goroutine. p.mu must be held.
func (p *Poller) openLocked() bool {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return false
	}
	// One that does not block goes into Go's poller itself: whoever waits for it holds no
	// thread.
	err = syscall.SetNonblock(fd, true)
	file := os.NewFile(uintptr(fd), "epoll")
	if err != nil || file.SetReadDeadline(time.Time{}) != nil {
		_ = file.Close()
		return false
	}
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		return false
	}
	p.file, p.fd, p.lingering = file, fd, false
	go p.run(raw)
	return true
}

// lingerLocked lets run look, a little later, whether it is still needed. p.mu must be held.
func (p *Poller) lingerLocked() {
	if !p.lingering {
		p.lingering = true
		_ = p.file.SetReadDeadline(time.Now().Add(linger))
	}
}

// run waits for events and tells. Its Poller owns it; it ends when nothing has been
// registered for a while.
func (p *Poller) run(raw syscall.RawConn) {
	var events [128]syscall.EpollEvent
	n := 0
	harvest := func(fd uintptr) bool {
		n, _ = syscall.EpollWait(int(fd), events[:], 0) // no EINTR: it does not sleep
		return n > 0
	}
	for {
		if raw.Read(harvest) != nil { // the deadline of lingerLocked
			if p.closeIdle() {
				return
			}
			continue
		}
		for _, ev := range events[:n] {
			if task := p.find(ev); task != nil {
				task.Ready()
			}
		}
	}
}

// find returns whom an event is for, or nil.
func (p *Poller) find(ev syscall.EpollEvent) Task {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.table[ev.Fd]; s != nil && s.gen == ev.Pad {
		return s.task
	}
	return nil
}

// closeIdle closes the epoll instance unless something is registered, and reports whether
// it did.
func (p *Poller) closeIdle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lingering = false
	if p.count != 0 {
		_ = p.file.SetReadDeadline(time.Time{})
		return false
	}
	_ = p.file.Close()
	p.file, p.table = nil, nil
	return true
}
