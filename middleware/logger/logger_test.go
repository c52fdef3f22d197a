package logger_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/middleware/logger"
)

// lines collects lines, each of which must come by one Write, and tells of each.
type lines struct {
	mu   sync.Mutex
	all  []string // guarded by mu
	came chan string
	fail error // guarded by mu
}

func newLines() *lines { return &lines{came: make(chan string, 100)} }

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return 0, l.fail
	}
	l.all = append(l.all, string(p))
	l.came <- string(p)
	return len(p), nil
}

// record returns the next line, which is JSON.
func (l *lines) record(t *testing.T) map[string]any {
	t.Helper()
	var m map[string]any
	line := <-l.came
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		t.Fatalf("line %q: %v", line, err)
	}
	return m
}

// none fails the test if a line has come.
func (l *lines) none(t *testing.T) {
	t.Helper()
	select {
	case line := <-l.came:
		t.Errorf("line %q, want none yet", line)
	default:
	}
}

// newApp returns an engine that logs lines of JSON.
func newApp(config logger.Config) (*geist.Engine, *lines) {
	out := newLines()
	config.Format, config.Output = logger.JSON, out
	app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler)})
	app.Use(logger.New(config))
	app.GET("/users/:id", func(c *geist.Ctx) error { return c.Text(200, "hello") })
	return app, out
}

// has asserts attributes of a record.
func has(t *testing.T, record map[string]any, want map[string]any) {
	t.Helper()
	for name, v := range want {
		if got := record[name]; got != v {
			t.Errorf("%s = %v, want %v in %v", name, got, v, record)
		}
	}
}

func TestNew_record(t *testing.T) {
	app, out := newApp(logger.Config{})
	app.GET("/fail", func(*geist.Ctx) error { return geist.NewError(409, "taken").Wrap(io.ErrUnexpectedEOF) })
	app.GET("/broken", func(*geist.Ctx) error { return io.ErrUnexpectedEOF })
	app.GET("/panic", func(*geist.Ctx) error { panic("boom") })
	app.GET("/middleware", func(*geist.Ctx) error { panic("boom") }, func(*geist.Ctx) error { return nil })
	app.GET("/dir/", func(c *geist.Ctx) error { return c.NoContent() })
	client := geisttest.New(t, app)
	for _, tt := range []struct {
		method, path string
		want         map[string]any
	}{
		{"GET", "/users/7?q=1", map[string]any{"level": "INFO", "msg": "request", "method": "GET", "route": "/users/:id", "path": "/users/7", "status": 200.0, "bytes": 5.0, "client_ip": "192.0.2.1", "error": nil}},
		{"HEAD", "/users/7", map[string]any{"method": "HEAD", "status": 200.0, "bytes": 0.0}},
		{"GET", "/users/a%20b%2Fc%25", map[string]any{"path": "/users/a%20b%2Fc%25"}},
		{"GET", "/nowhere", map[string]any{"level": "WARN", "route": "", "path": "/nowhere", "status": 404.0}},
		{"DELETE", "/users/7", map[string]any{"level": "WARN", "method": "DELETE", "status": 405.0}},
		{"OPTIONS", "/users/7", map[string]any{"level": "INFO", "status": 204.0, "bytes": 0.0}},
		{"GET", "/dir", map[string]any{"level": "INFO", "status": 308.0}},
		{"GET", "/fail", map[string]any{"level": "WARN", "status": 409.0, "error": "409 Conflict: taken: unexpected EOF"}},
		{"GET", "/broken", map[string]any{"level": "ERROR", "status": 500.0, "error": "unexpected EOF"}},
		{"GET", "/panic", map[string]any{"level": "ERROR", "status": 500.0, "error": "geist: handler panicked: boom"}},
		{"GET", "/middleware", map[string]any{"level": "ERROR", "route": "/middleware", "status": 500.0, "error": "middleware panicked"}},
	} {
		t.Run(tt.method+" "+tt.path, func(t *testing.T) {
			client.With(t).Request(tt.method, tt.path).Do()
			m := out.record(t)
			has(t, m, tt.want)
			if d, ok := m["duration"].(float64); !ok || d < 0 || d > float64(time.Minute) {
				t.Errorf("duration = %v, want nanoseconds", m["duration"])
			}
			out.none(t)
		})
	}
}

