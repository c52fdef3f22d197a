package geist_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// stream returns an engine whose /feed runs f.
func stream(cfg geist.Config, f func(s *geist.Stream) error) *geist.Engine {
	app := geist.New(cfg)
	app.SSE("/feed", func(c *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error { return f(s) })
	})
	return app
}

// feed is a client's request for it, but for further fields.
const feed = "GET /feed HTTP/1.1\r\nHost: a\r\n"

func TestStream_Run_sendsAtOnce(t *testing.T) {
	next := make(chan struct{})
	app := stream(geist.Config{}, func(s *geist.Stream) error {
		if err := s.Send(geist.Event{ID: "7", Name: "tick", Data: []byte("a\r\nb"), Retry: 2 * time.Second}); err != nil {
			return err
		}
		receive(t, next, "the client's word")
		return s.SendJSON("", geist.Map{"x": 1})
	})
	e := geisttest.New(t, app).SSE("/feed")
	e.Response().HasHeader("Content-Type", "text/event-stream").HasHeader("Cache-Control", "no-store, no-transform").
		HasHeader("X-Accel-Buffering", "no").HasHeader("Transfer-Encoding", "chunked").NoHeader("Content-Length")
	e.Next().Is("tick", "a\nb").HasID("7")
	if got := e.Retry(); got != 2*time.Second {
		t.Errorf("retry = %s, want 2s", got)
	}
	close(next)
	e.Next().Is("message", `{"x":1}`).HasID("7")
	e.End()
}

// TestStream_Run_everyKindOfConnection: the same bytes come over each, and the connection
// is good for another request.
func TestStream_Run_everyKindOfConnection(t *testing.T) {
	for kind, listen := range listenerKinds {
		t.Run(kind, func(t *testing.T) {
			seen := make(chan struct{})
			app := stream(geist.Config{DrainIdle: -1, WriteTimeout: 5 * time.Second}, func(s *geist.Stream) error {
				if err := s.Send(geist.Event{Data: []byte("one")}); err != nil {
					return err
				}
				<-seen
				if err := s.Send(geist.Event{Data: bytes.Repeat([]byte("x"), 300_000)}); err != nil {
					return err
				}
				return s.Send(geist.Event{Data: []byte("three")})
			})
			app.GET("/echo", func(c *geist.Ctx) error { return c.Text(200, "echo") })
			ln := listen(t)
			serveLoop(t, app, ln)
			c := mustDial(t, ln.dial)
			defer c.Close()
			for range 2 {
				seen = make(chan struct{})
				if _, err := io.WriteString(c, feed+"\r\n"); err != nil {
					t.Fatal(err)
				}
				resp, err := http.ReadResponse(c.br, nil)
				if err != nil {
					t.Fatal(err)
				}
				body := bufio.NewReader(resp.Body)
				if got := readLine(t, body); got != "data: one" {
					t.Errorf("first line %q", got)
				}
				close(seen)
				rest, err := io.ReadAll(body)
				if want := "\ndata: " + strings.Repeat("x", 300_000) + "\n\ndata: three\n\n"; err != nil || string(rest) != want {
					t.Errorf("rest: %d bytes, %v, want %d", len(rest), err, len(want))
				}
				io.WriteString(c, getRequest("/echo"))
				if resp, err = http.ReadResponse(c.br, nil); err != nil || resp.StatusCode != 200 {
					t.Fatalf("the next request: %v, %v", resp, err)
				}
				io.Copy(io.Discard, resp.Body)
			}
		})
	}
}

