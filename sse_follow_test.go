package geist_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
)

// publish publishes a message, or fails the test.
func publish(t *testing.T, h *hub.Hub, room, event, data string) hub.Pos {
	t.Helper()
	pos, err := h.Publish(context.Background(), room, hub.Message{Event: event, Data: []byte(data)})
	if err != nil {
		t.Fatal(err)
	}
	return pos
}

// following returns an engine whose /feed follows rooms.
func following(cfg geist.Config, h *hub.Hub, rooms ...string) *geist.Engine {
	app := geist.New(cfg)
	app.SSE("/feed", func(c *geist.Ctx, s *geist.Stream) error { return s.Follow(h, rooms...) })
	return app
}

func TestStream_Follow_delivers(t *testing.T) {
	h := hub.New(hub.Config{})
	app := following(geist.Config{ServerHeader: "g"}, h, "news")
	app.Use(func(c *geist.Ctx) error {
		c.SetHeader("Access-Control-Allow-Origin", "https://a.example")
		return errors.Join(c.SetCookie(geist.Cookie{Name: "sid", Value: "1"}), c.Next())
	})
	e := geisttest.New(t, app).SSE("/feed")
	e.Response().HasHeader("Content-Type", "text/event-stream").HasHeader("Transfer-Encoding", "chunked").
		HasHeader("Connection", "close").HasHeader("Cache-Control", "no-store, no-transform").HasHeader("X-Accel-Buffering", "no").
		HasHeader("Access-Control-Allow-Origin", "https://a.example").HasHeader("Server", "g").NoHeader("Content-Length")
	if e.Response().Cookie("sid") == nil || e.Response().Header("Date") == "" {
		t.Errorf("head %q lacks the cookie or the date", e.Response().Head())
	}
	pos := publish(t, h, "news", "tick", "a\nb")
	e.Next().Is("tick", "a\nb").HasID(pos.String())
	pos = publish(t, h, "news", "", "")
	e.Next().Is("message", "").HasID(pos.String())
	if _, err := h.Publish(context.Background(), "news", hub.Message{Data: []byte{0xff, 0}, Binary: true}); err != nil {
		t.Fatal(err)
	}
	e.Next().Is("message", "/wA=")
}

func TestStream_Follow_resumes(t *testing.T) {
	h := hub.New(hub.Config{Rooms: hub.RoomConfig{KeepMessages: 3}})
	for name, rooms := range map[string][]string{"one room": {"a"}, "several rooms": {"b", "c"}} {
		t.Run(name, func(t *testing.T) {
			first, last := rooms[0], rooms[len(rooms)-1]
			e := geisttest.New(t, following(geist.Config{}, h, rooms...)).SSE("/feed")
			publish(t, h, first, "", "1")
			e.Next().Is("message", "1")
			e.Close()
			waitFor(t, "the hub sees the client leave", func() bool { return h.Stats().Conns == 0 })
			publish(t, h, first, "", "2")
			publish(t, h, last, "x", "3")
			e = e.Reconnect()
			got := []string{e.Next().Data, e.Next().Data}
			if got[0] > got[1] { // of two rooms
				got[0], got[1] = got[1], got[0]
			}
			if fmt.Sprint(got) != "[2 3]" {
				t.Errorf("resumed with %q, want 2 and 3", got)
			}
			for i := range 5 {
				publish(t, h, first, "", fmt.Sprint(4+i))
				e.Next().Is("message", fmt.Sprint(4+i))
			}
			e.Close()
			waitFor(t, "the hub sees the client leave", func() bool { return h.Stats().Conns == 0 })
			for i := range 10 { // more than are kept
				publish(t, h, first, "", fmt.Sprint(i))
			}
			e = e.Reconnect()
			var gap struct {
				Room   string
				Missed int
			}
			if e.Next().JSON(&gap); gap.Room != first || gap.Missed == 0 {
				t.Errorf("gap = %+v, want one of %s with the number of what is lost", gap, first)
			}
		})
	}
}

