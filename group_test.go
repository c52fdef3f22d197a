// Long on purpose: what registration promises, one table or scene a promise.

package geist_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// mark returns middleware that adds its name to the header Chain, once before the rest runs.
func mark(name string) geist.Handler {
	return func(c *geist.Ctx) error {
		c.AddHeader("Chain", name)
		return c.Next()
	}
}

// say returns an endpoint that answers with a text.
func say(text string) geist.Handler {
	return func(c *geist.Ctx) error { return c.Text(200, text) }
}

// chain returns the marks that an answer has collected.
func chain(r *geisttest.Response) string { return strings.Join(r.Raw().Header.Values("Chain"), " ") }

func wantChain(t *testing.T, r *geisttest.Response, want string) {
	t.Helper()
	if got := chain(r); got != want {
		t.Errorf("chain of %s = %q, want %q", r.Raw().Status, got, want)
	}
}

func wantPanic(t *testing.T, part string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if v := recover(); v == nil || !strings.Contains(fmt.Sprint(v), part) {
			t.Errorf("panic = %v, want one with %q", v, part)
		}
	}()
	f()
}

// wantProblems asserts that Check reports exactly as many problems, and that each holds its parts.
func wantProblems(t *testing.T, app *geist.Engine, want ...[]string) {
	t.Helper()
	err := app.Check()
	check, ok := errors.AsType[*geist.CheckError](err)
	if !ok {
		t.Fatalf("Check = %v, want a CheckError", err)
	}
	if len(check.Problems) != len(want) {
		t.Errorf("%d problems, want %d:\n%v", len(check.Problems), len(want), err)
	}
	for _, parts := range want {
		if !slices.ContainsFunc(check.Problems, func(p string) bool {
			return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(p, part) })
		}) {
			t.Errorf("no problem has all of %q:\n%v", parts, err)
		}
	}
}

func TestUse_orderAndPriorities(t *testing.T) {
	app := geist.New()
	app.Use(mark("a"))
	app.UsePriority(10, mark("late"))
	app.UsePriority(-5, mark("early1"), mark("early2"))
	api := app.Group("/api", mark("g1"))
	api.UsePriority(-100, mark("g0"))
	v1 := api.Group("/v1", mark("v"))
	v1.GET("/x", mark("route"), say("x"))
	v1.Use(mark("v-after"))
	app.Use(mark("b"))
	api.UsePriority(0, mark("g2"))
	wantChain(t, geisttest.New(t, app).GET("/api/v1/x").Do().Status(200).BodyIs("x"),
		"early1 early2 a b late g0 g1 g2 v v-after route")
}

func TestUse_appliesToWhatAnswersInPlaceOfARoute(t *testing.T) {
	app := geist.New()
	api := app.Group("/api")
	users := api.Group("/users/:id")
	users.GET("/posts", say("posts"))
	app.GET("/plain", say("plain"))
	app.Group("/empty", mark("empty"))
	app.Use(mark("app")) // all of them after the routes
	api.Use(mark("api"))
	users.Use(mark("users"))
	c := geisttest.New(t, app)
	for _, test := range []struct {
		method, path string
		status       int
		chain        string
	}{
		{"GET", "/plain", 200, "app"},
		{"GET", "/none", 404, "app"},
		{"POST", "/plain", 405, "app"},
		{"OPTIONS", "/plain", 204, "app"},
		{"GET", "/plain/", 308, "app"},
		{"GET", "/api", 404, "app api"},
		{"GET", "/api/", 404, "app api"},
		{"GET", "/api/none", 404, "app api"},
		{"GET", "/apis", 404, "app"},
		{"GET", "/api/users", 404, "app api"},
		{"GET", "/api/users/7", 404, "app api users"},
		{"GET", "/api/users/7/none/deep", 404, "app api users"},
		{"GET", "/api/users/7/posts", 200, "app api users"},
		{"HEAD", "/api/users/7/posts", 200, "app api users"},
		{"DELETE", "/api/users/7/posts", 405, "app api users"},
		{"OPTIONS", "/api/users/7/posts", 204, "app api users"},
		{"GET", "/api/users/7/posts/", 308, "app api users"},
		{"GET", "/empty/x", 404, "app empty"},
		{"OPTIONS", "*", 204, "app"},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			wantChain(t, c.With(t).Request(test.method, test.path).Do().Status(test.status), test.chain)
		})
	}
}

