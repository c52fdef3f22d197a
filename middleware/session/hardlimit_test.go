package session_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/session"
)

// TestNew_hardTimeLimit: handlers that return in time change the session as ever.
func TestNew_hardTimeLimit(t *testing.T) {
	for _, before := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			app := quiet()
			app.Use(session.New(), func(c *geist.Ctx) error {
				if before {
					if _, err := session.From(c); err != nil {
						return err
					}
				}
				return c.Next()
			}, apart)
			app.POST("/name/:name", with(func(c *geist.Ctx, s *session.Session) error { return name.Set(s, c.Param("name")) }))
			app.POST("/stream", with(func(c *geist.Ctx, _ *session.Session) error {
				return c.Stream("text/plain", func(*geist.StreamWriter) error {
					s, err := session.From(c)
					if err != nil {
						return err
					}
					if err := name.Set(s, "streamed"); err != nil {
						return err
					}
					return s.Save(c.Context())
				})
			}))
			app.GET("/name", with(func(c *geist.Ctx, s *session.Session) error {
				n, _ := name.Get(s)
				return c.Text(200, n)
			}))
			client := geisttest.New(t, app)
			id := sid(t, client.POST("/name/ada").Do())
			client.GET("/name").Cookie("sid", id).Do().BodyIs("ada")
			client.POST("/stream").Cookie("sid", id).Do().Status(200)
			client.GET("/name").Cookie("sid", id).Do().BodyIs("streamed")
		})
	}
}

// TestNew_hardTimeLimitLate: a handler that was left behind has a session of its own. It runs at
// the same time as the middleware outside.
func TestNew_hardTimeLimitLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, over := quiet(), make(chan struct{})
		app.Use(session.New(), func(c *geist.Ctx) error {
			s, err := session.From(c)
			if err != nil {
				return err
			}
			if err := name.Set(s, "before"); err != nil {
				return err
			}
			if err := c.Next(); err == nil {
				t.Error("the handler has returned in time")
			}
			close(over)
			for range 100 {
				_ = name.Set(s, "outside")
			}
			return nil
		}, apart)
		app.GET("/", func(c *geist.Ctx) error {
			<-over
			s, err := session.From(c)
			if err != nil {
				return err
			}
			if got, _ := name.Get(s); got != "before" {
				t.Errorf("the handler sees %q, want what was set before it", got)
			}
			for range 100 {
				_ = name.Set(s, "late")
			}
			s.Destroy()
			return nil
		})
		client := geisttest.New(t, app, geisttest.Config{Timeout: time.Hour})
		sid(t, client.GET("/").Do().Status(503))
		synctest.Wait()
	})
}
