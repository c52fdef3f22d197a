package view_test

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/view"
)

// files is a file system of texts by path.
func files(texts map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range texts {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

// site is the templates of most tests.
var site = map[string]string{
	"layout.html":         `<title>{{block "title" .}}Site{{end}}</title>{{template "partials/nav" .}}<main>{{template "content" .}}</main>`,
	"partials/nav.html":   `<nav>nav</nav>`,
	"home.html":           `home`,
	"about.html":          `{{define "title"}}About{{end}}about {{.}}`,
	"plain.html":          `{{define "layout"}}-{{end}}plain`,
	"bare.html":           `{{define "layout"}}-{{end}}{{define "content"}}only {{.}}{{end}}`,
	"receipt.html":        `{{define "layout"}}layouts/print{{end}}{{define "title"}}Receipt{{end}}receipt`,
	"layouts/print.html":  `print: {{block "title" .}}-{{end}}: {{template "content" .}}`,
	"admin/layout.html":   `admin: {{template "content" .}}`,
	"admin/deep/one.html": `one`,
	"users/list.html":     `{{define "title"}}Users{{end}}{{range .}}{{template "users/_row" .}}{{end}}`,
	"users/_row.html":     `{{block "row" .}}<li>{{.}}</li>{{end}}`,
	"users/show.html":     `{{define "title"}}{{.}}{{end}}{{define "content"}}<p>{{.}}</p>{{end}}`,
	"mail/hello.txt":      `Hello {{.}}, {{template "mail/_end.txt" .}}`,
	"mail/_end.txt":       `& bye <3`,
	".hidden/x.html":      `{{`,
	"notes.md":            `{{`,
}

// render executes a page and returns it, or the error.
func render(s *view.Set, name string, data any) string {
	var b strings.Builder
	if err := s.Execute(&b, name, data); err != nil {
		return "error: " + err.Error()
	}
	return b.String()
}

func TestSet_pages(t *testing.T) {
	s := view.New(view.Config{FS: files(site)})
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	const nav = `<nav>nav</nav>`
	for _, tt := range []struct {
		name string
		data any
		want string
	}{
		{"home", nil, `<title>Site</title>` + nav + `<main>home</main>`},
		{"about", "<us>", `<title>About</title>` + nav + `<main>about &lt;us&gt;</main>`},
		{"users/list", []string{"a", "b"}, `<title>Users</title>` + nav + `<main><li>a</li><li>b</li></main>`},
		{"users/show", "ada", `<title>ada</title>` + nav + `<main><p>ada</p></main>`},
		{"plain", nil, `plain`},
		{"bare", 7, `only 7`},
		{"receipt", nil, `print: Receipt: receipt`},
		{"admin/deep/one", nil, `admin: one`},
		{"users/_row", "a", `<li>a</li>`},
		{"mail/hello.txt", "<Ada>", `Hello <Ada>, & bye <3`},

		{"users/show#content", "ada", `<p>ada</p>`},
		{"users/show#title", "ada", `ada`},
		{"users/list#row", "a", `<li>a</li>`},
		{"home#title", nil, `Site`},

		{"home", view.Page{Layout: "layouts/print"}, `print: -: home`},
		{"about", view.Page{Layout: view.NoLayout, Data: 1}, `about 1`},
		{"admin/deep/one", view.Page{Layout: "layout"}, `admin: one`},
		{"users/show", view.Page{Data: "ada"}, `<title>ada</title>` + nav + `<main><p>ada</p></main>`},
		{"users/_row", view.Page{Layout: "layouts/print", Data: "a"}, `error: users/_row.html: a partial has no layout: make it a page`},

		{"user/show", nil, `error: view: no page is named "user/show": there is users/show, users/_row`},
		{"nothing like it", nil, `error: view: no page is named "nothing like it": there are about, admin/deep/one, bare, home, mail/_end.txt, mail/hello.txt, partials/nav, plain, receipt, users/_row and 2 more`},
		{"users/show#rows", nil, `error: view: users/show.html has no block "rows": there are content, title`},
		{"users/show#", nil, `error: view: "users/show#" names no block behind #`},
		{"home", view.Page{Layout: "print"}, `error: home.html: there is no layout "print": layouts are admin/layout, layout, layouts/print`},
		{"../home", nil, `error: view: no page is named "../home": there is home`},
		{"", nil, `error: view: no page is named "": there are `},
	} {
		t.Run(fmt.Sprintf("%s %v", tt.name, tt.data), func(t *testing.T) {
			if got := render(s, tt.name, tt.data); got != tt.want && (tt.name != "" || !strings.HasPrefix(got, tt.want)) {
				t.Errorf("page = %s\nwant   %s", got, tt.want)
			}
		})
	}
}

// TestSet_fragmentsDoNotHarm: html/template takes away a template that cannot be escaped
// alone; the page has it still.
func TestSet_fragmentsDoNotHarm(t *testing.T) {
	s := view.New(view.Config{FS: files(map[string]string{"a.html": `{{block "open" .}}<b title="{{end}}{{.}}"></b>`})})
	const want = `<b title="&lt;"></b>`
	for range 2 {
		if got := render(s, "a", "<"); got != want {
			t.Errorf("page = %q, want %q", got, want)
		}
		if got := render(s, "a#open", "<"); !strings.HasPrefix(got, "error: a.html: ends in a non-text context") {
			t.Errorf("fragment = %q, want an error", got)
		}
	}
}

func TestConfig_choices(t *testing.T) {
	fsys := files(map[string]string{
		"app/main.tmpl":        `[[template "content" .]]!`,
		"app/x.tmpl":           `{{[[.name]]}} [[upper "a"]]`,
		"app/strict.tmpl":      `[[.nme]]`,
		"app/deep/below.tmpl":  `[[define "layout"]]-[[end]]below`,
		"app/ignored.html":     `[[`,
		"elsewhere/other.tmpl": `[[`,
	})
	conf := view.Config{
		FS: fsys, Dir: "app", Ext: ".tmpl", Layout: "main", Delims: [2]string{"[[", "]]"},
		Funcs: template.FuncMap{"upper": strings.ToUpper},
	}
	s := view.New(conf)
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	data := map[string]string{"name": "a&b"}
	for name, want := range map[string]string{"x": "{{a&amp;b}} A!", "strict": "!", "deep/below": "below"} {
		if got := render(s, name, data); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	conf.Strict = true
	if got := render(view.New(conf), "strict", data); !strings.HasPrefix(got, "error: app/strict.tmpl:1: ") || !strings.Contains(got, "nme") {
		t.Errorf("strict = %q, want an error that names the key", got)
	}
	conf.Strict, conf.Layout = false, view.NoLayout
	if got := render(view.New(conf), "x", data); got != "{{a&amp;b}} A" {
		t.Errorf("without a layout = %q", got)
	}
}

func TestSet_Check(t *testing.T) {
	broken := map[string]string{
		"a.html":             "fine\n{{if}}",
		"b.html":             "{{nope}}",
		"partials/one.html":  `{{define "x"}}1{{end}}`,
		"partials/two.html":  `{{define "x"}}2{{end}}`,
		"c.html":             `{{define "content"}}c{{end}} text`,
		"d.html":             `{{define "layout"}}{{.}}{{end}}`,
		"deep/unclosed.html": "\n\n{{range .}}",
	}
	assembled := map[string]string{
		"layout.html":     `no place for pages`,
		"a.html":          `a`,
		"b/layout.html":   `{{template "content" .}}`,
		"b/call.html":     "\n{{if .}}{{else}}{{with .}}{{range .}}{{template \"nope\"}}{{end}}{{end}}{{end}}",
		"b/escape.html":   `<a href="`,
		"b/branch.html":   `{{if .}}<a href="{{end}}">`,
		"b/lost.html":     `{{define "layout"}}layouts/nope{{end}}`,
		"b/text.txt":      `{{template "nope"}}`,
		"b/through.html":  `{{template "_calls" .}}`,
		"_calls.html":     `{{template "nope"}}`,
		"b/recursive.txt": `{{define "r"}}{{template "r"}}{{end}}{{template "r"}}`,
	}
	fine := map[string]string{"a.html": "a"}
	type Conf = view.Config
	for _, tt := range []struct {
		name  string
		texts map[string]string
		conf  Conf
		want  []string // parts of the problems, in order
	}{
		{"all files at once", broken, Conf{}, []string{
			`a.html:2: missing value for if`, `b.html:1: function "nope" not defined`, `deep/unclosed.html:3: unexpected EOF`,
			`c.html: it defines "content"`, `d.html: "layout" must hold`, `partials/two.html: "x" is in partials/one.html, too`,
		}},
		{"all pages at once", assembled, Conf{}, []string{
			`_calls.html:1: no template is named "nope"`, `a.html: its layout layout.html does not call {{template "content" .}}`,
			`b/branch.html:1: {{if}} branches end in different contexts`, `b/call.html:2: no template is named "nope"`,
			`b/escape.html`, `b/lost.html: there is no layout "layouts/nope": layouts are b/layout, layout`,
			`b/text.txt:1: no template is named "nope"`, `_calls.html:1: no template is named "nope"`,
		}},
		{"a partial that was not embedded", map[string]string{"a.html": `{{template "users/_row" .}}`}, Conf{}, []string{
			`a.html:1: no template is named "users/_row"; go:embed takes names that begin with _ only by all:, as in //go:embed all:views`,
		}},
		{"no directory", fine, Conf{Dir: "nope"}, []string{"view: open "}},
		{"a directory outside", fine, Conf{Dir: "../x"}, []string{"view: sub ../x"}},
		{"no layout", fine, Conf{Layout: "main"}, []string{`view: Config.Layout is "main": there is no such file`}},
		{"Config", fine, Conf{
			Ext: "html", Layout: "/x", Delims: [2]string{"<<"}, MaxBytes: -1,
			Funcs: template.FuncMap{"a-b": strings.ToUpper, "none": func() {}, "text": 7, "twice": strings.ToUpper},
			RequestFuncs: template.FuncMap{
				"nil": (func(*geist.Ctx) string)(nil), "upper": strings.ToUpper, "none": func(*geist.Ctx) {},
				"no": nil, "twice": (*geist.Ctx).Path, "many": func(...*geist.Ctx) string { return "" },
			},
		}, []string{
			"Config.MaxBytes is -1", `Config.Ext is "html"`, `Config.Layout is "/x"`, "Config.Delims has one of two marks",
			`Config.Funcs: "a-b"`, `Config.Funcs: "none"`, `Config.Funcs: "text"`,
			`RequestFuncs: "many" is a func(...*geist.Ctx) string`, `RequestFuncs: "nil" is no function`, `RequestFuncs: "no" is no function`,
			`RequestFuncs: "none"`, `"twice" is in Config.Funcs, too`, `"upper" is a func(string) string`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.conf.FS = files(tt.texts)
			s := view.New(tt.conf)
			check, ok := errors.AsType[*geist.CheckError](geist.New(geist.Config{Renderer: s}).Check())
			if !ok || len(check.Problems) != len(tt.want) {
				t.Fatalf("problems = %d, want %d: %v", len(check.Problems), len(tt.want), s.Check())
			}
			for i, want := range tt.want {
				if !strings.Contains(check.Problems[i], want) {
					t.Errorf("problem = %s\nwant %s", check.Problems[i], want)
				}
			}
			if err := s.Execute(io.Discard, "a", nil); err == nil {
				t.Error("a page of a broken set is rendered")
			}
		})
	}
	if err := view.New(view.Config{}, view.Config{}).Check(); err == nil {
		t.Error("two Configs pass")
	}
}

// linked is an application whose pages link, in an engine that is mounted twice.
func linked(conf view.Config) *geist.Engine {
	views := view.New(conf)
	child := geist.New(geist.Config{Renderer: views})
	child.GET("/users/:id", func(c *geist.Ctx) error { return c.Render(200, "page", c.Param("id")) }).Name("user")
	app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler)})
	app.Mount("/a", child)
	app.Mount("/b", child)
	return app
}

