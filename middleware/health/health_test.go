package health_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/middleware/health"
	"github.com/gogeist/geist/store"
)

var errDown = errors.New("connection refused by 10.1.2.3")

// toggle is a check that fails while it is told to.
type toggle struct {
	fails atomic.Bool
	runs  atomic.Int64
}

func (x *toggle) check(name string) health.Check {
	return health.Check{Name: name, Func: func(context.Context) error {
		x.runs.Add(1)
		if x.fails.Load() {
			return errDown
		}
		return nil
	}}
}

func newApp() *geist.Engine {
	return geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler), DrainIdle: -1})
}

func TestMount(t *testing.T) {
	var db toggle
	app := newApp()
	health.Mount(app, health.Config{Ready: []health.Check{db.check("db")}, CacheFor: -1, Prefix: "/internal"})
	client := geisttest.New(t, app)
	for _, path := range []string{"/internal/livez", "/internal/startupz", "/internal/readyz"} {
		client.GET(path).Do().Status(200).BodyIs("ok\n").HasHeader("Cache-Control", "no-store")
		client.HEAD(path).Do().Status(200).BodyIs("").HasHeader("Cache-Control", "no-store")
		client.POST(path).Do().Status(405)
	}
	db.fails.Store(true)
	client.GET("/internal/readyz").Do().Status(503).BodyIs("unavailable\n").HasHeader("Cache-Control", "no-store")
	client.HEAD("/internal/readyz").Do().Status(503)
	client.GET("/internal/livez").Do().Status(200)
	client.GET("/internal/startupz").Do().Status(200)
	db.fails.Store(false)
	client.GET("/internal/readyz").Do().Status(200)
	client.GET("/readyz").Do().Status(404)
	for _, r := range app.Routes() {
		if !r.Hidden {
			t.Errorf("route %s stands in documents", r.Pattern)
		}
	}
}

// TestReady_drain: readiness fails as soon as the engine drains.
func TestReady_drain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := geist.New(geist.Config{DrainDelay: 10 * time.Second, DrainIdle: -1})
		health.Mount(app)
		client := geisttest.New(t, app)
		client.GET("/readyz").Do().Status(200)
		done := make(chan error, 1)
		go func() { done <- app.Shutdown(context.Background()) }()
		synctest.Wait()
		client.GET("/readyz").Do().Status(503)
		client.GET("/livez").Do().Status(200)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

// TestStartup: every check must pass once, and does not run again afterwards.
func TestStartup(t *testing.T) {
	var cache, index toggle
	cache.fails.Store(true)
	app := newApp()
	health.Mount(app, health.Config{Startup: []health.Check{cache.check("cache"), index.check("index")}, CacheFor: -1})
	client := geisttest.New(t, app)
	client.GET("/startupz").Do().Status(503)
	client.GET("/readyz").Do().Status(503)
	client.GET("/livez").Do().Status(200)
	client.GET("/startupz").Do().Status(503)
	cache.fails.Store(false)
	client.GET("/readyz").Do().Status(200)
	cache.fails.Store(true)
	runs := cache.runs.Load()
	client.GET("/startupz").Do().Status(200)
	client.GET("/readyz").Do().Status(200)
	if got := cache.runs.Load(); got != runs {
		t.Errorf("the check ran %d times after the start", got-runs)
	}
}

func TestConfig_CacheFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var db toggle
		app := newApp()
		health.Mount(app, health.Config{Ready: []health.Check{db.check("db")}, CacheFor: 5 * time.Second})
		client := geisttest.New(t, app)
		for range 10 {
			client.GET("/readyz").Do().Status(200)
		}
		db.fails.Store(true)
		time.Sleep(5*time.Second - 1)
		client.GET("/readyz").Do().Status(200)
		if got := db.runs.Load(); got != 1 {
			t.Errorf("the check ran %d times for 11 probes within CacheFor, want once", got)
		}
		time.Sleep(time.Nanosecond)
		client.GET("/readyz").Do().Status(503)
	})
}

// TestCheck_hangs: a check that hangs fails after its timeout, runs once whoever asks, and is
// asked again when it has returned.
func TestCheck_hangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int64
		release := make(chan struct{})
		app := newApp()
		health.Mount(app, health.Config{CacheFor: -1, Ready: []health.Check{{Name: "db", Timeout: time.Second, Func: func(context.Context) error {
			if runs.Add(1) == 1 {
				<-release // whatever its context says
			}
			return nil
		}}}})
		client := geisttest.New(t, app)
		begin := time.Now()
		var probes sync.WaitGroup
		for range 20 {
			probes.Go(func() { client.GET("/readyz").Do().Status(503) })
		}
		probes.Wait()
		if took := time.Since(begin); took != time.Second {
			t.Errorf("probes took %s, want the timeout", took)
		}
		client.GET("/readyz").Do().Status(503)
		if took := time.Since(begin); took != time.Second {
			t.Errorf("a later probe waited %s", took-time.Second)
		}
		if got := runs.Load(); got != 1 {
			t.Errorf("%d runs at once, want one", got)
		}
		close(release)
		synctest.Wait()
		client.GET("/readyz").Do().Status(200)
	})
}

