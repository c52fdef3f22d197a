package peers

import (
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v3"
	"github.com/labstack/echo/v5"
	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
)

// Applications of the scene bind: four fields of a query become a struct whose strings
// outlive the request. Handlers do it as often as they are told within one request, so that
// the rest of a request counts for nothing; the query is parsed again each time, as it is once
// in every request.

// BindQuery is the query of the scene bind.
const BindQuery = "q=golang&page=2&limit=50&sort=name"

// Search is what the query becomes.
type Search struct {
	Q     string `query:"q" form:"q"`
	Page  int    `query:"page" form:"page"`
	Limit int    `query:"limit" form:"limit"`
	Sort  string `query:"sort" form:"sort"`
}

// Bound is what the query says.
var Bound = Search{"golang", 2, 50, "name"} // never written to

// A BindLoop is what handlers are told, and what they tell.
type BindLoop struct {
	// Times is how often the next request binds.
	Times int
	// Last is what was bound last.
	Last *Search
	// Err is why binding has failed.
	Err error
}

// bind binds by f until that fails.
func (l *BindLoop) bind(f func(*Search) error) {
	for range l.Times {
		v := new(Search)
		if l.Err = f(v); l.Err != nil {
			return
		}
		l.Last = v
	}
}

// A BindApp is a contender of the scene bind.
type BindApp struct {
	// Peer is how it is called in the table.
	Peer string
	// Floor marks code without a framework's binding.
	Floor bool
	// App is the application, with one route: GET /search.
	App App
}

// Binders returns the contenders of the scene bind.
func Binders(l *BindLoop) []BindApp {
	return []BindApp{
		{"geist by hand", true, bindGeist(l, geistQueryByHand)},
		{"geist", false, bindGeist(l, func(c *geist.Ctx, v *Search) error { return c.Bind(v) })},
		{"fasthttp by hand", true, App{Fast: func(rc *fasthttp.RequestCtx) {
			l.bind(func(v *Search) error {
				rc.URI().SetQueryString(BindQuery)
				return fastQueryByHand(rc.QueryArgs(), v)
			})
		}}},
		{"fiber", false, App{Fast: bindFiber(l)}},
		{"echo", false, App{HTTP: bindEcho(l)}},
		{"gin", false, App{HTTP: bindGin(l)}},
	}
}

func bindGeist(l *BindLoop, f func(*geist.Ctx, *Search) error) App {
	app := geist.New(geist.Config{DisableBanner: true})
	app.GET("/search", func(c *geist.Ctx) error {
		l.bind(func(v *Search) error { return f(c, v) })
		return nil
	})
	return App{Fast: app.Handler()}
}

func geistQueryByHand(c *geist.Ctx, v *Search) (err error) {
	v.Q, v.Sort = c.Query("q"), c.Query("sort")
	if v.Page, err = geist.Query[int](c, "page"); err != nil {
		return err
	}
	v.Limit, err = geist.Query[int](c, "limit")
	return err
}

func fastQueryByHand(args *fasthttp.Args, v *Search) (err error) {
	v.Q, v.Sort = string(args.Peek("q")), string(args.Peek("sort"))
	if v.Page, err = strconv.Atoi(string(args.Peek("page"))); err != nil {
		return err
	}
	v.Limit, err = strconv.Atoi(string(args.Peek("limit")))
	return err
}

// bindFiber: Immutable makes strings outlive the request.
func bindFiber(l *BindLoop) fasthttp.RequestHandler {
	app := fiber.New(fiber.Config{Immutable: true})
	app.Get("/search", func(c fiber.Ctx) error {
		l.bind(func(v *Search) error {
			c.RequestCtx().URI().SetQueryString(BindQuery)
			return c.Bind().Query(v)
		})
		return nil
	})
	return app.Handler()
}

// bindEcho: a Context keeps the query that it has parsed until it is reset.
func bindEcho(l *BindLoop) http.Handler {
	e := echo.New()
	e.GET("/search", func(c *echo.Context) error {
		req, w := c.Request(), c.Response()
		l.bind(func(v *Search) error {
			c.Reset(req, w)
			return echo.BindQueryParams(c, v)
		})
		return nil
	})
	return e
}

func bindGin(l *BindLoop) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.GET("/search", func(c *gin.Context) {
		l.bind(func(v *Search) error { return c.ShouldBindQuery(v) })
	})
	return e
}
