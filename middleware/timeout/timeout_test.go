package timeout_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/middleware/timeout"
)

// newApp returns an engine that logs nothing, with middleware.
func newApp(mw ...geist.Handler) *geist.Engine {
	app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler), DrainIdle: -1})
	app.Use(mw...)
	return app
}

// inBubble runs a test in fake time, with clients that have all the time they need.
func inBubble(t *testing.T, app func(t *testing.T) *geist.Engine, test func(t *testing.T, client *geisttest.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(t, geisttest.New(t, app(t), geisttest.Config{Timeout: 24 * time.Hour}))
	})
}

// waits is a handler that waits for its context.
func waits(c *geist.Ctx) error {
	<-c.Context().Done()
	return context.Cause(c.Context())
}

// fails returns what a driver returns.
func fails(c *geist.Ctx) error {
	<-c.Context().Done()
	return c.Context().Err()
}

// wantAfter checks how much time has passed.
func wantAfter(t *testing.T, start time.Time, want time.Duration) {
	t.Helper()
	if got := time.Since(start); got != want {
		t.Errorf("answered after %s, want %s", got, want)
	}
}

func TestNew_badConfig(t *testing.T) {
	for name, config := range map[string][]timeout.Config{
		"two":                    {{}, {}},
		"negative time":          {{After: -1}},
		"negative MaxAbandoned":  {{Hard: true, MaxAbandoned: -1}},
		"MaxAbandoned, not Hard": {{MaxAbandoned: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Errorf("New(%+v) did not panic", config)
				}
			}()
			timeout.New(config...)
		})
	}
}

func TestNew_endsContext(t *testing.T) {
	for _, tt := range []struct {
		name  string
		conf  []timeout.Config
		after time.Duration
	}{
		{"default", nil, timeout.DefaultAfter},
		{"a second", []timeout.Config{{After: time.Second}}, time.Second},
		{"hard", []timeout.Config{{After: time.Second, Hard: true}}, time.Second},
	} {
		for name, h := range map[string]geist.Handler{"cause": waits, "error": fails} {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				var seen error
				inBubble(t, func(*testing.T) *geist.Engine {
					app := newApp(func(c *geist.Ctx) error {
						err := c.Next()
						seen = err
						return err
					}, timeout.New(tt.conf...))
					app.GET("/", h)
					return app
				}, func(t *testing.T, client *geisttest.Client) {
					start := time.Now()
					p := client.GET("/").Do().Status(503).Problem()
					if want := geist.ErrTimeout.Detail(); p.Detail != want {
						t.Errorf("detail = %q, want %q", p.Detail, want)
					}
					wantAfter(t, start, tt.after)
				})
				if !errors.Is(seen, geist.ErrTimeout) {
					t.Errorf("middleware outside saw %v, want ErrTimeout", seen)
				}
			})
		}
	}
}

// TestNew_notStopped: without Hard, a handler that does not look at its context is waited for, and
// its answer counts.
func TestNew_notStopped(t *testing.T) {
	inBubble(t, func(*testing.T) *geist.Engine {
		app := newApp(timeout.New(timeout.Config{After: time.Second}))
		app.GET("/", func(c *geist.Ctx) error {
			time.Sleep(time.Minute)
			return c.Text(200, "late")
		})
		app.GET("/refused", func(*geist.Ctx) error {
			time.Sleep(time.Minute)
			return geist.NewError(409, "taken")
		})
		return app
	}, func(t *testing.T, client *geisttest.Client) {
		start := time.Now()
		client.GET("/").Do().Status(200).BodyIs("late")
		wantAfter(t, start, time.Minute)
		client.GET("/refused").Do().Status(409)
	})
}

