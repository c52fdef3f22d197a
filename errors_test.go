package geist_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/store"
)

// seen is what middleware saw after c.Next.
type seen struct {
	status int
	err    error
}

// watched returns an engine whose middleware notes what it sees, and whose log is read by logged.
func watched(config geist.Config) (app *geist.Engine, last *seen, logged *bytes.Buffer) {
	logged = new(bytes.Buffer)
	config.Logger = slog.New(slog.NewTextHandler(logged, nil))
	app, last = geist.New(config), new(seen)
	app.Use(func(c *geist.Ctx) error {
		c.SetHeader("X-Before", "kept")
		err := c.Next()
		*last = seen{c.ResponseStatus(), err}
		c.SetHeader("X-After", fmt.Sprint(c.ResponseStatus()))
		return err
	})
	return app, last, logged
}

var (
	errPlain = errors.New("secret database text")
	errTaken = geist.NewError(409, "taken")
)

func TestErrors_answerAndWhatMiddlewareSees(t *testing.T) {
	for _, test := range []struct {
		name    string
		handler geist.Handler
		status  int
		body    string
		is      error
		logged  bool
	}{
		{"Error", func(*geist.Ctx) error { return errTaken }, 409, `{"title":"Conflict","status":409,"detail":"taken"}`, errTaken, false},
		{"wrapped Error", func(*geist.Ctx) error { return fmt.Errorf("save: %w", errTaken) }, 409, `{"title":"Conflict","status":409,"detail":"taken"}`, errTaken, false},
		{"joined Error", func(*geist.Ctx) error { return errors.Join(errPlain, errTaken) }, 409, `{"title":"Conflict","status":409,"detail":"taken"}`, errPlain, false},
		{"plain error", func(*geist.Ctx) error { return errPlain }, 500, `{"title":"Internal Server Error","status":500}`, errPlain, true},
		{"server Error", func(*geist.Ctx) error { return geist.NewError(503, "try later") }, 503, `{"title":"Service Unavailable","status":503,"detail":"try later"}`, nil, true},
		{"no detail", func(*geist.Ctx) error { return geist.NewError(400, "") }, 400, `{"title":"Bad Request","status":400}`, nil, false},
		{"status out of range", func(*geist.Ctx) error { return geist.NewError(200, "odd") }, 500, `{"title":"Internal Server Error","status":500,"detail":"odd"}`, nil, true},
		{"status without a phrase", func(*geist.Ctx) error { return geist.NewError(499, "") }, 499, "", nil, false},
		{"member", func(*geist.Ctx) error { return errTaken.With("name", "<a&b>\"\\\x01é").With("n", 1) }, 409,
			`{"title":"Conflict","status":409,"detail":"taken","name":"\u003ca\u0026b\u003e\"\\\u0001é","n":1}`, errTaken, false},
		{"member overwritten", func(*geist.Ctx) error { return errTaken.With("a", 1).With("a", 2) }, 409, `{"title":"Conflict","status":409,"detail":"taken","a":2}`, errTaken, false},
		{"standard members", func(*geist.Ctx) error {
			return errTaken.With("type", "https://e.example/p").With("title", "T").With("detail", "D").With("instance", "/i").With("status", 200)
		}, 409, `{"title":"T","status":409,"detail":"D","type":"https://e.example/p","instance":"/i"}`, errTaken, false},
		{"member that cannot be encoded", func(*geist.Ctx) error { return errTaken.With("f", func() {}).With("g", 1) }, 409, `{"title":"Conflict","status":409,"detail":"taken","f":null,"g":1}`, errTaken, false},
		{"wrapped cause stays inside", func(*geist.Ctx) error { return errTaken.Wrap(errPlain) }, 409, `{"title":"Conflict","status":409,"detail":"taken"}`, errPlain, false},
		{"detail with controls", func(*geist.Ctx) error { return geist.NewError(400, "a\r\n\x00\u2028\xff") }, 400, `{"title":"Bad Request","status":400,"detail":"a\u000d\u000a\u0000` + "\u2028\uFFFD" + `"}`, nil, false},
		{"panic with a value", func(*geist.Ctx) error { panic("secret") }, 500, `{"title":"Internal Server Error","status":500}`, nil, true},
		{"panic with an error", func(*geist.Ctx) error { panic(errPlain) }, 500, `{"title":"Internal Server Error","status":500}`, errPlain, true},
		{"panic with an Error", func(*geist.Ctx) error { panic(errTaken) }, 500, "", errTaken, true},
		{"body of the failed handler", func(c *geist.Ctx) error {
			c.SetHeader("X-Handler", "kept")
			c.SetHeader("Content-Encoding", "gzip")
			_ = c.Text(201, "half an answer")
			return errTaken
		}, 409, `{"title":"Conflict","status":409,"detail":"taken"}`, errTaken, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			app, last, logged := watched(geist.Config{})
			app.GET("/", test.handler)
			resp := geisttest.New(t, app).GET("/").Do().Status(test.status)
			resp.HasHeader("Content-Type", "application/problem+json").HasHeader("X-Before", "kept").
				HasHeader("X-After", fmt.Sprint(test.status)).NoHeader("Content-Encoding")
			if test.body != "" {
				resp.BodyIs(test.body)
			}
			if strings.Contains(resp.Text(), "secret") {
				t.Errorf("the client was told a secret: %s", resp.Text())
			}
			if last.status != test.status || last.err == nil || test.is != nil && !errors.Is(last.err, test.is) {
				t.Errorf("middleware saw %d, %v, want %d and %v", last.status, last.err, test.status, test.is)
			}
			if got := strings.Contains(logged.String(), "level=ERROR"); got != test.logged {
				t.Errorf("logged as an error: %t, want %t\n%s", got, test.logged, logged)
			}
			if n := strings.Count(logged.String(), "level="); n > 1 {
				t.Errorf("%d lines logged, want at most one:\n%s", n, logged)
			}
		})
	}
}

