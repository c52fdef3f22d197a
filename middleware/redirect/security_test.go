package redirect

import (
	"net/url"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// greedy has a rule that captures all of the path behind its own.
func greedy(t *testing.T, policy geist.SlashPolicy) *geisttest.Client {
	app := geist.New(geist.Config{TrailingSlash: policy})
	app.Use(New(Config{Rules: []Rule{{From: "/old/*path", To: "/*path"}, {From: "/to/:a/:b", To: "/:a:b"}}}))
	return geisttest.New(t, app)
}

// staysHome fails if a browser would leave the host for what the server answers.
func staysHome(t *testing.T, res *geisttest.Response, target string) {
	t.Helper()
	location := res.Header("Location")
	if res.Raw().StatusCode == 400 {
		t.Errorf("%s: a rule fitted, and only Redirect refused its target", target)
	}
	if location == "" {
		return
	}
	base, err := url.Parse("https://home.example/")
	if err != nil {
		t.Fatal(err)
	}
	u, err := base.Parse(strings.ReplaceAll(location, `\`, "/")) // as browsers read it
	if err != nil || u.Host != "home.example" {
		t.Errorf("%s: Location %q leads to another host", target, location)
	}
}

// TestCVE_2022_40083_doubleSlash: what a rule captures never names a host.
func TestCVE_2022_40083_doubleSlash(t *testing.T) {
	for _, policy := range []geist.SlashPolicy{geist.SlashRedirect, geist.SlashIgnore, geist.SlashStrict} {
		c := greedy(t, policy)
		for _, target := range []string{
			"/old//evil.example", "/old///evil.example", "/old//evil.example/%2f..", "/old/%2Fevil.example", "/old/./%2Fevil.example",
			"/old/.//evil.example", "/old/..//evil.example", "/to//evil.example", "//evil.example/old/x", "/old/a/..//evil.example",
		} {
			staysHome(t, c.GET(target).Do(), target)
		}
	}
}

// TestGHSA_mqqf_5wvp_8fh8_backslash: nor with backslashes, raw or encoded.
func TestGHSA_mqqf_5wvp_8fh8_backslash(t *testing.T) {
	for _, policy := range []geist.SlashPolicy{geist.SlashRedirect, geist.SlashIgnore, geist.SlashStrict} {
		c := greedy(t, policy)
		for _, target := range []string{`/old/\evil.example`, `/old\\evil.example`, `/old/\/evil.example`, `/old/%5Cevil.example`, `/to/\/evil.example`, `/\evil.example`} {
			staysHome(t, c.GET(target).Do(), target)
		}
	}
}

// TestGHSA_vrw8_fxc6_2r93_hostHeader: a Host that nobody listed is never redirected to.
func TestGHSA_vrw8_fxc6_2r93_hostHeader(t *testing.T) {
	app := geist.New()
	app.Use(New(Config{HTTPS: true, Hosts: []string{"home.example", "*.shops.home.example"}, Rules: []Rule{{From: "/a", To: "/b"}}}))
	c := geisttest.New(t, app)
	for _, host := range []string{"evil.example", "home.example.evil.example", "evilhome.example", "evil.example:443", "evilshops.home.example", ".shops.home.example"} {
		res := c.GET("/a").Host(host).Header("X-Forwarded-Host", "home.example").Do()
		if to := res.Header("Location"); to != "" {
			t.Errorf("Host %s: Location = %q, want none", host, to)
		}
	}
	c.GET("http://evil.example/a").Host("home.example").Do().Status(421)
	c.GET("/a").Host("home.example").Header("X-Forwarded-Host", "evil.example").Do().Status(308).HasHeader("Location", "https://home.example/a")
}

// TestCVE_2020_15111_splitHeader: nothing of a target ends the field that it is put into.
func TestCVE_2020_15111_splitHeader(t *testing.T) {
	c := greedy(t, geist.SlashRedirect)
	for _, target := range []string{"/old/a%0d%0aX-Evil:1", "/old/a?q=%0d%0aX-Evil:1", "/to/%0d/%0aX-Evil:1"} {
		c.GET(target).Do().NoHeader("X-Evil")
	}
}
