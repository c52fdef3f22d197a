package session_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/session"
)

func TestConfig_Revoke(t *testing.T) {
	conf := session.Config{Store: memory(t)}
	clients := []*geisttest.Client{geisttest.New(t, service(conf)), geisttest.New(t, service(conf))}
	login := func(i int, who string) string { return sid(t, clients[i].POST("/login/"+who).Do()) }
	ada1, ada2, bob := login(0, "ada"), login(1, "ada"), login(0, "bob")
	if err := conf.Revoke(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	ada3 := login(0, "ada")
	for _, tt := range []struct{ id, want string }{{ada1, "nobody"}, {ada2, "nobody"}, {ada3, "ada"}, {bob, "bob"}} {
		clients[1].GET("/name").Cookie("sid", tt.id).Do().BodyIs(tt.want)
	}
	if err := conf.Revoke(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	clients[1].GET("/name").Cookie("sid", ada3).Do().BodyIs("nobody")
}

func TestConfig_Revoke_fails(t *testing.T) {
	if err := (session.Config{}).Revoke(t.Context(), "ada"); !errors.Is(err, session.ErrNoSession) {
		t.Errorf("without a store Revoke = %v, want ErrNoSession", err)
	}
	f := newFaulty(memory(t))
	f.set("Set")
	if err := (session.Config{Store: f}).Revoke(t.Context(), "ada"); !errors.Is(err, session.ErrStore) || !errors.Is(err, errDown) {
		t.Errorf("Revoke = %v, want ErrStore", err)
	}
}

// Sessions that were bound before a Revoke stay ended for as long as they could live.
func TestConfig_Revoke_outlives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conf := session.Config{Store: memory(t), Idle: -1, Absolute: time.Hour}
		client := geisttest.New(t, service(conf))
		id := sid(t, client.POST("/login/ada").Do())
		if err := conf.Revoke(t.Context(), "ada"); err != nil {
			t.Fatal(err)
		}
		for range 13 {
			client.GET("/name").Cookie("sid", id).Do().BodyIs("nobody")
			time.Sleep(10 * time.Minute)
		}
	})
}

func TestSession_Bind(t *testing.T) {
	f := newFaulty(memory(t))
	app := service(session.Config{Store: f, MaxBytes: 100})
	app.POST("/bind", with(func(c *geist.Ctx, s *session.Session) error {
		return errors.Join(s.Bind(c.Context(), c.Query("user")), c.Text(200, s.User()))
	}))
	app.GET("/user", with(func(c *geist.Ctx, s *session.Session) error { return c.Text(200, s.User()) }))
	client := geisttest.New(t, app)
	id := sid(t, client.POST("/bind?user=ada").Do().BodyIs("ada"))
	client.GET("/user").Cookie("sid", id).Do().BodyIs("ada")
	client.POST("/bind").Query("user", strings.Repeat("x", 100)).Cookie("sid", id).Do().Status(413)
	f.set("Get")
	client.POST("/bind?user=eve").Do().Status(503).NoHeader("Set-Cookie")
	f.set("")
	client.POST("/bind").Cookie("sid", id).Do().BodyIs("")
	client.GET("/user").Cookie("sid", id).Do().BodyIs("")
}

// A connection that was open before has nothing to say any more.
func TestConfig_Revoke_openConnection(t *testing.T) {
	conf := session.Config{Store: memory(t)}
	app := service(conf)
	app.WS("/ws", func(c *geist.Ctx, ws *geist.Conn) error {
		s, err := session.From(c)
		if err != nil {
			return err
		}
		if _, err := ws.Read(); err != nil {
			return err
		}
		err = errors.Join(name.Set(s, "late"), s.Save(c.Context()))
		if !errors.Is(err, session.ErrEnded) {
			t.Errorf("Save = %v, want ErrEnded", err)
		}
		return nil
	})
	client := geisttest.New(t, app)
	ws := client.GET("/ws").Cookie("sid", sid(t, client.POST("/login/ada").Do())).WS()
	if err := conf.Revoke(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	ws.Send("go").Closed(1000)
}
