package ready

import (
	"net"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait for something that must happen; no test passes by its running
// out.
const patience = 20 * time.Second

// bell is a Task that can be waited for.
type bell chan struct{}

func newBell() bell { return make(bell, 100) }

func (b bell) Ready() { b <- struct{}{} }

func (b bell) wait(t *testing.T, what string) {
	t.Helper()
	select {
	case <-b:
	case <-time.After(patience):
		t.Fatalf("%s: nothing was told, want it", what)
	}
}

// quiet fails the test if b was told anything. Another socket is told something first, so
// that what was on its way has arrived.
func (b bell) quiet(t *testing.T, p *Poller, what string) {
	t.Helper()
	conn, peer := pair(t)
	var s Socket
	other := newBell()
	watch(t, p, &s, conn, Readable, other)
	write(t, peer)
	other.wait(t, "another socket")
	p.Stop(&s)
	if n := len(b); n != 0 {
		t.Errorf("%s: was told %d times, want none", what, n)
	}
}

// pair returns both ends of a TCP connection.
func pair(t *testing.T) (conn, peer *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	a, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close(); _ = b.Close() })
	return b.(*net.TCPConn), a.(*net.TCPConn)
}

func rawOf(t *testing.T, conn *net.TCPConn) syscall.RawConn {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func watch(t *testing.T, p *Poller, s *Socket, conn *net.TCPConn, event Event, task Task) {
	t.Helper()
	if !p.Watch(s, rawOf(t, conn), event, task) {
		t.Fatal("Watch: got false, want true")
	}
}

func write(t *testing.T, conn *net.TCPConn) {
	t.Helper()
	if _, err := conn.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
}

// idle waits until p holds nothing: neither descriptor nor table.
func idle(t *testing.T, p *Poller) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		p.mu.Lock()
		open, count := p.file != nil, p.count
		p.mu.Unlock()
		if !open && count == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("nothing is registered: got an epoll instance (%v) and %d sockets, want none", open, count)
		}
	}
}

// TestPoller_tellsAtTheEdge: once for what has arrived, read or not, and again for more.
func TestPoller_tellsAtTheEdge(t *testing.T) {
	var p Poller
	var s Socket
	conn, peer := pair(t)
	b := newBell()
	write(t, peer) // before it is watched
	watch(t, &p, &s, conn, Readable, b)
	b.wait(t, "a byte of before")
	b.quiet(t, &p, "a byte that nobody reads")
	write(t, peer)
	b.wait(t, "another byte")
	_ = peer.Close()
	b.wait(t, "the end")
	p.Stop(&s)
	p.Stop(&s)
	idle(t, &p)
}

// TestPoller_tellsOfLeaving: bytes do not count, a half-close does, behind them.
func TestPoller_tellsOfLeaving(t *testing.T) {
	for name, leave := range map[string]func(peer *net.TCPConn){
		"half-close": func(peer *net.TCPConn) { _ = peer.CloseWrite() },
		"reset":      func(peer *net.TCPConn) { _ = peer.SetLinger(0); _ = peer.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			var p Poller
			var s Socket
			conn, peer := pair(t)
			b := newBell()
			watch(t, &p, &s, conn, Left, b)
			write(t, peer)
			b.quiet(t, &p, "a byte")
			leave(peer)
			b.wait(t, name)
			p.Stop(&s)
			idle(t, &p)
		})
	}
}

// TestPoller_stoppedTellsNothing: and may be watched again.
func TestPoller_stoppedTellsNothing(t *testing.T) {
	var p Poller
	var s Socket
	conn, peer := pair(t)
	b := newBell()
	watch(t, &p, &s, conn, Readable, b)
	p.Stop(&s)
	write(t, peer)
	b.quiet(t, &p, "a stopped socket")
	watch(t, &p, &s, conn, Readable, b)
	b.wait(t, "watched again")
	p.Stop(&s)
	idle(t, &p)
}

// TestPoller_descriptorsAreReused: a connection that was closed before Stop leaves nothing
// behind that the next one of its number could hear, or lose.
func TestPoller_descriptorsAreReused(t *testing.T) {
	var p Poller
	var keep Socket
	first, _ := pair(t)
	watch(t, &p, &keep, first, Readable, newBell()) // p stays open
	again := 0
	for range 50 {
		old, oldPeer := pair(t)
		var stale, fresh Socket
		gone, heard := newBell(), newBell()
		watch(t, &p, &stale, old, Readable, gone)
		_ = old.Close()
		_ = oldPeer.Close()
		conn, peer := pair(t)
		watch(t, &p, &fresh, conn, Readable, heard)
		if fresh.fd == stale.fd {
			again++
		}
		p.Stop(&stale)
		write(t, peer)
		heard.wait(t, "the next connection")
		p.Stop(&fresh)
		if n := len(gone); n > 0 {
			t.Fatalf("a connection that we have closed: was told %d times, want none", n)
		}
		_, _ = conn.Close(), peer.Close()
	}
	if again == 0 {
		t.Error("no descriptor was reused in 50 attempts: this test has tested nothing")
	}
	p.Stop(&keep)
	idle(t, &p)
}

// TestPoller_closedConnection: it cannot be watched, and what is idle ends.
func TestPoller_closedConnection(t *testing.T) {
	var p Poller
	var s Socket
	conn, _ := pair(t)
	raw := rawOf(t, conn)
	_ = conn.Close()
	if p.Watch(&s, raw, Readable, newBell()) {
		t.Error("Watch of a closed connection: got true, want false")
	}
	p.Stop(&s)
	idle(t, &p)
	live, peer := pair(t)
	watch(t, &p, &s, live, Readable, newBell())
	_ = live.Close()
	_ = peer.Close()
	p.Stop(&s)
	idle(t, &p)
}

// TestPoller_many: more events at a time than one look takes.
func TestPoller_many(t *testing.T) {
	var p Poller
	const n = 300
	bells, sockets := make([]bell, n), make([]Socket, n)
	peers := make([]*net.TCPConn, n)
	for i := range n {
		conn, peer := pair(t)
		bells[i], peers[i] = newBell(), peer
		watch(t, &p, &sockets[i], conn, Readable, bells[i])
	}
	for _, peer := range peers {
		write(t, peer)
	}
	for i := range n {
		bells[i].wait(t, "one of many")
		p.Stop(&sockets[i])
	}
	idle(t, &p)
}
