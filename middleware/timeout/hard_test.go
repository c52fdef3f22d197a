package timeout_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/timeout"
)

var (
	outerKey = geist.NewKey[string]("outer")
	innerKey = geist.NewKey[string]("inner")
)

// hard bounds by a second.
func hard() geist.Handler { return timeout.New(timeout.Config{After: time.Second, Hard: true}) }

// TestNew_hardInTime: what handlers do in time is as without Hard.
func TestNew_hardInTime(t *testing.T) {
	file := filepath.Join(t.TempDir(), "large.txt")
	large := strings.Repeat("0123456789abcdef", 64<<10) // is sent as a stream
	if err := os.WriteFile(file, []byte(large), 0o600); err != nil {
		t.Fatal(err)
	}
	serve := func(t *testing.T, bound geist.Handler) (*geisttest.Client, *[]string) {
		var log []string
		app := newApp(func(c *geist.Ctx) error {
			outerKey.Set(c, "set outside")
			c.SetLocal("name", "set outside")
			c.SetHeader("X-Outer", "before")
			c.OnClose(func() { log = append(log, "closed outside") })
			err := c.Next()
			inner, _ := innerKey.Get(c)
			local, _ := c.Local("name").(string)
			c.AddHeader("X-Outer", "after")
			log = append(log, inner, local, c.Pattern())
			if err != nil {
				log = append(log, err.Error())
			}
			return err
		}, bound, func(c *geist.Ctx) error {
			innerKey.Set(c, outerKey.Must(c)+", then inside")
			c.OnClose(func() { log = append(log, "closed inside") })
			return c.Next()
		})
		app.GET("/text/:name", func(c *geist.Ctx) error {
			c.SetLocal("name", c.Local("name").(string)+", then inside")
			c.SetHeader("X-Seen", c.ResponseHeader("X-Outer")+" "+c.ClientIP()+" "+c.Host()+" "+c.Query("q")+" "+c.Scheme())
			return c.Text(201, c.Param("name"))
		})
		app.POST("/body/*rest", func(c *geist.Ctx) error { return c.Text(200, c.Param("rest")+string(c.Body())) })
		app.GET("/json", func(c *geist.Ctx) error { return c.JSON(200, geist.Map{"a": 1}) })
		app.GET("/nothing", func(c *geist.Ctx) error { return c.NoContent() })
		app.GET("/away", func(c *geist.Ctx) error { return c.Redirect(303, "/json") })
		app.GET("/error", func(*geist.Ctx) error { return geist.NewError(409, "taken") })
		app.GET("/panic", func(*geist.Ctx) error { panic("a bug") })
		app.GET("/refused", func(*geist.Ctx) error { return nil }).Doc(geist.With(func(*geist.Ctx) error { return geist.NewError(403, "no") }))
		app.GET("/large", func(c *geist.Ctx) error { return c.File(file) })
		app.GET("/stream", func(c *geist.Ctx) error {
			return c.Stream("text/plain", func(w *geist.StreamWriter) error {
				_, err := w.WriteString(innerKey.Must(c) + c.Query("q"))
				return err
			})
		})
		app.GET("/http", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Remote", r.RemoteAddr)
			_, _ = w.Write([]byte(r.URL.Path))
		})))
		app.Static("/files", filepath.Dir(file))
		return geisttest.New(t, app), &log
	}
	for _, target := range []string{
		"GET /text/ada?q=1", "HEAD /text/ada", "GET /text/a%2Fb", "POST /body/x/y", "GET /json", "GET /nothing", "GET /away", "GET /error",
		"GET /panic", "GET /refused", "GET /large", "HEAD /large", "GET /stream?q=2", "HEAD /stream", "GET /http", "GET /files/large.txt",
		"GET /files/none.txt", "GET /nowhere", "POST /json", "OPTIONS /json",
	} {
		t.Run(target, func(t *testing.T) {
			method, path, _ := strings.Cut(target, " ")
			var heads, bodies [2]string
			var logs [2][]string
			for i, bound := range []geist.Handler{timeout.New(), timeout.New(timeout.Config{Hard: true})} {
				t.Run("", func(t *testing.T) { // which ends with all connections
					client, log := serve(t, bound)
					req := client.Request(method, path).RemoteAddr("198.51.100.7:999")
					if method == "POST" {
						req.BodyString("sent")
					}
					resp := req.Do()
					heads[i], bodies[i] = withoutDate(resp.Head()), resp.Text()
					t.Cleanup(func() { logs[i] = *log })
				})
			}
			if heads[0] != heads[1] {
				t.Errorf("header:\n%s\nwith Hard:\n%s", heads[0], heads[1])
			}
			if bodies[0] != bodies[1] {
				t.Errorf("body = %.200q, with Hard %.200q", bodies[0], bodies[1])
			}
			if !slices.Equal(logs[0], logs[1]) {
				t.Errorf("outside:\n%q\nwith Hard:\n%q", logs[0], logs[1])
			}
		})
	}
}