func TestUse_stopsWithoutNext(t *testing.T) {
	app := geist.New()
	app.Group("/a", mark("1"), func(c *geist.Ctx) error { return c.Text(401, "stop") }, mark("2")).GET("", say("never"))
	wantChain(t, geisttest.New(t, app).GET("/a").Do().Status(401).BodyIs("stop"), "1")
}

func TestNext_twiceDoesNothing(t *testing.T) {
	app := geist.New()
	n := 0
	app.Use(func(c *geist.Ctx) error { _ = c.Next(); return c.Next() })
	app.GET("/", func(c *geist.Ctx) error { n++; return c.Text(200, "x") })
	geisttest.New(t, app).GET("/").Do().Status(200).BodyIs("x")
	if n != 1 {
		t.Errorf("the endpoint ran %d times", n)
	}
}

// TestNext_twiceAmongMiddleware: the second call must not run a part of the chain again, or skip one.
func TestNext_twiceAmongMiddleware(t *testing.T) {
	app := geist.New()
	n := 0
	app.Use(func(c *geist.Ctx) error { _ = c.Next(); return c.Next() }, func(c *geist.Ctx) error { return c.Text(401, "stop") })
	app.GET("/", func(c *geist.Ctx) error { n++; return c.Text(200, "x") })
	geisttest.New(t, app).GET("/").Do().Status(401).BodyIs("stop")
	if n != 0 {
		t.Errorf("the second Next ran the endpoint behind middleware that had stopped the chain")
	}
}

func TestGroup_prefixes(t *testing.T) {
	app := geist.New()
	app.Group("/a").GET("", say("a"))
	app.Group("/b").GET("/", say("b/"))
	app.Group("/c/").GET("x", say("never"))
	app.Group("").GET("/d", say("d"))
	org := app.Group("/orgs/:org")
	org.Group("/users/:user").GET("/x", func(c *geist.Ctx) error { return c.Text(200, c.Param("org")+" "+c.Param("user")) })
	wantProblems(t, app, []string{`"x"`, "group_test.go", "begins with /"})

	app = geist.New()
	app.Group("/a").GET("", say("a"))
	app.Group("/b").GET("/", say("b/"))
	app.Group("").GET("/d", say("d"))
	org = app.Group("/orgs/:org")
	org.Group("/users/:user").GET("/x", func(c *geist.Ctx) error { return c.Text(200, c.Param("org")+" "+c.Param("user")) })
	org.NotFound(func(c *geist.Ctx) error { return c.Text(404, "none in "+c.Param("org")) })
	c := geisttest.New(t, app)
	c.GET("/a").Do().Status(200).BodyIs("a")
	c.GET("/b/").Do().Status(200).BodyIs("b/")
	c.GET("/d").Do().Status(200).BodyIs("d")
	c.GET("/orgs/o%20o/users/7/x").Do().Status(200).BodyIs("o o 7")
	c.GET("/orgs/acme/nope").Do().Status(404).BodyIs("none in acme")
	c.GET("/orgs/a%2Fb/nope/x").Do().Status(404).BodyIs("none in a/b")
}

func TestGroup_nearestFallbacksWin(t *testing.T) {
	app := geist.New()
	app.NotFound(func(c *geist.Ctx) error { return c.Text(404, "app") })
	app.MethodNotAllowed(func(c *geist.Ctx) error { return c.Text(405, "app") })
	app.OnError(func(c *geist.Ctx, err error) { _ = c.Text(geist.StatusCode(err), "app") })
	a := app.Group("/a")
	a.NotFound(func(c *geist.Ctx) error { return c.Text(404, "a") })
	a.OnError(func(c *geist.Ctx, err error) { _ = c.Text(geist.StatusCode(err), "a") })
	b := a.Group("/b")
	fail := func(*geist.Ctx) error { return errTaken }
	app.GET("/x", fail)
	a.GET("/x", fail)
	b.GET("/x", fail)
	c := geisttest.New(t, app)
	for path, want := range map[string]string{"/x": "app", "/a/x": "a", "/a/b/x": "a"} {
		c.GET(path).Do().Status(409).BodyIs(want)
		c.POST(path).Do().Status(405).BodyIs("app").HasHeader("Allow", "GET, HEAD, OPTIONS")
	}
	for path, want := range map[string]string{"/none": "app", "/a/none": "a", "/a": "a", "/a/b/none": "a", "/ab": "app"} {
		c.GET(path).Do().Status(404).BodyIs(want)
	}
}

