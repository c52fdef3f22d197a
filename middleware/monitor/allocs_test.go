//go:build !race && !geistdebug

package monitor_test

import (
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/monitor"
)

// TestNew_allocatesNothing holds that counting does, also where a second begins.
func TestNew_allocatesNothing(t *testing.T) {
	app := geist.New()
	m := monitor.New()
	app.Use(m.Handler())
	m.Mount(app, "/monitor")
	app.GET("/users/:id", func(*geist.Ctx) error { return nil })
	serve := app.Handler()
	rc := new(fasthttp.RequestCtx)
	rc.Init(&fasthttp.Request{}, nil, nil)
	rc.Request.Header.SetMethod("GET")
	rc.Request.SetRequestURI("/users/7")
	rc.Request.Header.SetHost("localhost")
	second := time.Duration(0)
	if n := testing.AllocsPerRun(1000, func() {
		serve(rc)
		second += time.Second
		monitor.Turn(m, second)
	}); n != 0 {
		t.Errorf("a request allocates %v times, want 0", n)
	}
}
