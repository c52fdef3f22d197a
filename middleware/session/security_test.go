package session_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/session"
	"github.com/gogeist/geist/store"
)

// GHSA-98j2-3j3p-fw2v: a session got the identifier that the client had made up.
func TestCVE_2024_38513_clientChosenID(t *testing.T) {
	app := service(session.Config{})
	client := geisttest.New(t, app)
	chosen := base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	for _, value := range []string{chosen, "evil", "", strings.Repeat("A", 4<<10)} {
		got := sid(t, client.POST("/name/ada").Cookie("sid", value).Do().Status(200))
		if got == value {
			t.Errorf("the identifier %q was adopted", value)
		}
		client.GET("/name").Cookie("sid", value).Do().Status(200).BodyIs("nobody")
	}
}

// A session that was planted before the login is of no use after it.
func TestCVE_2024_38513_fixationAtLogin(t *testing.T) {
	client := geisttest.New(t, service(session.Config{}))
	planted := sid(t, client.POST("/count").Do())
	client.POST("/login/ada").Cookie("sid", planted).Do().Status(200)
	client.GET("/name").Cookie("sid", planted).Do().BodyIs("nobody")
	client.POST("/count").Cookie("sid", planted).Do().Status(200)
	client.GET("/count").Cookie("sid", planted).Do().BodyIs("0")
}

// Identifiers that repeat, even in a part, or have too few bits, can be guessed.
func TestCVE_2025_66630_randomness(t *testing.T) {
	client := geisttest.New(t, service(session.Config{}))
	seen := map[string]bool{}
	for range 100 {
		id := sid(t, client.POST("/count").Do())
		raw, err := base64.RawURLEncoding.DecodeString(id)
		if err != nil || len(raw) != 32 {
			t.Fatalf("the identifier %q is not of 256 bits", id)
		}
		for part := range slices.Chunk(raw, 8) {
			if seen[string(part)] {
				t.Fatalf("a part of %q was there before", id)
			}
			seen[string(part)] = true
		}
	}
}

// Sizes that a cookie declares were believed. Ours declares nothing; what is too long is not
// even looked for.
func TestCVE_2026_25899_cookieSize(t *testing.T) {
	f := newFaulty(memory(t))
	client := geisttest.New(t, service(session.Config{Store: f}))
	good := sid(t, client.POST("/name/ada").Do())
	f.set("")
	for _, value := range []string{
		strings.Repeat("A", 8<<10), good + "A", good[:42], good[:42] + "%", good[:42] + "=", "\xff\xff",
		"../" + good, good[:21] + "\t" + good[22:],
	} {
		client.GET("/name").Cookie("sid", value).Do().Status(200).BodyIs("nobody").NoHeader("Set-Cookie")
	}
	if got := f.did(); got != "" {
		t.Errorf("the store was asked %q for cookies that are none of ours", got)
	}
	client.GET("/name").Cookie("sid", good).Do().BodyIs("ada")
}

// base64 has several forms of the same bytes: one of them is the session's.
func TestSecurity_oneFormOfACookie(t *testing.T) {
	client := geisttest.New(t, service(session.Config{}))
	good := sid(t, client.POST("/name/ada").Do())
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for _, last := range letters {
		want := "nobody"
		value := good[:42] + string(last)
		if value == good {
			want = "ada"
		}
		client.GET("/name").Cookie("sid", value).Do().BodyIs(want)
	}
}

// gin-contrib/sessions issue 231: requests of one session at a time overwrote each other.
func TestGinSessions231_lostUpdate(t *testing.T) {
	const n = 20
	app := service(session.Config{})
	var all sync.WaitGroup
	all.Add(n)
	app.POST("/key/:key", with(func(c *geist.Ctx, s *session.Session) error {
		all.Done()
		all.Wait() // everybody has read before anybody writes
		return errors.Join(session.NewKey[bool](c.Param("key")).Set(s, true), c.Text(200, ""))
	}))
	app.GET("/keys", with(func(c *geist.Ctx, s *session.Session) error {
		set := 0
		for i := range n {
			if ok, _ := session.NewKey[bool](string(rune('a' + i))).Get(s); ok {
				set++
			}
		}
		return c.JSON(200, set)
	}))
	client := geisttest.New(t, app)
	id := sid(t, client.POST("/count").Do())
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { client.POST("/key/"+string(rune('a'+i))).Cookie("sid", id).Do().Status(200) })
	}
	wg.Wait()
	client.GET("/keys").Cookie("sid", id).Do().BodyIs("20")
}

