package timeout_test

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/timeout"
)

// query stands for a database that takes its time.
func query(ctx context.Context) (string, error) {
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case <-time.After(time.Minute):
		return "rows", nil
	}
}

func Example() {
	app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler)})
	app.Use(timeout.New(timeout.Config{After: 20 * time.Millisecond}))
	app.GET("/report", func(c *geist.Ctx) error {
		rows, err := query(c.Context())
		if err != nil {
			return err
		}
		return c.Text(200, rows)
	})

	rc := &fasthttp.RequestCtx{}
	rc.Request.SetRequestURI("/report")
	rc.Request.Header.SetHost("example.com")
	app.Handler()(rc)
	fmt.Println(rc.Response.StatusCode(), string(rc.Response.Body()))
	// Output: 503 {"title":"Service Unavailable","status":503,"detail":"the request took too long"}
}
