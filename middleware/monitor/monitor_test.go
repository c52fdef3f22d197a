package monitor_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/middleware/monitor"
)

// stats is what tests read of stats.json and of the feed.
type stats struct {
	Title    string
	Second   int64
	Ready    bool
	Viewers  int
	Requests struct {
		Total    uint64
		InFlight int
		Status   [5]int
		Latency  struct{ Count, P50, P99 int64 }
	}
	Connections struct{ Open, WebSockets, Streams int }
	Routes      []row
	RoutesTotal int
	Hubs        []struct {
		Name         string
		Conns, Rooms int
		Top          []struct {
			Name  string
			Conns int
		}
	}
	Process struct{ Heap, Goroutines, MaxProcs uint64 }
	Build   *struct{ Module, Go string }
	Line    *struct{ Status [5]int }
	History *struct {
		First int64
		Lines []struct {
			Status     [5]int
			P50        int64
			Goroutines uint64
		}
	}
}

type row struct {
	Method, Pattern string
	Rest            bool
	Count           int
	Status          [5]int
	Latency         struct{ P50 time.Duration }
}

// monitored returns an engine with a page at /monitor.
func monitored(config monitor.Config) (*geist.Engine, *monitor.Monitor) {
	app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler), DrainIdle: -1})
	m := monitor.New(config)
	app.Use(m.Handler())
	m.Mount(app, "/monitor")
	return app, m
}

// local returns a client on the machine itself.
func local(tb testing.TB, app *geist.Engine) *geisttest.Client {
	return geisttest.New(tb, app, geisttest.Config{Host: "localhost:8080", RemoteAddr: "127.0.0.1", Timeout: time.Hour})
}

func read(client *geisttest.Client) (s stats) {
	client.GET("/monitor/stats.json").Do().Status(200).HasHeader("Content-Type", "application/json").JSON(&s)
	return s
}

// find returns the row of a route.
func (s *stats) find(t *testing.T, method, pattern string) row {
	t.Helper()
	i := slices.IndexFunc(s.Routes, func(r row) bool { return r.Method == method && r.Pattern == pattern && !r.Rest })
	if i < 0 {
		t.Fatalf("there is no row of %s %q in %+v", method, pattern, s.Routes)
	}
	return s.Routes[i]
}

func TestNew_counts(t *testing.T) {
	app, _ := monitored(monitor.Config{})
	app.Use(func(c *geist.Ctx) error {
		if c.Query("panic") != "" {
			panic("in middleware")
		}
		return c.Next()
	})
	app.GET("/users/:id", func(c *geist.Ctx) error { return c.Text(200, c.Param("id")) })
	app.POST("/fails", func(*geist.Ctx) error { return errors.New("broken") })
	app.POST("/panics", func(*geist.Ctx) error { panic("in the endpoint") })
	app.GET("/refuses", func(*geist.Ctx) error { return geist.NewError(409, "no") })
	app.GET("/moved", func(c *geist.Ctx) error { return c.Redirect(308, "/users/1") })
	app.GET("/http", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(418) })))
	client := local(t, app)
	for _, tt := range []struct {
		method, path, pattern string
		status                int
	}{
		{method: "GET", path: "/users/1", pattern: "/users/:id", status: 200},
		{method: "GET", path: "/users/2", pattern: "/users/:id", status: 200},
		{method: "GET", path: "/users/2?a=b", pattern: "/users/:id", status: 200},
		{method: "HEAD", path: "/users/3", pattern: "/users/:id", status: 200},
		{method: "POST", path: "/fails", pattern: "/fails", status: 500},
		{method: "POST", path: "/panics", pattern: "/panics", status: 500},
		{method: "GET", path: "/refuses", pattern: "/refuses", status: 409},
		{method: "GET", path: "/refuses?panic=1", pattern: "/refuses", status: 500},
		{method: "GET", path: "/moved", pattern: "/moved", status: 308},
		{method: "GET", path: "/http", pattern: "/http", status: 418},
	} {
		before := read(client)
		client.Request(tt.method, tt.path).Do().Status(tt.status)
		after := read(client)
		if after.Requests.Total != before.Requests.Total+1 || after.Requests.Status[tt.status/100-1] != before.Requests.Status[tt.status/100-1]+1 {
			t.Errorf("%s %s: %+v, then %+v", tt.method, tt.path, before.Requests, after.Requests)
		}
		got := after.find(t, tt.method, tt.pattern)
		if got.Status[tt.status/100-1] == 0 || got.Latency.P50 <= 0 {
			t.Errorf("%s %s: row %+v", tt.method, tt.path, got)
		}
	}
	s := read(client)
	if got := s.find(t, "GET", "/users/:id").Count; got != 3 {
		t.Errorf("GET /users/:id was counted %d times, want 3", got)
	}
	if s.Routes[0].Pattern != "/users/:id" || s.Requests.Latency.Count != 10 || s.RoutesTotal != 7 {
		t.Errorf("stats %+v", s)
	}
	if s.Requests.InFlight != 1 { // this one
		t.Errorf("%d requests are in flight, want 1", s.Requests.InFlight)
	}
}

