package ratelimit_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/ratelimit"
	"github.com/gogeist/geist/store"
)

func newApp(mw ...geist.Handler) *geist.Engine {
	app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler), DrainIdle: -1})
	app.Use(mw...)
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "hello") })
	return app
}

// hourly lets n through at once, and no more within a test.
func hourly(n int) store.Limit { return store.Limit{Rate: n, Period: 1000 * time.Hour} }

func TestNew_badConfig(t *testing.T) {
	good := hourly(1)
	for name, config := range map[string][]ratelimit.Config{
		"none":              {},
		"two":               {{Limit: good}, {Limit: good}},
		"no limit":          {{}},
		"negative rate":     {{Limit: store.Limit{Rate: -1}}},
		"negative period":   {{Limit: store.Limit{Rate: 1, Period: -1}}},
		"two limits":        {{Limit: good, LimitFor: func(*geist.Ctx) store.Limit { return good }}},
		"name of a header":  {{Limit: good, Name: "a\"b"}},
		"name of two lines": {{Limit: good, Name: "a\r\nb"}},
		"prefix of 0 bits":  {{Limit: good, IPv6Prefix: -1}},
		"prefix too long":   {{Limit: good, IPv6Prefix: 129}},
		"negative timeout":  {{Limit: good, StoreTimeout: -1}},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Errorf("New(%+v) did not panic", config)
				}
			}()
			ratelimit.New(config...)
		})
	}
	for name, construct := range map[string]func(){
		"no name":  func() { ratelimit.NewLimiter(nil, "", good) },
		"no limit": func() { ratelimit.NewLimiter(nil, "a", store.Limit{}) },
	} {
		t.Run("limiter, "+name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("NewLimiter did not panic")
				}
			}()
			construct()
		})
	}
}

// TestNew_exact: of 100 requests at once that four engines get with one store, exactly 20 pass.
func TestNew_exact(t *testing.T) {
	for name, s := range map[string]store.Store{
		"memory":         store.NewMemory(store.MemoryConfig{}),
		"by Get and CAS": plainStore{store.NewMemory(store.MemoryConfig{})},
	} {
		t.Run(name, func(t *testing.T) {
			clients := make([]*geisttest.Client, 4)
			for i := range clients {
				clients[i] = geisttest.New(t, newApp(ratelimit.New(ratelimit.Config{
					Limit: hourly(20), Store: s, FailClosed: true, StoreTimeout: time.Minute,
				})))
			}
			var passed, refused atomic.Int64
			var wg sync.WaitGroup
			for i := range 100 {
				wg.Go(func() {
					switch resp := clients[i%4].GET("/").Do(); resp.Raw().StatusCode {
					case 200:
						passed.Add(1)
					case 429:
						refused.Add(1)
						if resp.Header("Retry-After") == "" {
							t.Error("a 429 has no Retry-After")
						}
					}
				})
			}
			wg.Wait()
			if passed.Load() != 20 || refused.Load() != 80 {
				t.Errorf("%d passed and %d were refused, want 20 and 80", passed.Load(), refused.Load())
			}
		})
	}
}

// plainStore is a store that has no Allow of its own.
type plainStore struct{ store.Store }

func (p plainStore) Scoped(prefix string) store.Store { return plainStore{p.Store.Scoped(prefix)} }

// TestNew_fields checks what clients are told, and that it is true.
func TestNew_fields(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newApp(
			ratelimit.New(ratelimit.Config{Name: "burst", Limit: store.Limit{Rate: 2, Period: 3 * time.Second}}),
			ratelimit.New(ratelimit.Config{Name: "hour", Limit: store.Limit{Rate: 100, Period: time.Hour, Burst: 50}}),
		)
		client := geisttest.New(t, app, geisttest.Config{Timeout: time.Hour})
		get := func(status int, burst, hour string) *geisttest.Response {
			t.Helper()
			resp := client.GET("/").Do().Status(status)
			var want []string
			for _, s := range []string{burst, hour} {
				if s != "" {
					want = append(want, s)
				}
			}
			if got := strings.Join(resp.Raw().Header.Values("RateLimit"), ", "); got != strings.Join(want, ", ") {
				t.Errorf("RateLimit = %s, want %q", got, want)
			}
			return resp
		}
		resp := get(200, `"burst";r=1;t=2`, `"hour";r=49;t=36`)
		if got := strings.Join(resp.Raw().Header.Values("RateLimit-Policy"), ", "); got != `"burst";q=2;w=3, "hour";q=50;w=1800` {
			t.Errorf("RateLimit-Policy = %s", got)
		}
		get(200, `"burst";r=0;t=3`, `"hour";r=48;t=72`)
		resp = get(429, `"burst";r=0;t=3`, "").HasHeader("Retry-After", "2")
		if p := resp.Problem(); p.Status != 429 || p.Detail == "" {
			t.Errorf("problem = %+v", p)
		}
		time.Sleep(1400 * time.Millisecond)
		get(429, `"burst";r=0;t=2`, "").HasHeader("Retry-After", "1")
		time.Sleep(100 * time.Millisecond)
		get(200, `"burst";r=0;t=3`, `"hour";r=47;t=107`)
	})
}

