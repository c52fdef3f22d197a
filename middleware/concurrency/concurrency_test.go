package concurrency_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/middleware/concurrency"
)

// patient never sheds load within a test.
func patient(conf concurrency.Config) concurrency.Config {
	conf.MaxWait, conf.Target, conf.Interval = time.Hour, time.Hour, time.Hour
	return conf
}

// bench is an engine with a Limiter, in fake time.
type bench struct {
	*geisttest.Client
	t       *testing.T
	app     *geist.Engine
	limiter *concurrency.Limiter
	hub     *hub.Hub
	log     *bytes.Buffer

	mu      sync.Mutex
	running int      // guarded by mu
	most    int      // guarded by mu
	order   []string // guarded by mu; the requests that were handled
}

// inBubble runs a test. Requests for /sleep?ms=… take that long.
func inBubble(t *testing.T, conf concurrency.Config, test func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, limiter: concurrency.NewLimiter(conf), hub: hub.New(hub.Config{}), log: &bytes.Buffer{}}
		b.app = geist.New(geist.Config{Logger: slog.New(slog.NewTextHandler(b.log, nil)), DrainIdle: -1})
		b.app.Use(b.limiter.Handle)
		b.app.GET("/sleep", b.sleep)
		b.app.GET("/fails", func(*geist.Ctx) error { return geist.NewError(409, "taken") })
		b.app.GET("/panics", func(*geist.Ctx) error { panic("a bug") })
		b.app.GET("/aborts", func(*geist.Ctx) error { return geist.ErrAbort })
		b.live()
		b.Client = geisttest.New(t, b.app, geisttest.Config{Timeout: 24 * time.Hour})
		test(b)
		if err := b.hub.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if st := b.limiter.Stats(); st.Running != 0 || st.Waiting != 0 {
			t.Errorf("at the end %d run and %d wait", st.Running, st.Waiting)
		}
	})
}

func (b *bench) sleep(c *geist.Ctx) error {
	b.mu.Lock()
	b.running++
	b.most = max(b.most, b.running)
	b.order = append(b.order, c.Query("name"))
	b.mu.Unlock()
	ms, _ := strconv.Atoi(c.Query("ms"))
	time.Sleep(time.Duration(ms) * time.Millisecond)
	b.mu.Lock()
	b.running--
	b.mu.Unlock()
	return c.Text(200, "slept")
}

// start sends a request that another goroutine waits for, and returns when it is handled or waits.
func (b *bench) start(wg *sync.WaitGroup, path string, done func(*geisttest.Response)) {
	b.t.Helper()
	wg.Go(func() {
		resp := b.GET(path).Do()
		if done != nil {
			done(resp)
		}
	})
	synctest.Wait()
}

func (b *bench) wantStats(want concurrency.Stats) {
	b.t.Helper()
	synctest.Wait()
	if got := b.limiter.Stats(); got != want {
		b.t.Errorf("stats = %+v, want %+v", got, want)
	}
}

func TestNew_badConfig(t *testing.T) {
	for name, config := range map[string][]concurrency.Config{
		"none":                {},
		"two":                 {{Limit: 1}, {Limit: 1}},
		"no limit":            {{}},
		"negative limit":      {{Limit: -1}},
		"negative MaxWait":    {{Limit: 1, MaxWait: -1}},
		"negative Target":     {{Limit: 1, Target: -1}},
		"negative Interval":   {{Limit: 1, Interval: -1}},
		"negative RetryAfter": {{Limit: 1, RetryAfter: -1}},
		"Interval too short":  {{Limit: 1, Target: time.Second, Interval: time.Millisecond}},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Errorf("New(%+v) did not panic", config)
				}
			}()
			concurrency.New(config...)
		})
	}
	concurrency.New(concurrency.Config{Limit: 1, Target: time.Minute}) // Interval follows
}

// TestNew_limit: no more than Limit are handled at once, the others in the order of their coming.
func TestNew_limit(t *testing.T) {
	inBubble(t, patient(concurrency.Config{Limit: 2, Queue: 8}), func(b *bench) {
		var wg sync.WaitGroup
		var want []string
		start := time.Now()
		for i := range 10 {
			name := strconv.Itoa(i)
			want = append(want, name)
			b.start(&wg, "/sleep?ms=1000&name="+name, func(r *geisttest.Response) { r.Status(200) })
		}
		b.wantStats(concurrency.Stats{Running: 2, Waiting: 8, Admitted: 2})
		wg.Wait()
		if took := time.Since(start); b.most != 2 || took != 5*time.Second {
			t.Errorf("%d at once in %s, want 2 in 5s", b.most, took)
		}
		// Those who are handled at one moment begin in any order.
		for i := 0; i < len(b.order); i += 2 {
			slices.Sort(b.order[i : i+2])
		}
		if !slices.Equal(b.order, want) {
			t.Errorf("order = %v, want %v", b.order, want)
		}
	})
}

