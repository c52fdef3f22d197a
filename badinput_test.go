package geist_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gogeist/geist"
)

// The badinput_*_test.go files speak raw bytes over loopback TCP, as an attacker
// does: one file a subject. This one holds what they share.

// canary stands in what attackers send. It must reach neither an error's body nor
// any log record of the engine.
const canary = "CANARY7f3a9"

// patience bounds every wait of these tests; none is expected to last that long.
const patience = 10 * time.Second

// wire is an engine that listens on loopback, with everything that it logs.
type wire struct {
	app  *geist.Engine
	addr string
	log  *logCapture
}

// newWire serves app on a loopback port until the test ends. GET /alive is added:
// it shows that a connection, and the server, can still be used.
func newWire(t testing.TB, cfg geist.Config, register func(app *geist.Engine)) *wire {
	t.Helper()
	w := &wire{log: &logCapture{}}
	cfg.Logger = slog.New(w.log)
	cfg.DrainIdle = -1
	w.app = geist.New(cfg)
	w.app.GET("/alive", func(c *geist.Ctx) error { return c.Text(200, "alive") })
	register(w.app)
	w.addr = serve(t, w.app)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := w.app.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown after the test: %v", err)
		}
	})
	return w
}

// serve serves app on a loopback port and checks at the test's end that Serve, which
// somebody has to shut down, returns nil.
func serve(t testing.TB, app *geist.Engine) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- app.Serve(ln) }()
	t.Cleanup(func() {
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return ln.Addr().String()
}

// dial opens a connection that fails the test instead of hanging.
func (w *wire) dial(t testing.TB) *client {
	t.Helper()
	conn, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	c := &client{TCPConn: conn.(*net.TCPConn)}
	c.r = bufio.NewReader(io.TeeReader(conn, &c.raw))
	return c
}

// checkAlive asks for /alive over a connection of its own.
func (w *wire) checkAlive(t testing.TB) {
	t.Helper()
	w.dial(t).checkAlive(t)
}

// client is one end of a raw connection.
type client struct {
	*net.TCPConn
	r   *bufio.Reader
	raw bytes.Buffer // all that was received
}

// send writes bytes. A server that has answered may have closed already, so
// that a failure shows in what is read.
func (c *client) send(s string) { _, _ = io.WriteString(c.TCPConn, s) }

// answer is a response with its body.
type answer struct {
	*http.Response
	body string
}

// receive reads one response; method is the request's, since HEAD has no body.
func (c *client) receive(method string) (*answer, error) {
	resp, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	return &answer{resp, string(body)}, err
}

// expect reads one response and checks its status.
func (c *client) expect(t testing.TB, method string, status int) *answer {
	t.Helper()
	a, err := c.receive(method)
	if err != nil {
		t.Fatalf("reading the answer: %v (received %q)", err, c.raw.String())
	}
	if a.StatusCode != status {
		t.Fatalf("status: got %d %s, want %d", a.StatusCode, a.body, status)
	}
	return a
}

// checkAlive sends a canary request over the connection.
func (c *client) checkAlive(t testing.TB) {
	t.Helper()
	c.send("GET /alive HTTP/1.1\r\nHost: a\r\n\r\n")
	a, err := c.receive("GET")
	if err != nil || a.StatusCode != 200 || a.body != "alive" {
		t.Fatalf("canary request: got %+v, error %v, want 200 alive", a, err)
	}
}

// checkClosed waits for the server to end the connection, without a further byte.
func (c *client) checkClosed(t testing.TB) {
	t.Helper()
	b, err := c.r.ReadByte()
	if err == nil {
		rest, _ := io.ReadAll(c.r)
		t.Fatalf("the connection goes on with %q, want it closed", string(b)+string(rest))
	}
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		t.Fatal("the connection is still open, want it closed")
	}
}

// attack is one piece of bad input and what has to become of it.
type attack struct {
	name   string
	send   string
	status int    // of the answer; 0 if the connection ends without one
	closes bool   // the connection ends after the answer
	either bool   // it may end: versions of fasthttp differ
	allow  string // the answer's Allow header
	body   string // of an answer below 400
}