func TestMethods_allowHeadOptions(t *testing.T) {
	app := geist.New()
	app.GET("/g", say("g"))
	app.POST("/g", say("p"))
	app.HEAD("/h", func(c *geist.Ctx) error { c.SetHeader("X-Own", "1"); return nil })
	app.GET("/h", say("h"))
	app.OPTIONS("/o", say("o"))
	app.PUT("/p/:id", say("put"))
	app.DELETE("/p/fixed", say("delete"))
	app.Any("/any", func(c *geist.Ctx) error { return c.Text(200, c.Method()) })
	app.Handle("PROPFIND", "/dav", say("dav"))
	c := geisttest.New(t, app)
	c.HEAD("/g").Do().Status(200).HasHeader("Content-Length", "1")
	c.HEAD("/h").Do().Status(200).HasHeader("X-Own", "1")
	c.OPTIONS("/g").Do().Status(204).HasHeader("Allow", "GET, HEAD, POST, OPTIONS")
	c.OPTIONS("/o").Do().Status(200).BodyIs("o")
	c.GET("/o").Do().Status(405).HasHeader("Allow", "OPTIONS")
	c.GET("/p/fixed").Do().Status(405).HasHeader("Allow", "PUT, DELETE, OPTIONS")
	c.PUT("/p/fixed").Do().Status(200).BodyIs("put") // backtracks from the fixed text
	c.GET("/p/x").Do().Status(405).HasHeader("Allow", "PUT, OPTIONS")
	for _, m := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		c.Request(m, "/any").Do().Status(200).BodyIs(m)
	}
	c.HEAD("/any").Do().Status(200).HasHeader("Content-Length", "4")
	c.Request("PROPFIND", "/dav").Do().Status(200).BodyIs("dav")
	c.GET("/dav").Do().Status(405).HasHeader("Allow", "OPTIONS, PROPFIND")
	c.Request("PROPFIND", "/g").Do().Status(405)
	c.Request("PROPFIND", "/none").Do().Status(404)
	c.Request("MKCOL", "/g").Do().Status(501)
	c.Request("get", "/g").Do().Status(501)
	c.Request("TRACE", "/g").Do().Status(405)
	c.Request("CONNECT", "/g").Do().Status(405)
	c.OPTIONS("/none").Do().Status(404)
	c.OPTIONS("*").Do().Status(204).HasHeader("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, PROPFIND")
}

// users implements every part of a resource.
type users struct{}

func (users) Index(c *geist.Ctx) error  { return c.Text(200, "index") }
func (users) Show(c *geist.Ctx) error   { return c.Text(200, "show "+c.Param("id")) }
func (users) Create(c *geist.Ctx) error { return c.Text(201, "create") }
func (users) Update(c *geist.Ctx) error { return c.Text(200, "update "+c.Param("id")) }
func (users) Delete(c *geist.Ctx) error { return c.NoContent() }

// readOnly implements two parts.
type readOnly struct{}

func (readOnly) Index(c *geist.Ctx) error { return c.Text(200, "index") }
func (readOnly) Show(c *geist.Ctx) error  { return c.Text(200, "show") }

