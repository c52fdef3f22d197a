package view_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/view"
)

// editor writes templates, each later than the one before by its file's time.
type editor struct {
	t    *testing.T
	dir  string
	edit int
}

func (e *editor) write(name, text string) {
	e.t.Helper()
	e.edit++
	path := filepath.Join(e.dir, name)
	write(e.t, path, text)
	then := time.Unix(int64(1_800_000_000+e.edit), 0)
	if err := os.Chtimes(path, then, then); err != nil {
		e.t.Fatal(err)
	}
}

func TestConfig_reload(t *testing.T) {
	e := &editor{t: t, dir: t.TempDir()}
	e.write("layout.html", `<{{template "content" .}}>`)
	e.write("a.html", "one")
	s, frozen := view.New(view.Config{Dir: e.dir, Reload: true}), view.New(view.Config{Dir: e.dir})
	expect := func(name, want string) {
		t.Helper()
		if got := render(s, name, nil); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	expect("a", "&lt;one>")
	e.write("a.html", "two")
	expect("a", "&lt;two>")
	expect("a#content", "two")
	e.write("a.html", "six") // of the same size
	expect("a#content", "six")
	e.write("b.html", "new")
	expect("b", "&lt;new>")
	e.write("layout.html", "({{if}}{{template \"content\" .}})")
	expect("b", "error: "+e.dir+"/layout.html:1: missing value for if")
	e.write("layout.html", `({{template "content" .}})`)
	expect("b", "(new)")
	if err := os.Remove(filepath.Join(e.dir, "b.html")); err != nil {
		t.Fatal(err)
	}
	if got := render(s, "b", nil); !strings.Contains(got, `no page is named "b"`) {
		t.Errorf("a page that was removed = %q", got)
	}
	if got := render(frozen, "a", nil); got != "&lt;one>" {
		t.Errorf("without Reload = %q, want what was there at first", got)
	}
}

// TestConfig_reloadConcurrently: each page is of one time, whoever reads and writes.
func TestConfig_reloadConcurrently(t *testing.T) {
	e := &editor{t: t, dir: t.TempDir()}
	e.write("a.html", "0 0")
	s := view.New(view.Config{Dir: e.dir, Reload: true})
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				// A file that is being written may be empty for a moment.
				if got := render(s, "a", nil); got != "" && got[:len(got)/2] != got[len(got)/2+1:] {
					t.Errorf("page = %q", got)
				}
			}
		})
	}
	for i := range 50 {
		e.write("a.html", fmt.Sprintf("%d %d", i, i))
	}
	close(done)
	wg.Wait()
	if got := render(s, "a", nil); got != "49 49" {
		t.Errorf("page = %q, want the last", got)
	}
}

func TestSet_ErrorPage(t *testing.T) {
	e := &editor{t: t, dir: t.TempDir()}
	e.write("run.html", "one\ntwo\n<b>{{.Nope}}</b>\nfour")
	e.write("notfound.html", "{{fail}}")
	conf := view.Config{Dir: e.dir, Reload: true, Funcs: map[string]any{"fail": func() (string, error) { return "", geist.NewError(404, "no such thing") }}}
	serve := func(conf view.Config) *geisttest.Client {
		views := view.New(conf)
		app := geist.New(geist.Config{Renderer: views, Logger: slog.New(slog.DiscardHandler)})
		app.OnError(views.ErrorPage(nil))
		app.GET("/plain", func(*geist.Ctx) error { return errors.New("something else") })
		app.GET("/:name", func(c *geist.Ctx) error { return c.Render(200, c.Param("name"), struct{}{}) })
		return geisttest.New(t, app)
	}
	open, closed := serve(conf), serve(view.Config{Dir: e.dir, Funcs: conf.Funcs})
	open.GET("/run").Do().Status(500).HasHeader("Content-Type", "text/html; charset=utf-8").
		BodyContains("run.html:3</h1>").BodyContains("Nope").BodyContains("<mark>   3  &lt;b&gt;{{.Nope}}&lt;/b&gt;</mark>").BodyContains("   4  four")
	closed.GET("/run").Do().Status(500).BodyIs(`{"title":"Internal Server Error","status":500}`)
	for _, client := range []*geisttest.Client{open, closed} {
		client.GET("/plain").Do().Status(500).BodyIs(`{"title":"Internal Server Error","status":500}`)
		if p := client.GET("/notfound").Do().Status(404).Problem(); p.Detail != "no such thing" {
			t.Errorf("problem = %+v, want that of the function", p)
		}
	}

	e.write("b.html", "{{end}}")
	e.write("c.html", "<script>{{")
	open.GET("/run").Do().Status(500).BodyContains("b.html:1</h1>").BodyContains("c.html:1</h1>").BodyContains("&lt;script&gt;{{")
	e.write("b.html", "b")
	e.write("c.html", "c")
	open.GET("/b").Do().Status(200).BodyIs("b")
}