func TestStream_Follow_forgedID(t *testing.T) {
	h := hub.New(hub.Config{})
	publish(t, h, "a", "", "old")
	c := geisttest.New(t, following(geist.Config{}, h, "a", "b"))
	for _, id := range []string{"x", "1-1", "-", strings.Repeat("1-1.", 100) + "1-1", "zzzzzzzzzzzzz-zzzzzzzzzzzzz", strings.Repeat("9", 1000)} {
		e := c.GET("/feed").Header("Last-Event-ID", id).SSE()
		rooms := map[string]bool{}
		for range 2 {
			var gap map[string]any
			ev := e.Next().JSON(&gap)
			if _, counted := gap["missed"]; ev.Name != geist.GapEvent || counted {
				t.Errorf("id %.20q: got %q with %v, want a gap of unknown size", id, ev.Name, gap)
			}
			rooms[fmt.Sprint(gap["room"])] = true
		}
		if !rooms["a"] || !rooms["b"] {
			t.Errorf("id %.20q: gaps of %v, want of a and b", id, rooms)
		}
		publish(t, h, "a", "", "new")
		e.Next().Is("message", "new")
		e.Close()
	}
}

func TestStream_Follow_everyKindOfConnection(t *testing.T) {
	for kind, listen := range listenerKinds {
		t.Run(kind, func(t *testing.T) {
			h := hub.New(hub.Config{})
			app := following(geist.Config{DrainIdle: -1}, h, "news")
			app.GET("/echo", func(c *geist.Ctx) error { return c.Text(200, "echo") })
			ln := listen(t)
			serveLoop(t, app, ln)
			c := mustDial(t, ln.dial)
			defer c.Close()
			go io.WriteString(c, getRequest("/echo")+feed+"\r\n") // net.Pipe has no buffer; ends with the server's read
			resp, err := http.ReadResponse(c.br, nil)
			if err != nil {
				t.Fatal(err)
			}
			if b, _ := io.ReadAll(resp.Body); string(b) != "echo" {
				t.Errorf("the request before: %q", b)
			}
			if resp, err = http.ReadResponse(c.br, nil); err != nil || resp.StatusCode != 200 {
				t.Fatalf("answer %v, %v", resp, err)
			}
			body := bufio.NewReader(resp.Body)
			want := strings.Repeat("x", 50_000)
			for range 20 {
				publish(t, h, "news", "", want)
				readLine(t, body)
				if got := readLine(t, body); got != "data: "+want {
					t.Fatalf("got %d bytes %.20q", len(got), got)
				}
				readLine(t, body)
			}
			down := make(chan error, 1)
			go func() { down <- shutdownWithin(t, app, 10*time.Second) }()
			rest, err := io.ReadAll(body)
			if err != nil || !strings.HasPrefix(string(rest), "retry: ") {
				t.Errorf("the end: %q, %v, want a retry and the last chunk", rest, err)
			}
			if _, err := c.br.ReadByte(); !errors.Is(err, io.EOF) {
				t.Errorf("behind the end: %v, want io.EOF", err)
			}
			if err := receive(t, down, "Shutdown"); err != nil {
				t.Errorf("Shutdown = %v", err)
			}
			if n := h.Stats().Conns; n != 0 {
				t.Errorf("%d connections are left in the hub", n)
			}
		})
	}
}