// TestNew_shortestCounts: of several bounds the one that ends first counts, whoever is inside.
func TestNew_shortestCounts(t *testing.T) {
	short, long := timeout.Config{After: time.Second}, timeout.Config{After: time.Minute}
	hard := func(conf timeout.Config) timeout.Config { conf.Hard = true; return conf }
	for name, confs := range map[string][2]timeout.Config{
		"outer": {short, long}, "inner": {long, short}, "outer, hard inside": {short, hard(long)},
		"inner, hard outside": {hard(long), short}, "outer hard": {hard(short), long}, "inner hard": {long, hard(short)},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(*testing.T) *geist.Engine {
				app := newApp(timeout.New(confs[0]), timeout.New(confs[1]))
				app.GET("/", waits)
				app.GET("/route", waits).Doc(geist.Timeout(time.Millisecond))
				return app
			}, func(t *testing.T, client *geisttest.Client) {
				start := time.Now()
				client.GET("/").Do().Status(503)
				wantAfter(t, start, time.Second)
				start = time.Now()
				client.GET("/route").Do().Status(503)
				wantAfter(t, start, time.Millisecond)
			})
		})
	}
}

// TestNew_outsideUnbounded: middleware outside goes on with a context that has not ended, with
// the values that were there, whether it asked for one before or not.
func TestNew_outsideUnbounded(t *testing.T) {
	type key struct{}
	for _, before := range []bool{false, true} {
		for _, inside := range []bool{false, true} {
			inBubble(t, func(t *testing.T) *geist.Engine {
				app := newApp(func(c *geist.Ctx) error {
					if before {
						c.SetContext(context.WithValue(c.Context(), key{}, "outer"))
					}
					err := c.Next()
					ctx := c.Context()
					if _, bounded := ctx.Deadline(); bounded || ctx.Err() != nil {
						t.Errorf("before %v, inside %v: the context outside has a deadline, or has ended: %v", before, inside, ctx.Err())
					}
					want := any(nil)
					if before {
						want = "outer"
					}
					if inside {
						want = "inner"
					}
					if got := ctx.Value(key{}); got != want {
						t.Errorf("before %v, inside %v: value = %v, want %v", before, inside, got, want)
					}
					return err
				}, timeout.New(timeout.Config{After: time.Second}), func(c *geist.Ctx) error {
					if inside {
						c.SetContext(context.WithValue(c.Context(), key{}, "inner"))
					}
					return c.Next()
				})
				app.GET("/", waits)
				return app
			}, func(_ *testing.T, client *geisttest.Client) { client.GET("/").Do().Status(503) })
		}
	}
}

// TestNew_body: the wait for the body ends with the time.
func TestNew_body(t *testing.T) {
	for _, hard := range []bool{false, true} {
		inBubble(t, func(*testing.T) *geist.Engine {
			app := newApp(timeout.New(timeout.Config{After: time.Second, Hard: hard}))
			app.POST("/", func(c *geist.Ctx) error { return c.Bytes(200, "text/plain", c.Body()) })
			return app
		}, func(t *testing.T, client *geisttest.Client) {
			start := time.Now()
			conn := client.Dial()
			_, err := conn.Write([]byte("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 20000\r\n\r\nabc"))
			if err != nil {
				t.Fatal(err)
			}
			var head [12]byte
			if _, err := conn.Read(head[:]); err != nil || string(head[9:]) != "408" {
				t.Errorf("hard %v: the answer begins %q, %v, want 408", hard, head, err)
			}
			wantAfter(t, start, time.Second)
			client.POST("/").BodyString("hello").Do().Status(200).BodyIs("hello")
		})
	}
}

// TestNew_notFound: handlers that answer where there is no route are bounded, too.
func TestNew_notFound(t *testing.T) {
	for _, hard := range []bool{false, true} {
		inBubble(t, func(*testing.T) *geist.Engine {
			app := newApp(timeout.New(timeout.Config{After: time.Second, Hard: hard}))
			app.NotFound(fails)
			app.MethodNotAllowed(fails)
			app.GET("/here/", func(c *geist.Ctx) error { return c.NoContent() })
			return app
		}, func(t *testing.T, client *geisttest.Client) {
			start := time.Now()
			client.GET("/nowhere").Do().Status(503)
			wantAfter(t, start, time.Second)
			client.POST("/here/").Do().Status(503).HasHeader("Allow", "GET, HEAD, OPTIONS")
			client.OPTIONS("/here/").Do().Status(204)
			client.GET("/here").Do().Status(308)
			client.HEAD("/here/").Do().Status(204)
		})
	}
}

