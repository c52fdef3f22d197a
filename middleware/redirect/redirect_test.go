package redirect

import (
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// newApp has a route for everything below /here, behind the redirects.
func newApp(conf Config) *geist.Engine {
	app := geist.New(geist.Config{TrustedProxies: []string{"192.0.2.1"}})
	app.Use(New(conf))
	app.GET("/here/*path", func(c *geist.Ctx) error { return c.Text(200, "here") })
	app.WS("/ws", func(_ *geist.Ctx, ws *geist.Conn) error { return ws.Write(geist.TextMessage, []byte("hi")) })
	app.SSE("/sse", func(_ *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error { return s.Send(geist.Event{Data: []byte("hi")}) })
	})
	return app
}

func TestNew_rules(t *testing.T) {
	conf := Config{Rules: []Rule{
		{From: "/blog/:id", To: "/posts/:id"},
		{From: "/found/:id", To: "/here/:id", Status: 302},
		{From: "/moved/:id", To: "/here/:id", Status: 301},
		{From: "/temp/:id", To: "/here/:id", Status: 307},
		{From: "/docs/*path", To: "https://docs.example.com:8443/v1/*path"},
		{From: "/root", To: "http://www.example.com"},
		{From: "/search/:id", To: "/here/s?v=2"},
	}}
	for _, tt := range []struct {
		method, target string
		status         int
		location       string
	}{
		{"GET", "/blog/7", 308, "/posts/7"},
		{"GET", "/blog/7?a=1&b=%20", 308, "/posts/7?a=1&b=%20"},
		{"GET", "/blog/a%2Fb", 308, "/posts/a%2Fb"},
		{"GET", `/blog/7?a=\b"<>`, 308, "/posts/7?a=%5Cb%22%3C%3E"},
		{"HEAD", "/blog/7", 308, "/posts/7"},
		{"POST", "/blog/7", 308, "/posts/7"},
		{"OPTIONS", "/blog/7", 404, ""},
		{"OPTIONS", "*", 204, ""},
		{"GET", "/found/7", 302, "/here/7"},
		{"POST", "/found/7", 404, ""},
		{"GET", "/moved/7", 301, "/here/7"},
		{"DELETE", "/moved/7", 404, ""},
		{"POST", "/temp/7", 307, "/here/7"},
		{"GET", "/docs/a/b?q=1", 308, "https://docs.example.com:8443/v1/a/b?q=1"},
		{"GET", "/root", 308, "http://www.example.com/"},
		{"GET", "/search/x", 308, "/here/s?v=2"},
		{"GET", "/search/x?q=1", 308, "/here/s?v=2&q=1"},
		{"GET", "/here/x", 200, ""},
		{"POST", "/here/x", 405, ""},
		{"GET", "/blog/", 404, ""},
		{"GET", "/nowhere", 404, ""},
	} {
		res := geisttest.New(t, newApp(conf)).Request(tt.method, tt.target).Do().Status(tt.status)
		if got := res.Header("Location"); got != tt.location {
			t.Errorf("%s %s: Location = %q, want %q", tt.method, tt.target, got, tt.location)
		}
	}
}

