package peerwatch

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"runtime"
	"testing"
	"time"
)

// leavings are the ways in which a peer leaves; each opens a connection and returns its server end
// and what makes the client leave.
var leavings = []struct {
	name       string
	nativeOnly bool
	open       func(t *testing.T) (server net.Conn, leave func())
}{
	{name: "tcp close", open: func(t *testing.T) (net.Conn, func()) {
		s, c := tcpPair(t)
		return s, func() { c.Close() }
	}},
	{name: "tcp reset", open: func(t *testing.T) (net.Conn, func()) {
		s, c := tcpPair(t)
		c.SetLinger(0)
		return s, func() { c.Close() }
	}},
	{name: "tcp half-close", open: func(t *testing.T) (net.Conn, func()) {
		s, c := tcpPair(t)
		return s, func() { c.CloseWrite() }
	}},
	{name: "unix close", open: func(t *testing.T) (net.Conn, func()) {
		s, c := unixPair(t)
		return s, func() { c.Close() }
	}},
	{name: "unix half-close", open: func(t *testing.T) (net.Conn, func()) {
		s, c := unixPair(t)
		return s, func() { c.CloseWrite() }
	}},
	{name: "tls transport closed", open: func(t *testing.T) (net.Conn, func()) {
		s, c := tlsPair(t)
		return s, func() { c.NetConn().Close() }
	}},
	{name: "tls close_notify", nativeOnly: true, open: func(t *testing.T) (net.Conn, func()) {
		s, c := tlsPair(t)
		return s, func() { c.Close() }
	}},
	{name: "behind unread bytes", nativeOnly: true, open: func(t *testing.T) (net.Conn, func()) {
		s, c := tcpPair(t)
		return s, func() { c.Write([]byte("GET /next")); c.Close() }
	}},
	{name: "wrapped", open: func(t *testing.T) (net.Conn, func()) {
		s, c := tcpPair(t)
		return unsafeWrapper{netWrapper{s}}, func() { c.Close() }
	}},
	{name: "in memory", open: func(*testing.T) (net.Conn, func()) {
		m := memory{gone: make(chan struct{})}
		return m, func() { close(m.gone) }
	}},
}

type netWrapper struct{ net.Conn }

func (w netWrapper) NetConn() net.Conn { return w.Conn }

type unsafeWrapper struct{ net.Conn }

func (w unsafeWrapper) UnsafeConn() net.Conn { return w.Conn }

// memory is a connection without a descriptor.
type memory struct {
	net.Conn
	gone chan struct{}
}

func (m memory) PeerGone() <-chan struct{} { return m.gone }

// circle wraps itself.
type circle struct{ net.Conn }

func (c circle) NetConn() net.Conn { return c }

func (w *Watcher) seesBehindBytes() bool { return runtime.GOOS == "linux" && !w.peekOnly }

func TestWatcher_tellsOnceWhenPeerLeaves(t *testing.T) {
	for _, l := range leavings {
		t.Run(l.name, func(t *testing.T) {
			eachWay(t, func(t *testing.T, w *Watcher) {
				if l.nativeOnly && !w.seesBehindBytes() {
					t.Skip("a documented limit of the portable way")
				}
				for _, when := range []string{"while watched", "before Watch", "before registration"} {
					conn, leave := l.open(t)
					s := newSpy()
					if when == "before Watch" {
						leave()
					}
					watch := w.Watch(conn, s.gone)
					if watch == nil {
						t.Fatalf("%s: Watch = nil, want a watch", when)
					}
					if when == "before registration" {
						leave()
					}
					if got := s.calls(); got != 0 {
						t.Fatalf("%s: %d calls before registration, want 0", when, got)
					}
					w.register()
					if when == "while watched" {
						leave()
					}
					wait(t, s.called, when)
					watch.Stop()
					watch.Stop()
					if got := s.calls(); got != 1 {
						t.Errorf("%s: %d calls, want 1", when, got)
					}
				}
			})
		})
	}
}

func TestWatcher_realClock(t *testing.T) {
	var w Watcher
	conn, client := tcpPair(t)
	for range 3 { // the clock stops in between when the machine is slow, and must start again
		s := newSpy()
		watch := w.Watch(conn, s.gone)
		time.AfterFunc(time.Millisecond, func() { client.CloseWrite() })
		wait(t, s.called, "half-close")
		watch.Stop()
	}
}

