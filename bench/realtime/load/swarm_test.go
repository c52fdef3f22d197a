//go:build linux

package load

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gogeist/geist/bench/realtime/wire"
)

// testServer answers handshakes and hands each connection with its room to handle.
func testServer(t *testing.T, handle func(room string, conn net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = conn.Close() }()
				req, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				if req.Header.Get("Upgrade") == "" {
					_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"))
					handle(req.URL.Query().Get("room"), conn)
					return
				}
				_, _ = conn.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"))
				handle(req.URL.Query().Get("room"), conn)
			})
		}
	})
	t.Cleanup(func() { _ = ln.Close(); wg.Wait() })
	return ln.Addr().String()
}

func newLoop(t *testing.T) *Loop {
	t.Helper()
	l, err := NewLoop()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close) // before the server's, which waits for its connections
	return l
}

// wait reads until the client has gone.
func wait(conn net.Conn) {
	buf := make([]byte, 1024)
	for {
		if _, err := conn.Read(buf); err != nil {
			return
		}
	}
}

// receive dials conns connections to a server that writes units to each, one write a
// unit, once go is closed, and receives steps of each deliveries.
func receive(t *testing.T, conns, rooms, steps, each int, units func(room uint32) [][]byte) (Result, error) {
	t.Helper()
	begin := make(chan struct{})
	addr := testServer(t, func(name string, conn net.Conn) {
		room, err := wire.ReadRoom(name)
		if err != nil {
			t.Error(err)
		}
		<-begin
		for _, u := range units(room) {
			if _, err := conn.Write(u); err != nil {
				return
			}
		}
		wait(conn)
	})
	l := newLoop(t)
	s, err := l.Dial(Config{Name: "test", Addr: addr, Conns: conns, Rooms: rooms})
	close(begin)
	if err != nil {
		return Result{}, err
	}
	if s.Len() != conns {
		t.Errorf("%d connections are open, want %d", s.Len(), conns)
	}
	acks := 0
	s.Begin(steps, each, func() error { acks++; return nil })
	res, err := s.Wait()
	if err == nil && acks != steps {
		t.Errorf("%d steps were acknowledged, want %d", acks, steps)
	}
	return res, err
}

func frame(room, seq uint32) []byte {
	return wire.AppendFrame(nil, wire.Text, wire.NewMessage(room, seq, 1, 128))
}

func TestSwarm_countsEveryDelivery(t *testing.T) {
	res, err := receive(t, 20, 4, 3, 20*2, func(room uint32) [][]byte {
		var all []byte
		for seq := range uint32(6) {
			all = append(all, frame(room, seq)...)
		}
		return [][]byte{all[:1], all[1:200], all[200:201], all[201:]} // units split and joined
	})
	if err != nil {
		t.Fatal(err)
	}
	if res.Deliveries != 120 || res.Latency.N() != 120 || res.Bytes != 120*(128+4) {
		t.Errorf("got %d deliveries, %d latencies, %d bytes; want 120, 120, %d", res.Deliveries, res.Latency.N(), res.Bytes, 120*132)
	}
}

func TestSwarm_failsOnWhatIsWrong(t *testing.T) {
	damaged := frame(0, 0)
	damaged[100] ^= 1
	for _, c := range []struct {
		name  string
		units [][]byte
		want  string
	}{
		{"lost", [][]byte{frame(0, 1)}, "lost, doubled or out of order"},
		{"doubled", [][]byte{frame(0, 0), frame(0, 0)}, "lost, doubled or out of order"},
		{"other room", [][]byte{frame(1, 0)}, "of room 1 in room 0"},
		{"damaged", [][]byte{damaged}, "damaged message"},
		{"too many", [][]byte{append(append(frame(0, 0), frame(0, 1)...), frame(0, 2)...)}, "one too many"},
		{"closed", [][]byte{wire.AppendFrame(nil, wire.Close, []byte{3, 0xE8})}, "closed by the server"},
		{"unknown opcode", [][]byte{wire.AppendFrame(nil, 3, nil)}, "opcode 0x3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			begin := make(chan struct{})
			addr := testServer(t, func(_ string, conn net.Conn) {
				<-begin
				for _, u := range c.units {
					_, _ = conn.Write(u)
				}
				wait(conn)
			})
			l := newLoop(t)
			s, err := l.Dial(Config{Name: "test", Addr: addr, Conns: 1, Rooms: 1})
			if err != nil {
				t.Fatal(err)
			}
			s.Begin(2, 1, nil)
			close(begin)
			_, err = s.Wait()
			if err == nil { // too many: the step was over
				err = l.PollFor(time.Second)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestSwarm_dialFails(t *testing.T) {
	addr := testServer(t, func(_ string, conn net.Conn) {})
	l := newLoop(t)
	s, err := l.Dial(Config{Name: "test", Addr: addr, Conns: 3, Rooms: 1})
	if err == nil { // it was open before the server closed it
		err = l.PollFor(5 * time.Second)
	}
	if err == nil || !strings.Contains(err.Error(), "EOF") {
		t.Errorf("got %v, want EOF", err)
	}
	_ = s
	if _, err := l.Dial(Config{Addr: "localhost:1"}); err == nil {
		t.Error("dialled a name")
	}
}

// A ping is answered with a masked pong of the same bytes.
func TestSwarm_answersPings(t *testing.T) {
	got := make(chan []byte, 1)
	addr := testServer(t, func(_ string, conn net.Conn) {
		_, _ = conn.Write(wire.AppendFrame(nil, wire.Ping, []byte("hello")))
		buf := make([]byte, 64)
		n, _ := conn.Read(buf)
		got <- buf[:n]
		wait(conn)
	})
	l := newLoop(t)
	if _, err := l.Dial(Config{Name: "test", Addr: addr, Conns: 1, Rooms: 1}); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if err := l.Poll(10 * time.Millisecond); err != nil {
			t.Fatal(err)
		}
		select {
		case p := <-got:
			if want := wire.AppendMasked(nil, wire.Pong, []byte("hello")); string(p) != string(want) {
				t.Errorf("got %q, want %q", p, want)
			}
			return
		default:
		}
	}
	t.Error("no pong")
}

// A stalled connection takes nothing while the others go on; what waits for it is told.
func TestSwarm_stallAndDrain(t *testing.T) {
	begin := make(chan struct{})
	addr := testServer(t, func(_ string, conn net.Conn) {
		<-begin
		_, _ = conn.Write(frame(0, 0))
		wait(conn)
	})
	l := newLoop(t)
	s, err := l.Dial(Config{Name: "test", Addr: addr, Conns: 3, Rooms: 1, StallFirst: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Stall(); err != nil {
		t.Fatal(err)
	}
	s.Begin(1, 2, nil)
	close(begin)
	if _, err := s.Wait(); err != nil {
		t.Fatal(err)
	}
	fate, err := s.Drain(100 * time.Millisecond)
	if want := (Fate{Bytes: 132}); err != nil || fate != want {
		t.Errorf("got %+v, %v; want %+v", fate, err, want)
	}
}
