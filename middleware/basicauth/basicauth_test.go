package basicauth

import (
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
)

func basic(credentials string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(credentials))
}

// sleepy is a hash of "secret" that costs the least that New accepts.
const sleepy = "pbkdf2-sha256$100000$MDEyMzQ1Njc4OWFiY2RlZg$plwZLotEAEMO707yToj/A2wZs5Moai9JwWz+JsVD+Cc"

// guarded returns an engine that greets the user behind a guard.
func guarded(mw geist.Handler) *geist.Engine {
	app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler)})
	app.Use(mw)
	hello := func(c *geist.Ctx) error {
		user, ok := From(c)
		if !ok {
			return errors.New("no user")
		}
		return c.Text(200, "hello "+user)
	}
	app.GET("/", hello)
	app.POST("/", hello)
	return app
}

// ada lets in Ada with the password "secret".
func ada(_ *geist.Ctx, user, password string) (bool, error) {
	return user == "ada" && password == "secret", nil
}

func TestNew_credentials(t *testing.T) {
	client := geisttest.New(t, guarded(New(Config{Verify: ada})))
	for _, tt := range []struct {
		name, field string
		status      int
	}{
		{"right", basic("ada:secret"), 200},
		{"the scheme's case", "bASIC" + basic("ada:secret")[5:], 200},
		{"more spaces", "Basic   " + basic("ada:secret")[6:] + "  ", 200},
		{"wrong password", basic("ada:Secret"), 401},
		{"unknown user", basic("bob:secret"), 401},
		{"none", "", 401},
		{"another scheme", "Bearer abc", 401},
		{"only the scheme", "Basic", 401},
		{"no base64", "Basic !!!", 401},
		{"base64 of URLs", "Basic YWRhOnNlY3JldA==_-", 401},
		{"surplus bits", "Basic YWRhOnNlY3JldB==", 401},
		{"no colon", basic("adasecret"), 401},
		{"empty", basic(":"), 401},
		{"a NUL", basic("ada\x00:secret"), 401},
		{"a line end", basic("ada:secret\r\n"), 401},
		{"DEL", basic("ada\x7f:secret"), 401},
		{"not UTF-8", basic("ada\xff:secret"), 401},
		{"long", basic("ada:" + strings.Repeat("x", 4<<10)), 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := client.With(t).GET("/")
			if tt.field != "" {
				r.Header("Authorization", tt.field)
			}
			answer := r.Do().Status(tt.status)
			if tt.status == 200 {
				answer.BodyIs("hello ada").NoHeader("WWW-Authenticate")
				return
			}
			answer.HasHeader("WWW-Authenticate", `Basic realm="restricted", charset="UTF-8"`)
			if strings.Contains(answer.Text(), "ada") || strings.Contains(answer.Text(), "secret") {
				t.Errorf("the answer repeats what was sent: %s", answer.Text())
			}
		})
	}
	client.GET("/").Header("Authorization", basic("ada:secret")).Header("Authorization", basic("bob:x")).Do().Status(400)
	client.GET("/").Header("Authorization", basic(strings.Repeat("x", 100<<10))).Do().Status(431)
}

func TestNew_colonInPasswordAndUnicode(t *testing.T) {
	app := guarded(New(Config{Verify: func(_ *geist.Ctx, user, password string) (bool, error) {
		return user == "ädä" && password == "a:b:ü", nil
	}}))
	geisttest.New(t, app).GET("/").Header("Authorization", basic("ädä:a:b:ü")).Do().Status(200).BodyIs("hello ädä")
}

func TestNew_users(t *testing.T) {
	users := map[string]string{"ada": sleepy}
	app := guarded(New(Config{Users: users, Realm: `the "lab"`}))
	delete(users, "ada") // it was copied
	client := geisttest.New(t, app)
	client.GET("/").Header("Authorization", basic("ada:secret")).Do().Status(200).BodyIs("hello ada")
	client.GET("/").Header("Authorization", basic("ada:secreT")).Do().Status(401).HasHeader("WWW-Authenticate", `Basic realm="the \"lab\"", charset="UTF-8"`)
	client.HEAD("/").Do().Status(401).HasHeader("WWW-Authenticate", `Basic realm="the \"lab\"", charset="UTF-8"`)
}

func TestHash_roundTrip(t *testing.T) {
	s := newHash("pässword", minIterations)
	h, err := parseHash(s)
	if err != nil {
		t.Fatalf("parseHash(%q) = %v", s, err)
	}
	if h.iterations != minIterations || string(h.derive("pässword")) != string(h.sum) || string(h.derive("password")) == string(h.sum) {
		t.Errorf("the hash %s does not tell its password from others", s)
	}
	if first := newHash("a", 1); first == newHash("a", 1) {
		t.Error("two hashes of one password are equal: the salt is not random")
	}
	if h, err := parseHash(Hash("a")); err != nil || h.iterations != iterations {
		t.Errorf("Hash makes %d iterations, %v, want %d", h.iterations, err, iterations)
	}
}

