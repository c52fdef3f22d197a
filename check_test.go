package geist_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist"
)

// TestCheck_config: each bad field of Config yields one sentence that names it and
// says what to change, and nothing serves.
func TestCheck_config(t *testing.T) {
	cases := []struct {
		field string
		cfg   geist.Config
		says  string
	}{
		{"TrailingSlash", geist.Config{TrailingSlash: 7}, "SlashStrict"},
		{"ServerHeader", geist.Config{ServerHeader: "a\r\nX-Evil: 1"}, "remove"},
		{"ServerHeader", geist.Config{ServerHeader: "a\x00"}, "remove"},
		{"MaxHeaderBytes", geist.Config{MaxHeaderBytes: -1}, "positive"},
		{"MaxURIBytes", geist.Config{MaxURIBytes: -1}, "positive"},
		{"MaxURIBytes", geist.Config{MaxURIBytes: 1 << 16}, "the most is 65535"},
		{"MaxBodyBytes", geist.Config{MaxBodyBytes: -1}, "positive"},
		{"MaxFields", geist.Config{MaxFields: -1}, "positive"},
		{"MaxConns", geist.Config{MaxConns: -1}, "positive"},
		{"MaxConnsPerIP", geist.Config{MaxConnsPerIP: -1}, "positive"},
		{"MaxRequestsPerConn", geist.Config{MaxRequestsPerConn: -1}, "positive"},
		{"MaxRetainedBytes", geist.Config{MaxRetainedBytes: -1}, "positive"},
		{"DrainDelay", geist.Config{DrainDelay: -1}, "positive"},
		{"ShutdownTimeout", geist.Config{ShutdownTimeout: -1}, "positive"},
		{"TrustedProxies", geist.Config{TrustedProxies: []string{"10.0.0.0/33"}}, "use a CIDR"},
		{"TrustedProxies", geist.Config{TrustedProxies: []string{""}}, "use a CIDR"},
		{"TrustedProxies", geist.Config{TrustedProxies: []string{"proxy.example"}}, "use a CIDR"},
		{"TrustedProxies", geist.Config{TrustedProxies: []string{"*"}}, "use a CIDR"},
	}
	for _, tt := range cases {
		t.Run(tt.field, func(t *testing.T) {
			problems := problemsOf(t, geist.New(tt.cfg))
			if len(problems) != 1 || !strings.Contains(problems[0], "Config."+tt.field) || !strings.Contains(problems[0], tt.says) {
				t.Errorf("problems: got %q, want one that names Config.%s and says %q", problems, tt.field, tt.says)
			}
		})
	}
	t.Run("all at once", func(t *testing.T) {
		all := geist.Config{
			TrailingSlash: 7, ServerHeader: "\n", MaxHeaderBytes: -1, MaxURIBytes: -1, MaxBodyBytes: -1, MaxFields: -1, MaxConns: -1, MaxConnsPerIP: -1,
			MaxRequestsPerConn: -1, MaxRetainedBytes: -1, DrainDelay: -1, ShutdownTimeout: -1, TrustedProxies: []string{"a", "b"},
		}
		app := geist.New(all, all)
		app.GET("bad", nil)
		if got, want := len(problemsOf(t, app)), 13+1+1+1; got != want {
			t.Errorf("problems: got %d, want %d: %q", got, want, problemsOf(t, app))
		}
	})
	t.Run("the zero Config and its extremes are fine", func(t *testing.T) {
		for _, cfg := range []geist.Config{{}, {
			MaxURIBytes: 1<<16 - 1, ReadTimeout: -1, WriteTimeout: -1, IdleTimeout: -1, DrainIdle: -1, MaxHeaderBytes: 1, MaxBodyBytes: 1, MaxFields: 1,
			TrustedProxies: []string{"unix", "10.0.0.0/8", "::1", "0.0.0.0/0"},
		}} {
			if err := geist.New(cfg).Check(); err != nil {
				t.Errorf("Check of %+v: %v", cfg, err)
			}
		}
	})
}

