package session_test

import (
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/session"
)

// apart runs the rest of the chain apart, as hard timeouts do.
func apart(c *geist.Ctx) error {
	return c.NextDetached(time.Second, func() bool { return true }, func() {})
}

// What handlers that run apart have done in time is kept, and their cookie sent.
func TestNew_apart(t *testing.T) {
	for _, early := range []bool{false, true} { // whether middleware has asked for the session before
		app := quiet()
		app.Use(session.New(), func(c *geist.Ctx) error {
			if early {
				if _, err := session.From(c); err != nil {
					return err
				}
			}
			if err := apart(c); err != nil {
				return err
			}
			s, err := session.From(c)
			return errors.Join(err, count.Update(s, func(n int) int { return n + 1 }))
		})
		app.POST("/name/:name", with(func(c *geist.Ctx, s *session.Session) error {
			s.Regenerate()
			return errors.Join(name.Set(s, c.Param("name")), c.NoContent())
		}))
		app.GET("/", with(func(c *geist.Ctx, s *session.Session) error {
			v, _ := name.Get(s)
			n, _ := count.Get(s)
			return c.Text(200, v+strconv.Itoa(n))
		}))
		client := geisttest.New(t, app)
		id := sid(t, client.POST("/name/ada").Do().Status(204))
		client.GET("/").Cookie("sid", id).Do().BodyIs("ada1")
		renewed := sid(t, client.POST("/name/eve").Cookie("sid", id).Do().Status(204))
		client.GET("/").Cookie("sid", renewed).Do().BodyIs("eve3")
		client.GET("/").Cookie("sid", id).Do().BodyIs("0")
	}
}

// Handlers that were left behind share nothing with the request that goes on.
func TestNew_leftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := quiet()
		app.Use(session.New(), func(c *geist.Ctx) error {
			s, err := session.From(c)
			if err != nil {
				return err
			}
			err = errors.Join(name.Set(s, "ada"), apart(c))
			for i := range 100 {
				err = errors.Join(err, count.Set(s, i))
			}
			return err
		})
		ended := make(chan struct{})
		app.POST("/", with(func(c *geist.Ctx, s *session.Session) error {
			defer close(ended)
			<-c.Context().Done()
			for i := range 100 {
				if err := name.Set(s, strconv.Itoa(i)); err != nil {
					t.Error(err)
				}
			}
			time.Sleep(time.Second)
			_, _ = session.NewKey[int]("name").Get(s) // is none, which is logged
			return c.NoContent()
		}))
		client := geisttest.New(t, app)
		client.POST("/").Do().Status(503)
		<-ended
	})
}