func TestResource_routes(t *testing.T) {
	app := geist.New()
	if got := len(app.Resource("/users", users{})); got != 5 {
		t.Errorf("%d routes, want 5", got)
	}
	app.Group("/api").Resource("/posts", readOnly{})[1].Name("post")
	c := geisttest.New(t, app)
	c.GET("/users").Do().Status(200).BodyIs("index")
	c.POST("/users").Do().Status(201).BodyIs("create")
	c.GET("/users/7").Do().Status(200).BodyIs("show 7")
	c.PUT("/users/7").Do().Status(200).BodyIs("update 7")
	c.PATCH("/users/7").Do().Status(200).BodyIs("update 7")
	c.DELETE("/users/7").Do().Status(204)
	c.GET("/api/posts/7").Do().Status(200).BodyIs("show")
	c.DELETE("/api/posts/7").Do().Status(405).HasHeader("Allow", "GET, HEAD, OPTIONS")
	if url, err := app.URL("post", 7); url != "/api/posts/7" || err != nil {
		t.Errorf("URL = %q, %v", url, err)
	}
	bad := geist.New()
	bad.Resource("/x", 7)
	wantProblems(t, bad, []string{"/x", "group_test.go", "none of"})
}

func TestMount_childOwnsItsHandling(t *testing.T) {
	child := geist.New(geist.Config{JSON: shouting{}, TrailingSlash: geist.SlashIgnore})
	child.Use(mark("child"))
	child.GET("/", func(c *geist.Ctx) error { return c.JSON(200, c.Pattern()) })
	child.GET("/x/:id", func(c *geist.Ctx) error { return c.JSON(200, c.Pattern()+" "+c.Param("id")) })
	child.GET("/fail", func(*geist.Ctx) error { return errTaken })
	child.OnError(func(c *geist.Ctx, err error) { _ = c.Text(geist.StatusCode(err), "child's error") })
	child.NotFound(func(c *geist.Ctx) error { return c.Text(404, "child has none") })
	app := geist.New()
	app.Use(mark("app"))
	app.NotFound(func(c *geist.Ctx) error { return c.Text(404, "app has none") })
	app.GET("/json", func(c *geist.Ctx) error { return c.JSON(200, "x") })
	app.GET("/child/x/own", say("app's"))
	app.Group("/g", mark("g")).Mount("/child", child)
	app.Mount("/t/:tenant", child)
	c := geisttest.New(t, app)
	wantChain(t, c.GET("/g/child").Do().Status(200).BodyIs("SHOUT /g/child"), "app g child")
	wantChain(t, c.GET("/g/child/").Do().Status(200).BodyIs("SHOUT /g/child"), "app g child")
	wantChain(t, c.GET("/g/child/x/7").Do().Status(200).BodyIs("SHOUT /g/child/x/:id 7"), "app g child")
	c.GET("/g/child/x/7/").Do().Status(200).BodyIs("SHOUT /g/child/x/:id 7") // the child ignores slashes
	c.GET("/t/acme/x/7").Do().Status(200).BodyIs("SHOUT /t/:tenant/x/:id 7")
	c.GET("/t/acme").Do().Status(200).BodyIs("SHOUT /t/:tenant")
	c.GET("/g/child/fail").Do().Status(409).BodyIs("child's error")
	wantChain(t, c.GET("/g/child/none").Do().Status(404).BodyIs("child has none"), "app g child")
	wantChain(t, c.POST("/g/child/x/7").Do().Status(405).BodyIs("child's error").HasHeader("Allow", "GET, HEAD, OPTIONS"), "app g child")
	wantChain(t, c.OPTIONS("/g/child/x/7").Do().Status(204), "app g child")
	wantChain(t, c.GET("/g/none").Do().Status(404).BodyIs("app has none"), "app g")
	c.GET("/json").Do().Status(200).BodyIs(`"x"`)
	c.GET("/json/").Do().Status(308) // the parent redirects
}

// shouting is a codec that nobody else has.
type shouting struct{ geist.Codec }

func (shouting) Encode(w io.Writer, v any) error {
	_, err := fmt.Fprintf(w, "SHOUT %v\n", v)
	return err
}