// problemsOf returns what Check reports, having made sure that everything that
// serves reports it too.
func problemsOf(t *testing.T, app *geist.Engine) []string {
	t.Helper()
	err := app.Check()
	check, ok := errors.AsType[*geist.CheckError](err)
	if !ok {
		t.Fatalf("Check: got %v, want a *CheckError", err)
	}
	ln, lnErr := net.Listen("tcp", "127.0.0.1:0")
	if lnErr != nil {
		t.Fatal(lnErr)
	}
	for name, err := range map[string]error{
		"Serve":   app.Serve(ln),
		"Listen":  app.Listen("127.0.0.1:0"),
		"Run":     app.Run("127.0.0.1:0"),
		"Handler": panicOf(func() { app.Handler() }),
		"Server":  panicOf(func() { app.Server() }),
	} {
		if got, ok := errors.AsType[*geist.CheckError](err); !ok || got.Error() != check.Error() {
			t.Errorf("%s: got %v, want what Check says", name, err)
		}
	}
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("listener after a refused Serve: got %v, want it closed", err)
	}
	for _, p := range check.Problems {
		if p == "" || strings.Contains(p, "%!") || strings.Contains(p, "\n") {
			t.Errorf("problem: got %q, want a sentence", p)
		}
	}
	return check.Problems
}

func panicOf(f func()) (err error) {
	defer func() { err, _ = recover().(error) }()
	f()
	return nil
}

// TestCheck_routes: each mistake in registering yields one problem, with its place.
func TestCheck_routes(t *testing.T) {
	h := func(c *geist.Ctx) error { return c.NoContent() }
	for _, tt := range []struct {
		name     string
		register func(app *geist.Engine)
		says     string
	}{
		{"no handler", func(app *geist.Engine) { app.GET("/") }, "has no handler"},
		{"nil handler", func(app *geist.Engine) { app.GET("/", nil) }, "has a nil handler"},
		{"nil among handlers", func(app *geist.Engine) { app.GET("/", nil, h) }, "has a nil handler"},
		{"nil middleware", func(app *geist.Engine) { app.Use(nil) }, "Use was given a nil handler"},
		{"nil middleware of a group", func(app *geist.Engine) { app.Group("/a", nil) }, "nil handler"},
		{"nil constraint", func(app *geist.Engine) { app.Constraint("c", nil) }, "nil function"},
		{"nil hook before", func(app *geist.Engine) { app.BeforeRequest(nil) }, "BeforeRequest was given a nil function"},
		{"nil hook after", func(app *geist.Engine) { app.AfterRequest(nil) }, "AfterRequest was given a nil function"},
		{"nil hook for listeners", func(app *geist.Engine) { app.OnListen(nil) }, "OnListen was given a nil function"},
		{"nil hook for shutdown", func(app *geist.Engine) { app.OnShutdown(nil) }, "OnShutdown was given a nil function"},
		{"nil hook for routes", func(app *geist.Engine) { app.OnRoute(nil) }, "OnRoute was given a nil function"},
		{"nil engine", func(app *geist.Engine) { app.Mount("/a", nil) }, "nil engine"},
		{"engine below itself", func(app *geist.Engine) { app.Mount("/a", app) }, "below itself"},
		{"resource of nothing", func(app *geist.Engine) { app.Resource("/a", struct{}{}) }, "implements none"},
		{"resource of nil", func(app *geist.Engine) { app.Resource("/a", nil) }, "implements none"},
		{"path without a slash", func(app *geist.Engine) { app.GET("a", h) }, "begins with /"},
		{"group without a slash", func(app *geist.Engine) { app.Group("a").GET("/b", h) }, "must begin with /"},
		{"mount without a slash", func(app *geist.Engine) { app.Mount("a", geist.New()) }, "begins with /"},
		{"method that is no token", func(app *geist.Engine) { app.Handle("G ET", "/", h) }, "not a token"},
		{"method empty", func(app *geist.Engine) { app.Handle("", "/", h) }, "not a token"},
		{"method with a line end", func(app *geist.Engine) { app.Handle("GET\r\nX: a", "/", h) }, "not a token"},
		{"parameter without a name", func(app *geist.Engine) { app.GET("/:", h) }, "/:"},
		{"parameter twice", func(app *geist.Engine) { app.GET("/:a/:a", h) }, "/:a/:a"},
		{"wildcard in the middle", func(app *geist.Engine) { app.GET("/*a/b", h) }, "/*a/b"},
		{"unknown constraint", func(app *geist.Engine) { app.GET("/:a<what>", h) }, "what"},
		{"bad regular expression", func(app *geist.Engine) { app.GET("/:a<regex(()>", h) }, "regex"},
		{"fragment", func(app *geist.Engine) { app.GET("/a#b", h) }, "/a#b"},
		{"query", func(app *geist.Engine) { app.GET("/a?b=c", h) }, "/a?b=c"},
		{"dot segment", func(app *geist.Engine) { app.GET("/a/../b", h) }, "/a/../b"},
		{"empty segment", func(app *geist.Engine) { app.GET("/a//b", h) }, "/a//b"},
		{"control byte", func(app *geist.Engine) { app.GET("/a\x00", h) }, "/a"},
		{"the same route twice", func(app *geist.Engine) { app.GET("/a", h); app.GET("/a", h) }, "conflicts with GET /a (check_test.go:"},
		{"the same name twice", func(app *geist.Engine) { app.GET("/a", h).Name("n"); app.GET("/b", h).Name("n") }, `named "n"`},
		{"host with a port", func(app *geist.Engine) { app.Host("a:80").GET("/", h) }, "leave out scheme and port"},
		{"host with two names", func(app *geist.Engine) { app.Host("{a}.{b}").GET("/", h) }, "only one label"},
		{"host empty", func(app *geist.Engine) { app.Host("").GET("/", h) }, "label is empty"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			app := geist.New()
			tt.register(app)
			problems := problemsOf(t, app)
			if len(problems) != 1 || !strings.Contains(problems[0], tt.says) {
				t.Errorf("problems: got %q, want one that says %q", problems, tt.says)
			}
		})
	}
}

