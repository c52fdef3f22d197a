package geist_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist"
)

// inUploads runs f in fake time, with the routes of these tests. What f leaves is
// shut down.
func inUploads(t *testing.T, f func(t *testing.T, d *drainTest)) {
	t.Helper()
	inBubble(t, geist.Config{ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute, DrainIdle: -1}, func(d *drainTest) {
		d.app.Change(func() { uploads(d.app); timeouts(d.app) })
		f(d.t, d)
		d.ends(d.shutdown(time.Minute))
	})
}

// wantsStatus reads an answer and compares the status.
func (c *drainClient) wantsStatus(status int) {
	c.t.Helper()
	var a probeAnswer
	if err := a.read(c.br, false); err != nil || a.status != status {
		c.t.Fatalf("answer = %d %q, %v, want %d", a.status, a.body, err, status)
	}
}

func uploads(app *geist.Engine) {
	read := func(c *geist.Ctx) error {
		n, err := io.Copy(io.Discard, c.BodyReader())
		if err != nil {
			return err
		}
		return c.Text(200, fmt.Sprint(n))
	}
	app.POST("/stream", read).Doc(geist.StreamBody())
	app.POST("/whole", read)
	app.POST("/timed", read).Doc(geist.StreamBody(), geist.Timeout(5*time.Second))
}

const uploadHead = " HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n"

// TestBody_slowStreamLasts: an upload that moves lasts as long as it needs to.
func TestBody_slowStreamLasts(t *testing.T) {
	inUploads(t, func(t *testing.T, d *drainTest) {
		c := d.dial()
		c.send("POST /stream" + uploadHead)
		for range 20 {
			c.send(strings.Repeat("b", 5000))
			time.Sleep(9 * time.Second)
		}
		c.wants("100000", false)
	})
}

// TestBody_stalledStreamEnds: an upload that stands still ends with 408.
func TestBody_stalledStreamEnds(t *testing.T) {
	for _, path := range []string{"/stream", "/whole"} {
		inUploads(t, func(t *testing.T, d *drainTest) {
			c := d.dial()
			start := time.Now()
			c.send("POST " + path + uploadHead)
			c.send(strings.Repeat("b", 50000))
			c.wantsStatus(408)
			c.wantsEOF()
			if took := time.Since(start); took < 10*time.Second || took > 11*time.Second {
				t.Errorf("%s ended after %s, want 10s", path, took)
			}
		})
	}
}

// TestBody_slowWholeEnds: what is read into memory has ReadTimeout in all.
func TestBody_slowWholeEnds(t *testing.T) {
	inUploads(t, func(t *testing.T, d *drainTest) {
		c := d.dial()
		start := time.Now()
		c.send("POST /whole" + uploadHead)
		go func() {
			for range 20 {
				if _, err := io.WriteString(c, strings.Repeat("b", 100)); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		c.wantsStatus(408)
		if took := time.Since(start); took < 9*time.Second || took > 12*time.Second {
			t.Errorf("ended after %s, want 10s", took)
		}
		_ = c.Close()
	})
}

// TestTimeout_boundsTheBody: a route's own time ends the wait for its body.
func TestTimeout_boundsTheBody(t *testing.T) {
	inUploads(t, func(t *testing.T, d *drainTest) {
		c := d.dial()
		start := time.Now()
		c.send("POST /timed" + uploadHead)
		c.send(strings.Repeat("b", 5000))
		time.Sleep(4 * time.Second)
		c.send(strings.Repeat("b", 5000))
		c.wantsStatus(408)
		if took := time.Since(start); took < 5*time.Second || took > 6*time.Second {
			t.Errorf("ended after %s, want 5s", took)
		}
	})
}

// TestTimeout_context: the context ends with the route's time, and only what fails for
// that is answered with 503.
func TestTimeout_context(t *testing.T) {
	inUploads(t, func(t *testing.T, d *drainTest) {
		c := d.dial()
		for _, tt := range []struct {
			path   string
			status int
			took   time.Duration
		}{
			{"/t/fails", 503, time.Second}, {"/t/wraps", 503, time.Second}, {"/t/quick", 200, 0}, {"/t/ignores", 200, 2 * time.Second},
			{"/t/own", 418, time.Second}, {"/t/other", 500, 0}, {"/t/middleware", 503, time.Second},
		} {
			start := time.Now()
			c.send(getRequest(tt.path))
			c.wantsStatus(tt.status)
			if took := time.Since(start); took != tt.took {
				t.Errorf("%s took %s, want %s", tt.path, took, tt.took)
			}
		}
		// The time of the handler is not that of its stream.
		for _, path := range []string{"/t/stream/early", "/t/stream/late"} {
			c.send(getRequest(path))
			resp, err := http.ReadResponse(c.br, nil)
			if err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(resp.Body); string(b) != "still here" || err != nil {
				t.Errorf("%s: got %q, %v, want still here", path, b, err)
			}
		}
	})
}

func timeouts(app *geist.Engine) {
	g := app.Group("/t").Doc(geist.Timeout(time.Second))
	ok := func(c *geist.Ctx) error { return c.Text(200, "ok") }
	wait := func(c *geist.Ctx) error { <-c.Context().Done(); return c.Context().Err() }
	g.GET("/fails", func(c *geist.Ctx) error {
		err := wait(c)
		if cause := context.Cause(c.Context()); !errors.Is(cause, geist.ErrTimeout) {
			return geist.NewError(400, "cause: "+cause.Error())
		}
		return err
	})
	g.GET("/wraps", func(c *geist.Ctx) error { return fmt.Errorf("query: %w", wait(c)) })
	g.GET("/quick", ok)
	g.GET("/ignores", func(c *geist.Ctx) error { time.Sleep(2 * time.Second); return ok(c) })
	g.GET("/own", func(c *geist.Ctx) error { return geist.NewError(418, "late").Wrap(wait(c)) })
	g.GET("/other", func(c *geist.Ctx) error { return fmt.Errorf("of my own: %w", context.DeadlineExceeded) })
	g.GET("/middleware", wait, ok)
	g.GET("/stream/:when", func(c *geist.Ctx) error {
		if c.Param("when") == "early" {
			_ = c.Context()
		}
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			select {
			case <-c.Context().Done():
				return c.Context().Err()
			case <-time.After(5 * time.Second):
			}
			_, err := io.WriteString(w, "still here")
			return err
		})
	})
}

// TestShutdown_finishesUploads: a drain in the middle of an upload waits for its end,
// and answers what was sent behind it.
func TestShutdown_finishesUploads(t *testing.T) {
	for _, path := range []string{"/stream", "/whole"} {
		inUploads(t, func(t *testing.T, d *drainTest) {
			c := d.dial()
			c.send("POST " + path + uploadHead)
			c.send(strings.Repeat("b", 50000))
			done := d.shutdown(time.Minute)
			time.Sleep(5 * time.Second)
			c.send(strings.Repeat("b", 50000))
			c.wants("100000", true)
			c.wantsEOF()
			if err := <-done; err != nil {
				t.Errorf("Shutdown = %v", err)
			}
		})
		inUploads(t, func(t *testing.T, d *drainTest) {
			c := d.dial()
			c.send("POST " + path + uploadHead)
			c.send(strings.Repeat("b", 99000))
			done := d.shutdown(time.Minute)
			time.Sleep(time.Second)
			c.send(strings.Repeat("b", 1000) + getRequest("/echo/x"))
			c.wants("100000", false)
			c.wants("x", true)
			c.wantsEOF()
			if err := <-done; err != nil {
				t.Errorf("Shutdown = %v", err)
			}
		})
	}
}