// Fiber issue 4326: a lock was held while the store was asked. Here a store that hangs for one session
// holds up no other.
func TestFiber4326_noLockAcrossIO(t *testing.T) {
	f := newFaulty(memory(t))
	hang, release := make(chan struct{}), make(chan struct{})
	var first atomic.Bool
	f.before = func(op, _ string) {
		if op == "Get" && !first.Swap(true) {
			close(hang)
			<-release
		}
	}
	client := geisttest.New(t, service(session.Config{Store: f}))
	id := sid(t, client.POST("/name/ada").Do())
	slow := make(chan string)
	go func() { slow <- client.GET("/name").Cookie("sid", id).Do().Text() }()
	<-hang
	client.GET("/name").Cookie("sid", id).Do().BodyIs("ada")
	close(release)
	if got := <-slow; got != "ada" {
		t.Errorf("the slow one got %q, want ada", got)
	}
}

// Cookies that were sent once are of no use after logout, nor can a request that was under way
// bring the session back.
func TestSecurity_replayedCookie(t *testing.T) {
	client := geisttest.New(t, service(session.Config{}))
	id := sid(t, client.POST("/login/ada").Do())
	client.POST("/logout").Cookie("sid", id).Do().Status(200)
	for range 2 {
		client.GET("/name").Cookie("sid", id).Do().Status(200).BodyIs("nobody")
		if fresh := sid(t, client.POST("/name/eve").Cookie("sid", id).Do()); fresh == id {
			t.Error("the session that was ended lives again")
		}
	}
}

// Another host of the domain, or another path, can plant a second cookie of the name.
func TestSecurity_severalCookies(t *testing.T) {
	client := geisttest.New(t, service(session.Config{}))
	ada := sid(t, client.POST("/name/ada").Do())
	eve := sid(t, client.POST("/name/eve").Do())
	for _, tt := range []struct {
		name   string
		fields []string
		want   string
	}{
		{"one", []string{"a=b; sid=" + ada + "; c=d"}, "ada"},
		{"planted first", []string{"sid=" + eve + "; sid=" + ada}, "nobody"},
		{"planted last", []string{"sid=" + ada + "; sid=" + eve}, "nobody"},
		{"the same twice", []string{"sid=" + ada + ";sid=" + ada}, "nobody"},
		{"two fields", []string{"sid=" + ada, "sid=" + eve}, "nobody"},
		{"an empty one", []string{"sid=; sid=" + ada}, "nobody"},
		{"another name", []string{"sid=" + ada + "; xsid=" + eve + "; SID=" + eve}, "ada"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := client.With(t).GET("/name")
			for _, f := range tt.fields {
				r.Header("Cookie", f)
			}
			r.Do().BodyIs(tt.want)
		})
	}
}

// A cookie that was set over http, where anybody on the way can, is not believed over https.
func TestSecurity_cookieOfHTTP(t *testing.T) {
	app := service(session.Config{})
	plain := geisttest.New(t, app)
	id := sid(t, plain.POST("/name/eve").Do())
	secure := geisttest.New(t, app, geisttest.Config{TLS: true})
	secure.GET("/name").Cookie("sid", id).Do().BodyIs("nobody")
	if got := secure.POST("/name/ada").Do().Header("Set-Cookie"); !strings.HasPrefix(got, "__Host-sid=") || !strings.Contains(got, "; Secure") {
		t.Errorf("over https Set-Cookie = %q", got)
	}
}

