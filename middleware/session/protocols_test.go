package session_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/middleware/session"
)

// A WebSocket's session is saved before the 101, which has its cookie; in the loop, by Save.
func TestNew_websocket(t *testing.T) {
	app := service(session.Config{})
	app.WS("/ws", func(c *geist.Ctx, ws *geist.Conn) error {
		s, err := session.From(c)
		if err != nil {
			return err
		}
		if err := count.Update(s, func(n int) int { return n + 1 }); err != nil {
			return err
		}
		for {
			m, err := ws.Read()
			if err != nil {
				return err
			}
			s, err := session.From(c)
			if err != nil {
				return err
			}
			text := "ok"
			switch cmd, arg, _ := strings.Cut(string(m.Data), " "); cmd {
			case "set":
				err = name.Set(s, arg)
			case "regenerate":
				s.Regenerate()
			case "save":
				err = s.Save(c.Context())
			}
			if err != nil {
				text = err.Error()
			}
			if err := ws.Write(geist.TextMessage, []byte(text)); err != nil {
				return err
			}
		}
	})
	client := geisttest.New(t, app)
	ws := client.WS("/ws")
	ws.Send("ready").Next().Text("ok")
	ws.Response().HasHeader("Cache-Control", "no-store").HasHeader("Vary", "Cookie")
	id := sid(t, ws.Response())
	client.GET("/count").Cookie("sid", id).Do().BodyIs("1")

	ws.Send("set ada").Next().Text("ok")
	client.GET("/name").Cookie("sid", id).Do().BodyIs("nobody")
	ws.Send("save").Next().Text("ok")
	client.GET("/name").Cookie("sid", id).Do().BodyIs("ada")

	client.POST("/count").Cookie("sid", id).Do().Status(200) // beside the connection
	ws.Send("set bob").Next().Text("ok")
	ws.Send("save").Next().Text("ok")
	client.GET("/count").Cookie("sid", id).Do().BodyIs("2")

	ws.Send("regenerate").Next().Text("ok")
	ws.Send("save").Next().Text(session.ErrHeaderSent.Error())
	client.POST("/logout").Cookie("sid", id).Do().Status(200)
	ws.Close(1000, "")
}

func TestNew_websocketEnded(t *testing.T) {
	app := service(session.Config{})
	app.WS("/ws", func(c *geist.Ctx, ws *geist.Conn) error {
		s, err := session.From(c)
		if err != nil {
			return err
		}
		if _, err := ws.Read(); err != nil {
			return err
		}
		return errors.Join(name.Set(s, "late"), s.Save(c.Context()))
	})
	client := geisttest.New(t, app)
	id := sid(t, client.POST("/name/ada").Do())
	ws := client.GET("/ws").Cookie("sid", id).WS()
	client.POST("/logout").Cookie("sid", id).Do().Status(200)
	ws.Send("go").Closed(1008)
	client.GET("/name").Cookie("sid", id).Do().BodyIs("nobody")
}

// A session that is first asked for in the loop is read, but cannot begin there.
func TestNew_websocketFirstInLoop(t *testing.T) {
	app := service(session.Config{})
	app.WS("/ws", func(c *geist.Ctx, ws *geist.Conn) error {
		for {
			if _, err := ws.Read(); err != nil {
				return err
			}
			s, err := session.From(c)
			if err != nil {
				return err
			}
			text, _ := name.Get(s)
			if err := errors.Join(name.Set(s, "changed"), s.Save(c.Context())); err != nil {
				text += err.Error()
			}
			if err := ws.Write(geist.TextMessage, []byte(text)); err != nil {
				return err
			}
		}
	})
	client := geisttest.New(t, app)
	id := sid(t, client.POST("/name/ada").Do())
	client.GET("/ws").Cookie("sid", id).WS().Send("go").Next().Text("ada")
	client.GET("/name").Cookie("sid", id).Do().BodyIs("changed")
	client.WS("/ws").Send("go").Next().Text(session.ErrHeaderSent.Error())
}

// If it cannot be saved there is no connection.
func TestNew_websocketStoreFails(t *testing.T) {
	f := newFaulty(memory(t))
	app := service(session.Config{Store: f})
	app.WS("/ws", func(c *geist.Ctx, ws *geist.Conn) error {
		s, err := session.From(c)
		if err != nil {
			return err
		}
		if err := name.Set(s, "ada"); err != nil {
			return err
		}
		_, err = ws.Read()
		return err
	})
	f.set("CAS")
	geisttest.New(t, app).GET("/ws").Handshake().Do().Status(503).NoHeader("Set-Cookie")
}

