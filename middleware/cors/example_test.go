package cors_test

import (
	"fmt"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/cors"
)

func Example() {
	app := geist.New()
	app.Use(cors.New(cors.Config{
		AllowOrigins:     []string{"https://app.example.com", "https://*.example.org"},
		AllowHeaders:     []string{"Content-Type", "Authorization"},
		AllowCredentials: true,
	}))
	app.GET("/users", func(c *geist.Ctx) error { return c.Text(200, "Ada") })

	serve := app.Handler() // in memory; a program calls app.Run(":8080")
	for _, origin := range []string{"https://shop.example.org", "https://evil.example"} {
		var rc fasthttp.RequestCtx
		rc.Request.SetRequestURI("/users")
		rc.Request.Header.SetHost("api.example.com")
		rc.Request.Header.Set("Origin", origin)
		serve(&rc)
		fmt.Printf("%s may be read by %q\n", rc.Response.Body(), rc.Response.Header.Peek("Access-Control-Allow-Origin"))
	}
	// Output:
	// Ada may be read by "https://shop.example.org"
	// Ada may be read by ""
}
