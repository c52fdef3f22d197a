package jwt

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
)

func TestNew_notFound(t *testing.T) {
	client := geisttest.New(t, guarded(config()))
	token := "Bearer " + sign("HS256", secret, nil, claims(nil))
	for _, tt := range []struct {
		method, path string
		status       int
	}{{"GET", "/none", 404}, {"DELETE", "/", 405}, {"OPTIONS", "/", 204}, {"HEAD", "/", 200}} {
		client.Request(tt.method, tt.path).Do().Status(401)
		client.Request(tt.method, tt.path).Header("Authorization", token).Do().Status(tt.status)
	}
}

func TestNew_websocket(t *testing.T) {
	conf := config()
	conf.Sources = []Source{Bearer(), Query("access_token")}
	app := guarded(conf)
	app.WS("/ws", func(c *geist.Ctx, ws *geist.Conn) error {
		if _, err := ws.Read(); err != nil {
			return err
		}
		token, _ := From(c)
		return ws.Write(geist.TextMessage, []byte(token.Subject))
	})
	client := geisttest.New(t, app)
	token := sign("HS256", secret, nil, claims(nil))
	client.GET("/ws").Handshake().Do().Status(401)
	client.GET("/ws?access_token=x.y.z").Handshake().Do().Status(401)
	for _, r := range []*geisttest.Request{client.GET("/ws?access_token=" + token), client.GET("/ws").Header("Authorization", "Bearer "+token)} {
		ws := r.WS()
		ws.Send("x")
		ws.Next().Text("ada")
		ws.Closed(1000)
	}
}

// A connection outlives its token, unless it is told not to: read by a handler or followed.
func TestCloseAtExpiry(t *testing.T) {
	for _, tt := range []struct {
		name            string
		closes, follows bool
	}{{"outlives", false, false}, {"read", true, false}, {"followed", true, true}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := hub.New(hub.Config{})
				defer h.Shutdown(t.Context())
				app := geist.New(geist.Config{WebSocket: geist.WebSocketConfig{PingInterval: -1}})
				app.Use(New(config()))
				app.WS("/", func(c *geist.Ctx, ws *geist.Conn) error {
					if tt.closes {
						CloseAtExpiry(c, ws)
					}
					if tt.follows {
						return ws.Follow(h, "news")
					}
					m, err := ws.Read()
					if err != nil {
						return err
					}
					return ws.Write(m.Type, m.Data)
				})
				client := geisttest.New(t, app, geisttest.Config{Timeout: 15 * time.Minute})
				token := "Bearer " + sign("HS256", secret, nil, claims(nil)) // for ten minutes
				client.GET("/").Header("Authorization", token).WS().Close(1000, "")
				ws := client.GET("/").Header("Authorization", token).WS()
				start := time.Now()
				if !tt.closes {
					time.Sleep(time.Hour)
					ws.Send("x")
					ws.Next().Text("x")
					return
				}
				if reason := ws.Closed(1008); reason != "the token has expired" {
					t.Errorf("closed for %q", reason)
				}
				if took := time.Since(start).Round(time.Second); took != 10*time.Minute+DefaultLeeway {
					t.Errorf("closed after %s, want 10m10s", took)
				}
			})
		})
	}
}

// Without a token nothing is closed.
func TestCloseAtExpiry_withoutToken(t *testing.T) {
	app := geist.New()
	app.WS("/", func(c *geist.Ctx, ws *geist.Conn) error {
		CloseAtExpiry(c, ws)
		return ws.Write(geist.TextMessage, []byte("here"))
	})
	ws := geisttest.New(t, app).WS("/")
	ws.Next().Text("here")
	ws.Closed(1000)
}

func TestNew_stream(t *testing.T) {
	h := hub.New(hub.Config{})
	t.Cleanup(func() { _ = h.Shutdown(t.Context()) })
	app := guarded(config())
	app.SSE("/run", func(c *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error {
			token, _ := From(c)
			return s.Send(geist.Event{Data: []byte(token.Subject)})
		})
	})
	app.SSE("/follow", func(_ *geist.Ctx, s *geist.Stream) error { return s.Follow(h, "news") })
	app.GET("/stream", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			token, _ := From(c)
			_, err := io.WriteString(w, token.Subject)
			return err
		})
	})
	app.GET("/http", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "http") })))
	client := geisttest.New(t, app)
	for _, path := range []string{"/run", "/follow", "/stream", "/http"} {
		client.GET(path).Do().Status(401)
	}
	in := "Bearer " + sign("HS256", secret, nil, claims(nil))
	client.GET("/run").Header("Authorization", in).SSE().Next().Is("message", "ada")
	client.GET("/follow").Header("Authorization", in).SSE().Close()
	client.GET("/stream").Header("Authorization", in).Do().Status(200).BodyIs("ada")
	client.GET("/http").Header("Authorization", in).Do().Status(200).BodyIs("http")
}

// A stream outlives its token, unless it is told not to: run by its handler or followed.
func TestEndAtExpiry(t *testing.T) {
	for _, tt := range []struct {
		name          string
		ends, follows bool
	}{{"outlives", false, true}, {"run", true, false}, {"followed", true, true}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := hub.New(hub.Config{})
				defer h.Shutdown(t.Context())
				app := geist.New()
				app.Use(New(config()))
				app.SSE("/", func(c *geist.Ctx, s *geist.Stream) error {
					if tt.ends {
						if err := EndAtExpiry(c, s, h); err != nil {
							return err
						}
					}
					if tt.follows {
						return s.Follow(h, "news")
					}
					return s.Run(func() error {
						<-s.Context().Done()
						return nil
					})
				})
				client := geisttest.New(t, app, geisttest.Config{Timeout: 2 * time.Hour})
				token := "Bearer " + sign("HS256", secret, nil, claims(nil)) // for ten minutes
				client.GET("/").Header("Authorization", token).SSE().Close()
				stream := client.GET("/").Header("Authorization", token).SSE()
				start := time.Now()
				if !tt.ends {
					time.Sleep(time.Hour)
					if _, err := h.Publish(t.Context(), "news", hub.Message{Data: []byte("x")}); err != nil {
						t.Fatal(err)
					}
					stream.Next().Is("message", "x")
					return
				}
				stream.End()
				if took := time.Since(start).Round(time.Second); took != 10*time.Minute+DefaultLeeway {
					t.Errorf("ended after %s, want 10m10s", took)
				}
			})
		})
	}
}

// Without a token no stream ends, and none is attached.
func TestEndAtExpiry_withoutToken(t *testing.T) {
	h := hub.New(hub.Config{})
	t.Cleanup(func() { _ = h.Shutdown(t.Context()) })
	app := geist.New()
	app.SSE("/", func(c *geist.Ctx, s *geist.Stream) error {
		if err := EndAtExpiry(c, s, h); err != nil {
			return err
		}
		return s.Run(func() error { return s.Send(geist.Event{Data: []byte("here")}) })
	})
	geisttest.New(t, app).GET("/").SSE().Next().Is("message", "here")
	if n := h.Stats().Conns; n != 0 {
		t.Errorf("%d are attached", n)
	}
}

// A hub that has ended refuses the stream.
func TestEndAtExpiry_closedHub(t *testing.T) {
	h := hub.New(hub.Config{})
	if err := h.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	app := geist.New()
	app.Use(New(config()))
	app.SSE("/", func(c *geist.Ctx, s *geist.Stream) error { return EndAtExpiry(c, s, h) })
	geisttest.New(t, app).GET("/").Header("Authorization", "Bearer "+sign("HS256", secret, nil, claims(nil))).Do().Status(503)
}