// run sends each attack over a connection of its own, then a canary request.
func (w *wire) run(t *testing.T, attacks []attack) {
	t.Helper()
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			c := w.dial(t)
			c.send(a.send)
			method, _, _ := strings.Cut(strings.TrimLeft(a.send, "\r\n"), " ")
			if a.status != 0 {
				got := c.expect(t, method, a.status)
				a.closes = a.closes || a.either && got.Close
				w.checkAnswer(t, got, a)
			}
			if a.closes {
				c.checkClosed(t)
				c = w.dial(t)
			}
			c.checkAlive(t)
		})
	}
	w.checkLog(t)
}

func (w *wire) checkAnswer(t *testing.T, got *answer, a attack) {
	t.Helper()
	if got.StatusCode < 400 {
		if got.body != a.body {
			t.Fatalf("body: got %q, want %q", got.body, a.body)
		}
	} else if !strings.HasPrefix(a.send, "HEAD ") {
		checkProblem(t, got)
	}
	if got.Header.Get("Allow") != a.allow {
		t.Fatalf("Allow: got %q, want %q", got.Header.Get("Allow"), a.allow)
	}
	if got.Close != a.closes {
		t.Fatalf("Connection: close: got %v, want %v", got.Close, a.closes)
	}
}

// checkProblem checks that an answer is a problem document that repeats nothing.
func checkProblem(t testing.TB, a *answer) {
	t.Helper()
	if ct := a.Header.Get("Content-Type"); ct != "application/problem+json" {
		t.Fatalf("Content-Type: got %q, want application/problem+json", ct)
	}
	var p geist.Problem
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || p.Status != a.StatusCode || p.Title == "" {
		t.Fatalf("problem document: got %q, error %v, want status %d and a title", a.body, err, a.StatusCode)
	}
	if strings.Contains(a.body, canary) {
		t.Fatalf("the problem document repeats the input: %s", a.body)
	}
}

// logCapture is a slog.Handler that keeps everything, at every level.
type logCapture struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
	bad  int          // guarded by mu: records at Error
	next slog.Handler // guarded by mu; nil for none
}

func (l *logCapture) Enabled(context.Context, slog.Level) bool { return true }

func (l *logCapture) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.Level >= slog.LevelError {
		l.bad++
	}
	l.pass(context.Background(), r)
	h := slog.NewTextHandler(&l.text, &slog.HandlerOptions{Level: slog.LevelDebug - 10})
	return h.Handle(context.Background(), r)
}

func (l *logCapture) WithAttrs(attrs []slog.Attr) slog.Handler { return &logWith{l, attrs} }
func (l *logCapture) WithGroup(string) slog.Handler            { return l }

// logWith adds the attributes of Logger.With.
type logWith struct {
	*logCapture
	attrs []slog.Attr
}

func (l *logWith) Handle(ctx context.Context, r slog.Record) error {
	r = r.Clone()
	r.AddAttrs(l.attrs...)
	return l.logCapture.Handle(ctx, r)
}

// errorRecords returns what was logged so far and how many records were errors.
func (l *logCapture) errorRecords() (text string, errors int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String(), l.bad
}

// checkLog checks that client errors were not logged as errors, nor their bytes.
func (w *wire) checkLog(t testing.TB) {
	t.Helper()
	text, bad := w.log.errorRecords()
	if bad != 0 {
		t.Errorf("client errors were logged %d times as errors:\n%s", bad, text)
	}
	if strings.Contains(text, canary) {
		t.Errorf("the log repeats the input:\n%s", text)
	}
}

// waitForGoroutines waits until no goroutine of an engine or of fasthttp is left,
// but for those that fasthttp keeps: a clock for good, a janitor for ten seconds.
func waitForGoroutines(t testing.TB) {
	t.Helper()
	stacks := make([]byte, 4<<20)
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		left := 0
		for s := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
			serving := strings.Contains(s, "gogeist/geist.") || strings.Contains(s, "valyala/fasthttp.")
			if serving && !strings.Contains(s, "TestMain(") && !strings.Contains(s, "updateServerDate") && !strings.Contains(s, "workerPool).Start") {
				left++
			}
		}
		if left == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d goroutines are left:\n%s", left, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// waitFor polls until ok, or fails after patience.
func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: still not so after %s", what, patience)
		}
	}
}
