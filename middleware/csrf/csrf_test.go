package csrf_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/csrf"
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
	app.Any("/", func(c *geist.Ctx) error { return c.Text(200, "hello") })
	app.GET("/token", func(c *geist.Ctx) error { return c.Text(200, csrf.Token(c)) })
	app.WS("/ws", func(_ *geist.Ctx, ws *geist.Conn) error { return ws.Write(geist.TextMessage, []byte("hello")) })
	app.SSE("/events", func(_ *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error { return s.Send(geist.Event{Data: []byte("1")}) })
	})
	app.GET("/stream", func(c *geist.Ctx) error {
		token := csrf.Token(c)
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			_, err := w.WriteString(token)
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
	app.POST("/nethttp", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.PostFormValue("name"))
	})))
	app.GET("/only", func(c *geist.Ctx) error { return c.Text(200, "") })
	return app
}

func TestNew_whereFrom(t *testing.T) {
	trusting := csrf.Config{TrustedOrigins: []string{"https://app.example.org", "http://LOCALHOST:3000"}}
	for _, tt := range []struct {
		name   string
		config []csrf.Config
		tls    bool
		site   string // Sec-Fetch-Site
		origin string
		host   string // empty means example.com
		want   int
	}{
		{"no browser", nil, true, "", "", "", 200},
		{"own page", nil, true, "same-origin", "https://example.com", "", 200},
		{"the user", nil, true, "none", "", "", 200},
		{"another site", nil, true, "cross-site", "https://evil.example", "", 403},
		{"another site without origin", nil, true, "cross-site", "", "", 403},
		{"another host of the site", nil, true, "same-site", "https://a.example.com", "", 403},
		{"a word of the future", nil, true, "same-galaxy", "https://example.com", "", 403},
		{"an old browser's own page", nil, true, "", "https://example.com", "", 200},
		{"an old browser's own page, with the port", nil, true, "", "https://example.com", "example.com:443", 200},
		{"an old browser's own page, on a port", nil, true, "", "https://example.com:8443", "example.com:8443", 200},
		{"an old browser's own page, in capitals", nil, true, "", "https://example.com", "EXAMPLE.com", 200},
		{"another port", nil, true, "", "https://example.com:8443", "", 403},
		{"another host", nil, true, "", "https://evil.example", "", 403},
		{"null", nil, true, "", "null", "", 403},
		{"no origin at all", nil, true, "", "example.com", "", 403},
		{"another scheme", nil, true, "", "ftp://example.com", "", 403},
		{"plain HTTP", nil, false, "", "http://example.com", "", 200},
		{"plain HTTP, with the port", nil, false, "", "http://example.com", "example.com:80", 200},
		{"plain HTTP, another host", nil, false, "", "http://evil.example", "", 403},
		{"behind a proxy that ends TLS", nil, false, "", "https://example.com", "", 200},
		{"trusted", []csrf.Config{trusting}, true, "cross-site", "https://app.example.org", "", 200},
		{"trusted, written otherwise", []csrf.Config{trusting}, true, "cross-site", "http://localhost:3000", "", 200},
		{"trusted, of an old browser", []csrf.Config{trusting}, true, "", "https://app.example.org", "", 200},
		{"not trusted", []csrf.Config{trusting}, true, "cross-site", "https://evil.example", "", 403},
		{"trusted, but no origin", []csrf.Config{trusting}, true, "cross-site", "", "", 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client := geisttest.New(t, served(csrf.New(tt.config...)), geisttest.Config{TLS: tt.tls})
			for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "GET", "HEAD", "OPTIONS"} {
				r := client.Request(method, "/")
				if tt.host != "" {
					r.Host(tt.host)
				}
				if tt.site != "" {
					r.Header("Sec-Fetch-Site", tt.site)
				}
				if tt.origin != "" {
					r.Header("Origin", tt.origin)
				}
				want := tt.want
				if method == "GET" || method == "HEAD" || method == "OPTIONS" {
					want = 200
				}
				r.Do().Status(want)
			}
		})
	}
}

func TestNew_trustedProxy(t *testing.T) {
	client := geisttest.New(t, served(csrf.New(), geist.Config{TrustedProxies: []string{"192.0.2.9"}}))
	post := func(origin string) *geisttest.Request {
		return client.POST("/").RemoteAddr("192.0.2.9").Host("internal").Header("X-Forwarded-Host", "example.com").Header("X-Forwarded-Proto", "https").Header("Origin", origin)
	}
	post("https://example.com").Do().Status(200)
	post("http://example.com").Do().Status(403)
	post("https://internal").Do().Status(403)
	client.POST("/").Host("example.com").Header("X-Forwarded-Host", "evil.example").Header("Origin", "http://evil.example").Do().Status(403)
}

func TestNew_errorsAreSeen(t *testing.T) {
	app := geist.New()
	app.Use(func(c *geist.Ctx) error {
		err := c.Next()
		if !errors.Is(err, csrf.ErrCrossOrigin) || c.ResponseStatus() != 403 {
			return geist.NewError(500, "")
		}
		return err
	}, csrf.New())
	geisttest.New(t, app).POST("/").Header("Sec-Fetch-Site", "cross-site").Do().Status(403)
}

func TestNew_notFound(t *testing.T) {
	client := geisttest.New(t, served(csrf.New()))
	for path, status := range map[string]int{"/nowhere": 404, "/only": 405, "/body/": 308} {
		client.POST(path).Do().Status(status)
		client.POST(path).Header("Sec-Fetch-Site", "cross-site").Do().Status(403)
	}
	client.GET("/nowhere").Header("Sec-Fetch-Site", "cross-site").Do().Status(404)
}

// TestNew_websocket: a handshake is a GET, and the engine's own check keeps others out.
func TestNew_websocket(t *testing.T) {
	for _, config := range []csrf.Config{{}, withTokens} {
		client := geisttest.New(t, served(csrf.New(config)))
		client.GET("/ws").Header("Origin", "http://example.com").WS().Next().Text("hello")
		client.GET("/ws").Handshake().Header("Origin", "http://evil.example").Do().Status(403)
	}
}

func TestNew_stream(t *testing.T) {
	client := geisttest.New(t, served(csrf.New(withTokens)), geisttest.Config{Jar: true})
	client.GET("/events").Header("Sec-Fetch-Site", "cross-site").SSE().Next().Is("message", "1")
	token := client.GET("/stream").Header("X-Session", "anna").Do().Status(200).Text()
	client.POST("/body").BodyString("csrf_token="+token).Header("X-Session", "anna").Header("X-CSRF-Token", token).Do().Status(200).BodyIs("csrf_token=" + token)
	client.POST("/body").BodyString("hello").Header("X-Session", "anna").Do().Status(403)
}

func TestNew_httpHandler(t *testing.T) {
	h := served(csrf.New()).HTTPHandler()
	for site, want := range map[string]int{"same-origin": 200, "cross-site": 403} {
		r := httptest.NewRequest("POST", "/", nil)
		r.Header.Set("Sec-Fetch-Site", site)
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != want {
			t.Errorf("Sec-Fetch-Site %s: status %d, want %d", site, w.Code, want)
		}
	}
}
