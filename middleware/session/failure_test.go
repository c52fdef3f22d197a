package session_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/session"
	"github.com/gogeist/geist/store"
)

func TestSession_storeFails(t *testing.T) {
	for _, tt := range []struct{ name, fail, method, path string }{
		{"read", "Get", "GET", "/name"},
		{"write", "CAS", "POST", "/name/eve"},
		{"begin", "CAS", "POST", "/name/eve"},
		{"destroy", "CAS", "POST", "/logout"},
		{"regenerate", "CAS", "POST", "/login/eve"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFaulty(memory(t))
			client := geisttest.New(t, service(session.Config{Store: f}))
			id := sid(t, client.POST("/name/ada").Do())
			f.set(tt.fail)
			r := client.Request(tt.method, tt.path)
			if tt.name != "begin" {
				r.Cookie("sid", id)
			}
			resp := r.Do().Status(503).NoHeader("Set-Cookie")
			if got := resp.Problem().Detail; got != session.ErrStore.Detail() || strings.Contains(resp.Text(), errDown.Error()) {
				t.Errorf("detail = %q, body %q", got, resp.Text())
			}
			f.set("")
			client.GET("/name").Cookie("sid", id).Do().BodyIs("ada")
		})
	}
}

// What a handler did is kept whatever it answers, panics included.
func TestSession_savedOnFailure(t *testing.T) {
	app := service(session.Config{})
	app.POST("/fail", with(func(_ *geist.Ctx, s *session.Session) error {
		return errors.Join(s.Flash("error", "no"), geist.NewError(422, "no"))
	}))
	app.POST("/panic", with(func(_ *geist.Ctx, s *session.Session) error {
		_ = s.Flash("error", "endpoint")
		panic("endpoint")
	}))
	app.POST("/within", func(c *geist.Ctx) error { return c.NoContent() }).Doc(geist.With(with(func(_ *geist.Ctx, s *session.Session) error {
		_ = s.Flash("error", "middleware")
		panic("middleware")
	})))
	app.GET("/flashes", with(func(c *geist.Ctx, s *session.Session) error { return c.JSON(200, s.Flashes()) }))
	client := geisttest.New(t, app, geisttest.Config{Jar: true})
	client.POST("/fail").Do().Status(422)
	client.POST("/panic").Do().Status(500)
	client.POST("/within").Do().Status(500)
	client.GET("/flashes").Do().BodyIs(`[{"kind":"error","text":"no"},{"kind":"error","text":"endpoint"},{"kind":"error","text":"middleware"}]`)
	client.GET("/flashes").Do().BodyIs("null")
}

// A save does not end with the client's patience.
func TestSession_savedAfterCancel(t *testing.T) {
	app := service(session.Config{})
	app.POST("/cancel", with(func(c *geist.Ctx, s *session.Session) error {
		ctx, cancel := context.WithCancel(c.Context())
		c.SetContext(ctx)
		cancel()
		return errors.Join(name.Set(s, "kept"), c.Text(200, ""))
	}))
	client := geisttest.New(t, app, geisttest.Config{Jar: true})
	client.POST("/cancel").Do().Status(200)
	client.GET("/name").Do().BodyIs("kept")
}

func TestSession_fullStore(t *testing.T) {
	s := store.NewMemory(store.MemoryConfig{MaxBytes: 2000})
	defer s.Close()
	client := geisttest.New(t, service(session.Config{Store: s}))
	for range 20 {
		if client.POST("/name/"+strings.Repeat("x", 100)).Do().StatusCode == 503 {
			return
		}
	}
	t.Error("a full store is answered by no 503")
}

// A Regenerate that fails half way leaves the old session as it was, and no other.
func TestSession_regenerateFailsHalfway(t *testing.T) {
	m := memory(t)
	f := newFaulty(m)
	var writes atomic.Int64
	f.before = func(op, _ string) {
		if op == "CAS" && writes.Add(1) == 3 { // the one that would end the old entry
			f.set("CAS")
		}
	}
	client := geisttest.New(t, service(session.Config{Store: f}))
	id := sid(t, client.POST("/name/ada").Do())
	client.POST("/login/eve").Cookie("sid", id).Do().Status(503).NoHeader("Set-Cookie")
	f.set("")
	client.GET("/name").Cookie("sid", id).Do().BodyIs("ada")
	if got := m.Stats().Entries; got != 1 {
		t.Errorf("the store has %d entries, want 1", got)
	}
}