func TestWatcher_unwatchable(t *testing.T) {
	var w Watcher
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	for name, conn := range map[string]net.Conn{
		"nil": nil, "pipe": a, "circle": circle{a}, "wraps nil": netWrapper{nil},
	} {
		watch := w.Watch(conn, func() {})
		if watch != nil {
			t.Errorf("%s: Watch = %v, want nil", name, watch)
		}
		watch.Stop()
	}
}

func TestWatcher_ownCloseIsNotPeerGone(t *testing.T) {
	eachWay(t, func(t *testing.T, w *Watcher) {
		conn, _ := tcpPair(t)
		early := w.Watch(conn, func() { t.Error("gone called, want silence") })
		w.register()
		late := w.Watch(conn, func() { t.Error("gone called, want silence") })
		conn.Close()
		w.register()
		early.Stop()
		late.Stop()
	})
}

// TestWatcher_leavesUnreadBytesAlone: pipelined bytes arrive while a request is watched.
func TestWatcher_leavesUnreadBytesAlone(t *testing.T) {
	eachWay(t, func(t *testing.T, w *Watcher) {
		conn, client := tcpPair(t)
		want := make([]byte, 64<<10)
		for i := range want {
			want[i] = byte(i * 7)
		}
		s := newSpy()
		watch := w.Watch(conn, s.gone)
		w.register()
		if _, err := client.Write(want); err != nil {
			t.Fatal(err)
		}
		client.Close()
		if w.seesBehindBytes() {
			wait(t, s.called, "close behind unread bytes")
		}
		got := make([]byte, len(want))
		if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, want) {
			t.Errorf("read: %v, equal %v, want the bytes that were sent", err, bytes.Equal(got, want))
		}
		wait(t, s.called, "close after the bytes were read")
		watch.Stop()
	})
}

func TestWatcher_twoWatchesOfOneConn(t *testing.T) {
	for _, order := range [][]int{{}, {0}, {1}, {2}, {0, 2}, {2, 1}, {1, 0}} {
		eachWay(t, func(t *testing.T, w *Watcher) {
			conn, client := tcpPair(t)
			var spies [3]*spy
			var watches [3]*Watch
			for i := range watches {
				spies[i] = newSpy()
				watches[i] = w.Watch(conn, spies[i].gone)
				if i > 0 { // two are registered together, one later
					w.register()
				}
			}
			stopped := map[int]bool{}
			for _, i := range order {
				watches[i].Stop()
				stopped[i] = true
			}
			client.Close()
			for i, s := range spies {
				if stopped[i] {
					continue
				}
				wait(t, s.called, "close")
			}
			for _, watch := range watches {
				watch.Stop()
			}
			for i, s := range spies {
				if stopped[i] && s.calls() != 0 {
					t.Errorf("stopped %v: watch %d was told, want silence", order, i)
				}
			}
		})
	}
}

func TestWatch_stopThenWatchAgain(t *testing.T) {
	eachWay(t, func(t *testing.T, w *Watcher) {
		conn, client := tcpPair(t)
		for range 500 {
			watch := w.Watch(conn, func() { t.Error("gone called, want silence") })
			w.register()
			watch.Stop()
		}
		for range 2 { // also after it was told
			s := newSpy()
			watch := w.Watch(conn, s.gone)
			w.register()
			client.CloseWrite()
			wait(t, s.called, "half-close")
			watch.Stop()
		}
	})
}

func TestWatch_stopWithinGone(t *testing.T) {
	eachWay(t, func(t *testing.T, w *Watcher) {
		conn, client := tcpPair(t)
		done := make(chan struct{})
		var watch *Watch
		watch = w.Watch(conn, func() {
			watch.Stop()
			close(done)
		})
		w.register()
		client.Close()
		wait(t, done, "Stop within gone")
	})
}

