package cors_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/cors"
)

// quiet returns an engine that logs nothing, behind the middleware.
func quiet(mw ...geist.Handler) *geist.Engine {
	app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler)})
	app.Use(mw...)
	return app
}

// served returns an engine with one route of each kind that answers.
func served(mw ...geist.Handler) *geist.Engine {
	app := quiet(mw...)
	hello := func(c *geist.Ctx) error { return c.Text(200, "hello") }
	app.GET("/hello", hello)
	app.PUT("/hello", hello)
	app.GET("/varies", func(c *geist.Ctx) error {
		c.SetHeader("Vary", "Accept-Language")
		return c.Text(200, "hello")
	})
	app.GET("/fails", func(*geist.Ctx) error { return geist.NewError(409, "taken") })
	app.GET("/panics", func(*geist.Ctx) error { panic("no") })
	return app
}

// fields returns the fields of an answer that CORS is about, in one line each.
func fields(resp *geisttest.Response) string {
	var lines []string
	for name, values := range resp.Raw().Header {
		if strings.HasPrefix(name, "Access-Control-") {
			lines = append(lines, strings.TrimPrefix(name, "Access-Control-")+": "+strings.Join(values, " | "))
		}
	}
	if vary := resp.Raw().Header.Values("Vary"); len(vary) > 0 {
		lines = append(lines, "Vary: "+strings.Join(vary, " | "))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func want(t *testing.T, resp *geisttest.Response, lines ...string) {
	t.Helper()
	slices.Sort(lines)
	if got, want := fields(resp), strings.Join(lines, "\n"); got != want {
		t.Errorf("the fields are\n%s\nwant\n%s", got, want)
	}
}

// ask returns the preflight of a page.
func ask(client *geisttest.Client, path, origin, method string) *geisttest.Request {
	return client.OPTIONS(path).Header("Origin", origin).Header("Access-Control-Request-Method", method)
}

const app1, app2 = "https://app.example.com", "https://two.example.com"

func TestNew_request(t *testing.T) {
	exact := cors.Config{AllowOrigins: []string{app1, app2}}
	for _, tt := range []struct {
		name   string
		config []cors.Config
		origin string
		want   []string
	}{
		{"no Config", nil, app1, []string{"Allow-Origin: *"}},
		{"no Config, no origin", nil, "", []string{"Allow-Origin: *"}},
		{"no Config, null", nil, "null", []string{"Allow-Origin: *"}},
		{"exact", []cors.Config{exact}, app2, []string{"Allow-Origin: " + app2, "Vary: Origin"}},
		{"other", []cors.Config{exact}, "https://evil.example", []string{"Vary: Origin"}},
		{"other scheme", []cors.Config{exact}, "http://app.example.com", []string{"Vary: Origin"}},
		{"other port", []cors.Config{exact}, app1 + ":8443", []string{"Vary: Origin"}},
		{"other case", []cors.Config{exact}, "https://App.example.com", []string{"Vary: Origin"}},
		{"none", []cors.Config{exact}, "", []string{"Vary: Origin"}},
		{"null", []cors.Config{exact}, "null", []string{"Vary: Origin"}},
		{"null by name", []cors.Config{{AllowOrigins: []string{"null"}}}, "null", []string{"Allow-Origin: null", "Vary: Origin"}},
		{"written in capitals, with the port", []cors.Config{{AllowOrigins: []string{"HTTPS://APP.example.com:443"}}}, app1, []string{"Allow-Origin: " + app1, "Vary: Origin"}},
		{"below", []cors.Config{{AllowOrigins: []string{"https://*.example.com"}}}, app1, []string{"Allow-Origin: " + app1, "Vary: Origin"}},
		{"deep below", []cors.Config{{AllowOrigins: []string{"https://*.example.com"}}}, "https://a.b.example.com", []string{"Allow-Origin: https://a.b.example.com", "Vary: Origin"}},
		{"below, with a port", []cors.Config{{AllowOrigins: []string{"http://*.localhost:3000"}}}, "http://a.localhost:3000", []string{"Allow-Origin: http://a.localhost:3000", "Vary: Origin"}},
		{"below, without its port", []cors.Config{{AllowOrigins: []string{"http://*.localhost:3000"}}}, "http://a.localhost", []string{"Vary: Origin"}},
		{"not below itself", []cors.Config{{AllowOrigins: []string{"https://*.example.com"}}}, "https://example.com", []string{"Vary: Origin"}},
		{"credentials", []cors.Config{{AllowOrigins: exact.AllowOrigins, AllowCredentials: true}}, app1, []string{"Allow-Origin: " + app1, "Allow-Credentials: true", "Vary: Origin"}},
		{"credentials, other", []cors.Config{{AllowOrigins: exact.AllowOrigins, AllowCredentials: true}}, "https://evil.example", []string{"Vary: Origin"}},
		{"exposed", []cors.Config{{AllowOrigins: exact.AllowOrigins, ExposeHeaders: []string{"X-Total", "ETag"}}}, app1, []string{"Allow-Origin: " + app1, "Expose-Headers: X-Total, ETag", "Vary: Origin"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := geisttest.New(t, served(cors.New(tt.config...))).GET("/hello")
			if tt.origin != "" {
				r.Header("Origin", tt.origin)
			}
			want(t, r.Do().Status(200).BodyIs("hello"), tt.want...)
		})
	}
}

func TestNew_preflight(t *testing.T) {
	const vary = "Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
	methods, headers := "Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE", "Allow-Headers: Content-Type"
	exact := []string{app1}
	for _, tt := range []struct {
		name   string
		config []cors.Config
		origin string
		status int
		want   []string
	}{
		{"no Config", nil, app1, 204, []string{"Allow-Origin: *", methods, headers, "Vary: Access-Control-Request-Method, Access-Control-Request-Headers"}},
		{"exact", []cors.Config{{AllowOrigins: exact}}, app1, 204, []string{"Allow-Origin: " + app1, methods, headers, vary}},
		{"other", []cors.Config{{AllowOrigins: exact}}, app2, 403, []string{vary}},
		{"null", []cors.Config{{AllowOrigins: exact}}, "null", 403, []string{vary}},
		{
			"all settings",
			[]cors.Config{{
				AllowOrigins: exact, AllowCredentials: true, MaxAge: 90 * time.Second, ExposeHeaders: []string{"ETag"},
				AllowMethods: []string{"PUT", "PURGE"}, AllowHeaders: []string{"Authorization", "X-Token"},
			}}, app1, 204,
			[]string{"Allow-Origin: " + app1, "Allow-Credentials: true", "Max-Age: 90", "Allow-Methods: PUT, PURGE", "Allow-Headers: Authorization, X-Token", vary},
		},
		{"never kept", []cors.Config{{AllowOrigins: exact, MaxAge: -1}}, app1, 204, []string{"Allow-Origin: " + app1, "Max-Age: 0", methods, headers, vary}},
		{
			"stars", []cors.Config{{AllowOrigins: exact, AllowMethods: []string{"*"}, AllowHeaders: []string{"*", "Authorization"}}}, app1, 204,
			[]string{"Allow-Origin: " + app1, "Allow-Methods: *", "Allow-Headers: *, Authorization", vary},
		},
		{"private network, not asked for", []cors.Config{{AllowOrigins: exact, AllowPrivateNetwork: true}}, app1, 204, []string{"Allow-Origin: " + app1, methods, headers, vary + ", Access-Control-Request-Private-Network"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client := geisttest.New(t, served(cors.New(tt.config...)))
			resp := ask(client, "/hello", tt.origin, "PUT").Do().Status(tt.status)
			want(t, resp, tt.want...)
			if tt.status == 204 {
				resp.BodyIs("")
			}
		})
	}
}

func TestNew_privateNetwork(t *testing.T) {
	const field = "Access-Control-Allow-Private-Network"
	for _, allowed := range []bool{true, false} {
		client := geisttest.New(t, served(cors.New(cors.Config{AllowOrigins: []string{app1}, AllowPrivateNetwork: allowed})))
		preflight := func(origin string) *geisttest.Response {
			return ask(client, "/hello", origin, "GET").Header("Access-Control-Request-Private-Network", "true").Do()
		}
		if got := preflight(app1).Status(204).Header(field); (got == "true") != allowed {
			t.Errorf("allowed %v: %s = %q", allowed, field, got)
		}
		preflight(app2).Status(403).NoHeader(field)
	}
}

// TestNew_whatIsNoPreflight: OPTIONS without what makes a preflight reaches its endpoint.
func TestNew_whatIsNoPreflight(t *testing.T) {
	app := served(cors.New(cors.Config{AllowOrigins: []string{app1}}))
	app.OPTIONS("/options", func(c *geist.Ctx) error { return c.Text(200, "options") })
	client := geisttest.New(t, app)
	client.OPTIONS("/options").Do().Status(200).BodyIs("options")
	client.OPTIONS("/options").Header("Origin", app1).Do().Status(200).BodyIs("options")
	client.OPTIONS("/options").Header("Access-Control-Request-Method", "GET").Do().Status(200).BodyIs("options")
	ask(client, "/options", "", "GET").Do().Status(200).BodyIs("options")
	ask(client, "/options", app1, "").Do().Status(200).BodyIs("options")
	ask(client, "/options", app1, "GET").Do().Status(204).BodyIs("")
	client.POST("/hello").Header("Origin", app1).Header("Access-Control-Request-Method", "GET").Do().Status(405)
}

// TestNew_preflightWithoutRoute: a preflight is answered whether its path has a route or
// not, under engines and groups alike.
func TestNew_preflightWithoutRoute(t *testing.T) {
	app := quiet()
	api := app.Group("/api", cors.New(cors.Config{AllowOrigins: []string{app1}}))
	api.GET("/users/:id", func(c *geist.Ctx) error { return c.Text(200, "") })
	api.GET("/files/", func(c *geist.Ctx) error { return c.Text(200, "") })
	client := geisttest.New(t, app)
	for _, path := range []string{"/api/users/7", "/api/nowhere", "/api/users/7/", "/api/files", "/api/users//7"} {
		ask(client, path, app1, "GET").Do().Status(204).HasHeader("Access-Control-Allow-Origin", app1)
	}
	ask(client, "/elsewhere", app1, "GET").Do().Status(404).NoHeader("Access-Control-Allow-Origin")
}

// TestNew_notFound: the fields stay on every answer that is no success.
func TestNew_notFound(t *testing.T) {
	client := geisttest.New(t, served(cors.New(cors.Config{AllowOrigins: []string{app1}})))
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/nowhere", 404}, {"DELETE", "/hello", 405}, {"OPTIONS", "/hello", 204}, {"GET", "/hello/", 308},
		{"GET", "/fails", 409}, {"GET", "/panics", 500}, {"HEAD", "/hello", 200},
	} {
		resp := client.Request(tt.method, tt.path).Header("Origin", app1).Do().Status(tt.status)
		want(t, resp, "Allow-Origin: "+app1, "Vary: Origin")
		want(t, client.Request(tt.method, tt.path).Do().Status(tt.status), "Vary: Origin")
	}
}

func TestNew_varyIsAdded(t *testing.T) {
	app := served(func(c *geist.Ctx) error {
		c.AddHeader("Vary", "Accept-Encoding")
		return c.Next()
	}, cors.New(cors.Config{AllowOrigins: []string{app1}}))
	client := geisttest.New(t, app)
	want(t, client.GET("/hello").Do(), "Vary: Accept-Encoding | Origin")
	want(t, ask(client, "/hello", app1, "GET").Do(), "Allow-Origin: "+app1, "Allow-Headers: Content-Type",
		"Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE",
		"Vary: Accept-Encoding | Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
}

// TestNew_varyStays: an endpoint that sets Vary does not take Origin away, nor does a panic.
func TestNew_varyStays(t *testing.T) {
	mw := cors.New(cors.Config{AllowOrigins: []string{app1}})
	client := geisttest.New(t, served(mw))
	want(t, client.GET("/varies").Do().Status(200), "Vary: Accept-Language | Origin")
	panics := geisttest.New(t, served(mw, func(*geist.Ctx) error { panic("no") }))
	want(t, panics.GET("/hello").Do().Status(500), "Vary: Origin")
}

// TestNew_groupDecides: what an engine allows, a group takes back.
func TestNew_groupDecides(t *testing.T) {
	outer := cors.Config{AllowOrigins: []string{app1, app2}, AllowCredentials: true, ExposeHeaders: []string{"ETag"}}
	app := quiet(cors.New(outer))
	text := func(c *geist.Ctx) error { return c.Text(200, "") }
	app.Group("/admin", cors.New(cors.Config{AllowOrigins: []string{app1}})).GET("/x", text)
	app.Group("/public", cors.New()).GET("/x", text)
	client := geisttest.New(t, app)
	want(t, client.GET("/admin/x").Header("Origin", app2).Do().Status(200), "Vary: Origin")
	want(t, client.GET("/admin/x").Header("Origin", app1).Do().Status(200), "Allow-Origin: "+app1, "Vary: Origin")
	want(t, client.GET("/public/x").Header("Origin", app1).Do().Status(200), "Allow-Origin: *", "Vary: Origin")
}

func TestConfig_allowOriginFunc(t *testing.T) {
	var asked []string
	client := geisttest.New(t, served(cors.New(cors.Config{
		AllowOrigins: []string{app1},
		AllowOriginFunc: func(c *geist.Ctx, origin string) bool {
			asked = append(asked, origin)
			return c.Header("X-Tenant") != "" && origin == app2
		},
	})))
	for _, origin := range []string{app1, "", "null", "*", "https://two.example.com/", "https://two.example.com:443", "HTTPS://two.example.com", app2 + "\x7f", strings.Repeat("a", 600) + "://a.example"} {
		if got := client.GET("/hello").Header("Origin", origin).Do().Header("Access-Control-Allow-Origin"); got != "" && got != app1 {
			t.Errorf("origin %q: allowed %q", origin, got)
		}
	}
	if len(asked) > 0 {
		t.Errorf("asked about %q, want nothing", asked)
	}
	client.GET("/hello").Header("Origin", app2).Do().NoHeader("Access-Control-Allow-Origin")
	client.GET("/hello").Header("Origin", app2).Header("X-Tenant", "7").Do().HasHeader("Access-Control-Allow-Origin", app2)
}

func TestNew_copiesItsConfig(t *testing.T) {
	origins := []string{app1}
	mw := cors.New(cors.Config{AllowOrigins: origins})
	origins[0] = app2
	geisttest.New(t, served(mw)).GET("/hello").Header("Origin", app2).Do().NoHeader("Access-Control-Allow-Origin")
}

func TestNew_websocket(t *testing.T) {
	app := quiet(cors.New(cors.Config{AllowOrigins: []string{app1}}))
	socket := func(_ *geist.Ctx, ws *geist.Conn) error { return ws.Write(geist.TextMessage, []byte("hello")) }
	app.WS("/own", socket)
	app.WS("/open", socket, geist.Origins("https://evil.example"))
	client := geisttest.New(t, app)
	client.GET("/own").Handshake().Header("Origin", app1).Do().Status(403) // CORS lets nobody in
	client.GET("/open").Header("Origin", "https://evil.example").WS().Next().Text("hello")
	client.GET("/own").WS().Next().Text("hello")
}

func TestNew_stream(t *testing.T) {
	app := quiet(cors.New(cors.Config{AllowOrigins: []string{app1}, AllowCredentials: true}))
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
		n, err := io.Copy(io.Discard, c.BodyReader())
		if err != nil || n != 5 {
			return geist.NewError(400, "no")
		}
		return c.Text(200, "hello")
	}).Doc(geist.StreamBody())
	app.GET("/nethttp", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "hello")
		w.(http.Flusher).Flush()
	})))
	client := geisttest.New(t, app)
	events := client.GET("/events").Header("Origin", app1).SSE()
	events.Next().Is("message", "1")
	lines := []string{"Allow-Origin: " + app1, "Allow-Credentials: true", "Vary: Origin"}
	want(t, events.Response(), lines...)
	want(t, client.GET("/stream").Header("Origin", app1).Do().BodyIs("hello"), lines...)
	want(t, client.POST("/body").Header("Origin", app1).BodyString("12345").Do().BodyIs("hello"), lines...)
	want(t, client.GET("/nethttp").Header("Origin", app1).Do().BodyIs("hello"), lines...)
}

func TestNew_httpHandler(t *testing.T) {
	h := served(cors.New(cors.Config{AllowOrigins: []string{app1}})).HTTPHandler()
	r := httptest.NewRequest("OPTIONS", "/hello", nil)
	r.Header.Set("Origin", app1)
	r.Header.Set("Access-Control-Request-Method", "PUT")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != 204 || w.Header().Get("Access-Control-Allow-Origin") != app1 {
		t.Errorf("the answer is %d, %v", w.Code, w.Header())
	}
}