func TestStream_http10EndsWithTheConnection(t *testing.T) {
	app := stream(geist.Config{}, func(s *geist.Stream) error { return s.Send(geist.Event{Data: []byte("a")}) })
	conn := geisttest.New(t, app).Dial()
	io.WriteString(conn, "GET /feed HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
	b, err := io.ReadAll(conn)
	head, body, _ := strings.Cut(string(b), "\r\n\r\n")
	if err != nil || body != "data: a\n\n" || !strings.Contains(head, "Connection: close") || strings.Contains(head, "Length") || strings.Contains(head, "Transfer-Encoding") {
		t.Errorf("answer %q, %v, want an event without framing", b, err)
	}
}

// TestStream_elsewhere: where the connection is not ours, somebody else frames and flushes.
func TestStream_elsewhere(t *testing.T) {
	serveForeign := func(t *testing.T, app *geist.Engine) string {
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
	}
	serveNetHTTP := func(t *testing.T, app *geist.Engine) string {
		srv := httptest.NewServer(app.HTTPHandler())
		t.Cleanup(srv.Close)
		return srv.URL
	}
	wrapped := func(t *testing.T, app *geist.Engine) string {
		app.Use(geist.FromHTTPMiddleware(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(writerOnly{w, w.(http.Flusher)}, r) })
		}))
		return serveTCP(t, app)
	}
	for name, serve := range map[string]func(*testing.T, *geist.Engine) string{
		"foreign fasthttp": serveForeign, "net/http": serveNetHTTP, "middleware of net/http": wrapped,
	} {
		t.Run(name, func(t *testing.T) {
			seen := make(chan struct{})
			app := stream(geist.Config{DrainIdle: -1, EventHeartbeat: time.Millisecond}, func(s *geist.Stream) error {
				if err := s.Send(geist.Event{Data: []byte("one")}); err != nil {
					return err
				}
				<-seen
				return s.Send(geist.Event{Data: []byte("two")})
			})
			resp, err := http.Get(serve(t, app) + "/feed")
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body := bufio.NewReader(resp.Body)
			if got := readLine(t, body); got != "data: one" {
				t.Errorf("first line %q", got)
			}
			for readLine(t, body) != ":" { // a heartbeat, on the wheel's goroutine
			}
			close(seen)
			rest, err := io.ReadAll(body)
			if got := strings.ReplaceAll(string(rest), ":\n\n", ""); err != nil || strings.TrimLeft(got, "\n") != "data: two\n\n" {
				t.Errorf("rest = %q, %v", got, err)
			}
		})
	}
}

// writerOnly is a writer that wraps another, as middleware makes them.
type writerOnly struct {
	http.ResponseWriter
	http.Flusher
}

func TestStream_http2(t *testing.T) {
	seen, gone := make(chan struct{}), make(chan error, 1)
	app := stream(geist.Config{}, func(s *geist.Stream) error {
		if err := s.Send(geist.Event{Data: []byte("one")}); err != nil {
			return err
		}
		<-seen
		<-s.Context().Done()
		gone <- context.Cause(s.Context())
		return nil
	})
	srv := httptest.NewUnstartedServer(app.HTTPHandler())
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	resp, err := srv.Client().Get(srv.URL + "/feed")
	if err != nil {
		t.Fatal(err)
	}
	if got := readLine(t, bufio.NewReader(resp.Body)); got != "data: one" || resp.ProtoMajor != 2 {
		t.Errorf("first line %q over HTTP/%d", got, resp.ProtoMajor)
	}
	close(seen)
	resp.Body.Close()
	if err := receive(t, gone, "the client's leaving"); !errors.Is(err, geist.ErrClientGone) {
		t.Errorf("cause = %v, want ErrClientGone", err)
	}
}