// X-Forwarded-Proto of a stranger changes nothing; that of a trusted proxy does.
func TestSecurity_forwardedProto(t *testing.T) {
	for _, tt := range []struct {
		proxies []string
		want    string
	}{{nil, "sid="}, {[]string{geisttest.DefaultRemoteAddr}, "__Host-sid="}} {
		app := geist.New(geist.Config{TrustedProxies: tt.proxies})
		app.Use(session.New())
		app.POST("/", with(func(c *geist.Ctx, s *session.Session) error {
			return errors.Join(name.Set(s, "x"), c.NoContent())
		}))
		got := geisttest.New(t, app).POST("/").Header("X-Forwarded-Proto", "https").Do().Header("Set-Cookie")
		if !strings.HasPrefix(got, tt.want) {
			t.Errorf("trusting %v: Set-Cookie = %q, want %s", tt.proxies, got, tt.want)
		}
	}
}

// watched remembers every byte that a store was given.
type watched struct {
	store.Store
	mu   *sync.Mutex
	seen *strings.Builder // guarded by mu
}

func (w watched) Scoped(prefix string) store.Store {
	return watched{w.Store.Scoped(prefix), w.mu, w.seen}
}

func (w watched) CAS(ctx context.Context, key string, ver uint64, val []byte, ttl time.Duration) (store.Item, error) {
	w.mu.Lock()
	w.seen.WriteString(key + " " + string(val) + "\n")
	w.mu.Unlock()
	return w.Store.CAS(ctx, key, ver, val, ttl)
}

// Who reads the store, or a backup of it, can make no cookie of what is there.
func TestSecurity_leakedStore(t *testing.T) {
	w := watched{memory(t), new(sync.Mutex), new(strings.Builder)}
	client := geisttest.New(t, service(session.Config{Store: w}))
	id := sid(t, client.POST("/login/ada").Do())
	seen := w.seen.String()
	sum := sha256.Sum256([]byte(id))
	if strings.Contains(seen, id) || !strings.Contains(seen, base64.RawURLEncoding.EncodeToString(sum[:])) {
		t.Errorf("the store was given %q, want the SHA-256 of the secret, and not the secret", seen)
	}
	key, _, _ := strings.Cut(seen, " ")
	for _, value := range []string{key, hex.EncodeToString(sum[:])} {
		client.GET("/name").Cookie("sid", value).Do().BodyIs("nobody")
	}
}

// CVE-2026-30246 and its like: a shared cache hands one client's answer to another.
func TestCVE_2026_30246_cachePoisoning(t *testing.T) {
	app := service(session.Config{})
	app.POST("/public", with(func(c *geist.Ctx, s *session.Session) error {
		c.SetHeader("Cache-Control", "public, max-age=60")
		c.AddHeader("Vary", "Accept")
		return errors.Join(name.Set(s, "ada"), c.Text(200, ""))
	}))
	app.GET("/own", with(func(c *geist.Ctx, _ *session.Session) error {
		c.SetHeader("Cache-Control", "max-age=60")
		return c.Text(200, "")
	}))
	app.GET("/near", with(func(c *geist.Ctx, _ *session.Session) error {
		c.AddHeader("Vary", "X-Cookie-Consent")
		return c.Text(200, "")
	}))
	client := geisttest.New(t, app)
	client.GET("/near").Do().HasHeader("Vary", "X-Cookie-Consent").HasHeader("Vary", "Cookie")
	client.POST("/public").Do().HasHeader("Cache-Control", "no-store").HasHeader("Vary", "Accept").HasHeader("Vary", "Cookie")
	client.GET("/own").Do().HasHeader("Cache-Control", "max-age=60").HasHeader("Vary", "Cookie")
	client.GET("/name").Do().HasHeader("Cache-Control", "private").HasHeader("Vary", "Cookie")
}

