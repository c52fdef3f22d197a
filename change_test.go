package geist_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
)

// ask runs one request through a handler and returns the status and two headers of
// the answer: the versions that the middleware of engine and child have set.
func askVersion(h fasthttp.RequestHandler, path string) (status, version, childVersion int) {
	var req fasthttp.Request
	req.SetRequestURI(path)
	req.Header.SetHost("h")
	var rc fasthttp.RequestCtx
	rc.Init(&req, nil, nil)
	h(&rc)
	version, _ = strconv.Atoi(string(rc.Response.Header.Peek("X-Version")))
	childVersion, _ = strconv.Atoi(string(rc.Response.Header.Peek("X-Child")))
	return rc.Response.StatusCode(), version, childVersion
}

func answerOK(c *geist.Ctx) error { return c.Text(200, "ok") }

// versioned returns middleware that answers carry the mark of.
func versioned(header string, v int) geist.Handler {
	return func(c *geist.Ctx) error {
		c.SetHeader(header, strconv.Itoa(v))
		return c.Next()
	}
}

// Clients ask for routes of changes that are being made, on an engine and one that
// is mounted in it. A change is half visible if a route of it answers without its
// middleware, or is missing after another was seen.
func TestChange_isSeenWholeOrNot(t *testing.T) {
	const perChange = 20
	const changes = 25
	app, child := quiet(geist.Config{}), quiet(geist.Config{})
	app.Mount("/child", child)
	h := app.Handler()
	var current [2]atomic.Int64
	var asked, hits atomic.Int64
	var clients, changers sync.WaitGroup
	stop := make(chan struct{})
	for client := range 4 {
		which, prefix := client%2, [2]string{"", "/child"}[client%2]
		clients.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				k := int(current[which].Load()) + 1 // the change to come, or being made
				seen := false
				for j := range perChange {
					status, version, childVersion := askVersion(h, fmt.Sprintf("%s/c%d/%d/x", prefix, k, (i*7+j*11)%perChange))
					asked.Add(1)
					if which == 1 {
						version = childVersion
					}
					switch {
					case status == 200 && version < k:
						t.Errorf("a route of change %d answered under version %d", k, version)
					case status == 200:
						seen = true
						hits.Add(1)
					case seen:
						t.Errorf("a route of change %d is missing after another was seen", k)
					}
				}
			}
		})
	}
	for which, e := range []*geist.Engine{app, child} {
		changers.Go(func() {
			for k := 1; k <= changes; k++ {
				e.Change(func() {
					g := e.Group(fmt.Sprintf("/c%d", k))
					for j := range perChange {
						g.GET(fmt.Sprintf("/%d/:v", j), answerOK)
					}
					e.Use(versioned([2]string{"X-Version", "X-Child"}[which], k))
				})
				before := asked.Load()
				for asked.Load() < before+2*perChange { // let them see it
					time.Sleep(10 * time.Microsecond)
				}
				current[which].Store(int64(k))
			}
		})
	}
	changers.Wait()
	close(stop)
	clients.Wait()
	t.Logf("%d changes, %d requests, %d to routes of a change while it was made", 2*changes, asked.Load(), hits.Load())
	if hits.Load() == 0 {
		t.Error("coverage: no request met a change")
	}
}

// changeError runs a Change that must fail and returns its error.
func changeError(t *testing.T, e *geist.Engine, register func()) (err error) {
	t.Helper()
	defer func() {
		t.Helper()
		v := recover()
		e, ok := v.(error)
		if !ok {
			t.Fatalf("Change panicked with %v, want an error", v)
		}
		err = e
	}()
	e.Change(register)
	t.Fatal("Change did not panic")
	return nil
}