// TestNew_queueFull: who finds no place is refused at once, and the log does not tell.
func TestNew_queueFull(t *testing.T) {
	for queue, places := range map[int]int{-1: 0, 0: 2, 1: 1} {
		inBubble(t, patient(concurrency.Config{Limit: 2, Queue: queue, RetryAfter: 1500 * time.Millisecond}), func(b *bench) {
			var wg sync.WaitGroup
			for range 2 + places {
				b.start(&wg, "/sleep?ms=1000", func(r *geisttest.Response) { r.Status(200) })
			}
			start := time.Now()
			p := b.GET("/sleep?ms=1000").Do().Status(503).HasHeader("Retry-After", "2").Problem()
			if took := time.Since(start); took != 0 || p.Detail == "" {
				t.Errorf("refused after %s with %+v, want at once with a sentence", took, p)
			}
			b.wantStats(concurrency.Stats{Running: 2, Waiting: places, Admitted: 2, Full: 1})
			wg.Wait()
			if b.log.Len() > 0 {
				t.Errorf("log = %s", b.log)
			}
		})
	}
}

// TestNew_maxWait: the wait ends, and its place is free.
func TestNew_maxWait(t *testing.T) {
	conf := patient(concurrency.Config{Limit: 1, Queue: 1})
	conf.MaxWait = 300 * time.Millisecond
	inBubble(t, conf, func(b *bench) {
		var wg sync.WaitGroup
		b.start(&wg, "/sleep?ms=1000", func(r *geisttest.Response) { r.Status(200) })
		for range 2 {
			start := time.Now()
			b.GET("/sleep").Do().Status(503).HasHeader("Retry-After", "1")
			if took := time.Since(start); took != conf.MaxWait {
				t.Errorf("refused after %s, want %s", took, conf.MaxWait)
			}
		}
		b.wantStats(concurrency.Stats{Running: 1, Admitted: 1, TimedOut: 2})
		wg.Wait()
	})
}

// TestNew_clientGone: who has left gives up its place, and is not handled.
func TestNew_clientGone(t *testing.T) {
	inBubble(t, patient(concurrency.Config{Limit: 1, Queue: 1}), func(b *bench) {
		var wg sync.WaitGroup
		b.start(&wg, "/sleep?ms=60000&name=first", nil)
		ctx, cancel := context.WithCancel(b.t.Context())
		wg.Go(func() {
			if _, err := b.GET("/sleep?name=gone").Context(ctx).DoErr(); err == nil {
				t.Error("a client that left has an answer")
			}
		})
		synctest.Wait()
		b.wantStats(concurrency.Stats{Running: 1, Waiting: 1, Admitted: 1})
		cancel()
		time.Sleep(time.Second) // the connection's end is noticed a little later
		b.wantStats(concurrency.Stats{Running: 1, Admitted: 1, Gone: 1})
		b.start(&wg, "/sleep?name=next", func(r *geisttest.Response) { r.Status(200) })
		wg.Wait()
		if want := []string{"first", "next"}; !slices.Equal(b.order, want) {
			t.Errorf("handled %v, want %v", b.order, want)
		}
	})
}

// TestNew_shutdown: who waits when the deadline of a drain passes is let go.
func TestNew_shutdown(t *testing.T) {
	inBubble(t, patient(concurrency.Config{Limit: 1}), func(b *bench) {
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { _, _ = b.GET("/sleep?ms=60000").DoErr() })
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(b.t.Context(), time.Second)
		defer cancel()
		if err := b.app.Shutdown(ctx); err == nil {
			t.Error("Shutdown has cut nothing")
		}
		b.wantStats(concurrency.Stats{Running: 1, Admitted: 1, Gone: 1})
		wg.Wait()
		time.Sleep(time.Minute)
	})
}

