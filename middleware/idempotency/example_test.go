package idempotency_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/idempotency"
	"github.com/gogeist/geist/store"
)

var userKey = geist.NewKey[string]("user")

func Example() {
	s := store.NewMemory(store.MemoryConfig{})
	defer s.Close()
	app := geist.New()
	authenticate := func(c *geist.Ctx) error {
		userKey.Set(c, "ada")
		return c.Next()
	}
	once := idempotency.New(idempotency.Config{
		Store: s,
		Scope: func(c *geist.Ctx) (string, error) { return userKey.Must(c), nil },
	})
	payments := 0
	app.POST("/payments", func(c *geist.Ctx) error {
		payments++
		return c.JSON(201, geist.Map{"payment": payments})
	}).Doc(geist.With(authenticate, once))

	exampleDo(app, func(t *geisttest.Client) {
		pay := func(amount int) *geisttest.Response {
			return t.POST("/payments").Header("Idempotency-Key", "8e03978e").JSON(geist.Map{"amount": amount}).Do()
		}
		fmt.Println(pay(10).Text())
		again := pay(10)
		fmt.Println(again.Text(), again.Header("Idempotency-Replayed"))
		fmt.Println(pay(1000).StatusCode)
	})
	// Output:
	// {"payment":1}
	// {"payment":1} true
	// 422
}

// exampleDo gives f a client of app.
func exampleDo(app *geist.Engine, f func(t *geisttest.Client)) {
	tb := &exampleTB{}
	defer tb.end()
	f(geisttest.New(tb, app))
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
