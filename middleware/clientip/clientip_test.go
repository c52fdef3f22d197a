package clientip_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/middleware/clientip"
)

// proxy is the address of the trusted proxy, and stranger that of somebody else.
const (
	proxy    = "192.0.2.1"
	stranger = "198.51.100.9"
)

// newApp returns an engine whose / answers with what From and ClientIP say.
func newApp(config clientip.Config) *geist.Engine {
	app := geist.New(geist.Config{TrustedProxies: []string{proxy}})
	app.Use(clientip.New(config))
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, told(c)) })
	return app
}

func told(c *geist.Ctx) string {
	addr, ok := clientip.From(c)
	switch ip := c.ClientIP(); {
	case !ok && ip == "":
		return "unknown"
	case ok && addr.String() == ip:
		return ip
	default:
		return "From says " + addr.String() + ", ClientIP " + ip
	}
}

func TestNew_single(t *testing.T) {
	config := clientip.Config{Header: clientip.XRealIP, Trusted: []string{proxy, "10.0.0.0/8", "unix"}}
	for _, tt := range []struct {
		name, peer string
		sent       []string
		want       string
	}{
		{"IPv4", proxy, []string{"203.0.113.7"}, "203.0.113.7"},
		{"IPv6", proxy, []string{"2001:db8::7"}, "2001:db8::7"},
		{"spaces", proxy, []string{"  203.0.113.7 "}, "203.0.113.7"},
		{"port", proxy, []string{"203.0.113.7:4711"}, "203.0.113.7"},
		{"brackets", proxy, []string{"[2001:db8::7]"}, "2001:db8::7"},
		{"brackets and port", proxy, []string{"[2001:db8::7]:443"}, "2001:db8::7"},
		{"IPv4 in IPv6", proxy, []string{"::ffff:203.0.113.7"}, "203.0.113.7"},
		{"zone", proxy, []string{"fe80::1%eth0"}, "fe80::1"},
		{"of a network", "10.1.2.3", []string{"203.0.113.7"}, "203.0.113.7"},
		{"peer in IPv6 form", "::ffff:10.1.2.3", []string{"203.0.113.7"}, "203.0.113.7"},
		{"unix", "unix", []string{"203.0.113.7"}, "203.0.113.7"},
		{"stranger", stranger, []string{"203.0.113.7"}, stranger},
		{"stranger without", stranger, nil, stranger},
		{"missing", proxy, nil, "unknown"},
		{"empty", proxy, []string{""}, "unknown"},
		{"twice", proxy, []string{"203.0.113.7", "203.0.113.8"}, "unknown"},
		{"list", proxy, []string{"203.0.113.7, 203.0.113.8"}, "unknown"},
		{"unspecified", proxy, []string{"0.0.0.0"}, "unknown"},
		{"unspecified IPv6", proxy, []string{"::"}, "unknown"},
		{"IPv4 in brackets", proxy, []string{"[203.0.113.7]"}, "unknown"},
		{"open bracket", proxy, []string{"[2001:db8::7"}, "unknown"},
		{"text behind brackets", proxy, []string{"[2001:db8::7]443"}, "unknown"},
		{"closing bracket", proxy, []string{"2001:db8::7]"}, "unknown"},
		{"no port behind the colon", proxy, []string{"203.0.113.7:"}, "unknown"},
		{"port too large", proxy, []string{"203.0.113.7:65536"}, "unknown"},
		{"port of text", proxy, []string{"203.0.113.7:http"}, "unknown"},
		{"octal", proxy, []string{"0177.0.0.1"}, "unknown"},
		{"number", proxy, []string{"2130706433"}, "unknown"},
		{"name", proxy, []string{"localhost"}, "unknown"},
		{"garbage", proxy, []string{"\x80\xff<script>"}, "unknown"},
		{"long", proxy, []string{strings.Repeat("1", 10_000)}, "unknown"},
		{"long zone", proxy, []string{"fe80::1%" + strings.Repeat("z", 10_000)}, "unknown"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := geisttest.New(t, newApp(config)).GET("/").RemoteAddr(tt.peer)
			for _, v := range tt.sent {
				r.Header("X-Real-IP", v)
			}
			r.Do().Status(200).BodyIs(tt.want)
		})
	}
}