func TestStream_requestPhase(t *testing.T) {
	never := func() error { panic("the stream was opened") }
	ok := func() error { return nil }
	app := geist.New(geist.Config{Logger: discard()})
	app.Use(func(c *geist.Ctx) error {
		c.SetHeader("Access-Control-Allow-Origin", "https://a.example")
		c.SetHeader("Access-Control-Allow-Credentials", "true")
		return errors.Join(c.SetCookie(geist.Cookie{Name: "sid", Value: "1"}), c.Next())
	})
	for path, h := range map[string]func(c *geist.Ctx, s *geist.Stream) error{
		"/refused":       func(*geist.Ctx, *geist.Stream) error { return geist.NewError(403, "no") },
		"/refused-late":  func(_ *geist.Ctx, s *geist.Stream) error { return errors.Join(s.Run(never), geist.NewError(403, "no")) },
		"/stop":          func(c *geist.Ctx, _ *geist.Stream) error { return c.NoContent() },
		"/text":          func(c *geist.Ctx, _ *geist.Stream) error { return c.Text(200, "") },
		"/text-late":     func(c *geist.Ctx, s *geist.Stream) error { return errors.Join(s.Run(never), c.Text(200, "text")) },
		"/redirect":      func(c *geist.Ctx, _ *geist.Stream) error { return c.Redirect(307, "/feed") },
		"/nothing":       func(*geist.Ctx, *geist.Stream) error { return nil },
		"/twice":         func(_ *geist.Ctx, s *geist.Stream) error { return errors.Join(s.Run(never), s.Run(never)) },
		"/status":        func(c *geist.Ctx, s *geist.Stream) error { c.Status(201); return s.Run(never) },
		"/early":         func(_ *geist.Ctx, s *geist.Stream) error { return s.Send(geist.Event{}) },
		"/panic":         func(*geist.Ctx, *geist.Stream) error { panic("oh no") },
		"/panic-late":    func(_ *geist.Ctx, s *geist.Stream) error { _ = s.Run(never); panic("oh no") },
		"/not-modified":  func(c *geist.Ctx, s *geist.Stream) error { defer c.Status(304); return s.Run(never) },
		"/opened":        func(_ *geist.Ctx, s *geist.Stream) error { return s.Run(ok) },
		"/opened-behind": func(c *geist.Ctx, s *geist.Stream) error { return errors.Join(c.Text(200, "gone"), s.Run(ok)) },
	} {
		app.SSE(path, h)
	}
	c := geisttest.New(t, app)
	for _, test := range []struct {
		path   string
		status int
		kind   string
		body   string
	}{
		{"/refused", 403, "application/problem+json", "no"},
		{"/refused-late", 403, "application/problem+json", "no"},
		{"/stop", 204, "", ""},
		{"/text", 200, "text/plain; charset=utf-8", ""},
		{"/text-late", 200, "text/plain; charset=utf-8", "text"},
		{"/redirect", 307, "", ""},
		{"/nothing", 500, "application/problem+json", ""},
		{"/twice", 500, "application/problem+json", ""},
		{"/status", 500, "application/problem+json", ""},
		{"/early", 500, "application/problem+json", ""},
		{"/panic", 500, "application/problem+json", ""},
		{"/panic-late", 500, "application/problem+json", ""},
		{"/not-modified", 304, "text/event-stream", ""},
		{"/opened", 200, "text/event-stream", ""},
		{"/opened-behind", 200, "text/event-stream", ""},
	} {
		t.Run(test.path, func(t *testing.T) {
			resp := c.With(t).GET(test.path).Do().Status(test.status).BodyContains(test.body).
				HasHeader("Access-Control-Allow-Origin", "https://a.example").HasHeader("Access-Control-Allow-Credentials", "true")
			if got := resp.Header("Content-Type"); got != test.kind {
				t.Errorf("Content-Type = %q, want %q", got, test.kind)
			}
			if resp.Cookie("sid") == nil {
				t.Error("the middleware's cookie is lost")
			}
		})
	}
	c.HEAD("/opened").Do().Status(200).HasHeader("Content-Type", "text/event-stream").HasHeader("Cache-Control", "no-store, no-transform").BodyIs("")
	c.HEAD("/refused").Do().Status(403)
	c.POST("/opened").Do().Status(405).HasHeader("Allow", "GET, HEAD, OPTIONS")
	c.OPTIONS("/opened").Do().Status(204)
}

func TestStream_mistakesAtRegistration(t *testing.T) {
	app := geist.New()
	app.SSE("/nil", nil)
	app.SSE("/option", func(*geist.Ctx, *geist.Stream) error { return nil }, geist.With(nil))
	wantProblems(t, app, []string{"/nil", "sse_test.go:"}, []string{"/option", "nil handler"})
}

