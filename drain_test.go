package geist_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist"
)

// The contract of Shutdown, on connections in memory and in the fake time of
// testing/synctest. drain_listener_test.go has real listeners, drain_load_test.go load.

// pipeListener is a listener in memory: net.Pipe is what synctest understands.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }

// dial connects, or fails once the listener is closed.
func (l *pipeListener) dial() (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// drainTest is an engine that serves a pipeListener. Its route /wait answers when
// release is closed; /echo/:v answers at once.
type drainTest struct {
	t       *testing.T
	app     *geist.Engine
	ln      *pipeListener
	served  chan error
	entered chan struct{} // a token for each request to /wait that is in its handler
	release chan struct{}
	causes  chan error // of the contexts of /hang
}

// startDateClock makes fasthttp start its one goroutine outside of any bubble.
func startDateClock(t *testing.T) {
	t.Helper()
	client, server := net.Pipe()
	app := geist.New()
	served := make(chan error, 1)
	go func() { served <- app.Server().ServeConn(server) }()
	_, _ = io.WriteString(client, "GET / HTTP/1.0\r\n\r\n")
	_, _ = io.Copy(io.Discard, client)
	<-served
}

// inBubble runs f in fake time.
func inBubble(t *testing.T, cfg geist.Config, f func(d *drainTest)) {
	t.Helper()
	startDateClock(t)
	synctest.Test(t, func(t *testing.T) {
		cfg.Logger = slog.New(slog.DiscardHandler)
		d := &drainTest{
			t: t, app: geist.New(cfg), ln: newPipeListener(), served: make(chan error, 1),
			entered: make(chan struct{}, 16), release: make(chan struct{}), causes: make(chan error, 16),
		}
		d.app.Any("/wait", func(c *geist.Ctx) error {
			d.entered <- struct{}{}
			<-d.release
			return c.Text(200, "waited")
		})
		d.app.Any("/echo/:v", func(c *geist.Ctx) error { return c.Text(200, c.Param("v")+string(c.Body())) })
		d.app.GET("/hang", func(c *geist.Ctx) error {
			d.entered <- struct{}{}
			<-c.Context().Done()
			d.causes <- context.Cause(c.Context())
			return nil
		})
		go func() { d.served <- d.app.Serve(d.ln) }()
		defer time.Sleep(11 * time.Second) // a goroutine of fasthttp ends only then
		f(d)
	})
}

// drainClient is a connection with a reader.
type drainClient struct {
	net.Conn
	br *bufio.Reader
	t  *testing.T
}

func (d *drainTest) dial() *drainClient {
	d.t.Helper()
	c, err := d.ln.dial()
	if err != nil {
		d.t.Fatalf("dial: %v", err)
	}
	return &drainClient{c, bufio.NewReader(c), d.t}
}

func getRequest(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n" }

// send may run in a goroutine of its own: it fails the test without ending it.
func (c *drainClient) send(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		c.t.Errorf("write %q: %v", s, err)
	}
}

// wants reads an answer and compares body and Connection: close.
func (c *drainClient) wants(body string, closes bool) {
	c.t.Helper()
	var a probeAnswer
	if err := a.read(c.br, false); err != nil {
		c.t.Fatalf("no answer: %v, want %q", err, body)
	}
	if string(a.body) != body || a.close != closes {
		c.t.Fatalf("answer = %d %q, close %t, want %q, %t", a.status, a.body, a.close, body, closes)
	}
}

// wantsEOF reads the end of the connection.
func (c *drainClient) wantsEOF() {
	c.t.Helper()
	if b, err := io.ReadAll(c.br); len(b) != 0 || err != nil {
		c.t.Fatalf("read = %q, %v, want the end", b, err)
	}
	_ = c.Close()
}

// shutdown begins a Shutdown and returns when it waits for something.
func (d *drainTest) shutdown(timeout time.Duration) <-chan error {
	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		done <- d.app.Shutdown(ctx)
	}()
	synctest.Wait()
	return done
}

// ends checks that a Shutdown succeeds and that Serve returns.
func (d *drainTest) ends(done <-chan error) {
	d.t.Helper()
	if err := <-done; err != nil {
		d.t.Errorf("Shutdown = %v, want nil", err)
	}
	if err := <-d.served; err != nil {
		d.t.Errorf("Serve = %v, want nil", err)
	}
}

func TestShutdown_inFlightIsAnswered(t *testing.T) {
	inBubble(t, geist.Config{}, func(d *drainTest) {
		c := d.dial()
		c.send(getRequest("/wait"))
		<-d.entered
		done := d.shutdown(time.Minute)
		if d.app.Ready() {
			t.Error("Ready = true while draining")
		}
		if _, err := d.ln.dial(); err == nil {
			t.Error("a connection was accepted after the listener was closed")
		}
		close(d.release)
		c.wants("waited", true)
		c.wantsEOF()
		d.ends(done)
	})
}

func TestShutdown_idleAnswersOneMore(t *testing.T) {
	inBubble(t, geist.Config{}, func(d *drainTest) {
		used, fresh := d.dial(), d.dial()
		used.send(getRequest("/echo/1"))
		used.wants("1", false)
		done := d.shutdown(time.Minute)
		time.Sleep(time.Second) // fake
		used.send(getRequest("/echo/2"))
		used.wants("2", true)
		used.wantsEOF()
		fresh.send(getRequest("/echo/3"))
		fresh.wants("3", true)
		fresh.wantsEOF()
		d.ends(done)
	})
}