func withoutDate(head []byte) string {
	lines := strings.Split(string(head), "\r\n")
	lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "Date:") || strings.HasPrefix(l, "Last-Modified:") })
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// TestNew_hardAborts: ErrAbort cuts the connection as ever.
func TestNew_hardAborts(t *testing.T) {
	inBubble(t, func(*testing.T) *geist.Engine {
		app := newApp(hard())
		app.GET("/", func(*geist.Ctx) error { return geist.ErrAbort })
		app.GET("/panic", func(*geist.Ctx) error { panic(http.ErrAbortHandler) })
		return app
	}, func(t *testing.T, client *geisttest.Client) {
		for _, path := range []string{"/", "/panic"} {
			if resp, err := client.GET(path).DoErr(); err == nil {
				t.Errorf("GET %s = %d, want no answer", path, resp.Raw().StatusCode)
			}
		}
	})
}

// TestNew_hardMiddlewarePanics: a panic of middleware behind a hard bound is its request's error.
func TestNew_hardMiddlewarePanics(t *testing.T) {
	var seen error
	inBubble(t, func(*testing.T) *geist.Engine {
		app := newApp(func(c *geist.Ctx) error {
			err := c.Next()
			seen = err
			return err
		}, hard(), func(*geist.Ctx) error { panic("a bug") })
		app.GET("/", func(c *geist.Ctx) error { return c.NoContent() })
		return app
	}, func(_ *testing.T, client *geisttest.Client) { client.GET("/").Do().Status(500) })
	if p, ok := errors.AsType[*geist.PanicError](seen); !ok || p.Value != "a bug" {
		t.Errorf("middleware outside saw %v, want the panic", seen)
	}
}

// TestNew_hardLateStream: a stream that is opened after the time is refused, and never runs.
func TestNew_hardLateStream(t *testing.T) {
	var refused error
	inBubble(t, func(t *testing.T) *geist.Engine {
		app := newApp(hard())
		app.GET("/", func(c *geist.Ctx) error {
			time.Sleep(time.Minute)
			refused = c.Stream("text/plain", func(*geist.StreamWriter) error {
				t.Error("the stream runs")
				return nil
			})
			return refused
		})
		app.GET("/early", func(c *geist.Ctx) error {
			err := c.Stream("text/plain", func(*geist.StreamWriter) error {
				t.Error("the early stream runs")
				return nil
			})
			time.Sleep(time.Minute)
			return err
		})
		return app
	}, func(_ *testing.T, client *geisttest.Client) {
		client.GET("/").Do().Status(503)
		client.GET("/early").Do().Status(503)
		time.Sleep(time.Hour)
	})
	if !errors.Is(refused, geist.ErrTimeout) {
		t.Errorf("Stream = %v, want ErrTimeout", refused)
	}
}