func TestStream_Follow_http10(t *testing.T) {
	h := hub.New(hub.Config{})
	app := following(geist.Config{}, h, "news")
	conn := geisttest.New(t, app).Dial()
	io.WriteString(conn, "GET /feed HTTP/1.0\r\n\r\n")
	r := bufio.NewReader(conn)
	head := ""
	for line := "x"; line != "\r"; head += line + "\n" {
		line = readLine(t, r)
	}
	if strings.Contains(head, "Transfer-Encoding") || strings.Contains(head, "Content-Length") || !strings.Contains(head, "Connection: close") {
		t.Errorf("head %q, want no framing", head)
	}
	publish(t, h, "news", "", "a")
	readLine(t, r)
	if got := readLine(t, r); got != "data: a" {
		t.Errorf("got %q", got)
	}
	if err := app.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	rest, err := io.ReadAll(r)
	if err != nil || !strings.HasPrefix(string(rest), "\nretry: ") || strings.Contains(string(rest), "\r") {
		t.Errorf("rest %q, %v, want a retry without framing", rest, err)
	}
}

// TestStream_Follow_elsewhere: a connection that is not ours stays where it is.
func TestStream_Follow_elsewhere(t *testing.T) {
	for name, serve := range map[string]func(*testing.T, *geist.Engine) string{
		"foreign fasthttp": func(t *testing.T, app *geist.Engine) string {
			ln := listenTCP(t)
			srv := &fasthttp.Server{Handler: app.Handler()}
			served := make(chan error, 1)
			go func() { served <- srv.Serve(ln) }()
			t.Cleanup(func() {
				if err := errors.Join(srv.Shutdown(), <-served); err != nil {
					t.Error(err)
				}
			})
			return "http://" + ln.Addr().String()
		},
		"net/http": func(t *testing.T, app *geist.Engine) string {
			srv := httptest.NewServer(app.HTTPHandler())
			t.Cleanup(srv.Close)
			return srv.URL
		},
		"middleware of net/http": func(t *testing.T, app *geist.Engine) string {
			app.Use(geist.FromHTTPMiddleware(func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(writerOnly{w, w.(http.Flusher)}, r) })
			}))
			return serveTCP(t, app)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := hub.New(hub.Config{})
			app := following(geist.Config{DrainIdle: -1}, h, "a", "b")
			url := serve(t, app)
			for _, end := range []string{"client", "server"} {
				resp, err := http.Get(url + "/feed")
				if err != nil {
					t.Fatal(err)
				}
				body := bufio.NewReader(resp.Body)
				pos := publish(t, h, "a", "x", "1")
				if got := readLine(t, body); !strings.Contains(got, pos.String()) {
					t.Errorf("id %q, want %s in it", got, pos)
				}
				if got := readLine(t, body) + readLine(t, body); got != "event: xdata: 1" {
					t.Errorf("got %q", got)
				}
				if end == "client" {
					resp.Body.Close()
					waitFor(t, "the hub sees the client leave", func() bool { return h.Stats().Conns == 0 })
					continue
				}
				if err := shutdownWithin(t, app, 10*time.Second); err != nil {
					t.Errorf("Shutdown = %v", err)
				}
				if rest, err := io.ReadAll(body); err != nil || !strings.HasPrefix(string(rest), "\nretry: ") {
					t.Errorf("the end: %q, %v, want a retry", rest, err)
				}
				resp.Body.Close()
			}
		})
	}
}

// closer counts how often it is closed.
type closer struct{ n *atomic.Int32 }

func (c closer) Close() error { c.n.Add(1); return nil }

// TestStream_Follow_keepsNoCtx: the Ctx ends with the request, what is kept with the stream.
func TestStream_Follow_keepsNoCtx(t *testing.T) {
	h := hub.New(hub.Config{})
	var closed atomic.Int32
	released := make(chan error, 1)
	app := geist.New()
	app.SSE("/feed", func(c *geist.Ctx, s *geist.Stream) error {
		ctx := c.Context()
		c.OnClose(func() {
			go func() { <-ctx.Done(); released <- context.Cause(ctx) }() // ends with the request's context
		})
		s.Keep(closer{&closed})
		s.Keep("anything")
		return errors.Join(h.Attach(s, hub.As("u1")), s.Follow(h, "news"))
	})
	e := geisttest.New(t, app).SSE("/feed")
	if err := receive(t, released, "the end of the Ctx"); !errors.Is(err, geist.ErrRequestDone) {
		t.Errorf("cause = %v, want ErrRequestDone", err)
	}
	if err := h.SendUser(context.Background(), "u1", hub.Message{Event: "direct", Data: []byte("hi")}); err != nil {
		t.Error(err)
	}
	e.Next().Is("direct", "hi")
	if n := closed.Load(); n != 0 {
		t.Errorf("closed %d times while the stream is open", n)
	}
	e.Close()
	waitFor(t, "what was kept is closed", func() bool { return closed.Load() > 0 })
	waitFor(t, "the connection is forgotten", func() bool { return geist.OpenConns(app) == 0 })
	if n := closed.Load(); n != 1 {
		t.Errorf("closed %d times, want once", n)
	}
}

