package geist_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/gogeist/geist"
)

// TestBadInput_parseErrorsLogNothing sends a canary in every place of requests
// that cannot be parsed, and of some that can.
func TestBadInput_parseErrorsLogNothing(t *testing.T) {
	w, _ := newEcho(t, geist.Config{MaxBodyBytes: 64})
	fields := "Host: a\r\nCookie: " + canary + "=" + canary + "\r\nAuthorization: Bearer " + canary + "\r\nX-" + canary + ": b\r\n"
	for _, s := range []string{
		canary + "\r\n\r\n",
		canary + " / HTTP/1.1\r\n" + fields + "\r\n",
		"GET " + canary + " HTTP/1.1\r\n" + fields + "\r\n",
		"GET /" + canary + " HTTP/" + canary + "\r\n" + fields + "\r\n",
		"GET /" + canary + "\x00 HTTP/1.1\r\n" + fields + "\r\n",
		"GET /" + canary + "?" + canary + "=" + canary + "#" + canary + " HTTP/1.1\r\n" + fields + "\r\n",
		"GET http://" + canary + "@" + canary + "/ HTTP/1.1\r\n" + fields + "\r\n",
		"GET http://[" + canary + "/ HTTP/1.1\r\n" + fields + "\r\n",
		"GET " + canary + "://a/ HTTP/1.1\r\n" + fields + "\r\n",
		"GET / HTTP/1.1\r\n" + fields + "Host: " + canary + "\r\n\r\n",
		"GET / HTTP/1.1\r\n" + fields + canary + "\r\n\r\n",
		"GET / HTTP/1.1\r\n" + fields + " \x00" + canary + ": a\r\n\r\n",
		"GET / HTTP/1.1\r\n" + fields + "Content-Length: " + canary + "\r\n\r\n",
		"GET / HTTP/1.1\r\n" + fields + "Transfer-Encoding: " + canary + "\r\n\r\n",
		"GET / HTTP/1.1\r\n" + fields + "Trailer: Content-Length, " + canary + "\r\n\r\n",
		"GET /" + strings.Repeat(canary, 8<<10) + " HTTP/1.1\r\n" + fields + "\r\n",
		"GET / HTTP/1.1\r\n" + fields + strings.Repeat(canary, 8<<10) + "\r\n\r\n",
		"POST /echo HTTP/1.1\r\n" + fields + "Content-Length: 999\r\n\r\n" + canary,
		"POST /echo HTTP/1.1\r\n" + fields + "Content-Length: 50\r\n\r\n" + canary,
		"POST /echo HTTP/1.1\r\n" + fields + "Transfer-Encoding: chunked\r\n\r\n" + canary,
		"POST /echo HTTP/1.1\r\n" + fields + "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n" + canary + "\r\n\r\n",
		"POST /echo HTTP/1.1\r\n" + fields + "Content-Type: multipart/form-data; boundary=" + canary + "\r\nContent-Length: 11\r\n\r\n" + canary,
		"GET /nowhere/" + canary + "?" + canary + " HTTP/1.1\r\n" + fields + "\r\n",
		"DELETE /echo?" + canary + " HTTP/1.1\r\n" + fields + "\r\n",
	} {
		c := w.dial(t)
		c.send(s)
		_ = c.CloseWrite()
		for {
			a, err := c.receive("GET")
			if err != nil {
				break
			}
			if a.StatusCode >= 400 {
				checkProblem(t, a)
			}
		}
		if strings.Contains(c.raw.String(), canary) && !strings.HasPrefix(c.raw.String(), "HTTP/1.1 200") {
			t.Errorf("%.60q: the answer repeats the input: %q", s, c.raw.String())
		}
	}
	w.checkAlive(t)
	w.checkLog(t)
}