// TestCheck_nilAnswersAsBefore: nil handlers for errors mean the default.
func TestCheck_nilAnswersAsBefore(t *testing.T) {
	w := newWire(t, geist.Config{}, func(app *geist.Engine) {
		app.OnError(nil)
		app.NotFound(nil)
		app.MethodNotAllowed(nil)
	})
	w.run(t, []attack{
		{name: "not found", send: get("/nowhere"), status: 404},
		{name: "wrong method", send: "PUT /alive HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", status: 405, allow: "GET, HEAD, OPTIONS"},
	})
}

// TestServe_badListener: what cannot be served is an error, never a panic.
func TestServe_badListener(t *testing.T) {
	broken := errors.New("broken")
	if err := geist.New().Serve(brokenListener{err: broken}); !errors.Is(err, broken) {
		t.Errorf("Serve of a listener that fails: got %v, want its error", err)
	}
	if err := geist.New().Listen("256.0.0.1:x"); err == nil {
		t.Error("Listen on nonsense: got nil, want an error")
	}
	app := geist.New()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := app.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown before Serve: %v", err)
	}
	if err := app.Serve(brokenListener{err: fs.ErrClosed}); !errors.Is(err, geist.ErrServerClosed) {
		t.Errorf("Serve after Shutdown: got %v, want ErrServerClosed", err)
	}
}

type brokenListener struct{ err error }

func (l brokenListener) Accept() (net.Conn, error) { return nil, l.err }
func (l brokenListener) Close() error              { return nil }
func (l brokenListener) Addr() net.Addr            { return &net.TCPAddr{} }