func TestNew_disableHeaders(t *testing.T) {
	client := geisttest.New(t, newApp(ratelimit.New(ratelimit.Config{Limit: hourly(1), DisableHeaders: true})))
	client.GET("/").Do().Status(200).NoHeader("RateLimit").NoHeader("RateLimit-Policy")
	if got := client.GET("/").Do().Status(429).NoHeader("RateLimit").Header("Retry-After"); got != "3600000" {
		t.Errorf("Retry-After = %q", got)
	}
}

// TestNew_keys: who counts as one client.
func TestNew_keys(t *testing.T) {
	plain := ratelimit.Config{Limit: hourly(1)}
	narrow, wide := plain, plain
	narrow.IPv6Prefix, wide.IPv6Prefix = 128, 48
	for _, tt := range []struct {
		name string
		conf ratelimit.Config
		a, b string
		same bool
	}{
		{"one IPv4", plain, "192.0.2.1", "192.0.2.1", true},
		{"two IPv4", plain, "192.0.2.1", "192.0.2.2", false},
		{"IPv6 of one /64", plain, "2001:db8::1", "2001:db8::ffff:1", true},
		{"IPv6 of two /64", plain, "2001:db8::1", "2001:db8:0:1::1", false},
		{"IPv6 by address", narrow, "2001:db8::1", "2001:db8::2", false},
		{"IPv6 by /48", wide, "2001:db8::1", "2001:db8:0:ffff::1", true},
		{"IPv4 in IPv6", plain, "192.0.2.1", "::ffff:192.0.2.1", true},
		{"two IPv4 in IPv6", plain, "::ffff:192.0.2.1", "::ffff:192.0.2.2", false},
	} {
		for name, s := range map[string]store.Store{"own": nil, "plain": plainStore{store.NewMemory(store.MemoryConfig{})}} {
			tt.conf.Store = s
			client := geisttest.New(t, newApp(ratelimit.New(tt.conf)))
			client.GET("/").RemoteAddr(tt.a).Do().Status(200)
			want := 200
			if tt.same {
				want = 429
			}
			if got := client.GET("/").RemoteAddr(tt.b).Do().Raw().StatusCode; got != want {
				t.Errorf("%s, %s store: %d, want %d", tt.name, name, got, want)
			}
		}
	}
}

func TestNew_keyFunction(t *testing.T) {
	client := geisttest.New(t, newApp(ratelimit.New(ratelimit.Config{Limit: hourly(1), Key: func(c *geist.Ctx) string { return c.Header("X-User") }})))
	for _, user := range []string{"ada", "bob", "", "-"} {
		client.GET("/").Header("X-User", user).Do().Status(200)
		client.GET("/").Header("X-User", user).Do().Status(429)
	}
}

// TestNew_names: limits of different names on one store do not meet, those of one name do.
func TestNew_names(t *testing.T) {
	s := store.NewMemory(store.MemoryConfig{})
	conf := func(name string) ratelimit.Config { return ratelimit.Config{Limit: hourly(1), Store: s, Name: name} }
	for _, tt := range []struct {
		name string
		want int
	}{{"a", 200}, {"b", 200}, {"a", 429}, {"", 200}, {ratelimit.DefaultName, 429}} {
		client := geisttest.New(t, newApp(ratelimit.New(conf(tt.name))))
		if got := client.GET("/").Do().Raw().StatusCode; got != tt.want {
			t.Errorf("name %q: %d, want %d", tt.name, got, tt.want)
		}
	}
}