func TestConfig_requestFuncs(t *testing.T) {
	conf := view.Config{
		FS: files(map[string]string{"page.html": `{{urlfor "user" .}} {{ip}} {{join "-" "x" "y"}} {{try .}}{{flush}}`}),
		RequestFuncs: template.FuncMap{
			"ip":   (*geist.Ctx).ClientIP,
			"join": func(c *geist.Ctx, sep string, words ...string) string { return strings.Join(words, sep) + c.Method() },
			"try": func(_ *geist.Ctx, id string) (int, error) {
				if id == "8" {
					return 0, geist.NewError(404, "no such user")
				}
				return len(id), nil
			},
		},
	}
	client := geisttest.New(t, linked(conf))
	client.GET("/a/users/7").RemoteAddr("192.0.2.1").Do().Status(200).BodyIs("/a/users/7 192.0.2.1 x-yGET 1")
	client.GET("/b/users/77").RemoteAddr("192.0.2.2").Do().Status(200).BodyIs("/b/users/77 192.0.2.2 x-yGET 2")
	if p := client.GET("/b/users/8").Do().Status(404).Problem(); p.Detail != "no such user" {
		t.Errorf("problem = %+v, want that of the function", p)
	}
	for name, page := range map[string]string{"urlfor": `{{urlfor "x"}}`, "ip": `{{ip}}`, "join": `{{join ""}}`} {
		conf.FS = files(map[string]string{"page.html": page})
		if got := render(view.New(conf), "page", nil); !strings.Contains(got, "the function needs a request") {
			t.Errorf("%s outside of a request = %q, want an error", name, got)
		}
	}
}

