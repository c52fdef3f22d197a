package idempotency_test

import (
	"bytes"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/idempotency"
	"github.com/gogeist/geist/store"
	"github.com/gogeist/geist/store/file"
)

func TestNew_panics(t *testing.T) {
	scoped := func(c idempotency.Config) []idempotency.Config {
		c.Scope = byUser
		return []idempotency.Config{c}
	}
	for _, tt := range []struct {
		name string
		conf []idempotency.Config
		want string
	}{
		{"no config", nil, "Config.Scope is nil"},
		{"two configs", []idempotency.Config{{}, {}}, "more than one Config"},
		{"lock", scoped(idempotency.Config{LockTTL: time.Millisecond}), "LockTTL is 1ms"},
		{"negative lock", scoped(idempotency.Config{LockTTL: -1}), "LockTTL"},
		{"ttl", scoped(idempotency.Config{TTL: time.Second}), "at least LockTTL"},
		{"size", scoped(idempotency.Config{MaxBytes: -1}), "MaxBytes is -1"},
		{"safe method", scoped(idempotency.Config{Methods: []string{"GET"}}), `has "GET"`},
		{"lower case", scoped(idempotency.Config{Methods: []string{"post"}}), "upper case"},
		{"cookies", scoped(idempotency.Config{Headers: []string{"set-cookie"}}), "Set-Cookie"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if got, _ := recover().(string); !strings.Contains(got, tt.want) || !strings.HasPrefix(got, "idempotency: ") {
					t.Errorf("panic = %q, want %q", got, tt.want)
				}
			}()
			idempotency.New(tt.conf...)
		})
	}
}

func TestNew_prefork(t *testing.T) {
	t.Setenv("GEIST_PREFORK_PARENT", strconv.Itoa(os.Getppid()))
	idempotency.New(idempotency.Config{Scope: byUser, Store: newFaulty(memory(t))})
	defer func() {
		if got, _ := recover().(string); !strings.Contains(got, "ListenPrefork") {
			t.Errorf("panic = %q, want one about ListenPrefork", got)
		}
	}()
	idempotency.New(idempotency.Config{Scope: byUser})
}

func TestNew_replay(t *testing.T) {
	s := newService(idempotency.Config{Headers: []string{"x-receipt", "etag"}})
	s.POST("/full", func(c *geist.Ctx) error {
		s.runs.Add(1)
		c.SetHeader("Location", "/payments/1")
		c.AddHeader("Link", "</a>; rel=a")
		c.AddHeader("Link", "</b>; rel=b")
		c.SetHeader("ETag", `"1"`)
		c.SetHeader("X-Receipt", "7")
		c.SetHeader("X-Other", "8")
		return c.Bytes(202, "application/octet-stream", []byte{0, 255, '\n'})
	})
	s.POST("/empty", func(c *geist.Ctx) error {
		s.runs.Add(1)
		return c.NoContent()
	})
	s.POST("/away", func(c *geist.Ctx) error {
		s.runs.Add(1)
		return c.Redirect(303, "/there")
	})
	client := geisttest.New(t, s.Engine)

	first := post(client, "/full", "k").Do().Status(202).NoHeader("Idempotency-Replayed").HasHeader("X-Other", "8")
	again := post(client, "/full", `"k"`).Do().Status(202).HasHeader("Idempotency-Replayed", "true").NoHeader("X-Other")
	again.BodyIs(first.Text()).HasHeader("Location", "/payments/1").HasHeader("ETag", `"1"`).HasHeader("X-Receipt", "7").
		HasHeader("Link", "</a>; rel=a").HasHeader("Link", "</b>; rel=b").HasHeader("Content-Type", "application/octet-stream")
	if got := len(again.Raw().Header.Values("ETag")); got != 1 {
		t.Errorf("ETag was sent %d times, want once", got)
	}
	s.ran(t, 1)
	for range 2 {
		post(client, "/empty", "k").Do().Status(204).BodyIs("").NoHeader("Content-Type")
		post(client, "/away", "k").Do().Status(303).HasHeader("Location", "/there").BodyIs("")
	}
	s.ran(t, 3)
}