// TestNew_logger: the record has what AddLogAttrs and SetLogger have added.
func TestNew_logger(t *testing.T) {
	var log bytes.Buffer
	app := geist.New(geist.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	app.Use(logger.New(logger.Config{Message: "done", Attrs: func(c *geist.Ctx) []slog.Attr { return []slog.Attr{slog.String("tenant", c.Query("t"))} }}))
	app.GET("/a", func(c *geist.Ctx) error {
		c.AddLogAttrs(slog.String("request_id", "id-7"))
		c.SetLogger(c.Logger().With("user", "ada"))
		return c.NoContent()
	})
	geisttest.New(t, app).GET("/a?t=x").Do().Status(204)
	want := `level=INFO msg=done method=GET route=/a request_id=id-7 user=ada path=/a status=204 bytes=0 duration=`
	if s := log.String(); !strings.Contains(s, want) || !strings.HasSuffix(s, " client_ip=192.0.2.1 tenant=x\n") {
		t.Errorf("log = %s, want %s", s, want)
	}
	t.Run("of its own", func(t *testing.T) {
		var log bytes.Buffer
		app := geist.New()
		app.Use(logger.New(logger.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}))
		app.GET("/a", func(c *geist.Ctx) error { c.AddLogAttrs(slog.String("request_id", "id-7")); return c.NoContent() })
		geisttest.New(t, app).GET("/a").Do()
		if s := log.String(); !strings.Contains(s, "method=GET route=/a path=/a") || !strings.Contains(s, "request_id=id-7") {
			t.Errorf("log = %s", s)
		}
	})
}

func TestConfig_Sample(t *testing.T) {
	app, out := newApp(logger.Config{Sample: 10})
	app.GET("/broken", func(*geist.Ctx) error { return io.ErrUnexpectedEOF })
	client := geisttest.New(t, app)
	for range 100 {
		client.GET("/users/7").Do()
	}
	for range 5 {
		client.GET("/broken").Do()
	}
	if n := len(out.came); n != 15 {
		t.Errorf("%d lines of 100 requests and 5 failures, want 15", n)
	}
}

