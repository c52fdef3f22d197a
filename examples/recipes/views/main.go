// Command views serves pages: templates in the binary, with a layout, partials, links by
// the names of routes, a fragment for scripts and a page that is sent while it is made.
package main

import (
	"embed"
	"flag"
	"html/template"
	"iter"
	"log"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/secure"
	"github.com/gogeist/geist/view"
)

//go:embed all:views
var files embed.FS

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "the address to listen on")
	reload := flag.Bool("reload", false, "read the templates in ./views again when they change, and show their errors")
	flag.Parse()
	if err := newApp(config(*reload), steps).Run(*addr); err != nil {
		log.Fatal(err)
	}
}

// config takes the templates from the binary or, to work on them, from the disk.
func config(reload bool) view.Config {
	conf := view.Config{Dir: "views", Reload: reload, RequestFuncs: template.FuncMap{"nonce": secure.Nonce}}
	if !reload {
		conf.FS = files
	}
	return conf
}

type user struct {
	ID   int
	Name string
}

func newApp(conf view.Config, steps iter.Seq[string]) *geist.Engine {
	views := view.New(conf)
	users := []user{{1, "Ada"}, {2, "Bob <b>"}}
	app := geist.New(geist.Config{Renderer: views})
	app.Use(secure.New(secure.Config{ContentSecurityPolicy: "default-src 'self'; style-src 'nonce-{nonce}'"}))
	app.OnError(views.ErrorPage(nil)) // with -reload
	app.GET("/", func(c *geist.Ctx) error {
		if c.Header("HX-Request") == "true" {
			return c.Render(200, "users/list#rows", users) // the block alone, for htmx
		}
		return c.Render(200, "users/list", users)
	}).Name("users")
	app.GET("/users/:id<int>", func(c *geist.Ctx) error {
		id, err := geist.Param[int](c, "id")
		if err != nil {
			return err
		}
		for _, u := range users {
			if u.ID == id {
				return c.Render(200, "users/show", u)
			}
		}
		return geist.NewError(404, "no such user")
	}).Name("user")
	app.GET("/report", func(c *geist.Ctx) error {
		return views.Stream(c, 200, "report", steps) // the head is there at once, each step when it is done
	}).Name("report")
	return app
}

// steps is work that takes a while.
func steps(yield func(string) bool) {
	for _, step := range []string{"gathered", "sorted", "counted"} {
		time.Sleep(time.Second)
		if !yield(step) {
			return
		}
	}
}