func TestNew_panics(t *testing.T) {
	for _, tt := range []struct {
		name   string
		config []Config
		want   string
	}{
		{"no Config", nil, "Config.Users and Config.Verify are nil"},
		{"nothing set", []Config{{}}, "Config.Users and Config.Verify are nil"},
		{"both set", []Config{{Users: map[string]string{"ada": sleepy}, Verify: ada}}, "both set"},
		{"two", []Config{{Verify: ada}, {Verify: ada}}, "more than one Config"},
		{"nobody", []Config{{Users: map[string]string{}}}, "nobody could enter"},
		{"a password for its hash", []Config{{Users: map[string]string{"ada": "secret"}}}, "no hash of a password"},
		{"too few iterations", []Config{{Users: map[string]string{"ada": strings.Replace(sleepy, "100000", "99999", 1)}}}, "no hash of a password"},
		{"too many", []Config{{Users: map[string]string{"ada": strings.Replace(sleepy, "100000", "99999999", 1)}}}, "no hash of a password"},
		{"a colon", []Config{{Users: map[string]string{"a:b": sleepy}}}, "a name that cannot be sent"},
		{"realm", []Config{{Verify: ada, Realm: "a\r\nb"}}, "Config.Realm"},
		{"negative", []Config{{Verify: ada, MaxHashing: -1}}, "Config.MaxHashing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				got, _ := recover().(string)
				if !strings.Contains(got, tt.want) || !strings.HasPrefix(got, "basicauth: ") || strings.Contains(got, "secret") {
					t.Errorf("panicked with %q, want %q", got, tt.want)
				}
			}()
			New(tt.config...)
		})
	}
}

// Who cannot look says so: that is neither a wrong password nor a fault of the server's.
func TestNew_verifyFails(t *testing.T) {
	var fail error
	app := guarded(New(Config{Verify: func(*geist.Ctx, string, string) (bool, error) { return false, fail }}))
	client := geisttest.New(t, app)
	fail = errors.New("the directory at db-7 is down")
	answer := client.GET("/").Header("Authorization", basic("ada:secret")).Do().Status(503).HasHeader("Retry-After", "1").NoHeader("WWW-Authenticate")
	if strings.Contains(answer.Text(), "db-7") {
		t.Errorf("the answer tells of the inside: %s", answer.Text())
	}
	fail = geist.NewError(423, "the account is locked")
	client.GET("/").Header("Authorization", basic("ada:secret")).Do().Status(423)
}

func TestNew_cache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		verify := func(c *geist.Ctx, user, password string) (bool, error) {
			calls.Add(1)
			return ada(c, user, password)
		}
		client := geisttest.New(t, guarded(New(Config{Verify: verify, CacheFor: time.Minute})))
		ask := func(credentials string, status int, want int64) {
			t.Helper()
			client.GET("/").Header("Authorization", basic(credentials)).Do().Status(status)
			if got := calls.Load(); got != want {
				t.Errorf("%s: Verify was called %d times, want %d", credentials, got, want)
			}
		}
		ask("ada:secret", 200, 1)
		ask("ada:secret", 200, 1)
		ask("ada:wrong", 401, 2)
		ask("ada:wrong", 401, 3) // what is wrong is never remembered
		time.Sleep(time.Minute)
		ask("ada:secret", 200, 4)
	})
}

func TestNew_notFound(t *testing.T) {
	app := guarded(New(Config{Verify: ada}))
	client := geisttest.New(t, app)
	for _, tt := range []struct {
		method, path string
		status       int
	}{{"GET", "/none", 404}, {"DELETE", "/", 405}, {"OPTIONS", "/", 204}, {"HEAD", "/", 200}} {
		client.Request(tt.method, tt.path).Do().Status(401)
		client.Request(tt.method, tt.path).Header("Authorization", basic("ada:secret")).Do().Status(tt.status)
	}
}

func TestNew_websocket(t *testing.T) {
	app := guarded(New(Config{Verify: ada}))
	app.WS("/ws", func(c *geist.Ctx, ws *geist.Conn) error {
		user, _ := From(c)
		if err := ws.Write(geist.TextMessage, []byte(user)); err != nil {
			return err
		}
		if _, err := ws.Read(); err != nil {
			return err
		}
		user, _ = From(c) // still there, long after the handshake
		return ws.Write(geist.TextMessage, []byte("bye "+user))
	})
	client := geisttest.New(t, app)
	client.GET("/ws").Handshake().Do().Status(401)
	ws := client.GET("/ws").Header("Authorization", basic("ada:secret")).WS()
	ws.Next().Text("ada")
	ws.Send("x")
	ws.Next().Text("bye ada")
	ws.Closed(1000)
}

