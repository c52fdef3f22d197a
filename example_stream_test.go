package geist_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// A stream of JSON lines: each is sent as soon as it is known, and the client sees
// by the missing end if one fails. (Outside of examples the client is a program.)
func ExampleCtx_Stream() {
	app := geist.New()
	app.GET("/rows", func(c *geist.Ctx) error {
		return c.Stream("application/x-ndjson", func(w *geist.StreamWriter) error {
			enc := json.NewEncoder(w)
			for id := range 3 {
				if err := enc.Encode(geist.Map{"id": id}); err != nil {
					return err
				}
				if err := w.Flush(); err != nil { // the client has gone: stop
					return err
				}
			}
			return nil
		})
	})
	exampleDo(app, func(c *geisttest.Client) {
		resp := c.GET("/rows").Do().Status(200)
		fmt.Println(resp.Header("Content-Type"))
		fmt.Println(strings.TrimSpace(resp.Text()))
	})
	// Output:
	// application/x-ndjson
	// {"id":0}
	// {"id":1}
	// {"id":2}
}

// exampleDo runs f with a client of app. Examples have no testing.TB of their own.
func exampleDo(app *geist.Engine, f func(*geisttest.Client)) {
	tb := &exampleTB{}
	defer tb.end()
	f(geisttest.New(tb, app))
}

// exampleTB is as much of a testing.TB as geisttest needs where nothing fails.
type exampleTB struct {
	testing.TB
	cleanups []func()
}

func (tb *exampleTB) Helper()          {}
func (tb *exampleTB) Cleanup(f func()) { tb.cleanups = append(tb.cleanups, f) }

func (tb *exampleTB) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }
func (tb *exampleTB) Error(args ...any)                 { fmt.Println(args...) }
func (tb *exampleTB) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (tb *exampleTB) Fatal(args ...any)                 { panic(fmt.Sprint(args...)) }

func (tb *exampleTB) end() {
	for i := len(tb.cleanups) - 1; i >= 0; i-- {
		tb.cleanups[i]()
	}
}
