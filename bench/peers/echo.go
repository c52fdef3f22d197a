package peers

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/go-playground/validator/v10"
	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

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
		Plain: echoPlain, API: echoAPI,
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

func echoPlain() (App, error) {
	e, user, data := echo.New(), newUser(583231), blob()
	e.GET("/hello", func(c *echo.Context) error { return c.String(http.StatusOK, Body) })
	e.GET("/users/:user", func(c *echo.Context) error { return c.String(http.StatusOK, c.Param("user")) })
	e.GET("/json", func(c *echo.Context) error { return c.JSON(http.StatusOK, user) })
	e.POST("/upload", func(c *echo.Context) error {
		b, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, MaxBodyBytes))
		if err != nil {
			return echo.ErrBadRequest
		}
		return c.String(http.StatusOK, strconv.Itoa(len(b)))
	})
	e.GET("/download", func(c *echo.Context) error {
		c.Response().Header().Set(echo.HeaderContentLength, strconv.Itoa(len(data)))
		return c.Blob(http.StatusOK, octets, data)
	})
	return App{HTTP: e}, nil
}

// echoAPI uses Echo's own RequestID, CORS and Recover, which takes no stack, as none is logged. Its
// Secure lacks two of the fields and has another: the fields are set by hand.
func echoAPI() (App, error) {
	e := echo.New()
	e.Validator = &echoRules{validator.New()}
	e.IPExtractor = echo.ExtractIPFromXFFHeader()
	e.HTTPErrorHandler = echoError
	e.Use(middleware.RequestID(), middleware.CORS(Origin), echoSecure, middleware.RecoverWithConfig(middleware.RecoverConfig{DisablePrintStack: true}))
	e.GET(APIPrefix+"panic", func(*echo.Context) error { panicking(); return nil })
	for _, name := range Resources() {
		path := APIPrefix + name
		e.GET(path, echoList)
		e.POST(path, echoCreate)
		e.GET(path+"/:id", echoShow)
		e.PUT(path+"/:id", echoUpdate)
		e.DELETE(path+"/:id", func(c *echo.Context) error { return c.NoContent(http.StatusNoContent) })
	}
	return App{HTTP: e}, nil
}

// echoRules validates as Echo's guide does it.
type echoRules struct{ rules *validator.Validate }

// Validate checks a struct.
func (v *echoRules) Validate(i any) error { return v.rules.Struct(i) }

func echoError(c *echo.Context, err error) {
	status := echo.StatusCode(err)
	if broken := (validator.ValidationErrors)(nil); errors.As(err, &broken) {
		status = http.StatusUnprocessableEntity
	} else if status == 0 {
		status = http.StatusInternalServerError
	}
	_ = c.JSON(status, troubleOf(status))
}

func echoSecure(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c *echo.Context) error {
		h := c.Response().Header()
		for _, f := range secureHeaders {
			h.Set(f[0], f[1])
		}
		return next(c)
	}
}

func echoList(c *echo.Context) error {
	var q ListQuery
	if err := echo.BindQueryParams(c, &q); err != nil {
		return err
	}
	if err := c.Validate(&q); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, q.page(c.RealIP()))
}

func echoShow(c *echo.Context) error {
	id, err := echo.PathParam[int](c, "id")
	if err != nil {
		return err
	}
	record := stored(id, c.RealIP())
	return c.JSON(http.StatusOK, &record)
}

func echoCreate(c *echo.Context) error {
	in, err := echoBody(c)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, in.record(newID, c.RealIP()))
}

func echoUpdate(c *echo.Context) error {
	id, err := echo.PathParam[int](c, "id")
	if err != nil {
		return err
	}
	in, err := echoBody(c)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, in.record(id, c.RealIP()))
}

func echoBody(c *echo.Context) (*EntryInput, error) {
	in := new(EntryInput)
	if err := echo.BindBody(c, in); err != nil {
		return nil, err
	}
	return in, c.Validate(in)
}
