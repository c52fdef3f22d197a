package csrf_test

import (
	"fmt"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/csrf"
	"github.com/gogeist/geist/middleware/session"
	"github.com/gogeist/geist/store"
)

func Example() {
	app := geist.New()
	app.Use(csrf.New(csrf.Config{TrustedOrigins: []string{"https://app.example.org"}}))
	app.POST("/orders", func(c *geist.Ctx) error { return c.Text(201, "ordered") })

	serve := app.Handler() // in memory; a program calls app.Run(":8080")
	for _, origin := range []string{"https://shop.example.com", "https://app.example.org", "https://evil.example"} {
		var rc fasthttp.RequestCtx
		rc.Request.Header.SetMethod("POST")
		rc.Request.SetRequestURI("/orders")
		rc.Request.Header.SetHost("shop.example.com")
		rc.Request.Header.Set("Origin", origin)
		serve(&rc)
		fmt.Println(origin, rc.Response.StatusCode())
	}
	// Output:
	// https://shop.example.com 201
	// https://app.example.org 201
	// https://evil.example 403
}

func ExampleToken() {
	key := []byte("32 random bytes of configuration") // from the environment, not from the source
	app := geist.New()
	app.Use(session.New(session.Config{Store: store.NewMemory(store.MemoryConfig{})}), csrf.New(csrf.Config{
		Keys: [][]byte{key},
		Session: func(c *geist.Ctx) string {
			s, err := session.From(c)
			if err != nil {
				return "" // the handler that needs the session says so
			}
			return s.User() // "" before the login: a session may begin between a form and its answer
		},
	}))
	app.GET("/form", func(c *geist.Ctx) error {
		return c.HTML(200, `<form method="post"><input type="hidden" name="csrf_token" value="`+csrf.Token(c)+`"></form>`)
	})
	app.POST("/form", func(c *geist.Ctx) error { return c.Text(200, "thank you") })

	serve := app.Handler()
	var rc fasthttp.RequestCtx
	rc.Request.SetRequestURI("/form")
	rc.Request.Header.SetHost("example.com")
	serve(&rc)
	fmt.Println(rc.Response.StatusCode(), len(rc.Response.Header.PeekCookie("csrf")) > 0)

	var forged fasthttp.RequestCtx
	forged.Request.Header.SetMethod("POST")
	forged.Request.SetRequestURI("/form")
	forged.Request.Header.SetHost("example.com")
	serve(&forged)
	fmt.Println(forged.Response.StatusCode())
	// Output:
	// 200 true
	// 403
}