func TestStream_Follow_fails(t *testing.T) {
	h, down := hub.New(hub.Config{}), hub.New(hub.Config{})
	if err := down.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	var many []string
	for i := range 17 {
		many = append(many, fmt.Sprint(i))
	}
	var closed atomic.Int32
	app := geist.New(geist.Config{Logger: discard()})
	var got error
	for path, follow := range map[string]func(s *geist.Stream) error{
		"/none":  func(s *geist.Stream) error { return s.Follow(h) },
		"/many":  func(s *geist.Stream) error { return s.Follow(h, many...) },
		"/down":  func(s *geist.Stream) error { return s.Follow(down, "a") },
		"/twice": func(s *geist.Stream) error { return errors.Join(s.Follow(h, "a"), s.Follow(h, "b")) },
		"/run":   func(s *geist.Stream) error { return errors.Join(s.Follow(h, "a"), s.Run(func() error { return nil })) },
		"/late":  func(s *geist.Stream) error { return errors.Join(s.Follow(h, "a"), geist.NewError(403, "no")) },
		"/panic": func(s *geist.Stream) error { _ = s.Follow(h, "a"); panic("oh no") },
	} {
		app.SSE(path, func(c *geist.Ctx, s *geist.Stream) error {
			s.Keep(closer{&closed})
			got = follow(s)
			return got
		})
	}
	app.SSE("/otherwise", func(c *geist.Ctx, s *geist.Stream) error {
		if err := s.Follow(down, "a"); !errors.Is(err, hub.ErrClosed) {
			t.Errorf("Follow = %v, want hub.ErrClosed", err)
		}
		return c.Text(200, "otherwise")
	})
	app.SSE("/replaced", func(c *geist.Ctx, s *geist.Stream) error {
		return errors.Join(s.Follow(h, "a"), c.Text(200, "replaced"))
	})
	c := geisttest.New(t, app)
	for i, path := range []string{"/none", "/many", "/down", "/twice", "/run", "/late", "/panic"} {
		status := 500
		switch path {
		case "/late":
			status = 403
		case "/many", "/down":
			status = 503
		}
		c.GET(path).Do().Status(status).HasHeader("Content-Type", "application/problem+json")
		if got == nil && path != "/panic" {
			t.Errorf("%s: Follow = nil, want an error", path)
		}
		if n := closed.Load(); int(n) != i+1 {
			t.Errorf("%s: what was kept was closed %d times, want once", path, int(n)-i)
		}
	}
	c.GET("/otherwise").Do().Status(200).BodyIs("otherwise").HasHeader("Content-Type", "text/plain; charset=utf-8")
	c.GET("/replaced").Do().Status(200).BodyIs("replaced")
	c.HEAD("/late").Do().Status(403)
	if n := h.Stats().Conns; n != 0 {
		t.Errorf("%d connections are left in the hub, want none", n)
	}
}

func TestStream_Follow_limit(t *testing.T) {
	h := hub.New(hub.Config{})
	c := geisttest.New(t, following(geist.Config{MaxConns: 2, Logger: discard()}, h, "a"))
	c.SSE("/feed")
	e := c.SSE("/feed")
	waitFor(t, "503", func() bool { return c.GET("/feed").Do().StatusCode == 503 })
	e.Close()
}

