package secure_test

import (
	"fmt"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/secure"
)

func Example() {
	app := geist.New()
	app.Use(secure.New(secure.Config{ContentSecurityPolicy: "default-src 'self'; script-src 'nonce-{nonce}'"}))
	app.GET("/", func(c *geist.Ctx) error {
		return c.HTML(200, `<script nonce="`+secure.Nonce(c)+`">start()</script>`)
	})

	serve := app.Handler() // in memory; a program calls app.Run(":8080")
	var rc fasthttp.RequestCtx
	rc.Request.SetRequestURI("/")
	rc.Request.Header.SetHost("example.com")
	serve(&rc)
	h := &rc.Response.Header
	_, nonce, _ := strings.Cut(string(h.Peek("Content-Security-Policy")), "'nonce-")
	nonce = strings.TrimSuffix(nonce, "'")
	fmt.Println(strings.Contains(string(rc.Response.Body()), nonce), len(nonce))
	fmt.Printf("%s, %s\n", h.Peek("X-Content-Type-Options"), h.Peek("X-Frame-Options"))
	// Output:
	// true 22
	// nosniff, SAMEORIGIN
}
