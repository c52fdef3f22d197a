package rewrite

import (
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// guardedApp has a rule into public files beside a guarded group, and one whose target
// captures everything.
func guardedApp(policy geist.SlashPolicy) *geist.Engine {
	app := geist.New(geist.Config{TrailingSlash: policy})
	app.BeforeRequest(New(Config{Rules: []Rule{{"/public/*path", "/files/*path"}, {"/any/*path", "/*path"}}}))
	app.GET("/files/*path", func(c *geist.Ctx) error { return c.Text(200, "file "+c.Param("path")) })
	admin := app.Group("/admin", func(*geist.Ctx) error { return geist.NewError(403, "no") })
	admin.GET("/*path", func(c *geist.Ctx) error { return c.Text(200, "secret") })
	return app
}

// TestCVE_2026_55677_encodedPath: whatever is encoded in what a rule captures, the
// path that is served is the one that was authorised.
func TestCVE_2026_55677_encodedPath(t *testing.T) {
	for _, policy := range []geist.SlashPolicy{geist.SlashRedirect, geist.SlashIgnore, geist.SlashStrict} {
		c := geisttest.New(t, guardedApp(policy))
		for _, target := range []string{
			"/public/../admin/x", "/public/%2e%2e/admin/x", "/public/..%2fadmin/x", "/public/..%2Fadmin%2Fx",
			"/public/%252e%252e/admin/x", "/public//admin/x", "/public/%2Fadmin/x", `/public/..\admin/x`, "/public/..%5cadmin/x",
			"/public/./../admin/x", "/%70ublic/%2E%2E/admin/x",
			"/any/admin/x", "/any/%61dmin/x", "/any//admin/x", "/any/admin%2Fx", "/any/./admin/x", "/any/%2e/admin/x",
		} {
			if res := c.GET(target).Do(); res.Text() == "secret" {
				t.Errorf("policy %v: %s reaches what is guarded", policy, target)
			}
		}
		c.GET("/any/admin/x").Do().Status(403)
		c.GET("/any/%61dmin/x").Do().Status(403)
	}
}

// TestCVE_2022_40083_rewrittenRedirect: the engine's redirects of a rewritten path stay on the host.
func TestCVE_2022_40083_rewrittenRedirect(t *testing.T) {
	c := geisttest.New(t, guardedApp(geist.SlashRedirect))
	for _, target := range []string{
		"/any//evil.example/..", "/any/%2Fevil.example/%2e%2e", `/any/\evil.example/%2e%2e`, "/any/%5Cevil.example/%2e%2e",
		"/any//evil.example/%2f..", "/any/files/x/", "/any//files/x/",
	} {
		res := c.GET(target).Do()
		if to := res.Header("Location"); len(to) > 1 && (to[1] == '/' || to[1] == '\\') {
			t.Errorf("%s: Location %q leads to another host", target, to)
		}
	}
}

// TestGO_2026_4950_decodedOnce: an escape that was itself escaped is no other path.
func TestGO_2026_4950_decodedOnce(t *testing.T) {
	c := geisttest.New(t, guardedApp(geist.SlashRedirect))
	c.GET("/public/%252e%252e").Do().Status(200).BodyIs("file %2e%2e")
	c.GET("/any/%2561dmin/x").Do().Status(404)
}
