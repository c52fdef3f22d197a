package ui_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/swagger"
	"github.com/gogeist/geist/swagger/ui"
)

func ExamplePages() {
	app := geist.New()
	app.GET("/users", func(c *geist.Ctx) error { return c.JSON(200, []string{"Ann"}) }).Doc(geist.Returns[[]string](200))
	if err := swagger.Mount(app, swagger.Config{Title: "Users", Version: "1.0", Pages: ui.Pages}); err != nil {
		fmt.Println(err)
		return
	}
	w := httptest.NewRecorder()
	app.HTTPHandler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/docs", nil))
	fmt.Println(w.Code, w.Header().Get("Content-Type"))
	// Output: 200 text/html; charset=utf-8
}
