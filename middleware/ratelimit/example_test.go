package ratelimit_test

import (
	"fmt"
	"net"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/ratelimit"
	"github.com/gogeist/geist/store"
)

// request sends a request from an address.
func request(h fasthttp.RequestHandler, addr, path string) *fasthttp.Response {
	rc := &fasthttp.RequestCtx{}
	rc.SetRemoteAddr(&net.TCPAddr{IP: net.ParseIP(addr), Port: 1234})
	rc.Request.SetRequestURI(path)
	rc.Request.Header.SetHost("example.com")
	h(rc)
	return &rc.Response
}

// Two at once, then one every 30 seconds.
func Example() {
	app := geist.New()
	app.Use(ratelimit.New(ratelimit.Config{Limit: store.Limit{Rate: 2, Period: time.Minute}}))
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "welcome") })
	h := app.Handler()

	for _, addr := range []string{"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"} {
		resp := request(h, addr, "/")
		fmt.Printf("%d %s %q\n", resp.StatusCode(), resp.Header.Peek("RateLimit"), resp.Header.Peek("Retry-After"))
	}
	// Output:
	// 200 "default";r=1;t=30 ""
	// 200 "default";r=0;t=60 ""
	// 429 "default";r=0;t=60 "30"
	// 200 "default";r=1;t=30 ""
}

// Searching costs more, and who has paid may do more of it.
func ExampleConfig_limitFor() {
	app := geist.New()
	app.Use(ratelimit.New(ratelimit.Config{
		Name: "plan",
		LimitFor: func(c *geist.Ctx) store.Limit {
			if c.Header("X-Plan") == "gold" { // in truth: what an earlier middleware has found out
				return store.Limit{Rate: 1000, Period: time.Hour}
			}
			return store.Limit{Rate: 10, Period: time.Hour}
		},
		Cost: func(c *geist.Ctx) int {
			if c.Pattern() == "/search" {
				return 5
			}
			return 1
		},
	}))
	app.GET("/search", func(c *geist.Ctx) error { return c.Text(200, "found") })
	h := app.Handler()
	for range 3 {
		resp := request(h, "192.0.2.1", "/search")
		fmt.Println(resp.StatusCode(), string(resp.Header.Peek("RateLimit-Policy")))
	}
	// Output:
	// 200 "plan";q=10;w=3600
	// 200 "plan";q=10;w=3600
	// 429 "plan";q=10;w=3600
}

// A client of a WebSocket may send three messages at once.
func ExampleLimiter() {
	perMessage := ratelimit.NewLimiter(nil, "chat", store.Limit{Rate: 1, Burst: 3})
	app := geist.New()
	app.WS("/chat", func(c *geist.Ctx, ws *geist.Conn) error {
		for {
			m, err := ws.Read()
			if err != nil {
				return err
			}
			d, err := perMessage.Allow(c.Context(), ws.ID().String(), 1)
			if err == nil && !d.Allowed {
				return geist.NewError(429, "too many messages") // closes with 1008
			}
			if err := ws.Write(m.Type, m.Data); err != nil {
				return err
			}
		}
	})
	fmt.Println(app.Check())
	// Output: <nil>
}