// TestCheck_concurrent: checks run at the same time, each with its deadline, and the end of the
// engine ends them.
func TestCheck_concurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sleep := func(d time.Duration) func(context.Context) error {
			return func(ctx context.Context) error {
				select {
				case <-time.After(d):
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}
		app := newApp()
		health.Mount(app, health.Config{CacheFor: -1, Timeout: 3 * time.Second, Ready: []health.Check{
			{Name: "a", Func: sleep(time.Second)}, {Name: "b", Func: sleep(time.Second)}, {Name: "c", Func: sleep(time.Second)},
		}, Live: []health.Check{{Name: "slow", Func: sleep(time.Minute), Timeout: 2 * time.Second}}})
		client := geisttest.New(t, app)
		begin := time.Now()
		client.GET("/readyz").Do().Status(200)
		if took := time.Since(begin); took != time.Second {
			t.Errorf("three checks of a second took %s", took)
		}
		client.GET("/livez").Do().Status(503)
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("the check with its own timeout took %s", took-time.Second)
		}
	})
}

// TestNew_shutdown: the engine's end ends the context of a check that still runs.
func TestNew_shutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		app := newApp()
		health.Mount(app, health.Config{Ready: []health.Check{{Name: "db", Timeout: time.Hour, Func: func(ctx context.Context) error {
			<-ctx.Done()
			ended <- ctx.Err()
			return ctx.Err()
		}}}})
		client := geisttest.New(t, app)
		ctx, leave := context.WithTimeout(context.Background(), time.Second)
		defer leave()
		_, _ = client.GET("/readyz").Context(ctx).DoErr()
		over, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = app.Shutdown(over)
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the check's context ended with %v, want it cancelled", err)
		}
	})
}

func TestCheck_panics(t *testing.T) {
	for name, f := range map[string]func(context.Context) error{
		"panic":  func(context.Context) error { panic("boom") },
		"Goexit": func(context.Context) error { runtime.Goexit(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			app := newApp()
			health.Mount(app, health.Config{CacheFor: -1, Live: []health.Check{{Name: "x", Func: f}}})
			client := geisttest.New(t, app)
			for range 2 {
				client.GET("/livez").Do().Status(503).BodyIs("unavailable\n")
			}
		})
	}
}

func TestConfig_Detail(t *testing.T) {
	var db toggle
	app := newApp()
	health.Mount(app, health.Config{
		Ready: []health.Check{db.check("db")}, CacheFor: -1,
		Detail: func(c *geist.Ctx) bool { return c.Header("Authorization") == "right" },
	})
	client := geisttest.New(t, app)
	type report struct {
		Status string
		Checks []struct {
			Name, Status, Error string
		}
	}
	var r report
	client.GET("/readyz").Header("Authorization", "right").Do().Status(200).JSON(&r)
	if r.Status != "ok" || len(r.Checks) != 1 || r.Checks[0].Name != "db" || r.Checks[0].Status != "ok" {
		t.Errorf("report = %+v", r)
	}
	db.fails.Store(true)
	client.GET("/readyz").Header("Authorization", "right").Do().Status(503).HasHeader("Cache-Control", "no-store").JSON(&r)
	if r.Status != "unavailable" || r.Checks[0].Status != "failed" || r.Checks[0].Error != errDown.Error() {
		t.Errorf("report = %+v", r)
	}
}

// TestNew_log: a failure is logged when it begins and when it ends, and no probe as a failed request.
func TestNew_log(t *testing.T) {
	var log bytes.Buffer
	var db toggle
	app := geist.New(geist.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	health.Mount(app, health.Config{Ready: []health.Check{db.check("db")}, CacheFor: -1})
	client := geisttest.New(t, app)
	for _, fails := range []bool{false, true, true, true, false, false} {
		db.fails.Store(fails)
		client.GET("/readyz").Do()
	}
	if s := log.String(); strings.Count(s, "\n") != 2 || !strings.Contains(s, "fails") || !strings.Contains(s, "passes again") {
		t.Errorf("log = %s, want one line for each change", s)
	}
}

func TestStore(t *testing.T) {
	s := store.NewMemory(store.MemoryConfig{})
	h := hub.New(hub.Config{})
	app := newApp()
	health.Mount(app, health.Config{CacheFor: -1, Ready: []health.Check{health.Store("store", s), health.Hub("hub", h)}})
	client := geisttest.New(t, app)
	client.GET("/readyz").Do().Status(200)
	if err := h.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	client.GET("/readyz").Do().Status(503)
	app = newApp()
	health.Mount(app, health.Config{CacheFor: -1, Ready: []health.Check{health.Store("store", s)}})
	client = geisttest.New(t, app)
	client.GET("/readyz").Do().Status(200)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	client.GET("/readyz").Do().Status(503)
}

func TestNew_config(t *testing.T) {
	ok := func(context.Context) error { return nil }
	for name, f := range map[string]func(){
		"no engine":   func() { health.New(nil) },
		"two configs": func() { health.New(newApp(), health.Config{}, health.Config{}) },
		"no name":     func() { health.New(newApp(), health.Config{Live: []health.Check{{Func: ok}}}) },
		"no function": func() { health.New(newApp(), health.Config{Ready: []health.Check{{Name: "a"}}}) },
		"name twice": func() {
			health.New(newApp(), health.Config{Live: []health.Check{{Name: "a", Func: ok}}, Ready: []health.Check{{Name: "a", Func: ok}}})
		},
		"negative timeout": func() { health.New(newApp(), health.Config{Timeout: -1}) },
		"check's timeout":  func() { health.New(newApp(), health.Config{Ready: []health.Check{{Name: "a", Func: ok, Timeout: -1}}}) },
		"prefix":           func() { health.New(newApp(), health.Config{Prefix: "internal"}) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if s, _ := recover().(string); !strings.HasPrefix(s, "health: ") {
					t.Errorf("panic = %q, want one of this package", s)
				}
			}()
			f()
		})
	}
}
