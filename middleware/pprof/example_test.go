package pprof_test

import (
	"fmt"
	"net"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/pprof"
)

func Example() {
	app := geist.New()
	pprof.Mount(app, "/debug/pprof")

	serve := app.Handler()
	for _, peer := range []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(203, 0, 113, 7)} {
		var rc fasthttp.RequestCtx // a request in memory
		var req fasthttp.Request
		req.SetRequestURI("/debug/pprof/goroutine?debug=1")
		req.Header.SetHost("localhost")
		rc.Init(&req, &net.TCPAddr{IP: peer}, nil)
		serve(&rc)
		fmt.Println(peer, rc.Response.StatusCode())
	}
	// Output:
	// 127.0.0.1 200
	// 203.0.113.7 403
}
