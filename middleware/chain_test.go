package middleware_test

import (
	"io"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/basicauth"
	"github.com/gogeist/geist/middleware/bodylimit"
	"github.com/gogeist/geist/middleware/clientip"
	"github.com/gogeist/geist/middleware/compress"
	"github.com/gogeist/geist/middleware/concurrency"
	"github.com/gogeist/geist/middleware/cors"
	"github.com/gogeist/geist/middleware/csrf"
	"github.com/gogeist/geist/middleware/etag"
	"github.com/gogeist/geist/middleware/hostauth"
	"github.com/gogeist/geist/middleware/idempotency"
	"github.com/gogeist/geist/middleware/keyauth"
	"github.com/gogeist/geist/middleware/logger"
	"github.com/gogeist/geist/middleware/monitor"
	"github.com/gogeist/geist/middleware/nocache"
	"github.com/gogeist/geist/middleware/ratelimit"
	"github.com/gogeist/geist/middleware/recovery"
	"github.com/gogeist/geist/middleware/redirect"
	"github.com/gogeist/geist/middleware/requestid"
	"github.com/gogeist/geist/middleware/secure"
	"github.com/gogeist/geist/middleware/session"
	"github.com/gogeist/geist/middleware/skip"
	"github.com/gogeist/geist/middleware/slash"
	"github.com/gogeist/geist/middleware/timeout"
	"github.com/gogeist/geist/store"
)

// quiet is the Config of tests.
func quiet() geist.Config { return geist.Config{Logger: slog.New(slog.DiscardHandler), DrainIdle: -1} }

// refuse is a login that nobody passes.
func refuse(*geist.Ctx) error { return geist.NewError(401, "log in first") }

// everyone returns each middleware by the name of its package, set so that the request of a page of
// the own site, with the credentials of ada, passes.
func everyone(t *testing.T) map[string]geist.Handler {
	s := store.NewMemory(store.MemoryConfig{})
	t.Cleanup(func() { _ = s.Close() })
	return map[string]geist.Handler{
		"basicauth":   basicauth.New(basicauth.Config{Verify: func(_ *geist.Ctx, name, password string) (bool, error) { return name == "ada" && password == "x", nil }}),
		"bodylimit":   bodylimit.New(),
		"clientip":    clientip.New(),
		"compress":    compress.New(),
		"concurrency": concurrency.New(concurrency.Config{Limit: 10}),
		"cors":        cors.New(cors.Config{AllowOrigins: []string{"https://app.example.com"}}),
		"csrf":        csrf.New(),
		"etag":        etag.New(),
		"hostauth":    hostauth.New(hostauth.Config{AllowHosts: []string{"app.example.com"}}),
		"idempotency": idempotency.New(idempotency.Config{Store: s, Scope: func(*geist.Ctx) (string, error) { return "ada", nil }}),
		"keyauth": keyauth.New(keyauth.Config[string]{Sources: []keyauth.Source{keyauth.Header("X-Key")},
			Verify: keyauth.Static(map[string]string{"ada": "T4VFX6QSKZ2WNCMA7HL3RJB5YE"})}),
		"logger":    logger.New(),
		"monitor":   monitor.New(monitor.Config{}).Handler(),
		"nocache":   nocache.New(),
		"ratelimit": ratelimit.New(ratelimit.Config{Limit: store.Limit{Rate: 100, Period: time.Minute}}),
		"recovery":  recovery.New(),
		"redirect":  redirect.New(redirect.Config{Rules: []redirect.Rule{{From: "/old", To: "/new"}}}),
		"requestid": requestid.New(),
		"secure":    secure.New(),
		"session":   session.New(session.Config{Store: s}),
		"skip":      skip.Unless(skip.Paths("/elsewhere"), func(c *geist.Ctx) error { return c.Next() }),
		"slash":     slash.New(slash.Config{Prefixes: []string{"/wiki"}}),
		"timeout":   timeout.New(),
	}
}

// passing is a request that all of everyone let pass, up to its last field.
const passing = "POST / HTTP/1.1\r\nHost: app.example.com\r\nOrigin: https://app.example.com\r\n" +
	"Authorization: Basic YWRhOng=\r\nX-Key: T4VFX6QSKZ2WNCMA7HL3RJB5YE\r\n"

// TestEveryone_complete: no package is forgotten but those that are routes or hooks, and jwt, whose
// own module has these tests.
func TestEveryone_complete(t *testing.T) {
	all := everyone(t)
	for _, name := range packages(t) {
		switch name {
		case "health", "jwt", "pprof", "rewrite":
			continue
		}
		if all[name] == nil {
			t.Errorf("everyone lacks %s", name)
		}
	}
}

