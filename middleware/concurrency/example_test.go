package concurrency_test

import (
	"fmt"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/concurrency"
)

// One report at a time; who comes meanwhile is told to come back.
func Example() {
	limiter := concurrency.NewLimiter(concurrency.Config{Limit: 1, Queue: -1})
	app := geist.New()
	var h fasthttp.RequestHandler
	get := func(path string) *fasthttp.Response {
		rc := &fasthttp.RequestCtx{}
		rc.Request.SetRequestURI(path)
		rc.Request.Header.SetHost("example.com")
		h(rc)
		return &rc.Response
	}
	app.GET("/report", limiter.Handle, func(c *geist.Ctx) error {
		if c.Query("again") == "" { // somebody else asks while this one is made
			resp := get("/report?again=1")
			fmt.Printf("meanwhile: %d, Retry-After: %s\n", resp.StatusCode(), resp.Header.Peek("Retry-After"))
		}
		return c.Text(200, "report")
	})
	h = app.Handler()

	fmt.Println(get("/report").StatusCode(), get("/report?again=1").StatusCode(), limiter.Stats().Full)
	// Output:
	// meanwhile: 503, Retry-After: 1
	// 200 200 1
}