func tickHandler(_ *geist.Ctx, s *geist.Stream) error { return s.Run(func() error { return nil }) }

func TestStream_isListedWithItsHandler(t *testing.T) {
	app := geist.New()
	app.Group("/g").SSE("/ticks", tickHandler, geist.With(mark("mw"))).Name("ticks")
	got := app.Routes()
	if len(got) != 1 || got[0].Method != "GET" || got[0].Pattern != "/g/ticks" || got[0].Handler != "geist_test.tickHandler" || got[0].Middleware != 1 || got[0].Name != "ticks" {
		t.Errorf("routes = %+v", got)
	}
	wantChain(t, geisttest.New(t, app).GET("/g/ticks").Do().Status(200), "mw")
}

func TestStream_LastEventID(t *testing.T) {
	app := geist.New()
	app.SSE("/", func(c *geist.Ctx, s *geist.Stream) error { return c.Text(200, s.LastEventID()) })
	c := geisttest.New(t, app)
	long := strings.Repeat("x", 1024)
	for _, test := range []struct{ field, query, want string }{
		{"", "", ""}, {"7", "", "7"}, {"", "8", "8"}, {"7", "8", "7"}, {"a b-é", "", "a b-é"},
		{long, "", long}, {long + "x", "", ""}, {"", long, long}, {"", long + "x", ""},
		{"", "1\nevent: evil", ""}, {"", "1\r2", ""}, {"", "1\x002", ""},
	} {
		req := c.GET("/")
		if test.field != "" {
			req.Header("Last-Event-ID", test.field)
		}
		if test.query != "" {
			req.Query("lastEventId", test.query)
		}
		if got := req.Do().Status(200).Text(); got != test.want {
			t.Errorf("field %.9q, query %.9q: got %.9q, want %.9q", test.field, test.query, got, test.want)
		}
	}
}

func TestStream_Send_refuses(t *testing.T) {
	got := make(chan error, 10)
	app := stream(geist.Config{}, func(s *geist.Stream) error {
		for _, e := range []geist.Event{
			{ID: "1\ndata: evil"}, {ID: "1\r"}, {ID: "\x00"}, {ID: strings.Repeat("x", 1025)},
			{Name: "a\n\ndata: evil"}, {Name: "a\rb"}, {Retry: -1},
		} {
			got <- s.Send(e)
		}
		got <- s.SendJSON("a\nb", 1)
		got <- s.SendJSON("a", func() {})
		return s.Send(geist.Event{Name: "end", Data: []byte("x\n\nevent: evil\rdata: y"), Comment: "\n\ndata: z"})
	})
	e := geisttest.New(t, app).SSE("/feed")
	e.Next().Is("end", "x\n\nevent: evil\ndata: y")
	e.End()
	for i := range 9 {
		if err := receive(t, got, "an error"); err == nil {
			t.Errorf("Send %d = nil, want an error", i)
		}
	}
}

func TestStream_functionFails(t *testing.T) {
	for _, test := range []struct {
		name string
		fail func() error
		log  string // "" wants none
	}{
		{"error", func() error { return errors.New("disk on fire") }, "disk on fire"},
		{"panic", func() error { panic("oh no") }, "oh no"},
		{"abort", func() error { return geist.ErrAbort }, ""},
		{"client error", func() error { return geist.NewError(400, "bad") }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log syncBuffer
			app := stream(geist.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}, func(s *geist.Stream) error {
				if err := s.Send(geist.Event{Data: []byte("sent")}); err != nil {
					return err
				}
				return test.fail()
			})
			closed := make(chan struct{})
			app.Use(func(c *geist.Ctx) error { c.OnClose(func() { close(closed) }); return c.Next() })
			e := geisttest.New(t, app).SSE("/feed")
			e.Next().Is("message", "sent")
			if _, err := e.NextErr(); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("the end is %v, want io.ErrUnexpectedEOF", err)
			}
			receive(t, closed, "OnClose")
			got := log.String()
			if test.log == "" && got != "" || !strings.Contains(got, test.log) || test.log != "" && !strings.Contains(got, "route=/feed ") {
				t.Errorf("log = %q, want %q in it", got, test.log)
			}
		})
	}
}

