package nocache_test

import (
	"testing"
	"testing/fstest"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/middleware/nocache"
)

func newApp() *geist.Engine {
	app := geist.New()
	app.Use(nocache.New())
	return app
}

// forbidden asserts that no cache may keep an answer.
func forbidden(r *geisttest.Response) {
	r.HasHeader("Cache-Control", "no-store").HasHeader("Expires", "0")
}

func TestNew(t *testing.T) {
	app := newApp()
	app.GET("/plain", func(c *geist.Ctx) error { return c.Text(200, "hello") })
	app.GET("/own", func(c *geist.Ctx) error {
		c.SetHeader("Cache-Control", "public, max-age=3600")
		c.SetHeader("Expires", "Thu, 01 Dec 2050 16:00:00 GMT")
		c.SetHeader("CDN-Cache-Control", "max-age=60")
		c.SetHeader("Surrogate-Control", "max-age=60")
		return c.Text(200, "hello")
	})
	app.GET("/stricter", func(c *geist.Ctx) error {
		c.SetHeader("Cache-Control", "private, No-Store")
		return c.Text(200, "hello")
	})
	app.GET("/panic", func(*geist.Ctx) error { panic("no") })
	app.GET("/middleware", func(*geist.Ctx) error { panic("no") }, func(c *geist.Ctx) error { return nil })
	client := geisttest.New(t, app)
	for path, status := range map[string]int{"/plain": 200, "/own": 200, "/panic": 500, "/middleware": 500} {
		forbidden(client.GET(path).Do().Status(status))
		forbidden(client.HEAD(path).Do().Status(status))
	}
	client.GET("/own").Do().HasHeader("CDN-Cache-Control", "no-store").HasHeader("Surrogate-Control", "no-store")
	client.GET("/plain").Do().NoHeader("CDN-Cache-Control").NoHeader("Surrogate-Control")
	client.GET("/stricter").Do().HasHeader("Cache-Control", "private, No-Store")
}

// TestNew_conditional: a client with an old copy gets the answer anew, and lost updates are
// still noticed.
func TestNew_conditional(t *testing.T) {
	app := newApp()
	app.StaticFS("/files", fstest.MapFS{"a.txt": {Data: []byte("hello"), ModTime: time.Unix(1e9, 0)}})
	app.PUT("/doc", func(c *geist.Ctx) error { return c.Text(200, c.Header("If-Match")+c.Header("If-None-Match")) })
	client := geisttest.New(t, app)
	client.GET("/files/a.txt").Header("If-None-Match", "*").Do().Status(200).BodyIs("hello")
	client.GET("/files/a.txt").Header("If-Modified-Since", time.Now().UTC().Format(time.RFC1123)).Do().Status(200)
	client.PUT("/doc").Header("If-Match", `"a"`).Header("If-None-Match", "*").Do().Status(200).BodyIs(`"a"*`)
	client.GET("/files/a.txt").Header("If-Match", `"other"`).Do().Status(412)
}

func TestNew_notFound(t *testing.T) {
	app := newApp()
	app.GET("/dir/", func(c *geist.Ctx) error { return c.NoContent() })
	client := geisttest.New(t, app)
	forbidden(client.GET("/nowhere").Do().Status(404))
	forbidden(client.DELETE("/dir/").Do().Status(405))
	forbidden(client.OPTIONS("/dir/").Do().Status(204))
	forbidden(client.GET("/dir").Do().Status(308))
}

func TestNew_websocket(t *testing.T) {
	app := newApp()
	app.WS("/ws", func(_ *geist.Ctx, ws *geist.Conn) error { return ws.Write(geist.TextMessage, []byte("hello")) })
	ws := geisttest.New(t, app).WS("/ws")
	forbidden(ws.Response())
	ws.Next().Text("hello")
}

func TestNew_stream(t *testing.T) {
	h := hub.New(hub.Config{})
	app := newApp()
	app.GET("/stream", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error { _, err := w.WriteString("hello"); return err })
	})
	app.SSE("/run", func(_ *geist.Ctx, s *geist.Stream) error { return s.Run(func() error { return nil }) })
	app.SSE("/follow", func(_ *geist.Ctx, s *geist.Stream) error { return s.Follow(h, "news") })
	client := geisttest.New(t, app)
	forbidden(client.GET("/stream").Do().Status(200).BodyIs("hello"))
	for _, path := range []string{"/run", "/follow"} {
		client.SSE(path).Response().HasHeader("Cache-Control", "no-store, no-transform").HasHeader("Expires", "0")
	}
}
