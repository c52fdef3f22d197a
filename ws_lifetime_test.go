package geist_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/internal/wsproto"
)

// TestConn_drain: Shutdown closes with 1001, waits for the handlers and their OnClose
// functions, and refuses who comes now.
func TestConn_drain(t *testing.T) {
	app := geist.New(geist.Config{DrainIdle: -1, DrainDelay: 50 * time.Millisecond})
	var ended atomic.Int32
	app.WS("/", func(c *geist.Ctx, ws *geist.Conn) error {
		c.OnClose(func() { ended.Add(1) })
		_ = ws.Write(geist.TextMessage, nil)
		_, err := ws.Read()
		if !errors.Is(err, geist.ErrServerClosed) || !errors.Is(context.Cause(c.Context()), geist.ErrServerClosed) {
			t.Errorf("Read: got %v, cause %v, want ErrServerClosed", err, context.Cause(c.Context()))
		}
		time.Sleep(20 * time.Millisecond) // work that the drain waits for
		return err
	})
	ln := listenTCP(t)
	served := make(chan error, 1)
	go func() { served <- app.Serve(ln) }() // it ends with Shutdown
	const n = 100
	clients := make([]*rawClient, n)
	for i := range clients {
		clients[i] = openWS(t, ln.Addr().String(), "/")
		clients[i].want("text")
	}
	late := dialRaw(t, ln.Addr().String())
	late.write([]byte("GET /none HTTP/1.1\r\nHost: example.com\r\n\r\n"))
	late.response()
	done := make(chan error, 1)
	go func() { done <- app.Shutdown(t.Context()) }() // it ends with the connections
	waitFor(t, "the drain has begun", func() bool { return !app.Ready() })
	late.write([]byte(wsRequest("/")))
	if resp := late.response(); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
		t.Errorf("an upgrade while draining: got %d, Retry-After %q, want 503 with one", resp.StatusCode, resp.Header.Get("Retry-After"))
	}
	for _, c := range clients {
		c.want("close 1001")
		c.sendClose(1001, "")
		c.want("EOF")
	}
	if err := errors.Join(receive(t, done, "Shutdown"), receive(t, served, "Serve")); err != nil {
		t.Error(err)
	}
	if got := ended.Load(); got != n {
		t.Errorf("when Shutdown returned, OnClose had run %d times, want %d", got, n)
	}
}

// TestConn_drainDeadline: who does not leave is cut when the deadline has passed.
func TestConn_drainDeadline(t *testing.T) {
	for _, foreign := range []bool{false, true} {
		t.Run(fmt.Sprintf("foreign server %v", foreign), func(t *testing.T) {
			app := geist.New(geist.Config{DrainIdle: -1})
			ended := make(chan error, 1)
			app.WS("/", func(c *geist.Ctx, ws *geist.Conn) error {
				_ = ws.Write(geist.TextMessage, nil)
				_, err := ws.Read()
				ended <- err
				return err
			})
			ln := listenTCP(t)
			served := make(chan error, 1)
			srv := &fasthttp.Server{Handler: app.Handler(), Logger: quietLogger{}}
			go func() { // it ends with Shutdown
				if foreign {
					served <- srv.Serve(ln)
				} else {
					served <- app.Serve(ln)
				}
			}()
			c := openWS(t, ln.Addr().String(), "/")
			c.want("text")
			ctx, deadline := context.WithCancel(t.Context())
			defer deadline()
			done := make(chan error, 1)
			go func() { done <- app.Shutdown(ctx) }()
			c.want("close 1001") // which it does not answer
			deadline()
			if err := receive(t, done, "Shutdown"); err == nil || !strings.Contains(err.Error(), "cut 1 ") {
				t.Errorf("Shutdown: got %v, want it to say what was cut", err)
			}
			if err := receive(t, ended, "the handler's end"); !errors.Is(err, geist.ErrServerClosed) {
				t.Errorf("Read: got %v, want ErrServerClosed", err)
			}
			if foreign {
				_ = srv.Shutdown()
			}
			receive(t, served, "Serve")
		})
	}
}

type quietLogger struct{}

