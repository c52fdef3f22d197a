package session_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/session"
	"github.com/gogeist/geist/store"
)

var cart = session.NewKey[[]string]("cart")

func Example() {
	s := store.NewMemory(store.MemoryConfig{})
	defer s.Close()
	app := geist.New()
	app.Use(session.New(session.Config{Store: s}))
	app.POST("/cart/:item", func(c *geist.Ctx) error {
		s, err := session.From(c)
		if err != nil {
			return err
		}
		if err := cart.Update(s, func(old []string) []string { return append(old, c.Param("item")) }); err != nil {
			return err
		}
		return c.NoContent()
	})
	app.GET("/cart", func(c *geist.Ctx) error {
		s, err := session.From(c)
		if err != nil {
			return err
		}
		items, _ := cart.Get(s)
		return c.JSON(200, items)
	})
	exampleDo(app, func(t *geisttest.Client) {
		t.POST("/cart/tea").Do()
		t.POST("/cart/milk").Do()
		fmt.Println(t.GET("/cart").Do().Text())
	})
	// Output: ["tea","milk"]
}

// Login, logout, and logout everywhere.
func ExampleSession_Regenerate() {
	s := store.NewMemory(store.MemoryConfig{})
	defer s.Close()
	sessions := session.Config{Store: s}
	app := geist.New()
	app.Use(session.New(sessions))
	app.POST("/login/:user", func(c *geist.Ctx) error {
		user := c.Param("user") // whose password has been verified
		s, err := session.From(c)
		if err != nil {
			return err
		}
		s.Regenerate()
		if err := s.Bind(c.Context(), user); err != nil {
			return err
		}
		if err := s.Flash("info", "Welcome, "+user); err != nil {
			return err
		}
		return c.Redirect(303, "/me")
	})
	app.GET("/me", func(c *geist.Ctx) error {
		s, err := session.From(c)
		if err != nil {
			return err
		}
		if s.User() == "" {
			return geist.NewError(401, "please log in")
		}
		return c.JSON(200, s.Flashes())
	}).Doc(geist.Security(sessions.Scheme()))
	app.POST("/logout", func(c *geist.Ctx) error {
		s, err := session.From(c)
		if err != nil {
			return err
		}
		s.Destroy()
		return c.NoContent()
	})
	app.POST("/logout/everywhere", func(c *geist.Ctx) error {
		s, err := session.From(c)
		if err != nil {
			return err
		}
		if err := sessions.Revoke(c.Context(), s.User()); err != nil {
			return err
		}
		return c.NoContent()
	})
	exampleDo(app, func(t *geisttest.Client) {
		t.POST("/login/ada").Do()
		fmt.Println(t.GET("/me").Do().Text())
		t.POST("/logout/everywhere").Do()
		fmt.Println(t.GET("/me").Do().StatusCode)
	})
	// Output:
	// [{"kind":"info","text":"Welcome, ada"}]
	// 401
}

// exampleDo gives f a client of app that keeps cookies.
func exampleDo(app *geist.Engine, f func(t *geisttest.Client)) {
	tb := &exampleTB{}
	defer tb.end()
	f(geisttest.New(tb, app, geisttest.Config{Jar: true}))
}

// exampleTB stands for the *testing.T of a real test.
type exampleTB struct {
	testing.TB
	cleanups []func()
}

func (tb *exampleTB) Helper()                           {}
func (tb *exampleTB) Cleanup(f func())                  { tb.cleanups = append(tb.cleanups, f) }
func (tb *exampleTB) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (tb *exampleTB) Errorf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func (tb *exampleTB) end() {
	for _, f := range slices.Backward(tb.cleanups) {
		f()
	}
}
