package logger_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/clientip"
	"github.com/gogeist/geist/middleware/health"
	"github.com/gogeist/geist/middleware/logger"
	"github.com/gogeist/geist/middleware/nocache"
	"github.com/gogeist/geist/middleware/pprof"
	"github.com/gogeist/geist/middleware/recovery"
	"github.com/gogeist/geist/middleware/requestid"
)

// TestChain: the middleware for operations, one behind the other as a service has it.
func TestChain(t *testing.T) {
	out := newLines()
	var reported []string
	app := geist.New(geist.Config{Logger: slog.New(slog.NewTextHandler(out, nil)), DrainIdle: -1})
	app.Use(
		requestid.New(),
		logger.New(),
		recovery.New(recovery.Config{StackBytes: -1, OnPanic: func(c *geist.Ctx, _ *geist.PanicError) {
			id, _ := requestid.From(c)
			reported = append(reported, id)
		}}),
		clientip.New(clientip.Config{Header: clientip.XRealIP, Trusted: []string{geisttest.DefaultRemoteAddr}, Deny: []string{"203.0.113.66"}}),
		nocache.New(),
	)
	health.Mount(app)
	pprof.Mount(app, "/debug/pprof")
	app.GET("/ok", func(c *geist.Ctx) error { return c.Text(200, "ok") })
	app.GET("/panic", func(*geist.Ctx) error { panic("boom") })
	app.GET("/behind", func(*geist.Ctx) error { panic("boom") }, func(*geist.Ctx) error { return nil })
	app.WS("/ws", func(_ *geist.Ctx, ws *geist.Conn) error { _, _ = ws.Read(); panic("boom") })
	client := geisttest.New(t, app)
	for _, tt := range []struct {
		path, ip string
		status   int
		lines    int // the engine's own among them
	}{
		{"/ok", "203.0.113.7", 200, 1},
		{"/ok", "203.0.113.66", 403, 1},
		{"/nowhere", "203.0.113.7", 404, 1},
		{"/panic", "203.0.113.7", 500, 2},
		{"/behind", "203.0.113.7", 500, 2},
		{"/readyz", "203.0.113.7", 200, 1},
		{"/debug/pprof/heap", "203.0.113.7", 403, 1},
	} {
		r := client.GET(tt.path).Header("X-Request-ID", "id-7").Header("X-Real-IP", tt.ip).Do().Status(tt.status).HasHeader("X-Request-ID", "id-7")
		if tt.status != 403 || tt.ip != "203.0.113.66" {
			r.HasHeader("Cache-Control", "no-store")
		}
		line := ""
		for range tt.lines {
			if line = <-out.came; !strings.Contains(line, "request_id=id-7") {
				t.Errorf("%s: line without the id: %s", tt.path, line)
			}
		}
		out.none(t)
		if !strings.Contains(line, "client_ip="+tt.ip) || !strings.Contains(line, "path="+tt.path) {
			t.Errorf("%s: line = %s", tt.path, line)
		}
	}
	ws := client.GET("/ws").Header("X-Request-ID", "id-8").Header("X-Real-IP", "203.0.113.7").WS()
	ws.Send("x")
	ws.Closed(1011)
	for range 2 { // the engine's about the panic, and the one of the connection
		if line := <-out.came; !strings.Contains(line, "request_id=id-8") {
			t.Errorf("line without the id: %s", line)
		}
	}
	if got := strings.Join(reported, " "); got != "id-7 id-7 id-8" {
		t.Errorf("reported %s, want each panic once with its id", got)
	}
}