func TestShutdown_drainIdle(t *testing.T) {
	const slack = 100 * time.Millisecond
	for _, tt := range []struct {
		name    string
		idle    time.Duration
		timeout time.Duration
		want    time.Duration
	}{
		{"negative closes at once", -1, time.Minute, 0},
		{"zero is two seconds", 0, time.Minute, 2 * time.Second},
		{"positive", 7 * time.Second, time.Minute, 7 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, geist.Config{DrainIdle: tt.idle}, func(d *drainTest) {
				used, fresh := d.dial(), d.dial()
				used.send(getRequest("/echo/1"))
				used.wants("1", false)
				start := time.Now()
				done := d.shutdown(tt.timeout)
				used.wantsEOF()
				fresh.wantsEOF()
				d.ends(done)
				if took := time.Since(start); took < tt.want || took > tt.want+slack {
					t.Errorf("idle connections ended after %v, want %v", took, tt.want)
				}
			})
		})
	}
}

// A drain may find any part of a pipeline read. What has begun is answered, in
// order, and only the last answer says close.
func TestShutdown_pipeline(t *testing.T) {
	post := func(v, body string) string {
		return fmt.Sprintf("POST /echo/%s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", v, len(body), body)
	}
	chunked := "POST /echo/c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n0\r\n\r\n"
	half := func(s string, n int) (string, string) { return s[:len(s)-n], s[len(s)-n:] }
	one := getRequest("/echo/1")
	padded := strings.Replace(getRequest("/echo/2"), "\r\n\r\n", "\r\nX: "+strings.Repeat("x", len(one)-5)+"\r\n\r\n", 1) // twice as long as one
	head2, tail2 := half(getRequest("/echo/2"), 9)
	headBody, tailBody := half(post("2", "body"), 2)
	headPad, tailPad := half(padded, len(one))
	headChunk, tailChunk := half(chunked, 8)
	for _, tt := range []struct {
		name          string
		before, after string // what is sent before and while the server drains
		answered      []string
		rest          []string
	}{
		{"part of a header", one + head2, tail2, []string{"1"}, []string{"2"}},
		{"part of a body", one + headBody, tailBody, nil, []string{"1", "2body"}},
		{"part of a chunked body", one + headChunk, tailChunk, nil, []string{"1", "cxyz"}},
		{"sizes that coincide", one + headPad, tailPad + getRequest("/echo/3"), []string{"1"}, []string{"2", "3"}},
		{"part behind a chunked body", chunked + head2, tail2, []string{"cxyz"}, []string{"2"}},
		{"only a part", head2, tail2, nil, []string{"2"}},
		{"only a part of a second request", one, "", []string{"1"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, geist.Config{DrainIdle: -1}, func(d *drainTest) {
				c := d.dial()
				c.send(tt.before)
				for _, want := range tt.answered {
					c.wants(want, false)
				}
				synctest.Wait()
				done := d.shutdown(time.Minute)
				time.Sleep(time.Second) // fake; long past DrainIdle
				if tt.after != "" {
					c.send(tt.after)
				}
				exact := !strings.Contains(tt.before, "chunked") // else its size, and what is behind it, is not known
				for i, want := range tt.rest {
					c.wants(want, exact && i == len(tt.rest)-1)
				}
				c.wantsEOF()
				d.ends(done)
			})
		})
	}
}

func TestShutdown_pipelineInOrder(t *testing.T) {
	for _, cfg := range []geist.Config{{}, {MaxConnsPerIP: 5}} {
		inBubble(t, cfg, func(d *drainTest) {
			c := d.dial()
			batch := getRequest("/wait")
			for i := range 200 { // more than fasthttp's write buffer holds
				batch += getRequest(fmt.Sprint("/echo/", i))
			}
			go c.send(batch)
			<-d.entered
			done := d.shutdown(time.Minute)
			close(d.release)
			c.wants("waited", false)
			for i := range 200 {
				c.wants(fmt.Sprint(i), i == 199)
			}
			c.wantsEOF()
			d.ends(done)
		})
	}
}

func TestShutdown_deadlineCuts(t *testing.T) {
	inBubble(t, geist.Config{}, func(d *drainTest) {
		a, b := d.dial(), d.dial()
		a.send(getRequest("/hang"))
		b.send(getRequest("/hang"))
		<-d.entered
		<-d.entered
		done := d.shutdown(5 * time.Second)
		err := <-done
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "2 connections") {
			t.Errorf("Shutdown = %v, want DeadlineExceeded and the number 2", err)
		}
		for range 2 {
			if cause := <-d.causes; !errors.Is(cause, geist.ErrServerClosed) {
				t.Errorf("cause = %v, want ErrServerClosed", cause)
			}
		}
		a.wantsEOF()
		b.wantsEOF()
		<-d.served
	})
}

func TestShutdown_drainDelay(t *testing.T) {
	inBubble(t, geist.Config{DrainDelay: 10 * time.Second}, func(d *drainTest) {
		old := d.dial()
		start := time.Now()
		done := d.shutdown(time.Minute)
		if d.app.Ready() {
			t.Error("Ready = true during DrainDelay")
		}
		time.Sleep(9 * time.Second) // fake
		c := d.dial()
		c.send(getRequest("/echo/new"))
		c.wants("new", false)
		old.send(getRequest("/echo/old"))
		old.wants("old", false)
		c.wantsEOF()
		old.wantsEOF()
		d.ends(done)
		if took := time.Since(start); took < 12*time.Second || took > 13*time.Second {
			t.Errorf("Shutdown took %v, want DrainDelay and DrainIdle, 12s", took)
		}
	})
}