func (quietLogger) Printf(string, ...any) {}

// TestConn_foreignServer: a foreign server gets its connection back when everything has
// ended, and not before.
func TestConn_foreignServer(t *testing.T) {
	app := geist.New()
	app.WS("/echo", echo)
	leaked := make(chan *geist.Conn, 1)
	app.WS("/leak", func(_ *geist.Ctx, ws *geist.Conn) error {
		_, err := ws.Read()
		leaked <- ws
		return err
	})
	ln := listenTCP(t)
	srv := &fasthttp.Server{Handler: app.Handler(), Logger: quietLogger{}}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }() // it ends with Shutdown
	for range 20 {
		c := openWS(t, ln.Addr().String(), "/leak")
		c.text("go")
		c.want("close 1000")
		c.sendClose(1000, "")
		c.want("EOF")
		next := openWS(t, ln.Addr().String(), "/echo")
		ws := receive(t, leaked, "the connection")
		if err := ws.Write(geist.TextMessage, []byte("SECRET")); err == nil {
			t.Error("Write after the handler's end: got nil, want an error")
		}
		next.text("mine")
		next.want("text mine")
		next.sendClose(1000, "")
		next.want("close 1000", "EOF")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := errors.Join(app.Shutdown(ctx), srv.Shutdown(), <-served); err != nil {
		t.Error(err)
	}
}

// TestConn_netHTTP: inside a server of net/http, by http.Hijacker, and over TLS; not over
// HTTP/2, nor where middleware hides the Hijacker.
func TestConn_netHTTP(t *testing.T) {
	app := geist.New()
	app.WS("/echo", echo)
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "plain") })
	handler := app.HTTPHandler()
	srv := httptest.NewServer(handler)
	defer srv.Close()
	c := dialRaw(t, srv.Listener.Addr().String())
	c.write(append([]byte(wsRequest("/echo")), clientFrame(wsproto.Text, true, "ahead")...))
	if got := c.response().StatusCode; got != 101 {
		t.Fatalf("got status %d, want 101", got)
	}
	c.want("text ahead")
	c.text("Hello")
	c.want("text Hello")
	c.sendClose(1000, "")
	c.want("close 1000", "EOF")

	hidden := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(struct{ http.ResponseWriter }{w}, r)
	}))
	defer hidden.Close()
	c = dialRaw(t, hidden.Listener.Addr().String())
	c.write([]byte(wsRequest("/echo")))
	if got := c.response().StatusCode; got != 501 {
		t.Errorf("hidden Hijacker: got status %d, want 501", got)
	}

	h2 := httptest.NewUnstartedServer(handler)
	h2.EnableHTTP2 = true
	h2.StartTLS()
	defer h2.Close()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, h2.URL+"/echo", nil)
	resp, err := h2.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.ProtoMajor != 2 || resp.StatusCode != 501 {
		t.Errorf("HTTP/2: got HTTP/%d and status %d, want 2 and 501", resp.ProtoMajor, resp.StatusCode)
	}
	conn, err := tls.Dial("tcp", h2.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // a test's own certificate
	if err != nil {
		t.Fatal(err)
	}
	c = rawOn(t, conn)
	c.write([]byte(wsRequest("/echo")))
	if got := c.response().StatusCode; got != 101 {
		t.Fatalf("TLS: got status %d, want 101", got)
	}
	c.text("Hello")
	c.want("text Hello")
	c.sendClose(1000, "")
	c.want("close 1000")
}

