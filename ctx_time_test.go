package geist_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// TestCtx_NextWithin: the shortest time around a handler counts, and middleware outside has a
// context that goes on. Package middleware/timeout tries more.
func TestCtx_NextWithin(t *testing.T) {
	for _, tt := range []struct {
		name         string
		outer, inner time.Duration
		want         time.Duration
	}{
		{"inner", time.Minute, time.Second, time.Second},
		{"outer", time.Second, time.Minute, time.Second},
		{"at once", time.Minute, -1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app := quiet(geist.Config{})
				app.Use(func(c *geist.Ctx) error {
					err := c.NextWithin(tt.outer)
					if ctxErr := c.Context().Err(); ctxErr != nil || !errors.Is(err, geist.ErrTimeout) {
						t.Errorf("middleware sees %v and a context with %v, want ErrTimeout and none", err, ctxErr)
					}
					return err
				})
				app.GET("/", func(c *geist.Ctx) error { return c.NextWithin(tt.inner) }, func(c *geist.Ctx) error {
					<-c.Context().Done()
					return c.Context().Err()
				})
				start := time.Now()
				geisttest.New(t, app, geisttest.Config{Timeout: time.Hour}).GET("/").Do().Status(503)
				if took := time.Since(start); took != tt.want {
					t.Errorf("answered after %s, want %s", took, tt.want)
				}
			})
		})
	}
}

// TestTimeout_answers: what handlers of a route are answered with when its time is over.
func TestTimeout_answers(t *testing.T) {
	for name, tt := range map[string]struct {
		h    geist.Handler
		want int
	}{
		"context's error":      {func(c *geist.Ctx) error { return c.Context().Err() }, 503},
		"its cause":            {func(c *geist.Ctx) error { return context.Cause(c.Context()) }, 503},
		"its own error":        {func(*geist.Ctx) error { return geist.NewError(409, "taken").Wrap(context.DeadlineExceeded) }, 409},
		"panic with the error": {func(c *geist.Ctx) error { panic(c.Context().Err()) }, 500},
		"an answer":            {func(c *geist.Ctx) error { return c.Text(200, "late") }, 200},
	} {
		for _, middleware := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				app := quiet(geist.Config{})
				handlers := []geist.Handler{func(c *geist.Ctx) error {
					<-c.Context().Done()
					return tt.h(c)
				}}
				if middleware {
					handlers = append(handlers, func(*geist.Ctx) error { return nil })
				}
				app.GET("/", handlers...).Doc(geist.Timeout(time.Second))
				got := geisttest.New(t, app).GET("/").Do().Raw().StatusCode
				if got != tt.want {
					t.Errorf("%s, from middleware %v: %d, want %d", name, middleware, got, tt.want)
				}
			})
		}
	}
}

// TestTimeout_notYet: a deadline of somebody else's is a server error as ever.
func TestTimeout_notYet(t *testing.T) {
	app := quiet(geist.Config{})
	app.GET("/", func(*geist.Ctx) error { return context.DeadlineExceeded }).Doc(geist.Timeout(time.Hour))
	geisttest.New(t, app).GET("/").Do().Status(500)
}

// TestError_quiet: the engine does not log it, and it is still the error that it was.
func TestError_quiet(t *testing.T) {
	busy := geist.NewError(503, "busy")
	if calm := busy.Quiet(); !errors.Is(calm, busy) || calm.StatusCode() != 503 || calm.Detail() != "busy" {
		t.Errorf("Quiet() = %v", calm)
	}
	var log bytes.Buffer
	app := geist.New(geist.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	app.GET("/loud", func(*geist.Ctx) error { return busy })
	app.GET("/quiet", func(*geist.Ctx) error { return busy.Quiet() })
	client := geisttest.New(t, app)
	client.GET("/quiet").Do().Status(503)
	if got := log.String(); got != "" {
		t.Errorf("log = %s", got)
	}
	client.GET("/loud").Do().Status(503)
	if log.String() == "" {
		t.Error("what is not quiet is not logged")
	}
}
