package middleware

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5/middleware"
	"github.com/gorilla/handlers"
	"github.com/rs/cors"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/examples/interop/internal/loopback"
	"github.com/gogeist/geist/internal/leakcheck"
)

var large = strings.Repeat("compress me, please. ", 10_000) // beyond what FromHTTP collects

// newApp returns an application of geist's own handlers behind middleware of net/http.
func newApp(mw ...func(http.Handler) http.Handler) *geist.Engine {
	app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler), DrainIdle: -1})
	for _, m := range mw {
		app.Use(geist.FromHTTPMiddleware(m))
	}
	app.GET("/text", func(c *geist.Ctx) error {
		c.SetHeader("X-Handler", "text")
		return c.Text(201, "hello")
	})
	app.POST("/echo", func(c *geist.Ctx) error { return c.Bytes(200, "application/octet-stream", c.Body()) })
	app.GET("/large", func(c *geist.Ctx) error { return c.Text(200, large) })
	app.GET("/none", func(c *geist.Ctx) error { return c.NoContent() })
	app.GET("/error", func(*geist.Ctx) error { return geist.NewError(409, "taken") })
	app.GET("/panic", func(*geist.Ctx) error { panic("a secret") })
	app.GET("/stream", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			_, err := io.WriteString(w, large)
			return err
		})
	})
	return app
}

// get serves app and asks for one path.
func get(t *testing.T, app *geist.Engine, path string, fields ...string) loopback.Answer {
	t.Helper()
	return loopback.Do(t, loopback.Client(t), http.MethodGet, loopback.Serve(t, app)+path, nil, fields...)
}

// same compares an answer behind middleware that only looks on with the one without it.
func same(t *testing.T, mw func(http.Handler) http.Handler) {
	t.Helper()
	leakcheck.Check(t)
	client := loopback.Client(t)
	with, without := loopback.Serve(t, newApp(mw)), loopback.Serve(t, newApp())
	for _, path := range []string{"/text", "/large", "/none", "/error", "/panic", "/stream", "/missing", "/text/"} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut} {
			got, want := loopback.Do(t, client, method, with+path, nil), loopback.Do(t, client, method, without+path, nil)
			if got.Status != want.Status || got.Body != want.Body {
				t.Errorf("%s %s: got %d and %d bytes, without it %d and %d bytes", method, path, got.Status, len(got.Body), want.Status, len(want.Body))
			}
			for _, name := range []string{"Content-Type", "Allow", "X-Handler", "Location"} {
				if g, w := got.Header.Get(name), want.Header.Get(name); g != w {
					t.Errorf("%s %s: %s = %q, without it %q", method, path, name, g, w)
				}
			}
		}
	}
}

func TestChi_changesNothingElse(t *testing.T) {
	quiet := middleware.RequestLogger(&middleware.DefaultLogFormatter{Logger: log.New(io.Discard, "", 0), NoColor: true})
	for name, mw := range map[string]func(http.Handler) http.Handler{
		"RequestID":    middleware.RequestID,
		"RealIP":       middleware.RealIP, //nolint:staticcheck // deprecated, but in many applications
		"Logger":       quiet,
		"Recoverer":    middleware.Recoverer,
		"Timeout":      middleware.Timeout(time.Minute),
		"StripSlashes": middleware.StripSlashes,
		"Throttle":     middleware.Throttle(10),
		"Heartbeat":    middleware.Heartbeat("/ping"),
		"NoCache":      middleware.NoCache,
		"Compress":     middleware.Compress(5), // the client asks for none
		"gorilla": func(next http.Handler) http.Handler {
			return handlers.CombinedLoggingHandler(io.Discard, next)
		},
		"rs/cors, another origin": cors.New(cors.Options{AllowedOrigins: []string{"https://a.example"}}).Handler,
	} {
		t.Run(name, func(t *testing.T) { same(t, mw) })
	}
}

func TestChi_requestID(t *testing.T) {
	leakcheck.Check(t)
	app := newApp(middleware.RequestID)
	app.GET("/id", func(c *geist.Ctx) error { return c.Text(200, middleware.GetReqID(c.Context())) })
	if got := get(t, app, "/id", "X-Request-Id", "abc"); got.Status != 200 || got.Body != "abc" {
		t.Errorf("got %d %q, want 200 and the client's id", got.Status, got.Body)
	}
}

