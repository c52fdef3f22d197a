package geisttest_test

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// newTB returns what stands for the *testing.T of a real test.
func newTB() *recorder { return &recorder{} }

// End runs the cleanups, as the end of a test does.
func (r *recorder) End() {
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
}

func Example() {
	app := geist.New()
	app.GET("/users/:id", func(c *geist.Ctx) error {
		return c.JSON(200, geist.Map{"id": c.Param("id"), "lang": c.Header("Accept-Language")})
	})

	tb := newTB() // in a test: its *testing.T
	defer tb.End()
	t := geisttest.New(tb, app)
	var user struct{ ID, Lang string }
	t.GET("/users/7").Header("Accept-Language", "de").Do().Status(200).JSON(&user)
	fmt.Println(user.ID, user.Lang)
	// Output: 7 de
}

func ExampleResponse_Problem() {
	app := geist.New()
	app.POST("/names", func(*geist.Ctx) error { return geist.NewError(409, "taken") })

	tb := newTB() // in a test: its *testing.T
	defer tb.End()
	t := geisttest.New(tb, app)
	p := t.POST("/names").JSON("anna").Do().Status(409).Problem()
	fmt.Println(p.Title+":", p.Detail)
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

	tb := newTB() // in a test: its *testing.T
	defer tb.End()
	t := geisttest.New(tb, app, geisttest.Config{Jar: true})
	t.POST("/login").Do().Status(204)
	fmt.Println(t.GET("/me").Do().Status(200).Text())
	// Output: anna
}

func ExampleRequest_DoErr() {
	app := geist.New()
	app.GET("/", func(*geist.Ctx) error { return geist.ErrAbort })

	tb := newTB() // in a test: its *testing.T
	defer tb.End()
	_, err := geisttest.New(tb, app).GET("/").DoErr()
	fmt.Println(err)
	// Output: geisttest: GET /: the server closed the connection without an answer (EOF)
}

func ExampleClient_SSE() {
	app := geist.New()
	app.SSE("/count", func(_ *geist.Ctx, s *geist.Stream) error {
		last, _ := strconv.Atoi(s.LastEventID())
		return s.Run(func() error {
			id := strconv.Itoa(last + 1)
			return s.Send(geist.Event{ID: id, Name: "count", Data: []byte(id)})
		})
	})

	tb := newTB() // in a test: its *testing.T
	defer tb.End()
	t := geisttest.New(tb, app)
	feed := t.SSE("/count")
	fmt.Println(feed.Next().Is("count", "1").Data)
	feed.End()
	feed = feed.Reconnect() // with Last-Event-ID: 1
	fmt.Println(feed.Next().HasID("2").Data)
	// Output:
	// 1
	// 2
}
