package recovery_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/recovery"
)

// buffer collects a log from any goroutine.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// seen is what middleware in front of recovery has seen of a request.
type seen struct {
	after  bool
	status int
	err    error
}

func newApp(config recovery.Config) (app *geist.Engine, log *buffer, last *seen) {
	log, last = &buffer{}, &seen{}
	app = geist.New(geist.Config{Logger: slog.New(slog.NewTextHandler(log, nil)), DrainIdle: -1})
	app.Use(func(c *geist.Ctx) error {
		*last = seen{}
		err := c.Next()
		*last = seen{true, c.ResponseStatus(), err}
		return err
	}, recovery.New(config))
	return app, log, last
}

// TestNew_middleware: what stands in front goes on behind a panic of middleware, and sees it
// as an error.
func TestNew_middleware(t *testing.T) {
	told := 0
	app, log, last := newApp(recovery.Config{OnPanic: func(c *geist.Ctx, p *geist.PanicError) {
		if c.Path() == "/" && p.Value == "boom" && strings.Contains(string(p.Stack), "recovery_test.go") {
			told++
		}
	}})
	app.Use(func(*geist.Ctx) error { panic("boom") })
	app.GET("/", func(*geist.Ctx) error { return nil })
	p := geisttest.New(t, app).GET("/").Do().Status(500).Problem()
	if p.Detail != "" || p.Title != "Internal Server Error" {
		t.Errorf("problem = %+v, want one that tells nothing", p)
	}
	if _, ok := errors.AsType[*geist.PanicError](last.err); !ok || last.status != 500 || told != 1 {
		t.Errorf("middleware in front saw %+v, OnPanic was told %d times, want a PanicError, 500 and once", *last, told)
	}
	if got := strings.Count(log.String(), "boom"); got != 1 {
		t.Errorf("the panic is logged %d times, want once:\n%s", got, log)
	}
}

func TestNew_endpoint(t *testing.T) {
	told := 0
	app, log, last := newApp(recovery.Config{OnPanic: func(*geist.Ctx, *geist.PanicError) { told++ }})
	app.GET("/", func(c *geist.Ctx) error {
		_ = c.Text(200, "half an answer")
		panic("boom")
	})
	if r := geisttest.New(t, app).GET("/").Do().Status(500); strings.Contains(r.Text(), "half") {
		t.Errorf("body = %q, which holds what the handler had written", r.Text())
	}
	if told != 1 || last.status != 500 || strings.Count(log.String(), "boom") != 1 {
		t.Errorf("told %d times, %+v, log:\n%s", told, *last, log)
	}
}

func TestNew_abort(t *testing.T) {
	for name, v := range map[string]error{"geist": geist.ErrAbort, "net/http": http.ErrAbortHandler, "wrapped": fmt.Errorf("x: %w", geist.ErrAbort)} {
		t.Run(name, func(t *testing.T) {
			app, log, last := newApp(recovery.Config{OnPanic: func(*geist.Ctx, *geist.PanicError) { t.Error("OnPanic was told of it") }})
			app.GET("/endpoint", func(*geist.Ctx) error { panic(v) })
			app.GET("/middleware", func(*geist.Ctx) error { panic(v) }, func(*geist.Ctx) error { return nil })
			client := geisttest.New(t, app)
			for _, path := range []string{"/endpoint", "/middleware"} {
				if r, err := client.GET(path).DoErr(); !errors.Is(err, geisttest.ErrNoAnswer) {
					t.Errorf("%s: %v, %v, want no answer", path, r, err)
				}
				if !last.after || !errors.Is(last.err, v) {
					t.Errorf("%s: middleware in front saw %+v, want the error", path, *last)
				}
			}
			if log.String() != "" {
				t.Errorf("log = %s, want none", log)
			}
		})
	}
}

