package geist

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/gogeist/geist/internal/memconn"
)

// pairs are the kinds of connections that sockets tell apart.
func pairs(t *testing.T) map[string]func() (server, client net.Conn) {
	return map[string]func() (net.Conn, net.Conn){
		"TCP": func() (net.Conn, net.Conn) { return tcpPair(t) },
		"memory": func() (net.Conn, net.Conn) {
			a, b := memconn.Pipe(&net.TCPAddr{}, &net.TCPAddr{})
			return a, b
		},
	}
}

func TestSocket_writesEverythingToSlowReader(t *testing.T) {
	want := make([]byte, 4<<20)
	_, _ = rand.Read(want)
	for name, pair := range pairs(t) {
		t.Run(name, func(t *testing.T) {
			server, client := pair()
			s := newSocket(server, 10*time.Second)
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
	for name, pair := range pairs(t) {
		t.Run(name, func(t *testing.T) {
			server, _ := pair()
			s := newSocket(server, 50*time.Millisecond)
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
	for name, pair := range pairs(t) {
		t.Run(name, func(t *testing.T) {
			server, _ := pair() // nobody reads
			s := newSocket(server, 0)
			wrote := make(chan error, 1)
			go func() { wrote <- s.writeAll(make([]byte, 64<<20)) }() // it ends with the cut
			s.cutOff()
			s.cutOff()
			if err := <-wrote; !errors.Is(err, net.ErrClosed) {
				t.Errorf("got %v, want %v", err, net.ErrClosed)
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