// TestStream_Follow_hubEnds: the hub's shutdown ends its streams as a drain does.
func TestStream_Follow_hubEnds(t *testing.T) {
	h := hub.New(hub.Config{})
	app := following(geist.Config{}, h, "a")
	e := geisttest.New(t, app).SSE("/feed")
	publish(t, h, "a", "", "1")
	e.Next()
	if err := h.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	e.End()
	if r := e.Retry(); r < time.Second {
		t.Errorf("retry = %s, want a second at least", r)
	}
}

// TestStream_Follow_endedBeforeItBegan: the answer is whole though the hub has ended the stream
// while there was no connection yet.
func TestStream_Follow_endedBeforeItBegan(t *testing.T) {
	h := hub.New(hub.Config{})
	for kind, listen := range listenerKinds {
		t.Run(kind, func(t *testing.T) {
			app := geist.New(geist.Config{DrainIdle: -1})
			app.SSE("/feed", func(_ *geist.Ctx, s *geist.Stream) error {
				return errors.Join(s.Follow(h, "a"), h.Disconnect(context.Background(), s.ID()))
			})
			ln := listen(t)
			serveLoop(t, app, ln)
			c := mustDial(t, ln.dial)
			defer c.Close()
			go io.WriteString(c, feed+"\r\n") // net.Pipe has no buffer; ends with the server's read
			resp, err := http.ReadResponse(c.br, nil)
			if err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(resp.Body); !strings.HasPrefix(string(b), "retry: ") || err != nil {
				t.Errorf("body: got %q, %v, want a retry and the end", b, err)
			}
		})
	}
}

// TestStream_Follow_slowClient: one that reads nothing is cut off; the others get everything.
func TestStream_Follow_slowClient(t *testing.T) {
	h := hub.New(hub.Config{})
	app := following(geist.Config{DrainIdle: -1, WriteTimeout: 500 * time.Millisecond}, h, "a")
	ln := listenTCP(t)
	serveLoop(t, app, ln)
	slow := mustDial(t, ln.dial)
	defer slow.Close()
	io.WriteString(slow, feed+"\r\n")
	good := mustDial(t, ln.dial)
	defer good.Close()
	io.WriteString(good, feed+"\r\n")
	resp, err := http.ReadResponse(good.br, nil)
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "both follow", func() bool { return h.Stats().Conns == 2 })
	body := bufio.NewReader(resp.Body)
	data := strings.Repeat("x", 60_000)
	for h.Stats().Conns == 2 {
		publish(t, h, "a", "", data)
		for readLine(t, body) != "data: "+data {
		}
	}
	publish(t, h, "a", "", "last")
	for readLine(t, body) != "data: last" {
	}
	waitFor(t, "the slow one's connection is closed", func() bool { return geist.OpenConns(app) == 1 })
}

// TestStream_Follow_noGoroutine: streams that are followed have none, and those that vanish
// leave nothing.
func TestStream_Follow_noGoroutine(t *testing.T) {
	const streams = 500
	h := hub.New(hub.Config{})
	app := following(geist.Config{DrainIdle: -1}, h, "a", "b")
	ln := listenTCP(t)
	serveLoop(t, app, ln)
	before, files := settledGoroutines(), countFiles()
	for range 2 { // a thousand in all
		var conns []net.Conn
		for range streams {
			c := mustDial(t, ln.dial)
			io.WriteString(c, feed+"\r\n")
			for readLine(t, c.br) != "\r" {
			}
			conns = append(conns, c.Conn)
		}
		// One for all of them is the watcher's. fasthttp's idle workers are as many as
		// requests were served at once, which is one or two.
		settlesAt(t, "goroutines", before+5, settledGoroutines)
		publish(t, h, "b", "", "x")
		for _, c := range conns {
			resetConn(c)
		}
		waitFor(t, "every connection is forgotten", func() bool { return geist.OpenConns(app) == 0 && h.Stats().Conns == 0 })
	}
	settlesAt(t, "open files", files, countFiles)
}