func TestStream_order(t *testing.T) {
	var order []string
	note := func(s string) { order = append(order, s) }
	app := geist.New()
	done := make(chan struct{})
	app.AfterRequest(func(c *geist.Ctx) { note(fmt.Sprint("after ", c.ResponseStatus())) })
	app.Use(func(c *geist.Ctx) error {
		c.OnClose(func() { note("closer"); close(done) })
		ctx, cancel := context.WithCancel(c.Context())
		defer cancel()
		c.SetContext(ctx)
		err := c.Next()
		note("middleware")
		return err
	})
	var s *geist.Stream
	app.SSE("/:id", func(c *geist.Ctx, stream *geist.Stream) error {
		s = stream
		defer note("handler")
		return s.Run(func() error {
			note(fmt.Sprint("stream ", c.Param("id"), c.Pattern(), s.Context().Err()))
			return s.Send(geist.Event{})
		})
	})
	geisttest.New(t, app).GET("/7").Do().Status(200).BodyIs("data: \n\n")
	receive(t, done, "OnClose")
	if got, want := fmt.Sprint(order), "[handler middleware after 200 stream 7/:id<nil> closer]"; got != want {
		t.Errorf("order\ngot  %s\nwant %s", got, want)
	}
	if err := s.Send(geist.Event{}); err == nil || errors.Is(err, geist.ErrClientGone) || errors.Is(err, geist.ErrServerClosed) {
		t.Errorf("Send after the end = %v, want another error", err)
	}
	if cause := context.Cause(s.Context()); !errors.Is(cause, geist.ErrRequestDone) {
		t.Errorf("cause = %v, want ErrRequestDone", cause)
	}
}

func TestStream_clientLeaves(t *testing.T) {
	for kind, listen := range listenerKinds {
		if kind == "memory" || kind == "fasthttp" {
			continue // pipes that nobody can watch: geisttest's are in TestEventStream
		}
		t.Run(kind, func(t *testing.T) {
			var log syncBuffer
			got := make(chan error, 2)
			app := stream(geist.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}, func(s *geist.Stream) error {
				if err := s.Send(geist.Event{}); err != nil {
					return err
				}
				<-s.Context().Done() // and writes nothing that could fail
				got <- context.Cause(s.Context())
				err := s.Send(geist.Event{})
				got <- err
				return err
			})
			ln := listen(t)
			serveLoop(t, app, ln)
			c := mustDial(t, ln.dial)
			io.WriteString(c, feed+"\r\n")
			for readLine(t, c.br) != "data: " { // what is sent to a client that has gone would fail
			}
			c.Close()
			for range 2 {
				if err := receive(t, got, "the end"); !errors.Is(err, geist.ErrClientGone) {
					t.Errorf("got %v, want ErrClientGone", err)
				}
			}
			waitFor(t, "the connection is forgotten", func() bool { return geist.OpenConns(app) == 0 })
			if s := log.String(); s != "" {
				t.Errorf("log = %q, want none", s)
			}
		})
	}
}