func TestNew_origins(t *testing.T) {
	all := Config{HTTPS: true, Hosts: []string{"Example.com", "*.shops.example.com", "local.example:8443"}, Aliases: map[string]string{"www.example.com": "example.com"}}
	apex := Config{Aliases: map[string]string{"www.example.com": "example.com:8080"}}
	for _, tt := range []struct {
		conf               Config
		scheme, host, path string
		status             int
		location           string
	}{
		{all, "http", "example.com", "/here/x?q=1", 308, "https://example.com/here/x?q=1"},
		{all, "http", "example.com:80", "/here/x", 308, "https://example.com/here/x"},
		{all, "http", "EXAMPLE.com.", "/here/x", 308, "https://example.com/here/x"},
		{all, "http", "www.example.com", "/here/x", 308, "https://example.com/here/x"},
		{all, "http", "a.b.shops.example.com", "/", 308, "https://a.b.shops.example.com/"},
		{all, "http", "shops.example.com", "/", 421, ""},
		{all, "http", "local.example", "/", 308, "https://local.example:8443/"},
		{all, "http", "evil.example", "/here/x", 421, ""},
		{all, "http", "example.com.evil.example", "/here/x", 421, ""},
		{all, "http", "evilexample.com", "/here/x", 421, ""},
		{all, "https", "example.com", "/here/x", 200, ""},
		{all, "https", "www.example.com", "/here/x", 308, "https://example.com/here/x"},
		{all, "https", "other.example", "/here/x", 200, ""},
		{all, "http", "example.com", "//evil.example/x", 308, "https://example.com//evil.example/x"},
		{all, "http", "example.com", `/\evil.example`, 308, "https://example.com/%5Cevil.example"},
		{apex, "http", "www.example.com", "/here/x", 308, "http://example.com:8080/here/x"},
		{apex, "https", "www.example.com", "/here/x", 308, "https://example.com:8080/here/x"},
		{apex, "http", "example.com", "/here/x", 200, ""},
		{Config{HTTPS: true, Hosts: []string{"a.example"}, Status: 307}, "http", "a.example", "/", 307, "https://a.example/"},
	} {
		res := geisttest.New(t, newApp(tt.conf)).GET(tt.path).Host(tt.host).RemoteAddr("192.0.2.1:1").Header("X-Forwarded-Proto", tt.scheme).Do().Status(tt.status)
		if got := res.Header("Location"); got != tt.location {
			t.Errorf("%s://%s%s: Location = %q, want %q", tt.scheme, tt.host, tt.path, got, tt.location)
		}
	}
}

func TestNew_everyRequestToHTTPS(t *testing.T) {
	c := geisttest.New(t, newApp(Config{HTTPS: true, Hosts: []string{"example.com"}}))
	for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS", "DELETE"} {
		c.Request(method, "/here/x").Host("example.com").Do().Status(308).HasHeader("Location", "https://example.com/here/x")
	}
	c.OPTIONS("*").Host("example.com").Do().Status(308).HasHeader("Location", "https://example.com/")
}

func TestNew_notFound(t *testing.T) {
	c := geisttest.New(t, newApp(Config{Rules: []Rule{{From: "/gone", To: "/here/now"}}}))
	c.GET("/gone").Do().Status(308).HasHeader("Location", "/here/now")
	c.GET("/other").Do().Status(404).NoHeader("Location")
	c.GET("/here/x/").Do().Status(200)
}

func TestNew_websocket(t *testing.T) {
	c := geisttest.New(t, newApp(Config{Rules: []Rule{{From: "/live", To: "/ws"}}}))
	ws := c.WS("/ws")
	ws.Next().Text("hi")
	ws.Closed(1000)
	c.GET("/live").Handshake().Do().Status(308).HasHeader("Location", "/ws")
	secure := geisttest.New(t, newApp(Config{HTTPS: true, Hosts: []string{"example.com"}}))
	secure.GET("/ws").Host("example.com").Handshake().Do().Status(308)
}

func TestNew_stream(t *testing.T) {
	c := geisttest.New(t, newApp(Config{Rules: []Rule{{From: "/live", To: "/sse"}}}))
	c.SSE("/sse").Next().Is("message", "hi")
	c.GET("/live").Header("Accept", "text/event-stream").Do().Status(308).HasHeader("Location", "/sse")
}

