package middleware_test

import (
	"fmt"
	"log/slog"
	"net/http/httptest"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/bodylimit"
	"github.com/gogeist/geist/middleware/clientip"
	"github.com/gogeist/geist/middleware/compress"
	"github.com/gogeist/geist/middleware/concurrency"
	"github.com/gogeist/geist/middleware/cors"
	"github.com/gogeist/geist/middleware/etag"
	"github.com/gogeist/geist/middleware/keyauth"
	"github.com/gogeist/geist/middleware/logger"
	"github.com/gogeist/geist/middleware/ratelimit"
	"github.com/gogeist/geist/middleware/recovery"
	"github.com/gogeist/geist/middleware/requestid"
	"github.com/gogeist/geist/middleware/secure"
	"github.com/gogeist/geist/middleware/timeout"
	"github.com/gogeist/geist/store"
)

// inOrder is what the documents show.
func inOrder(app *geist.Engine, login geist.Handler) {
	app.Use(
		requestid.New(), // what follows has the id in its answers and log lines
		logger.New(),    // logs what the rest has made of the request
		recovery.New(),  // a panic behind it is an error from here on
		clientip.New(),  // whose address limits and logs see
		secure.New(),    // its fields stay on every answer, errors too
		cors.New(cors.Config{AllowOrigins: []string{"https://app.example.com"}}),
		ratelimit.New(ratelimit.Config{Limit: store.Limit{Rate: 100, Period: time.Minute}}),
		concurrency.New(concurrency.Config{Limit: 1000}), // to wait for a slot takes nothing off the timeout
		timeout.New(timeout.Config{After: 5 * time.Second}),
		bodylimit.New(bodylimit.Config{MaxBytes: 64 << 10}),
		compress.New(), // in front of etag, whose tags are then of the plain body
		etag.New(),
	)
	api := app.Group("/api", login) // its refusals are limited, logged, and readable for pages
	api.GET("/hello", func(c *geist.Ctx) error { return c.Text(200, "Hello!") })
}

func Example_order() {
	app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler)})
	inOrder(app, keyauth.New(keyauth.Config[string]{Verify: keyauth.Static(map[string]string{"billing": "T4VFX6QSKZ2WNCMA7HL3RJB5YE"})}))
	for _, key := range []string{"T4VFX6QSKZ2WNCMA7HL3RJB5YE", "guessed"} {
		request := httptest.NewRequest("GET", "/api/hello", nil)
		request.Header.Set("Authorization", "Bearer "+key)
		request.Header.Set("Origin", "https://app.example.com")
		answer := httptest.NewRecorder()
		app.HTTPHandler().ServeHTTP(answer, request)
		h := answer.Header()
		fmt.Println(answer.Code, h.Get("RateLimit"), h.Get("Access-Control-Allow-Origin"), len(h.Get("X-Request-Id")), len(h.Get("Etag")))
	}
	// Output:
	// 200 "default";r=99;t=1 https://app.example.com 32 24
	// 401 "default";r=98;t=2 https://app.example.com 32 0
}