func TestMount_tenantParamAndParentsRoutes(t *testing.T) {
	child := geist.New()
	child.GET("/users/:id", func(c *geist.Ctx) error { return c.Text(200, c.Param("tenant")+" "+c.Param("id")) })
	app := geist.New()
	app.Mount("/t/:tenant", child)
	app.GET("/t/admin/users/me", say("parent's"))
	c := geisttest.New(t, app)
	c.GET("/t/a%2Fb/users/7").Do().Status(200).BodyIs("a/b 7")
	c.GET("/t/admin/users/me").Do().Status(200).BodyIs("parent's") // fixed text beats the mount's wildcard
	c.GET("/t/admin/users/7").Do().Status(200).BodyIs("admin 7")
}

func TestMount_atRoot(t *testing.T) {
	child := geist.New()
	child.GET("/", say("child root"))
	child.GET("/x", say("child x"))
	app := geist.New()
	app.GET("/own", say("own"))
	app.Mount("/", child)
	c := geisttest.New(t, app)
	c.GET("/own").Do().Status(200).BodyIs("own")
	c.GET("/x").Do().Status(200).BodyIs("child x")
	c.GET("/").Do().Status(200).BodyIs("child root")
	c.GET("/none").Do().Status(404)
}

func TestMount_childRedirects(t *testing.T) {
	child := geist.New()
	child.GET("/x", say("x"))
	child.GET("/dir/", say("dir"))
	app := geist.New(geist.Config{TrailingSlash: geist.SlashStrict})
	app.GET("/own", say("own"))
	app.Mount("/c", child)
	c := geisttest.New(t, app)
	c.GET("/own/").Do().Status(404)
	c.GET("/c/x/?q=1").Do().Status(308).HasHeader("Location", "/c/x?q=1")
	c.GET("/c/dir").Do().Status(308).HasHeader("Location", "/c/dir/")
	c.GET("/c//x").Do().Status(308).HasHeader("Location", "/c/x")
}

func TestMount_severalTimesAndNested(t *testing.T) {
	inner := geist.New()
	inner.GET("/x", func(c *geist.Ctx) error { return c.Text(200, c.Pattern()) }).Name("x")
	middle := geist.New()
	middle.Mount("/inner", inner)
	app := geist.New()
	app.Mount("/a", middle)
	app.Mount("/b", middle)
	app.Mount("/c", inner)
	c := geisttest.New(t, app)
	for _, path := range []string{"/a/inner/x", "/b/inner/x", "/c/x"} {
		c.GET(path).Do().Status(200).BodyIs(path)
	}
	if n := len(app.Routes()); n != 3 {
		t.Errorf("%d routes, want 3: %+v", n, app.Routes())
	}
}

func TestMount_cyclesAreReported(t *testing.T) {
	a, b := geist.New(), geist.New()
	a.Mount("/b", b)
	b.Mount("/a", a)
	wantProblems(t, a, []string{"group_test.go", "below itself"})
	self := geist.New()
	self.Mount("/x", self)
	wantProblems(t, self, []string{"group_test.go", "below itself"})
	none := geist.New()
	none.Mount("/x", nil)
	none.Mount("x", geist.New())
	wantProblems(t, none, []string{"nil engine", "group_test.go"}, []string{`"x"`, "begins with /"})
}

func TestHost_matching(t *testing.T) {
	app := geist.New()
	app.GET("/", say("any"))
	app.GET("/only", say("hostless"))
	app.Host("api.example.com").GET("/", say("api"))
	app.Host("{tenant}.example.com").GET("/", func(c *geist.Ctx) error { return c.Text(200, "tenant "+c.Param("tenant")) })
	app.Host("{t}.deep.example.com").GET("/", func(c *geist.Ctx) error { return c.Text(200, "deep "+c.Param("t")) })
	app.Host("UPPER.example.org").GET("/", say("upper"))
	app.Host("api.example.com").POST("/post", say("post"))
	c := geisttest.New(t, app)
	for host, want := range map[string]string{
		"other.org": "any", "api.example.com": "api", "API.Example.COM": "api", "api.example.com:8080": "api", "api.example.com.": "api",
		"acme.example.com": "tenant acme", "ACME.example.com:81": "tenant acme", "a.b.example.com": "any", "example.com": "any",
		"x.deep.example.com": "deep x", "upper.EXAMPLE.org": "upper", "[2001:db8::1]:80": "any", "192.0.2.1": "any",
	} {
		if got := c.GET("/").Host(host).Do().Status(200).Text(); got != want {
			t.Errorf("Host %s: %q, want %q", host, got, want)
		}
	}
	c.GET("/only").Host("api.example.com").Do().Status(200).BodyIs("hostless")
	c.GET("/only").Host("acme.example.com").Do().Status(200).BodyIs("hostless")
	c.GET("/post").Host("api.example.com").Do().Status(405).HasHeader("Allow", "POST, OPTIONS")
	c.GET("/post").Host("other.org").Do().Status(404)
	c.POST("/post").Host("api.example.com").Do().Status(200)
	c.GET("http://api.example.com/").Host("other.org").Do().Status(200).BodyIs("api") // the target names the host
}