func TestNew_notFound(t *testing.T) {
	app, m := monitored(monitor.Config{})
	app.POST("/only", func(c *geist.Ctx) error { return c.NoContent() })
	client := local(t, app)
	client.GET("/nowhere").Do().Status(404)
	client.GET("/no/where").Do().Status(404)
	client.DELETE("/only").Do().Status(405)
	client.OPTIONS("/only").Do().Status(204)
	client.POST("/only/").Do().Status(308)
	s := read(client)
	if got := s.find(t, "", ""); got.Count != 5 || got.Status != [5]int{0, 1, 1, 3, 0} || monitor.Rows(m) != 1 {
		t.Errorf("without a route: %+v of %d rows", got, monitor.Rows(m))
	}
}

func TestNew_websocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, _ := monitored(monitor.Config{})
		app.WS("/ws", func(_ *geist.Ctx, ws *geist.Conn) error {
			for {
				m, err := ws.Read()
				if err != nil {
					return err
				}
				if err := ws.Write(m.Type, m.Data); err != nil {
					return err
				}
			}
		})
		client := local(t, app)
		ws := client.WS("/ws")
		time.Sleep(10 * time.Second) // which is no latency
		ws.Send("a")
		ws.Next().Text("a")
		s := read(client)
		if got := s.find(t, "GET", "/ws"); got.Count != 1 || got.Status[0] != 1 || got.Latency.P50 > time.Second {
			t.Errorf("while it is open: %+v", got)
		}
		if s.Connections.WebSockets != 1 || s.Connections.Streams != 0 || s.Connections.Open != 2 || s.Requests.InFlight != 1 {
			t.Errorf("while it is open: %+v, %d in flight", s.Connections, s.Requests.InFlight)
		}
		ws.Close(1000, "")
		synctest.Wait()
		if s = read(client); s.Connections.WebSockets != 0 || s.find(t, "GET", "/ws").Count != 1 {
			t.Errorf("when it is closed: %+v", s)
		}
	})
}

func TestNew_stream(t *testing.T) {
	for _, kind := range []string{"run", "follow", "body"} {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := hub.New(hub.Config{})
				app, _ := monitored(monitor.Config{Hubs: map[string]*hub.Hub{"h": h}})
				app.SSE("/run", func(_ *geist.Ctx, s *geist.Stream) error {
					return s.Run(func() error { <-s.Context().Done(); return nil })
				})
				app.SSE("/follow", func(_ *geist.Ctx, s *geist.Stream) error { return s.Follow(h, "a") })
				app.GET("/body", func(c *geist.Ctx) error {
					return c.Stream("text/plain", func(w *geist.StreamWriter) error {
						time.Sleep(10 * time.Second)
						_, err := w.WriteString("late")
						return err
					})
				})
				client := local(t, app)
				open := 0
				if kind == "body" {
					client.GET("/body").Do().Status(200)
				} else {
					feed := client.SSE("/" + kind)
					defer feed.Close()
					open = 1
					time.Sleep(10 * time.Second)
				}
				s := read(client)
				if got := s.find(t, "GET", "/"+kind); got.Count != 1 || got.Status[1] != 1 || got.Latency.P50 > time.Second {
					t.Errorf("row %+v", got)
				}
				if s.Connections.Streams != open || s.Connections.WebSockets != 0 || s.Requests.InFlight != 1 {
					t.Errorf("%+v, %d in flight", s.Connections, s.Requests.InFlight)
				}
				if want := map[string]int{"follow": 1}[kind]; s.Hubs[0].Conns != want {
					t.Errorf("the hub has %d connections, want %d", s.Hubs[0].Conns, want)
				}
			})
		})
	}
}

