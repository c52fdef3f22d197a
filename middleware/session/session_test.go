package session_test

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/session"
)

func TestNew_panics(t *testing.T) {
	for _, tt := range []struct {
		name string
		conf []session.Config
		want string
	}{
		{"two configs", []session.Config{{}, {}}, "more than one Config"},
		{"no end", []session.Config{{Idle: -1, Absolute: -1}}, "must end one day"},
		{"too short", []session.Config{{Idle: time.Millisecond}}, "at least a second"},
		{"absolute too short", []session.Config{{Absolute: time.Millisecond}}, "at least a second"},
		{"size", []session.Config{{MaxBytes: -1}}, "MaxBytes is -1"},
		{"prefix", []session.Config{{Cookie: "__Host-sid"}}, "without a prefix"},
		{"cookie", []session.Config{{Cookie: "a;b"}}, "Config.Cookie"},
		{"domain", []session.Config{{Domain: "a; Path=/"}}, "host name"},
		{"same site", []session.Config{{SameSite: 9}}, "SameSite is 9"},
		{"cross site", []session.Config{{SameSite: geist.SameSiteNone}}, "without Config.Secure"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer func() {
				if got, _ := recover().(string); !strings.Contains(got, tt.want) || !strings.HasPrefix(got, "session: ") {
					t.Errorf("panic = %q, want %q", got, tt.want)
				}
			}()
			session.New(tt.conf...)
		})
	}
}

func TestNew_prefork(t *testing.T) {
	t.Setenv("GEIST_PREFORK_PARENT", strconv.Itoa(os.Getppid()))
	session.New(session.Config{Store: newFaulty(memory(t))}) // any other store may be shared
	for _, conf := range []session.Config{{}, {Store: memory(t).Scoped("a")}} {
		func() {
			defer func() {
				if got, _ := recover().(string); !strings.Contains(got, "ListenPrefork") {
					t.Errorf("panic = %q, want one about ListenPrefork", got)
				}
			}()
			session.New(conf)
		}()
	}
}

func TestFrom_noMiddleware(t *testing.T) {
	app := quiet()
	var got error
	app.GET("/", func(c *geist.Ctx) error {
		_, got = session.From(c)
		return got
	})
	geisttest.New(t, app).GET("/").Do().Status(500)
	if !errors.Is(got, session.ErrNoSession) {
		t.Errorf("From = %v, want ErrNoSession", got)
	}
}

func TestNew_twice(t *testing.T) {
	app := quiet()
	app.Use(session.New(), session.New())
	app.GET("/", func(c *geist.Ctx) error { return c.NoContent() })
	geisttest.New(t, app).GET("/").Do().Status(500)
}

func TestSession_lifecycle(t *testing.T) {
	f := newFaulty(memory(t))
	client := geisttest.New(t, service(session.Config{Store: f}), geisttest.Config{Jar: true})
	step := func(r *geisttest.Request, body, calls string) *geisttest.Response {
		t.Helper()
		f.set("")
		resp := r.Do().Status(200).BodyIs(body)
		if got := f.did(); got != calls {
			t.Errorf("store was asked %q, want %q", got, calls)
		}
		return resp
	}
	step(client.GET("/none"), "none", "").NoHeader("Set-Cookie").NoHeader("Vary").NoHeader("Cache-Control")
	step(client.GET("/name"), "nobody", "").NoHeader("Set-Cookie").HasHeader("Vary", "Cookie").HasHeader("Cache-Control", "private")
	step(client.POST("/name/ada"), "set", "CAS").HasHeader("Cache-Control", "no-store").HasHeader("Vary", "Cookie")
	step(client.GET("/none"), "none", "").NoHeader("Vary")
	step(client.GET("/name"), "ada", "Get").NoHeader("Set-Cookie")
	step(client.POST("/name/ada"), "set", "Get").NoHeader("Set-Cookie") // nothing has changed
	step(client.POST("/name/bob"), "set", "Get CAS").NoHeader("Set-Cookie")
	step(client.GET("/name"), "bob", "Get")
	step(client.POST("/logout"), "out", "Get CAS")
	step(client.GET("/name"), "nobody", "")
}