func TestNew_forwarded(t *testing.T) {
	config := clientip.Config{Header: "forwarded", Trusted: []string{proxy, "10.0.0.0/8", "2001:db8:1::/48"}}
	for _, tt := range []struct {
		name string
		sent []string
		want string
	}{
		{"one", []string{"for=203.0.113.7"}, "203.0.113.7"},
		{"quoted, with others", []string{`proto=https;For="203.0.113.7:80";by=_x`}, "203.0.113.7"},
		{"IPv6", []string{`for="[2001:db8::7]:4711"`}, "2001:db8::7"},
		{"unquoted IPv6", []string{`for=[2001:db8::7]`}, "2001:db8::7"},
		{"the last counts", []string{"for=1.1.1.1, for=203.0.113.7"}, "203.0.113.7"},
		{"trusted are passed over", []string{`for=1.1.1.1,for=203.0.113.7 , for="[2001:db8:1::5]";by=x,for=10.0.0.1`}, "203.0.113.7"},
		{"several fields", []string{"for=203.0.113.7", "for=10.0.0.1, for=10.0.0.2"}, "203.0.113.7"},
		{"all trusted", []string{"for=10.0.0.2, for=10.0.0.1"}, "10.0.0.2"},
		{"empty elements", []string{"for=203.0.113.7, ,", ""}, "203.0.113.7"},
		{"garbage before it", []string{`for="never closed, for=\, =;, for=203.0.113.7`}, "203.0.113.7"},
		{"space behind semicolon", []string{"for=203.0.113.7; proto=https;"}, "203.0.113.7"},
		{"none", nil, "unknown"},
		{"empty", []string{""}, "unknown"},
		{"unknown", []string{"for=1.1.1.1, for=unknown"}, "unknown"},
		{"obfuscated", []string{"for=1.1.1.1, for=_hidden"}, "unknown"},
		{"no for", []string{"for=1.1.1.1, proto=https"}, "unknown"},
		{"two for", []string{"for=1.1.1.1;for=203.0.113.7"}, "unknown"},
		{"garbage behind", []string{"for=1.1.1.1, ???"}, "unknown"},
		{"no value", []string{"for=1.1.1.1, for="}, "unknown"},
		{"no name", []string{"=1.1.1.1"}, "unknown"},
		{"space around the sign", []string{"for = 1.1.1.1"}, "unknown"},
		{"not closed", []string{`for="1.1.1.1`}, "unknown"},
		{"text behind quotes", []string{`for="1.1.1.1"x`}, "unknown"},
		{"parameter behind quotes", []string{`for="1.1.1.1"x=y`}, "unknown"},
		{"escape in the address", []string{`for="1.1.1\.1"`}, "unknown"},
		{"comma in quotes", []string{`for=203.0.113.7;host="x, for=9.9.9.9"`}, "unknown"},
		{"comma in quotes, quote at the end", []string{`for=203.0.113.7;host="x, for=9.9.9.9;y="`}, "unknown"},
		{"comma in quotes, escapes", []string{`for=203.0.113.7;host="x, for=9.9.9.9;y=\"z"`}, "unknown"},
		{"comma in quotes, parameters behind", []string{`for=203.0.113.7;host="x, for=9.9.9.9;y=";proto="https"`}, "unknown"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := geisttest.New(t, newApp(config)).GET("/")
			for _, v := range tt.sent {
				r.Header("Forwarded", v)
			}
			r.Do().Status(200).BodyIs(tt.want)
		})
	}
}

// TestNew_engine: without a Header the engine's own rules hold.
func TestNew_engine(t *testing.T) {
	client := geisttest.New(t, newApp(clientip.Config{}))
	client.GET("/").Header("X-Forwarded-For", "203.0.113.7").Do().BodyIs("203.0.113.7")
	client.GET("/").RemoteAddr(stranger).Header("X-Forwarded-For", "203.0.113.7").Do().BodyIs(stranger)
	client.GET("/").RemoteAddr("unix").Do().BodyIs("unknown")
}

func TestConfig_lists(t *testing.T) {
	for _, tt := range []struct {
		name        string
		allow, deny []string
		addr        string
		want        int
	}{
		{"none", nil, nil, "203.0.113.7", 200},
		{"allowed", []string{"203.0.113.0/24"}, nil, "203.0.113.7", 200},
		{"not allowed", []string{"203.0.113.0/24"}, nil, "203.0.114.7", 403},
		{"single", []string{"2001:db8::7"}, nil, "2001:db8::7", 200},
		{"IPv4 in IPv6", []string{"::ffff:203.0.113.0/120"}, nil, "::ffff:203.0.113.7", 200},
		{"denied", nil, []string{"203.0.113.7"}, "203.0.113.7", 403},
		{"denied in IPv6 form", nil, []string{"203.0.113.7"}, "::ffff:203.0.113.7", 403},
		{"not denied", nil, []string{"203.0.113.7"}, "203.0.113.8", 200},
		{"deny wins", []string{"203.0.113.0/24"}, []string{"203.0.113.7"}, "203.0.113.7", 403},
		{"unknown, none", nil, nil, "garbage", 200},
		{"unknown, allow", []string{"0.0.0.0/0", "::/0"}, nil, "garbage", 403},
		{"unknown, deny", nil, []string{"203.0.113.7"}, "garbage", 403},
	} {
		t.Run(tt.name, func(t *testing.T) {
			app := newApp(clientip.Config{Header: clientip.XRealIP, Trusted: []string{proxy}, Allow: tt.allow, Deny: tt.deny})
			r := geisttest.New(t, app).GET("/").Header("X-Real-IP", tt.addr).Do().Status(tt.want)
			if tt.want == 403 && strings.Contains(r.Text(), tt.addr) {
				t.Errorf("the answer repeats the address: %s", r.Text())
			}
		})
	}
}

