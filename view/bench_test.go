package view_test

import (
	"fmt"
	"html/template"
	"io"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/view"
)

// benchSite is a page with a layout and a partial, and twenty users on it.
var benchSite = map[string]string{
	"layout.html": `<!DOCTYPE html><html><head><title>{{block "title" .}}Site{{end}}</title></head><body>{{template "content" .}}</body></html>`,
	"_row.html":   `<tr><td>{{.ID}}</td><td><a href="/users/{{.ID}}">{{.Name}}</a></td></tr>`,
	"users.html":  `{{define "title"}}Users{{end}}<table>{{range .}}{{template "_row" .}}{{end}}</table>`,
}

type benchUser struct {
	ID   int
	Name string
}

func benchUsers() []benchUser {
	var users []benchUser
	for i := range 20 {
		users = append(users, benchUser{i, fmt.Sprintf("User <%d>", i)})
	}
	return users
}

// byHand returns what a program without package view would put together.
func byHand() *template.Template {
	t := template.Must(template.New("layout").Parse(benchSite["layout.html"]))
	template.Must(t.New("_row").Parse(benchSite["_row.html"]))
	template.Must(t.New("content").Parse(benchSite["users.html"]))
	return t
}

// BenchmarkExecute compares a page with the same one put together by hand.
func BenchmarkExecute(b *testing.B) {
	users := benchUsers()
	hand := byHand()
	b.Run("by hand", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := hand.Execute(io.Discard, users); err != nil {
				b.Fatal(err)
			}
		}
	})
	s := view.New(view.Config{FS: files(benchSite)})
	b.Run("view", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := s.Execute(io.Discard, "users", users); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("view, fragment", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := s.Execute(io.Discard, "users#content", users); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("view, all processors", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := s.Execute(io.Discard, "users", users); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

// BenchmarkRender compares a whole request with one that executes by hand.
func BenchmarkRender(b *testing.B) {
	users := benchUsers()
	hand := byHand()
	app := geist.New(geist.Config{Renderer: view.New(view.Config{FS: files(benchSite)})})
	app.GET("/hand", func(c *geist.Ctx) error {
		c.Raw().SetContentType("text/html; charset=utf-8")
		return hand.Execute(c.Raw(), users)
	})
	app.GET("/view", func(c *geist.Ctx) error { return c.Render(200, "users", users) })
	serve := app.Handler()
	for _, name := range []string{"hand", "view"} {
		b.Run(name, func(b *testing.B) {
			var rc fasthttp.RequestCtx
			rc.Request.SetRequestURI("/" + name)
			rc.Request.Header.SetHost("example.com")
			b.ReportAllocs()
			for b.Loop() {
				rc.Response.Reset()
				serve(&rc)
			}
			if rc.Response.StatusCode() != 200 || len(rc.Response.Body()) < 1000 {
				b.Fatalf("status = %d, body of %d bytes", rc.Response.StatusCode(), len(rc.Response.Body()))
			}
		})
	}
}
