package geist_test

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gogeist/geist"
)

// TestMisuse_panics: the process lives, the client gets a 500 where it can, the
// next request is clean.
func TestMisuse_panics(t *testing.T) {
	boom := func(*geist.Ctx) error { panic("boom") }
	ok := func(c *geist.Ctx) error { return c.Text(200, "ok") }
	onError := func(app *geist.Engine) { app.OnError(func(*geist.Ctx, error) { panic("boom in OnError") }) }
	for _, tt := range []struct {
		name     string
		register func(app *geist.Engine)
		status   int // 0: the connection ends
	}{
		{"handler", func(app *geist.Engine) { app.GET("/x", boom) }, 500},
		{"middleware", func(app *geist.Engine) { app.Group("/x", boom).GET("", ok) }, 500},
		{"middleware after Next", func(app *geist.Engine) {
			app.Group("/x", func(c *geist.Ctx) error { _ = c.Next(); panic("boom") }).GET("", ok)
		}, 500},
		{"handler and middleware after Next", func(app *geist.Engine) {
			app.Group("/x", func(c *geist.Ctx) error { _ = c.Next(); panic("boom") }).GET("", boom)
		}, 500},
		{"error handler after an error", func(app *geist.Engine) {
			onError(app)
			app.GET("/x", func(*geist.Ctx) error { return errors.New("e") })
		}, 500},
		{"error handler after a client error", func(app *geist.Engine) { onError(app) }, 500},
		{"error handler after a panic", func(app *geist.Engine) { onError(app); app.GET("/x", boom) }, 500},
		{"before hook", func(app *geist.Engine) {
			app.BeforeRequest(func(c *geist.Ctx) error {
				if c.Path() == "/x" || c.Path() == "" {
					panic("boom")
				}
				return nil
			})
			app.GET("/x", ok)
		}, 500},
		{"after hook", func(app *geist.Engine) {
			app.AfterRequest(func(c *geist.Ctx) {
				if c.Path() == "/x" {
					panic("boom")
				}
			})
			app.GET("/x", ok)
		}, 500},
		{"after hook after a panic", func(app *geist.Engine) {
			app.AfterRequest(func(c *geist.Ctx) {
				if c.Path() == "/x" {
					panic("boom")
				}
			})
			app.GET("/x", boom)
		}, 500},
		{"OnClose", func(app *geist.Engine) {
			app.GET("/x", func(c *geist.Ctx) error { c.OnClose(func() { panic("boom") }); return c.Text(200, "ok") })
		}, 200},
		{"OnClose of nil", func(app *geist.Engine) {
			app.GET("/x", func(c *geist.Ctx) error { c.OnClose(nil); return c.Text(200, "ok") })
		}, 200},
		{"not found", func(app *geist.Engine) { app.NotFound(boom) }, 500},
		{"constraint", func(app *geist.Engine) {
			app.Constraint("boom", func(v string) bool { panic("boom") })
			app.GET("/:a<boom>/b", ok)
			app.GET("/x", ok)
		}, 200},
		{"constraint that is reached", func(app *geist.Engine) {
			app.Constraint("boom", func(v string) bool { panic("boom") })
			app.GET("/:a<boom>", ok)
		}, 500},
		{"ErrAbort", func(app *geist.Engine) { app.GET("/x", func(*geist.Ctx) error { return geist.ErrAbort }) }, 0},
		{"panic with ErrAbort", func(app *geist.Engine) { app.GET("/x", func(*geist.Ctx) error { panic(geist.ErrAbort) }) }, 0},
		{"panic with net/http's ErrAbortHandler", func(app *geist.Engine) {
			app.GET("/x", func(*geist.Ctx) error { panic(http.ErrAbortHandler) })
		}, 0},
		{"panic of nil", func(app *geist.Engine) { app.GET("/x", func(c *geist.Ctx) error { panic(c.Local("nothing")) }) }, 500},
		{"Goexit in the handler", func(app *geist.Engine) {
			app.GET("/x", func(*geist.Ctx) error { runtime.Goexit(); return nil })
		}, 0},
		{"Goexit in middleware", func(app *geist.Engine) {
			app.Group("/x", func(*geist.Ctx) error { runtime.Goexit(); return nil }).GET("", ok)
		}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWire(t, geist.Config{}, tt.register)
			for range 3 { // pooled state must not carry over
				c := w.dial(t)
				c.checkServed(t)
				c.send(get("/x"))
				if tt.status == 0 {
					c.checkClosed(t)
					continue
				}
				a := c.expect(t, "GET", tt.status)
				if tt.status == 500 {
					checkProblem(t, a)
				}
				if strings.Contains(a.body, "boom") {
					t.Errorf("the client was told: %s", a.body)
				}
				c.checkServed(t)
			}
			waitFor(t, "the failure is logged", func() bool {
				_, n := w.log.errorRecords()
				aborted := strings.Contains(tt.name, "Abort")
				return n > 0 || tt.status == 200 && !strings.HasPrefix(tt.name, "OnClose") || aborted
			})
		})
	}
}