func TestHost_middlewareAndFallbacks(t *testing.T) {
	app := geist.New()
	app.Use(mark("app"))
	api := app.Host("api.example.com")
	api.Use(mark("host"))
	api.NotFound(func(c *geist.Ctx) error { return c.Text(404, "host has none") })
	api.GET("/x", say("x"))
	api.Group("/g", mark("g")).GET("/y", say("y"))
	app.GET("/z", say("z"))
	c := geisttest.New(t, app)
	wantChain(t, c.GET("/x").Host("api.example.com").Do().Status(200), "app host")
	wantChain(t, c.GET("/g/y").Host("api.example.com").Do().Status(200), "app host g")
	wantChain(t, c.GET("/g/none").Host("api.example.com").Do().Status(404).BodyIs("host has none"), "app host g")
	wantChain(t, c.GET("/none").Host("api.example.com").Do().Status(404).BodyIs("host has none"), "app host")
	wantChain(t, c.GET("/z").Host("api.example.com").Do().Status(200), "app")
	wantChain(t, c.GET("/x").Do().Status(404), "app")
}

func TestHost_badPatterns(t *testing.T) {
	for _, bad := range []string{"", "a..b", "http://a", "a:80", "a b", "{a}.{b}.c", "x{a}.b", "{}.b", "{1}.b"} {
		app := geist.New()
		app.Host(bad).GET("/", say("x"))
		if err := app.Check(); err == nil || !strings.Contains(err.Error(), "group_test.go") {
			t.Errorf("Host(%q): Check = %v, want a problem with its place", bad, err)
		}
	}
}

func TestCheck_listsEveryProblem(t *testing.T) {
	app := geist.New(geist.Config{MaxBodyBytes: -1, TrustedProxies: []string{"nope"}})
	app.GET("/a/{x", nil)
	app.GET("/none")
	app.GET("relative", say("x"))
	app.GET("/users/:id", say("x"))
	app.GET("/users/:name", say("x"))
	app.Handle("BAD METHOD", "/m", say("x"))
	app.GET("/n1", say("x")).Name("same")
	app.GET("/n2", say("x")).Name("same")
	app.Use(nil)
	app.GET("/c/:id<unknown>", say("x"))
	app.GET("/d/:", say("x"))
	place := "group_test.go:"
	wantProblems(t, app,
		[]string{"MaxBodyBytes"}, []string{"TrustedProxies"}, []string{"nil handler", "/a/{x", place}, []string{"no handler", "/none", place},
		[]string{"relative", place}, []string{"/users/:name", "/users/:id", "conflicts", place}, []string{"BAD METHOD", place},
		[]string{`"same"`, place}, []string{"Use", place}, []string{"unknown", place}, []string{"/d/:", place})
	// Run, Listen and Serve return it; Handler and Server panic with it.
	if err := app.Listen("127.0.0.1:0"); err == nil {
		t.Error("Listen serves an invalid engine")
	}
	wantPanic(t, "cannot serve", func() { app.Handler() })
	wantPanic(t, "cannot serve", func() { app.Server() })
}