// TestNew_stream: the time ends where a stream begins.
func TestNew_stream(t *testing.T) {
	for _, hard := range []bool{false, true} {
		h := hub.New(hub.Config{})
		inBubble(t, func(t *testing.T) *geist.Engine {
			app := newApp(timeout.New(timeout.Config{After: time.Second, Hard: hard}))
			app.GET("/stream", func(c *geist.Ctx) error {
				_ = c.Context()
				name := "x"
				if c.Query("name") != "" {
					name = c.Query("name")
				}
				return c.Stream("text/plain", func(w *geist.StreamWriter) error {
					time.Sleep(time.Hour)
					if err := c.Context().Err(); err != nil {
						return err
					}
					_, err := w.WriteString("late " + name + c.Query("name"))
					return err
				})
			})
			app.GET("/http", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = w.Write([]byte("begun "))
				w.(http.Flusher).Flush()
				time.Sleep(100 * time.Millisecond)
				_, _ = w.Write([]byte("ended"))
			})))
			app.SSE("/run", func(c *geist.Ctx, s *geist.Stream) error {
				_ = c.Context()
				return s.Run(func() error {
					time.Sleep(time.Hour)
					return errors.Join(s.Context().Err(), c.Context().Err(), s.Send(geist.Event{Name: "late"}))
				})
			})
			app.SSE("/follow", func(_ *geist.Ctx, s *geist.Stream) error { return s.Follow(h, "room") })
			app.SSE("/refused", func(c *geist.Ctx, _ *geist.Stream) error { return fails(c) })
			return app
		}, func(t *testing.T, client *geisttest.Client) {
			client.GET("/stream?name=y").Do().Status(200).BodyIs("late yy")
			client.GET("/http").Do().Status(200).BodyIs("begun ended")
			e := client.SSE("/run")
			e.Next().Is("late", "")
			e.End()
			e = client.SSE("/follow")
			time.Sleep(time.Hour)
			if _, err := h.Publish(t.Context(), "room", hub.Message{Event: "news", Data: []byte("late")}); err != nil {
				t.Error(err)
			}
			e.Next().Is("news", "late")
			e.Close()
			client.GET("/refused").Header("Accept", "text/event-stream").Do().Status(503)
			if err := h.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestNew_websocket: the time bounds the handshake, not the connection.
func TestNew_websocket(t *testing.T) {
	for _, hard := range []bool{false, true} {
		inBubble(t, func(t *testing.T) *geist.Engine {
			app := newApp(timeout.New(timeout.Config{After: time.Second, Hard: hard}))
			app.WS("/echo", func(c *geist.Ctx, ws *geist.Conn) error {
				_ = c.Context()
				m, err := ws.Read()
				if err != nil {
					return err
				}
				if err := c.Context().Err(); err != nil {
					t.Errorf("hard %v: the context has ended: %v", hard, err)
				}
				return ws.Write(m.Type, m.Data)
			})
			app.WS("/slow", func(c *geist.Ctx, _ *geist.Conn) error { return fails(c) })
			return app
		}, func(_ *testing.T, client *geisttest.Client) {
			ws := client.WS("/echo")
			time.Sleep(10 * time.Second)
			ws.Send("hello")
			ws.Next().Text("hello")
			ws.Closed(1000)
			client.GET("/slow").Header("Connection", "Upgrade").Header("Upgrade", "websocket").
				Header("Sec-WebSocket-Version", "13").Header("Sec-WebSocket-Key", "MDEyMzQ1Njc4OWFiY2RlZg==").Do().Status(503)
		})
	}
}
