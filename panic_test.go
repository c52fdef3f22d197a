package geist_test

import (
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// nilWrapError is an error whose nil pointer panics however it is asked.
type nilWrapError struct{ err error }

func (e *nilWrapError) Error() string { return e.err.Error() }
func (e *nilWrapError) Unwrap() error { return e.err }

// TestEngine_panicWithNilError: to recover a nil pointer that is no nil error does not panic again,
// which would end the process.
func TestEngine_panicWithNilError(t *testing.T) {
	fail := func(*geist.Ctx) error { panic((*nilWrapError)(nil)) }
	app := quiet(geist.Config{})
	app.GET("/endpoint", fail)
	app.GET("/middleware", fail, fail)
	app.GET("/apart", func(c *geist.Ctx) error {
		return c.NextDetached(time.Minute, func() bool { return true }, func() {})
	}, fail, fail)
	app.GET("/stream", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(*geist.StreamWriter) error { return fail(c) })
	})
	app.GET("/close", func(c *geist.Ctx) error {
		c.OnClose(func() { _ = fail(c) })
		return c.NoContent()
	})
	client := geisttest.New(t, app)
	for _, path := range []string{"/endpoint", "/middleware", "/apart"} {
		client.GET(path).Do().Status(500)
	}
	if _, err := client.GET("/stream").DoErr(); err == nil {
		t.Error("the stream has an end")
	}
	client.GET("/close").Do().Status(204)
}