// TestNew_body holds that a body is not asked for that would only be redirected.
func TestNew_body(t *testing.T) {
	conn := geisttest.New(t, newApp(Config{Rules: []Rule{{From: "/a", To: "/b"}}})).Dial()
	defer conn.Close()
	if _, err := conn.Write([]byte("POST /a?q HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 12)
	if _, err := conn.Read(head); err != nil || string(head) != "HTTP/1.1 308" {
		t.Errorf("the answer begins with %q (%v), want 308 without 100 Continue", head, err)
	}
}

func TestNew_panics(t *testing.T) {
	rule := func(from, to string, status int) Config { return Config{Rules: []Rule{{from, to, status}}} }
	for name, tt := range map[string]struct {
		conf Config
		want string
	}{
		"nothing":            {Config{}, "redirects nothing"},
		"https to anybody":   {Config{HTTPS: true}, "Config.HTTPS without Hosts"},
		"https to *":         {Config{HTTPS: true, Hosts: []string{"*"}}, "is no host"},
		"https below a TLD":  {Config{HTTPS: true, Hosts: []string{"*.com"}}, "has a dot"},
		"https to a URL":     {Config{HTTPS: true, Hosts: []string{"https://a.example"}}, "is no host"},
		"https below a port": {Config{HTTPS: true, Hosts: []string{"*.a.example:1"}}, "has a dot"},
		"hosts alone":        {Config{Hosts: []string{"a.example"}, Rules: []Rule{{From: "/a", To: "/b"}}}, "says nothing"},
		"status":             {Config{HTTPS: true, Hosts: []string{"a.example"}, Status: 301}, "GET of POST"},
		"alias with a port":  {Config{Aliases: map[string]string{"a.example:80": "b.example"}}, "without port"},
		"alias of a path":    {Config{Aliases: map[string]string{"a.example": "b.example/x"}}, "without port"},
		"alias of an alias":  {Config{Aliases: map[string]string{"a.example": "b.example", "b.example": "c.example"}}, "is an alias"},
		"alias of itself":    {Config{Aliases: map[string]string{"a.example": "A.example:8080"}}, "is an alias"},
		"rule status":        {rule("/a", "/b", 303), "use 301, 302, 307 or 308"},
		"rule to //":         {rule("/a", "//b.example", 0), "is no path"},
		"rule to /\\":        {rule("/a", `/\b.example`, 0), "is no path"},
		"rule to a scheme":   {rule("/a", "javascript://b.example/", 0), "is no path"},
		"captured host":      {rule("/a/:h", "https://:h/x", 0), "is no host"},
		"captured label":     {rule("/a/:h", "https://:h.example/x", 0), "is no host"},
		"captured user":      {rule("/a/:h", "https://b.example@:h/x", 0), "is no host"},
		"captured query":     {rule("/a/:h", "/x#:h", 0), "is no path"},
		"query":              {rule("/a", "/x?a b", 0), "is not escaped"},
		"loop":               {rule("/a/*p", "/a/b/*p", 0), "without end"},
		"own loop":           {rule("/a/:p", "/a/:p", 0), "without end"},
		"circle":             {Config{Rules: []Rule{{From: "/a", To: "/b"}, {From: "/b", To: "/a"}}}, "without end"},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if v, _ := recover().(string); !strings.Contains(v, tt.want) {
					t.Errorf("panic = %q, want one with %q", v, tt.want)
				}
			}()
			New(tt.conf)
		})
	}
	defer func() {
		if recover() == nil {
			t.Error("two Configs do not panic")
		}
	}()
	New(rule("/a", "/b", 0), Config{})
}

func BenchmarkNew(b *testing.B) {
	conf := Config{Aliases: map[string]string{"www.example.com": "example.com"}, Rules: []Rule{{From: "/old/*path", To: "/here/*path"}, {From: "/v1/:id", To: "/here/:id"}}}
	for _, path := range []string{"/here/x", "/v1/7"} {
		b.Run(path, func(b *testing.B) {
			h := newApp(conf).Handler()
			rc := new(fasthttp.RequestCtx)
			b.ReportAllocs()
			for b.Loop() {
				rc.Request.Reset()
				rc.Response.Reset()
				rc.Request.Header.SetMethod("GET")
				rc.Request.SetRequestURI(path)
				rc.Request.Header.SetHost("localhost")
				h(rc)
			}
		})
	}
}