// TestNew_hardLatePanic: a panic after the time is logged, and ends nothing else.
func TestNew_hardLatePanic(t *testing.T) {
	var buf lockedBuffer
	closed := false
	inBubble(t, func(*testing.T) *geist.Engine {
		app := geist.New(geist.Config{Logger: slog.New(slog.NewTextHandler(&buf, nil))})
		app.OnError(func(*geist.Ctx, error) { panic("the error handler, too") })
		app.Use(hard())
		app.GET("/", func(c *geist.Ctx) error {
			c.OnClose(func() { closed = true })
			time.Sleep(time.Minute)
			panic("a late bug")
		})
		return app
	}, func(_ *testing.T, client *geisttest.Client) {
		client.GET("/").Do().Status(500) // the error handler's
		time.Sleep(time.Hour)
	})
	if !closed {
		t.Error("the function of OnClose has not run")
	}
	if got := buf.String(); !strings.Contains(got, "a late bug") {
		t.Errorf("log = %s, want the panic", got)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestNew_hardMaxAbandoned: beyond MaxAbandoned, requests wait for their handlers.
func TestNew_hardMaxAbandoned(t *testing.T) {
	inBubble(t, func(*testing.T) *geist.Engine {
		app := newApp(timeout.New(timeout.Config{After: time.Second, Hard: true, MaxAbandoned: 2}))
		app.GET("/", func(c *geist.Ctx) error {
			time.Sleep(time.Minute)
			return c.Text(200, "late")
		})
		return app
	}, func(t *testing.T, client *geisttest.Client) {
		statuses := make(chan int, 5)
		for range 5 {
			go func() { statuses <- client.GET("/").Do().Raw().StatusCode }()
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := len(statuses); n != 2 {
			t.Errorf("%d answers after 2s, want 2", n)
		}
		var got []int
		for range 5 {
			got = append(got, <-statuses)
		}
		slices.Sort(got)
		if want := []int{200, 200, 200, 503, 503}; !slices.Equal(got, want) {
			t.Errorf("statuses = %v, want %v", got, want)
		}
		client.GET("/").Do().Status(503) // the others have ended
		time.Sleep(time.Hour)
	})
}

// TestNew_hardShutdown: a drain waits for handlers that were left behind, up to its deadline;
// what they do later meets nothing that was used again.
func TestNew_hardShutdown(t *testing.T) {
	for _, tt := range []struct {
		name     string
		deadline time.Duration
		after    time.Duration
		told     bool
	}{
		{"waits", time.Hour, 59 * time.Second, false},
		{"up to the deadline", 10 * time.Second, 10 * time.Second, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			done := false
			synctest.Test(t, func(t *testing.T) {
				app := newApp(hard())
				app.GET("/:name", func(c *geist.Ctx) error {
					time.Sleep(time.Minute)
					if got := c.Param("name") + c.Header("X-Name") + c.Path(); got != "adalovelace/ada" {
						t.Errorf("the handler sees %q later", got)
					}
					done = true
					return c.Text(200, "late")
				})
				client := geisttest.New(t, app, geisttest.Config{Timeout: 24 * time.Hour})
				client.GET("/ada").Header("X-Name", "lovelace").Do().Status(503)
				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), tt.deadline)
				defer cancel()
				err := app.Shutdown(ctx)
				wantAfter(t, start, tt.after)
				if told := err != nil && strings.Contains(err.Error(), "handlers whose time was over"); told != tt.told {
					t.Errorf("Shutdown = %v, told of the handler: %v, want %v", err, told, tt.told)
				}
				time.Sleep(time.Hour)
			})
			if !done {
				t.Error("the handler has not come to its end")
			}
		})
	}
}

// TestNew_hardForeign: in a server of net/http it is the same.
func TestNew_hardForeign(t *testing.T) {
	release := make(chan struct{})
	app := newApp(timeout.New(timeout.Config{After: 20 * time.Millisecond, Hard: true}))
	app.GET("/hangs", func(c *geist.Ctx) error {
		<-release
		return c.Text(200, "late")
	})
	app.POST("/ok", func(c *geist.Ctx) error { return c.Text(200, "ok "+string(c.Body())) })
	h := app.HTTPHandler()
	do := func(method, path, body string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body)))
		return w
	}
	if got := do("GET", "/hangs", "").Code; got != 503 {
		t.Errorf("status = %d, want 503", got)
	}
	close(release)
	if got := do("POST", "/ok", "sent").Body.String(); got != "ok sent" {
		t.Errorf("body = %q", got)
	}
	if err := app.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