func TestConfig_StackBytes(t *testing.T) {
	for _, tt := range []struct{ n, least, most int }{{0, 500, recovery.DefaultStackBytes}, {300, 100, 300}, {-1, 0, 0}} {
		var stack []byte
		app, _, _ := newApp(recovery.Config{StackBytes: tt.n, OnPanic: func(_ *geist.Ctx, p *geist.PanicError) { stack = p.Stack }})
		app.GET("/", func(*geist.Ctx) error { deep(200); return nil })
		geisttest.New(t, app).GET("/").Do().Status(500)
		if len(stack) < tt.least || len(stack) > tt.most || len(stack) > 0 && stack[len(stack)-1] != '\n' {
			t.Errorf("StackBytes %d: %d bytes, ending %q, want %d to %d in whole lines", tt.n, len(stack), stack[max(0, len(stack)-5):], tt.least, tt.most)
		}
	}
}

func deep(n int) {
	if n == 0 {
		panic("deep")
	}
	deep(n - 1)
}

// TestConfig_panics: functions of Config that panic take nothing down, and what Redact was to hide
// stays hidden.
func TestConfig_panics(t *testing.T) {
	for name, config := range map[string]recovery.Config{
		"OnPanic": {Redact: func(any) any { return "hidden" }, OnPanic: func(*geist.Ctx, *geist.PanicError) { panic("again") }},
		"Redact":  {Redact: func(any) any { panic("again") }},
	} {
		t.Run(name, func(t *testing.T) {
			app, log, last := newApp(config)
			app.GET("/endpoint", func(*geist.Ctx) error { panic("secret") })
			app.GET("/middleware", func(*geist.Ctx) error { panic("secret") }, func(*geist.Ctx) error { return nil })
			client := geisttest.New(t, app)
			for _, path := range []string{"/endpoint", "/middleware"} {
				client.GET(path).Do().Status(500)
				if !last.after || last.status != 500 {
					t.Errorf("%s: middleware in front saw %+v", path, *last)
				}
			}
			if s := log.String(); !strings.Contains(s, "again") || strings.Contains(s, "secret") {
				t.Errorf("log = %s, want the second panic and not the first one's value", s)
			}
		})
	}
}

func TestNew_twoConfigs(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("New took two")
		}
	}()
	recovery.New(recovery.Config{}, recovery.Config{})
}

func TestNew_notFound(t *testing.T) {
	app, _, _ := newApp(recovery.Config{})
	app.NotFound(func(*geist.Ctx) error { panic("boom") })
	client := geisttest.New(t, app)
	client.GET("/nowhere").Do().Status(500)
	client.HEAD("/nowhere").Do().Status(500)
}

func TestNew_websocket(t *testing.T) {
	told := make(chan any, 1)
	app, _, _ := newApp(recovery.Config{OnPanic: func(_ *geist.Ctx, p *geist.PanicError) { told <- p.Value }})
	app.WS("/ws", func(_ *geist.Ctx, ws *geist.Conn) error { _, _ = ws.Read(); panic("boom") })
	ws := geisttest.New(t, app).WS("/ws")
	ws.Send("x")
	if got := <-told; got != "boom" {
		t.Errorf("told of %v, want boom", got)
	}
	ws.Closed(1011)
}

func TestNew_stream(t *testing.T) {
	told := make(chan any, 1)
	app, _, _ := newApp(recovery.Config{OnPanic: func(_ *geist.Ctx, p *geist.PanicError) { told <- p.Value }})
	app.SSE("/sse", func(_ *geist.Ctx, s *geist.Stream) error { return s.Run(func() error { panic("boom") }) })
	app.GET("/stream", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(*geist.StreamWriter) error { panic("boom") })
	})
	client := geisttest.New(t, app)
	client.SSE("/sse")
	if got := <-told; got != "boom" {
		t.Errorf("told of %v, want boom", got)
	}
	if _, err := client.GET("/stream").DoErr(); err == nil {
		t.Error("the stream ended as if it were complete")
	}
	<-told
}
