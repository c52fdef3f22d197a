package view_test

import (
	"bytes"
	"errors"
	"html/template"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/view"
)

// TestRender_escapes: what comes in by a request is text, wherever in a page it stands.
func TestRender_escapes(t *testing.T) {
	places := map[string]string{
		"text":      `<p>{{.}}</p>`,
		"attribute": `<p title="{{.}}">`,
		"unquoted":  `<p title={{.}}>`,
		"url":       `<a href="{{.}}">`,
		"query":     `<a href="/?q={{.}}">`,
		"script":    `<script>var x = {{.}}</script>`,
		"string":    `<script>var x = "{{.}}"</script>`,
		"handler":   `<p onclick="f({{.}})">`,
		"style":     `<p style="color: {{.}}">`,
		"comment":   `<!-- {{.}} --><p></p>`,
	}
	fsys := map[string]string{}
	for name, text := range places {
		fsys[name+".html"] = text
		fsys["in-"+name+".html"] = `{{template "_` + name + `" .}}`
		fsys["_"+name+".html"] = text
	}
	app := geist.New(geist.Config{Renderer: view.New(view.Config{FS: files(fsys)})})
	app.GET("/:name/*value", func(c *geist.Ctx) error { return c.Render(200, c.Param("name"), c.Param("value")) })
	client := geisttest.New(t, app)
	for _, value := range []string{
		`%3Cscript%3Ealert(1)%3C/script%3E`, `%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E`, `'%20onmouseover='alert(1)`,
		`javascript:alert(1)`, `%20onload=alert(1)%20`, `%22;alert(1);//`, `%3C/script%3E%3Cscript%3Ealert(1)//`, `expression(alert(1))`, `--%3E%3Cscript%3E`,
	} {
		for name := range places {
			plain := client.GET("/" + name + "/" + value).Do().Status(200).Text()
			if inside := client.GET("/in-" + name + "/" + value).Do().Status(200).Text(); inside != plain {
				t.Errorf("%s in a partial = %s, want %s", name, inside, plain)
			}
			if got, want := strings.Count(plain, "<"), strings.Count(places[name], "<"); got != want && name != "comment" {
				t.Errorf("%s with %s: %d tags, want %d: %s", name, value, got, want, plain)
			}
		}
	}
	for target, want := range map[string]string{
		"/text/%3Cb%3E":                        `<p>&lt;b&gt;</p>`,
		"/attribute/%22%20onload=%22x":         `<p title="&#34; onload=&#34;x">`,
		"/unquoted/x%20onload=x":               `<p title=x&#32;onload&#61;x>`,
		"/url/javascript:x":                    `<a href="#ZgotmplZ">`,
		"/url/%20JaVaScRiPt:x":                 `<a href="#ZgotmplZ">`,
		"/url//safe%20x%22":                    `<a href="/safe%20x%22">`,
		"/query/a&b=%22c":                      `<a href="/?q=a%26b%3d%22c">`,
		"/script/%3C/script%3E":                `<script>var x = "\u003c/script\u003e"</script>`,
		"/string/%22;x//%3C/script%3E":         `<script>var x = "\u0022;x\/\/\u003c\/script\u003e"</script>`,
		"/handler/x'%22":                       `<p onclick="f(&#34;x&#39;\&#34;&#34;)">`,
		"/style/expression(x)":                 `<p style="color: ZgotmplZ">`,
		"/comment/--%3E%3Cscript%3Ex":          `<p></p>`,
		"/in-url/data:text/html,%3Cscript%3Ex": `<a href="#ZgotmplZ">`,
	} {
		client.GET(target).Do().Status(200).BodyIs(want)
	}
}

// failing is data whose methods fail with what nobody outside may read.
type failing struct{}

func (failing) Fail() (string, error) { return "", errors.New("password=hunter2") }
func (failing) Panic() string         { panic("password=hunter2") }
func (failing) MarshalJSON() ([]byte, error) {
	panic("password=hunter2")
}

// TestRender_tellsNothing: whatever fails in a template, its client gets a plain 500, and
// the log what it was.
func TestRender_tellsNothing(t *testing.T) {
	pages := map[string]string{
		"error":   `secret<b>{{.Fail}}`,
		"panic":   `secret<b>{{.Panic}}`,
		"method":  `secret<b>{{.Nope}}`,
		"func":    `secret<b>{{boom}}`,
		"request": `secret<b>{{ask}}`,
		"marshal": `secret<script>var x = {{.}}</script>`,
		"urlfor":  `secret{{urlfor "nobody"}}`,
		"index":   `secret{{index "abc" 9}}`,
		"large":   strings.Repeat("secret", 200),
	}
	fsys := map[string]string{}
	for name, text := range pages {
		fsys[name+".html"] = text
	}
	fsys["fine.html"] = "fine"
	var log bytes.Buffer
	app := geist.New(geist.Config{
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Renderer: view.New(view.Config{
			FS: files(fsys), MaxBytes: 1000,
			Funcs:        template.FuncMap{"boom": func() string { panic("password=hunter2") }},
			RequestFuncs: template.FuncMap{"ask": func(*geist.Ctx) string { panic("password=hunter2") }},
		}),
	})
	app.GET("/:name", func(c *geist.Ctx) error { return c.Render(200, c.Param("name"), failing{}) })
	client := geisttest.New(t, app)
	for name := range pages {
		client.GET("/"+name).Do().Status(500).HasHeader("Content-Type", "application/problem+json").BodyIs(`{"title":"Internal Server Error","status":500}`)
		if !strings.Contains(log.String(), name) || strings.Count(log.String(), "request failed") != 1 {
			t.Errorf("log of %s = %s, want one line that names it", name, log.String())
		}
		log.Reset()
		client.GET("/fine").Do().Status(200).BodyIs("fine")
	}
	client.GET("/nobody").Do().Status(500).BodyIs(`{"title":"Internal Server Error","status":500}`)
	client.GET("/..%2f..%2fetc%2fpasswd").Do().Status(500)
}

// TestConfig_linksStayInside: on the disk a link leads to a template only within Dir.
func TestConfig_linksStayInside(t *testing.T) {
	outside, dir := t.TempDir(), filepath.Join(t.TempDir(), "views")
	write(t, filepath.Join(outside, "secret.html"), "secret")
	write(t, filepath.Join(dir, "a.html"), "a")
	for link, to := range map[string]string{"inside.html": "a.html", "dir": outside, "none.txt": "nowhere.txt", "out.html": filepath.Join(outside, "secret.html")} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	s := view.New(view.Config{Dir: dir})
	err := s.Check()
	if err == nil || !strings.Contains(err.Error(), "out.html: ") || !strings.Contains(err.Error(), "none.txt: ") || strings.Contains(err.Error(), "inside.html") {
		t.Errorf("Check = %v, want the links that lead nowhere or out", err)
	}
	for _, link := range []string{"none.txt", "out.html"} {
		if err := os.Remove(filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	s = view.New(view.Config{Dir: dir})
	if got := render(s, "inside", nil); got != "a" {
		t.Errorf("a link inside = %q, want a", got)
	}
	if got := render(s, "dir/secret", nil); !strings.HasPrefix(got, "error: ") {
		t.Errorf("a page outside = %q", got)
	}
}

// write writes a file and the directories above it.
func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
