package geist_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// pages is a Renderer that writes the name and the data, and fails for the name that it is.
type pages struct {
	bad      string
	problems error
}

func (p pages) Check() error { return p.problems }

func (p pages) Render(w io.Writer, c *geist.Ctx, name string, data any) (string, error) {
	fmt.Fprintf(w, "%s %v %s", name, data, c.Path())
	switch name {
	case p.bad:
		return "text/half", errors.New("half a page")
	case "panic":
		panic("boom")
	case "feed":
		return "application/rss+xml\r\nX: y", nil
	}
	return "", nil
}

func TestCtx_Render(t *testing.T) {
	app := geist.New(geist.Config{Renderer: pages{bad: "bad"}, Logger: discard()})
	app.GET("/:name", func(c *geist.Ctx) error {
		if err := c.Text(200, "before"); err != nil {
			return err
		}
		return c.Render(201, c.Param("name"), 7)
	})
	client := geisttest.New(t, app)
	for _, tt := range []struct {
		name, contentType, body string
		status                  int
	}{
		{"page", "text/html; charset=utf-8", "page 7 /page", 201},
		{"feed", "application/rss+xml  X: y", "feed 7 /feed", 201},
		{"bad", "application/problem+json", `{"title":"Internal Server Error","status":500}`, 500},
		{"panic", "application/problem+json", `{"title":"Internal Server Error","status":500}`, 500},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp := client.GET("/"+tt.name).Do().Status(tt.status).HasHeader("Content-Type", tt.contentType)
			if resp.Text() != tt.body {
				t.Errorf("body = %q, want %q", resp.Text(), tt.body)
			}
		})
	}
	head := client.HEAD("/page").Do().Status(201).HasHeader("Content-Length", "12").HasHeader("Content-Type", "text/html; charset=utf-8")
	if head.Text() != "" {
		t.Errorf("body of HEAD = %q, want none", head.Text())
	}
}

// TestCtx_Render_leavesTheAnswer: a handler may answer otherwise when a page cannot be made.
func TestCtx_Render_leavesTheAnswer(t *testing.T) {
	app := geist.New(geist.Config{Renderer: pages{bad: "bad"}})
	var message string
	app.GET("/", func(c *geist.Ctx) error {
		err := c.Status(202).Render(500, "bad", nil)
		message = err.Error()
		return c.Text(c.ResponseStatus(), "sorry")
	})
	if resp := geisttest.New(t, app).GET("/").Do().Status(202); resp.Text() != "sorry" {
		t.Errorf("body = %q, want sorry", resp.Text())
	}
	if want := `geist: Render "bad": half a page`; message != want {
		t.Errorf("error = %q, want %q", message, want)
	}
}

func TestCtx_Render_ownRenderer(t *testing.T) {
	parent, child, bare := geist.New(geist.Config{Renderer: pages{bad: "a"}, Logger: discard()}), geist.New(geist.Config{Renderer: pages{bad: "b"}}), geist.New()
	render := func(c *geist.Ctx) error { return c.Render(200, c.Param("name"), nil) }
	for _, e := range []*geist.Engine{parent, child, bare} {
		e.GET("/:name", render)
	}
	var last error
	parent.OnError(func(c *geist.Ctx, err error) {
		last = err
		geist.DefaultErrorHandler(c, err)
	})
	parent.Mount("/child", child)
	parent.Mount("/bare", bare)
	client := geisttest.New(t, parent)
	for target, status := range map[string]int{"/a": 500, "/b": 200, "/child/a": 200, "/child/b": 500, "/bare/a": 500} {
		client.GET(target).Do().Status(status)
	}
	client.GET("/bare/a").Do().Status(500)
	if want := `geist: Render "a": the engine has no templates: set Config.Renderer, as by view.New`; last == nil || last.Error() != want {
		t.Errorf("error = %v, want %s", last, want)
	}
}

func TestEngine_Check_renderer(t *testing.T) {
	app := geist.New(geist.Config{Renderer: pages{problems: errors.Join(errors.New("a.html:1: one"), errors.New("b.html:2: two"))}})
	check, ok := errors.AsType[*geist.CheckError](app.Check())
	if !ok || len(check.Problems) != 2 || check.Problems[0] != "a.html:1: one" || check.Problems[1] != "b.html:2: two" {
		t.Errorf("Check = %v, want both problems", app.Check())
	}
}

func TestCtx_URL(t *testing.T) {
	parent, child := geist.New(), geist.New()
	link := func(c *geist.Ctx) error {
		path, err := c.URL(c.Query("name"), 7)
		if err != nil {
			path = err.Error()
		}
		return c.Text(200, path)
	}
	parent.GET("/link", link)
	parent.GET("/users/:id", link).Name("user")
	parent.GET("/only/:id", link).Name("only")
	child.GET("/link", link)
	child.GET("/people/:id", link).Name("user")
	child.GET("/inner/:id", link).Name("inner")
	parent.Mount("/child", child)
	parent.Mount("/twin", child)
	client := geisttest.New(t, parent)
	for target, want := range map[string]string{
		"/link?name=user":        "/users/7",
		"/link?name=inner":       "/child/inner/7",
		"/child/link?name=user":  "/child/people/7",
		"/twin/link?name=user":   "/twin/people/7",
		"/twin/link?name=only":   "/only/7",
		"/child/link?name=other": `geist: no route is named "other"`,
	} {
		if got := client.GET(target).Do().Status(200).Text(); got != want {
			t.Errorf("GET %s = %q, want %q", target, got, want)
		}
	}
}
