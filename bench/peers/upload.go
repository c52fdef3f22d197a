package peers

import (
	"io"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"
	"github.com/gofiber/fiber/v3"
	"github.com/labstack/echo/v5"
	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
)

// Applications of the scene growth/body: POST /upload reads the whole body into memory, the way
// that the framework has for it, and answers with its length.

// UploadPath is where they take a body.
const UploadPath = "/upload"

// An UploadApp is a contender of the scene growth/body.
type UploadApp struct {
	// Peer is how it is called in the table.
	Peer string
	// Floor marks code without a framework.
	Floor bool
	// App is the application.
	App App
}

// Uploads returns the contenders of the scene growth/body. Routers of net/http hand the
// body to the same reader: one stands for all.
func Uploads() []UploadApp {
	return []UploadApp{
		{"geist", false, uploadGeist()},
		{"fasthttp", true, App{Fast: func(ctx *fasthttp.RequestCtx) { ctx.SetBodyString(strconv.Itoa(len(ctx.PostBody()))) }}},
		{"fiber", false, uploadFiber()},
		{"net/http ServeMux", false, uploadServeMux()},
		{"gin", false, uploadGin()},
		{"echo", false, uploadEcho()},
	}
}

func uploadGeist() App {
	app := geist.New(geist.Config{DisableBanner: true})
	app.POST(UploadPath, func(c *geist.Ctx) error { return c.Text(http.StatusOK, strconv.Itoa(len(c.Body()))) })
	a, err := serveGeist(app)
	if err != nil {
		panic(err) // the route above does not fit
	}
	return a
}

func uploadFiber() App {
	app := fiber.New()
	app.Post(UploadPath, func(c fiber.Ctx) error { return c.SendString(strconv.Itoa(len(c.Body()))) })
	return App{Fast: app.Handler()}
}

func uploadServeMux() App {
	m := http.NewServeMux()
	m.HandleFunc("POST "+UploadPath, func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBodyBytes))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header()["Content-Type"] = textType
		_, _ = io.WriteString(w, strconv.Itoa(len(b)))
	})
	return App{HTTP: m}
}

func uploadGin() App {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.POST(UploadPath, func(c *gin.Context) {
		c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, MaxBodyBytes)
		b, err := c.GetRawData()
		if err != nil {
			c.Status(http.StatusBadRequest)
			return
		}
		c.String(http.StatusOK, strconv.Itoa(len(b)))
	})
	return App{HTTP: e}
}

func uploadEcho() App {
	e := echo.New()
	e.POST(UploadPath, func(c *echo.Context) error {
		b, err := io.ReadAll(http.MaxBytesReader(c.Response(), c.Request().Body, MaxBodyBytes))
		if err != nil {
			return echo.ErrBadRequest
		}
		return c.String(http.StatusOK, strconv.Itoa(len(b)))
	})
	return App{HTTP: e}
}
