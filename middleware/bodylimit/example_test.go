package bodylimit_test

import (
	"fmt"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/bodylimit"
)

// JSON is read into memory as a whole; uploads may be longer.
func Example() {
	app := geist.New()
	app.Use(bodylimit.New(bodylimit.Config{
		MaxBytes: 1 << 20,
		For: func(c *geist.Ctx) int64 {
			if strings.HasPrefix(c.Header("Content-Type"), "application/json") {
				return 16
			}
			return -1
		},
	}))
	app.POST("/notes", func(c *geist.Ctx) error { return c.Text(201, "noted") })
	h := app.Handler()

	for _, body := range []string{`{"a":1}`, `{"text":"much too long"}`} {
		rc := &fasthttp.RequestCtx{}
		rc.Request.Header.SetMethod("POST")
		rc.Request.SetRequestURI("/notes")
		rc.Request.Header.SetHost("example.com")
		rc.Request.Header.SetContentType("application/json")
		rc.Request.SetBodyString(body)
		rc.Request.Header.SetContentLength(len(body))
		h(rc)
		fmt.Printf("%d %s\n", rc.Response.StatusCode(), rc.Response.Body())
	}
	// Output:
	// 201 noted
	// 413 {"title":"Request Entity Too Large","status":413,"detail":"the body is too large"}
}
