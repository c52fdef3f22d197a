package view_test

import (
	"fmt"
	"html/template"
	"testing/fstest"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/view"
)

// get serves a request in memory; a program calls app.Run(":8080").
func get(app *geist.Engine, path string) {
	var rc fasthttp.RequestCtx
	rc.Request.SetRequestURI(path)
	rc.Request.Header.SetHost("example.com")
	app.Handler()(&rc)
	fmt.Printf("%d %s\n", rc.Response.StatusCode(), rc.Response.Body())
}

func Example() {
	files := fstest.MapFS{ // in a program: an embed.FS
		"layout.html":     {Data: []byte(`<title>{{block "title" .}}Users{{end}}</title>{{template "content" .}}`)},
		"users/_row.html": {Data: []byte(`<li><a href="{{urlfor "user" .}}">{{.}}</a></li>`)},
		"users/list.html": {Data: []byte(`{{range .}}{{template "users/_row" .}}{{end}}`)},
		"users/show.html": {Data: []byte(`{{define "title"}}{{.}}{{end}}<h1>{{.}}</h1>`)},
	}
	app := geist.New(geist.Config{Renderer: view.New(view.Config{FS: files})})
	app.GET("/users", func(c *geist.Ctx) error {
		return c.Render(200, "users/list", []string{"ada", "<bob>"})
	})
	app.GET("/users/:name", func(c *geist.Ctx) error {
		return c.Render(200, "users/show", c.Param("name"))
	}).Name("user")
	app.GET("/part/:name", func(c *geist.Ctx) error {
		return c.Render(200, "users/show#content", c.Param("name")) // without the layout
	})

	get(app, "/users")
	get(app, "/users/ada")
	get(app, "/part/ada")
	// Output:
	// 200 <title>Users</title><li><a href="/users/ada">ada</a></li><li><a href="/users/%3Cbob%3E">&lt;bob&gt;</a></li>
	// 200 <title>ada</title><h1>ada</h1>
	// 200 <h1>ada</h1>
}

func ExampleConfig_requestFuncs() {
	files := fstest.MapFS{"form.html": {Data: []byte(`<p>{{t "hello"}}</p>{{.}}`)}}
	views := view.New(view.Config{
		FS: files,
		RequestFuncs: template.FuncMap{
			"t": func(c *geist.Ctx, key string) string { return c.Query("lang") + ":" + key },
		},
	})
	app := geist.New(geist.Config{Renderer: views})
	app.GET("/form", func(c *geist.Ctx) error { return c.Render(200, "form", "Ada") })
	get(app, "/form?lang=de")
	// Output: 200 <p>de:hello</p>Ada
}

func ExampleSet_Check() {
	files := fstest.MapFS{
		"a.html": {Data: []byte("<p>\n{{if}}")},
		"b.html": {Data: []byte(`{{upper .}}`)},
	}
	app := geist.New(geist.Config{Renderer: view.New(view.Config{FS: files})})
	fmt.Println(app.Check()) // Run and Listen return it
	// Output:
	// geist: the engine cannot serve:
	// 	a.html:2: missing value for if
	// 	b.html:1: function "upper" not defined
}
