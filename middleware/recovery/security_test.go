package recovery_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/recovery"
)

// TestRedact_secrets: what a panic holds reaches neither client nor log nor tracker, wherever
// it arises.
func TestRedact_secrets(t *testing.T) {
	var values []any
	app, log, _ := newApp(recovery.Config{
		Redact:  func(v any) any { return "a panic of type " + strings.Repeat("x", len(v.(string))) },
		OnPanic: func(_ *geist.Ctx, p *geist.PanicError) { values = append(values, p.Value) },
	})
	fail := func(*geist.Ctx) error { panic("hunter2") }
	app.GET("/endpoint", fail)
	app.GET("/middleware", fail, fail)
	app.GET("/close", func(c *geist.Ctx) error {
		c.OnClose(func() { panic("hunter2") })
		return c.Text(200, "ok")
	})
	client := geisttest.New(t, app)
	for _, path := range []string{"/endpoint", "/middleware", "/close"} {
		if r := client.GET(path).Do(); strings.Contains(r.Text(), "hunter2") {
			t.Errorf("%s: the client gets %q", path, r.Text())
		}
	}
	for _, v := range values {
		if v == "hunter2" {
			t.Error("OnPanic saw the value")
		}
	}
	if len(values) != 3 || strings.Contains(log.String(), "hunter2") {
		t.Errorf("OnPanic was told of %d panics, want 3; log:\n%s", len(values), log)
	}
}

// nilWrapError is an error whose nil pointer panics however it is asked.
type nilWrapError struct{ err error }

func (e *nilWrapError) Error() string { return e.err.Error() }
func (e *nilWrapError) Unwrap() error { return e.err }

// TestNew_panicWithNilError: a nil pointer that is no nil error is a panic like any other.
func TestNew_panicWithNilError(t *testing.T) {
	app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler)})
	var seen error
	app.Use(func(c *geist.Ctx) error {
		err := c.Next()
		seen = err
		return err
	}, recovery.New(), func(*geist.Ctx) error { panic((*nilWrapError)(nil)) })
	app.GET("/", func(c *geist.Ctx) error { return c.NoContent() })
	geisttest.New(t, app).GET("/").Do().Status(500)
	if p, ok := errors.AsType[*geist.PanicError](seen); !ok || !strings.Contains(p.Error(), "nilWrapError") {
		t.Errorf("middleware outside saw %v, want the panic", seen)
	}
}
