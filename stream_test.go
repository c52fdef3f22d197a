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
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// syncBuffer collects a log from any goroutine.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// open sends a request over a connection of its own and returns the answer, whose
// body is read as it comes.
func open(t *testing.T, conn net.Conn, request string) *http.Response {
	t.Helper()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func readLine(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	line, err := r.ReadString('\n')
	if err != nil {
		t.Fatalf("read a line: %v, after %q", err, line)
	}
	return strings.TrimSuffix(line, "\n")
}

// receive returns what ch gives, or fails the test.
func receive[T any](t *testing.T, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(20 * time.Second):
		t.Fatalf("%s: nothing came", what)
		panic("unreachable")
	}
}

func TestCtx_Stream_flushIsLive(t *testing.T) {
	seen, over := make(chan struct{}), make(chan struct{})
	app := geist.New()
	app.GET("/", func(c *geist.Ctx) error {
		return c.Status(201).Stream("text/plain", func(w *geist.StreamWriter) error {
			if _, err := w.WriteString("one\n"); err != nil {
				return err
			}
			if err := w.Flush(); err != nil {
				return err
			}
			waitOr(seen, over)
			_, err := w.Write([]byte("two\n"))
			return err
		})
	})
	c := geisttest.New(t, app)
	resp := open(t, c.Dial(), "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	body := bufio.NewReader(resp.Body)
	if got := readLine(t, body); got != "one" || resp.StatusCode != 201 || resp.Header.Get("Content-Type") != "text/plain" || resp.ContentLength != -1 {
		t.Errorf("first line %q of %v", got, resp)
	}
	select {
	case <-over:
		t.Error("the first line came only with the end")
	default:
	}
	close(seen)
	if rest, err := io.ReadAll(body); err != nil || string(rest) != "two\n" {
		t.Errorf("rest = %q, %v, want two", rest, err)
	}
}

func TestCtx_Stream_headersComeBeforeTheFirstByte(t *testing.T) {
	seen, over := make(chan struct{}), make(chan struct{})
	app := geist.New()
	app.GET("/", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			waitOr(seen, over)
			return nil
		})
	})
	resp := open(t, geisttest.New(t, app).Dial(), "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	select {
	case <-over:
		t.Error("the header came only with the end")
	default:
	}
	close(seen)
	if b, err := io.ReadAll(resp.Body); err != nil || len(b) != 0 {
		t.Errorf("body = %q, %v, want none", b, err)
	}
}

func TestCtx_Stream_order(t *testing.T) {
	var order []string
	note := func(s string) { order = append(order, s) }
	done := make(chan error, 1)
	app := geist.New()
	app.AfterRequest(func(c *geist.Ctx) { note(fmt.Sprint("after ", c.ResponseStatus())) })
	app.Use(func(c *geist.Ctx) error {
		c.OnClose(func() { note("closer"); done <- nil })
		err := c.Next()
		note("middleware")
		return err
	})
	var ctx context.Context
	app.GET("/:id", func(c *geist.Ctx) error {
		c.SetLocal("k", "v")
		ctx = c.Context()
		defer note("handler")
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			note(fmt.Sprint("stream ", c.Param("id"), c.Query("q"), c.Local("k"), c.Pattern(), c.Context().Err()))
			_, err := fmt.Fprint(w, "x")
			return err
		})
	})
	c := geisttest.New(t, app)
	for range 3 { // keep-alive goes on, and a Ctx comes back clean
		order = order[:0]
		c.GET("/7?q=8").Do().Status(200).BodyIs("x")
		receive(t, done, "OnClose")
		want := "[handler middleware after 200 stream 78v/:id<nil> closer]"
		if got := fmt.Sprint(order); got != want {
			t.Errorf("order\ngot  %s\nwant %s", got, want)
		}
		<-ctx.Done()
		if cause := context.Cause(ctx); !errors.Is(cause, geist.ErrRequestDone) {
			t.Errorf("cause = %v, want ErrRequestDone", cause)
		}
	}
}