func TestSession_cookie(t *testing.T) {
	for _, tt := range []struct {
		name string
		conf session.Config
		tls  bool
		want string // behind the value
	}{
		{"http", session.Config{}, false, "sid=; Path=/; HttpOnly; SameSite=Lax"},
		{"https", session.Config{}, true, "__Host-sid=; Path=/; HttpOnly; Secure; SameSite=Lax"},
		{"secure", session.Config{Secure: true, SameSite: geist.SameSiteStrict}, false, "__Host-sid=; Path=/; HttpOnly; Secure; SameSite=Strict"},
		{"domain", session.Config{Domain: "example.com", Cookie: "s"}, true, "__Secure-s=; Path=/; Domain=example.com; HttpOnly; Secure; SameSite=Lax"},
		{"persistent", session.Config{Persistent: true, Absolute: time.Hour}, false, "sid=; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax"},
		{"for ever", session.Config{Persistent: true, Absolute: -1}, false, "sid=; Path=/; Max-Age=34560000; HttpOnly; SameSite=Lax"},
		{"cross site", session.Config{Secure: true, SameSite: geist.SameSiteNone}, false, "__Host-sid=; Path=/; HttpOnly; Secure; SameSite=None"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client := geisttest.New(t, service(tt.conf), geisttest.Config{TLS: tt.tls})
			got := client.POST("/name/ada").Do().Status(200).Header("Set-Cookie")
			key, rest, _ := strings.Cut(got, "=")
			value, attributes, _ := strings.Cut(rest, ";")
			if got := key + "=;" + attributes; got != tt.want {
				t.Errorf("Set-Cookie = %q, want %q", got, tt.want)
			}
			client.GET("/name").Cookie(key, value).Do().BodyIs("ada")
			gone := client.POST("/logout").Cookie(key, value).Do().Header("Set-Cookie")
			if !strings.HasPrefix(gone, key+"=;") || !strings.Contains(gone, "; Max-Age=0") {
				t.Errorf("at logout Set-Cookie = %q, want the cookie's end", gone)
			}
		})
	}
}

func TestSession_regenerate(t *testing.T) {
	client := geisttest.New(t, service(session.Config{}))
	before := sid(t, client.POST("/count").Do())
	after := sid(t, client.POST("/login/ada").Cookie("sid", before).Do())
	client.GET("/count").Cookie("sid", after).Do().BodyIs("1")
	client.GET("/name").Cookie("sid", after).Do().BodyIs("ada")
	client.GET("/name").Cookie("sid", before).Do().BodyIs("nobody").NoHeader("Set-Cookie")
}

// What a request that is under way does to a session that another one ends is refused.
func TestSession_endedMeanwhile(t *testing.T) {
	for _, end := range []string{"/logout", "/login/eve"} {
		t.Run(end, func(t *testing.T) {
			app := service(session.Config{})
			read, ended := make(chan struct{}), make(chan struct{})
			app.POST("/slow", with(func(c *geist.Ctx, s *session.Session) error {
				close(read)
				<-ended
				return errors.Join(name.Set(s, "late"), c.Text(200, "done"))
			}))
			client := geisttest.New(t, app)
			old := sid(t, client.POST("/name/ada").Do())
			answer := make(chan *geisttest.Response)
			go func() { answer <- client.POST("/slow").Cookie("sid", old).Do() }()
			<-read
			client.POST(end).Cookie("sid", old).Do().Status(200)
			close(ended)
			if got := <-answer; got.StatusCode != 409 {
				t.Errorf("the late one is answered %d, want 409", got.StatusCode)
			}
			client.GET("/name").Cookie("sid", old).Do().BodyIs("nobody")
		})
	}
}

// Requests that change a session while another one moves it lose nothing: each is part of what
// has moved, or refused, or came too late and has begun a session of its own.
func TestSession_regenerateKeepsUpdates(t *testing.T) {
	const n = 50
	client := geisttest.New(t, service(session.Config{}))
	before := sid(t, client.POST("/count").Do())
	var wg sync.WaitGroup
	answers := make([]*geisttest.Response, n)
	for i := range n {
		wg.Go(func() { answers[i] = client.POST("/count").Cookie("sid", before).Do() })
	}
	after := sid(t, client.POST("/login/ada").Cookie("sid", before).Do().Status(200))
	wg.Wait()
	want := 1
	for _, answer := range answers {
		switch {
		case answer.StatusCode == 200 && answer.Cookie("sid") == nil:
			want++
		case answer.StatusCode != 200 && answer.StatusCode != 409:
			t.Errorf("status = %d, want 200 or 409", answer.StatusCode)
		}
	}
	client.GET("/count").Cookie("sid", after).Do().BodyIs(strconv.Itoa(want))
}

func TestKey_Update_concurrent(t *testing.T) {
	const n = 100
	shared := memory(t)
	clients := []*geisttest.Client{
		geisttest.New(t, service(session.Config{Store: shared})),
		geisttest.New(t, service(session.Config{Store: shared})),
	}
	id := sid(t, clients[0].POST("/name/ada").Do())
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if got := clients[i%2].POST("/count").Cookie("sid", id).Do().StatusCode; got != 200 {
				t.Errorf("status = %d, want 200", got)
			}
		})
	}
	wg.Wait()
	clients[0].GET("/count").Cookie("sid", id).Do().BodyIs(strconv.Itoa(n))
	clients[1].GET("/name").Cookie("sid", id).Do().BodyIs("ada")
}