// TestSet_concurrently: no request sees the address of another.
func TestSet_concurrently(t *testing.T) {
	client := geisttest.New(t, linked(view.Config{
		FS:           files(map[string]string{"page.html": `{{path}} {{urlfor "user" .}}`}),
		RequestFuncs: template.FuncMap{"path": (*geist.Ctx).Path},
	}))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 20 {
				path := fmt.Sprintf("/%c/users/%d", 'a'+(i+j)%2, i*100+j)
				if got := client.GET(path).Do().Text(); got != path+" "+path {
					t.Errorf("GET %s = %q", path, got)
				}
			}
		})
	}
	wg.Wait()
}

func TestSet_contentTypes(t *testing.T) {
	app := geist.New(geist.Config{Renderer: view.New(view.Config{FS: files(site)})})
	app.GET("/*name", func(c *geist.Ctx) error { return c.Render(203, c.Param("name"), "x") })
	client := geisttest.New(t, app)
	client.GET("/about").Do().Status(203).HasHeader("Content-Type", "text/html; charset=utf-8")
	client.GET("/mail/hello.txt").Do().Status(203).HasHeader("Content-Type", "text/plain; charset=utf-8")
	client.HEAD("/about").Do().Status(203).HasHeader("Content-Type", "text/html; charset=utf-8")
}

func TestConfig_maxBytes(t *testing.T) {
	s := view.New(view.Config{FS: files(map[string]string{"a.html": `{{.}}`, "loop.html": `{{define "x"}}x{{template "x"}}{{end}}{{template "x"}}`}), MaxBytes: 10})
	var b bytes.Buffer
	if err := s.Execute(&b, "a", "0123456789"); err != nil || b.Len() != 10 {
		t.Errorf("10 bytes: %v, %d", err, b.Len())
	}
	for name, data := range map[string]string{"a": "0123456789a", "loop": ""} {
		if err := s.Execute(io.Discard, name, data); !errors.Is(err, view.ErrTooLarge) {
			t.Errorf("%s = %v, want ErrTooLarge", name, err)
		}
	}
}