func TestCtx_Stream_endsBadly(t *testing.T) {
	for _, test := range []struct {
		name string
		fail func() error
		log  string // "" wants none
	}{
		{"error", func() error { return errors.New("disk on fire") }, "disk on fire"},
		{"panic", func() error { panic("oh no") }, "oh no"},
		{"abort", func() error { return geist.ErrAbort }, ""},
		{"abort by panic", func() error { panic(geist.ErrAbort) }, ""},
		{"abort as net/http", func() error { panic(http.ErrAbortHandler) }, ""},
		{"client error", func() error { return geist.NewError(400, "bad row") }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log syncBuffer
			app := geist.New(geist.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			closed := make(chan struct{})
			app.GET("/", func(c *geist.Ctx) error {
				c.OnClose(func() { close(closed) })
				return c.Stream("text/plain", func(w *geist.StreamWriter) error {
					w.WriteString("flushed")
					if err := w.Flush(); err != nil {
						return err
					}
					w.WriteString("dropped")
					return test.fail()
				})
			})
			resp, err := geisttest.New(t, app).GET("/").DoErr()
			if !errors.Is(err, io.ErrUnexpectedEOF) || resp == nil || resp.StatusCode != 200 || resp.Text() != "flushed" {
				t.Errorf("answer %+v, %v, want 200, what was flushed and no end", resp, err)
			}
			receive(t, closed, "OnClose")
			got := log.String()
			if test.log == "" && got != "" || !strings.Contains(got, test.log) || test.log != "" && !strings.Contains(got, "route=/ ") {
				t.Errorf("log = %q, want %q in it", got, test.log)
			}
		})
	}
}

func TestCtx_Stream_neverOpens(t *testing.T) {
	stream := func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(*geist.StreamWriter) error { panic("the stream was opened") })
	}
	app := geist.New(geist.Config{Logger: discard()})
	app.GET("/head", stream)
	app.GET("/none", func(c *geist.Ctx) error { return stream(c.Status(304)) })
	app.GET("/later", func(c *geist.Ctx) error { defer c.Status(304); return stream(c) })
	app.GET("/error", func(c *geist.Ctx) error { return errors.Join(stream(c), geist.NewError(409, "no")) })
	app.GET("/text", func(c *geist.Ctx) error {
		if err := stream(c); err != nil {
			return err
		}
		return c.Text(200, "text")
	})
	app.GET("/again", func(c *geist.Ctx) error {
		if err := stream(c); err != nil {
			return err
		}
		return c.Stream("text/plain", func(w *geist.StreamWriter) error { w.WriteString("second"); return nil })
	})
	app.GET("/panic", func(c *geist.Ctx) error {
		if err := stream(c); err != nil {
			return err
		}
		panic("handler")
	})
	closed := make(chan struct{}, 1)
	app.Use(func(c *geist.Ctx) error {
		c.OnClose(func() { closed <- struct{}{} })
		return c.Next()
	})
	c := geisttest.New(t, app)
	for _, test := range []struct {
		req    *geisttest.Request
		status int
		body   string
	}{
		{c.HEAD("/head"), 200, ""}, {c.GET("/none"), 304, ""}, {c.GET("/later"), 304, ""}, {c.GET("/error"), 409, `{"title":"Conflict","status":409,"detail":"no"}`},
		{c.GET("/text"), 200, "text"}, {c.GET("/again"), 200, "second"}, {c.GET("/panic"), 500, `{"title":"Internal Server Error","status":500}`},
	} {
		test.req.Do().Status(test.status).BodyIs(test.body)
		receive(t, closed, "OnClose")
	}
}

func TestCtx_Stream_clientLeaves(t *testing.T) {
	var log syncBuffer
	app := geist.New(geist.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	over := make(chan struct{})
	got := make(chan error, 2)
	closed := make(chan struct{})
	app.GET("/", func(c *geist.Ctx) error {
		c.OnClose(func() { close(closed) })
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			if _, err := w.WriteString("x\n"); err != nil {
				return err
			}
			if err := w.Flush(); err != nil {
				return err
			}
			waitOr(c.Context().Done(), over)
			got <- context.Cause(c.Context())
			if _, err := w.WriteString("y"); err != nil {
				return err
			}
			err := w.Flush()
			got <- err
			if _, again := w.WriteString("z"); !errors.Is(again, geist.ErrClientGone) {
				t.Errorf("a later write gave %v, want the same", again)
			}
			return err
		})
	})
	conn := geisttest.New(t, app).Dial()
	resp := open(t, conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	readLine(t, bufio.NewReader(resp.Body))
	conn.Close()
	if err := receive(t, got, "the context's end"); !errors.Is(err, geist.ErrClientGone) {
		t.Errorf("cause = %v, want ErrClientGone", err)
	}
	var op *net.OpError
	if err := receive(t, got, "the flush"); !errors.Is(err, geist.ErrClientGone) || !errors.As(err, &op) {
		t.Errorf("Flush = %v, want ErrClientGone and the connection's error", err)
	}
	receive(t, closed, "OnClose")
	if s := log.String(); s != "" {
		t.Errorf("log = %q, want none", s)
	}
}