// TestStream_Follow_heartbeat: also a followed stream beats, in fake time here.
func TestStream_Follow_heartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(hub.Config{})
		e := geisttest.New(t, following(geist.Config{}, h, "a"), geisttest.Config{Timeout: time.Minute}).SSE("/feed")
		for range 5 {
			start := time.Now()
			e.Comment()
			if passed := time.Since(start); passed < 15*time.Second || passed > 26*time.Second {
				t.Errorf("a heartbeat after %s, want 20s and a quarter more or less", passed)
			}
		}
	})
}

// TestStream_Run_inRooms: a stream that runs may join rooms too.
func TestStream_Run_inRooms(t *testing.T) {
	h := hub.New(hub.Config{})
	publish(t, h, "a", "", "old")
	app := stream(geist.Config{}, func(s *geist.Stream) error {
		if _, err := h.Join(s, "a", hub.Last(1)); err != nil {
			return err
		}
		if err := s.Send(geist.Event{Name: "mine"}); err != nil {
			return err
		}
		<-s.Context().Done()
		return nil
	})
	e := geisttest.New(t, app).SSE("/feed")
	got := e.Next().Name + e.Next().Name // the order of a hub's and one's own is nobody's promise
	if got != "messagemine" && got != "minemessage" {
		t.Errorf("got %q, want both", got)
	}
	publish(t, h, "a", "x", "new")
	e.Next().Is("x", "new")
	e.Close()
	waitFor(t, "the hub sees the client leave", func() bool { return h.Stats().Conns == 0 })
}

// TestStream_Follow_storm: clients come and go while others publish and the server drains.
func TestStream_Follow_storm(t *testing.T) {
	h := hub.New(hub.Config{})
	app := following(geist.Config{DrainIdle: -1, Logger: discard()}, h, "a", "b")
	ln := listenTCP(t)
	served := make(chan error, 1)
	go func() { served <- app.Serve(ln) }()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				conn, err := ln.dial()
				if err != nil {
					return // the listener is closed
				}
				io.WriteString(conn, feed+"\r\n")
				conn.SetReadDeadline(time.Now().Add(time.Duration(i) * 3 * time.Millisecond))
				io.Copy(io.Discard, conn)
				if i%2 == 0 {
					resetConn(conn)
				}
				conn.Close()
			}
		})
	}
	waitFor(t, "the first has come", func() bool { return geist.OpenConns(app) > 0 })
	for i := range 2000 {
		publish(t, h, []string{"a", "b"}[i%2], "", "x")
	}
	if err := shutdownWithin(t, app, 20*time.Second); err != nil {
		t.Errorf("Shutdown = %v", err)
	}
	close(stop)
	wg.Wait()
	if err := receive(t, served, "Serve"); err != nil {
		t.Error(err)
	}
	if n := h.Stats().Conns; n != 0 || geist.OpenConns(app) != 0 {
		t.Errorf("%d connections are left in the hub, %d in the engine", n, geist.OpenConns(app))
	}
}

// TestStream_LastEventID_followed: it is the same for as long as the stream lasts, and for
// any goroutine.
func TestStream_LastEventID_followed(t *testing.T) {
	h := newRoomHub()
	app := geist.New()
	streams := make(chan *geist.Stream, 1)
	app.SSE("/", func(_ *geist.Ctx, s *geist.Stream) error {
		streams <- s
		return s.Follow(h, "news")
	})
	client := geisttest.New(t, app)
	for _, want := range []string{"", "abc-1"} {
		r := client.GET("/")
		if want != "" {
			r.Header("Last-Event-ID", want)
		}
		e := r.SSE()
		if got := (<-streams).LastEventID(); got != want {
			t.Errorf("LastEventID() = %q, want %q", got, want)
		}
		e.Close()
	}
}