func TestConfig_format(t *testing.T) {
	for _, tt := range []struct {
		name   string
		format logger.Format
		want   string
	}{
		{"common", logger.Common, `^192\.0\.2\.1 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "GET /users/7 HTTP/1\.1" 200 5\n$`},
		{"combined", logger.Combined, `^192\.0\.2\.1 - - \[[^]]+\] "GET /users/7 HTTP/1\.1" 200 5 "https://a\.example/x" "curl/8 \\"x\\" \\\\"\n$`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out := newLines()
			app := geist.New()
			app.Use(logger.New(logger.Config{Format: tt.format, Output: out}))
			app.GET("/users/:id", func(c *geist.Ctx) error { return c.Text(200, "hello") })
			client := geisttest.New(t, app)
			client.GET("/users/7?q=1").Header("Referer", "https://a.example/x?token=1").Header("User-Agent", `curl/8 "x" \`).Do()
			if line := <-out.came; !regexp.MustCompile(tt.want).MatchString(line) {
				t.Errorf("line = %s, want %s", line, tt.want)
			}
			client.HEAD("/users/7").Do()
			if line := <-out.came; !strings.Contains(line, `"HEAD /users/7 HTTP/1.1" 200 -`) {
				t.Errorf("line = %s", line)
			}
		})
	}
}

// TestConfig_Output_lines: lines of many requests at once do not mix.
func TestConfig_Output_lines(t *testing.T) {
	for _, format := range []logger.Format{logger.JSON, logger.Combined} {
		out := newLines()
		app := geist.New()
		app.Use(logger.New(logger.Config{Format: format, Output: out}))
		app.GET("/users/:id", func(c *geist.Ctx) error { return c.Text(200, "hello") })
		client := geisttest.New(t, app)
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() { client.GET("/users/7").Do() })
		}
		all.Wait()
		if len(out.all) != 50 {
			t.Errorf("%d lines, want 50", len(out.all))
		}
		for _, line := range out.all {
			if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "\n") || strings.Count(line, "/users/7") != 1 {
				t.Errorf("line = %q", line)
			}
		}
	}
}

// TestConfig_Output_fails: that lines are lost is told once, and again after a line that was written.
func TestConfig_Output_fails(t *testing.T) {
	for _, format := range []logger.Format{logger.JSON, logger.Common} {
		var log bytes.Buffer
		out := newLines()
		app := geist.New(geist.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		app.Use(logger.New(logger.Config{Format: format, Output: out}))
		app.GET("/", func(c *geist.Ctx) error { return c.NoContent() })
		client := geisttest.New(t, app)
		for _, err := range []error{errors.New("disk full"), errors.New("disk full"), nil, errors.New("disk full")} {
			out.mu.Lock()
			out.fail = err
			out.mu.Unlock()
			client.GET("/").Do().Status(204)
		}
		if got := strings.Count(log.String(), "disk full"); got != 2 {
			t.Errorf("told %d times, want 2:\n%s", got, &log)
		}
	}
}

func TestNew_config(t *testing.T) {
	for name, config := range map[string]logger.Config{
		"unknown format":     {Format: logger.Combined + 1, Output: io.Discard},
		"no output":          {Format: logger.JSON},
		"output of slog":     {Output: io.Discard},
		"logger of JSON":     {Format: logger.JSON, Output: io.Discard, Logger: slog.Default()},
		"negative sample":    {Sample: -1},
		"attrs of Apache":    {Format: logger.Common, Output: io.Discard, Attrs: func(*geist.Ctx) []slog.Attr { return nil }},
		"headers of Apache":  {Format: logger.Combined, Output: io.Discard, Headers: []string{"Accept"}},
		"opened with Apache": {Format: logger.Combined, Output: io.Discard, Opened: true},
		"empty name":         {Redact: []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if s, _ := recover().(string); !strings.HasPrefix(s, "logger: Config.") {
					t.Errorf("panic = %q, want one that names the field", s)
				}
			}()
			logger.New(config)
		})
	}
}

func TestNew_notFound(t *testing.T) {
	app, out := newApp(logger.Config{})
	geisttest.New(t, app).GET("/a%0ab").Do().Status(404)
	has(t, out.record(t), map[string]any{"status": 404.0, "path": "/a%0Ab", "route": ""})
}

func TestNew_websocket(t *testing.T) {
	app, out := newApp(logger.Config{Opened: true})
	h := hub.New(hub.Config{})
	app.WS("/loop/:room", func(_ *geist.Ctx, ws *geist.Conn) error { _, err := ws.Read(); return err })
	app.WS("/follow/:room", func(_ *geist.Ctx, ws *geist.Conn) error { return ws.Follow(h, "news") })
	client := geisttest.New(t, app)
	for _, path := range []string{"/loop/a", "/follow/a"} {
		ws := client.WS(path)
		has(t, out.record(t), map[string]any{"msg": "opened", "status": 101.0, "path": path})
		out.none(t)
		if path == "/loop/a" {
			ws.Close(1000, "")
		} else {
			ws.Leave()
		}
		m := out.record(t)
		has(t, m, map[string]any{"msg": "request", "status": 101.0, "path": path, "method": "GET", "bytes": nil, "level": "INFO"})
		if !strings.HasSuffix(m["route"].(string), "/:room") {
			t.Errorf("route = %v", m["route"])
		}
	}
	client.GET("/loop/a").Do().Status(426)
	has(t, out.record(t), map[string]any{"msg": "request", "status": 426.0})
}

func TestNew_stream(t *testing.T) {
	app, out := newApp(logger.Config{})
	h := hub.New(hub.Config{})
	app.SSE("/run", func(_ *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error { <-s.Context().Done(); return nil })
	})
	app.SSE("/follow", func(_ *geist.Ctx, s *geist.Stream) error { return s.Follow(h, "news") })
	app.GET("/stream", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			out.none(t)
			_, err := w.WriteString("hello")
			return err
		})
	})
	client := geisttest.New(t, app)
	for _, path := range []string{"/run", "/follow"} {
		feed := client.SSE(path)
		out.none(t)
		feed.Close()
		has(t, out.record(t), map[string]any{"msg": "request", "status": 200.0, "path": path, "route": path, "bytes": nil})
	}
	client.GET("/stream").Do().Status(200)
	has(t, out.record(t), map[string]any{"path": "/stream", "bytes": nil})
}
