package clientip_test

import (
	"fmt"
	"net"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/clientip"
)

func Example() {
	app := geist.New()
	app.Use(clientip.New(clientip.Config{
		Header:  clientip.XRealIP,
		Trusted: []string{"10.0.0.0/8"},
		Deny:    []string{"203.0.113.66"},
	}))
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "you are "+c.ClientIP()) })

	var rc fasthttp.RequestCtx // a request in memory, from a trusted proxy
	var req fasthttp.Request
	req.SetRequestURI("/")
	req.Header.SetHost("localhost")
	req.Header.Set("X-Real-IP", "203.0.113.7")
	rc.Init(&req, &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1)}, nil)
	app.Handler()(&rc)
	fmt.Printf("%s\n", rc.Response.Body())
	// Output: you are 203.0.113.7
}
