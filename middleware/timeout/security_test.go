package timeout_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/timeout"
)

// These are what has befallen github.com/gin-contrib/timeout, whose handlers go on with a
// context that has been given back. All of them run under -race.

// TestIssue34_dataRaceOnStatus: handler and middleware write the answer at the same time.
func TestIssue34_dataRaceOnStatus(t *testing.T) {
	eachWay(t, func(c *geist.Ctx, i int) error {
		c.Status(200 + i%50)
		return c.Text(200+i%50, "late")
	})
}

// TestIssue45_dataRaceOnNext: a handler goes on along the chain while middleware leaves it.
func TestIssue45_dataRaceOnNext(t *testing.T) {
	eachWay(t, func(c *geist.Ctx, _ int) error { return c.Next() })
}

// TestIssue60_concurrentMapWrites: handler and middleware set header fields and locals at the same time.
func TestIssue60_concurrentMapWrites(t *testing.T) {
	eachWay(t, func(c *geist.Ctx, i int) error {
		name := fmt.Sprintf("X-%d", i)
		c.SetHeader(name, "late")
		c.SetLocal(name, i)
		innerKey.Set(c, name)
		outerKey.Set(c, name)
		c.OnClose(func() {})
		c.SetLogger(c.Logger())
		c.SetContext(c.Context())
		return nil
	})
}

// eachWay has a handler and the middleware outside of a hard bound do something at the same
// time, when the time is over.
func eachWay(t *testing.T, do func(c *geist.Ctx, i int) error) {
	t.Helper()
	const rounds = 200
	over := make(chan struct{})
	app := newApp(func(c *geist.Ctx) error {
		outerKey.Set(c, "outer")
		c.SetLocal("name", "outer")
		err := c.Next()
		over <- struct{}{}
		for i := range rounds {
			_ = do(c, i)
		}
		return err
	}, timeout.New(timeout.Config{After: time.Millisecond, Hard: true}), func(c *geist.Ctx) error {
		<-over
		for i := range rounds {
			_ = do(c, i)
		}
		return c.Next()
	})
	app.GET("/:id", func(c *geist.Ctx) error { return c.Text(200, c.Param("id")+c.Header("X-Late")+c.Query("q")) })
	client := geisttest.New(t, app)
	for range 5 {
		client.GET("/a?q=1").Header("X-Late", "yes").Do()
	}
	if err := app.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestIssue81_responseContamination: what a handler writes after its time is in nobody's answer,
// and what it reads is its own request.
func TestIssue81_responseContamination(t *testing.T) {
	inBubble(t, func(t *testing.T) *geist.Engine {
		app := newApp(hard())
		app.POST("/slow/:id", func(c *geist.Ctx) error {
			time.Sleep(10 * time.Second)
			if got, want := c.Header("X-Id")+c.Query("id")+string(c.Body()), c.Param("id")+c.Param("id")+c.Param("id"); got != want {
				t.Errorf("the request of %s has become %s", c.Param("id"), got)
			}
			c.SetHeader("X-Secret", c.Param("id"))
			if err := c.SetCookie(geist.Cookie{Name: "session", Value: c.Param("id")}); err != nil {
				t.Error(err)
			}
			return c.Text(201, "secret of "+c.Param("id"))
		})
		app.POST("/quick/:id", func(c *geist.Ctx) error { return c.Text(200, c.Param("id")+string(c.Body())) })
		return app
	}, func(_ *testing.T, client *geisttest.Client) { // all on one connection
		for i := range 30 {
			id := fmt.Sprint(100 + i)
			client.POST("/slow/"+id+"?id="+id).Header("X-Id", id).BodyString(id).Do().Status(503).
				NoHeader("X-Secret").NoHeader("Set-Cookie")
			client.POST("/quick/" + id).BodyString("body").Do().Status(200).BodyIs(id + "body").NoHeader("X-Secret").NoHeader("Set-Cookie")
		}
		time.Sleep(time.Minute)
	})
}
