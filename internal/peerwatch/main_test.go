package peerwatch

import (
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/gogeist/geist/internal/leakcheck"
)

// TestMain fails the run when a goroutine outlives the tests.
func TestMain(m *testing.M) { leakcheck.Main(m) }

// patience bounds every wait for something that must happen; no test passes by its running out.
const patience = 20 * time.Second

// within reports whether cond becomes true in time.
func within(d time.Duration, cond func() bool) bool {
	for end := time.Now().Add(d); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// wait fails the test unless ch is closed or sends.
func wait(t testing.TB, ch <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(patience):
		t.Fatalf("%s: nothing happened, want it", what)
	}
}

// eachWay runs f against the system's own way and the portable one. Their clock stands still:
// tests move it by register.
func eachWay(t *testing.T, f func(t *testing.T, w *Watcher)) {
	t.Run("native", func(t *testing.T) { f(t, &Watcher{Delay: time.Hour}) })
	t.Run("peek", func(t *testing.T) { f(t, &Watcher{Delay: time.Hour, peekOnly: true}) })
}

// register lets the delay of all watches pass.
func (w *Watcher) register() {
	for range 3 {
		w.advance()
	}
}

// spy counts calls of gone.
type spy struct {
	mu     sync.Mutex
	n      int
	called chan struct{}
}

func newSpy() *spy { return &spy{called: make(chan struct{})} }

func (s *spy) gone() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n++; s.n == 1 {
		close(s.called)
	}
}

func (s *spy) calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.n
}

// tcpListener makes connections over loopback.
type tcpListener struct{ net.Listener }

func listenTCP(t testing.TB) tcpListener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return tcpListener{ln}
}

func (l tcpListener) pair(t testing.TB) (server, client *net.TCPConn) {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return s.(*net.TCPConn), c.(*net.TCPConn)
}

func tcpPair(t testing.TB) (server, client *net.TCPConn) {
	t.Helper()
	server, client = listenTCP(t).pair(t)
	t.Cleanup(func() { server.Close(); client.Close() })
	return server, client
}

// unixListener is for the tests that need thousands of connections: they leave no TIME_WAIT.
type unixListener struct {
	ln   *net.UnixListener
	addr *net.UnixAddr
}

func listenUnix(t testing.TB) *unixListener {
	t.Helper()
	dir, err := os.MkdirTemp("", "peerwatch") //nolint:usetesting // t.TempDir can be too long for a socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	addr := &net.UnixAddr{Name: dir + "/s", Net: "unix"}
	ln, err := net.ListenUnix("unix", addr)
	if err != nil {
		t.Skipf("no unix sockets here: %v", err)
	}
	t.Cleanup(func() { ln.Close() })
	return &unixListener{ln, addr}
}

func (l *unixListener) pair(t testing.TB) (server, client *net.UnixConn) {
	t.Helper()
	client, err := net.DialUnix("unix", nil, l.addr)
	if err != nil {
		t.Fatal(err)
	}
	server, err = l.ln.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	return server, client
}

func unixPair(t testing.TB) (server, client *net.UnixConn) {
	t.Helper()
	server, client = listenUnix(t).pair(t)
	t.Cleanup(func() { server.Close(); client.Close() })
	return server, client
}
