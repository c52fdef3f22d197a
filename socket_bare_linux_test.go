package geist

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// TestBareSocket_closesOnce: the client sees the end although the first connection's
// descriptor was a copy, what is used afterwards fails, and no descriptor is left.
func TestBareSocket_closesOnce(t *testing.T) {
	tcpPair(t) // Go's poller has descriptors of its own, once there is anything to watch
	before := openFiles(t)
	server, client := tcpPair(t)
	whole := newSocket(server, time.Second)
	s, ok := whole.bare()
	if !ok {
		t.Fatal("bare: got false, want true")
	}
	_ = server.Close()
	if err := s.writeAll([]byte("still here")); err != nil {
		t.Fatal(err)
	}
	_ = s.raw.Control(func(uintptr) { // a user of the descriptor: it stays open, the connection does not
		if err := s.conn.Close(); err != nil {
			t.Errorf("Close: got %v, want nil", err)
		}
		if b, err := io.ReadAll(client); string(b) != "still here" || err != nil {
			t.Errorf("read: got %q, %v, want what was written, then the end", b, err)
		}
	})
	if err := s.conn.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Close again: got %v, want %v", err, net.ErrClosed)
	}
	if _, err := s.tryWrite([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("tryWrite behind Close: got %v, want %v", err, net.ErrClosed)
	}
	if err := s.raw.Control(func(uintptr) { t.Error("Control behind Close has called its function") }); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Control behind Close: got %v, want %v", err, net.ErrClosed)
	}
	_ = client.Close()
	if after := openFiles(t); after != before {
		t.Errorf("got %d open files, want %d as before", after, before)
	}
}

// TestBareSocket_ofClosedConnection: there is none.
func TestBareSocket_ofClosedConnection(t *testing.T) {
	server, _ := tcpPair(t)
	s := newSocket(server, 0)
	_ = server.Close()
	if _, ok := s.bare(); ok {
		t.Error("got true, want false")
	}
}

// TestBareSocket_withoutDescriptors: a write that waits while the process can open none goes on
// when the client reads, and fails when its patience ends.
func TestBareSocket_withoutDescriptors(t *testing.T) {
	server, client := tcpPair(t)
	whole := newSocket(server, 100*time.Millisecond)
	s, ok := whole.bare()
	if !ok {
		t.Fatal("bare: got false, want true")
	}
	defer func() { _ = s.conn.Close() }()
	exhaustFiles(t)
	if err := s.writeAll(make([]byte, 64<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("nobody reads: got %v, want %v", err, os.ErrDeadlineExceeded)
	}
	go func() { _, _ = io.Copy(io.Discard, client) }() // ends with the connection
	s.patience = 10 * time.Second
	if err := s.writeAll(make([]byte, 64<<20)); err != nil {
		t.Errorf("the client reads: got %v, want nil", err)
	}
}

// exhaustFiles lets the process open no file until the test has ended.
func exhaustFiles(t *testing.T) {
	t.Helper()
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	free := duplicate(0)
	_ = syscall.Close(free)
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: uint64(free), Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &was) })
}

// openFiles returns how many descriptors the process has.
func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}
