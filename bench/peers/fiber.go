package peers

import (
	"github.com/goccy/go-json"
	"github.com/gofiber/fiber/v3"
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
