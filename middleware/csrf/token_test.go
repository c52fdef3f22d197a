package csrf_test

import (
	"bytes"
	"mime/multipart"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/csrf"
)

func key(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

// withTokens takes the session from a field that only tests send.
var withTokens = csrf.Config{
	Keys:    [][]byte{key(1)},
	Session: func(c *geist.Ctx) string { return c.Header("X-Session") },
}

// page is what a visitor has got: a token, and the cookie that belongs to it.
type page struct{ token, name, cookie string }

// load gets a page of a session.
func load(t *testing.T, client *geisttest.Client, session string) page {
	t.Helper()
	resp := client.GET("/token").Header("X-Session", session).Do().Status(200)
	for _, k := range resp.Raw().Cookies() {
		if strings.HasSuffix(k.Name, "csrf") {
			return page{resp.Text(), k.Name, k.Value}
		}
	}
	t.Fatal("no cookie is set")
	return page{}
}

// post sends what a page sends, as an old browser does.
func (p page) post(client *geisttest.Client, session string) *geisttest.Request {
	return client.POST("/").Header("X-Session", session).Cookie(p.name, p.cookie).Header("X-CSRF-Token", p.token)
}

func TestToken_roundTrip(t *testing.T) {
	for _, tls := range []bool{false, true} {
		client := geisttest.New(t, served(csrf.New(withTokens)), geisttest.Config{TLS: tls})
		p := load(t, client, "anna")
		p.post(client, "anna").Do().Status(200)
		p.post(client, "anna").Do().Status(200) // and again, as forms are
		p.post(client, "anna").Header("Sec-Fetch-Site", "same-origin").Do().Status(200)
		p.post(client, "anna").Header("Sec-Fetch-Site", "cross-site").Do().Status(403)
		client.POST("/").Header("Sec-Fetch-Site", "same-origin").Header("X-Session", "anna").Do().Status(403)
		client.GET("/").Header("X-Session", "anna").Do().Status(200)
	}
}

func TestToken_cookie(t *testing.T) {
	get := func(tls bool) *geisttest.Response {
		return geisttest.New(t, served(csrf.New(withTokens)), geisttest.Config{TLS: tls}).GET("/token").Do().Status(200).HasHeader("Vary", "Cookie")
	}
	for tls, form := range map[bool]string{
		true:  `^__Host-csrf=[A-Za-z0-9_-]{64}; Path=/; HttpOnly; Secure; SameSite=Lax$`,
		false: `^csrf=[A-Za-z0-9_-]{64}; Path=/; HttpOnly; SameSite=Lax$`,
	} {
		if got := get(tls).Header("Set-Cookie"); !regexp.MustCompile(form).MatchString(got) {
			t.Errorf("TLS %v: Set-Cookie = %q, want %s", tls, got, form)
		}
	}
}

func TestToken_oneSecretManyMasks(t *testing.T) {
	app := served(csrf.New(withTokens))
	app.GET("/two", func(c *geist.Ctx) error { return c.Text(200, csrf.Token(c)+" "+csrf.Token(c)) })
	client := geisttest.New(t, app)
	first := client.GET("/two").Do().Status(200)
	if n := len(first.Raw().Cookies()); n != 1 {
		t.Fatalf("%d cookies are set, want 1", n)
	}
	k := first.Raw().Cookies()[0]
	again := client.GET("/two").Cookie(k.Name, k.Value).Do().Status(200).NoHeader("Set-Cookie").HasHeader("Vary", "Cookie")
	seen := map[string]bool{}
	for _, token := range strings.Fields(first.Text() + " " + again.Text()) {
		if seen[token] || len(token) != 43 {
			t.Errorf("token %q: want 43 characters, different each time", token)
		}
		seen[token] = true
		page{token, k.Name, k.Value}.post(client, "").Do().Status(200)
	}
}

func TestToken_notAsked(t *testing.T) {
	client := geisttest.New(t, served(csrf.New(withTokens)))
	client.GET("/").Do().Status(200).NoHeader("Set-Cookie").NoHeader("Vary")
	geisttest.New(t, served(csrf.New())).GET("/token").Do().Status(200).BodyIs("").NoHeader("Set-Cookie")
}

// TestToken_newSession: a login that renews the session gets a token of the new one.
func TestToken_newSession(t *testing.T) {
	sessionKey := geist.NewKey[string]("session")
	app := served(csrf.New(csrf.Config{Keys: withTokens.Keys, Session: func(c *geist.Ctx) string {
		if id, ok := sessionKey.Get(c); ok {
			return id
		}
		return c.Header("X-Session")
	}}))
	app.POST("/login", func(c *geist.Ctx) error {
		sessionKey.Set(c, "new")
		return c.Text(200, csrf.Token(c))
	})
	client := geisttest.New(t, app)
	p := load(t, client, "old")
	resp := client.POST("/login").Header("X-Session", "old").Cookie(p.name, p.cookie).Header("X-CSRF-Token", p.token).Do().Status(200)
	renewed := page{resp.Text(), p.name, resp.Cookie(p.name).Value}
	renewed.post(client, "new").Do().Status(200)
	renewed.post(client, "old").Do().Status(403)
	p.post(client, "new").Do().Status(403)
	if got := client.GET("/token").Header("X-Session", "new").Cookie(p.name, p.cookie).Do(); got.Cookie(p.name).Value == p.cookie {
		t.Error("the cookie of the old session was kept")
	}
}

func TestToken_inForms(t *testing.T) {
	client := geisttest.New(t, served(csrf.New(withTokens)))
	p := load(t, client, "anna")
	post := func() *geisttest.Request {
		return client.POST("/").Header("X-Session", "anna").Cookie(p.name, p.cookie)
	}
	post().Form(url.Values{"csrf_token": {p.token}}).Do().Status(200)
	post().Multipart(func(w *multipart.Writer) error { return w.WriteField("csrf_token", p.token) }).Do().Status(200)
	client.POST("/nethttp").Header("X-Session", "anna").Cookie(p.name, p.cookie).Form(url.Values{"csrf_token": {p.token}, "name": {"Ada"}}).Do().Status(200).BodyIs("Ada")
	post().Form(url.Values{"token": {p.token}}).Do().Status(403)
	post().JSON(map[string]string{"csrf_token": p.token}).Do().Status(403)
	client.POST("/?csrf_token="+p.token).Header("X-Session", "anna").Cookie(p.name, p.cookie).Do().Status(403)
	post().Header("X-CSRF-Token", "wrong").Form(url.Values{"csrf_token": {p.token}}).Do().Status(403)
	post().Form(url.Values{"csrf_token": {p.token}}).Header("Content-Type", "multipart/form-data; boundary=x").Do().Status(403)
}

func TestConfig_names(t *testing.T) {
	conf := withTokens
	conf.CookieName, conf.HeaderName, conf.FieldName = "xsrf-csrf", "X-XSRF-Token", "_token"
	client := geisttest.New(t, served(csrf.New(conf)))
	p := load(t, client, "anna")
	post := func() *geisttest.Request {
		return client.POST("/").Header("X-Session", "anna").Cookie("xsrf-csrf", p.cookie)
	}
	post().Header("X-XSRF-Token", p.token).Do().Status(200)
	post().Form(url.Values{"_token": {p.token}}).Do().Status(200)
	post().Header("X-CSRF-Token", p.token).Do().Status(403)
}

// TestConfig_keysRotate: tokens of the old key are good until it is removed.
func TestConfig_keysRotate(t *testing.T) {
	with := func(keys ...[]byte) *geisttest.Client {
		return geisttest.New(t, served(csrf.New(csrf.Config{Keys: keys, Session: withTokens.Session})))
	}
	before, between, after := with(key(1)), with(key(2), key(1)), with(key(2))
	old := load(t, before, "anna")
	old.post(between, "anna").Do().Status(200)
	old.post(after, "anna").Do().Status(403)
	renewed := load(t, between, "anna")
	renewed.post(after, "anna").Do().Status(200)
	renewed.post(before, "anna").Do().Status(403)
}

func TestNew_copiesItsConfig(t *testing.T) {
	keys := [][]byte{key(1)}
	client := geisttest.New(t, served(csrf.New(csrf.Config{Keys: keys, Session: withTokens.Session})))
	p := load(t, client, "anna")
	clear(keys[0])
	p.post(client, "anna").Do().Status(200)
}
