package vanish

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	coder "github.com/coder/websocket"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/internal/leakcheck"
)

// The ends of the cable, addresses that are nobody's.
const (
	serverAddr = "192.0.2.1"
	clientAddr = "192.0.2.2"
)

// patience bounds every wait. What is waited for comes within some 5 s.
const patience = 30 * time.Second

// talkers is how many connections the program has that is killed.
const talkers = 20

// TestVanish_cable: the client's packets end, and every kind of connection does for it:
// WebSockets by pings, streams by heartbeats, a handler that waits by TCP's keep-alive.
// Who else is there notices nothing.
func TestVanish_cable(t *testing.T) {
	if os.Getenv(role) != "server" {
		inNetwork(t, "TestVanish_cable")
		return
	}
	leakcheck.Check(t)
	if err := errors.Join(command("link", "set", "lo", "up")); err != nil {
		t.Fatal(err)
	}
	client, say, hear := startClient(t)
	for _, args := range [][]string{
		{"link", "add", "outer", "type", "veth", "peer", "name", "inner", "netns", fmt.Sprint(client.Process.Pid)},
		{"addr", "add", serverAddr + "/30", "dev", "outer"},
		{"link", "set", "outer", "up"},
	} {
		if err := command(args...); err != nil {
			t.Fatal(err)
		}
	}
	ends := make(chan ended, 10)
	app, open := newServer(ends)
	addr := serve(t, app)
	say(addr)
	wait(t, "the client's connections are open", func() bool { return open.Load() == 5 })
	other := neighbour(t, addr)
	select {
	case e := <-ends:
		t.Fatalf("before the cable was cut: %s has ended: %v", e.what, e.why)
	default:
	}
	say("cut")
	if got := hear(); got != "cut" {
		t.Fatalf("the client says %q", got)
	}
	begin := time.Now()
	left := map[string]bool{"read": true, "followed": true, "run": true, "feed": true, "wait": true}
	for len(left) > 0 {
		select {
		case e := <-ends:
			t.Logf("%s has ended after %s: %v", e.what, time.Since(begin).Round(10*time.Millisecond), e.why)
			if !left[e.what] {
				t.Errorf("%s: has ended twice", e.what)
			}
			delete(left, e.what)
			if e.why == nil || errors.Is(e.why, geist.ErrServerClosed) {
				t.Errorf("%s: got %v, want that the client is to blame", e.what, e.why)
			}
		case <-time.After(patience):
			t.Fatalf("%v after %s: still open, want their end", left, patience)
		}
	}
	other()
	say("over")
}

// inNetwork runs a test in a process with a network of its own, and reports as it does.
func inNetwork(t *testing.T, test string) {
	t.Helper()
	if _, err := exec.LookPath("ip"); err != nil {
		t.Fatal("there is no ip in PATH: run .ci/setup, or install the package iproute2")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+test+"$", "-test.v") //nolint:gosec // this very program
	cmd.Env = append(os.Environ(), role+"=server")
	cmd.SysProcAttr = network()
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("in a network of its own, for which root or user namespaces are needed: %v", err)
	}
}

// network makes a network for a process, with another user where we are not root.
func network() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if uid := os.Getuid(); uid != 0 {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return attr
}

// startClient starts the client behind the cable, and returns what speaks with it.
func startClient(t *testing.T) (cmd *exec.Cmd, say func(string), hear func() string) {
	t.Helper()
	cmd = exec.Command(os.Args[0]) //nolint:gosec // this very program
	cmd.Env = append(os.Environ(), role+"=listener")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // the client ends with it
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	return cmd, func(s string) { _, _ = io.WriteString(in, s+"\n") }, func() string { lines.Scan(); return lines.Text() }
}

// ended tells that a connection has ended.
type ended struct {
	what string
	why  error
}

