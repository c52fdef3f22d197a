package slash

import (
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// everywhere is an engine whose only route takes every path.
func everywhere(t *testing.T, policy geist.SlashPolicy, conf Config) *geisttest.Client {
	app := geist.New(geist.Config{TrailingSlash: policy})
	app.GET("/*path", func(c *geist.Ctx) error { return c.Text(200, c.Path()) })
	app.Use(New(conf))
	return geisttest.New(t, app)
}

// staysHome fails if a Location names another host, as browsers read it.
func staysHome(t *testing.T, targets ...string) {
	t.Helper()
	for _, policy := range []geist.SlashPolicy{geist.SlashRedirect, geist.SlashIgnore, geist.SlashStrict} {
		for _, conf := range []Config{{}, {Add: true}} {
			c := everywhere(t, policy, conf)
			for _, target := range targets {
				res := c.GET(target).Host("home.example").Do()
				if res.Raw().StatusCode == 400 {
					t.Errorf("%s: only Redirect refused the target", target)
				}
				to := res.Header("Location")
				if to != "" && (to[0] != '/' || len(to) > 1 && (to[1] == '/' || to[1] == '\\')) {
					t.Errorf("%s: Location %q leads to another host", target, to)
				}
			}
		}
	}
}

// TestCVE_2022_40083_doubleSlash: no redirect begins with two slashes.
func TestCVE_2022_40083_doubleSlash(t *testing.T) {
	staysHome(t, "//evil.example/", "//evil.example", "///evil.example/", "//evil.example/..", "//evil.example/%2f..", "/.//evil.example/", "/%2Fevil.example/")
}

// TestGHSA_mqqf_5wvp_8fh8_backslash: nor with a slash and a backslash.
func TestGHSA_mqqf_5wvp_8fh8_backslash(t *testing.T) {
	staysHome(t, `/\evil.example/`, `/\evil.example`, `/\/evil.example/`, `/%5Cevil.example/`)
}

// TestGHSA_vrw8_fxc6_2r93_hostHeader: no redirect is built of what a request names as its host.
func TestGHSA_vrw8_fxc6_2r93_hostHeader(t *testing.T) {
	c := everywhere(t, geist.SlashRedirect, Config{})
	c.GET("/a/").Host("evil.example").Header("X-Forwarded-Host", "evil.example").Do().Status(308).HasHeader("Location", "/a")
	c.GET("http://evil.example/a/").Host("home.example").Do().Status(308).HasHeader("Location", "/a")
}
