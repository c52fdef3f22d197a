//go:build !race && !geistdebug

package geist_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/gogeist/geist"
)

// BenchmarkTyped compares a typed POST with a handler that does the same by hand, through the
// whole server in memory.
func BenchmarkTyped(b *testing.B) {
	type in struct {
		Org   string   `path:"org" json:"-"`
		Dry   bool     `query:"dry" json:"-"`
		Name  string   `json:"name"`
		Email string   `json:"email"`
		Age   int      `json:"age"`
		Tags  []string `json:"tags"`
	}
	type out struct {
		ID    int    `json:"id"`
		Org   string `json:"org"`
		Name  string `json:"name"`
		Email string `json:"email"`
	}
	codec := geist.GoJSON()
	app := quiet(geist.Config{JSON: codec})
	geist.Post(app, "/typed/:org", func(_ *geist.Ctx, in *in) (*out, error) {
		return &out{7, in.Org, in.Name, in.Email}, nil
	}, geist.Status(201))
	app.POST("/bind/:org", func(c *geist.Ctx) error {
		in := new(in)
		if err := c.Bind(in); err != nil {
			return err
		}
		return c.JSON(201, &out{7, in.Org, in.Name, in.Email})
	})
	app.POST("/hand/:org", func(c *geist.Ctx) error {
		if !strings.HasPrefix(c.Header("Content-Type"), "application/json") {
			return geist.NewError(415, "")
		}
		in := new(in)
		if err := codec.Decode(c.Body(), in); err != nil {
			return geist.NewError(400, "")
		}
		in.Org = c.Param("org")
		if dry := c.Query("dry"); dry != "" {
			var err error
			if in.Dry, err = strconv.ParseBool(dry); err != nil {
				return geist.NewError(400, "")
			}
		}
		return c.JSON(201, &out{7, in.Org, in.Name, in.Email})
	})
	srv := app.Server()
	const body = `{"name":"Ada Lovelace","email":"ada@example.com","age":36,"tags":["math","engines"]}`
	for _, name := range []string{"hand", "typed", "bind"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			request := "POST /" + name + "/acme?dry=true HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
			if err := srv.ServeConn(&loopConn{request: request, left: b.N}); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkTyped_register registers, checks, compiles and describes 500 typed routes.
func BenchmarkTyped_register(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		app := geist.New(geist.Config{Validator: ruledAll{}})
		for i := range 100 {
			g := app.Group("/v" + strconv.Itoa(i) + "/:org<alpha>")
			g.Doc(geist.Tags("v" + strconv.Itoa(i)))
			geist.Get(g, "/users", nothing[registerList, []user], geist.Summary("List"))
			geist.Post(g, "/users", nothing[registerUser, *user], geist.Status(201), geist.Returns[geist.Problem](409))
			geist.Get(g, "/users/:id", nothing[registerOne, *user])
			geist.Patch(g, "/users/:id", nothing[registerPatch, *user])
			geist.Delete(g, "/users/:id", nothing[registerOne, geist.None])
		}
		if err := app.Check(); err != nil {
			b.Fatal(err)
		}
		app.Handler()
		if n := len(app.Routes()); n != 500 {
			b.Fatal(n)
		}
	}
}

type (
	registerList struct {
		Org   string `path:"org" json:"-"`
		Text  string `query:"q" json:"-"`
		Page  int    `query:"page" default:"1" json:"-"`
		Limit int    `query:"limit" default:"20" json:"-" validate:"max=100"`
	}
	registerOne struct {
		Org string `path:"org" json:"-"`
		ID  int    `path:"id" json:"-"`
	}
	registerUser struct {
		Org   string            `path:"org" json:"-"`
		Name  string            `json:"name" validate:"required,min=2"`
		Email string            `json:"email" validate:"required,email"`
		Tags  []string          `json:"tags" validate:"dive,max=20"`
		Attrs map[string]string `json:"attrs"`
	}
	registerPatch struct {
		registerOne
		Name  geist.Opt[string] `json:"name"`
		Email geist.Opt[string] `json:"email"`
	}
)