// TestConn_silentClient: pings go out, who answers stays, who does not is cut; and who
// does not answer a close frame is cut, too.
func TestConn_silentClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := geist.New(geist.Config{DrainIdle: -1})
		ended := make(chan error, 1)
		app.WS("/", func(_ *geist.Ctx, ws *geist.Conn) error {
			_, err := ws.Read()
			ended <- err
			return err
		})
		app.WS("/close", func(_ *geist.Ctx, ws *geist.Conn) error { return ws.Close(1000, "") })
		client := geisttest.New(t, app, geisttest.Config{Timeout: time.Hour})
		alive := client.WS("/")
		go func() { _, _ = alive.NextErr() }() // it answers pings, and ends with the connection
		time.Sleep(10 * time.Minute)
		select {
		case err := <-ended:
			t.Fatalf("a client that answers pings: got %v after ten minutes, want it to stay", err)
		default:
		}
		alive.Leave()
		<-ended

		begin := time.Now()
		mute := rawOn(t, client.Dial())
		_ = mute.conn.SetDeadline(time.Time{})
		mute.write([]byte(wsRequest("/")))
		mute.response()
		mute.want("ping")
		if err := <-ended; !strings.Contains(err.Error(), "did not answer a ping") {
			t.Errorf("a mute client: got %v, want it to say so", err)
		}
		if got := time.Since(begin); got < 40*time.Second || got > 41*time.Second {
			t.Errorf("a mute client: got cut after %s, want 40 s", got)
		}

		begin = time.Now()
		rude := rawOn(t, client.Dial())
		_ = rude.conn.SetDeadline(time.Time{})
		rude.write([]byte(wsRequest("/close")))
		rude.response()
		rude.want("close 1000", "EOF")
		if got := time.Since(begin); got < 5*time.Second || got > 6*time.Second {
			t.Errorf("an unanswered close frame: got cut after %s, want 5 s", got)
		}
	})
}

// TestConn_clientThatReadsNothing: a write fails after WriteTimeout, and what waits
// meanwhile is one message.
func TestConn_clientThatReadsNothing(t *testing.T) {
	app := geist.New(geist.Config{DrainIdle: -1, WebSocket: geist.WebSocketConfig{WriteTimeout: 100 * time.Millisecond}})
	ended := make(chan error, 1)
	app.WS("/", func(_ *geist.Ctx, ws *geist.Conn) error {
		data := make([]byte, 1<<20)
		for {
			if err := ws.Write(geist.BinaryMessage, data); err != nil {
				ended <- err
				return err
			}
		}
	})
	openWS(t, serveWS(t, app), "/")
	err := receive(t, ended, "the handler's end")
	if e, ok := errors.AsType[*geist.CloseError](err); !ok || e.Code != geist.CloseAbnormal || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want a CloseError with 1006 for the deadline", err)
	}
}