// newServer returns a server with a route for each kind of connection, and how many there
// were.
func newServer(ends chan<- ended) (app *geist.Engine, open *atomic.Int32) {
	h := hub.New(hub.Config{})
	open = &atomic.Int32{}
	app = geist.New(geist.Config{
		DrainIdle: -1, Logger: slog.New(slog.DiscardHandler), WriteTimeout: 2 * time.Second, EventHeartbeat: 500 * time.Millisecond,
		WebSocket: geist.WebSocketConfig{PingInterval: 500 * time.Millisecond, PongTimeout: time.Second},
	})
	tell := func(c *geist.Ctx, what string) {
		ctx := c.Context()
		c.OnClose(func() { ends <- ended{what, context.Cause(ctx)} })
		open.Add(1)
	}
	app.WS("/echo", echo)
	app.WS("/read", func(c *geist.Ctx, ws *geist.Conn) error { tell(c, "read"); return echo(c, ws) })
	app.WS("/followed", func(c *geist.Ctx, ws *geist.Conn) error { tell(c, "followed"); return ws.Follow(h, "news") })
	app.SSE("/run", func(_ *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error {
			open.Add(1)
			<-s.Context().Done()
			ends <- ended{"run", context.Cause(s.Context())}
			return nil
		})
	})
	app.SSE("/feed", func(_ *geist.Ctx, s *geist.Stream) error {
		s.Keep(closer(func() { ends <- ended{"feed", context.Cause(s.Context())} }))
		defer open.Add(1)
		return s.Follow(h, "news")
	})
	app.GET("/wait", func(c *geist.Ctx) error {
		open.Add(1)
		<-c.Context().Done()
		ends <- ended{"wait", context.Cause(c.Context())}
		return nil
	})
	return app, open
}

// closer is called at the end of a followed stream.
type closer func()

func (f closer) Close() error { f(); return nil }

// echo answers every message with itself.
func echo(_ *geist.Ctx, ws *geist.Conn) error {
	for {
		m, err := ws.Read()
		if err != nil {
			return err
		}
		if err := ws.Write(m.Type, m.Data); err != nil {
			return err
		}
	}
}

// serve serves app at the server's end of the cable, and returns its address. Keep-alive
// is as quick as TCP allows.
func serve(t *testing.T, app *geist.Engine) string {
	t.Helper()
	lc := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: time.Second, Interval: time.Second, Count: 2}}
	host := serverAddr
	if os.Getenv(role) == "" {
		host = "127.0.0.1"
	}
	ln, err := lc.Listen(t.Context(), "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- app.Serve(ln) }() // ends with Shutdown
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := errors.Join(app.Shutdown(ctx), <-served); err != nil {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}

// neighbour talks with the server over a connection of its own, until the function that it
// returns is called: nothing may go wrong, and something must have been said.
func neighbour(t *testing.T, addr string) (end func()) {
	t.Helper()
	ws := dial(addr + "/echo")
	ctx, cancel := context.WithCancel(context.Background())
	said := make(chan int, 1)
	go func() { // ends when end is called
		n := 0
		defer func() { said <- n }()
		for ctx.Err() == nil {
			text := fmt.Sprint(n)
			if err := ws.Write(context.Background(), coder.MessageText, []byte(text)); err != nil {
				t.Errorf("the neighbour writes: %v", err)
				return
			}
			if _, got, err := ws.Read(context.Background()); err != nil || string(got) != text {
				t.Errorf("the neighbour reads %q, %v, want %q", got, err, text)
				return
			}
			n++
			time.Sleep(time.Millisecond)
		}
	}()
	return func() {
		t.Helper()
		cancel()
		if n := <-said; n == 0 {
			t.Error("the neighbour has said nothing")
		}
		if err := ws.Close(coder.StatusNormalClosure, ""); err != nil {
			t.Errorf("the neighbour leaves: %v", err)
		}
	}
}

// wait waits until ok reports true.
func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// TestVanish_killed: a program is killed in the midst of messages. Its connections end,
// each once, and nobody else's.
func TestVanish_killed(t *testing.T) {
	leakcheck.Check(t)
	var opened, messages atomic.Int32
	causes := make(chan error, 2*talkers)
	app := geist.New(geist.Config{DrainIdle: -1, Logger: slog.New(slog.DiscardHandler)})
	app.WS("/echo", echo)
	app.WS("/talk", func(c *geist.Ctx, ws *geist.Conn) error {
		ctx := c.Context()
		c.OnClose(func() { causes <- context.Cause(ctx) })
		for opened.Add(1); ; messages.Add(1) {
			if _, err := ws.Read(); err != nil {
				return err
			}
		}
	})
	addr := serve(t, app)
	other := neighbour(t, addr)
	cmd := exec.Command(os.Args[0], addr) //nolint:gosec // this very program
	cmd.Env = append(os.Environ(), role+"=talker")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	wait(t, "the program talks", func() bool { return opened.Load() == talkers && messages.Load() > 1000 })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for range talkers {
		select {
		case err := <-causes:
			if !errors.Is(err, geist.ErrClientGone) {
				t.Errorf("a connection of the killed program: got %v, want ErrClientGone", err)
			}
		case <-time.After(patience):
			t.Fatal("a connection of the killed program is still open")
		}
	}
	other()
}