// TestBadInput_serverErrorsAreSecret: what went wrong is logged, the client gets
// the status and what was written for it.
func TestBadInput_serverErrorsAreSecret(t *testing.T) {
	const secret = "SECRET-dsn"
	var typedNil *geist.Error
	handlers := []struct {
		name   string
		h      geist.Handler
		status int
		logged bool
	}{
		{"error", func(*geist.Ctx) error { return errors.New(secret) }, 500, true},
		{"joined errors", func(*geist.Ctx) error { return errors.Join(errors.New(secret), errors.New("b")) }, 500, true},
		{"wrapped by a 500", func(*geist.Ctx) error { return geist.NewError(500, "sorry").Wrap(errors.New(secret)) }, 500, true},
		{"wrapped by a 503", func(*geist.Ctx) error { return geist.NewError(503, "sorry").Wrap(errors.New(secret)) }, 503, true},
		{"wrapped by a 404", func(*geist.Ctx) error { return geist.NewError(404, "sorry").Wrap(errors.New(secret)) }, 404, false},
		{"wrapping a 404", func(*geist.Ctx) error { return fmt.Errorf("%s: %w", secret, geist.ErrNotFound) }, 404, false},
		{"panic with text", func(*geist.Ctx) error { panic(secret) }, 500, true},
		{"panic with an error", func(*geist.Ctx) error { panic(errors.New(secret)) }, 500, true},
		{"panic with a 404", func(*geist.Ctx) error { panic(geist.NewError(404, "sorry").Wrap(errors.New(secret))) }, 500, true},
		{"panic of the runtime", func(*geist.Ctx) error { return []error{nil}[len(secret)] }, 500, true},
		{"value that is no JSON", func(c *geist.Ctx) error { return c.JSON(200, geist.Map{secret: make(chan int)}) }, 500, true},
		{"body before the error", func(c *geist.Ctx) error { _ = c.Text(200, secret); return errors.New("b") }, 500, true},
		{"member that is no JSON", func(*geist.Ctx) error { return geist.NewError(409, "d").With("m", make(chan int)) }, 409, false},
		{"member that panics", func(*geist.Ctx) error { return geist.NewError(409, "d").With("type", panicky{}) }, 500, true},
		{"nil in an interface", func(*geist.Ctx) error { return typedNil }, 500, true},
		{"error that panics", func(*geist.Ctx) error { return panicky{} }, 500, true},
	}
	w := newWire(t, geist.Config{}, func(app *geist.Engine) {
		for i, h := range handlers {
			app.GET(fmt.Sprintf("/%d", i), h.h)
		}
	})
	for i, h := range handlers {
		t.Run(h.name, func(t *testing.T) {
			c := w.dial(t)
			_, before := w.log.errorRecords()
			c.send(get(fmt.Sprintf("/%d", i)))
			a := c.expect(t, "GET", h.status)
			checkProblem(t, a)
			if strings.Contains(c.raw.String(), secret) || strings.Contains(a.body, "goroutine") {
				t.Errorf("the client was told: %s", a.body)
			}
			if _, after := w.log.errorRecords(); (after > before) != h.logged {
				t.Errorf("records at Error: got %d, want logged: %v", after-before, h.logged)
			}
			c.checkAlive(t)
		})
	}
}

// panicky is a value whose methods panic.
type panicky struct{}

func (panicky) Error() string                { panic("panicky") }
func (panicky) MarshalText() ([]byte, error) { panic("panicky") }

// TestBadInput_logInjection: a path in an error never makes a line of its own in
// the log, nor reaches a terminal as a control sequence.
func TestBadInput_logInjection(t *testing.T) {
	var mu sync.Mutex
	var out bytes.Buffer
	locked := writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return out.Write(p)
	})
	for name, handler := range map[string]slog.Handler{
		"text":    slog.NewTextHandler(locked, nil),
		"JSON":    slog.NewJSONHandler(locked, nil),
		"default": defaultHandler(t, locked),
	} {
		t.Run(name, func(t *testing.T) {
			mu.Lock()
			out.Reset()
			mu.Unlock()
			w := newWire(t, geist.Config{}, func(app *geist.Engine) {
				app.OnError(func(c *geist.Ctx, err error) {
					slog.New(handler).Error("failed", "error", err.Error(), "path", c.Path())
					geist.DefaultErrorHandler(c, err)
				})
				app.GET("/e/*p", func(c *geist.Ctx) error {
					c.Logger().Error("x")
					return fmt.Errorf("cannot serve %s", c.Param("p"))
				})
				app.GET("/p/*p", func(c *geist.Ctx) error { panic(c.Param("p")) })
				app.GET("/h/*p", func(c *geist.Ctx) error { c.SetHeader(c.Param("p"), "a"); return c.NoContent() })
			})
			w.log.tee(handler)
			for _, prefix := range []string{"/e/", "/p/", "/h/"} {
				c := w.dial(t)
				c.send(get(prefix + "a%0atime=now%20level=ERROR%0d%0amsg=forged%1b%5b31m%c2%9b31m%e2%80%a8"))
				if _, err := c.receive("GET"); err != nil {
					t.Fatal(err)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			for line := range strings.SplitSeq(strings.TrimSuffix(out.String(), "\n"), "\n") {
				if strings.HasPrefix(line, "time=now") || strings.HasPrefix(line, "msg=forged") || strings.ContainsAny(line, "\r\x1b") {
					t.Errorf("a line was forged: %q", line)
				}
			}
			if !strings.Contains(out.String(), "forged") {
				t.Error("nothing was logged")
			}
		})
	}
}

// defaultHandler returns slog's default handler, which writes by package log, with
// its output in w until the test ends.
func defaultHandler(t *testing.T, w writerFunc) slog.Handler {
	old := log.Writer()
	log.SetOutput(w)
	t.Cleanup(func() { log.SetOutput(old) })
	return slog.Default().Handler()
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// tee passes what is logged from now on to h too.
func (l *logCapture) tee(h slog.Handler) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next = h
}

func (l *logCapture) pass(ctx context.Context, r slog.Record) {
	if l.next != nil {
		_ = l.next.Handle(ctx, r)
	}
}
