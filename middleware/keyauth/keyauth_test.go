package keyauth

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
)

type account struct{ name string }

const adasKey = "0123456789abcdef"

func ada(_ *geist.Ctx, key string) (*account, error) {
	if key == adasKey {
		return &account{"ada"}, nil
	}
	return nil, ErrUnknownKey
}

// guarded returns an engine that greets the owner of a key.
func guarded(conf Config[*account]) *geist.Engine {
	app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler)})
	app.Use(New(conf))
	app.GET("/", func(c *geist.Ctx) error {
		a, ok := From[*account](c)
		if !ok {
			return errors.New("no account")
		}
		return c.Text(200, "hello "+a.name)
	})
	return app
}

func TestNew_sources(t *testing.T) {
	all := []Source{Bearer(), Header("X-API-Key"), Cookie("key"), Query("key")}
	client := geisttest.New(t, guarded(Config[*account]{Verify: ada, Sources: all, Realm: "lab"}))
	const bearer = `Bearer realm="lab"`
	for _, tt := range []struct {
		name      string
		set       func(r *geisttest.Request)
		status    int
		challenge string
	}{
		{"none", func(*geisttest.Request) {}, 401, bearer},
		{"bearer", func(r *geisttest.Request) { r.Header("Authorization", "bearer "+adasKey) }, 200, ""},
		{"header", func(r *geisttest.Request) { r.Header("X-API-Key", adasKey) }, 200, ""},
		{"cookie", func(r *geisttest.Request) { r.Cookie("key", adasKey) }, 200, ""},
		{"query", func(r *geisttest.Request) { r.Query("key", adasKey) }, 200, ""},
		{"unknown", func(r *geisttest.Request) { r.Header("X-API-Key", "secret-guess") }, 401, bearer + `, error="invalid_token"`},
		{"prefix of a key", func(r *geisttest.Request) { r.Header("X-API-Key", adasKey[:15]) }, 401, bearer + `, error="invalid_token"`},
		{"another scheme", func(r *geisttest.Request) { r.Header("Authorization", "Basic "+adasKey) }, 401, bearer},
		{"no key", func(r *geisttest.Request) { r.Header("Authorization", "Bearer ") }, 401, bearer + `, error="invalid_token"`},
		{"control characters", func(r *geisttest.Request) { r.Query("key", adasKey+"\r\n") }, 401, bearer + `, error="invalid_token"`},
		{"NUL", func(r *geisttest.Request) { r.Query("key", "\x00") }, 401, bearer + `, error="invalid_token"`},
		{"too long", func(r *geisttest.Request) { r.Header("X-API-Key", strings.Repeat("x", 513)) }, 401, bearer + `, error="invalid_token"`},
		{"two fields", func(r *geisttest.Request) { r.Header("X-API-Key", adasKey).Header("X-API-Key", "x") }, 400, bearer + `, error="invalid_request"`},
		{"two places", func(r *geisttest.Request) { r.Header("X-API-Key", adasKey).Query("key", adasKey) }, 400, bearer + `, error="invalid_request"`},
		{"two cookies", func(r *geisttest.Request) { r.Header("Cookie", "key="+adasKey+"; key="+adasKey) }, 400, bearer + `, error="invalid_request"`},
		{"two fields of cookies", func(r *geisttest.Request) { r.Cookie("key", adasKey).Cookie("key", "planted") }, 400, bearer + `, error="invalid_request"`},
		{"twice in the query", func(r *geisttest.Request) { r.Query("key", adasKey).Query("key", adasKey) }, 400, bearer + `, error="invalid_request"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := client.With(t).GET("/")
			tt.set(r)
			answer := r.Do().Status(tt.status)
			if got := answer.Header("WWW-Authenticate"); got != tt.challenge {
				t.Errorf("WWW-Authenticate = %s, want %s", got, tt.challenge)
			}
			if tt.status == 200 {
				answer.BodyIs("hello ada")
			}
			if strings.Contains(answer.Text(), "guess") {
				t.Errorf("the answer repeats the key: %s", answer.Text())
			}
		})
	}
	client.GET("/").Header("X-API-Key", strings.Repeat("x", 100<<10)).Do().Status(431)
}

func TestNew_challengeOfOtherSources(t *testing.T) {
	app := guarded(Config[*account]{Verify: ada, Sources: []Source{Header("X-API-Key")}})
	geisttest.New(t, app).GET("/").Header("X-API-Key", "x").Do().Status(401).HasHeader("WWW-Authenticate", `ApiKey realm="restricted"`)
}

func TestNew_maxKeyBytes(t *testing.T) {
	asked := 0
	verify := func(_ *geist.Ctx, key string) (*account, error) {
		asked++
		return &account{key}, nil
	}
	client := geisttest.New(t, guarded(Config[*account]{Verify: verify, MaxKeyBytes: 4}))
	client.GET("/").Header("Authorization", "Bearer abcd").Do().Status(200)
	client.GET("/").Header("Authorization", "Bearer abcde").Do().Status(401)
	if asked != 1 {
		t.Errorf("Verify was asked %d times, want once", asked)
	}
}

func TestNew_verifyFails(t *testing.T) {
	var fail error
	client := geisttest.New(t, guarded(Config[*account]{Verify: func(*geist.Ctx, string) (*account, error) { return nil, fail }}))
	fail = errors.New("db-7 is down")
	answer := client.GET("/").Header("Authorization", "Bearer x").Do().Status(503).HasHeader("Retry-After", "1").NoHeader("WWW-Authenticate")
	if strings.Contains(answer.Text(), "db-7") {
		t.Errorf("the answer tells of the inside: %s", answer.Text())
	}
	fail = geist.NewError(402, "the account is not paid")
	client.GET("/").Header("Authorization", "Bearer x").Do().Status(402)
}

func TestNew_cache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		verify := func(c *geist.Ctx, key string) (*account, error) {
			calls.Add(1)
			return ada(c, key)
		}
		client := geisttest.New(t, guarded(Config[*account]{Verify: verify, CacheFor: time.Minute}))
		ask := func(key string, status int, want int64) {
			t.Helper()
			client.GET("/").Header("Authorization", "Bearer "+key).Do().Status(status)
			if got := calls.Load(); got != want {
				t.Errorf("%s: Verify was called %d times, want %d", key, got, want)
			}
		}
		ask(adasKey, 200, 1)
		ask(adasKey, 200, 1)
		ask("wrong", 401, 2)
		ask("wrong", 401, 3)
		time.Sleep(time.Minute)
		ask(adasKey, 200, 4)
	})
}

func TestFrom_anotherType(t *testing.T) {
	app := geist.New()
	app.Use(New(Config[*account]{Verify: ada}))
	app.GET("/", func(c *geist.Ctx) error {
		if v, ok := From[string](c); ok {
			t.Errorf("From[string] = %q, want nothing: Verify returns *account", v)
		}
		return c.NoContent()
	})
	geisttest.New(t, app).GET("/").Header("Authorization", "Bearer "+adasKey).Do().Status(204)
}

func TestNew_panics(t *testing.T) {
	two := Config[*account]{Verify: ada}
	for _, tt := range []struct {
		name, want string
		f          func()
	}{
		{"no Config", "Config.Verify is nil: give a function that says whose key it is", func() { New[string]() }},
		{"no Verify", "Config.Verify is nil", func() { New(Config[string]{}) }},
		{"two", "more than one Config", func() { New(two, two) }},
		{"negative length", "Config.MaxKeyBytes", func() { New(Config[*account]{Verify: ada, MaxKeyBytes: -1}) }},
		{"negative time", "Config.CacheFor", func() { New(Config[*account]{Verify: ada, CacheFor: -1}) }},
		{"a source without a name", "Config.Sources", func() { New(Config[*account]{Verify: ada, Sources: []Source{Header("")}}) }},
		{"realm", "Config.Realm", func() { New(Config[*account]{Verify: ada, Realm: "ü"}) }},
		{"no static keys", "no keys", func() { Static(nil) }},
		{"a short static key", `the key of "ada" is shorter than 16 bytes`, func() { Static(map[string]string{"ada": "hunter2"}) }},
		{"equal static keys", `"ada" and "bob" have the same key`, func() { Static(map[string]string{"ada": adasKey, "bob": adasKey}) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				got, _ := recover().(string)
				if !strings.Contains(got, tt.want) || !strings.HasPrefix(got, "keyauth: ") || strings.Contains(got, "hunter2") {
					t.Errorf("panicked with %q, want %q", got, tt.want)
				}
			}()
			tt.f()
		})
	}
}

func TestConfig_scheme(t *testing.T) {
	for _, tt := range []struct {
		sources []Source
		want    string
	}{
		{nil, "http bearer  "},
		{[]Source{Header("X-API-Key"), Bearer()}, "apiKey  header X-API-Key"},
		{[]Source{Query("key")}, "apiKey  query key"},
		{[]Source{Cookie("sid")}, "apiKey  cookie sid"},
	} {
		s := Config[*account]{Sources: tt.sources}.Scheme()
		if got := strings.Join([]string{s.Type, s.Scheme, s.In, s.Key}, " "); got != tt.want {
			t.Errorf("Scheme = %q, want %q", got, tt.want)
		}
	}
}

func TestNew_notFound(t *testing.T) {
	client := geisttest.New(t, guarded(Config[*account]{Verify: ada}))
	for _, tt := range []struct {
		method, path string
		status       int
	}{{"GET", "/none", 404}, {"DELETE", "/", 405}, {"OPTIONS", "/", 204}, {"HEAD", "/", 200}} {
		client.Request(tt.method, tt.path).Do().Status(401)
		client.Request(tt.method, tt.path).Header("Authorization", "Bearer "+adasKey).Do().Status(tt.status)
	}
}

func TestNew_websocket(t *testing.T) {
	app := guarded(Config[*account]{Verify: ada, Sources: []Source{Bearer(), Query("key")}})
	app.WS("/ws", func(c *geist.Ctx, ws *geist.Conn) error {
		if _, err := ws.Read(); err != nil {
			return err
		}
		a, _ := From[*account](c)
		return ws.Write(geist.TextMessage, []byte(a.name))
	})
	client := geisttest.New(t, app)
	client.GET("/ws").Handshake().Do().Status(401)
	client.GET("/ws?key=x").Handshake().Do().Status(401)
	for _, r := range []*geisttest.Request{client.GET("/ws?key=" + adasKey), client.GET("/ws").Header("Authorization", "Bearer "+adasKey)} {
		ws := r.WS()
		ws.Send("x")
		ws.Next().Text("ada")
		ws.Closed(1000)
	}
}

func TestNew_stream(t *testing.T) {
	h := hub.New(hub.Config{})
	t.Cleanup(func() { _ = h.Shutdown(t.Context()) })
	app := guarded(Config[*account]{Verify: ada})
	app.SSE("/run", func(c *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error {
			a, _ := From[*account](c)
			return s.Send(geist.Event{Data: []byte(a.name)})
		})
	})
	app.SSE("/follow", func(_ *geist.Ctx, s *geist.Stream) error { return s.Follow(h, "news") })
	app.GET("/stream", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			a, _ := From[*account](c)
			_, err := io.WriteString(w, a.name)
			return err
		})
	})
	app.GET("/http", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "http") })))
	client := geisttest.New(t, app)
	for _, path := range []string{"/run", "/follow", "/stream", "/http"} {
		client.GET(path).Do().Status(401)
	}
	const in = "Bearer " + adasKey
	client.GET("/run").Header("Authorization", in).SSE().Next().Is("message", "ada")
	client.GET("/follow").Header("Authorization", in).SSE().Close()
	client.GET("/stream").Header("Authorization", in).Do().Status(200).BodyIs("ada")
	client.GET("/http").Header("Authorization", in).Do().Status(200).BodyIs("http")
}