func TestCheck_conflictNamesBothPlaces(t *testing.T) {
	app := geist.New()
	app.GET("/a/:x", say("x"))
	app.Group("/a").GET("/:y", say("y"))
	check, _ := errors.AsType[*geist.CheckError](app.Check())
	if check == nil || strings.Count(check.Problems[0], "group_test.go:") != 2 {
		t.Errorf("Check = %v, want both places", check)
	}
}

func TestRoutes_list(t *testing.T) {
	child := geist.New()
	child.GET("/c", say("c")).Name("child")
	app := geist.New()
	app.Use(mark("a"))
	app.GET("/users/:id", mark("b"), users{}.Show).Name("user")
	app.Host("api.example.com").POST("/x", say("x"))
	app.Mount("/m", child)
	app.Any("/any", say("x"))
	got := app.Routes()
	if len(got) != 10 {
		t.Fatalf("%d routes, want 10: %+v", len(got), got)
	}
	first := got[0]
	if first.Method != "GET" || first.Pattern != "/users/:id" || first.Name != "user" || !slices.Equal(first.Params, []string{"id"}) ||
		first.Middleware != 2 || !strings.HasPrefix(first.Source, "group_test.go:") || !strings.Contains(first.Handler, "users.Show") || first.Host != "" {
		t.Errorf("first route = %+v", first)
	}
	if !slices.ContainsFunc(got, func(r geist.RouteInfo) bool {
		return r.Pattern == "/x" && r.Host == "api.example.com" && r.Method == "POST"
	}) {
		t.Errorf("no route of the host: %+v", got)
	}
	if !slices.ContainsFunc(got, func(r geist.RouteInfo) bool { return r.Pattern == "/m/c" && r.Name == "child" }) {
		t.Errorf("no route of the mount: %+v", got)
	}
	got[0].Params[0] = "changed"
	if app.Routes()[0].Pattern != "/users/:id" {
		t.Error("the list is not a copy")
	}
}

func TestURL_names(t *testing.T) {
	child := geist.New()
	child.GET("/c/:id", say("c")).Name("child")
	app := geist.New()
	app.Group("/g").GET("/users/:id/:tab?", say("x")).Name("user")
	app.GET("/n/:n<int>", say("x")).Name("int")
	app.Mount("/m", child)
	for _, test := range []struct {
		name   string
		params []any
		want   string
	}{
		{"user", []any{7}, "/g/users/7"},
		{"user", []any{"a/b", "x y"}, "/g/users/a%2Fb/x%20y"},
		{"int", []any{7}, "/n/7"},
		{"int", []any{"x"}, ""},
		{"user", nil, ""},
		{"user", []any{1, 2, 3}, ""},
		{"user", []any{""}, ""},
		{"none", nil, ""},
		{"child", []any{1}, "/m/c/1"},
	} {
		got, err := app.URL(test.name, test.params...)
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("URL(%s, %v) = %q, %v, want %q", test.name, test.params, got, err, test.want)
		}
	}
}

func TestChange_isAtomicAndRollsBack(t *testing.T) {
	app := geist.New()
	var told []string
	app.OnRoute(func(r geist.RouteInfo) { told = append(told, r.Pattern) })
	app.GET("/a", say("a"))
	c := geisttest.New(t, app)
	c.GET("/b").Do().Status(404)
	wantPanic(t, "group_test.go", func() { app.GET("/late", say("x")) })
	wantPanic(t, "Change", func() { app.Use(mark("x")) })
	wantPanic(t, "Change", func() { app.Group("/late") })

	app.Change(func() {
		app.GET("/b", say("b"))
		app.Group("/g", mark("g")).GET("/c", say("c"))
		app.Use(mark("late"))
		c.GET("/b").Do().Status(404) // not yet
	})
	wantChain(t, c.GET("/b").Do().Status(200).BodyIs("b"), "late")
	wantChain(t, c.GET("/a").Do().Status(200), "late")
	wantChain(t, c.GET("/g/c").Do().Status(200), "late g")

	wantPanic(t, "conflicts", func() {
		app.Change(func() {
			app.GET("/d", say("d"))
			app.GET("/a", say("again"))
			app.Use(mark("never"))
		})
	})
	wantPanic(t, "mine", func() {
		app.Change(func() {
			app.GET("/e", say("e"))
			panic("mine")
		})
	})
	c.GET("/d").Do().Status(404)
	c.GET("/e").Do().Status(404)
	wantChain(t, c.GET("/a").Do().Status(200).BodyIs("a"), "late")
	if err := app.Check(); err != nil {
		t.Errorf("Check after a rollback = %v", err)
	}
	app.Change(func() { app.GET("/d", say("d")) })
	c.GET("/d").Do().Status(200).BodyIs("d")
	if got := strings.Join(told, " "); got != "/a /b /g/c /d" {
		t.Errorf("OnRoute was told %q", got)
	}
	wantPanic(t, "Change", func() { app.GET("/late", say("x")) })
}