// TestCtx_Stream_stalledClient: a client that takes nothing is cut by WriteTimeout, and
// the write that fails ends the context.
func TestCtx_Stream_stalledClient(t *testing.T) {
	app := geist.New(geist.Config{WriteTimeout: time.Millisecond, Logger: discard()})
	got := make(chan error, 2)
	app.GET("/", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			ctx := c.Context()
			chunk := bytes.Repeat([]byte("x"), 32<<10)
			for {
				if _, err := w.Write(chunk); err != nil {
					got <- err
					got <- context.Cause(ctx)
					return err
				}
			}
		})
	})
	open(t, geisttest.New(t, app).Dial(), "GET / HTTP/1.1\r\nHost: a\r\n\r\n") // and reads nothing more
	if err := receive(t, got, "the write"); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Write = %v, want os.ErrDeadlineExceeded", err)
	}
	if err := receive(t, got, "the cause"); !errors.Is(err, geist.ErrClientGone) {
		t.Errorf("cause = %v, want ErrClientGone", err)
	}
}

func TestCtx_Stream_sizes(t *testing.T) {
	parts := []int{0, 1, 4094, 1, 1, 4095, 4096, 4097, 10_000, 3, 100_000, 0}
	app := geist.New()
	var want bytes.Buffer
	for i, n := range parts {
		want.Write(bytes.Repeat([]byte{byte('a' + i)}, n))
	}
	app.GET("/bytes", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			b := want.Bytes()
			for _, size := range parts {
				if n, err := w.Write(b[:size]); n != size || err != nil {
					return fmt.Errorf("Write of %d = %d, %w", size, n, err)
				}
				b = b[size:]
			}
			return nil
		})
	})
	app.GET("/string", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			s := want.String()
			for _, size := range parts {
				if n, err := w.WriteString(s[:size]); n != size || err != nil {
					return fmt.Errorf("WriteString of %d = %d, %w", size, n, err)
				}
				s = s[size:]
			}
			return nil
		})
	})
	c := geisttest.New(t, app)
	for _, path := range []string{"/bytes", "/string"} {
		if got := c.GET(path).Do().Status(200).Bytes(); !bytes.Equal(got, want.Bytes()) {
			t.Errorf("%s: %d bytes came, want %d, or others", path, len(got), want.Len())
		}
	}
}

func TestCtx_Stream_http10(t *testing.T) {
	app := geist.New()
	app.GET("/", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			w.WriteString("one ")
			if err := w.Flush(); err != nil {
				return err
			}
			w.WriteString(strings.Repeat("y", 5000))
			return nil
		})
	})
	conn := geisttest.New(t, app).Dial()
	io.WriteString(conn, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
	b, err := io.ReadAll(conn)
	head, body, _ := strings.Cut(string(b), "\r\n\r\n")
	if err != nil || body != "one "+strings.Repeat("y", 5000) || !strings.Contains(head, "Connection: close") || strings.Contains(head, "Length") || strings.Contains(head, "Transfer-Encoding") {
		t.Errorf("answer %q %d bytes, %v, want it without framing", head, len(body), err)
	}
}

func TestCtx_Stream_middlewareContext(t *testing.T) {
	type key struct{}
	app := geist.New()
	app.Use(func(c *geist.Ctx) error {
		ctx, cancel := context.WithTimeout(context.WithValue(c.Context(), key{}, "value"), time.Hour)
		defer cancel()
		c.SetContext(ctx)
		return c.Next()
	})
	app.GET("/", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			ctx := c.Context()
			_, deadline := ctx.Deadline()
			child, cancel := context.WithCancel(ctx)
			defer cancel()
			_, err := fmt.Fprintln(w, ctx.Err(), deadline, ctx.Value(key{}), child.Err(), context.Cause(ctx))
			return err
		})
	})
	geisttest.New(t, app).GET("/").Do().Status(200).BodyIs("<nil> false value <nil> <nil>\n")
}

