package main

import (
	"context"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/examples/taskboard/board"
	"github.com/gogeist/geist/geisttest"
)

// serviceAt is the whole service on a database, with Ada, Grace and Vera, of whom each has the
// password "secret of" and the name.
func serviceAt(t *testing.T, path string, rate int) (app *geist.Engine, stop func()) {
	t.Helper()
	store, err := board.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	store.SetIterations(10)
	for name, role := range map[string]board.Role{"Ada": board.Admin, "Grace": board.Member, "Vera": board.Viewer} {
		if _, err := store.AddPerson(t.Context(), board.Person{Name: name, Role: role}, "secret of "+name, ""); err != nil {
			t.Fatal(err)
		}
	}
	if app, err = newApp(t.Context(), store, settings{path: path, rate: rate}); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		if err := app.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return app, stop
}

func newService(t *testing.T, rate int) *geist.Engine {
	app, _ := serviceAt(t, filepath.Join(t.TempDir(), "tasks.db"), rate)
	return app
}

// browser is a client that keeps cookies.
func browser(t *testing.T, app *geist.Engine) *geisttest.Client {
	return geisttest.New(t, app, geisttest.Config{Jar: true})
}

func try(c *geisttest.Client, name, password string) *geisttest.Response {
	return c.POST("/login").Form(url.Values{"name": {name}, "password": {password}}).Do()
}

// signedIn is the browser of somebody.
func signedIn(t *testing.T, app *geist.Engine, name string) *geisttest.Client {
	t.Helper()
	c := browser(t, app)
	try(c, name, "secret of "+name).Status(303).HasHeader("Location", "/")
	return c
}

func TestSignIn(t *testing.T) {
	app := newService(t, 0)
	c := browser(t, app)
	c.GET("/").Do().Status(303).HasHeader("Location", "/login")
	c.GET("/login").Do().Status(200).BodyContains(`name="password"`)
	for _, wrong := range [][2]string{{"Ada", "secret of Grace"}, {"Nobody", "secret of Ada"}, {"Ada", ""}, {"", ""}, {`"><script>`, "x"}} {
		r := try(c, wrong[0], wrong[1]).Status(401).BodyContains("the name or the password is wrong")
		if strings.Contains(r.Text(), "<script") || wrong[1] != "" && strings.Contains(r.Text(), wrong[1]+`"`) {
			t.Errorf("%q: the page has what was sent: %s", wrong, r.Text())
		}
	}
	c.GET("/").Do().Status(303)

	try(c, " ada ", "secret of Ada").Status(303).HasHeader("Location", "/")
	c.GET("/").Do().Status(200).BodyContains(`data-name="Ada" data-role="admin"`).BodyContains("Welcome, Ada.")
	if r := c.GET("/").Do().Status(200); strings.Contains(r.Text(), "Welcome") {
		t.Error("the greeting is said twice")
	}
	c.GET("/api/me").Do().Status(200).BodyIs(`{"name":"Ada","role":"admin"}`)
	c.POST("/api/tasks").JSON(map[string]string{"title": "by a session"}).Do().Status(201)
}

// A session that somebody has planted in a browser is not that of who signs in.
func TestSignIn_plantedSession(t *testing.T) {
	app := newService(t, 0)
	c := browser(t, app)
	try(c, "Vera", "secret of Vera").Status(303)
	planted := c.POST("/logout").Do().Status(303).Cookie("sid") // which keeps what is to be said
	mine := try(c, "Grace", "secret of Grace").Status(303).Cookie("sid")
	if planted == nil || mine == nil || planted.Value == mine.Value {
		t.Fatalf("the cookie was %v, and is %v", planted, mine)
	}
	if !mine.HttpOnly {
		t.Error("scripts can read the cookie")
	}
	geisttest.New(t, app).GET("/").Cookie("sid", planted.Value).Do().Status(303)
}

// Who has not signed in cannot make the service keep sessions.
func TestSignOut_nobody(t *testing.T) {
	c := browser(t, newService(t, 0))
	for _, r := range []*geisttest.Request{c.POST("/logout"), c.GET("/login"), c.GET("/"), c.POST("/login").Form(url.Values{"name": {"Ada"}})} {
		if sid := r.Do().Cookie("sid"); sid != nil {
			t.Errorf("there is a session: %v", sid)
		}
	}
}

// After ten attempts a name waits, whoever has it; others do not.
func TestSignIn_attempts(t *testing.T) {
	app := newService(t, 0)
	c := browser(t, app)
	for range 10 {
		try(c, "Grace", "a guess").Status(401)
	}
	try(c, "grace", "secret of Grace").Status(429).BodyContains("too many attempts")
	try(c, "Ada", "secret of Ada").Status(303)
}

func TestSignIn_otherSites(t *testing.T) {
	app := newService(t, 0)
	c := signedIn(t, app, "Grace")
	for _, path := range []string{"/login", "/logout", "/api/tasks"} {
		c.POST(path).Header("Sec-Fetch-Site", "cross-site").Form(url.Values{"name": {"Ada"}}).Do().Status(403)
		c.POST(path).Header("Origin", "https://evil.example").Form(url.Values{"name": {"Ada"}}).Do().Status(403)
	}
	c.GET("/").Do().Status(200)
}

func TestSignIn_largeForm(t *testing.T) {
	c := browser(t, newService(t, 0))
	try(c, "Ada", strings.Repeat("x", 5<<10)).Status(413)
}

// rooms enters both rooms as a page does.
func rooms(t *testing.T, c *geisttest.Client) *geisttest.WebSocket {
	t.Helper()
	ws := c.GET("/rt").Header("Sec-WebSocket-Protocol", "geist.v1").WS()
	ws.Send(`["hello",{}]`)
	frame(t, ws, "welcome")
	ws.Send(`["join",1,"board"]`)
	frame(t, ws, "joined")
	ws.Send(`["join",2,"chat"]`)
	frame(t, ws, "joined")
	return ws
}