func TestNew_passesThrough(t *testing.T) {
	s := newService(idempotency.Config{})
	s.PUT("/pay", s.pay)
	s.GET("/pay", s.pay)
	client := geisttest.New(t, s.Engine)
	for range 2 {
		client.POST("/pay").Do().Status(201)
		client.PUT("/pay").Header("Idempotency-Key", "k").Do().Status(201)
		client.GET("/pay").Header("Idempotency-Key", "k").Do().Status(201)
	}
	s.ran(t, 6)
}

func TestNew_methods(t *testing.T) {
	s := newService(idempotency.Config{Methods: []string{"PUT"}})
	s.PUT("/pay", s.pay)
	client := geisttest.New(t, s.Engine)
	for range 2 {
		client.PUT("/pay").Header("Idempotency-Key", "k").Do().Status(201)
	}
	s.ran(t, 1)
	for range 2 {
		post(client, "/pay", "k").Do().Status(201)
	}
	s.ran(t, 3)
}

func TestNew_required(t *testing.T) {
	s := newService(idempotency.Config{Required: true})
	client := geisttest.New(t, s.Engine)
	if got := client.POST("/pay").Do().Status(400).Problem().Detail; got != idempotency.ErrMissing.Detail() {
		t.Errorf("detail = %q", got)
	}
	post(client, "/pay", "k").Do().Status(201)
	client.POST("/nowhere").Do().Status(404)
	s.ran(t, 1)
}

func TestNew_keys(t *testing.T) {
	s := newService(idempotency.Config{})
	client := geisttest.New(t, s.Engine)
	for _, tt := range []struct {
		name, key string
		status    int
	}{
		{"uuid", "8e03978e-40d5-43e8-bc93-6894a57f9324", 201},
		{"quoted", `"8e03978e-40d5-43e8-bc93-6894a57f9325"`, 201},
		{"one", "x", 201},
		{"longest", strings.Repeat("k", 255), 201},
		{"too long", strings.Repeat("k", 256), 400},
		{"much too long", strings.Repeat("k", 10<<10), 400},
		{"empty text", `""`, 400},
		{"a quote", `"`, 400},
		{"half quoted", `"k`, 400},
		{"blank", "a b", 400},
		{"list", `"a", "b"`, 400},
		{"escape", `"a\"b"`, 400},
		{"control", "a\x01b", 400},
		{"not ASCII", "clé", 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp := post(client.With(t), "/pay", tt.key).Do().Status(tt.status)
			if tt.status == 400 && strings.Contains(resp.Text(), tt.key+"x") {
				t.Error("the answer has the key")
			}
		})
	}
	post(client, "/pay", "a").Header("Idempotency-Key", "b").Do().Status(400)
	post(client, "/pay", "").Header("Idempotency-Key", "b").Do().Status(400)
	post(client, "/pay", "").Do().Status(400)
	s.ran(t, 4)
}

func TestNew_reused(t *testing.T) {
	s := newService(idempotency.Config{})
	client := geisttest.New(t, s.Engine)
	base := func() *geisttest.Request { return post(client, "/pay", "k").Header("Content-Type", "text/plain") }
	base().BodyString("10").Do().Status(201)
	base().BodyString("10").Do().Status(201).HasHeader("Idempotency-Replayed", "true")
	base().BodyString("100").Do().Status(422).NoHeader("Idempotency-Replayed")
	base().Do().Status(422)
	post(client, "/pay", "k").Header("Content-Type", "text/html").BodyString("10").Do().Status(422)
	s.ran(t, 1)
}