func TestErrors_panicErrorHasStackAndValue(t *testing.T) {
	app, last, logged := watched(geist.Config{})
	app.GET("/users/:id", func(*geist.Ctx) error { panic(errPlain) })
	geisttest.New(t, app).GET("/users/7").Do().Status(500)
	p, ok := errors.AsType[*geist.PanicError](last.err)
	if !ok || p.Value != errPlain || !bytes.Contains(p.Stack, []byte("errors_test.go")) || !errors.Is(p, errPlain) {
		t.Errorf("middleware saw %#v, want a PanicError with value and stack", last.err)
	}
	for _, want := range []string{"errors_test.go", "route=/users/:id", "status=500", "method=GET"} {
		if !strings.Contains(logged.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, logged)
		}
	}
}

func TestErrors_middlewarePanics(t *testing.T) {
	for _, test := range []struct {
		name string
		mw   geist.Handler
	}{
		{"before Next", func(*geist.Ctx) error { panic("boom") }},
		{"after Next", func(c *geist.Ctx) error { _ = c.Next(); panic("boom") }},
		{"after a failed Next", func(c *geist.Ctx) error {
			if err := c.Next(); c.Query("fail") == "" || err != nil {
				panic("boom")
			}
			return nil
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			app, _, logged := watched(geist.Config{})
			app.Use(test.mw)
			app.GET("/", func(c *geist.Ctx) error {
				if c.Query("fail") != "" {
					return errTaken
				}
				return c.Text(200, "fine")
			})
			c := geisttest.New(t, app)
			for _, path := range []string{"/", "/?fail=1"} {
				c.GET(path).Do().Status(500).HasHeader("Content-Type", "application/problem+json").BodyIs(`{"title":"Internal Server Error","status":500}`)
			}
			if !strings.Contains(logged.String(), "boom") {
				t.Errorf("the panic was not logged:\n%s", logged)
			}
		})
	}
}