// TestNew_cost: what a request costs, and what From tells of it.
func TestNew_cost(t *testing.T) {
	var seen store.Decision
	app := newApp(func(c *geist.Ctx) error {
		err := c.Next()
		seen, _ = ratelimit.From(c)
		return err
	}, ratelimit.New(ratelimit.Config{Limit: hourly(10), Cost: func(c *geist.Ctx) int {
		n, _ := strconv.Atoi(c.Query("cost"))
		return n
	}}))
	client := geisttest.New(t, app)
	for _, tt := range []struct {
		cost         string
		status, left int
	}{
		{"4", 200, 6}, {"7", 429, 6}, {"0", 200, 6}, {"-5", 200, 6}, {"11", 429, 6}, {"6", 200, 0}, {"0", 200, 0}, {"1", 429, 0},
	} {
		resp := client.GET("/?cost=" + tt.cost).Do()
		if got := resp.Raw().StatusCode; got != tt.status || seen.Remaining != tt.left {
			t.Errorf("cost %s: %d with %d left, want %d with %d", tt.cost, got, seen.Remaining, tt.status, tt.left)
		}
		if tt.status == 429 && resp.Header("Retry-After") == "" {
			t.Errorf("cost %s: no Retry-After", tt.cost)
		}
	}
}

// TestNew_limitFor: a limit for each request, none, and one that cannot be.
func TestNew_limitFor(t *testing.T) {
	counted := false
	app := newApp(func(c *geist.Ctx) error {
		err := c.Next()
		_, counted = ratelimit.From(c)
		return err
	}, ratelimit.New(ratelimit.Config{LimitFor: func(c *geist.Ctx) store.Limit {
		switch c.Query("plan") {
		case "free":
			return hourly(1)
		case "bad":
			return store.Limit{Rate: -1}
		}
		return store.Limit{}
	}}))
	client := geisttest.New(t, app)
	for range 3 {
		client.GET("/?plan=unlimited").Do().Status(200).NoHeader("RateLimit")
	}
	if counted {
		t.Error("From tells of a request that was not counted")
	}
	client.GET("/?plan=free").Do().Status(200).HasHeader("RateLimit-Policy", `"default";q=1;w=3600000`)
	client.GET("/?plan=free").Do().Status(429)
	client.GET("/?plan=bad").Do().Status(500)
}

// failingStore fails, or does not answer until its caller gives up.
type failingStore struct {
	store.Store
	hang bool
}

var errStore = errors.New("the store is down")

func (f failingStore) Scoped(string) store.Store { return f }

func (f failingStore) Allow(ctx context.Context, _ string, _ store.Limit, _ int) (store.Decision, error) {
	if f.hang {
		<-ctx.Done()
		return store.Decision{}, ctx.Err()
	}
	return store.Decision{}, errStore
}

// TestNew_storeFails: requests pass, with one warning in ten seconds, or are refused.
func TestNew_storeFails(t *testing.T) {
	for _, hang := range []bool{false, true} {
		for _, closed := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				var seen error
				app := geist.New(geist.Config{Logger: slog.New(slog.NewTextHandler(&log, nil)), DrainIdle: -1})
				app.Use(func(c *geist.Ctx) error {
					err := c.Next()
					seen = err
					return err
				}, ratelimit.New(ratelimit.Config{Limit: hourly(1), Store: failingStore{hang: hang}, FailClosed: closed}))
				app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "hello") })
				client := geisttest.New(t, app, geisttest.Config{Timeout: time.Hour})
				start := time.Now()
				for range 10 {
					if !closed {
						client.GET("/").Do().Status(200).NoHeader("RateLimit")
						continue
					}
					client.GET("/").Do().Status(503).HasHeader("Retry-After", "1")
					if !errors.Is(seen, errStore) && !hang {
						t.Errorf("middleware outside saw %v, want the store's error", seen)
					}
				}
				if took, want := time.Since(start), 10*ratelimit.DefaultStoreTimeout; hang && took != want || !hang && took != 0 {
					t.Errorf("hang %v: ten requests took %s, want %s", hang, took, want)
				}
				if n := strings.Count(log.String(), "rate limit not checked"); !closed && n != 1 {
					t.Errorf("hang %v: %d warnings, want 1:\n%s", hang, n, log.String())
				}
				time.Sleep(time.Minute)
				client.GET("/").Do()
				if !closed && !strings.Contains(log.String(), "requests=10") {
					t.Errorf("the second warning does not tell of 10 requests:\n%s", log.String())
				}
			})
		}
	}
}

