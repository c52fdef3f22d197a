package geisttest_test

import (
	"context"
	"errors"
	"io"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// TestEventStream_inBubble: time is faked, so that an hour of ticks and heartbeats takes none.
func TestEventStream_inBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := geist.New()
		app.SSE("/", func(c *geist.Ctx, s *geist.Stream) error {
			return s.Run(func() error {
				for range 3 {
					time.Sleep(20 * time.Minute)
					if err := s.SendJSON("tick", time.Now().Unix()); err != nil {
						return err
					}
				}
				return nil
			})
		})
		start := time.Now()
		e := geisttest.New(t, app, geisttest.Config{Timeout: time.Hour}).SSE("/")
		e.Comment()
		if passed := time.Since(start); passed < 15*time.Second || passed > 26*time.Second {
			t.Errorf("the first heartbeat came after %s, want 20s and a quarter more or less", passed)
		}
		for i := range 3 {
			var at int64
			e.Next().JSON(&at)
			if want := start.Add(time.Duration(i+1) * 20 * time.Minute).Unix(); at != want {
				t.Errorf("tick %d at %d, want %d", i, at, want)
			}
		}
		e.End()
	})
}

// counter is an engine whose /count/:n sends the numbers from the last id on up to n, then ends.
func counter() *geist.Engine {
	app := geist.New()
	app.SSE("/count/:n", func(c *geist.Ctx, s *geist.Stream) error {
		n, err := geist.Param[int](c, "n")
		if err != nil {
			return err
		}
		first, _ := strconv.Atoi(s.LastEventID())
		return s.Run(func() error {
			for i := first + 1; i <= n; i++ {
				if err := s.Send(geist.Event{ID: strconv.Itoa(i), Name: "count", Data: []byte(strconv.Itoa(i)), Comment: "c"}); err != nil {
					return err
				}
			}
			return nil
		})
	})
	app.SSE("/wait", func(c *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error {
			<-s.Context().Done()
			return context.Cause(s.Context())
		})
	})
	app.GET("/plain", func(c *geist.Ctx) error { return c.Text(200, "plain") })
	return app
}

func TestEventStream_resumes(t *testing.T) {
	for _, tls := range []bool{false, true} {
		c := geisttest.New(t, counter(), geisttest.Config{TLS: tls})
		e := c.SSE("/count/5")
		if got := e.Comment(); got != "c" {
			t.Errorf("comment = %q, want c", got)
		}
		e.Next().Is("count", "1").HasID("1")
		e.Next().Is("count", "2").HasID("2")
		e = e.Reconnect()
		e.Next().Is("count", "3")
		e = e.Reconnect()
		e.Next().Is("count", "4")
		e.Next().Is("count", "5")
		e.End()
		if got := e.LastEventID(); got != "5" {
			t.Errorf("last id = %q, want 5", got)
		}
		if _, err := e.NextErr(); !errors.Is(err, io.EOF) {
			t.Errorf("behind the end: %v, want io.EOF", err)
		}
		c.GET("/count/9").Header("Last-Event-ID", "8").SSE().Next().Is("count", "9")
	}
}

func TestEventStream_closeIsSeen(t *testing.T) {
	gone := make(chan error, 1)
	app := geist.New()
	app.SSE("/", func(c *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error {
			<-s.Context().Done()
			gone <- context.Cause(s.Context())
			return nil
		})
	})
	e := geisttest.New(t, app).SSE("/")
	e.Close()
	e.Close()
	if err := <-gone; !errors.Is(err, geist.ErrClientGone) {
		t.Errorf("cause = %v, want ErrClientGone", err)
	}
	if _, err := e.NextErr(); err == nil {
		t.Error("NextErr after Close = nil, want an error")
	}
}

func TestEventStream_messages(t *testing.T) {
	for _, test := range []struct {
		name string
		test func(c *geisttest.Client)
		want []string
	}{
		{"status", func(c *geisttest.Client) { c.SSE("/none") }, []string{"GET /none", "status 404", "want 200 and text/event-stream"}},
		{"type", func(c *geisttest.Client) { c.SSE("/plain") }, []string{"GET /plain", "text/plain"}},
		{"bad request", func(c *geisttest.Client) { c.GET("/a b").SSE() }, []string{"GET /a b", "space"}},
		{"timeout", func(c *geisttest.Client) { c.SSE("/wait").Next() }, []string{"GET /wait", "no complete answer in time (20ms)", "route /wait", "sse_test.go"}},
		{"end in place of an event", func(c *geisttest.Client) { c.SSE("/count/0").Next() }, []string{"GET /count/0", "EOF"}},
		{"event in place of the end", func(c *geisttest.Client) { c.SSE("/count/1").End() }, []string{`got event "count" with data "1"`, "want the end"}},
		{"end in place of a comment", func(c *geisttest.Client) { c.SSE("/count/0").Comment() }, []string{"next comment", "EOF"}},
		{"event in place of a comment", func(c *geisttest.Client) {
			e := c.SSE("/count/2")
			e.Comment()
			e.Comment()
		}, []string{`"count" with data "1" and id "1"`}},
		{"another event", func(c *geisttest.Client) { c.SSE("/count/1").Next().Is("x", "y") }, []string{`got event "count" with data "1", want "x" with "y"`}},
		{"another id", func(c *geisttest.Client) { c.SSE("/count/1").Next().HasID("7") }, []string{`id of event "count" = "1", want "7"`}},
		{"no JSON", func(c *geisttest.Client) { c.SSE("/count/1").Next().JSON(new([]int)) }, []string{"decode the data", "*[]int"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := geisttest.Config{}
			if test.name == "timeout" {
				cfg.Timeout = 20 * time.Millisecond
			}
			got := record(t, func(tb testing.TB) { test.test(geisttest.New(tb, counter(), cfg)) })
			wantMessage(t, got, test.want...)
		})
	}
}
