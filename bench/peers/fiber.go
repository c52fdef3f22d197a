package peers

import (
	"errors"
	"strconv"

	"github.com/go-playground/validator/v10"
	"github.com/goccy/go-json"
	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/cors"
	recoverer "github.com/gofiber/fiber/v3/middleware/recover"
	"github.com/gofiber/fiber/v3/middleware/requestid"
	"github.com/gofiber/utils/v2"

	"github.com/gogeist/geist/bench/tables"
)

// fiberPeer: go-json is what Fiber's guide "Make Fiber Faster" recommends.
// Routing is case-sensitive and strict, as it is in all other peers: that spares
// Fiber folding each path. No route answers HEAD unasked, as in most peers.
// Values are views unless copied; Params copies by utils.CopyString, as its
// documentation says, which is cheaper than Config.Immutable.
func fiberPeer() Peer {
	return Peer{
		Name: "fiber", Module: "github.com/gofiber/fiber/v3",
		NoCancel: "c.Context() never ends (gofiber/fiber#4145)",
		Build: func(s Spec) (App, error) {
			app := fiber.New(fiber.Config{
				CaseSensitive: true, StrictRouting: true, DisableHeadAutoRegister: true,
				JSONEncoder: json.Marshal, JSONDecoder: json.Unmarshal,
			})
			for range s.Middleware {
				app.Use(func(c fiber.Ctx) error { return c.Next() })
			}
			for _, r := range s.Table.Routes {
				app.Add([]string{r.Method}, r.Pattern, fiberHandler(s, r))
			}
			return App{Fast: app.Handler()}, nil
		},
		Plain: fiberPlain, API: fiberAPI,
	}
}

func fiberHandler(s Spec, r tables.Route) fiber.Handler {
	id, names, sink := r.ID, r.Params, s.Sink
	switch s.Do {
	case Record:
		return func(c fiber.Ctx) error {
			sink.Route, sink.N = id, len(names)
			for i, name := range names {
				sink.Values[i] = c.Params(name)
			}
			return nil
		}
	case Params:
		return func(c fiber.Ctx) error {
			sink.Route, sink.N = id, len(names)
			for i, name := range names {
				sink.Values[i] = utils.CopyString(c.Params(name))
			}
			return c.SendString(Body)
		}
	case JSON, JSONList:
		v := s.Do.Value()
		return func(c fiber.Ctx) error { return c.JSON(v, "application/json") }
	case Wait:
		return func(c fiber.Ctx) error { s.Wait(c.Context()); return c.SendString(Body) }
	default:
		return func(c fiber.Ctx) error { return c.SendString(Body) }
	}
}

func fiberPlain() (App, error) {
	user, data := newUser(583231), blob()
	app := fiber.New(fiber.Config{
		CaseSensitive: true, StrictRouting: true, DisableHeadAutoRegister: true,
		JSONEncoder: json.Marshal, JSONDecoder: json.Unmarshal,
	})
	app.Get("/hello", func(c fiber.Ctx) error { return c.SendString(Body) })
	app.Get("/users/:user", func(c fiber.Ctx) error { return c.SendString(c.Params("user")) })
	app.Get("/json", func(c fiber.Ctx) error { return c.JSON(user, jsonType) })
	app.Post("/upload", func(c fiber.Ctx) error { return c.SendString(strconv.Itoa(len(c.Body()))) })
	app.Get("/download", func(c fiber.Ctx) error {
		c.Set(fiber.HeaderContentType, octets)
		return c.Send(data)
	})
	return App{Fast: app.Handler()}, nil
}

// fiberAPI uses Fiber's own requestid, cors and recover, and validator/v10 as its guide
// does. Its helmet has six more fields that cannot be left out; the agreed ones are set by
// hand, which is less work. What binding reads are views, and the answer is written before
// the request ends: nothing is copied.
func fiberAPI() (App, error) {
	app := fiber.New(fiber.Config{
		CaseSensitive: true, StrictRouting: true, DisableHeadAutoRegister: true,
		JSONEncoder: json.Marshal, JSONDecoder: json.Unmarshal,
		StructValidator: &fiberRules{validator.New()}, ErrorHandler: fiberError,
		TrustProxy: true, TrustProxyConfig: fiber.TrustProxyConfig{Loopback: true},
		ProxyHeader: fiber.HeaderXForwardedFor, EnableIPValidation: true,
	})
	app.Use(requestid.New(), cors.New(cors.Config{AllowOrigins: []string{Origin}}), fiberSecure, recoverer.New())
	app.Get(APIPrefix+"panic", func(fiber.Ctx) error { panicking(); return nil })
	for _, name := range Resources() {
		path := APIPrefix + name
		app.Get(path, fiberList)
		app.Post(path, fiberCreate)
		app.Get(path+"/:id", fiberShow)
		app.Put(path+"/:id", fiberUpdate)
		app.Delete(path+"/:id", func(c fiber.Ctx) error { c.Status(fiber.StatusNoContent); return nil })
	}
	return App{Fast: app.Handler()}, nil
}

// fiberRules validates as Fiber's guide does it.
type fiberRules struct{ rules *validator.Validate }

// Validate checks a struct.
func (v *fiberRules) Validate(out any) error { return v.rules.Struct(out) }

func fiberError(c fiber.Ctx, err error) error {
	status := fiber.StatusInternalServerError
	if known := (*fiber.Error)(nil); errors.As(err, &known) {
		status = known.Code
	} else if broken := (validator.ValidationErrors)(nil); errors.As(err, &broken) {
		status = fiber.StatusUnprocessableEntity
	}
	return c.Status(status).JSON(troubleOf(status), jsonType)
}

func fiberSecure(c fiber.Ctx) error {
	for _, h := range secureHeaders {
		c.Set(h[0], h[1])
	}
	return c.Next()
}

func fiberList(c fiber.Ctx) error {
	var q ListQuery
	if err := c.Bind().Query(&q); err != nil {
		return err
	}
	return c.JSON(q.page(c.IP()), jsonType)
}

func fiberShow(c fiber.Ctx) error {
	id, err := strconv.Atoi(c.Params("id"))
	if err != nil {
		return fiber.ErrUnprocessableEntity
	}
	record := stored(id, c.IP())
	return c.JSON(&record, jsonType)
}

func fiberCreate(c fiber.Ctx) error {
	in, err := fiberBody(c)
	if err != nil {
		return err
	}
	return c.Status(fiber.StatusCreated).JSON(in.record(newID, c.IP()), jsonType)
}

func fiberUpdate(c fiber.Ctx) error {
	id, err := strconv.Atoi(c.Params("id"))
	if err != nil {
		return fiber.ErrUnprocessableEntity
	}
	in, err := fiberBody(c)
	if err != nil {
		return err
	}
	return c.JSON(in.record(id, c.IP()), jsonType)
}

func fiberBody(c fiber.Ctx) (*EntryInput, error) {
	in := new(EntryInput)
	err := c.Bind().JSON(in)
	if broken := (validator.ValidationErrors)(nil); err != nil && !errors.As(err, &broken) {
		return nil, fiber.ErrBadRequest
	}
	return in, err
}