// TestNew_memoryFull: a full memory that may drop nothing lets requests pass, unless it must not.
func TestNew_memoryFull(t *testing.T) {
	for _, tt := range []struct {
		name   string
		evict  []string
		closed bool
		want   int
	}{{"open", nil, false, 200}, {"closed", nil, true, 503}, {"evicted", []string{ratelimit.Scope}, true, 200}} {
		s := store.NewMemory(store.MemoryConfig{MaxBytes: 64 << 10, Evict: tt.evict})
		client := geisttest.New(t, newApp(ratelimit.New(ratelimit.Config{Limit: hourly(1), Store: s, FailClosed: tt.closed})))
		for i := range 1000 {
			client.GET("/").RemoteAddr("10.0." + strconv.Itoa(i/250) + "." + strconv.Itoa(i%250)).Do()
		}
		client.GET("/").RemoteAddr("192.0.2.99").Do().Status(tt.want)
		if st := s.Stats(); st.Bytes > st.MaxBytes {
			t.Errorf("%s: %d bytes, at most %d are allowed", tt.name, st.Bytes, st.MaxBytes)
		}
	}
}

// TestNew_notFound: what no route serves counts as well.
func TestNew_notFound(t *testing.T) {
	client := geisttest.New(t, newApp(ratelimit.New(ratelimit.Config{Limit: hourly(5)})))
	client.GET("/nowhere").Do().Status(404).HasHeader("RateLimit", `"default";r=4;t=720000`)
	client.POST("/").Do().Status(405)
	client.OPTIONS("/").Do().Status(204)
	client.GET("//").Do().Status(308)
	client.HEAD("/").Do().Status(200)
	for _, path := range []string{"/", "/nowhere"} {
		client.GET(path).Do().Status(429)
	}
}

// TestNew_stream: opening a stream counts, what goes over it does not.
func TestNew_stream(t *testing.T) {
	app := newApp(ratelimit.New(ratelimit.Config{Limit: hourly(2)}))
	app.SSE("/feed", func(_ *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error {
			for range 10 {
				if err := s.Send(geist.Event{Name: "tick"}); err != nil {
					return err
				}
			}
			return nil
		})
	})
	app.GET("/stream", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			_, err := w.WriteString("hello")
			return err
		})
	})
	client := geisttest.New(t, app)
	feed := client.SSE("/feed")
	for range 10 {
		feed.Next().Is("tick", "")
	}
	feed.End()
	client.GET("/stream").Do().Status(200).HasHeader("RateLimit", `"default";r=0;t=3600000`)
	client.GET("/stream").Do().Status(429)
	client.GET("/feed").Header("Accept", "text/event-stream").Do().Status(429)
}

// TestNew_websocket: the handshake counts, and has the fields; a Limiter counts messages.
func TestNew_websocket(t *testing.T) {
	perMessage := ratelimit.NewLimiter(nil, "messages", hourly(3))
	app := newApp(ratelimit.New(ratelimit.Config{Limit: hourly(1)}))
	app.WS("/echo", func(c *geist.Ctx, ws *geist.Conn) error {
		for {
			m, err := ws.Read()
			if err != nil {
				return err
			}
			if d, err := perMessage.Allow(c.Context(), c.ClientIP(), 1); err != nil || !d.Allowed {
				return errors.Join(err, geist.NewError(429, "too many messages"))
			}
			if err := ws.Write(m.Type, m.Data); err != nil {
				return err
			}
		}
	})
	client := geisttest.New(t, app)
	ws := client.WS("/echo")
	if got := ws.Response().Header("RateLimit"); got != `"default";r=0;t=3600000` {
		t.Errorf("RateLimit of the handshake = %q", got)
	}
	for range 3 {
		ws.Send("hello")
		ws.Next().Text("hello")
	}
	ws.Send("one too many")
	ws.Closed(1008)
	client.GET("/echo").Header("Connection", "Upgrade").Header("Upgrade", "websocket").
		Header("Sec-WebSocket-Version", "13").Header("Sec-WebSocket-Key", "MDEyMzQ1Njc4OWFiY2RlZg==").Do().Status(429)
}