// TestNew_httpHandler counts inside net/http, where connections are not the engine's.
func TestNew_httpHandler(t *testing.T) {
	app, _ := monitored(monitor.Config{})
	app.GET("/a", func(c *geist.Ctx) error { return c.Text(200, "a") })
	srv := httptest.NewServer(app.HTTPHandler())
	defer srv.Close()
	for _, path := range []string{"/a", "/monitor/stats.json"} {
		resp, err := srv.Client().Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%s: %d %s, %v", path, resp.StatusCode, body, err)
		}
		if path != "/a" && !bytes.Contains(body, []byte(`"pattern":"/a","count":1`)) {
			t.Errorf("stats %s", body)
		}
	}
	feed, err := srv.Client().Get(srv.URL + "/monitor/events")
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Body.Close()
	if text, err := bufio.NewReader(feed.Body).ReadString('{'); err != nil || !strings.Contains(text, "event: report") {
		t.Errorf("the feed begins %q, %v", text, err)
	}
}

// TestNew_concurrent counts exactly while many requests end and reports are read.
func TestNew_concurrent(t *testing.T) {
	const clients, requests = 8, 300
	app, _ := monitored(monitor.Config{})
	app.GET("/a/:n", func(c *geist.Ctx) error { return c.NoContent() })
	client := local(t, app)
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for i := range requests {
				if _, err := client.GET([]string{"/a/1", "/a/2", "/b"}[i%3]).DoErr(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 20 {
		if s := read(client); s.Requests.InFlight > clients+1 || s.Requests.InFlight < 0 {
			t.Errorf("%d in flight", s.Requests.InFlight)
		}
	}
	all.Wait()
	s := read(client)
	if s.find(t, "GET", "/a/:n").Count != clients*requests*2/3 || s.find(t, "", "").Count != clients*requests/3 || s.Requests.Total != clients*requests || s.Requests.InFlight != 1 {
		t.Errorf("%+v, %+v", s.Requests, s.Routes)
	}
}

func TestMonitor_doesNotCountItself(t *testing.T) {
	app, m := monitored(monitor.Config{})
	client := local(t, app)
	client.GET("/monitor").Do().Status(200)
	client.SSE("/monitor/events").Close()
	client.GET("/monitor").Header("Host", "evil.example").Do().Status(403)
	if s := read(client); s.Requests.Total != 0 || monitor.Rows(m) != 0 {
		t.Errorf("stats %+v, %d rows", s, monitor.Rows(m))
	}
}

func TestConfig_shows(t *testing.T) {
	app, _ := monitored(monitor.Config{})
	s := read(local(t, app))
	if s.Title != "Monitor" || s.Build != nil || len(s.Hubs) != 0 || s.Process.Heap == 0 || s.Process.Goroutines == 0 || s.Process.MaxProcs == 0 || !s.Ready {
		t.Errorf("stats %+v", s)
	}
	h := hub.New(hub.Config{})
	if _, err := h.Publish(t.Context(), "a", hub.Message{}); err != nil {
		t.Fatal(err)
	}
	app, _ = monitored(monitor.Config{Title: "Shop", Build: true, TopRooms: -1, Hubs: map[string]*hub.Hub{"h": h}})
	if s = read(local(t, app)); s.Title != "Shop" || s.Hubs[0].Rooms != 1 || len(s.Hubs[0].Top) != 0 || s.Build == nil || !strings.HasPrefix(s.Build.Go, "go") {
		t.Errorf("stats %+v, %+v", s, s.Build)
	}
}

func TestNew_misuse(t *testing.T) {
	mount := func(at string) func() { return func() { monitor.New().Mount(geist.New(), at) } }
	for name, tt := range map[string]struct {
		f    func()
		want string
	}{
		"two configs":      {func() { monitor.New(monitor.Config{}, monitor.Config{}) }, "more than one Config"},
		"negative routes":  {func() { monitor.New(monitor.Config{MaxRoutes: -1}) }, "Config.MaxRoutes is -1"},
		"negative viewers": {func() { monitor.New(monitor.Config{MaxViewers: -1}) }, "Config.MaxViewers is -1"},
		"many rooms":       {func() { monitor.New(monitor.Config{TopRooms: 101}) }, "Config.TopRooms is 101"},
		"a nil hub":        {func() { monitor.New(monitor.Config{Hubs: map[string]*hub.Hub{"a": nil}}) }, `Config.Hubs["a"] is nil`},
		"no path":          {mount(""), "give a plain path"},
		"the root":         {mount("/"), "give a plain path"},
		"a slash behind":   {mount("/monitor/"), "give a plain path"},
		"a parameter":      {mount("/:name"), "give a plain path"},
		"twice": {func() {
			m, app := monitor.New(), geist.New()
			m.Mount(app, "/a")
			m.Mount(app, "/b")
		}, "called before"},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.HasPrefix(got, "monitor: ") || !strings.Contains(got, tt.want) {
					t.Errorf("panic %q, want one with %q", got, tt.want)
				}
			}()
			tt.f()
		})
	}
}
