package geist_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/gogeist/geist"
)

// testListener is a listener of some kind and how to connect to it.
type testListener struct {
	net.Listener
	dial func() (net.Conn, error)
}

// listenerKinds are the kinds that Serve is promised to serve.
var listenerKinds = map[string]func(t *testing.T) testListener{
	"tcp":    listenTCP,
	"tls":    listenTLS,
	"unix":   listenUnix,
	"memory": listenPipe,
	"fasthttp": func(*testing.T) testListener {
		ln := fasthttputil.NewInmemoryListener()
		return testListener{ln, ln.Dial}
	},
}

func listenTCP(t *testing.T) testListener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return testListener{ln, func() (net.Conn, error) { return net.Dial("tcp", ln.Addr().String()) }}
}

func listenUnix(t *testing.T) testListener {
	t.Helper()
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	return testListener{ln, func() (net.Conn, error) { return net.Dial("unix", ln.Addr().String()) }}
}

func listenTLS(t *testing.T) testListener {
	t.Helper()
	ln := listenTCP(t)
	cfg := &tls.Config{Certificates: []tls.Certificate{testCertificate()}}
	return testListener{tls.NewListener(ln.Listener, cfg), func() (net.Conn, error) {
		return tls.Dial("tcp", ln.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	}}
}

func listenPipe(*testing.T) testListener {
	ln := newPipeListener()
	return testListener{ln, ln.dial}
}

// testCertificate returns a self-signed certificate, made once.
var testCertificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

// quiet returns an engine that logs nothing.
func quiet(cfg geist.Config) *geist.Engine {
	cfg.Logger = slog.New(slog.DiscardHandler)
	return geist.New(cfg)
}

// serveLoop serves ln until Shutdown, whose effect on Serve it checks at the end of the test.
func serveLoop(t *testing.T, app *geist.Engine, ln net.Listener) {
	t.Helper()
	served := make(chan error, 1)
	go func() { served <- app.Serve(ln) }()
	t.Cleanup(func() {
		_ = app.Shutdown(t.Context())
		if err := <-served; err != nil {
			t.Errorf("Serve = %v, want nil", err)
		}
	})
}

// mustDial connects, with a deadline that ends a test that hangs.
func mustDial(t *testing.T, dial func() (net.Conn, error)) *drainClient {
	t.Helper()
	c, err := dial()
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	return &drainClient{c, bufio.NewReader(c), t}
}

// shutdownWithin calls Shutdown with a deadline.
func shutdownWithin(t *testing.T, app *geist.Engine, d time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return app.Shutdown(ctx)
}

// On every kind of listener a request in progress is answered, an idle connection
// answers one more, an unused one is closed, and nothing is accepted afterwards.
func TestShutdown_listeners(t *testing.T) {
	for name, listen := range listenerKinds {
		t.Run(name, func(t *testing.T) {
			app := quiet(geist.Config{DrainIdle: 500 * time.Millisecond})
			entered, release := make(chan struct{}), make(chan struct{})
			app.GET("/wait", func(c *geist.Ctx) error {
				entered <- struct{}{}
				<-release
				return c.Text(200, "waited")
			})
			app.GET("/echo/:v", func(c *geist.Ctx) error { return c.Text(200, c.Param("v")) })
			ln := listen(t)
			serveLoop(t, app, ln)
			busy, idle, unused := mustDial(t, ln.dial), mustDial(t, ln.dial), mustDial(t, ln.dial)
			for _, c := range []*drainClient{idle, unused} {
				c.send(getRequest("/echo/1"))
				c.wants("1", false)
			}
			busy.send(getRequest("/wait"))
			<-entered
			done := make(chan error, 1)
			go func() { done <- shutdownWithin(t, app, 20*time.Second) }()
			waitNotReady(app)
			idle.send(getRequest("/echo/2"))
			idle.wants("2", true)
			unused.wantsEOF()
			close(release)
			busy.wants("waited", true)
			if err := <-done; err != nil {
				t.Errorf("Shutdown = %v, want nil", err)
			}
			if c, err := ln.dial(); err == nil {
				_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
				_, _ = io.WriteString(c, getRequest("/echo/3"))
				if b, _ := io.ReadAll(c); len(b) > 0 {
					t.Errorf("a connection after Shutdown was answered: %q", b)
				}
			}
		})
	}
}

// waitNotReady waits until Shutdown closes connections at their next answer; there
// is no event for that, since nothing in an application depends on it.
func waitNotReady(app *geist.Engine) {
	for app.Ready() {
		time.Sleep(100 * time.Microsecond)
	}
	for !geist.Closing(app) {
		time.Sleep(100 * time.Microsecond)
	}
}

// backlogListener accepts nothing until Shutdown tells it to stop.
type backlogListener struct {
	*net.TCPListener
	gate chan struct{}
	once sync.Once
}

func (l *backlogListener) Accept() (net.Conn, error) {
	<-l.gate
	return l.TCPListener.Accept()
}

func (l *backlogListener) SetDeadline(t time.Time) error {
	defer l.once.Do(func() { close(l.gate) })
	return l.TCPListener.SetDeadline(t)
}

// A client that has connected and sent its request, but was not accepted yet, is
// answered also if idle connections are closed at once.
func TestShutdown_backlogIsAnswered(t *testing.T) {
	app := quiet(geist.Config{DrainIdle: -1})
	app.GET("/echo/:v", func(c *geist.Ctx) error { return c.Text(200, c.Param("v")) })
	listens := make(chan struct{})
	app.OnListen(func(net.Addr) { close(listens) })
	tcp := listenTCP(t)
	serveLoop(t, app, &backlogListener{TCPListener: tcp.Listener.(*net.TCPListener), gate: make(chan struct{})})
	var clients []*drainClient
	for range 50 {
		c := mustDial(t, tcp.dial)
		c.send(getRequest("/echo/x"))
		clients = append(clients, c)
	}
	<-listens // or Shutdown may overtake Serve, which then serves nobody
	if err := shutdownWithin(t, app, 20*time.Second); err != nil {
		t.Errorf("Shutdown = %v, want nil", err)
	}
	for _, c := range clients {
		c.wants("x", true)
		c.wantsEOF()
	}
}

func TestShutdown_severalListeners(t *testing.T) {
	app := quiet(geist.Config{DrainIdle: -1})
	app.GET("/echo/:v", func(c *geist.Ctx) error { return c.Text(200, c.Param("v")) })
	var idle []*drainClient
	for range 3 {
		ln := listenTCP(t)
		serveLoop(t, app, ln)
		c := mustDial(t, ln.dial)
		c.send(getRequest("/echo/1"))
		c.wants("1", false)
		idle = append(idle, c)
	}
	if err := shutdownWithin(t, app, 20*time.Second); err != nil {
		t.Errorf("Shutdown = %v, want nil", err)
	}
	for _, c := range idle {
		c.wantsEOF()
	}
}

func TestShutdown_hooksAndCallsAfterIt(t *testing.T) {
	app := quiet(geist.Config{})
	var order []int
	first, third := errors.New("first"), errors.New("third")
	for i, err := range []error{first, nil, third} {
		app.OnShutdown(func(ctx context.Context) error {
			if _, ok := ctx.Deadline(); !ok {
				t.Error("the hook's context lacks the deadline of Shutdown")
			}
			order = append(order, i)
			return err
		})
	}
	tcp := listenTCP(t)
	serveLoop(t, app, tcp)
	c := mustDial(t, tcp.dial)
	c.send("GET / HTTP/1.0\r\n\r\n") // it serves
	_, _ = io.ReadAll(c)
	err := shutdownWithin(t, app, 20*time.Second)
	if !errors.Is(err, first) || !errors.Is(err, third) {
		t.Errorf("Shutdown = %v, want the errors of both hooks", err)
	}
	if !slices.Equal(order, []int{2, 1, 0}) {
		t.Errorf("order of the hooks = %v, want 2 1 0", order)
	}
	if err := shutdownWithin(t, app, time.Second); err != nil || len(order) != 3 {
		t.Errorf("second Shutdown = %v, hooks run %d times, want nil, 3", err, len(order))
	}
	ln := listenTCP(t)
	if err := app.Serve(ln); !errors.Is(err, geist.ErrServerClosed) {
		t.Errorf("Serve after Shutdown = %v, want ErrServerClosed", err)
	}
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve after Shutdown left its listener open: %v", err)
	}
	if err := app.Listen("127.0.0.1:0"); !errors.Is(err, geist.ErrServerClosed) {
		t.Errorf("Listen after Shutdown = %v, want ErrServerClosed", err)
	}
}

// A handshake that a drain meets is finished, and its request answered.
func TestShutdown_handshake(t *testing.T) {
	app := quiet(geist.Config{DrainIdle: 10 * time.Second})
	app.GET("/echo/:v", func(c *geist.Ctx) error { return c.Text(200, c.Param("v")) })
	tcp := listenTCP(t)
	serveLoop(t, app, tls.NewListener(tcp.Listener, &tls.Config{Certificates: []tls.Certificate{testCertificate()}}))
	raw := mustDial(t, tcp.dial)
	for geist.OpenConns(app) == 0 {
		time.Sleep(100 * time.Microsecond)
	}
	done := make(chan error, 1)
	go func() { done <- shutdownWithin(t, app, 20*time.Second) }()
	waitNotReady(app)
	secure := tls.Client(raw.Conn, &tls.Config{InsecureSkipVerify: true})
	c := &drainClient{secure, bufio.NewReader(secure), t}
	c.send(getRequest("/echo/x"))
	c.wants("x", true)
	_ = c.Close()
	if err := <-done; err != nil {
		t.Errorf("Shutdown = %v, want nil", err)
	}
}
