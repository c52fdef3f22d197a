package monitor_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/middleware/monitor"
)

func TestMonitor_history(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := monitored(monitor.Config{})
		app.GET("/a", func(c *geist.Ctx) error { return c.NoContent() })
		app.GET("/slow", func(c *geist.Ctx) error { time.Sleep(300 * time.Millisecond); return c.NoContent() })
		client := local(t, app)
		per := []int{2, 0, 3, 1} // requests in each second
		for _, n := range per {
			for range n {
				client.GET("/a").Do().Status(204)
			}
			time.Sleep(time.Second)
		}
		client.GET("/slow").Do()
		time.Sleep(time.Second)
		s := read(client)
		if s.History.First != 0 || len(s.History.Lines) != 5 || s.Second != 4 {
			t.Fatalf("history from %d with %d lines, second %d", s.History.First, len(s.History.Lines), s.Second)
		}
		for i, n := range append(per, 1) {
			if l := s.History.Lines[i]; l.Status[1] != n || l.Goroutines == 0 {
				t.Errorf("second %d: %+v, want %d requests", i, l, n)
			}
		}
		if got := time.Duration(s.History.Lines[4].P50); got < 300*time.Millisecond || got > 340*time.Millisecond {
			t.Errorf("p50 of the slow one = %s", got)
		}
		if s.Requests.Latency.Count != 7 {
			t.Errorf("the last minute has %d requests, want 7", s.Requests.Latency.Count)
		}
		time.Sleep(time.Minute) // they fall out of the minute, but not out of the history
		client.GET("/a").Do()
		if s = read(client); s.Requests.Latency.Count != 1 || s.Requests.Total != 8 || s.History.Lines[2].Status[1] != 3 {
			t.Errorf("a minute later: %+v", s.Requests)
		}
		time.Sleep(24 * time.Hour)
		if s = read(client); len(s.History.Lines) != 300 || s.History.First != s.Second-299 || s.History.Lines[0].Status[1] != 0 || s.Requests.Latency.Count != 0 {
			t.Errorf("a day later: from %d, %d lines, %d in the minute", s.History.First, len(s.History.Lines), s.Requests.Latency.Count)
		}
	})
}

// TestMonitor_viewers: while somebody watches, and only then, a report is published each second.
func TestMonitor_viewers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, m := monitored(monitor.Config{})
		client := local(t, app)
		if monitor.Publishing(m) {
			t.Error("somebody publishes, though nobody watches")
		}
		first, second := client.SSE("/monitor/events"), client.SSE("/monitor/events")
		began := time.Now()
		for i := range int64(3) {
			for _, feed := range []*geisttest.EventStream{first, second} {
				e := feed.Next()
				var s stats
				e.JSON(&s)
				if e.Name != "report" || s.Second != i-1 || (s.Line != nil) != (i > 0) || s.Viewers != 2 || !s.Ready || s.History != nil || s.Connections.Streams != 2 {
					t.Errorf("event %d is %s %+v", i, e.Name, s)
				}
			}
		}
		if got := time.Since(began); got != 2100*time.Millisecond { // a tenth of a second behind each
			t.Errorf("three reports took %s", got)
		}
		first.Close()
		synctest.Wait()
		if !monitor.Publishing(m) {
			t.Error("nobody publishes, though one still watches")
		}
		second.Close()
		synctest.Wait()
		if monitor.Publishing(m) {
			t.Error("somebody publishes, though nobody watches any more")
		}
		client.SSE("/monitor/events").Next() // it begins again
	})
}

func TestMonitor_shutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, m := monitored(monitor.Config{})
		feed := local(t, app).SSE("/monitor/events")
		if err := app.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		feed.End()
		if monitor.Publishing(m) {
			t.Error("somebody publishes after Shutdown")
		}
	})
}

func TestMonitor_draining(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := geist.New(geist.Config{DrainDelay: 10 * time.Second, DrainIdle: -1})
		m := monitor.New()
		m.Mount(app, "/monitor")
		feed := local(t, app).SSE("/monitor/events")
		done := make(chan error, 1)
		go func() { done <- app.Shutdown(t.Context()) }()
		synctest.Wait()
		var s stats
		if feed.Next().JSON(&s); s.Ready {
			t.Error("a report says ready while the engine drains")
		}
		feed.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestMonitor_hubs(t *testing.T) {
	for _, names := range []bool{false, true} {
		t.Run(fmt.Sprintf("names %t", names), func(t *testing.T) {
			a, b := hub.New(hub.Config{}), hub.New(hub.Config{})
			for _, room := range []string{"secret-1", "secret-1", "secret-2"} {
				sub, err := a.Subscribe(t.Context(), room)
				if err != nil {
					t.Fatal(err)
				}
				defer sub.Close()
			}
			hubs := map[string]*hub.Hub{"chat": a, "alerts": b}
			app, _ := monitored(monitor.Config{Hubs: hubs, RoomNames: names})
			delete(hubs, "chat") // it has been copied
			s := read(local(t, app))
			if len(s.Hubs) != 2 || s.Hubs[0].Name != "alerts" || s.Hubs[1].Conns != 3 || len(s.Hubs[1].Top) != 2 || s.Hubs[1].Top[0].Conns != 2 {
				t.Fatalf("hubs %+v", s.Hubs)
			}
			want := ""
			if names {
				want = "secret-1"
			}
			if got := s.Hubs[1].Top[0].Name; got != want {
				t.Errorf("the largest room is named %q, want %q", got, want)
			}
		})
	}
}
