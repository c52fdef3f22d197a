package secure_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/secure"
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
	app.GET("/own", func(c *geist.Ctx) error {
		c.SetHeader("Content-Security-Policy", "default-src 'none'")
		return c.HTML(200, "page")
	})
	app.GET("/nonce", func(c *geist.Ctx) error { return c.Text(200, secure.Nonce(c)) })
	app.GET("/fails", func(*geist.Ctx) error { return geist.NewError(409, "taken") })
	app.GET("/panics", func(*geist.Ctx) error { panic("no") })
	app.WS("/ws", func(_ *geist.Ctx, ws *geist.Conn) error { return ws.Write(geist.TextMessage, []byte("hello")) })
	app.SSE("/events", func(_ *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error { return s.Send(geist.Event{Data: []byte("1")}) })
	})
	app.GET("/stream", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			_, err := w.WriteString(secure.Nonce(c))
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
	app.GET("/nethttp", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Frame-Options", "DENY")
		_, _ = io.WriteString(w, "hello")
	})))
	return app
}

// names are those of all fields that the package knows.
var names = []string{
	"Content-Security-Policy", "Content-Security-Policy-Report-Only", "Cross-Origin-Embedder-Policy", "Cross-Origin-Opener-Policy",
	"Cross-Origin-Resource-Policy", "Permissions-Policy", "Referrer-Policy", "Strict-Transport-Security", "X-Content-Type-Options", "X-Frame-Options",
}

// want checks which of these fields an answer has.
func want(t *testing.T, resp *geisttest.Response, lines ...string) {
	t.Helper()
	var got []string
	for _, name := range names {
		if values := resp.Raw().Header.Values(name); len(values) > 0 {
			got = append(got, name+": "+strings.Join(values, " | "))
		}
	}
	slices.Sort(got)
	if sorted := slices.Sorted(slices.Values(lines)); !slices.Equal(got, sorted) {
		t.Errorf("the fields are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(sorted, "\n"))
	}
}

var (
	plain = []string{
		"Cross-Origin-Opener-Policy: same-origin", "Cross-Origin-Resource-Policy: same-origin", "Referrer-Policy: strict-origin-when-cross-origin",
		"X-Content-Type-Options: nosniff", "X-Frame-Options: SAMEORIGIN",
	}
	overTLS = append(slices.Clone(plain), "Strict-Transport-Security: max-age=31536000")
)

func TestNew_defaults(t *testing.T) {
	app := served(secure.New())
	want(t, geisttest.New(t, app).GET("/").Do().Status(200).BodyIs("hello"), plain...)
	want(t, geisttest.New(t, app, geisttest.Config{TLS: true}).GET("/").Do().Status(200).BodyIs("hello"), overTLS...)
}

func TestConfig_settings(t *testing.T) {
	off := secure.Config{
		HSTSMaxAge: -1, FrameOptions: secure.Off, ReferrerPolicy: secure.Off, CrossOriginOpenerPolicy: secure.Off, CrossOriginResourcePolicy: secure.Off,
		CrossOriginEmbedderPolicy: secure.Off, PermissionsPolicy: secure.Off, ContentSecurityPolicy: secure.Off, ContentSecurityPolicyReportOnly: secure.Off,
	}
	for _, tt := range []struct {
		name   string
		config secure.Config
		want   []string
	}{
		{"all off", off, []string{"X-Content-Type-Options: nosniff"}},
		{
			"all set",
			secure.Config{
				HSTSMaxAge: 2 * 365 * 24 * time.Hour, HSTSIncludeSubDomains: true, HSTSPreload: true, FrameOptions: "DENY", ReferrerPolicy: "no-referrer",
				CrossOriginOpenerPolicy: "unsafe-none", CrossOriginResourcePolicy: "cross-origin", CrossOriginEmbedderPolicy: "require-corp",
				PermissionsPolicy: "camera=()", ContentSecurityPolicy: "default-src 'self'; frame-ancestors 'none'", ContentSecurityPolicyReportOnly: "default-src 'none'",
			},
			[]string{
				"Content-Security-Policy: default-src 'self'; frame-ancestors 'none'", "Content-Security-Policy-Report-Only: default-src 'none'",
				"Cross-Origin-Embedder-Policy: require-corp", "Cross-Origin-Opener-Policy: unsafe-none", "Cross-Origin-Resource-Policy: cross-origin",
				"Permissions-Policy: camera=()", "Referrer-Policy: no-referrer", "Strict-Transport-Security: max-age=63072000; includeSubDomains; preload",
				"X-Content-Type-Options: nosniff", "X-Frame-Options: DENY",
			},
		},
		{"HSTS for an hour", secure.Config{HSTSMaxAge: time.Hour}, append(slices.Clone(plain), "Strict-Transport-Security: max-age=3600")},
		{"preload by default age", secure.Config{HSTSPreload: true, HSTSIncludeSubDomains: true}, append(slices.Clone(plain), "Strict-Transport-Security: max-age=31536000; includeSubDomains; preload")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client := geisttest.New(t, served(secure.New(tt.config)), geisttest.Config{TLS: true})
			want(t, client.GET("/").Do().Status(200), tt.want...)
		})
	}
}

// TestNew_handlersWin: what the handler sets takes the place of the middleware's field.
func TestNew_handlersWin(t *testing.T) {
	client := geisttest.New(t, served(secure.New(secure.Config{ContentSecurityPolicy: "script-src 'nonce-{nonce}'"})))
	want(t, client.GET("/own").Do().Status(200), append(slices.Clone(plain), "Content-Security-Policy: default-src 'none'")...)
	if got := client.GET("/nethttp").Do().BodyIs("hello").Raw().Header.Values("X-Frame-Options"); !slices.Equal(got, []string{"DENY"}) {
		t.Errorf("X-Frame-Options of a handler of net/http = %q, want its own", got)
	}
}

