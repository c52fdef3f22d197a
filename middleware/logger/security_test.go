package logger_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/logger"
)

// TestCVE_2020_36567_logInjection: nothing that a client sends ends a line, or reaches the log as
// a character that a terminal acts on, in any format.
func TestCVE_2020_36567_logInjection(t *testing.T) {
	const evil = "%0a%0d%1b[2J%c2%9b31m%7f%e2%80%ae%22%20status=200"
	for _, format := range []logger.Format{logger.Slog, logger.JSON, logger.Common, logger.Combined} {
		t.Run(fmt.Sprint(format), func(t *testing.T) {
			var log bytes.Buffer
			config := logger.Config{Format: format, Query: true}
			if format == logger.Slog || format == logger.JSON {
				config.Headers = []string{"User-Agent"}
			}
			app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler)})
			if format == logger.Slog {
				config.Logger = slog.New(raw{&log})
			} else {
				config.Output = &log
			}
			app.Use(logger.New(config))
			app.GET("/error/:text", func(c *geist.Ctx) error { return fmt.Errorf("no %s", c.Param("text")) })
			client := geisttest.New(t, app)
			sent := 0
			for _, path := range []string{"/" + evil, "/error/" + evil, "/?a=" + evil, "/?" + evil + "=1"} {
				client.GET(path).Header("User-Agent", "x\u009b31m\u202e\\\"").Header("Referer", "x\u009b\u202e\"").Do()
				sent++
			}
			if got := strings.Count(log.String(), "\n"); got != sent {
				t.Errorf("%d lines of %d requests:\n%q", got, sent, &log)
			}
			for _, r := range log.String() {
				if r != '\n' && r != 'µ' && (r < ' ' || r > '~') { // µ is of durations
					t.Errorf("the log holds %q:\n%q", r, &log)
					break
				}
			}
		})
	}
}

// raw is a handler that escapes nothing, as handlers for terminals do.
type raw struct{ w *bytes.Buffer }

func (h raw) Enabled(_ context.Context, _ slog.Level) bool { return true }
func (h raw) WithAttrs([]slog.Attr) slog.Handler           { return h }
func (h raw) WithGroup(string) slog.Handler                { return h }

func (h raw) Handle(_ context.Context, r slog.Record) error {
	h.w.WriteString(r.Message)
	r.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(h.w, " %s=%s", a.Key, a.Value)
		return true
	})
	h.w.WriteByte('\n')
	return nil
}

// TestRedact_secrets: neither queries nor header fields nor paths bring secrets into the log.
func TestRedact_secrets(t *testing.T) {
	app, out := newApp(logger.Config{
		Query:   true,
		Headers: []string{"Authorization", "Cookie", "X-API-Key", "X-Internal-Name", "Accept"},
		Redact:  []string{"Internal"},
	})
	app.GET("/reset/:reset_token", func(c *geist.Ctx) error { return c.NoContent() })
	app.GET("/secrets/*secret", func(c *geist.Ctx) error { return c.NoContent() })
	client := geisttest.New(t, app)
	for _, tt := range []struct{ path, want string }{
		{"/users/7?page=2&access_token=hunter2&q=x", "/users/7?page=2&access_token=REDACTED&q=x"},
		{"/users/7?PassWord=hunter2", "/users/7?PassWord=REDACTED"},
		{"/users/7?%61pi_k%65y=hunter2", "/users/7?%61pi_k%65y=REDACTED"},
		{"/users/7?code=hunter2&sig=hunter2;sid=hunter2", "/users/7?code=REDACTED&sig=REDACTED;sid=REDACTED"},
		{"/users/7?a=1;token=hunter2", "/users/7?a=1;token=REDACTED"},
		{"/users/7?token=hunter2=hunter2&token=hunter2", "/users/7?token=REDACTED&token=REDACTED"},
		{"/users/7?internal_id=hunter2&zipcode=1", "/users/7?internal_id=REDACTED&zipcode=1"},
		{"/reset/hunter2?a=1", "/reset/:reset_token?a=1"},
		{"/reset/hunter2", "/reset/:reset_token"},
		{"/secrets/hunter2/x", "/secrets/*secret"},
	} {
		client.GET(tt.path).Header("Authorization", "Bearer hunter2").Header("Cookie", "a=hunter2").Header("X-API-Key", "hunter2").
			Header("X-Internal-Name", "hunter2").Header("Accept", "text/plain").Header("X-Other", "hunter2").Do()
		line := <-out.came
		if !strings.Contains(line, `"path":"`+strings.ReplaceAll(tt.want, "&", `\u0026`)+`"`) && !strings.Contains(line, `"path":"`+tt.want+`"`) {
			t.Errorf("%s: line %s, want the path %s", tt.path, line, tt.want)
		}
		if strings.Contains(line, "hunter2") || !strings.Contains(line, `"Accept":"text/plain"`) || strings.Count(line, `:"REDACTED"`) != 4 {
			t.Errorf("line %s, want Accept and four redacted fields", line)
		}
	}
}

// TestNew_queryIsNotLogged: by default there is no query in a line, nor in the Referer.
func TestNew_queryIsNotLogged(t *testing.T) {
	for _, format := range []logger.Format{logger.JSON, logger.Combined} {
		out := newLines()
		app := geist.New()
		app.Use(logger.New(logger.Config{Format: format, Output: out}))
		geisttest.New(t, app).GET("/a?x=hunter2").Header("Referer", "https://a.example/?x=hunter2").Do()
		if line := <-out.came; strings.Contains(line, "hunter2") {
			t.Errorf("line %s", line)
		}
	}
}