func TestNew_config(t *testing.T) {
	trusted := []string{proxy}
	for name, config := range map[string]clientip.Config{
		"X-Forwarded-For":      {Header: "x-forwarded-for", Trusted: trusted},
		"nobody trusted":       {Header: clientip.XRealIP},
		"trusted, no header":   {Trusted: trusted},
		"everybody trusted":    {Header: clientip.XRealIP, Trusted: []string{"0.0.0.0/0"}},
		"everybody of IPv6":    {Header: clientip.XRealIP, Trusted: []string{"::/0"}},
		"a name is trusted":    {Header: clientip.XRealIP, Trusted: []string{"localhost"}},
		"allow is not CIDR":    {Allow: []string{"10.0.0.0/33"}},
		"deny is not CIDR":     {Deny: []string{"10.0.0"}},
		"unix in another list": {Deny: []string{"unix"}},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if s, _ := recover().(string); !strings.HasPrefix(s, "clientip: Config.") {
					t.Errorf("panic = %q, want one that names the field", s)
				}
			}()
			clientip.New(config)
		})
	}
	t.Run("slices are copied", func(t *testing.T) {
		deny := []string{"203.0.113.7"}
		app := newApp(clientip.Config{Deny: deny})
		deny[0] = "203.0.113.8"
		geisttest.New(t, app).GET("/").RemoteAddr("203.0.113.7").Do().Status(403)
	})
}

func TestNew_notFound(t *testing.T) {
	app := newApp(clientip.Config{Deny: []string{stranger}})
	app.NotFound(func(c *geist.Ctx) error { return c.Text(404, told(c)) })
	client := geisttest.New(t, app)
	client.GET("/nowhere").Do().Status(404).BodyIs(proxy)
	client.GET("/nowhere").RemoteAddr(stranger).Do().Status(403)
	client.DELETE("/").RemoteAddr(stranger).Do().Status(403)
	client.OPTIONS("/").RemoteAddr(stranger).Do().Status(403)
	client.HEAD("/").RemoteAddr(stranger).Do().Status(403)
}

func TestNew_websocket(t *testing.T) {
	app := newApp(clientip.Config{Header: clientip.XRealIP, Trusted: []string{proxy}, Deny: []string{stranger}})
	app.WS("/ws", func(c *geist.Ctx, ws *geist.Conn) error {
		if _, err := ws.Read(); err != nil {
			return err
		}
		return ws.Write(geist.TextMessage, []byte(told(c)))
	})
	client := geisttest.New(t, app)
	ws := client.GET("/ws").Header("X-Real-IP", "203.0.113.7").WS()
	ws.Send("who").Next().Text("203.0.113.7")
	client.GET("/ws").Handshake().Header("X-Real-IP", stranger).Do().Status(403)
}

func TestNew_stream(t *testing.T) {
	h := hub.New(hub.Config{})
	app := newApp(clientip.Config{Header: clientip.XRealIP, Trusted: []string{proxy}, Deny: []string{stranger}})
	app.SSE("/run", func(c *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error { return s.Send(geist.Event{Data: []byte(told(c))}) })
	})
	app.SSE("/follow", func(_ *geist.Ctx, s *geist.Stream) error { return s.Follow(h, "news") })
	client := geisttest.New(t, app)
	client.GET("/run").Header("X-Real-IP", "203.0.113.7").SSE().Next().Is("message", "203.0.113.7")
	client.GET("/follow").Header("X-Real-IP", stranger).Do().Status(403)
}

// TestNew_insideNetHTTP: the connection is one of net/http's server.
func TestNew_insideNetHTTP(t *testing.T) {
	app := newApp(clientip.Config{Header: clientip.XRealIP, Trusted: []string{proxy}})
	h := app.HTTPHandler()
	for peer, want := range map[string]string{proxy + ":1": "203.0.113.7", stranger + ":1": stranger} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = peer
		r.Header.Set("X-Real-IP", "203.0.113.7")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Body.String() != want {
			t.Errorf("from %s: %d %q, want %q", peer, w.Code, w.Body, want)
		}
	}
}