func TestChange_rollsBack(t *testing.T) {
	app := quiet(geist.Config{})
	named := app.GET("/a/:x", answerOK).Name("a")
	app.GET("/b", answerOK).Name("b")
	h := app.Handler()
	boom := errors.New("boom")
	for _, tt := range []struct {
		name     string
		register func()
		want     string
	}{
		{"conflict", func() { app.GET("/new", answerOK); app.GET("/a/:y", answerOK) }, "conflicts"},
		{"name", func() { app.GET("/new", answerOK); named.Name("b") }, "named"},
		{"constraint", func() { app.Constraint("c", nil); app.GET("/new", answerOK) }, "nil function"},
		{"middleware", func() { app.Use(versioned("X-Version", 1)); app.GET("no-slash", answerOK) }, "begins with /"},
		{"mount", func() { app.GET("/new", answerOK); app.Mount("/self", app) }, "below itself"},
		{"panic", func() { app.GET("/new", answerOK); app.Use(versioned("X-Version", 1)); panic(boom) }, "boom"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			routes := len(app.Routes())
			err := changeError(t, app, tt.register)
			var check *geist.CheckError
			if !strings.Contains(err.Error(), tt.want) || !errors.As(err, &check) && !errors.Is(err, boom) {
				t.Errorf("Change panicked with %v, want %q", err, tt.want)
			}
			if status, version, _ := askVersion(h, "/new"); status != 404 || version != 0 {
				t.Errorf("GET /new = %d under version %d, want 404, 0", status, version)
			}
			if status, version, _ := askVersion(h, "/a/1"); status != 200 || version != 0 {
				t.Errorf("GET /a/1 = %d under version %d, want 200, 0", status, version)
			}
			if url, err := app.URL("a", "1"); url != "/a/1" || err != nil {
				t.Errorf("URL(a) = %q, %v, want /a/1", url, err)
			}
			app.Change(func() {}) // the engine is whole
			if n := len(app.Routes()); n != routes {
				t.Errorf("routes = %d, want %d", n, routes)
			}
		})
	}
}

func TestChange_reachesMounts(t *testing.T) {
	app, late, deep := quiet(geist.Config{}), quiet(geist.Config{}), quiet(geist.Config{})
	late.Mount("/deep", deep)
	h := app.Handler()
	app.Change(func() { app.Mount("/late", late) })
	late.Change(func() { late.GET("/x", answerOK) })
	deep.Change(func() { deep.GET("/y", answerOK) })
	for _, path := range []string{"/late/x", "/late/deep/y"} {
		if status, _, _ := askVersion(h, path); status != 200 {
			t.Errorf("GET %s = %d, want 200: engines mounted by a Change serve too", path, status)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("an engine mounted by a Change may be registered on outside of Change")
		}
	}()
	late.GET("/z", answerOK)
}

// An engine that serves by itself too answers as it does where it is mounted.
func TestChange_mountedEngineServesItself(t *testing.T) {
	app, child := quiet(geist.Config{}), quiet(geist.Config{})
	app.Mount("/child", child)
	child.GET("/x", answerOK)
	parent, own := app.Handler(), child.Handler()
	child.Change(func() { child.GET("/y", answerOK) })
	for _, path := range []string{"/x", "/y"} {
		if status, _, _ := askVersion(own, path); status != 200 {
			t.Errorf("GET %s = %d, want 200", path, status)
		}
		if status, _, _ := askVersion(parent, "/child"+path); status != 200 {
			t.Errorf("GET /child%s = %d, want 200", path, status)
		}
	}
}

// If one of several parents cannot take a change, no engine has it.
func TestChange_oneParentRefuses(t *testing.T) {
	first, second, child := quiet(geist.Config{}), quiet(geist.Config{}), quiet(geist.Config{})
	first.Mount("/a", child)
	second.Mount("/b/:id", child)
	h := first.Handler()
	_ = second.Handler()
	err := changeError(t, child, func() { child.GET("/x/:id", answerOK) })
	if !strings.Contains(err.Error(), "id") {
		t.Errorf("Change panicked with %v, want the duplicate parameter", err)
	}
	if status, _, _ := askVersion(h, "/a/x/1"); status != 404 {
		t.Errorf("GET /a/x/1 = %d, want 404: the change was refused", status)
	}
	child.Change(func() { child.GET("/x/:other", answerOK) })
	if status, _, _ := askVersion(h, "/a/x/1"); status != 200 {
		t.Errorf("GET /a/x/1 = %d, want 200", status)
	}
}

// Ten thousand routes in one Change while requests are served.
func TestChange_tenThousandRoutes(t *testing.T) {
	n := 10_000
	if raceBuild {
		n = 2_000
	}
	app := quiet(geist.Config{})
	app.GET("/alive", answerOK)
	h := app.Handler()
	stop := make(chan struct{})
	var client sync.WaitGroup
	served := 0
	client.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if status, _, _ := askVersion(h, "/alive"); status != 200 {
				t.Errorf("GET /alive = %d during Change, want 200", status)
				return
			}
			served++
		}
	})
	start := time.Now()
	app.Change(func() {
		for i := range n {
			app.GET(fmt.Sprintf("/r%d/:a/items/:b", i), answerOK)
		}
	})
	took := time.Since(start)
	close(stop)
	client.Wait()
	for i := range n {
		if status, _, _ := askVersion(h, fmt.Sprintf("/r%d/x/items/y", i)); status != 200 {
			t.Fatalf("route %d = %d, want 200", i, status)
		}
	}
	t.Logf("%d routes in %v, %d requests meanwhile", n, took, served)
}