// What middleware writes into the request reaches its context only: geist's handlers
// find the client by Config.TrustedProxies and c.ClientIP, or by the context.
func TestChi_clientIP(t *testing.T) {
	leakcheck.Check(t)
	app := newApp(middleware.ClientIPFromXFF("127.0.0.0/8"), middleware.RealIP) //nolint:staticcheck // deprecated, but in many applications
	app.GET("/ip", func(c *geist.Ctx) error {
		return c.Text(200, middleware.GetClientIP(c.Context())+" "+c.ClientIP())
	})
	if got := get(t, app, "/ip", "X-Forwarded-For", "192.0.2.7"); got.Body != "192.0.2.7 127.0.0.1" {
		t.Errorf("got %q, want the address that chi found, and the connection's, which is all that geist was told to trust", got.Body)
	}
}

func TestChi_logger(t *testing.T) {
	leakcheck.Check(t)
	var out bytes.Buffer
	logger := middleware.RequestLogger(&middleware.DefaultLogFormatter{Logger: log.New(&out, "", 0), NoColor: true})
	url, client := loopback.Serve(t, newApp(middleware.RequestID, logger)), loopback.Client(t)
	for path, want := range map[string]string{
		"/text":    "201 5B in ",
		"/none":    "204 0B in ",
		"/large":   fmt.Sprintf("200 %dB in ", len(large)),
		"/stream":  fmt.Sprintf("200 %dB in ", len(large)),
		"/missing": "404 ",
		"/error":   "409 ",
		"/panic":   "500 ",
		"/text/":   "308 0B in ",
	} {
		out.Reset()
		loopback.Do(t, client, http.MethodGet, url+path, nil, "X-Request-Id", "the-id")
		if line := out.String(); !strings.Contains(line, want) || !strings.HasPrefix(line, `[the-id] "GET http://127.0.0.1:`) || strings.Count(line, "\n") != 1 {
			t.Errorf("GET %s: logged %q, want one line with %q", path, line, want)
		}
	}
}

func TestGorilla_combinedLog(t *testing.T) {
	leakcheck.Check(t)
	var out bytes.Buffer
	app := newApp(func(next http.Handler) http.Handler { return handlers.CombinedLoggingHandler(&out, next) })
	got := get(t, app, "/large?a=b", "Referer", "https://a.example/", "User-Agent", "tester")
	want := fmt.Sprintf(`] "GET /large?a=b HTTP/1.1" 200 %d "https://a.example/" "tester"`, len(large))
	if line := out.String(); got.Status != 200 || got.Body != large || !strings.HasPrefix(line, "127.0.0.1 - - [") || !strings.Contains(line, want) {
		t.Errorf("got %d, logged %q, want %q", got.Status, line, want)
	}
}

// A panic of geist's handler is geist's to recover; of middleware, Recoverer's.
func TestChi_recoverer(t *testing.T) {
	leakcheck.Check(t)
	broken := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Has("broken") {
				panic("in middleware")
			}
			next.ServeHTTP(w, r)
		})
	}
	var reported panics
	url, client := loopback.Serve(t, newApp(middleware.RequestLogger(&reported), func(next http.Handler) http.Handler {
		return middleware.Recoverer(broken(next))
	})), loopback.Client(t)
	got := loopback.Do(t, client, http.MethodGet, url+"/panic", nil)
	if got.Status != 500 || got.Header.Get("Content-Type") != "application/problem+json" || strings.Contains(got.Body, "secret") {
		t.Errorf("a handler's panic: got %d %q, want geist's 500", got.Status, got.Body)
	}
	got = loopback.Do(t, client, http.MethodGet, url+"/text?broken", nil)
	if got.Status != 500 || got.Body != "" {
		t.Errorf("a middleware's panic: got %d %q, want Recoverer's 500", got.Status, got.Body)
	}
	if len(reported.got) != 1 || reported.got[0] != "in middleware" {
		t.Errorf("Recoverer reported %v, want the middleware's panic only", reported.got)
	}
}

// panics is a log formatter that keeps what Recoverer reports.
type panics struct{ got []any }

func (p *panics) NewLogEntry(*http.Request) middleware.LogEntry { return p }

func (p *panics) Write(int, int, http.Header, time.Duration, any) {}

func (p *panics) Panic(v any, _ []byte) { p.got = append(p.got, v) }

func TestChi_compress(t *testing.T) {
	leakcheck.Check(t)
	app := newApp(middleware.Compress(5, "text/plain", "application/octet-stream"))
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "large.txt"), []byte(large), 0o600); err != nil {
		t.Fatal(err)
	}
	app.Static("/files", dir)
	url, client := loopback.Serve(t, app), loopback.Client(t)
	for path, want := range map[string]string{"/text": "hello", "/large": large, "/stream": large, "/files/large.txt": large} {
		got := loopback.Do(t, client, http.MethodGet, url+path, nil, "Accept-Encoding", "gzip")
		if got.Header.Get("Content-Encoding") != "gzip" || got.Header.Get("Vary") == "" {
			t.Errorf("GET %s: header %v, want a gzip encoding and Vary", path, got.Header)
			continue
		}
		if plain := unzip(t, got.Body); plain != want || len(want) > 1000 && len(got.Body) > len(want)/5 {
			t.Errorf("GET %s: %d bytes are %d, want %d", path, len(got.Body), len(plain), len(want))
		}
	}
	got := loopback.Do(t, client, http.MethodGet, url+"/error", nil, "Accept-Encoding", "gzip")
	if got.Status != 409 || !strings.Contains(got.Body, "taken") {
		t.Errorf("GET /error: got %d %q, want a problem as it is", got.Status, got.Body)
	}
}