func TestCtx_Stream_drain(t *testing.T) {
	finish := make(chan struct{})
	app := geist.New(geist.Config{Logger: discard()})
	cause := make(chan error, 1)
	app.GET("/ends", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			<-finish
			_, err := w.WriteString("end")
			return err
		})
	})
	app.GET("/stays", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			<-c.Context().Done()
			cause <- context.Cause(c.Context())
			var err error
			for err == nil { // contexts end first, connections a moment later
				_, err = w.Write(make([]byte, streamBuffer))
			}
			cause <- err
			return err
		})
	})
	client := geisttest.New(t, app)
	ends := open(t, client.Dial(), "GET /ends HTTP/1.1\r\nHost: a\r\n\r\n")
	stays := open(t, client.Dial(), "GET /stays HTTP/1.1\r\nHost: a\r\n\r\n")
	ctx, cancel := context.WithCancel(context.Background())
	down := make(chan error, 1)
	go func() { down <- app.Shutdown(ctx) }()
	for app.Ready() {
		runtime.Gosched()
	}
	close(finish)
	if b, err := io.ReadAll(ends.Body); string(b) != "end" || err != nil {
		t.Errorf("the stream that ends while draining: %q, %v", b, err)
	}
	select {
	case err := <-down:
		t.Fatalf("Shutdown returned before its deadline: %v", err)
	default:
	}
	cancel()
	for range 2 {
		if err := receive(t, cause, "the end of the stream"); !errors.Is(err, geist.ErrServerClosed) {
			t.Errorf("the stream that stays saw %v, want ErrServerClosed", err)
		}
	}
	if _, err := io.ReadAll(stays.Body); err == nil {
		t.Error("the stream that was cut ended as if it were complete")
	}
	if err := receive(t, down, "Shutdown"); err == nil {
		t.Error("Shutdown = nil, want the number of cut connections")
	}
}

// streamBuffer is what a StreamWriter collects at most.
const streamBuffer = 4 << 10

// TestCtx_Stream_foreignServer: in a foreign server each flush has Config.WriteTimeout,
// and none is left behind.
func TestCtx_Stream_foreignServer(t *testing.T) {
	app := geist.New()
	app.GET("/", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			w.WriteString("a")
			if err := w.Flush(); err != nil {
				return err
			}
			w.WriteString("b")
			return nil
		})
	})
	conn := &deadlineConn{in: strings.NewReader("GET / HTTP/1.1\r\nHost: a\r\n\r\n")}
	if err := app.Server().ServeConn(conn); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(conn.out.String(), "\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n") {
		t.Errorf("sent %q", conn.out.String())
	}
	if n := len(conn.deadlines); n < 3 || !conn.deadlines[n-1].IsZero() {
		t.Errorf("write deadlines = %v, want the server's, ours and none", conn.deadlines)
	}
}

// TestCtx_Stream_inResponse: a handler without a connection, as in unit tests.
func TestCtx_Stream_inResponse(t *testing.T) {
	app := geist.New()
	app.GET("/", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error { _, err := w.WriteString("body"); return err })
	})
	var req fasthttp.Request
	req.SetRequestURI("/")
	req.Header.SetHost("a")
	var rc fasthttp.RequestCtx
	rc.Init(&req, nil, nil)
	app.Handler()(&rc)
	if got := string(rc.Response.Body()); got != "body" {
		t.Errorf("body = %q", got)
	}
}

// deadlineConn is a connection with one request that notes its write deadlines.
type deadlineConn struct {
	net.Conn
	in        io.Reader
	out       bytes.Buffer
	deadlines []time.Time
}

func (c *deadlineConn) Read(p []byte) (int, error)      { return c.in.Read(p) }
func (c *deadlineConn) Write(p []byte) (int, error)     { return c.out.Write(p) }
func (c *deadlineConn) Close() error                    { return nil }
func (c *deadlineConn) SetReadDeadline(time.Time) error { return nil }
func (c *deadlineConn) LocalAddr() net.Addr             { return &net.TCPAddr{} }
func (c *deadlineConn) RemoteAddr() net.Addr            { return &net.TCPAddr{} }
func (c *deadlineConn) SetDeadline(t time.Time) error   { return c.SetWriteDeadline(t) }
func (c *deadlineConn) SetWriteDeadline(t time.Time) error {
	c.deadlines = append(c.deadlines, t)
	return nil
}