// TestWatch_stopOtherWithinGone: whichever is told first stops the other.
func TestWatch_stopOtherWithinGone(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("on goroutines of their own the two would wait for each other, as documented")
	}
	w := Watcher{Delay: time.Hour}
	conn, client := tcpPair(t)
	s := newSpy()
	var a, b *Watch
	a = w.Watch(conn, func() { b.Stop(); s.gone() })
	b = w.Watch(conn, func() { a.Stop(); s.gone() })
	w.register()
	client.Close()
	wait(t, s.called, "one of two")
	a.Stop()
	b.Stop()
	if got := s.calls(); got != 1 {
		t.Errorf("%d calls, want 1", got)
	}
}

func TestWatch_stopWaitsForRunningGone(t *testing.T) {
	eachWay(t, func(t *testing.T, w *Watcher) {
		conn, client := tcpPair(t)
		s, release := newSpy(), make(chan struct{})
		returned := false // no lock: Stop must order it
		watch := w.Watch(conn, func() {
			s.gone()
			<-release
			returned = true
		})
		w.register()
		client.Close()
		wait(t, s.called, "close")
		stopped := make(chan struct{})
		for range 2 {
			go func() {
				watch.Stop()
				if !returned {
					t.Error("Stop returned while gone was running, want it to wait")
				}
				stopped <- struct{}{}
			}()
		}
		waiting := func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return watch.told != nil
		}
		if !within(patience, waiting) {
			t.Error("Stop does not wait")
		}
		close(release)
		wait(t, stopped, "Stop")
		wait(t, stopped, "second Stop")
	})
}

// TestWatch_stopLeavesNoDeadline: the portable Stop interrupts by a deadline; reads go on after it.
func TestWatch_stopLeavesNoDeadline(t *testing.T) {
	eachWay(t, func(t *testing.T, w *Watcher) {
		conn, client := tcpPair(t)
		watch := w.Watch(conn, func() {})
		w.register()
		watch.Stop()
		go client.Write([]byte("x"))
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Errorf("Read after Stop: %v, want the byte", err)
		}
	})
}

// TestWatch_expiredReadDeadline: the server's read deadline passes while the request is handled.
func TestWatch_expiredReadDeadline(t *testing.T) {
	eachWay(t, func(t *testing.T, w *Watcher) {
		conn, client := tcpPair(t)
		conn.SetReadDeadline(time.Unix(1, 0))
		s := newSpy()
		watch := w.Watch(conn, s.gone)
		w.register()
		client.Close()
		if runtime.GOOS != "windows" {
			wait(t, s.called, "close after the deadline")
		}
		watch.Stop()
	})
}

// TestWatch_handlerReads: a handler that reads a streamed body while it is watched.
func TestWatch_handlerReads(t *testing.T) {
	eachWay(t, func(t *testing.T, w *Watcher) {
		conn, client := tcpPair(t)
		s := newSpy()
		watch := w.Watch(conn, s.gone)
		w.register()
		var b [1]byte
		for i := range 20 {
			client.Write([]byte{byte(i)})
			if _, err := io.ReadFull(conn, b[:]); err != nil || b[0] != byte(i) {
				t.Fatalf("read %d: %v, %v", i, b[0], err)
			}
		}
		client.Close()
		wait(t, s.called, "close after the body")
		watch.Stop()
	})
}

func TestWatch_pairAllocatesOneObject(t *testing.T) {
	w := &Watcher{Delay: time.Hour}
	tcp, _ := tcpPair(t)
	secure, _ := tlsPair(t)
	gone := func() {}
	for name, conn := range map[string]net.Conn{"tcp": tcp, "tls": secure} {
		if got := testing.AllocsPerRun(1000, func() { w.Watch(conn, gone).Stop() }); got > 1 {
			t.Errorf("%s: allocs = %v, want ≤ 1", name, got)
		}
	}
}

func TestGoroutineID_differs(t *testing.T) {
	ids := make(chan uint64)
	go func() { ids <- goroutineID() }()
	a, b := goroutineID(), <-ids
	if a == 0 || b == 0 || a == b || a != goroutineID() {
		t.Errorf("goroutineID: %d here, %d there, want two numbers", a, b)
	}
}

func tlsPair(t testing.TB) (server, client *tls.Conn) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	s, c := tcpPair(t)
	server = tls.Server(s, &tls.Config{
		Certificates:           []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		SessionTicketsDisabled: true,
	})
	client = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	done := make(chan error, 1)
	handshake := client.Handshake
	go func() { done <- handshake() }()
	if err := server.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return server, client
}