func TestNew_stream(t *testing.T) {
	app, h := service(session.Config{}), hub.New(hub.Config{})
	begin := func(c *geist.Ctx) (*session.Session, error) {
		s, err := session.From(c)
		if err != nil {
			return nil, err
		}
		return s, name.Set(s, "begun")
	}
	// later is what the stream's function says of the session.
	later := func(c *geist.Ctx) string {
		s, err := session.From(c)
		if err != nil {
			return err.Error()
		}
		if err := errors.Join(name.Set(s, "streamed"), s.Save(c.Context())); err != nil {
			return err.Error()
		}
		return "saved"
	}
	app.GET("/stream", func(c *geist.Ctx) error {
		if _, err := begin(c); err != nil {
			return err
		}
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			_, err := w.WriteString(later(c))
			return err
		})
	})
	app.GET("/late", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			_, err := w.WriteString(later(c))
			return err
		})
	})
	app.SSE("/run", func(c *geist.Ctx, s *geist.Stream) error {
		if _, err := begin(c); err != nil {
			return err
		}
		return s.Run(func() error { return s.Send(geist.Event{Data: []byte(later(c))}) })
	})
	app.SSE("/follow", func(c *geist.Ctx, s *geist.Stream) error {
		if _, err := begin(c); err != nil {
			return err
		}
		return s.Follow(h, "news")
	})
	client := geisttest.New(t, app)

	resp := client.GET("/stream").Do().Status(200).BodyIs("saved")
	client.GET("/name").Cookie("sid", sid(t, resp)).Do().BodyIs("streamed")
	client.GET("/late").Do().Status(200).BodyIs(session.ErrHeaderSent.Error()).NoHeader("Set-Cookie")
	client.GET("/late").Cookie("sid", sid(t, resp)).Do().Status(200).BodyIs("saved")

	run := client.SSE("/run")
	run.Next().Is("message", "saved")
	client.GET("/name").Cookie("sid", sid(t, run.Response())).Do().BodyIs("streamed")
	client.GET("/name").Cookie("sid", sid(t, client.SSE("/follow").Response())).Do().BodyIs("begun")
}

// If it cannot be saved the stream does not begin.
func TestNew_streamStoreFails(t *testing.T) {
	f := newFaulty(memory(t))
	app := service(session.Config{Store: f})
	app.GET("/stream", with(func(c *geist.Ctx, s *session.Session) error {
		return errors.Join(name.Set(s, "x"), c.Stream("text/plain", func(*geist.StreamWriter) error {
			t.Error("the stream has begun")
			return nil
		}))
	}))
	f.set("CAS")
	geisttest.New(t, app).GET("/stream").Do().Status(503)
}

func TestNew_notFound(t *testing.T) {
	app := quiet()
	app.Use(session.New(), func(c *geist.Ctx) error { // sees every answer
		s, err := session.From(c)
		if err != nil {
			return err
		}
		if err := count.Update(s, func(n int) int { return n + 1 }); err != nil {
			return err
		}
		return c.Next()
	})
	app.GET("/here", with(func(c *geist.Ctx, s *session.Session) error {
		n, _ := count.Get(s)
		return c.JSON(200, n)
	}))
	client := geisttest.New(t, app, geisttest.Config{Jar: true})
	client.GET("/nowhere").Do().Status(404)
	client.POST("/here").Do().Status(405)
	client.OPTIONS("/here").Do().Status(204)
	client.GET("/here/").Do().Status(308)
	client.HEAD("/here").Do().Status(200)
	client.GET("/here").Do().BodyIs("6")
}

func TestNew_fromHTTP(t *testing.T) {
	app := service(session.Config{})
	app.GET("/http", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("http"))
	}))).Doc(geist.With(func(c *geist.Ctx) error {
		if err := c.Next(); err != nil {
			return err
		}
		s, err := session.From(c)
		if err != nil {
			return err
		}
		return name.Set(s, "behind")
	}))
	client := geisttest.New(t, app)
	client.GET("/name").Cookie("sid", sid(t, client.GET("/http").Do().BodyIs("http"))).Do().BodyIs("behind")
}

func TestNew_httpHandler(t *testing.T) {
	h := service(session.Config{}).HTTPHandler()
	do := func(method, path, cookie string) *http.Response {
		r := httptest.NewRequest(method, path, nil)
		if cookie != "" {
			r.Header.Set("Cookie", cookie)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Result()
	}
	cookies := do("POST", "/name/ada", "").Cookies()
	if len(cookies) != 1 || cookies[0].Name != "sid" {
		t.Fatalf("cookies = %v, want sid", cookies)
	}
	resp := do("GET", "/name", "sid="+cookies[0].Value)
	body := make([]byte, 3)
	if _, _ = resp.Body.Read(body); string(body) != "ada" {
		t.Errorf("body = %q, want ada", body)
	}
}
