package peers

import (
	"net/http"

	"github.com/labstack/echo/v5"

	"github.com/gogeist/geist/bench/tables"
)

// echoPeer: echo.New as it is.
func echoPeer() Peer {
	return Peer{
		Name: "echo", Module: "github.com/labstack/echo/v5",
		Build: func(s Spec) (App, error) {
			e := echo.New()
			for range s.Middleware {
				e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
					return func(c *echo.Context) error { return next(c) }
				})
			}
			for _, r := range s.Table.Routes {
				e.Add(r.Method, r.Pattern, echoHandler(s, r))
			}
			return App{HTTP: e}, nil
		},
	}
}

func echoHandler(s Spec, r tables.Route) echo.HandlerFunc {
	id, names, sink := r.ID, r.Params, s.Sink
	switch s.Do {
	case Record, Params:
		answer := s.Do == Params
		return func(c *echo.Context) error {
			sink.Route, sink.N = id, len(names)
			for i, name := range names {
				sink.Values[i] = c.Param(name)
			}
			if answer {
				return c.String(http.StatusOK, Body)
			}
			return nil
		}
	case JSON, JSONList:
		v := s.Do.Value()
		return func(c *echo.Context) error { return c.JSON(http.StatusOK, v) }
	case Wait:
		return func(c *echo.Context) error {
			s.Wait(c.Request().Context())
			return c.String(http.StatusOK, Body)
		}
	default:
		return func(c *echo.Context) error { return c.String(http.StatusOK, Body) }
	}
}
