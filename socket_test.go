package geist

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/gogeist/geist/internal/memconn"
)

// socketKinds are the kinds of connections that sockets tell apart.
func socketKinds(t *testing.T) map[string]func(patience time.Duration) (s socket, client net.Conn) {
	kinds := map[string]func(time.Duration) (socket, net.Conn){
		"TCP": func(patience time.Duration) (socket, net.Conn) {
			server, client := tcpPair(t)
			return newSocket(server, patience), client
		},
		"memory": func(patience time.Duration) (socket, net.Conn) {
			a, b := memconn.Pipe(&net.TCPAddr{}, &net.TCPAddr{})
			return newSocket(a, patience), b
		},
	}
	if runtime.GOOS == "linux" {
		kinds["bare TCP"] = func(patience time.Duration) (socket, net.Conn) {
			server, client := tcpPair(t)
			whole := newSocket(server, patience)
			s, ok := whole.bare()
			if !ok {
				t.Fatal("bare: got false, want true")
			}
			_ = server.Close()
			t.Cleanup(func() { _ = s.conn.Close() })
			return s, client
		}
	}
	return kinds
}

func TestSocket_writesEverythingToSlowReader(t *testing.T) {
	want := make([]byte, 4<<20)
	_, _ = rand.Read(want)
	for name, open := range socketKinds(t) {
		t.Run(name, func(t *testing.T) {
			s, client := open(10 * time.Second)
			wrote := make(chan error, 1)
			go func() { wrote <- s.writeAll(want) }() // it ends when client has read everything
			got := make([]byte, len(want))
			if _, err := io.ReadFull(client, got); err != nil || !bytes.Equal(got, want) {
				t.Errorf("read: got %v, equal %v, want nil, true", err, bytes.Equal(got, want))
			}
			if err := <-wrote; err != nil {
				t.Errorf("Write: got %v, want nil", err)
			}
		})
	}
}

// TestSocket_patience: a write fails when nothing is taken for that long, and tryWrite
// works again after one that had to wait.
func TestSocket_patience(t *testing.T) {
	for name, open := range socketKinds(t) {
		t.Run(name, func(t *testing.T) {
			s, _ := open(50 * time.Millisecond)
			if err := s.writeAll(make([]byte, 64<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("nobody reads: got %v, want %v", err, os.ErrDeadlineExceeded)
			}
			if n, err := s.tryWrite([]byte("x")); err != nil {
				t.Errorf("tryWrite into a full socket: got %d, %v, want no error", n, err)
			}
		})
	}
}

func TestSocket_cutEndsWrite(t *testing.T) {
	for name, open := range socketKinds(t) {
		t.Run(name, func(t *testing.T) {
			s, _ := open(0) // nobody reads
			wrote := make(chan error, 1)
			go func() { wrote <- s.writeAll(make([]byte, 64<<20)) }() // it ends with the cut
			s.cutOff()
			s.cutOff()
			if err := <-wrote; !errors.Is(err, net.ErrClosed) && !errors.Is(err, syscall.EPIPE) {
				t.Errorf("got %v, want %v or %v", err, net.ErrClosed, syscall.EPIPE)
			}
		})
	}
}

func TestSocket_tryWriteTakesWhatFits(t *testing.T) {
	server, client := tcpPair(t)
	s := newSocket(server, time.Second)
	p := make([]byte, 64<<20)
	total, n := 0, -1
	for n != 0 {
		var err error
		if n, err = s.tryWrite(p); err != nil {
			t.Fatal(err)
		}
		total += n
	}
	if total == 0 || total >= len(p) {
		t.Errorf("got %d bytes taken, want some, and not all of %d", total, len(p))
	}
	_ = client.Close()
}
