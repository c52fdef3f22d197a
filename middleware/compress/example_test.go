package compress_test

import (
	"fmt"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/compress"
)

func ExampleNew() {
	app := geist.New()
	app.Use(compress.New(compress.Config{Codings: []string{"br", "gzip"}}))
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, strings.Repeat("hello ", 1000)) })

	var rc fasthttp.RequestCtx
	rc.Request.SetRequestURI("/")
	rc.Request.Header.SetHost("localhost")
	rc.Request.Header.Set("Accept-Encoding", "gzip, deflate")
	app.Handler()(&rc)
	body, err := rc.Response.BodyGunzip()
	fmt.Println(string(rc.Response.Header.ContentEncoding()), len(body), len(rc.Response.Body()) < 100, err)
	// Output: gzip 6000 true <nil>
}
