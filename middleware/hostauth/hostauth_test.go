package hostauth_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/hostauth"
)

// served returns an engine behind the middleware, with one route of each kind.
func served(mw geist.Handler, config ...geist.Config) *geist.Engine {
	conf := geist.Config{}
	if len(config) > 0 {
		conf = config[0]
	}
	conf.Logger = slog.New(slog.DiscardHandler)
	app := geist.New(conf)
	app.Use(mw)
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "hello") })
	app.WS("/ws", func(_ *geist.Ctx, ws *geist.Conn) error { return ws.Write(geist.TextMessage, []byte("hello")) })
	app.SSE("/events", func(_ *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error { return s.Send(geist.Event{Data: []byte("1")}) })
	})
	app.GET("/stream", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			_, err := w.WriteString("hello")
			return err
		})
	})
	app.POST("/body", func(c *geist.Ctx) error {
		b, err := io.ReadAll(c.BodyReader())
		if err != nil {
			return err
		}
		return c.Text(200, string(b))
	}).Doc(geist.StreamBody())
	app.GET("/nethttp", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })))
	return app
}

func TestNew_hosts(t *testing.T) {
	for _, tt := range []struct {
		allow, host string
		want        int
	}{
		{"example.com", "example.com", 200},
		{"example.com", "EXAMPLE.com", 200},
		{"Example.COM.", "example.com", 200},
		{"example.com", "example.com.", 200},
		{"example.com", "example.com:8080", 200},
		{"example.com", "example.com:", 200},
		{"example.com", "a.example.com", 421},
		{"example.com", "example.community", 421},
		{"example.com", "evil-example.com", 421},
		{"example.com", "example.com.evil.example", 421},
		{"example.com", "example.com..", 421},
		{"example.com", "192.0.2.80", 421},
		{"example.com:8080", "example.com:8080", 200},
		{"example.com:8080", "example.com", 421},
		{"example.com:8080", "example.com:80800", 400}, // the engine's word
		{"example.com:80", "example.com", 200},
		{"example.com:443", "example.com", 421},
		{"example.com:80", "example.com:080", 421},
		{"*.example.com", "a.example.com", 200},
		{"*.example.com", "A.b.example.com.", 200},
		{"*.example.com", "example.com", 421},
		{"*.example.com", ".example.com", 421},
		{"*.example.com", "a..example.com", 421},
		{"*.example.com", "evilexample.com", 421},
		{"*.example.com", "a.example.com.evil.example", 421},
		{"*.example.com:8443", "a.example.com:8443", 200},
		{"*.example.com:8443", "a.example.com", 421},
		{"*.localhost", "a.localhost:3000", 200},
		{"192.0.2.7", "192.0.2.7:8080", 200},
		{"192.0.2.7", "192.0.2.77", 421},
		{"192.0.2.7", "3221225991", 421}, // the same address, as a number
		{"[::1]", "[::1]:8080", 200},
		{"[0:0::1]:8080", "[::1]:8080", 200},
		{"[::1]:8080", "[::1]", 421},
		{"[::1]", "[::2]", 421},
		{"[::1]", "[0:0:0:0:0:0:0:1]", 200},
		{"127.0.0.1", "[::ffff:127.0.0.1]", 421},
	} {
		t.Run(tt.allow+" "+tt.host, func(t *testing.T) {
			client := geisttest.New(t, served(hostauth.New(hostauth.Config{AllowHosts: []string{"other.example", tt.allow}})))
			client.GET("/").Host(tt.host).Do().Status(tt.want)
		})
	}
}

func TestNew_portOfTheScheme(t *testing.T) {
	app := served(hostauth.New(hostauth.Config{AllowHosts: []string{"example.com:443"}}))
	geisttest.New(t, app, geisttest.Config{TLS: true}).GET("/").Do().Status(200)
	geisttest.New(t, app).GET("/").Do().Status(421)
}

func TestNew_refusalSaysNothing(t *testing.T) {
	p := geisttest.New(t, served(hostauth.New(hostauth.Config{AllowHosts: []string{"secret.example"}}))).GET("/").Host("guess.example").Do().Status(421).Problem()
	if p.Detail != "this server does not answer for that host" || p.Title != "Misdirected Request" {
		t.Errorf("the problem is %+v", p)
	}
}

func TestConfig_allowHostFunc(t *testing.T) {
	var asked []string
	client := geisttest.New(t, served(hostauth.New(hostauth.Config{
		AllowHosts:    []string{"example.com:80"},
		AllowHostFunc: func(_ *geist.Ctx, name string) bool { asked = append(asked, name); return name == "shop.example" },
	})))
	client.GET("/").Host("Shop.example.:8080").Do().Status(200)
	client.GET("/").Host("example.com").Do().Status(200)
	client.GET("/").Host("evil.example").Do().Status(421)
	client.GET("/").Host("a..example").Do().Status(421)
	if len(asked) != 2 || asked[0] != "shop.example" || asked[1] != "evil.example" {
		t.Errorf("asked about %q", asked)
	}
}

// TestNew_notFound: foreign hosts learn nothing of the routes, and are not redirected.
func TestNew_notFound(t *testing.T) {
	client := geisttest.New(t, served(hostauth.New(hostauth.Config{AllowHosts: []string{"example.com"}})))
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/nowhere", 404}, {"DELETE", "/", 405}, {"OPTIONS", "/", 204}, {"GET", "/stream/", 308}, {"HEAD", "/", 200}, {"GET", "/nethttp", 200},
	} {
		client.Request(tt.method, tt.path).Do().Status(tt.status)
		client.Request(tt.method, tt.path).Host("evil.example").Do().Status(421).NoHeader("Location")
	}
}

func TestNew_websocket(t *testing.T) {
	client := geisttest.New(t, served(hostauth.New(hostauth.Config{AllowHosts: []string{"example.com"}})))
	client.GET("/ws").WS().Next().Text("hello")
	client.GET("/ws").Handshake().Host("evil.example").Header("Origin", "http://evil.example").Do().Status(421)
}

func TestNew_stream(t *testing.T) {
	client := geisttest.New(t, served(hostauth.New(hostauth.Config{AllowHosts: []string{"example.com"}})))
	client.SSE("/events").Next().Is("message", "1")
	client.GET("/stream").Do().BodyIs("hello")
	client.POST("/body").BodyString("hello").Do().BodyIs("hello")
	client.GET("/events").Host("evil.example").Do().Status(421)
	client.GET("/stream").Host("evil.example").Do().Status(421)
	client.POST("/body").Host("evil.example").BodyString("hello").Do().Status(421)
}

func TestNew_httpHandler(t *testing.T) {
	h := served(hostauth.New(hostauth.Config{AllowHosts: []string{"example.com"}})).HTTPHandler()
	for host, want := range map[string]int{"example.com": 200, "evil.example": 421, "": 421} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host, r.ProtoMinor = host, 0 // HTTP/1.0, which may name none
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != want {
			t.Errorf("host %q: status %d, want %d", host, w.Code, want)
		}
	}
}