// TestStream_manySenders: events of several goroutines and heartbeats never mix, and
// each goroutine's come in its order.
func TestStream_manySenders(t *testing.T) {
	const senders, each = 8, 200
	app := stream(geist.Config{EventHeartbeat: time.Millisecond}, func(s *geist.Stream) error {
		var wg sync.WaitGroup
		for g := range senders {
			wg.Go(func() {
				for i := range each {
					data := fmt.Sprintf("%d %d %s", g, i, strings.Repeat("x", i*7))
					if err := s.Send(geist.Event{Data: []byte(data)}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		return nil
	})
	for _, kind := range []string{"tcp", "tls"} {
		t.Run(kind, func(t *testing.T) {
			ln := listenerKinds[kind](t)
			serving := app
			if kind == "tls" {
				serving = geist.New()
				serving.Mount("/", app)
			}
			serveLoop(t, serving, ln)
			c := mustDial(t, ln.dial)
			defer c.Close()
			io.WriteString(c, feed+"\r\n")
			resp, err := http.ReadResponse(c.br, nil)
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			next, total := [senders]int{}, 0
			for _, block := range strings.Split(strings.TrimSuffix(string(b), "\n\n"), "\n\n") {
				if block == ":" {
					continue
				}
				var g, i int
				if n, err := fmt.Sscanf(block, "data: %d %d", &g, &i); n != 2 || !strings.HasSuffix(block, " "+strings.Repeat("x", i*7)) {
					t.Fatalf("block %.60q: %v", block, err)
				}
				if next[g] != i {
					t.Fatalf("sender %d: event %d came, want %d", g, i, next[g])
				}
				next[g]++
				total++
			}
			if total != senders*each {
				t.Errorf("%d events came, want %d", total, senders*each)
			}
		})
	}
}

// TestStream_stalledClient: one that reads nothing is cut by WriteTimeout, and nobody
// waits for it.
func TestStream_stalledClient(t *testing.T) {
	got := make(chan error, 1)
	app := stream(geist.Config{WriteTimeout: 100 * time.Millisecond}, func(s *geist.Stream) error {
		if s.LastEventID() == "other" {
			return s.Send(geist.Event{Data: []byte("other")})
		}
		big := geist.Event{Data: make([]byte, 64<<10)}
		for {
			if err := s.Send(big); err != nil {
				got <- err
				return err
			}
		}
	})
	ln := listenTCP(t)
	serveLoop(t, app, ln)
	c := mustDial(t, ln.dial)
	defer c.Close()
	io.WriteString(c, feed+"\r\n")
	other := mustDial(t, ln.dial)
	defer other.Close()
	io.WriteString(other, feed+"Last-Event-ID: other\r\n\r\n")
	if resp, err := http.ReadResponse(other.br, nil); err != nil {
		t.Error(err)
	} else if b, err := io.ReadAll(resp.Body); string(b) != "data: other\n\n" || err != nil {
		t.Errorf("beside a stalled client: %q, %v", b, err)
	}
	if err := receive(t, got, "the cut"); !errors.Is(err, geist.ErrClientGone) {
		t.Errorf("Send = %v, want ErrClientGone", err)
	}
}

func TestStream_drain(t *testing.T) {
	const streams = 3 * 64 // several batches
	causes := make(chan error, 2*streams)
	app := stream(geist.Config{Logger: discard(), DrainIdle: -1}, func(s *geist.Stream) error {
		if err := s.Send(geist.Event{Data: []byte("hello")}); err != nil {
			return err
		}
		<-s.Context().Done()
		causes <- context.Cause(s.Context())
		err := s.Send(geist.Event{Data: []byte("late")})
		causes <- err
		return err
	})
	c := geisttest.New(t, app)
	var open []*geisttest.EventStream
	for range streams {
		e := c.SSE("/feed")
		e.Next().Is("message", "hello")
		open = append(open, e)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := app.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown = %v, want nil: nothing was cut", err)
	}
	retries := map[time.Duration]bool{}
	for _, e := range open {
		e.End()
		if r := e.Retry(); r < time.Second || r > 6*time.Second {
			t.Errorf("retry = %s, want one to six seconds", r)
		}
		retries[e.Retry()] = true
	}
	if len(retries) < streams/2 {
		t.Errorf("%d clients were given %d times to come again, want about as many", streams, len(retries))
	}
	for range 2 * streams {
		if err := receive(t, causes, "the end"); !errors.Is(err, geist.ErrServerClosed) {
			t.Fatalf("got %v, want ErrServerClosed", err)
		}
	}
}

// TestStream_drainMeetsNewStream: who comes on an open connection while the server drains
// is told to come again, by an answer that an EventSource takes.
func TestStream_drainMeetsNewStream(t *testing.T) {
	app := stream(geist.Config{DrainIdle: 10 * time.Second}, func(*geist.Stream) error {
		t.Error("the function ran")
		return nil
	})
	app.GET("/echo", func(c *geist.Ctx) error { return c.Text(200, "echo") })
	c := geisttest.New(t, app)
	conn := c.Dial()
	r := bufio.NewReader(conn)
	io.WriteString(conn, getRequest("/echo"))
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	down := make(chan error, 1)
	go func() { down <- app.Shutdown(context.Background()) }()
	for !geist.Closing(app) {
		runtime.Gosched()
	}
	io.WriteString(conn, feed+"\r\n")
	if resp, err = http.ReadResponse(r, nil); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 || !resp.Close || !strings.HasPrefix(string(b), "retry: ") {
		t.Errorf("answer %v with %q, %v, want 200, a retry and Connection: close", resp, b, err)
	}
	if err := receive(t, down, "Shutdown"); err != nil {
		t.Error(err)
	}
}

// TestStream_drainCutsWhatStays: a function that does not listen is cut at the deadline.
func TestStream_drainCutsWhatStays(t *testing.T) {
	release, ended := make(chan struct{}), make(chan struct{})
	app := stream(geist.Config{Logger: discard()}, func(s *geist.Stream) error {
		defer close(ended)
		if err := s.Send(geist.Event{}); err != nil {
			return err
		}
		<-release
		return nil
	})
	e := geisttest.New(t, app).SSE("/feed")
	e.Next()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := app.Shutdown(ctx); err == nil || !strings.Contains(err.Error(), "1 connection") {
		t.Errorf("Shutdown = %v, want one connection cut", err)
	}
	if _, err := e.NextErr(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the end is %v, want io.ErrUnexpectedEOF", err)
	}
	close(release)
	receive(t, ended, "the function's end")
}

// TestStream_thousandVanish: streams whose clients reset the connection leave nothing.
func TestStream_thousandVanish(t *testing.T) {
	app := stream(geist.Config{DrainIdle: -1}, func(s *geist.Stream) error {
		if err := s.Send(geist.Event{}); err != nil {
			return err
		}
		<-s.Context().Done()
		return nil
	})
	ln := listenTCP(t)
	serveLoop(t, app, ln)
	vanish := func() {
		var conns []net.Conn
		for range 100 {
			c := mustDial(t, ln.dial)
			io.WriteString(c, feed+"\r\n")
			for readLine(t, c.br) != "data: " {
			}
			conns = append(conns, c.Conn)
		}
		for _, c := range conns {
			resetConn(c)
		}
		waitFor(t, "every connection is forgotten", func() bool { return geist.OpenConns(app) == 0 })
	}
	files := countFiles()
	vanish() // fasthttp keeps as many workers for some seconds
	goroutines := settledGoroutines()
	for range 9 {
		vanish()
	}
	settlesAt(t, "goroutines", goroutines+1, settledGoroutines) // the watcher's own may stay for a moment
	settlesAt(t, "open files", files, countFiles)
}

// TestStream_routeTimeout: a route's time ends with its handlers, not with their stream.
func TestStream_routeTimeout(t *testing.T) {
	for _, early := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			app := geist.New()
			app.SSE("/feed", func(c *geist.Ctx, s *geist.Stream) error {
				if early {
					<-s.Context().Done() // of the handler: the route's time
					if cause := context.Cause(s.Context()); !errors.Is(cause, geist.ErrTimeout) {
						t.Errorf("the handler's cause = %v, want ErrTimeout", cause)
					}
				}
				return s.Run(func() error {
					time.Sleep(time.Hour)
					return errors.Join(s.Context().Err(), s.Send(geist.Event{Name: "later"}))
				})
			}, geist.Timeout(time.Second))
			e := geisttest.New(t, app, geisttest.Config{Timeout: 2 * time.Hour}).SSE("/feed")
			e.Next().Is("later", "")
			e.End()
		})
	}
}