func TestErrors_middlewareOverwrites(t *testing.T) {
	for _, test := range []struct {
		name   string
		mw     func(c *geist.Ctx, err error) error
		status int
		body   string
	}{
		{"answer", func(c *geist.Ctx, err error) error { return c.Text(200, "hidden") }, 200, "hidden"},
		{"answer, and passes the error on", func(c *geist.Ctx, err error) error { _ = c.Text(418, "tea"); return err }, 418, "tea"},
		{"another error", func(c *geist.Ctx, err error) error { return geist.NewError(451, "law") }, 451, `{"title":"Unavailable For Legal Reasons","status":451,"detail":"law"}`},
		{"the same error wrapped keeps the answer", func(c *geist.Ctx, err error) error { return fmt.Errorf("more: %w", err) }, 409, `{"title":"Conflict","status":409,"detail":"taken"}`},
		{"no error keeps the answer", func(*geist.Ctx, error) error { return nil }, 409, `{"title":"Conflict","status":409,"detail":"taken"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			app, last, _ := watched(geist.Config{})
			app.Use(func(c *geist.Ctx) error { return test.mw(c, c.Next()) })
			app.GET("/", func(*geist.Ctx) error { return errTaken })
			geisttest.New(t, app).GET("/").Do().Status(test.status).BodyIs(test.body)
			if last.status != test.status {
				t.Errorf("the outer middleware saw %d, want %d", last.status, test.status)
			}
		})
	}
}

func TestErrors_middlewareFailsWithoutNext(t *testing.T) {
	app, last, _ := watched(geist.Config{})
	ran := false
	app.Group("/a", func(*geist.Ctx) error { return geist.NewError(401, "who?") }).GET("", func(*geist.Ctx) error { ran = true; return nil })
	geisttest.New(t, app).GET("/a").Do().Status(401)
	if ran || last.status != 401 {
		t.Errorf("endpoint ran: %t; outer middleware saw %d, want 401", ran, last.status)
	}
}

func TestErrors_onErrorRunsOnceBeforeMiddlewareGoesOn(t *testing.T) {
	app, last, _ := watched(geist.Config{})
	var got []error
	app.OnError(func(c *geist.Ctx, err error) {
		got = append(got, err)
		_ = c.JSON(geist.StatusCode(err), geist.Map{"mine": err.Error()})
	})
	app.GET("/", func(*geist.Ctx) error { return errTaken })
	app.GET("/panic", func(*geist.Ctx) error { panic("x") })
	c := geisttest.New(t, app)
	c.GET("/").Do().Status(409).HasHeader("Content-Type", "application/json").BodyIs(`{"mine":"409 Conflict: taken"}`)
	if len(got) != 1 || last.status != 409 {
		t.Errorf("OnError got %v, middleware %d", got, last.status)
	}
	c.GET("/panic").Do().Status(500).BodyIs(`{"mine":"geist: handler panicked: x"}`)
	c.GET("/none").Do().Status(404).BodyContains("mine")
	c.POST("/").Do().Status(405).HasHeader("Allow", "GET, HEAD, OPTIONS").BodyContains("mine")
	if len(got) != 4 || !errors.Is(got[2], geist.ErrNotFound) || !errors.Is(got[3], geist.ErrMethodNotAllowed) {
		t.Errorf("OnError got %v", got)
	}
}

func TestErrors_onErrorThatPanics(t *testing.T) {
	app, _, logged := watched(geist.Config{})
	app.OnError(func(*geist.Ctx, error) { panic("handler of errors") })
	app.GET("/err", func(*geist.Ctx) error { return errTaken })
	app.GET("/panic", func(*geist.Ctx) error { panic("x") })
	app.GET("/ok", func(c *geist.Ctx) error { return c.Text(200, "ok") })
	c := geisttest.New(t, app)
	for _, path := range []string{"/err", "/panic", "/none"} {
		c.GET(path).Do().Status(500).HasHeader("Content-Type", "application/problem+json").BodyIs(`{"title":"Internal Server Error","status":500}`)
	}
	c.GET("/ok").Do().Status(200)
	if !strings.Contains(logged.String(), "handler of errors") {
		t.Errorf("the panic of the error handler was not logged:\n%s", logged)
	}
}

func TestErrors_abort(t *testing.T) {
	for name, handler := range map[string]geist.Handler{
		"returned": func(*geist.Ctx) error { return geist.ErrAbort },
		"wrapped":  func(*geist.Ctx) error { return fmt.Errorf("no: %w", geist.ErrAbort) },
		"as cause": func(*geist.Ctx) error { return errTaken.Wrap(geist.ErrAbort) },
		"panic":    func(*geist.Ctx) error { panic(geist.ErrAbort) },
		"net/http": func(*geist.Ctx) error { panic(http.ErrAbortHandler) },
		"after an answer": func(c *geist.Ctx) error {
			_ = c.Text(200, "never sent")
			return geist.ErrAbort
		},
	} {
		t.Run(name, func(t *testing.T) {
			app, last, logged := watched(geist.Config{})
			app.OnError(func(*geist.Ctx, error) { t.Error("OnError was called for ErrAbort") })
			closed := false
			app.GET("/", func(c *geist.Ctx) error {
				c.OnClose(func() { closed = true })
				return handler(c)
			})
			if resp, err := geisttest.New(t, app).GET("/").DoErr(); !errors.Is(err, geisttest.ErrNoAnswer) {
				t.Errorf("DoErr = %v, %v, want ErrNoAnswer", resp, err)
			}
			if last.err == nil || !closed || logged.Len() > 0 {
				t.Errorf("middleware saw %v, closers ran: %t, log %q", last.err, closed, logged)
			}
		})
	}
	t.Run("from middleware", func(t *testing.T) {
		app, _, logged := watched(geist.Config{})
		app.Use(func(c *geist.Ctx) error { _ = c.Next(); panic(geist.ErrAbort) })
		app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "ok") })
		if _, err := geisttest.New(t, app).GET("/").DoErr(); !errors.Is(err, geisttest.ErrNoAnswer) || logged.Len() > 0 {
			t.Errorf("DoErr = %v, log %q", err, logged)
		}
	})
}

func TestErrors_closersAndHooksAfterAPanic(t *testing.T) {
	var order []string
	app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler)})
	app.AfterRequest(func(c *geist.Ctx) { order = append(order, fmt.Sprint("after ", c.ResponseStatus())) })
	app.GET("/", func(c *geist.Ctx) error {
		c.OnClose(func() { order = append(order, "first") })
		c.OnClose(func() { order = append(order, "second"); panic("closer") })
		panic("x")
	})
	geisttest.New(t, app).GET("/").Do().Status(500)
	if got := strings.Join(order, ","); got != "after 500,second,first" {
		t.Errorf("order = %s", got)
	}
}

func TestErrors_beforeRequest(t *testing.T) {
	app, _, _ := watched(geist.Config{})
	app.BeforeRequest(func(c *geist.Ctx) error {
		switch c.Query("do") {
		case "fail":
			return errTaken
		case "panic":
			panic("x")
		}
		return nil
	})
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "ok") })
	c := geisttest.New(t, app)
	c.GET("/").Do().Status(200)
	c.GET("/?do=fail").Do().Status(409)
	c.GET("/?do=panic").Do().Status(500)
}

func TestErrors_failedJSONSendsNothing(t *testing.T) {
	for name, codec := range map[string]geist.Codec{"go-json": geist.GoJSON(), "encoding/json": geist.StdJSON()} {
		t.Run(name, func(t *testing.T) {
			app, last, _ := watched(geist.Config{JSON: codec})
			app.GET("/", func(c *geist.Ctx) error { return c.JSON(201, geist.Map{"a": 1, "f": func() {}}) })
			geisttest.New(t, app).GET("/").Do().Status(500).BodyIs(`{"title":"Internal Server Error","status":500}`)
			if last.err == nil || !strings.Contains(last.err.Error(), "geist.Map") {
				t.Errorf("middleware saw %v, want an error that names the type", last.err)
			}
		})
	}
}

func TestErrors_clientGoneIs499(t *testing.T) {
	app, last, logged := watched(geist.Config{})
	ctx, leave := context.WithCancel(t.Context())
	over, done := make(chan struct{}), make(chan struct{})
	app.AfterRequest(func(*geist.Ctx) { close(done) })
	app.GET("/", func(c *geist.Ctx) error {
		leave()
		select {
		case <-c.Context().Done():
		case <-over: // the client's leave was not noticed
			t.Error("c.Context() did not end")
		}
		return c.Context().Err()
	})
	c := geisttest.New(t, app)
	_, err := c.GET("/").Context(ctx).DoErr()
	if !errors.Is(err, context.Canceled) {
		t.Errorf("DoErr = %v", err)
	}
	waitOr(done, over)
	<-done
	if last.status != geist.StatusClientClosedRequest || strings.Contains(logged.String(), "ERROR") {
		t.Errorf("middleware saw %d, want 499; log %q", last.status, logged)
	}
}

func TestError_copiesAndIdentity(t *testing.T) {
	a := geist.NewError(409, "a")
	b := a.With("k", 1).Wrap(io.EOF).With("l", 2)
	other := geist.NewError(409, "a")
	for _, test := range []struct {
		name   string
		err    error
		target error
		want   bool
	}{
		{"itself", a, a, true},
		{"copy is the original", b, a, true},
		{"copy of a copy", b.With("m", 3), b, true},
		{"wrapped copy", fmt.Errorf("x: %w", b), a, true},
		{"cause", b, io.EOF, true},
		{"equal, but another", other, a, false},
		{"the original is no cause", a, io.EOF, false},
		{"nil", a, nil, false},
	} {
		if got := errors.Is(test.err, test.target); got != test.want {
			t.Errorf("%s: errors.Is = %t, want %t", test.name, got, test.want)
		}
	}
	if e, ok := errors.AsType[*geist.Error](fmt.Errorf("x: %w", b)); !ok || e != b || e.StatusCode() != 409 || e.Detail() != "a" {
		t.Errorf("AsType = %v, %t", e, ok)
	}
	if a.Error() != "409 Conflict: a" || errors.Unwrap(a) != nil || b.Error() != "409 Conflict: a: EOF" {
		t.Errorf("texts: %q, %q", a, b)
	}
	// Copies do not share members.
	x, y := a.With("k", 1), a.With("k", 2)
	x1, x2 := x.With("z", "x1"), x.With("z", "x2")
	app := geist.New()
	for path, err := range map[string]error{"/x": x, "/y": y, "/x1": x1, "/x2": x2, "/a": a} {
		app.GET(path, func(*geist.Ctx) error { return err })
	}
	c := geisttest.New(t, app)
	c.GET("/x").Do().BodyIs(`{"title":"Conflict","status":409,"detail":"a","k":1}`)
	c.GET("/y").Do().BodyIs(`{"title":"Conflict","status":409,"detail":"a","k":2}`)
	c.GET("/x1").Do().BodyIs(`{"title":"Conflict","status":409,"detail":"a","k":1,"z":"x1"}`)
	c.GET("/x2").Do().BodyIs(`{"title":"Conflict","status":409,"detail":"a","k":1,"z":"x2"}`)
	c.GET("/a").Do().BodyIs(`{"title":"Conflict","status":409,"detail":"a"}`)
}

func TestStatusCode_table(t *testing.T) {
	for _, test := range []struct {
		err  error
		want int
	}{
		{nil, 200}, {errPlain, 500}, {errTaken, 409}, {fmt.Errorf("x: %w", errTaken), 409}, {geist.ErrNotFound, 404},
		{geist.ErrMethodNotAllowed, 405}, {geist.ErrClientGone, 499}, {errors.Join(errPlain, errTaken), 409},
		{&geist.PanicError{Value: "x"}, 500}, {&geist.PanicError{Value: errTaken}, 500}, {geist.ErrAbort, 500},
	} {
		if got := geist.StatusCode(test.err); got != test.want {
			t.Errorf("StatusCode(%v) = %d, want %d", test.err, got, test.want)
		}
	}
}

// uncomparable is an error whose values cannot be compared with ==.
type uncomparable struct{ parts []string }

func (u uncomparable) Error() string { return strings.Join(u.parts, ",") }

func TestErrors_ofTypesThatCannotBeCompared(t *testing.T) {
	app, _, logged := watched(geist.Config{})
	calls := 0
	app.OnError(func(c *geist.Ctx, err error) { calls++; _ = c.Text(422, err.Error()) })
	app.Use(func(c *geist.Ctx) error { return c.Next() })
	app.GET("/", func(*geist.Ctx) error { return uncomparable{[]string{"a"}} })
	geisttest.New(t, app).GET("/").Do().Status(422).BodyIs("a")
	if calls != 1 {
		t.Errorf("OnError ran %d times, want 1; log %s", calls, logged)
	}
}

func TestErrors_stateDoesNotReachTheNextRequest(t *testing.T) {
	app, _, _ := watched(geist.Config{})
	app.GET("/err", func(*geist.Ctx) error { return errTaken })
	app.GET("/ok", func(c *geist.Ctx) error { return c.Text(200, "ok") })
	c := geisttest.New(t, app)
	for range 3 {
		c.GET("/err").Do().Status(409)
		c.GET("/ok").Do().Status(200).BodyIs("ok").HasHeader("Content-Type", "text/plain; charset=utf-8")
		c.GET("/none").Do().Status(404)
	}
}

// TestStatusCode_store holds that a store that cannot is not the program's fault, and that
// a missing entry says nothing about the request.
func TestStatusCode_store(t *testing.T) {
	for err, want := range map[error]int{
		fmt.Errorf("session: %w", store.ErrFull): 503, store.ErrClosed: 503, store.ErrNotFound: 500, store.ErrConflict: 500,
	} {
		if got := geist.StatusCode(err); got != want {
			t.Errorf("StatusCode(%v) = %d, want %d", err, got, want)
		}
	}
}