func TestNew_groupDecides(t *testing.T) {
	app := served(secure.New(secure.Config{ContentSecurityPolicy: "script-src 'nonce-{nonce}'"}))
	group := app.Group("/g", secure.New(secure.Config{FrameOptions: "DENY", ContentSecurityPolicyReportOnly: "style-src 'nonce-{nonce}'"}))
	group.GET("/x", func(c *geist.Ctx) error { return c.Text(200, secure.Nonce(c)) })
	resp := geisttest.New(t, app).GET("/g/x").Do().Status(200).HasHeader("X-Frame-Options", "DENY")
	resp.HasHeader("Content-Security-Policy", "script-src 'nonce-"+resp.Text()+"'").HasHeader("Content-Security-Policy-Report-Only", "style-src 'nonce-"+resp.Text()+"'")
}

func TestNonce_newForEveryRequest(t *testing.T) {
	client := geisttest.New(t, served(secure.New(secure.Config{ContentSecurityPolicy: "script-src 'self' 'nonce-{nonce}'; style-src 'nonce-{nonce}'"})))
	form := regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`)
	seen := map[string]bool{}
	for range 50 {
		resp := client.GET("/nonce").Do().Status(200)
		nonce := resp.Text()
		if !form.MatchString(nonce) || seen[nonce] {
			t.Fatalf("nonce %q, want 22 characters, and new ones", nonce)
		}
		seen[nonce] = true
		resp.HasHeader("Content-Security-Policy", "script-src 'self' 'nonce-"+nonce+"'; style-src 'nonce-"+nonce+"'")
	}
	geisttest.New(t, served(secure.New(secure.Config{ContentSecurityPolicy: "default-src 'self'"}))).GET("/nonce").Do().BodyIs("")
}

func TestNew_notFound(t *testing.T) {
	client := geisttest.New(t, served(secure.New()), geisttest.Config{TLS: true})
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/nowhere", 404}, {"DELETE", "/", 405}, {"OPTIONS", "/", 204}, {"GET", "/stream/", 308}, {"HEAD", "/", 200}, {"GET", "/fails", 409}, {"GET", "/panics", 500},
	} {
		want(t, client.Request(tt.method, tt.path).Do().Status(tt.status), overTLS...)
	}
}

func TestNew_websocket(t *testing.T) {
	client := geisttest.New(t, served(secure.New()), geisttest.Config{TLS: true})
	ws := client.WS("/ws")
	ws.Next().Text("hello")
	want(t, ws.Response(), overTLS...)
	insecure := geisttest.New(t, served(secure.New(secure.Config{RedirectHTTPS: true})))
	insecure.GET("/ws").Handshake().Do().Status(308).HasHeader("Location", "https://example.com/ws")
}

func TestNew_stream(t *testing.T) {
	client := geisttest.New(t, served(secure.New(secure.Config{ContentSecurityPolicy: "script-src 'nonce-{nonce}'"})))
	events := client.SSE("/events")
	events.Next().Is("message", "1")
	events.Response().HasHeader("X-Content-Type-Options", "nosniff")
	resp := client.GET("/stream").Do().Status(200)
	resp.HasHeader("Content-Security-Policy", "script-src 'nonce-"+resp.Text()+"'")
	client.POST("/body").BodyString("12345").Do().BodyIs("12345").HasHeader("X-Content-Type-Options", "nosniff")
}

func TestNew_httpHandler(t *testing.T) {
	h := served(secure.New()).HTTPHandler()
	for target, want := range map[string]string{"https://example.com/": "max-age=31536000", "http://example.com/": ""} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", target, nil))
		if got := w.Header().Get("Strict-Transport-Security"); w.Code != 200 || got != want {
			t.Errorf("%s: %d, Strict-Transport-Security %q, want %q", target, w.Code, got, want)
		}
	}
}

func TestConfig_redirectHTTPS(t *testing.T) {
	for _, tt := range []struct{ to, host, target, want string }{
		{"", "example.com", "/a?b=c", "https://example.com/a?b=c"},
		{"", "example.com:8080", "/", "https://example.com/"},
		{"", "[::1]:8080", "/", "https://[::1]/"},
		{"", "[::1]", "/", "https://[::1]/"},
		{"", "example.com", "/a%2Fb/../c?", "https://example.com/a%2Fb/../c"},
		{"www.example.com", "example.com", "/a", "https://www.example.com/a"},
		{"WWW.example.com:443", "example.com", "/a", "https://www.example.com/a"},
		{"www.example.com:8443", "evil.example", "/a", "https://www.example.com:8443/a"},
	} {
		t.Run(tt.host+tt.target, func(t *testing.T) {
			app := served(secure.New(secure.Config{RedirectHTTPS: true, RedirectHost: tt.to}))
			client := geisttest.New(t, app)
			for _, method := range []string{"GET", "POST", "HEAD"} {
				resp := client.Request(method, tt.target).Host(tt.host).Do().Status(308).HasHeader("Location", tt.want)
				resp.NoHeader("Strict-Transport-Security").HasHeader("X-Content-Type-Options", "nosniff")
			}
			geisttest.New(t, app, geisttest.Config{TLS: true}).GET("/").Host(tt.host).Do().Status(200)
		})
	}
}
