package memconn_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist/internal/memconn"
)

var (
	clientAddr = &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1234}
	serverAddr = &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 80}
)

func pipe() (client, server *memconn.Conn) { return memconn.Pipe(clientAddr, serverAddr) }

func wantErr(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: error = %v, want %v", what, got, want)
	}
}

func TestConn_buffersBothWays(t *testing.T) {
	a, b := pipe()
	for _, c := range []struct{ from, to *memconn.Conn }{{a, b}, {b, a}} {
		for _, s := range []string{"one ", "two"} {
			if n, err := io.WriteString(c.from, s); n != len(s) || err != nil {
				t.Fatalf("Write(%q) = %d, %v", s, n, err)
			}
		}
		p := make([]byte, 7)
		if _, err := io.ReadFull(c.to, p); err != nil || string(p) != "one two" {
			t.Errorf("read %q, %v, want %q", p, err, "one two")
		}
	}
	if a.LocalAddr() != clientAddr || a.RemoteAddr() != serverAddr || b.RemoteAddr() != clientAddr || b.LocalAddr() != serverAddr {
		t.Errorf("addresses: %v→%v and %v→%v", a.LocalAddr(), a.RemoteAddr(), b.LocalAddr(), b.RemoteAddr())
	}
}

func TestConn_deadlines(t *testing.T) {
	full := make([]byte, memconn.BufferSize)
	for name, test := range map[string]struct {
		prepare func(c *memconn.Conn)
		set     func(c *memconn.Conn, d time.Time) error
		op      func(c *memconn.Conn) error
	}{
		"read": {
			prepare: func(*memconn.Conn) {},
			set:     (*memconn.Conn).SetReadDeadline,
			op:      func(c *memconn.Conn) error { _, err := c.Read(make([]byte, 1)); return err },
		},
		"write": {
			prepare: func(c *memconn.Conn) { c.Write(full) },
			set:     (*memconn.Conn).SetWriteDeadline,
			op:      func(c *memconn.Conn) error { _, err := c.Write([]byte("x")); return err },
		},
		"both": {
			prepare: func(*memconn.Conn) {},
			set:     (*memconn.Conn).SetDeadline,
			op:      func(c *memconn.Conn) error { _, err := c.Read(make([]byte, 1)); return err },
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := pipe()
				test.prepare(c)
				start := time.Now()
				test.set(c, start.Add(time.Minute))
				err := test.op(c)
				wantErr(t, "blocked", err, os.ErrDeadlineExceeded)
				var timeout net.Error
				if !errors.As(err, &timeout) || !timeout.Timeout() {
					t.Errorf("%v is no timeout", err)
				}
				if d := time.Since(start); d != time.Minute {
					t.Errorf("blocked for %v, want 1m", d)
				}

				// A deadline that is set while the operation waits wakes it.
				test.set(c, time.Time{})
				done := make(chan error, 1)
				go func() { done <- test.op(c) }()
				synctest.Wait()
				test.set(c, time.Unix(1, 0))
				wantErr(t, "woken", <-done, os.ErrDeadlineExceeded)

				// Moving it further keeps the operation waiting.
				test.set(c, time.Now().Add(time.Second))
				go func() { done <- test.op(c) }()
				synctest.Wait()
				start = time.Now()
				test.set(c, start.Add(time.Hour))
				wantErr(t, "moved", <-done, os.ErrDeadlineExceeded)
				if d := time.Since(start); d != time.Hour {
					t.Errorf("blocked for %v, want 1h", d)
				}
				c.Close()
				wantErr(t, "set after Close", test.set(c, time.Time{}), net.ErrClosed)
			})
		})
	}
}

func TestConn_expiredDeadlineBeatsData(t *testing.T) {
	a, b := pipe()
	io.WriteString(a, "x")
	b.SetReadDeadline(time.Unix(1, 0))
	_, err := b.Read(make([]byte, 1))
	wantErr(t, "Read", err, os.ErrDeadlineExceeded)
	b.SetReadDeadline(time.Time{})
	if n, err := b.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("Read = %d, %v after the deadline was removed", n, err)
	}
}

func TestConn_writeBlocksAndIsWokenByRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pipe()
		sent := bytes.Repeat([]byte("0123456789"), 3*memconn.BufferSize/10)
		done := make(chan error, 1)
		go func() {
			_, err := a.Write(sent)
			done <- errors.Join(err, a.CloseWrite())
		}()
		synctest.Wait()
		select {
		case err := <-done:
			t.Fatalf("Write returned early: %v", err)
		default:
		}
		got, err := io.ReadAll(b)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("read %d bytes, %v, want the %d sent", len(got), err, len(sent))
		}
		wantErr(t, "Write", <-done, nil)
	})
}

func TestConn_halfClose(t *testing.T) {
	a, b := pipe()
	io.WriteString(a, "last")
	if err := a.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	<-b.PeerGone()
	if got, err := io.ReadAll(b); string(got) != "last" || err != nil {
		t.Errorf("peer read %q, %v", got, err)
	}
	_, err := io.WriteString(a, "x")
	wantErr(t, "Write after CloseWrite", err, net.ErrClosed)
	io.WriteString(b, "answer")
	b.Close()
	if got, err := io.ReadAll(a); string(got) != "answer" || err != nil {
		t.Errorf("read %q, %v after the own half-close", got, err)
	}
}

func TestConn_closeWakesBothEnds(t *testing.T) {
	for _, test := range []struct {
		name       string
		own        bool
		write      bool
		closeError error
	}{
		{"own read", true, false, net.ErrClosed},
		{"own write", true, true, net.ErrClosed},
		{"peer's read", false, false, io.EOF},
		{"peer's write", false, true, syscall.EPIPE},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := pipe()
				done := make(chan error, 1)
				go func() {
					var err error
					if test.write {
						_, err = a.Write(make([]byte, memconn.BufferSize+1))
					} else {
						_, err = a.Read(make([]byte, 1))
					}
					done <- err
				}()
				synctest.Wait()
				closer := b
				if test.own {
					closer = a
				}
				wantErr(t, "first Close", closer.Close(), nil)
				wantErr(t, "blocked", <-done, test.closeError)
				wantErr(t, "second Close", closer.Close(), net.ErrClosed)
			})
		})
	}
}

func TestConn_peerGoneIsOfThePeerOnly(t *testing.T) {
	a, b := pipe()
	a.Close()
	select {
	case <-a.PeerGone():
		t.Error("the end that closed sees its peer gone")
	default:
	}
	<-b.PeerGone()
}

func TestListener_dialAcceptClose(t *testing.T) {
	ln := memconn.Listen(serverAddr)
	var accepted net.Conn
	var wg sync.WaitGroup
	wg.Go(func() { accepted, _ = ln.Accept() })
	<-ln.Accepting()
	c, err := ln.Dial(t.Context(), clientAddr)
	if err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if accepted.RemoteAddr() != clientAddr || ln.Addr() != serverAddr {
		t.Errorf("accepted from %v at %v", accepted.RemoteAddr(), ln.Addr())
	}

	wg.Go(func() {
		_, err := ln.Accept()
		wantErr(t, "Accept", err, net.ErrClosed)
	})
	ln.Close()
	ln.Close()
	wg.Wait()
	_, err = ln.Dial(t.Context(), clientAddr)
	wantErr(t, "Dial after Close", err, syscall.ECONNREFUSED)

	io.WriteString(c, "still open")
	c.Close()
	if got, err := io.ReadAll(accepted); string(got) != "still open" || err != nil {
		t.Errorf("accepted connection read %q, %v after the listener was closed", got, err)
	}
	accepted.Close()
	ln.Wait()
}

func TestListener_dialEndsWithItsContext(t *testing.T) {
	ln := memconn.Listen(serverAddr)
	defer ln.Close()
	why := errors.New("why")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	_, err := ln.Dial(ctx, clientAddr)
	wantErr(t, "Dial", err, why)
	ln.Wait()
}