func TestChange_rollsBackNames(t *testing.T) {
	app := geist.New()
	r := app.GET("/a", say("a")).Name("first")
	geisttest.New(t, app)
	wantPanic(t, "mine", func() {
		app.Change(func() {
			r.Name("second")
			panic("mine")
		})
	})
	if url, err := app.URL("first"); url != "/a" || err != nil {
		t.Errorf("URL(first) = %q, %v after a rollback", url, err)
	}
	app.Change(func() { app.GET("/b", say("b")) })
	if url, err := app.URL("first"); url != "/a" || err != nil {
		t.Errorf("URL(first) = %q, %v after a rollback and a change", url, err)
	}
}

func TestChange_ofAMountedEngine(t *testing.T) {
	child := geist.New()
	child.GET("/x", say("x"))
	app := geist.New()
	app.Mount("/c", child)
	c := geisttest.New(t, app)
	wantPanic(t, "Change", func() { child.GET("/late", say("late")) })
	child.Change(func() { child.GET("/late", say("late")) })
	c.GET("/c/late").Do().Status(200).BodyIs("late")
	c.GET("/c/x").Do().Status(200).BodyIs("x")

	other := geist.New()
	other.GET("/y", say("y"))
	app.Change(func() { app.Mount("/d", other) })
	c.GET("/d/y").Do().Status(200).BodyIs("y")
	other.Change(func() { other.GET("/z", say("z")) })
	c.GET("/d/z").Do().Status(200).BodyIs("z")
}

func TestChange_requestsSeeOneSnapshot(t *testing.T) {
	app := geist.New()
	app.GET("/base", say("base"))
	c := geisttest.New(t, app)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				// /n/a and /n/b come together: who sees b sees a.
				for i := range 20 {
					b, err := c.GET(fmt.Sprintf("/%d/b", i)).DoErr()
					if err != nil {
						t.Error(err)
						return
					}
					if b.StatusCode == 200 {
						if a, err := c.GET(fmt.Sprintf("/%d/a", i)).DoErr(); err != nil || a.StatusCode != 200 {
							t.Errorf("b of %d is there, a is not: %v", i, err)
						}
					}
				}
			}
		})
	}
	for i := range 20 {
		app.Change(func() {
			g := app.Group(fmt.Sprintf("/%d", i))
			g.GET("/b", say("b"))
			g.GET("/a", say("a"))
		})
	}
	close(stop)
	wg.Wait()
}

func TestConstraint_custom(t *testing.T) {
	app := geist.New()
	app.Constraint("even", func(s string) bool { return strings.HasSuffix(s, "2") })
	app.GET("/n/:id<even>", say("even"))
	app.GET("/n/:id", say("other"))
	c := geisttest.New(t, app)
	c.GET("/n/12").Do().Status(200).BodyIs("even")
	c.GET("/n/1%32").Do().Status(200).BodyIs("even")
	c.GET("/n/13").Do().Status(200).BodyIs("other")
	bad := geist.New()
	bad.Constraint("int", func(string) bool { return true })
	bad.Constraint("a-b", func(string) bool { return true })
	bad.Constraint("x", nil)
	bad.Constraint("y", func(string) bool { return true })
	bad.Constraint("y", func(string) bool { return true })
	wantProblems(t, bad, []string{"int", "built in"}, []string{"a-b"}, []string{`"x"`, "nil"}, []string{`"y"`, "twice"})
}