// Values of different keys merge; of one key the last writer wins.
func TestSession_merge(t *testing.T) {
	app := service(session.Config{})
	read, written := make(chan struct{}), make(chan struct{})
	app.POST("/slow", with(func(c *geist.Ctx, s *session.Session) error {
		close(read)
		<-written
		return errors.Join(name.Set(s, "slow"), count.Update(s, func(n int) int { return n + 10 }), s.Flash("info", "slow"))
	}))
	app.POST("/fast", with(func(c *geist.Ctx, s *session.Session) error {
		return errors.Join(name.Set(s, "fast"), count.Update(s, func(n int) int { return n + 1 }),
			session.NewKey[bool]("other").Set(s, true), s.Flash("info", "fast"))
	}))
	app.GET("/all", with(func(c *geist.Ctx, s *session.Session) error {
		n, _ := count.Get(s)
		who, _ := name.Get(s)
		other, _ := session.NewKey[bool]("other").Get(s)
		return c.JSON(200, []any{n, who, other, s.Flashes()})
	}))
	client := geisttest.New(t, app)
	id := sid(t, client.POST("/count").Do())
	done := make(chan int)
	go func() { done <- client.POST("/slow").Cookie("sid", id).Do().StatusCode }()
	<-read
	client.POST("/fast").Cookie("sid", id).Do().Status(200)
	close(written)
	if got := <-done; got != 200 {
		t.Fatalf("status = %d, want 200", got)
	}
	client.GET("/all").Cookie("sid", id).Do().BodyIs(`[12,"slow",true,[{"kind":"info","text":"fast"},{"kind":"info","text":"slow"}]]`)
	client.GET("/all").Cookie("sid", id).Do().BodyIs(`[12,"slow",true,null]`)
}

func TestSession_destroyThenFlash(t *testing.T) {
	app := service(session.Config{})
	app.POST("/bye", with(func(c *geist.Ctx, s *session.Session) error {
		s.Destroy()
		if !s.Fresh() || s.ID() != "" {
			t.Errorf("after Destroy Fresh = %v, ID = %q", s.Fresh(), s.ID())
		}
		return errors.Join(s.Flash("info", "bye"), c.Redirect(303, "/flashes"))
	}))
	app.GET("/flashes", with(func(c *geist.Ctx, s *session.Session) error { return c.JSON(200, s.Flashes()) }))
	client := geisttest.New(t, app)
	old := sid(t, client.POST("/name/ada").Do())
	fresh := sid(t, client.POST("/bye").Cookie("sid", old).Do().Status(303))
	client.GET("/name").Cookie("sid", old).Do().BodyIs("nobody")
	client.GET("/name").Cookie("sid", fresh).Do().BodyIs("nobody")
	client.GET("/flashes").Cookie("sid", fresh).Do().BodyIs(`[{"kind":"info","text":"bye"}]`)
}

// What was put and taken out again within a request makes no session.
func TestSession_nothingLeft(t *testing.T) {
	f := newFaulty(memory(t))
	app := service(session.Config{Store: f})
	app.POST("/", with(func(c *geist.Ctx, s *session.Session) error {
		if err := errors.Join(s.Flash("info", "x"), name.Set(s, "x")); err != nil {
			return err
		}
		s.Flashes()
		name.Delete(s)
		count.Delete(s)
		return c.NoContent()
	}))
	geisttest.New(t, app).POST("/").Do().Status(204).NoHeader("Set-Cookie")
	if got := f.did(); got != "" {
		t.Errorf("store was asked %q, want nothing", got)
	}
}

func TestSession_ID(t *testing.T) {
	app := service(session.Config{})
	app.GET("/id", with(func(c *geist.Ctx, s *session.Session) error {
		return c.JSON(200, []any{s.ID(), s.Fresh(), s.User()})
	}))
	client := geisttest.New(t, app)
	client.GET("/id").Do().BodyIs(`["",true,""]`)
	secret := sid(t, client.POST("/login/ada").Do())
	var got []any
	client.GET("/id").Cookie("sid", secret).Do().JSON(&got)
	if id, _ := got[0].(string); len(id) != 22 || strings.Contains(secret, id) || got[1] != false || got[2] != "ada" {
		t.Errorf("ID, Fresh, User = %v, want 22 characters that are not in the secret, false, ada", got)
	}
}

func TestKey_types(t *testing.T) {
	app := service(session.Config{MaxBytes: 100})
	app.POST("/", with(func(c *geist.Ctx, s *session.Session) error {
		_ = name.Set(s, "text")
		if n, ok := session.NewKey[int]("name").Get(s); ok || n != 0 {
			t.Errorf("Get of a text as a number = %d, %v", n, ok)
		}
		if err := session.NewKey[int]("name").Update(s, func(n int) int { return n + 1 }); err == nil {
			t.Error("Update of a text as a number succeeds")
		}
		if err := session.NewKey[func()]("f").Set(s, func() {}); err == nil {
			t.Error("Set of a function succeeds")
		}
		for _, long := range []string{"name", "other"} {
			if err := session.NewKey[string](long).Set(s, strings.Repeat("x", 101)); !errors.Is(err, session.ErrTooLarge) {
				t.Errorf("Set of 101 bytes = %v, want ErrTooLarge", err)
			}
		}
		return c.Text(200, "")
	}))
	client := geisttest.New(t, app, geisttest.Config{Jar: true})
	client.POST("/").Do().Status(200)
	client.GET("/name").Do().BodyIs("text")
}

func TestNewKey_panics(t *testing.T) {
	for _, bad := range []string{"", "geist.user"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("NewKey(%q) does not panic", bad)
				}
			}()
			session.NewKey[int](bad)
		}()
	}
}
