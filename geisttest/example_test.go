package geisttest_test

import (
	"fmt"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// runTest stands for the test function that a real test would be.
func runTest(test func(tb testing.TB)) {
	tb := &recorder{}
	test(tb)
	for _, f := range tb.cleanups {
		f()
	}
}

func Example() {
	app := geist.New()
	app.GET("/users/:id", func(c *geist.Ctx) error {
		return c.JSON(200, geist.Map{"id": c.Param("id"), "lang": c.Header("Accept-Language")})
	})

	runTest(func(tb testing.TB) {
		t := geisttest.New(tb, app)
		var user struct{ ID, Lang string }
		t.GET("/users/7").Header("Accept-Language", "de").Do().Status(200).JSON(&user)
		fmt.Println(user.ID, user.Lang)
	})
	// Output: 7 de
}

func ExampleResponse_Problem() {
	app := geist.New()
	app.POST("/names", func(*geist.Ctx) error { return geist.NewError(409, "taken") })

	runTest(func(tb testing.TB) {
		t := geisttest.New(tb, app)
		p := t.POST("/names").JSON("anna").Do().Status(409).Problem()
		fmt.Println(p.Title+":", p.Detail)
	})
	// Output: Conflict: taken
}

func ExampleConfig_jar() {
	app := geist.New()
	app.POST("/login", func(c *geist.Ctx) error {
		if err := c.SetCookie(geist.Cookie{Name: "user", Value: "anna", Path: "/"}); err != nil {
			return err
		}
		return c.NoContent()
	})
	app.GET("/me", func(c *geist.Ctx) error { return c.Text(200, c.Cookie("user")) })

	runTest(func(tb testing.TB) {
		t := geisttest.New(tb, app, geisttest.Config{Jar: true})
		t.POST("/login").Do().Status(204)
		fmt.Println(t.GET("/me").Do().Status(200).Text())
	})
	// Output: anna
}

func ExampleRequest_DoErr() {
	app := geist.New()
	app.GET("/", func(*geist.Ctx) error { return geist.ErrAbort })

	runTest(func(tb testing.TB) {
		_, err := geisttest.New(tb, app).GET("/").DoErr()
		fmt.Println(err)
	})
	// Output: geisttest: GET /: the server closed the connection without an answer (EOF)
}
