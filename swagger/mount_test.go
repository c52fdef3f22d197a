package swagger_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/swagger"
)

// config is the least that documents need.
func config() swagger.Config {
	return swagger.Config{Title: "Users", Version: "1.0", Logger: slog.New(slog.DiscardHandler)}
}

func none(c *geist.Ctx) error { return c.NoContent() }

// paths returns the paths of an OpenAPI document.
func paths(t *testing.T, text []byte) string {
	t.Helper()
	var doc struct {
		Paths map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	var names []string
	for _, line := range strings.Split(string(text), "\n") { // in the order of the document
		if name, ok := strings.CutSuffix(strings.TrimPrefix(line, `    "`), `": {`); ok && doc.Paths[name] != nil {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

func TestMount_servesEveryDocument(t *testing.T) {
	app := geist.New()
	if err := swagger.Mount(app, config()); err != nil {
		t.Fatal(err)
	}
	app.GET("/users/:id", none)
	c := geisttest.New(t, app)
	for path, want := range map[string][2]string{
		"/openapi.json":     {"application/json", `"openapi": "3.1.2"`},
		"/openapi.yaml":     {"application/yaml", `openapi: "3.1.2"`},
		"/openapi-3.2.json": {"application/json", `"openapi": "3.2.0"`},
		"/asyncapi.json":    {"application/json", `"asyncapi": "3.0.0"`},
		"/asyncapi.yaml":    {"application/yaml", `asyncapi: "3.0.0"`},
	} {
		r := c.GET(path).Do().Status(200).HasHeader("Content-Type", want[0]).HasHeader("Cache-Control", "no-cache").HasHeader("Vary", "Accept-Encoding")
		r.NoHeader("Content-Encoding").BodyContains(want[1])
		again := c.GET(path).Header("If-None-Match", r.Header("ETag")).Do().Status(304).HasHeader("ETag", r.Header("ETag"))
		if len(again.Bytes()) > 0 {
			t.Errorf("%s: a 304 has a body of %d bytes", path, len(again.Bytes()))
		}
		c.HEAD(path).Do().Status(200).HasHeader("ETag", r.Header("ETag"))
		text, err := swagger.Document(app, config(), path[1:])
		if err != nil || !bytes.Equal(text, r.Bytes()) {
			t.Errorf("%s: Document gives another text, error %v", path, err)
		}
	}
	if got := paths(t, c.GET("/openapi.json").Do().Bytes()); got != "/users/{id}" {
		t.Errorf("paths = %s, want those of the application alone", got)
	}
}

func TestMount_compresses(t *testing.T) {
	app := geist.New()
	if err := swagger.Mount(app, config()); err != nil {
		t.Fatal(err)
	}
	c := geisttest.New(t, app)
	plain := c.GET("/openapi.json").Do()
	zipped := c.GET("/openapi.json").Header("Accept-Encoding", "gzip").Do().Status(200).HasHeader("Content-Encoding", "gzip")
	r, err := gzip.NewReader(bytes.NewReader(zipped.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(r); err != nil || !bytes.Equal(text, plain.Bytes()) {
		t.Errorf("gzip holds another text, error %v", err)
	}
	brotli := c.GET("/openapi.json").Header("Accept-Encoding", "gzip, br").Do().Status(200).HasHeader("Content-Encoding", "br")
	if len(brotli.Bytes()) >= len(plain.Bytes()) {
		t.Errorf("brotli: %d bytes of %d", len(brotli.Bytes()), len(plain.Bytes()))
	}
	tags := map[string]bool{plain.Header("ETag"): true, zipped.Header("ETag"): true, brotli.Header("ETag"): true}
	if len(tags) != 3 {
		t.Errorf("the forms have the entity tags %v, want one each", tags)
	}
}

// What middleware does to an answer's body is of this answer alone.
func TestMount_middlewareChangesTheAnswer(t *testing.T) {
	app := geist.New()
	app.Use(func(c *geist.Ctx) error {
		err := c.Next()
		c.RawResponse().Body()[0] = '!'
		c.RawResponse().AppendBodyString("more")
		return err
	})
	if err := swagger.Mount(app, config()); err != nil {
		t.Fatal(err)
	}
	text, err := swagger.Document(app, config(), "openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	c := geisttest.New(t, app)
	if got, want := c.GET("/openapi.json").Do().Bytes(), "!"+string(text[1:])+"more"; string(got) != want {
		t.Errorf("%d bytes, want the %d of the document and of the middleware", len(got), len(want))
	}
	if again, err := swagger.Document(app, config(), "openapi.json"); err != nil || !bytes.Equal(again, text) {
		t.Errorf("the document has changed, error %v", err)
	}
}

// A document shows the routes that serve: what a Change adds is in it when it returns.
func TestMount_followsChanges(t *testing.T) {
	app := geist.New()
	if err := swagger.Mount(app, config()); err != nil {
		t.Fatal(err)
	}
	app.GET("/a", none)
	c := geisttest.New(t, app)
	before := c.GET("/openapi.json").Do()
	app.Change(func() { app.GET("/b", none) })
	after := c.GET("/openapi.json").Do()
	if got := paths(t, before.Bytes()) + ", " + paths(t, after.Bytes()); got != "/a, /a /b" {
		t.Errorf("paths = %s", got)
	}
	if before.Header("ETag") == after.Header("ETag") {
		t.Errorf("both documents have the entity tag %s", after.Header("ETag"))
	}
	func() {
		defer func() {
			if v, ok := recover().(*geist.CheckError); !ok || !strings.Contains(v.Error(), "operationId") {
				t.Errorf("Change ended with %v, want the problem of the document", v)
			}
		}()
		app.Change(func() { app.GET("/c", none).Name("getA") })
	}()
	if got := paths(t, c.GET("/openapi.json").Do().Bytes()); got != "/a /b" {
		t.Errorf("paths = %s after a change that failed", got)
	}
	c.GET("/c").Do().Status(404)
}

// Documents can be had while routes change, of engines that are mounted in groups too, each
// with hosts of its own.
func TestMount_servedWhileRoutesChange(t *testing.T) {
	app, shop := geist.New(), geist.New()
	for _, e := range []*geist.Engine{app, shop} {
		if err := swagger.Mount(e, config()); err != nil {
			t.Fatal(err)
		}
	}
	app.Group("/g").Mount("/shop", shop)
	app.Mount("/again", shop)
	shop.GET("/x/:id", none)
	app.Host("a.example.com").GET("/h", none)
	app.Host("{tenant}.example.org").GET("/only", none)
	c := geisttest.New(t, app)
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for range 20 {
				for _, path := range []string{"/openapi.json", "/asyncapi.yaml", "/g/shop/openapi.json", "/again/openapi.json"} {
					if r, err := c.GET(path).DoErr(); err != nil || r.StatusCode != 200 {
						t.Errorf("%s: %v, %v", path, r, err)
					}
				}
			}
		})
	}
	for i := range 3 {
		app.Change(func() { app.GET("/app/"+strconv.Itoa(i), none) })
		shop.Change(func() { shop.GET("/shop/"+strconv.Itoa(i), none) })
	}
	all.Wait()
	if got, want := paths(t, c.GET("/g/shop/openapi.json").Do().Bytes()), "/x/{id} /shop/0 /shop/1 /shop/2"; got != want {
		t.Errorf("the shop's paths = %s, want %s", got, want)
	}
	got := paths(t, c.GET("/openapi.json").Do().Bytes())
	for _, want := range []string{"/g/shop/x/{id}", "/again/shop/2", "/app/2", "/h", "/only"} {
		if !slices.Contains(strings.Fields(got), want) {
			t.Errorf("paths = %s, want %s among them", got, want)
		}
	}
}

func TestMount_everyProblemIsOneOfCheck(t *testing.T) {
	type bad struct {
		C chan int `json:"c"`
	}
	app := geist.New()
	if err := swagger.Mount(app, config()); err != nil {
		t.Fatal(err)
	}
	app.GET("/a", none).Name("x")
	app.GET("/b", none).Doc(geist.Security(geist.SecurityScheme{Name: "s", Type: "http", Scheme: "basic"}))
	child := geist.New()
	child.GET("/c", none).Doc(geist.Security(geist.SecurityScheme{Name: "s", Type: "http", Scheme: "bearer"}))
	app.Mount("/child", child)
	app.GET("/d", none).Doc(geist.Returns[struct {
		A int `json:"a" example:"x"`
	}](200))
	app.GET("/getB", none).Name("getB")
	var check *geist.CheckError
	if err := app.Check(); !errors.As(err, &check) {
		t.Fatalf("Check = %v", err)
	}
	got := strings.Join(check.Problems, "\n")
	for _, want := range []string{`another security scheme is called "s"`, `the example "x"`, `the same operationId "getB"`} {
		if strings.Count(got, want) != 1 {
			t.Errorf("problems = %s\nwant once %s", got, want)
		}
	}
	app = geist.New()
	if err := swagger.Mount(app, config()); err != nil {
		t.Fatal(err)
	}
	app.GET("/", none).Doc(geist.Returns[map[string]bad](200))
	if err := app.Check(); err == nil || !strings.Contains(err.Error(), "chan int") {
		t.Errorf("Check = %v, want the type that JSON has no form for", err)
	}
}

func TestMount_ofAnEngineThatIsMounted(t *testing.T) {
	child, parent := geist.New(), geist.New()
	if err := swagger.Mount(child, config()); err != nil {
		t.Fatal(err)
	}
	child.GET("/a", none)
	parent.Mount("/shop", child)
	c := geisttest.New(t, parent)
	if got := paths(t, c.GET("/shop/openapi.json").Do().Status(200).Bytes()); got != "/a" {
		t.Errorf("paths = %s, want the child's own", got)
	}
	broken, parent := geist.New(), geist.New()
	if err := swagger.Mount(broken, config()); err != nil {
		t.Fatal(err)
	}
	broken.GET("/a", none)
	broken.GET("/b", none).Name("getA")
	parent.Mount("/shop", broken)
	if err := parent.Check(); err == nil || !strings.Contains(err.Error(), "operationId") {
		t.Errorf("Check = %v, want the problem of the engine that is mounted", err)
	}
}

func TestMount_internalAndPublic(t *testing.T) {
	app := geist.New()
	public, internal := config(), config()
	public.Filter = func(r geist.RouteInfo) bool { return r.Pattern != "/filtered" }
	internal.Prefix, internal.Internal = "/internal", true
	internal.Middleware = []geist.Handler{func(c *geist.Ctx) error {
		if c.Header("Authorization") == "" {
			return geist.NewError(401, "who are you?")
		}
		return c.Next()
	}}
	for _, cfg := range []swagger.Config{public, internal} {
		if err := swagger.Mount(app, cfg); err != nil {
			t.Fatal(err)
		}
	}
	app.GET("/open", none)
	app.GET("/filtered", none)
	app.GET("/hidden", none).Doc(geist.Hidden())
	c := geisttest.New(t, app)
	if got := paths(t, c.GET("/openapi.json").Do().Bytes()); got != "/open" {
		t.Errorf("public paths = %s", got)
	}
	c.GET("/internal/openapi.json").Do().Status(401)
	got := paths(t, c.GET("/internal/openapi.json").Header("Authorization", "x").Do().Status(200).Bytes())
	if !strings.Contains(got, "/open /filtered /hidden") {
		t.Errorf("internal paths = %s", got)
	}
}

func TestMount_configurationProblems(t *testing.T) {
	err := swagger.Mount(geist.New(), swagger.Config{
		Prefix: "docs", License: swagger.License{Identifier: "MIT", URL: "https://x"},
		Servers: []swagger.Server{{}}, Tags: []swagger.Tag{{}}, Webhooks: []swagger.Webhook{{}},
	})
	for _, want := range []string{"Config.Title", "Config.Version", "License.Name", "an Identifier and a URL", "Prefix", "Servers[0]", "Tags[0]", "Webhooks[0]"} {
		if err == nil || strings.Count(err.Error(), want) != 1 {
			t.Errorf("Mount = %v, want once %s", err, want)
		}
	}
	if _, err := swagger.Document(geist.New(), config(), "openapi.xml"); err == nil {
		t.Error("there is a document openapi.xml")
	}
}

// What a document cannot hold is told, and refused by those who want it.
func TestMount_strict(t *testing.T) {
	app := geist.New()
	app.GET("/a/:id<int>", none)
	app.GET("/a/:name", none)
	app.Handle("PURGE", "/a", none)
	var log strings.Builder
	cfg := config()
	cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	if err := swagger.Mount(app, cfg); err != nil {
		t.Fatal(err)
	}
	c := geisttest.New(t, app)
	if got := paths(t, c.GET("/openapi.json").Do().Bytes()); got != "/a/{id}" {
		t.Errorf("paths = %s", got)
	}
	c.GET("/openapi-3.2.json").Do().BodyContains(`"additionalOperations"`).BodyContains(`"PURGE"`)
	cfg.Strict = true
	_, err := swagger.Document(app, cfg, swagger.OpenAPIJSON)
	for _, want := range []string{"GET /a/:name", "PURGE /a"} {
		if !strings.Contains(log.String(), want) || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("log = %s, error = %v, want %s in both", log.String(), err, want)
		}
	}
}

// The same routes give the same bytes.
func TestDocument_isDeterministic(t *testing.T) {
	build := func(name string) string {
		app := geist.New()
		scopes := map[string]string{}
		for _, s := range strings.Fields("d b c a e f g h") {
			scopes[s] = s
		}
		app.GET("/x", none).Doc(geist.Security(geist.SecurityScheme{Name: "o", Type: "oauth2", URL: "https://a", Scopes: scopes}),
			geist.Returns[geist.Problem](404), geist.Returns[map[string]geist.FieldError](200))
		app.WS("/ws", func(*geist.Ctx, *geist.Conn) error { return nil }, geist.Emits[geist.Problem](""))
		text, err := swagger.Document(app, config(), name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, name := range []string{swagger.OpenAPIJSON, swagger.OpenAPIYAML, swagger.OpenAPI32JSON, swagger.AsyncAPIJSON, swagger.AsyncAPIYAML} {
		first := build(name)
		for range 10 {
			if build(name) != first {
				t.Fatalf("%s differs from run to run", name)
			}
		}
	}
}

// Pages are made once, from what Mount has, and see what the documents hold by then.
func TestMount_pages(t *testing.T) {
	app := geist.New()
	var site swagger.Site
	cfg := config()
	cfg.Prefix = "/about"
	cfg.Servers = []swagger.Server{{URL: "https://api.geist.test/v1"}, {URL: "https://api.geist.test/v2"}, {URL: "/v3"}, {URL: "wss://api.geist.test"}}
	cfg.Filter = func(r geist.RouteInfo) bool { return r.Pattern != "/filtered" }
	cfg.Pages = func(on *geist.Engine, s swagger.Site) error {
		if on != app {
			t.Error("Pages got another engine")
		}
		site = s
		return nil
	}
	if err := swagger.Mount(app, cfg); err != nil {
		t.Fatal(err)
	}
	app.GET("/a", none).Doc(geist.Security(geist.SecurityScheme{Name: "o", Type: "oauth2", TokenURL: "https://id.geist.test/token"}))
	app.SSE("/filtered", func(*geist.Ctx, *geist.Stream) error { return nil })
	if got := site.Contents(); got.Operations+got.Channels+len(got.Origins) != 0 {
		t.Errorf("contents = %+v before the engine serves", got)
	}
	geisttest.New(t, app)
	want := swagger.Contents{Operations: 1, Origins: []string{"https://api.geist.test", "https://id.geist.test"}}
	if got := site.Contents(); !reflect.DeepEqual(got, want) {
		t.Errorf("contents = %+v, want %+v", got, want)
	}
	app.Change(func() { app.WS("/ws", func(*geist.Ctx, *geist.Conn) error { return nil }) })
	if got := site.Contents(); got.Operations != 2 || got.Channels != 1 {
		t.Errorf("contents = %+v after a change", got)
	}
	if site.Title != "Users" || site.Prefix != "/about" || len(site.Middleware) != 0 {
		t.Errorf("site = %+v", site)
	}
	cfg.Pages = func(*geist.Engine, swagger.Site) error { return io.ErrUnexpectedEOF }
	if err := swagger.Mount(geist.New(), cfg); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Mount = %v, want the error of Pages", err)
	}
}

// Who connects must know that a channel speaks a protocol of its own.
func TestDocument_roomsNameTheirProtocol(t *testing.T) {
	app := geist.New()
	app.Rooms("/rt", hub.New(hub.Config{}), func(*geist.Ctx) (hub.Policy, error) { return hub.Policy{}, nil })
	app.WS("/ws", func(*geist.Ctx, *geist.Conn) error { return nil })
	text, err := swagger.Document(app, config(), swagger.AsyncAPIYAML)
	if err != nil || strings.Count(string(text), "x-geist-protocol: geist.v1") != 1 {
		t.Errorf("error %v, want one channel with its protocol in:\n%s", err, text)
	}
}
