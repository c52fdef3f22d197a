package geist_test

import (
	"fmt"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// slashApp has routes with and without a trailing slash; they answer with pattern and path.
func slashApp(policy geist.SlashPolicy) *geist.Engine {
	app := geist.New(geist.Config{TrailingSlash: policy})
	h := func(c *geist.Ctx) error { return c.Text(200, c.Pattern()+" "+c.Path()) }
	app.GET("/", h)
	app.GET("/users", h)
	app.GET("/users/:id/posts", h)
	app.POST("/users", h)
	if policy != geist.SlashIgnore {
		app.GET("/dir/", h)
	}
	app.GET("/files/*path", h)
	app.GET("/name/:name", h)
	return app
}

func TestSlashPolicy_table(t *testing.T) {
	const r, i, s = geist.SlashRedirect, geist.SlashIgnore, geist.SlashStrict
	type want struct {
		status int
		text   string // the body of 200, the Location of 308
	}
	for _, test := range []struct {
		path string
		want map[geist.SlashPolicy]want
	}{
		{"/", map[geist.SlashPolicy]want{r: {200, "/ /"}, i: {200, "/ /"}, s: {200, "/ /"}}},
		{"/users", map[geist.SlashPolicy]want{r: {200, "/users /users"}, i: {200, "/users /users"}, s: {200, "/users /users"}}},
		{"/users/", map[geist.SlashPolicy]want{r: {308, "/users"}, i: {200, "/users /users"}, s: {404, ""}}},
		{"/dir/", map[geist.SlashPolicy]want{r: {200, "/dir/ /dir/"}, s: {200, "/dir/ /dir/"}}},
		{"/dir", map[geist.SlashPolicy]want{r: {308, "/dir/"}, s: {404, ""}}},
		{"/users?a=1&b=%2F", map[geist.SlashPolicy]want{r: {200, "/users /users"}, i: {200, "/users /users"}, s: {200, "/users /users"}}},
		{"/users/?a=1&b=%2F//..", map[geist.SlashPolicy]want{r: {308, "/users?a=1&b=%2F//.."}, i: {200, "/users /users"}, s: {404, ""}}},
		{"/users//?", map[geist.SlashPolicy]want{r: {308, "/users"}, i: {200, "/users /users"}, s: {404, ""}}},
		{"//users", map[geist.SlashPolicy]want{r: {308, "/users"}, i: {200, "/users /users"}, s: {404, ""}}},
		{"//users//7//posts//", map[geist.SlashPolicy]want{r: {308, "/users/7/posts"}, i: {200, "/users/:id/posts /users/7/posts"}, s: {404, ""}}},
		{"/./users", map[geist.SlashPolicy]want{r: {308, "/users"}, i: {200, "/users /users"}, s: {404, ""}}},
		{"/a/../users", map[geist.SlashPolicy]want{r: {308, "/users"}, i: {200, "/users /users"}, s: {404, ""}}},
		{"/a/%2e%2E/users", map[geist.SlashPolicy]want{r: {308, "/users"}, i: {200, "/users /users"}, s: {404, ""}}},
		{"/../../users", map[geist.SlashPolicy]want{r: {308, "/users"}, i: {200, "/users /users"}, s: {404, ""}}},
		{"/name/..", map[geist.SlashPolicy]want{r: {308, "/"}, i: {200, "/ /"}, s: {404, ""}}},
		{"/name/.%2e", map[geist.SlashPolicy]want{r: {308, "/"}, i: {200, "/ /"}, s: {404, ""}}},
		{"/name/...", map[geist.SlashPolicy]want{r: {200, "/name/:name /name/..."}, i: {200, "/name/:name /name/..."}, s: {200, "/name/:name /name/..."}}},
		{"/name/.x", map[geist.SlashPolicy]want{r: {200, "/name/:name /name/.x"}, i: {200, "/name/:name /name/.x"}, s: {200, "/name/:name /name/.x"}}},
		{"/name/a%2Fb", map[geist.SlashPolicy]want{r: {200, "/name/:name /name/a%2Fb"}, i: {200, "/name/:name /name/a%2Fb"}, s: {200, "/name/:name /name/a%2Fb"}}},
		{"/name/a%2Fb/", map[geist.SlashPolicy]want{r: {308, "/name/a%2Fb"}, i: {200, "/name/:name /name/a%2Fb"}, s: {404, ""}}},
		{"/name/a%20b/", map[geist.SlashPolicy]want{r: {308, "/name/a%20b"}, i: {200, "/name/:name /name/a b"}, s: {404, ""}}},
		{"/%75sers/", map[geist.SlashPolicy]want{r: {308, "/%75sers"}, i: {200, "/users /users"}, s: {404, ""}}},
		{"/files/a//b", map[geist.SlashPolicy]want{r: {200, "/files/*path /files/a//b"}, i: {200, "/files/*path /files/a/b"}, s: {200, "/files/*path /files/a//b"}}},
		{"/files/a/../b", map[geist.SlashPolicy]want{r: {308, "/files/b"}, i: {200, "/files/*path /files/b"}, s: {404, ""}}},
		{"/nope", map[geist.SlashPolicy]want{r: {404, ""}, i: {404, ""}, s: {404, ""}}},
		{"/nope/", map[geist.SlashPolicy]want{r: {404, ""}, i: {404, ""}, s: {404, ""}}},
		{"//evil.example/..", map[geist.SlashPolicy]want{r: {308, "/"}, i: {200, "/ /"}, s: {404, ""}}},
		{"//evil.example", map[geist.SlashPolicy]want{r: {404, ""}, i: {404, ""}, s: {404, ""}}},
		{"//name/%5Cevil/", map[geist.SlashPolicy]want{r: {308, "/name/%5Cevil"}, i: {200, `/name/:name /name/\evil`}, s: {404, ""}}},
		{`//name/\evil/`, map[geist.SlashPolicy]want{r: {308, "/name/%5Cevil"}, i: {200, `/name/:name /name/\evil`}, s: {404, ""}}},
	} {
		for policy, want := range test.want {
			t.Run(fmt.Sprintf("%s %s", policy, test.path), func(t *testing.T) {
				resp := geisttest.New(t, slashApp(policy)).GET(test.path).Do().Status(want.status)
				switch want.status {
				case 200:
					resp.BodyIs(want.text)
				case 308:
					resp.HasHeader("Location", want.text)
				default:
					resp.NoHeader("Location")
				}
			})
		}
	}
}

// TestSlashRedirect_wildcardAtRoot: the path "/" is a slash away from "//", which a browser takes for
// another host. A wildcard is never empty, so "/" is simply not found.
func TestSlashRedirect_wildcardAtRoot(t *testing.T) {
	app := geist.New()
	app.GET("/*rest", func(c *geist.Ctx) error { return c.Text(200, c.Param("rest")) })
	app.GET("/files/*rest", func(c *geist.Ctx) error { return c.Text(200, c.Param("rest")) })
	c := geisttest.New(t, app)
	for _, path := range []string{"/", "//", "///", "/./", "/a/../"} {
		resp := c.GET(path).Do()
		if l := resp.Header("Location"); len(l) > 1 && l[0] == '/' && (l[1] == '/' || l[1] == '\\') {
			t.Errorf("GET %s: %d to Location %q, which names another host", path, resp.StatusCode, l)
		}
	}
}

func TestSlashRedirect_locationsStayOnTheHost(t *testing.T) {
	app := geist.New()
	app.GET("/*a", func(c *geist.Ctx) error { return c.Text(200, "a") })
	app.GET("/:b/", func(c *geist.Ctx) error { return c.Text(200, "b") })
	app.POST("/:c/d/", func(c *geist.Ctx) error { return c.Text(200, "c") })
	c := geisttest.New(t, app)
	for _, path := range []string{
		"/", "//", "//evil.example", "//evil.example/", `/\evil.example/..//x`, "/%5cevil.example/", "/%2Fevil.example/", "/%2F%2Fevil.example/.",
		"/./%2Fevil.example", "/.//evil.example/", "/..//evil.example/.", "/%2e%2e//evil.example", "///evil.example/d", "//evil.example/d",
		"http://example.com//evil.example/.", "http://example.com/./", "/%09/evil.example/.",
	} {
		for _, method := range []string{"GET", "POST"} {
			resp := c.Request(method, path).Do()
			l := resp.Header("Location")
			if resp.StatusCode != 308 {
				if l != "" {
					t.Errorf("%s %s: status %d with Location %q", method, path, resp.StatusCode, l)
				}
				continue
			}
			if len(l) == 0 || l[0] != '/' || len(l) > 1 && (l[1] == '/' || l[1] == '\\') {
				t.Errorf("%s %s: Location %q leaves the host", method, path, l)
			}
			if l == path {
				t.Errorf("%s %s: redirects to itself", method, path)
			}
		}
	}
}

func TestSlashRedirect_methods(t *testing.T) {
	c := geisttest.New(t, slashApp(geist.SlashRedirect))
	c.POST("/users/").BodyString("x").Do().Status(308).HasHeader("Location", "/users")
	c.HEAD("/users/").Do().Status(308).HasHeader("Location", "/users")
	c.PUT("/users/").Do().Status(405).HasHeader("Allow", "GET, HEAD, POST, OPTIONS").NoHeader("Location")
	c.OPTIONS("/users/").Do().Status(204).HasHeader("Allow", "GET, HEAD, POST, OPTIONS").NoHeader("Location")
	c.OPTIONS("//users").Do().Status(204).NoHeader("Location")
	c.OPTIONS("/a/../users").Do().Status(204).NoHeader("Location")
	c.GET("/users/").Header("Connection", "Upgrade").Header("Upgrade", "websocket").Do().Status(200).BodyIs("/users /users")
	c.GET("/a/../users").Header("Connection", "Upgrade").Header("Upgrade", "websocket").Do().Status(200).BodyIs("/users /users")
	c.GET("/users").Host("any.example:81").Do().Status(200)
	c.GET("/users/").Host("any.example:81").Do().Status(308).HasHeader("Location", "/users")
	c.GET("http://other.example/users/").Do().Status(308).HasHeader("Location", "/users")
}

func TestSlashRedirect_ownOptionsRoute(t *testing.T) {
	app := geist.New()
	app.OPTIONS("/a", func(c *geist.Ctx) error { return c.Text(200, "mine") })
	c := geisttest.New(t, app)
	c.OPTIONS("/a").Do().Status(200).BodyIs("mine")
	c.OPTIONS("/a/").Do().Status(200).BodyIs("mine")
}

func TestSlashIgnore_patternsLoseTheirSlash(t *testing.T) {
	app := geist.New(geist.Config{TrailingSlash: geist.SlashIgnore})
	app.GET("/dir/", func(c *geist.Ctx) error { return c.Text(200, c.Path()) })
	c := geisttest.New(t, app)
	for _, path := range []string{"/dir", "/dir/", "//dir//", "/x/../dir"} {
		c.GET(path).Do().Status(200).BodyIs("/dir")
	}
}

func TestCaseInsensitive_foldsFixedTextOnly(t *testing.T) {
	app := geist.New(geist.Config{CaseInsensitive: true})
	app.GET("/Users/:name", func(c *geist.Ctx) error { return c.Text(200, c.Param("name")+" "+c.Path()) })
	c := geisttest.New(t, app)
	c.GET("/uSERS/Anna").Do().Status(200).BodyIs("Anna /users/anna")
	c.GET("/users/ANNA").Do().Status(200).BodyIs("ANNA /users/anna")
	c.GET("/USERS/Anna/").Do().Status(308).HasHeader("Location", "/USERS/Anna")
}