// answerBefore sends a request whose body never comes, and checks the beginning of the answer.
func answerBefore(t *testing.T, app *geist.Engine, request, want string) {
	t.Helper()
	conn := geisttest.New(t, app).Dial()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second)) // or a server that waits for the body would hang the test
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
		t.Errorf("read %q, %v, want %q at once", got, err, want)
	}
}

// TestChain_bodyLeftUnread: whichever middleware stands in front of a login, the login refuses a request
// before anything of its body has come, and the client is not told to go on. In front of a body limit,
// a body that is announced too long is refused before it has come.
func TestChain_bodyLeftUnread(t *testing.T) {
	for name, mw := range everyone(t) {
		t.Run(name, func(t *testing.T) {
			login, limit := geist.New(quiet()), geist.New(quiet())
			login.Use(mw, refuse)
			limit.Use(mw, bodylimit.New(bodylimit.Config{MaxBytes: 100}))
			for _, app := range []*geist.Engine{login, limit} {
				app.POST("/", func(c *geist.Ctx) error { return c.NoContent() })
			}
			answerBefore(t, login, passing+"Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n", "HTTP/1.1 401")
			answerBefore(t, limit, passing+"Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n", "HTTP/1.1 413")
		})
	}
}

// varyOrigin finds Origin in a Vary field.
var varyOrigin = regexp.MustCompile(`(?m)^Vary: .*\bOrigin\b`)

// TestChain_everyProtocol: the order of the documents, for answers of every kind: what has to
// be in their header is there.
func TestChain_everyProtocol(t *testing.T) {
	app := geist.New(quiet())
	inOrder(app, keyauth.New(keyauth.Config[string]{Verify: keyauth.Static(map[string]string{"ada": "T4VFX6QSKZ2WNCMA7HL3RJB5YE"})}))
	app.GET("/dir/", func(c *geist.Ctx) error { return c.Text(200, "dir") })
	app.GET("/panic", func(*geist.Ctx) error { panic("boom") })
	app.POST("/body", func(c *geist.Ctx) error { return c.NoContent() })
	app.GET("/stream", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			_, err := w.WriteString("streamed")
			return err
		})
	})
	app.SSE("/events", func(_ *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error { return s.Send(geist.Event{Data: []byte("tick")}) })
	})
	app.WS("/ws", func(_ *geist.Ctx, ws *geist.Conn) error {
		m, err := ws.Read()
		if err != nil {
			return err
		}
		return ws.Write(m.Type, m.Data)
	})
	client := geisttest.New(t, app)
	check := func(what string, r *geisttest.Response) {
		t.Helper()
		for field, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Access-Control-Allow-Origin": "https://app.example.com", "RateLimit-Policy": `"default";q=100;w=60`,
		} {
			if got := r.Header(field); got != want {
				t.Errorf("%s: %s = %q, want %q", what, field, got, want)
			}
		}
		if id := r.Header("X-Request-ID"); len(id) != 32 {
			t.Errorf("%s: X-Request-ID = %q", what, id)
		}
		if !varyOrigin.Match(r.Head()) {
			t.Errorf("%s: no Vary: Origin in %q", what, r.Head())
		}
	}
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/dir/", 200}, {"HEAD", "/dir/", 200}, {"OPTIONS", "/dir/", 204}, {"GET", "/dir", 308}, {"POST", "/dir/", 405}, {"GET", "/nowhere", 404},
		{"GET", "/api/hello", 401}, {"GET", "/api/nowhere", 401}, {"GET", "/panic", 500}, {"GET", "/stream", 200}, {"GET", "/ws", 426},
	} {
		r := client.Request(tt.method, tt.path).Header("Origin", "https://app.example.com").Do()
		check(tt.method+" "+tt.path, r.Status(tt.status))
	}
	check("a body that is too long", client.POST("/body").Header("Origin", "https://app.example.com").BodyString(strings.Repeat("x", 70<<10)).Do().Status(413))
	events := client.GET("/events").Header("Origin", "https://app.example.com").SSE()
	events.Next().Is("message", "tick")
	check("events", events.Response())
	ws := client.GET("/ws").Header("Origin", "http://example.com").WS()
	ws.Send("echo").Next().Text("echo")
	if id := ws.Response().Header("X-Request-ID"); len(id) != 32 {
		t.Errorf("a WebSocket: X-Request-ID = %q", id)
	}
	preflight := client.Request("OPTIONS", "/api/hello").Header("Origin", "https://app.example.com").Header("Access-Control-Request-Method", "GET").Do().Status(204)
	if preflight.Header("Access-Control-Allow-Methods") == "" || preflight.Header("RateLimit") != "" {
		t.Errorf("the preflight is answered behind the login or the limits: %q", preflight.Head())
	}
}