func unzip(t *testing.T, s string) string {
	t.Helper()
	r, err := gzip.NewReader(strings.NewReader(s))
	if err != nil {
		t.Error(err)
		return ""
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

// A stream's flush goes through the compressor, the logger and the socket at once.
func TestChi_flushThroughAll(t *testing.T) {
	leakcheck.Check(t)
	seen := make(chan struct{})
	var once sync.Once
	release := func() { once.Do(func() { close(seen) }) }
	defer release()
	quiet := middleware.RequestLogger(&middleware.DefaultLogFormatter{Logger: log.New(io.Discard, "", 0), NoColor: true})
	app := newApp(quiet, middleware.Compress(5), middleware.RequestID)
	app.GET("/ticks", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			if _, err := io.WriteString(w, "one\n"); err != nil {
				return err
			}
			if err := w.Flush(); err != nil {
				return err
			}
			<-seen
			_, err := io.WriteString(w, "two\n")
			return err
		})
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, loopback.Serve(t, app)+"/ticks", nil)
	req.Header.Set("Accept-Encoding", "gzip")
	resp, err := loopback.Client(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	plain, err := gzip.NewReader(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(plain)
	if line, err := lines.ReadString('\n'); line != "one\n" || err != nil {
		t.Fatalf("first line = %q, %v, want one while the stream waits", line, err)
	}
	release()
	if rest, err := io.ReadAll(lines); string(rest) != "two\n" || err != nil {
		t.Errorf("rest = %q, %v, want two", rest, err)
	}
}

// Timeout ends the context; the handler says what that means.
func TestChi_timeout(t *testing.T) {
	leakcheck.Check(t)
	app := newApp(middleware.Timeout(time.Millisecond))
	app.GET("/slow", func(c *geist.Ctx) error {
		<-c.Context().Done()
		return geist.NewError(504, "too slow").Wrap(context.Cause(c.Context()))
	})
	if got := get(t, app, "/slow"); got.Status != 504 || !strings.Contains(got.Body, "too slow") {
		t.Errorf("got %d %q, want the handler's 504", got.Status, got.Body)
	}
}

// StripSlashes rewrites a path that geist has matched already. Config.TrailingSlash
// does its job.
func TestChi_stripSlashes(t *testing.T) {
	leakcheck.Check(t)
	if got := get(t, newApp(middleware.StripSlashes), "/text/"); got.Status != 308 || got.Header.Get("Location") != "/text" {
		t.Errorf("by StripSlashes: got %d to %q, want geist's redirect", got.Status, got.Header.Get("Location"))
	}
	app := geist.New(geist.Config{TrailingSlash: geist.SlashIgnore, DrainIdle: -1})
	app.GET("/text", func(c *geist.Ctx) error { return c.Text(200, c.Path()) })
	if got := get(t, app, "/text/"); got.Status != 200 || got.Body != "/text" {
		t.Errorf("by SlashIgnore: got %d %q, want 200 and /text", got.Status, got.Body)
	}
}

func TestChi_throttle(t *testing.T) {
	leakcheck.Check(t)
	app := newApp(middleware.Throttle(1))
	entered, release := make(chan struct{}), make(chan struct{})
	app.GET("/slow", func(c *geist.Ctx) error {
		close(entered)
		<-release
		return c.Text(200, "done")
	})
	url, client := loopback.Serve(t, app), loopback.Client(t)
	first := make(chan loopback.Answer, 1)
	go func() { first <- loopback.Do(t, client, http.MethodGet, url+"/slow", nil) }() // ends with its answer
	<-entered
	if got := loopback.Do(t, client, http.MethodGet, url+"/text", nil); got.Status != 429 {
		t.Errorf("beside a request that runs: got %d, want 429", got.Status)
	}
	close(release)
	if got := <-first; got.Status != 200 || got.Body != "done" {
		t.Errorf("the first: got %d %q", got.Status, got.Body)
	}
	if got := loopback.Do(t, client, http.MethodGet, url+"/text", nil); got.Status != 201 {
		t.Errorf("after it: got %d, want 201", got.Status)
	}
}

func TestChi_basicAuth(t *testing.T) {
	leakcheck.Check(t)
	url, client := loopback.Serve(t, newApp(middleware.BasicAuth("here", map[string]string{"ada": "pw"}))), loopback.Client(t)
	got := loopback.Do(t, client, http.MethodGet, url+"/text", nil)
	if got.Status != 401 || got.Header.Get("WWW-Authenticate") != `Basic realm="here"` || got.Body != "" {
		t.Errorf("without: got %d %q %v", got.Status, got.Body, got.Header)
	}
	got = loopback.Do(t, client, http.MethodGet, url+"/text", nil, "Authorization", "Basic YWRhOnB3")
	if got.Status != 201 || got.Body != "hello" {
		t.Errorf("with: got %d %q, want 201 hello", got.Status, got.Body)
	}
}

func TestChi_heartbeat(t *testing.T) {
	leakcheck.Check(t)
	if got := get(t, newApp(middleware.Heartbeat("/ping")), "/ping"); got.Status != 200 || got.Body != "." || got.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("got %d %q %v, want 200 and a dot, without a route", got.Status, got.Body, got.Header)
	}
}

func TestCORS_preflightAndRequest(t *testing.T) {
	leakcheck.Check(t)
	app := newApp(cors.New(cors.Options{
		AllowedOrigins: []string{"https://a.example"}, AllowedMethods: []string{"GET", "PUT"}, AllowedHeaders: []string{"X-Token"},
		ExposedHeaders: []string{"X-Handler"}, AllowCredentials: true, MaxAge: 600,
	}).Handler)
	app.PUT("/text", func(c *geist.Ctx) error { return c.Text(200, "put") })
	url, client := loopback.Serve(t, app), loopback.Client(t)
	got := loopback.Do(t, client, http.MethodOptions, url+"/text", nil, "Origin", "https://a.example",
		"Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "x-token")
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": "https://a.example", "Access-Control-Allow-Methods": "PUT", "Access-Control-Allow-Headers": "x-token",
		"Access-Control-Allow-Credentials": "true", "Access-Control-Max-Age": "600",
	} {
		if v := got.Header.Get(name); v != want {
			t.Errorf("preflight: %s = %q, want %q", name, v, want)
		}
	}
	if got.Status != 204 || got.Body != "" {
		t.Errorf("preflight: got %d %q, want 204 and no body", got.Status, got.Body)
	}
	got = loopback.Do(t, client, http.MethodGet, url+"/text", nil, "Origin", "https://a.example")
	if got.Status != 201 || got.Body != "hello" || got.Header.Get("Access-Control-Allow-Origin") != "https://a.example" ||
		got.Header.Get("Access-Control-Expose-Headers") != "X-Handler" || got.Header.Get("X-Handler") != "text" || !strings.Contains(got.Header.Get("Vary"), "Origin") {
		t.Errorf("request: got %d %q %v", got.Status, got.Body, got.Header)
	}
	got = loopback.Do(t, client, http.MethodGet, url+"/error", nil, "Origin", "https://a.example")
	if got.Status != 409 || got.Header.Get("Access-Control-Allow-Origin") != "https://a.example" {
		t.Errorf("an error: got %d %v, want 409 that the origin may read", got.Status, got.Header)
	}
	got = loopback.Do(t, client, http.MethodOptions, url+"/text", nil)
	if got.Status != 204 || !strings.Contains(got.Header.Get("Allow"), "PUT") {
		t.Errorf("OPTIONS that is no preflight: got %d, Allow %q, want geist's own", got.Status, got.Header.Get("Allow"))
	}
	got = loopback.Do(t, client, http.MethodGet, url+"/text", nil, "Origin", "https://b.example")
	if got.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another origin: got %v", got.Header)
	}
}

// All of them at once, around a body that is read and one that is large.
func TestChi_together(t *testing.T) {
	leakcheck.Check(t)
	quiet := middleware.RequestLogger(&middleware.DefaultLogFormatter{Logger: log.New(io.Discard, "", 0), NoColor: true})
	url, client := loopback.Serve(t, newApp(middleware.RequestID, quiet, middleware.Recoverer, middleware.Compress(5),
		middleware.Timeout(time.Minute), middleware.Throttle(100), cors.AllowAll().Handler)), loopback.Client(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() { // ends with its answers
			for range 5 {
				got := loopback.Do(t, client, http.MethodPost, url+"/echo", strings.NewReader(large))
				if got.Status != 200 || got.Body != large {
					t.Errorf("got %d and %d bytes, want 200 and %d", got.Status, len(got.Body), len(large))
				}
			}
		})
	}
	wg.Wait()
}
