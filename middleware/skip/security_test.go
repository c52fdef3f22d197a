package skip

import (
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// secretApp serves a secret behind mw, beside what is public.
func secretApp(cfg geist.Config, mw geist.Handler) *geist.Engine {
	app := geist.New(cfg)
	app.Use(mw)
	app.GET("/static/*path", func(c *geist.Ctx) error { return c.Text(200, "public") })
	app.GET("/admin/*path", func(c *geist.Ctx) error { return c.Text(200, "secret") })
	app.GET("/admin", func(c *geist.Ctx) error { return c.Text(200, "secret") })
	return app
}

func refuse(*geist.Ctx) error { return geist.NewError(401, "who are you?") }

// dodges are ways to write a path so that a check takes it for another.
var dodges = [...]string{
	"/admin/x", "/admin//x", "/%61dmin/x", "/admin%2Fx", "/ADMIN/x", "//admin/x", "/./admin/x", "/static/../admin/x",
	"/static/%2e%2e/admin/x", "/static/..%2Fadmin/x", "/static%2F../admin/x", `/static\..\admin/x`, "/admin/x?/static/",
	"/admin;/static/x", "/admin/x/", "/admin/.", "/admin/./x", "/%2561dmin/x", "/admin/static/x", "http://localhost/admin/x",
	"/admin/x%00/static/", "/admin", "/admin/", "/admin/?x",
}

// TestCVE_2022_31259_pathWrittenOtherwise: no way to write a path gets past middleware
// that Unless leaves out for others.
func TestCVE_2022_31259_pathWrittenOtherwise(t *testing.T) {
	for _, policy := range []geist.SlashPolicy{geist.SlashRedirect, geist.SlashIgnore, geist.SlashStrict} {
		for _, fold := range []bool{false, true} {
			cfg := geist.Config{TrailingSlash: policy, CaseInsensitive: fold}
			c := geisttest.New(t, secretApp(cfg, Unless(Paths("/static/*"), refuse)))
			for _, target := range dodges {
				if c.GET(target).Do().Text() == "secret" {
					t.Errorf("policy %v, fold %t: %s is served past Unless", policy, fold, target)
				}
			}
			c.GET("/static/x").Do().Status(200)
		}
	}
}

// TestCVE_2026_55677_encodedSlash: nor past Only, if its paths name all that is guarded.
func TestCVE_2026_55677_encodedSlash(t *testing.T) {
	for _, policy := range []geist.SlashPolicy{geist.SlashRedirect, geist.SlashIgnore, geist.SlashStrict} {
		for _, fold := range []bool{false, true} {
			cfg := geist.Config{TrailingSlash: policy, CaseInsensitive: fold}
			c := geisttest.New(t, secretApp(cfg, Only(Paths("/admin", "/admin/*"), refuse)))
			for _, target := range dodges {
				if c.GET(target).Do().Text() == "secret" {
					t.Errorf("policy %v, fold %t: %s is served past Only", policy, fold, target)
				}
			}
		}
	}
}

// TestCVE_2020_28483_fieldsDecideNothing: what a client says in its header is no condition.
func TestCVE_2020_28483_fieldsDecideNothing(t *testing.T) {
	c := geisttest.New(t, secretApp(geist.Config{}, Unless(Any(Upgrades(), Methods("PURGE"), Paths("/static/*")), refuse)))
	for _, f := range [][2]string{
		{"Upgrade", "websocket"}, {"Accept", "text/event-stream"}, {"X-HTTP-Method-Override", "PURGE"},
		{"X-Original-URL", "/static/x"}, {"X-Rewrite-URL", "/static/x"}, {"X-Forwarded-For", "127.0.0.1"},
	} {
		c.GET("/admin/x").Header(f[0], f[1]).Do().Status(401)
	}
	c.GET("/admin/x").Handshake().Do().Status(401)
}
