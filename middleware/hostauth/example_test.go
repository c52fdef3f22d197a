package hostauth_test

import (
	"fmt"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/hostauth"
)

func Example() {
	app := geist.New()
	app.Use(hostauth.New(hostauth.Config{AllowHosts: []string{"example.com", "*.example.com"}}))
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "hello") })

	serve := app.Handler() // in memory; a program calls app.Run(":8080")
	for _, host := range []string{"shop.example.com:8080", "evil.example"} {
		var rc fasthttp.RequestCtx
		rc.Request.SetRequestURI("/")
		rc.Request.Header.SetHost(host)
		serve(&rc)
		fmt.Println(host, rc.Response.StatusCode())
	}
	// Output:
	// shop.example.com:8080 200
	// evil.example 421
}