// What stands in the store but is no session, whoever wrote it, ends nothing but itself.
func TestSecurity_brokenEntry(t *testing.T) {
	s := memory(t)
	client := geisttest.New(t, service(session.Config{Store: s}))
	for _, val := range []string{"", "null", "{", `{"created":9e99}`, `{"values":{"geist.user":7}}`, `{"created":1,"values":{}}`} {
		id := sid(t, client.POST("/name/ada").Do())
		sum := sha256.Sum256([]byte(id))
		key := base64.RawURLEncoding.EncodeToString(sum[:])
		if err := s.Scoped("session").Set(t.Context(), key, []byte(val), time.Minute); err != nil {
			t.Fatal(err)
		}
		client.GET("/name").Cookie("sid", id).Do().Status(200).BodyIs("nobody")
	}
}

// With UnsafeStrings the secret was a view of a buffer that is another client's once the
// connection has begun: its session was written then.
func TestSecurity_unsafeStrings(t *testing.T) {
	app := geist.New(geist.Config{UnsafeStrings: true, Logger: slog.New(slog.DiscardHandler)})
	addPages(app, session.Config{})
	app.WS("/ws", func(c *geist.Ctx, ws *geist.Conn) error {
		s, err := session.From(c)
		if err != nil {
			return err
		}
		if _, err := ws.Read(); err != nil {
			return err
		}
		return errors.Join(name.Set(s, "changed"), s.Save(c.Context()))
	})
	client := geisttest.New(t, app)
	ada, bob := sid(t, client.POST("/name/ada").Do()), sid(t, client.POST("/name/bob").Do())
	ws := client.GET("/ws").Cookie("sid", ada).WS()
	for i := range 50 { // on other connections, one of which gets the buffer
		client.GET("/name").RemoteAddr(fmt.Sprintf("192.0.2.%d:1", i+1)).Cookie("sid", bob).Do().BodyIs("bob")
	}
	ws.Send("go").Closed(1000)
	client.GET("/name").Cookie("sid", bob).Do().BodyIs("bob")
	client.GET("/name").Cookie("sid", ada).Do().BodyIs("changed")
}

// A logout beside a request that regenerates the session does not end it, and says so.
func TestSecurity_logoutBesideLogin(t *testing.T) {
	app := service(session.Config{})
	read, regenerated := make(chan struct{}), make(chan struct{})
	app.POST("/slow-logout", with(func(c *geist.Ctx, s *session.Session) error {
		close(read)
		<-regenerated
		s.Destroy()
		return c.Text(200, "out")
	}))
	client := geisttest.New(t, app)
	old := sid(t, client.POST("/count").Do())
	logout := make(chan *geisttest.Response)
	go func() { logout <- client.POST("/slow-logout").Cookie("sid", old).Do() }()
	<-read
	renewed := sid(t, client.POST("/login/ada").Cookie("sid", old).Do())
	close(regenerated)
	(<-logout).Status(409).NoHeader("Set-Cookie")
	client.GET("/name").Cookie("sid", renewed).Do().BodyIs("ada")
	client.POST("/logout").Cookie("sid", renewed).Do().Status(200)
	client.GET("/name").Cookie("sid", renewed).Do().BodyIs("nobody")
}

// A logout beside others that log out, or change the session, ends it.
func TestSession_Destroy_concurrent(t *testing.T) {
	app := service(session.Config{})
	read, changed := make(chan struct{}), make(chan struct{})
	app.POST("/slow-logout", with(func(c *geist.Ctx, s *session.Session) error {
		close(read)
		<-changed
		s.Destroy()
		return c.Text(200, "out")
	}))
	for _, path := range []string{"/count", "/logout"} {
		read, changed = make(chan struct{}), make(chan struct{})
		client := geisttest.New(t, app)
		id := sid(t, client.POST("/name/ada").Do())
		logout := make(chan *geisttest.Response)
		go func() { logout <- client.POST("/slow-logout").Cookie("sid", id).Do() }()
		<-read
		client.POST(path).Cookie("sid", id).Do().Status(200)
		close(changed)
		(<-logout).Status(200)
		client.GET("/name").Cookie("sid", id).Do().BodyIs("nobody")
	}
}