// checkServed is checkAlive for servers with hooks that may fail every request.
func (c *client) checkServed(t *testing.T) {
	t.Helper()
	c.send(get("/alive"))
	if _, err := c.receive("GET"); err != nil {
		t.Fatalf("canary request: %v", err)
	}
}

// TestMisuse_goexitAndShutdown: a goroutine that a handler ended must not hold up
// a drain without a deadline.
func TestMisuse_goexitAndShutdown(t *testing.T) {
	w := newWire(t, geist.Config{}, func(app *geist.Engine) {
		app.GET("/exit", func(*geist.Ctx) error { runtime.Goexit(); return nil })
	})
	for range 10 {
		c := w.dial(t)
		c.send(get("/exit"))
		c.checkClosed(t)
	}
	w.checkAlive(t)
	done := make(chan error, 1)
	go func() { done <- w.app.Shutdown(context.Background()) }()
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(patience):
		t.Fatal("Shutdown is held up by handlers that ended their goroutine")
	}
}

// TestMisuse_nextTwice: a second Next runs nothing, in particular not what the
// middleware between has held back.
func TestMisuse_nextTwice(t *testing.T) {
	var reached atomic.Int64
	twice := func(c *geist.Ctx) error {
		err := c.Next()
		if again := c.Next(); again != nil {
			t.Errorf("second Next: got error %v, want nil", again)
		}
		_ = c.Next()
		return err
	}
	w := newWire(t, geist.Config{}, func(app *geist.Engine) {
		app.Use(twice)
		guarded := app.Group("/guarded", func(c *geist.Ctx) error {
			switch c.Query("deny") {
			case "error":
				return geist.NewError(403, "no")
			case "answer":
				return c.Text(403, "no")
			case "panic":
				panic("no")
			}
			return c.Next()
		})
		guarded.GET("", func(c *geist.Ctx) error {
			reached.Add(1)
			_ = c.Next()
			return c.Text(200, "secret")
		}, func(c *geist.Ctx) error { return c.Text(200, "secret") })
		guarded.GET("/last", func(c *geist.Ctx) error {
			reached.Add(1)
			if err := c.Next(); err != nil {
				t.Errorf("Next in an endpoint: got %v, want nil", err)
			}
			return c.Text(200, "secret")
		})
	})
	for _, path := range []string{"/guarded", "/guarded/last"} {
		for deny, status := range map[string]int{"error": 403, "answer": 403, "panic": 500, "no": 200} {
			reached.Store(0)
			c := w.dial(t)
			c.send(get(path + "?deny=" + deny))
			a := c.expect(t, "GET", status)
			want := int64(0)
			if status == 200 {
				want = 1
			}
			if n := reached.Load(); n != want || status != 200 && strings.Contains(a.body, "secret") {
				t.Errorf("%s, denied by %s: the guarded handler ran %d times, want %d; body %q", path, deny, n, want, a.body)
			}
		}
	}
}

// TestMisuse_blockedHandler: Shutdown gives up on a handler at its deadline, and
// tells it by its context.
func TestMisuse_blockedHandler(t *testing.T) {
	entered, cause := make(chan struct{}), make(chan error, 1)
	release := make(chan struct{})
	defer close(release)
	app := geist.New(geist.Config{DrainIdle: -1})
	app.GET("/block", func(c *geist.Ctx) error {
		ctx := c.Context()
		close(entered)
		<-ctx.Done()
		cause <- context.Cause(ctx)
		<-release // deaf to everything
		return nil
	})
	w := &wire{app: app, addr: serve(t, app)}
	c := w.dial(t)
	c.send(get("/block"))
	<-entered
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	err := app.Shutdown(ctx)
	if took := time.Since(start); took > patience {
		t.Errorf("Shutdown took %s beside a blocked handler", took)
	}
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "1 connection") {
		t.Errorf("Shutdown beside a blocked handler: got %v, want what was cut", err)
	}
	if got := <-cause; !errors.Is(got, geist.ErrServerClosed) {
		t.Errorf("cause in the handler: got %v, want ErrServerClosed", got)
	}
	c.checkClosed(t)
}

// TestMisuse_ctxAfterRelease uses a Ctx in a goroutine that outlives its request.
func TestMisuse_ctxAfterRelease(t *testing.T) {
	if !geist.DebugCtx {
		t.Skip("found under -race or -tags geistdebug only")
	}
	kept := make(chan *geist.Ctx, 1)
	w := newWire(t, geist.Config{}, func(app *geist.Engine) {
		app.POST("/users/:id", func(c *geist.Ctx) error { kept <- c; return c.NoContent() })
	})
	c := w.dial(t)
	c.send("POST /users/7 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
	c.expect(t, "POST", 204)
	c.checkAlive(t) // the Ctx is released before the next request is read
	defer func() {
		if text, _ := recover().(string); !strings.Contains(text, "POST /users/:id") {
			t.Errorf("Ctx used after its request: got panic %q, want one that names the route", text)
		}
	}()
	(<-kept).Param("id")
}