// One of a hundred runs; the others are told to wait, or get its answer.
func TestNew_exactlyOnce(t *testing.T) {
	dir, err := file.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for name, shared := range map[string]store.Store{"memory": memory(t), "file": dir} {
		t.Run(name, func(t *testing.T) {
			var runs atomic.Int64
			clients := make([]*geisttest.Client, 2)
			for i := range clients {
				app := quiet()
				app.Use(idempotency.New(idempotency.Config{Scope: byUser, Store: shared}))
				app.POST("/pay", func(c *geist.Ctx) error { return c.JSON(201, runs.Add(1)) })
				clients[i] = geisttest.New(t, app)
			}
			var wg sync.WaitGroup
			for i := range 100 {
				wg.Go(func() {
					resp := post(clients[i%2], "/pay", "k").Do()
					switch {
					case resp.StatusCode == 201 && resp.Text() == "1":
					case resp.StatusCode == 409 && resp.Header("Retry-After") == "1":
					default:
						t.Errorf("answer = %d %s", resp.StatusCode, resp.Text())
					}
				})
			}
			wg.Wait()
			for _, client := range clients {
				post(client, "/pay", "k").Do().Status(201).BodyIs("1")
			}
			if got := runs.Load(); got != 1 {
				t.Errorf("carried out %d times, want once", got)
			}
		})
	}
}

// gate makes /slow, which waits within the handler.
func (s *service) gate() (entered, leave chan struct{}) {
	entered, leave = make(chan struct{}), make(chan struct{})
	s.POST("/slow", func(c *geist.Ctx) error {
		entered <- struct{}{}
		<-leave
		return s.pay(c)
	})
	return entered, leave
}

func TestNew_running(t *testing.T) {
	s := newService(idempotency.Config{})
	entered, leave := s.gate()
	client := geisttest.New(t, s.Engine)
	first := make(chan *geisttest.Response)
	go func() { first <- post(client, "/slow", "k").Do() }()
	<-entered
	post(client, "/slow", "k").Do().Status(409).HasHeader("Retry-After", "1")
	post(client, "/slow", "k").BodyString("other").Do().Status(422).NoHeader("Retry-After")
	close(leave)
	(<-first).Status(201)
	post(client, "/slow", "k").Do().Status(201).BodyIs(`{"run":1}`)
}

// A handler that outlives its lock cannot overwrite what came after it.
func TestNew_staleLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var mu sync.Mutex
		app := geist.New(geist.Config{Logger: slog.New(slog.NewTextHandler(lockedWriter{&mu, &log}, nil))})
		app.Use(idempotency.New(idempotency.Config{Scope: byUser, LockTTL: time.Second}))
		var runs atomic.Int64
		app.POST("/slow", func(c *geist.Ctx) error {
			n := runs.Add(1)
			if n == 1 {
				time.Sleep(3 * time.Second)
			}
			return c.JSON(201, n)
		})
		client := geisttest.New(t, app)
		first := make(chan *geisttest.Response)
		go func() { first <- post(client, "/slow", "k").Do() }()
		time.Sleep(500 * time.Millisecond)
		post(client, "/slow", "k").Do().Status(409)
		time.Sleep(time.Second)
		post(client, "/slow", "k").Do().Status(201).BodyIs("2")
		(<-first).Status(201).BodyIs("1")
		post(client, "/slow", "k").Do().Status(201).BodyIs("2").HasHeader("Idempotency-Replayed", "true")
		mu.Lock()
		defer mu.Unlock()
		if !strings.Contains(log.String(), "longer than LockTTL") {
			t.Errorf("log = %q, want a warning", log.String())
		}
	})
}

// One that ends after its lock, but before another run, has its answer kept: the request
// sent again is not carried out again.
func TestNew_lateAnswer(t *testing.T) {
	for _, tt := range []struct {
		name  string
		again time.Duration // when it is sent again; 0 if behind the answer
		late  int           // the status of that
	}{
		{"alone", 0, 0},
		{"a second run", 2 * time.Second, 201},
		{"a second run that fails", 2 * time.Second, 503},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService(idempotency.Config{LockTTL: time.Second})
				s.POST("/slow", func(c *geist.Ctx) error {
					n := s.runs.Add(1)
					time.Sleep(3 * time.Second)
					if n > 1 && tt.late != 201 {
						return geist.NewError(tt.late, "no")
					}
					return c.JSON(201, n)
				})
				client := geisttest.New(t, s.Engine)
				answer := make(chan *geisttest.Response)
				go func() { answer <- post(client, "/slow", "k").Do() }()
				if tt.again > 0 {
					time.Sleep(tt.again)
					go func() { answer <- post(client, "/slow", "k").Do() }()
				}
				(<-answer).Status(201).BodyIs("1")
				post(client, "/slow", "k").Do().Status(201).BodyIs("1").HasHeader("Idempotency-Replayed", "true")
				if tt.again > 0 {
					(<-answer).Status(tt.late)
				}
				post(client, "/slow", "k").Do().Status(201).BodyIs("1").HasHeader("Idempotency-Replayed", "true")
			})
		})
	}
}