// TestConn_pingFlood: a client that sends pings and reads nothing gets no more memory than
// a few pongs need, and nobody else is held up.
func TestConn_pingFlood(t *testing.T) {
	app := geist.New(geist.Config{DrainIdle: -1})
	app.WS("/", echo)
	addr := serveWS(t, app)
	flood := openWS(t, addr, "/")
	pings := []byte(strings.Repeat(string(clientFrame(wsproto.Ping, true, strings.Repeat("p", 125))), 1000))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 200 { // 26 MB
		if _, err := flood.conn.Write(pings); err != nil {
			t.Fatalf("the flood: %v", err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if got := int64(after.HeapAlloc) - int64(before.HeapAlloc); got > 4<<20 {
		t.Errorf("got %d bytes more in use, want at most 4 MiB", got)
	}
	c := openWS(t, addr, "/")
	c.text("Hello")
	c.want("text Hello")
}

// TestConn_disconnectStorm: connections that vanish in all phases leave nothing behind.
func TestConn_disconnectStorm(t *testing.T) {
	app := geist.New(geist.Config{DrainIdle: -1, Logger: discard()})
	var opened, closed atomic.Int32
	app.WS("/", func(c *geist.Ctx, ws *geist.Conn) error {
		opened.Add(1)
		c.OnClose(func() { closed.Add(1) })
		return echo(c, ws)
	})
	addr := serveWS(t, app)
	warm := openWS(t, addr, "/")
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	const n = 1000
	for i := range n {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		request := wsRequest("/")
		if i%4 == 3 { // a fragment, and a frame that is cut
			request += string(clientFrame(wsproto.Text, false, "half")) + "\x81\xff\x00"
		}
		_, _ = conn.Write([]byte(request))
		if i%4 != 0 {
			_, _ = conn.Read(make([]byte, 16))
		}
		if i%2 == 0 {
			_ = conn.(*net.TCPConn).SetLinger(0) // a reset
		}
		_ = conn.Close()
	}
	waitFor(t, "the server has forgotten them", func() bool {
		return opened.Load() == closed.Load()+1 && runtime.NumGoroutine() <= goroutines+10 && openFiles(t) <= files+4
	})
	if got := opened.Load(); got < n/2 {
		t.Errorf("got %d connections opened, want at least %d", got, n/2)
	}
	warm.text("still here")
	warm.want("text still here")
}

// TestConn_panicsEverywhere: no callback ends the process.
func TestConn_panicsEverywhere(t *testing.T) {
	var log syncBuffer
	app := geist.New(geist.Config{Logger: logTo(&log)})
	app.WS("/close", func(c *geist.Ctx, ws *geist.Conn) error {
		c.OnClose(func() { panic("in OnClose") })
		_ = ws.Write(geist.TextMessage, nil)
		panic("in the handler")
	})
	app.WS("/middleware", echo, geist.With(func(c *geist.Ctx) error {
		_ = c.Next()
		panic("behind Next")
	}))
	client := geisttest.New(t, app)
	ws := client.WS("/close")
	ws.Next()
	ws.Closed(1011)
	client.GET("/middleware").Handshake().Do().Status(500)
	waitFor(t, "the log", func() bool { return strings.Count(log.String(), "level=ERROR") == 3 })
	for _, want := range []string{"in OnClose", "in the handler", "behind Next"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, log.String())
		}
	}
}

// TestConn_manyWriters: messages of many goroutines arrive whole, and each goroutine's in
// order.
func TestConn_manyWriters(t *testing.T) {
	app := geist.New()
	const writers, each = 8, 50
	app.WS("/", func(_ *geist.Ctx, ws *geist.Conn) error {
		done := make(chan error, writers)
		for w := range writers {
			go func() { // it ends with its messages
				var err error
				for i := range each {
					err = errors.Join(err, ws.WriteJSON([2]int{w, i}))
				}
				done <- err
			}()
		}
		var err error
		for range writers {
			err = errors.Join(err, <-done)
		}
		return err
	})
	ws := geisttest.New(t, app).WS("/")
	next := [writers]int{}
	for range writers * each {
		var got [2]int
		ws.Next().JSON(&got)
		if got[1] != next[got[0]] {
			t.Fatalf("writer %d: got message %d, want %d", got[0], got[1], next[got[0]])
		}
		next[got[0]]++
	}
	ws.Closed(1000)
}

// TestConn_limitsConnections: a WebSocket counts towards Config.MaxConns.
func TestConn_limitsConnections(t *testing.T) {
	app := geist.New(geist.Config{DrainIdle: -1, MaxConns: 2})
	app.WS("/", echo)
	addr := serveWS(t, app)
	for range 2 {
		c := openWS(t, addr, "/")
		c.text("a")
		c.want("text a")
	}
	third := dialRaw(t, addr)
	third.write([]byte(wsRequest("/")))
	if got := third.response().StatusCode; got != 503 {
		t.Errorf("got status %d, want 503", got)
	}
}

func TestConfig_webSocket(t *testing.T) {
	app := geist.New(geist.Config{WebSocket: geist.WebSocketConfig{MaxMessageBytes: -1, PongTimeout: -1, CloseTimeout: -1}})
	err := app.Check()
	for _, want := range []string{"MaxMessageBytes is -1", "PongTimeout is -1ns", "CloseTimeout is -1ns"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to say %q", err, want)
		}
	}
}

// What a client sends behind its close frame is not read as anything, but it must not
// reset the connection either, which could take our close frame from the client.
func TestConn_sendsBehindClose(t *testing.T) {
	app := geist.New()
	app.WS("/", func(_ *geist.Ctx, ws *geist.Conn) error {
		_, err := ws.Read()
		return err
	})
	addr := serveWS(t, app)
	for range 20 {
		c := openWS(t, addr, "/")
		c.write(append(clientFrame(wsproto.Close, true, "\x03\xe8"), make([]byte, 32<<10)...))
		c.want("close 1000", "EOF")
		_ = c.conn.Close()
	}
}
