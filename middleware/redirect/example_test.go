package redirect_test

import (
	"fmt"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/redirect"
)

func ExampleNew() {
	app := geist.New()
	app.Use(redirect.New(redirect.Config{
		HTTPS:   true,
		Hosts:   []string{"example.com"},
		Aliases: map[string]string{"www.example.com": "example.com"},
		Rules:   []redirect.Rule{{From: "/blog/:id", To: "/posts/:id"}},
	}))

	var rc fasthttp.RequestCtx
	rc.Request.SetRequestURI("/blog/7?page=2")
	rc.Request.Header.SetHost("www.example.com")
	app.Handler()(&rc)
	fmt.Println(rc.Response.StatusCode(), string(rc.Response.Header.Peek("Location")))
	// Output: 308 https://example.com/blog/7?page=2
}