// A key whose lock has expired may have gone to another request, which is not answered with that.
func TestNew_lateAnswerOfOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(idempotency.Config{LockTTL: time.Second})
		s.POST("/slow", func(c *geist.Ctx) error {
			time.Sleep(3 * time.Second)
			return c.Text(200, c.Query("n"))
		})
		client := geisttest.New(t, s.Engine)
		first := make(chan *geisttest.Response)
		go func() { first <- post(client, "/slow?n=1", "k").Do() }()
		time.Sleep(2500 * time.Millisecond)
		second := make(chan *geisttest.Response)
		go func() { second <- post(client, "/slow?n=2", "k").Do() }()
		(<-first).Status(200).BodyIs("1")
		post(client, "/slow?n=2", "k").Do().Status(409)
		(<-second).Status(200).BodyIs("2")
		post(client, "/slow?n=2", "k").Do().Status(200).BodyIs("2")
	})
}

// A handler that was left behind by a hard timeout is still carrying its request out.
func TestNew_leftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(idempotency.Config{})
		s.Use(func(c *geist.Ctx) error {
			return c.NextDetached(time.Second, func() bool { return true }, func() {})
		})
		s.POST("/slow", func(c *geist.Ctx) error {
			time.Sleep(10 * time.Second)
			return s.pay(c)
		})
		client := geisttest.New(t, s.Engine)
		post(client, "/slow", "k").Do().Status(503)
		post(client, "/slow", "k").Do().Status(409).HasHeader("Retry-After", "1")
		time.Sleep(idempotency.DefaultLockTTL)
		s.ran(t, 1)
		post(client, "/slow", "k").Do().Status(503)
		time.Sleep(time.Minute)
		s.ran(t, 2)
	})
}

// Nor can one that fails after its lock free what came after it.
func TestNew_staleRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(idempotency.Config{LockTTL: time.Second})
		var first atomic.Bool
		s.POST("/slow", func(c *geist.Ctx) error {
			if !first.Swap(true) {
				time.Sleep(3 * time.Second)
				return geist.NewError(503, "too slow")
			}
			return s.pay(c)
		})
		client := geisttest.New(t, s.Engine)
		slow := make(chan *geisttest.Response)
		go func() { slow <- post(client, "/slow", "k").Do() }()
		time.Sleep(2 * time.Second)
		post(client, "/slow", "k").Do().Status(201).BodyIs(`{"run":1}`)
		(<-slow).Status(503)
		post(client, "/slow", "k").Do().Status(201).BodyIs(`{"run":1}`)
	})
}

type lockedWriter struct {
	mu *sync.Mutex
	w  *bytes.Buffer
}

func (l lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func TestNew_ttl(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(idempotency.Config{TTL: time.Hour})
		client := geisttest.New(t, s.Engine)
		for range 3 {
			post(client, "/pay", "k").Do().BodyIs(`{"run":1}`)
			time.Sleep(29 * time.Minute)
		}
		post(client, "/pay", "k").Do().BodyIs(`{"run":2}`)
	})
}

func TestConfig_Scope_error(t *testing.T) {
	s := newService(idempotency.Config{Scope: func(*geist.Ctx) (string, error) { return "", geist.NewError(401, "who?") }})
	client := geisttest.New(t, s.Engine)
	post(client, "/pay", "k").Do().Status(401)
	client.POST("/pay").Do().Status(201)
	s.ran(t, 1)
}