func TestNew_stream(t *testing.T) {
	h := hub.New(hub.Config{})
	t.Cleanup(func() { _ = h.Shutdown(t.Context()) })
	app := guarded(New(Config{Verify: ada}))
	app.SSE("/run", func(c *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error {
			user, _ := From(c)
			return s.Send(geist.Event{Data: []byte(user)})
		})
	})
	app.SSE("/follow", func(_ *geist.Ctx, s *geist.Stream) error { return s.Follow(h, "news") })
	app.GET("/stream", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			user, _ := From(c)
			_, err := io.WriteString(w, user)
			return err
		})
	})
	app.POST("/body", func(c *geist.Ctx) error {
		b, err := io.ReadAll(c.BodyReader())
		if err != nil {
			return err
		}
		return c.Bytes(200, "text/plain", b)
	}).Doc(geist.StreamBody())
	app.GET("/http", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "http") })))
	client := geisttest.New(t, app)
	for _, path := range []string{"/run", "/follow", "/stream", "/http"} {
		client.GET(path).Do().Status(401)
	}
	client.POST("/body").BodyString("x").Do().Status(401)
	in := basic("ada:secret")
	client.GET("/run").Header("Authorization", in).SSE().Next().Is("message", "ada")
	client.GET("/follow").Header("Authorization", in).SSE().Close()
	client.GET("/stream").Header("Authorization", in).Do().Status(200).BodyIs("ada")
	client.POST("/body").BodyString("x").Header("Authorization", in).Do().Status(200).BodyIs("x")
	client.GET("/http").Header("Authorization", in).Do().Status(200).BodyIs("http")
}

// A request is refused before its body has come.
func TestNew_beforeTheBody(t *testing.T) {
	client := geisttest.New(t, guarded(New(Config{Verify: ada})))
	conn := client.Dial()
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nx"); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 12)
	if _, err := io.ReadFull(conn, b); err != nil || string(b) != "HTTP/1.1 401" {
		t.Errorf("read %q, %v, want a 401", b, err)
	}
}

func TestConfig_scheme(t *testing.T) {
	if got := (Config{}).Scheme(); got.Type != "http" || got.Scheme != "basic" {
		t.Errorf("Scheme = %+v", got)
	}
}

// gate lets hashing wait, and counts it.
type gate struct {
	mu      sync.Mutex
	running int // guarded by mu
	most    int // guarded by mu
	calls   int // guarded by mu
	open    chan struct{}
}

func (g *gate) derive(h passwordHash, password string) []byte {
	g.mu.Lock()
	g.running++
	g.calls++
	g.most = max(g.most, g.running)
	g.mu.Unlock()
	<-g.open
	g.mu.Lock()
	g.running--
	g.mu.Unlock()
	if password == "secret" {
		return h.sum
	}
	return nil
}

// As many are hashed at once as may be, as many wait as may, the rest is told to come back.
func TestConfig_maxHashing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard([]Config{{Users: map[string]string{"ada": sleepy}, MaxHashing: 2, MaxWaiting: 3}})
		door := &gate{open: make(chan struct{})}
		g.passwords.derive = door.derive
		client := geisttest.New(t, guarded(g.handle))
		var wg sync.WaitGroup
		var busy, wrong atomic.Int64
		for i := range 10 {
			wg.Go(func() {
				answer, err := client.GET("/").Header("Authorization", basic("ada:"+strings.Repeat("x", i+1))).DoErr()
				switch {
				case err != nil:
					t.Error(err)
				case answer.Raw().StatusCode == 503 && answer.Header("Retry-After") == "1":
					busy.Add(1)
				case answer.Raw().StatusCode == 401:
					wrong.Add(1)
				}
			})
		}
		synctest.Wait()
		if got := busy.Load(); got != 5 {
			t.Errorf("%d were told to come back, want 5", got)
		}
		close(door.open)
		wg.Wait()
		if got := wrong.Load(); got != 5 || door.most != 2 || door.calls != 5 {
			t.Errorf("%d refused, %d hashed at once, %d in all, want 5, 2, 5", got, door.most, door.calls)
		}
	})
}

// Many requests with one password hash it once.
func TestConfig_maxWaitingSharesWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard([]Config{{Users: map[string]string{"ada": sleepy}, MaxHashing: 1}})
		door := &gate{open: make(chan struct{})}
		g.passwords.derive = door.derive
		client := geisttest.New(t, guarded(g.handle))
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if answer, err := client.GET("/").Header("Authorization", basic("ada:secret")).DoErr(); err != nil || answer.Raw().StatusCode != 200 {
					t.Errorf("answer %v, %v, want 200", answer, err)
				}
			})
		}
		synctest.Wait()
		close(door.open)
		wg.Wait()
		if door.calls != 1 {
			t.Errorf("hashed %d times, want once", door.calls)
		}
	})
}