// TestNew_released: however a request ends, its slot is free.
func TestNew_released(t *testing.T) {
	for _, hold := range []bool{false, true} {
		inBubble(t, patient(concurrency.Config{Limit: 1, Queue: -1, HoldStreams: hold}), func(b *bench) {
			for path, status := range map[string]int{"/fails": 409, "/panics": 500, "/sleep": 200, "/nowhere": 404} {
				for range 3 {
					b.GET(path).Do().Status(status)
				}
			}
			for range 3 {
				if _, err := b.GET("/aborts").DoErr(); err == nil {
					t.Error("an aborted request has an answer")
				}
			}
			b.wantStats(concurrency.Stats{Admitted: 15})
		})
	}
}

// TestNew_middlewarePanics: a panic that passes through releases, too.
func TestNew_middlewarePanics(t *testing.T) {
	for _, hold := range []bool{false, true} {
		l := concurrency.NewLimiter(concurrency.Config{Limit: 1, Queue: -1, HoldStreams: hold})
		app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler)})
		app.Use(l.Handle, func(*geist.Ctx) error { panic("a bug") })
		app.GET("/", func(c *geist.Ctx) error { return c.NoContent() })
		client := geisttest.New(t, app)
		for range 3 {
			client.GET("/").Do().Status(500)
		}
	}
}

// TestNew_shedsLoad: when requests come twice as fast as they can be handled, those that are
// handled have not waited for long, no slot stays empty, and it ends with the overload.
func TestNew_shedsLoad(t *testing.T) {
	conf := concurrency.Config{Limit: 1, Queue: 1000, MaxWait: time.Minute, Target: 25 * time.Millisecond, Interval: 100 * time.Millisecond}
	inBubble(t, conf, func(b *bench) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		var served, refused int
		var longest time.Duration
		for i := range 1000 {
			began := time.Now()
			late := i > 100 // it has been noticed by then
			wg.Go(func() {
				r := b.GET("/sleep?ms=10").Do()
				took := time.Since(began)
				mu.Lock()
				defer mu.Unlock()
				switch r.Raw().StatusCode {
				case 200:
					served++
					if late {
						longest = max(longest, took)
					}
				case 503:
					refused++
				}
			})
			time.Sleep(5 * time.Millisecond)
		}
		wg.Wait()
		if served < 490 || served+refused != 1000 {
			t.Errorf("%d served and %d refused, want about half and the others", served, refused)
		}
		if limit := conf.Target + 20*time.Millisecond; longest > limit {
			t.Errorf("the longest wait under overload was %s, want at most %s", longest, limit)
		}
		if st := b.limiter.Stats(); st.Shed != uint64(refused) || st.TimedOut != 0 {
			t.Errorf("stats = %+v, want all refused ones shed", st)
		}
		before := b.limiter.Stats()
		for range 10 { // a burst that is over before an Interval is
			b.start(&wg, "/sleep?ms=8", func(r *geisttest.Response) { r.Status(200) })
		}
		wg.Wait()
		if st := b.limiter.Stats(); st.Shed != before.Shed {
			t.Errorf("%d of a short burst were refused", st.Shed-before.Shed)
		}
	})
}

// TestNew_keys: each key has a limit of its own, beyond which it is answered 429.
func TestNew_keys(t *testing.T) {
	conf := patient(concurrency.Config{Limit: 1, Queue: 1, Key: func(c *geist.Ctx) string { return c.Query("user") }})
	inBubble(t, conf, func(b *bench) {
		var wg sync.WaitGroup
		for _, user := range []string{"ada", "ada", "bob", ""} {
			b.start(&wg, "/sleep?ms=1000&user="+user, func(r *geisttest.Response) { r.Status(200) })
		}
		b.GET("/sleep?user=ada").Do().Status(429).HasHeader("Retry-After", "1")
		b.wantStats(concurrency.Stats{Running: 3, Waiting: 1, Admitted: 3, Full: 1})
		wg.Wait()
	})
}

// TestNew_notFound: what no route serves takes a slot, too.
func TestNew_notFound(t *testing.T) {
	inBubble(t, patient(concurrency.Config{Limit: 1, Queue: -1}), func(b *bench) {
		var wg sync.WaitGroup
		b.start(&wg, "/sleep?ms=1000", nil)
		b.GET("/nowhere").Do().Status(503)
		b.POST("/sleep").Do().Status(503)
		wg.Wait()
		b.GET("/nowhere").Do().Status(404)
		b.POST("/sleep").Do().Status(405)
		b.OPTIONS("/sleep").Do().Status(204)
		b.GET("/sleep/").Do().Status(308)
		b.HEAD("/sleep").Do().Status(200)
	})
}