// frame returns the next frame, which must be of a kind.
func frame(t *testing.T, ws *geisttest.WebSocket, kind string) []any {
	t.Helper()
	var f []any
	ws.Next().JSON(&f)
	if len(f) == 0 || f[0] != kind {
		t.Fatalf("frame %v, want %s", f, kind)
	}
	return f
}

// Who signs out is put out of the rooms, in all pages of that browser, and in no other's.
func TestSignOut_endsTheRooms(t *testing.T) {
	app := newService(t, 0)
	here, there := signedIn(t, app, "Grace"), signedIn(t, app, "Grace")
	mine, other := rooms(t, here), rooms(t, there)
	here.POST("/logout").Do().Status(303).HasHeader("Location", "/login")
	for range 2 {
		if f := frame(t, mine, "left"); f[2] != "unauthorized" {
			t.Errorf("left by %v, want unauthorized", f)
		}
	}
	mine.Send(`["pub",3,"chat",{"text":"still here?"}]`)
	frame(t, mine, "error")
	mine.Send(`["join",4,"chat"]`)
	frame(t, mine, "error")
	other.Send(`["pub",3,"chat",{"text":"I am"}]`)
	if f := frame(t, other, "m"); f[1] != "chat" {
		t.Errorf("heard %v, want what was said", f)
	}
	here.GET("/login").Do().Status(200).BodyContains("You have signed out.")
	here.GET("/rt").Header("Sec-WebSocket-Protocol", "geist.v1").Handshake().Do().Status(401)
	here.GET("/").Do().Status(303)
	there.GET("/").Do().Status(200)
}

// A connection lasts no longer than the session by which it has come.
func TestRooms_endWithTheSession(t *testing.T) {
	ws := signedIn(t, newService(t, 0), "Vera").GET("/rt").Header("Sec-WebSocket-Protocol", "geist.v1").WS()
	ws.Send(`["hello",{}]`)
	welcome, _ := frame(t, ws, "welcome")[1].(map[string]any)
	ttl, _ := welcome["ttl"].(float64)
	if left := time.Duration(ttl) * time.Millisecond; left <= 11*time.Hour || left > 12*time.Hour {
		t.Errorf("the connection ends after %v, want half a day: %v", left, welcome)
	}
}

// Another person who signs in in the same browser takes the rooms from the one before.
func TestSignIn_insteadOfAnother(t *testing.T) {
	app := newService(t, 0)
	c := signedIn(t, app, "Ada")
	ws := rooms(t, c)
	try(c, "Vera", "secret of Vera").Status(303)
	frame(t, ws, "left")
	c.GET("/").Do().Status(200).BodyContains(`data-name="Vera"`)
	c.POST("/api/tasks").JSON(map[string]string{"title": "lost"}).Do().Status(403)
}

func TestSession_outlivesTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tasks.db")
	app, stop := serviceAt(t, path, 0)
	cookie := try(browser(t, app), "Ada", "secret of Ada").Status(303).Cookie("sid")
	stop()
	app, _ = serviceAt(t, path, 0)
	geisttest.New(t, app).GET("/").Cookie("sid", cookie.Value).Do().Status(200).BodyContains(`data-name="Ada"`)
}

// What shows how the service is doing is for admins.
func TestApp_adminsOnly(t *testing.T) {
	app := newService(t, 0)
	for name, status := range map[string]int{"Ada": 200, "Grace": 403, "Vera": 403} {
		c := signedIn(t, app, name)
		for _, path := range []string{"/monitor", "/monitor/stats.json"} {
			c.GET(path).Do().Status(status)
		}
		detail := strings.Contains(c.GET("/readyz").Do().Status(200).Text(), "sessions")
		if detail != (name == "Ada") {
			t.Errorf("%s sees the checks: %t", name, detail)
		}
	}
	c := geisttest.New(t, app)
	c.GET("/monitor").Do().Status(401)
	c.GET("/livez").Do().Status(200)
}

func TestApp_rate(t *testing.T) {
	c := geisttest.New(t, newService(t, 1)) // four at once
	refused := 0
	for range 30 {
		r := c.GET("/api/tasks").Do()
		if r.Raw().StatusCode == 429 {
			refused++
			if r.Header("Retry-After") == "" {
				t.Error("429 without Retry-After")
			}
		}
	}
	if refused == 0 {
		t.Error("30 requests at once pass a bound of one a second")
	}
	c.GET("/livez").Do().Status(200)
	c.GET("/login").Do().Status(200)
}

// Every answer has an id, and every page a policy without exceptions.
func TestApp_header(t *testing.T) {
	app := newService(t, 0)
	c := signedIn(t, app, "Ada")
	ids := map[string]bool{}
	for path, status := range map[string]int{
		"/": 200, "/login": 200, "/app.js": 200, "/docs": 200, "/docs/realtime": 200, "/monitor": 200, "/api/tasks": 200, "/nowhere": 404,
	} {
		r := c.GET(path).Do().Status(status).HasHeader("X-Content-Type-Options", "nosniff")
		if id := r.Header("X-Request-Id"); id == "" || ids[id] {
			t.Errorf("%s: X-Request-Id = %q, want a new one", path, id)
		} else {
			ids[id] = true
		}
		if csp := r.Header("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: Content-Security-Policy = %q, want one without exceptions", path, csp)
		}
	}
}

// A page is not kept for who uses the browser next.
func TestApp_pagesAreNotKept(t *testing.T) {
	app := newService(t, 0)
	signedIn(t, app, "Ada").GET("/").Do().Status(200).HasHeader("Cache-Control", "no-store")
}
