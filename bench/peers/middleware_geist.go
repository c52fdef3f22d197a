package peers

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/basicauth"
	"github.com/gogeist/geist/middleware/bodylimit"
	"github.com/gogeist/geist/middleware/clientip"
	"github.com/gogeist/geist/middleware/cors"
	"github.com/gogeist/geist/middleware/etag"
	"github.com/gogeist/geist/middleware/logger"
	"github.com/gogeist/geist/middleware/ratelimit"
	"github.com/gogeist/geist/middleware/recovery"
	"github.com/gogeist/geist/middleware/requestid"
	"github.com/gogeist/geist/middleware/secure"
	"github.com/gogeist/geist/middleware/timeout"
	"github.com/gogeist/geist/store"
)

// geistStack serves as users serve, by Engine.Serve.
func geistStack(names []string) App {
	app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler)})
	for _, name := range names {
		app.Use(geistMiddleware(name))
	}
	hello := func(c *geist.Ctx) error { return c.Text(200, Body) }
	app.GET("/hello", hello)
	app.POST("/hello", hello)
	app.GET("/panic", func(*geist.Ctx) error { panic("a probe") })
	return App{Fast: app.Handler(), FastServer: app.Server(), Serve: app.Serve, Stop: func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // cut what is left: the scene is over
		_ = app.Shutdown(ctx)
	}}
}

func geistMiddleware(name string) geist.Handler {
	switch name {
	case "recovery":
		return recovery.New()
	case "requestid":
		return requestid.New()
	case "clientip":
		return clientip.New()
	case "logger":
		return logger.New(logger.Config{Sample: 1 << 30, Format: logger.JSON, Output: io.Discard})
	case "cors":
		return cors.New(cors.Config{AllowOrigins: []string{stackOrigin, stackOrigin2}})
	case "secure":
		return secure.New()
	case "ratelimit":
		return ratelimit.New(ratelimit.Config{Limit: store.Limit{Rate: stackRate, Period: time.Second}})
	case "timeout":
		return timeout.New(timeout.Config{After: stackTimeout})
	case "bodylimit":
		return bodylimit.New(bodylimit.Config{MaxBytes: stackBytes})
	case "etag":
		return etag.New()
	case "basicauth":
		return basicauth.New(basicauth.Config{Users: map[string]string{stackUser: basicauth.Hash(stackSecret)}})
	}
	panic("peers: geist has no middleware " + name)
}
