package peerwatch

import (
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestWatcher_shortWatchMakesNoSystemCall is the promise to handlers that end within the delay.
func TestWatcher_shortWatchMakesNoSystemCall(t *testing.T) {
	w := &Watcher{Delay: time.Hour}
	conn, _ := tcpPair(t)
	for range 10_000 {
		w.Watch(conn, func() {}).Stop()
	}
	w.register() // the clock comes by afterwards and finds only stopped watches
	if got := w.poll.calls.Load(); got != 0 {
		t.Errorf("epoll system calls = %d, want 0", got)
	}
	if w.poll.file != nil {
		t.Error("an epoll instance was opened, want none")
	}
}

// TestWatcher_twoCallsALongWatch: one to register, one to remove, once the instance is there.
func TestWatcher_twoCallsALongWatch(t *testing.T) {
	w := &Watcher{Delay: time.Hour}
	conn, _ := tcpPair(t)
	other, _ := tcpPair(t)
	keep := w.Watch(other, func() {})
	w.register()
	defer keep.Stop()
	if !within(patience, func() bool { return w.poll.calls.Load() == 3 }) { // with run's first look
		t.Fatalf("one watch: %d system calls, want 3", w.poll.calls.Load())
	}
	for range 1000 {
		watch := w.Watch(conn, func() {})
		w.register()
		watch.Stop()
	}
	if got := w.poll.calls.Load() - 3; got != 2000 {
		t.Errorf("1,000 long watches: %d system calls, want 2,000", got)
	}
}

func TestWatcher_delayIsKept(t *testing.T) {
	w := &Watcher{Delay: time.Hour}
	conn, _ := tcpPair(t)
	for _, ticks := range []int{1, 2} {
		watch := w.Watch(conn, func() {})
		for range ticks {
			w.advance()
		}
		if got := watch.state.Load(); got != pending {
			t.Errorf("after %d ticks of half a delay: state %d, want pending", ticks, got)
		}
		watch.Stop()
	}
}

func TestWatcher_goroutineEndsWhenIdle(t *testing.T) {
	w := &Watcher{Delay: time.Hour}
	conn, client := tcpPair(t)
	open := func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.poll.file != nil
	}
	before := runtime.NumGoroutine()
	for _, end := range []string{"stopped", "told", "closed before registration"} {
		watch := w.Watch(conn, func() {})
		if end == "closed before registration" {
			conn.Close()
		}
		w.register()
		switch end {
		case "stopped":
			if !open() {
				t.Fatal("no epoll instance, want one")
			}
		case "told":
			client.CloseWrite()
		}
		watch.Stop()
		if !within(patience, func() bool { return !open() && runtime.NumGoroutine() <= before }) {
			t.Errorf("%s: open %v, %d goroutines, want none above %d", end, open(), runtime.NumGoroutine(), before)
		}
	}
}

// TestWatcher_survivesIdleDeadline: something is registered again when run looks whether to end.
func TestWatcher_survivesIdleDeadline(t *testing.T) {
	w := &Watcher{Delay: time.Hour}
	conn, client := tcpPair(t)
	first := w.Watch(conn, func() {})
	w.register()
	first.Stop()
	s := newSpy()
	second := w.Watch(conn, s.gone)
	w.register()
	looked := func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return !w.poll.lingering
	}
	if !within(patience, looked) {
		t.Error("run has not looked")
	}
	client.Close()
	wait(t, s.called, "close")
	second.Stop()
}

// TestWatcher_quietMeansAsleep: a watched connection costs no wake-ups while it is silent, nor when
// bytes arrive, nor after its peer has half-closed and gone was called.
func TestWatcher_quietMeansAsleep(t *testing.T) {
	w := &Watcher{Delay: time.Hour}
	quiet, quietClient := tcpPair(t)
	watch := w.Watch(quiet, func() { t.Error("gone called, want silence") })
	defer watch.Stop()
	conn, client := tcpPair(t)
	s := newSpy()
	told := w.Watch(conn, s.gone)
	defer told.Stop()
	w.register()
	quietClient.Write(make([]byte, 100))
	client.CloseWrite()
	wait(t, s.called, "half-close")

	// Create, two additions, a look before and one after the event, and as many spurious ones; a
	// registration that keeps firing would bring thousands.
	const most = 8
	for range 50 {
		time.Sleep(time.Millisecond)
		if got := w.poll.calls.Load(); got > most {
			t.Fatalf("epoll system calls = %d, want ≤ %d", got, most)
		}
	}
}

// TestWatcher_fallsBackWithoutEpoll: out of descriptors, each watch gets a goroutine.
func TestWatcher_fallsBackWithoutEpoll(t *testing.T) {
	conn, client := tcpPair(t)
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	w := &Watcher{Delay: time.Hour}
	s := newSpy()
	watch := w.Watch(conn, s.gone)
	syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 1, Max: old.Max})
	w.register()
	syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old)
	if watch.side == nil {
		t.Fatal("an epoll instance was opened, want none")
	}
	client.Close()
	wait(t, s.called, "close")
	watch.Stop()
}

// TestWatcher_reusedDescriptor: the connection is closed by our side while it is watched, and its
// number goes to another one, that is watched too.
func TestWatcher_reusedDescriptor(t *testing.T) {
	w := &Watcher{Delay: time.Hour}
	l := listenUnix(t)
	first, firstClient := l.pair(t)
	defer firstClient.Close()
	number := descriptor(t, first)
	old := w.Watch(first, func() { t.Error("first: gone called, want silence") })
	w.register()
	dup, err := first.File() // keeps the old registration in the kernel
	if err != nil {
		t.Fatal(err)
	}
	defer dup.Close()
	first.Close()

	var second, client *net.UnixConn
	for range 100 { // numbers are given lowest first; the client takes one too
		s, c := l.pair(t)
		defer s.Close()
		defer c.Close()
		if second, client = s, c; descriptor(t, s) == number {
			break
		}
		if descriptor(t, c) == number {
			second, client = c, s
			break
		}
	}
	if descriptor(t, second) != number {
		t.Fatalf("descriptor %d was not reused", number)
	}
	s := newSpy()
	watch := w.Watch(second, s.gone)
	w.register()
	old.Stop() // must not remove the new registration
	firstClient.Close()
	// The event with the old generation comes before the witness's, and must do nothing.
	witness, witnessClient := l.pair(t)
	defer witness.Close()
	seen := newSpy()
	other := w.Watch(witness, seen.gone)
	w.register()
	witnessClient.Close()
	wait(t, seen.called, "witness: close")
	other.Stop()
	if got := s.calls(); got != 0 {
		t.Fatalf("second: %d calls while its peer is there, want 0", got)
	}
	client.Close()
	wait(t, s.called, "second: close")
	watch.Stop()
	if got := s.calls(); got != 1 {
		t.Errorf("second: %d calls, want 1", got)
	}
}

func descriptor(t *testing.T, conn syscall.Conn) int {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	n := -1
	if err := raw.Control(func(fd uintptr) { n = int(fd) }); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestWatcher_noDescriptorLeak: the epoll instance is closed with its goroutine.
func TestWatcher_noDescriptorLeak(t *testing.T) {
	conn, _ := tcpPair(t)
	count := func() int {
		d, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip(err)
		}
		return len(d)
	}
	before := count()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			w := &Watcher{Delay: time.Hour}
			watch := w.Watch(conn, func() {})
			w.register()
			watch.Stop()
		})
	}
	all.Wait()
	if !within(patience, func() bool { return count() <= before }) {
		t.Errorf("descriptors: got %d, want %d", count(), before)
	}
}
