package peers

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/basicauth"
	"github.com/gofiber/fiber/v3/middleware/cors"
	"github.com/gofiber/fiber/v3/middleware/etag"
	"github.com/gofiber/fiber/v3/middleware/helmet"
	"github.com/gofiber/fiber/v3/middleware/limiter"
	"github.com/gofiber/fiber/v3/middleware/logger"
	recovermw "github.com/gofiber/fiber/v3/middleware/recover"
	"github.com/gofiber/fiber/v3/middleware/requestid"
	"github.com/gofiber/fiber/v3/middleware/timeout"
)

// fiberStack serves with the settings of the other scenes. The bound of bodies is one of the
// application, not of a middleware.
func fiberStack(names []string) App {
	conf := fiber.Config{CaseSensitive: true, StrictRouting: true, DisableHeadAutoRegister: true}
	for _, name := range names {
		if name == "bodylimit" {
			conf.BodyLimit = stackBytes
		}
	}
	app := fiber.New(conf)
	for _, name := range names {
		if name != "bodylimit" {
			app.Use(fiberMiddleware(name))
		}
	}
	hello := func(c fiber.Ctx) error { return c.SendString(Body) }
	app.Get("/hello", hello)
	app.Post("/hello", hello)
	app.Get("/panic", func(fiber.Ctx) error { panic("a probe") })
	a := App{Fast: app.Handler()}
	a.FastServer = FastServer(a.Fast)
	if conf.BodyLimit > 0 {
		a.FastServer.MaxRequestBodySize = conf.BodyLimit
		a.FastServer.ErrorHandler = app.Server().ErrorHandler // which answers 413
	}
	return a
}

func fiberMiddleware(name string) fiber.Handler {
	switch name {
	case "recovery":
		return recovermw.New()
	case "requestid":
		return requestid.New()
	case "clientip":
		return func(c fiber.Ctx) error {
			if c.IP() == "" {
				return fiber.ErrForbidden
			}
			return c.Next()
		}
	case "logger":
		// A format without a time: with one, each New would leave a goroutine behind.
		return logger.New(logger.Config{Next: func(fiber.Ctx) bool { return true }, Stream: io.Discard, Format: "${status}\n"})
	case "cors":
		return cors.New(cors.Config{AllowOrigins: []string{stackOrigin, stackOrigin2}})
	case "secure":
		return helmet.New()
	case fiveAsFiber:
		return fiberFive
	case "ratelimit":
		return limiter.New(limiter.Config{Max: stackRate, Expiration: time.Hour})
	case "timeout":
		return timeout.New(func(c fiber.Ctx) error { return c.Next() }, timeout.Config{Timeout: stackTimeout})
	case "etag":
		return etag.New()
	case "basicauth":
		sum := sha256.Sum256([]byte(stackSecret))
		return basicauth.New(basicauth.Config{Users: map[string]string{stackUser: "{SHA256}" + base64.StdEncoding.EncodeToString(sum[:])}})
	}
	panic("peers: Fiber has no middleware " + name)
}

// fiberFive sets what geist's secure sets.
func fiberFive(c fiber.Ctx) error {
	c.Set("X-Content-Type-Options", "nosniff")
	c.Set("X-Frame-Options", "SAMEORIGIN")
	c.Set("Referrer-Policy", "strict-origin-when-cross-origin")
	c.Set("Cross-Origin-Opener-Policy", "same-origin")
	c.Set("Cross-Origin-Resource-Policy", "same-origin")
	return c.Next()
}
