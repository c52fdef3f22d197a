package geist_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/internal/wsproto"
)

const roomHello = `["hello",{"session":"vectors-session-1"}]`

func TestRooms_answersOfHTTP(t *testing.T) {
	c := newRooms(t, newRoomHub(), openPolicy())
	stream := openRoom(t, c, "events", "/rt")
	post := func() *geisttest.Request {
		return c.POST("/rt").Header("Geist-Stream", stream.key).Header("Content-Type", "application/json")
	}
	for name, r := range map[string]struct {
		req    *geisttest.Request
		status int
	}{
		"neither":               {c.GET("/rt"), 426},
		"HEAD of neither":       {c.HEAD("/rt"), 426},
		"HEAD of the stream":    {c.HEAD("/rt").Header("Accept", "text/event-stream"), 200},
		"another method":        {c.PUT("/rt"), 405},
		"another path":          {c.GET("/rt/x"), 404},
		"another version":       {c.GET("/rt?protocol=geist.v2").Header("Accept", "text/event-stream"), 406},
		"POST, another version": {c.POST("/rt?protocol=geist.v2"), 406},
		"POST without a key":    {c.POST("/rt").Header("Content-Type", "application/json").BodyString("[]"), 400},
		"POST, unknown key":     {c.POST("/rt").Header("Geist-Stream", "x").Header("Content-Type", "application/json").BodyString("[]"), 404},
		"POST of a form":        {c.POST("/rt").Header("Geist-Stream", stream.key).Header("Content-Type", "application/x-www-form-urlencoded").BodyString("[]"), 415},
		"POST without a type":   {c.POST("/rt").Header("Geist-Stream", stream.key).BodyString("[]"), 415},
		"POST of no JSON":       {post().BodyString("[["), 400},
		"POST of an object":     {post().BodyString("{}"), 400},
		"POST of nothing":       {post(), 400},
		"POST, too long":        {post().BodyString(`[["ping",1],["ping",2,"` + strings.Repeat("x", 128<<10) + `"]]`), 413},
		"POST":                  {post().BodyString("[]"), 202},
		"POST with a charset":   {post().Header("Content-Type", "Application/JSON; charset=utf-8").BodyString("[]"), 202},
	} {
		resp, err := r.req.DoErr()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if resp.StatusCode != r.status {
			t.Errorf("%s: got %d, want %d", name, resp.StatusCode, r.status)
		}
	}
	c.PUT("/rt").Do().HasHeader("Allow", "GET, HEAD, POST, OPTIONS")
	stream.send(roomHello) // and none of what was refused
	stream.want(`["welcome",{}]`)
	stream.post(`[["ping",1],["ping",2]]`).Status(202)
	stream.want(`["ok",1]`, `["ok",2]`)
	key := stream.key
	stream.cut()
	waitFor(t, "the key is gone", func() bool {
		return c.POST("/rt").Header("Geist-Stream", key).Header("Content-Type", "application/json").BodyString("[]").Do().StatusCode == 404
	})
}

// A key is good on the route that has given it, whose middleware has let the client in.
func TestRooms_keyOfAnotherRoute(t *testing.T) {
	h := newRoomHub()
	app := geist.New()
	open := func(*geist.Ctx) (hub.Policy, error) { return openPolicy(), nil }
	app.Rooms("/a", h, open)
	app.Rooms("/b", h, open)
	c := geisttest.New(t, app)
	a := openRoom(t, c, "events", "/a")
	a.path = "/b"
	a.post("[]").Status(404)
}

func TestRooms_middlewareAndPolicy(t *testing.T) {
	app := geist.New(geist.Config{Logger: discard()})
	var seen []string
	app.Use(func(c *geist.Ctx) error {
		seen = append(seen, c.Method())
		if c.Header("X-Refuse") != "" {
			return geist.NewError(401, "who are you?")
		}
		return c.Next()
	})
	app.Rooms("/rt/:tenant", newRoomHub(), func(c *geist.Ctx) (hub.Policy, error) {
		if c.Param("tenant") == "none" {
			return hub.Policy{}, geist.NewError(403, "no such tenant")
		}
		p := openPolicy()
		p.User = "user of " + c.Param("tenant")
		p.Call = func(_ context.Context, r *hub.CallRequest) ([]byte, error) { // the Ctx lives
			return []byte(`"` + c.Param("tenant") + " " + c.Query("q") + " " + r.Conn.User() + `"`), nil
		}
		return p, nil
	})
	c := geisttest.New(t, app)
	c.GET("/rt/none").Handshake().Do().Status(403)
	c.GET("/rt/none").Header("Accept", "text/event-stream").Do().Status(403)
	c.GET("/rt/a").Header("X-Refuse", "1").Handshake().Do().Status(401)
	for _, way := range roomWays {
		r := openRoom(t, c, way, "/rt/a?q=7")
		r.send(`["hello"]`)
		r.want(`["welcome",{"user":"user of a"}]`)
		r.send(`["call",1,"f"]`)
		r.want(`["ok",1,"a 7 user of a"]`)
		if r.key != "" {
			r.c.POST(r.path).Header("X-Refuse", "1").Header("Geist-Stream", r.key).Header("Content-Type", "application/json").BodyString("[]").Do().Status(401)
		}
		r.cut()
	}
	if !slices.Contains(seen, "POST") {
		t.Errorf("the middleware has seen %v, want POST, too", seen)
	}
}

// TestRooms_prefork: processes that share nothing have no room in common.
func TestRooms_prefork(t *testing.T) {
	check := func(conf hub.Config) error {
		app := geist.New()
		app.Rooms("/rt", hub.New(conf), func(*geist.Ctx) (hub.Policy, error) { return openPolicy(), nil })
		return app.Check()
	}
	var bus hub.Bus
	if err := check(hub.Config{}); err != nil {
		t.Errorf("without prefork: %v", err)
	}
	t.Setenv("GEIST_PREFORK_PARENT", strconv.Itoa(os.Getppid()))
	if err := check(hub.Config{}); err == nil || !strings.Contains(err.Error(), "without a Backplane") {
		t.Errorf("without a Backplane: %v", err)
	}
	if err := check(hub.Config{Backplane: bus.Node()}); err != nil {
		t.Errorf("with a Backplane: %v", err)
	}
}

func TestRooms_check(t *testing.T) {
	policy := func(*geist.Ctx) (hub.Policy, error) { return openPolicy(), nil }
	for name, register := range map[string]func(app *geist.Engine){
		"nil hub":      func(app *geist.Engine) { app.Rooms("/rt", nil, policy) },
		"nil policy":   func(app *geist.Engine) { app.Rooms("/rt", newRoomHub(), nil) },
		"Subprotocols": func(app *geist.Engine) { app.Rooms("/rt", newRoomHub(), policy, geist.Subprotocols("geist.v1")) },
		"conflict": func(app *geist.Engine) {
			app.Rooms("/rt", newRoomHub(), policy)
			app.POST("/rt", (*geist.Ctx).NoContent)
		},
	} {
		app := geist.New()
		register(app)
		if err := app.Check(); err == nil {
			t.Errorf("%s: Check returned nil", name)
		}
	}
	app := geist.New()
	app.Rooms("/rt", newRoomHub(), policy, geist.Origins("*"), geist.Compression(0), geist.BodyLimit(1<<20)).Name("rooms")
	if err := app.Check(); err != nil {
		t.Errorf("Check: %v", err)
	}
	var methods []string
	for _, r := range app.Routes() {
		methods = append(methods, r.Method+" "+r.Pattern)
		if r.Name != "rooms" || !strings.Contains(r.Handler, "TestRooms_check") {
			t.Errorf("got %+v, want the name of the route and of the policy's function", r)
		}
	}
	if want := []string{"GET /rt", "POST /rt"}; !slices.Equal(methods, want) {
		t.Errorf("Routes: got %v, want %v", methods, want)
	}
}

func TestRooms_hooks(t *testing.T) {
	var mu sync.Mutex
	var came int
	gone := make(chan error, len(roomWays))
	app := geist.New()
	app.OnConnect(func(c *geist.Ctx) error {
		if c.Query("full") != "" {
			return geist.NewError(503, "full")
		}
		mu.Lock()
		defer mu.Unlock()
		came++
		return nil
	})
	app.OnDisconnect(func(_ hub.ConnID, err error) { gone <- err })
	h := newRoomHub()
	app.Rooms("/rt", h, func(*geist.Ctx) (hub.Policy, error) { return openPolicy(), nil })
	c := geisttest.New(t, app)
	c.GET("/rt?full=1").Handshake().Do().Status(503)
	c.GET("/rt?full=1").Header("Accept", "text/event-stream").Do().Status(503)
	for _, way := range roomWays {
		r := openRoom(t, c, way, "/rt")
		r.greet(roomHello)
		for range 10 {
			r.send(`["dance"]`)
		}
		r.until(`["bye","bad_frame"]`)
		r.ended(4400)
		if err := <-gone; err == nil {
			t.Errorf("%s: OnDisconnect got nil, want why the connection was ended", way)
		}
	}
	if came != len(roomWays) {
		t.Errorf("OnConnect was called %d times, want %d", came, len(roomWays))
	}
}

// Attach may come before Serve.
func TestConn_Serve_attachedBefore(t *testing.T) {
	h := newRoomHub()
	app := geist.New(geist.Config{Logger: discard()})
	app.WS("/ws", func(c *geist.Ctx, ws *geist.Conn) error {
		if err := h.Attach(ws, hub.As(c.Query("user"))); err != nil {
			return err
		}
		return ws.Serve(h, openPolicy())
	})
	app.SSE("/sse", func(_ *geist.Ctx, s *geist.Stream) error {
		if err := h.Attach(s, hub.As("ada")); err != nil {
			return err
		}
		return s.Serve(h, openPolicy())
	})
	c := geisttest.New(t, app)
	for _, way := range []string{"text", "binary"} {
		r := openRoom(t, c, way, "/ws?user="+way)
		waitFor(t, "the connection is attached", func() bool { // the handshake is answered before
			return h.SendUser(context.Background(), way, hub.Message{Data: []byte("1")}) == nil
		})
		r.want(`["m","",0,1]`)
		r.send(roomHello)
		r.want(`["welcome",{"user":"` + way + `"}]`)
		r.cut()
	}
	c.GET("/sse").Header("Accept", "text/event-stream").Do().Status(500)
}

func TestConn_Serve_misuse(t *testing.T) {
	h := newRoomHub()
	var errs []error
	done := make(chan struct{})
	app := geist.New(geist.Config{Logger: discard()})
	app.WS("/twice", func(_ *geist.Ctx, ws *geist.Conn) error {
		defer close(done)
		errs = append(errs, ws.Serve(nil, openPolicy()), ws.Serve(h, openPolicy()), ws.Serve(h, openPolicy()))
		return nil
	})
	app.SSE("/nil", func(_ *geist.Ctx, s *geist.Stream) error { return s.Serve(nil, openPolicy()) })
	c := geisttest.New(t, app)
	r := openRoom(t, c, "text", "/twice")
	r.greet(roomHello)
	r.ws.Close(1000, "")
	<-done
	if _, ok := errors.AsType[*geist.CloseError](errs[1]); !ok || errs[0] == nil || errs[2] == nil {
		t.Errorf("got %v, want errors, the second a CloseError", errs)
	}
	c.GET("/nil").Header("Accept", "text/event-stream").Do().Status(500)
}

func TestRooms_subprotocols(t *testing.T) {
	c := newRooms(t, newRoomHub(), openPolicy())
	for offer, want := range map[string]string{
		"geist.v1": "geist.v1", "geist.v1.bin": "geist.v1.bin", "x, geist.v1.bin , geist.v1": "geist.v1.bin", "geist.v1,geist.v1.bin": "geist.v1",
	} {
		if got := c.GET("/rt").Header("Sec-WebSocket-Protocol", offer).WS().Subprotocol(); got != want {
			t.Errorf("%q: got %q, want %q", offer, got, want)
		}
	}
	for _, r := range []*geisttest.Request{c.GET("/rt"), c.GET("/rt").Header("Sec-WebSocket-Protocol", "geist.v2, GEIST.V1")} {
		ws := r.WS()
		if m := ws.Next(); m.Binary || !strings.HasPrefix(string(m.Data), `["error",0,"version",`) {
			t.Errorf("%s: got %q, want the error version", r, m.Data)
		}
		ws.Closed(4406)
	}
}

// A route for WebSockets that does not call Serve agrees on nothing.
func TestRooms_notServed(t *testing.T) {
	app := geist.New()
	app.WS("/ws", echo)
	if got := geisttest.New(t, app).GET("/ws").Header("Sec-WebSocket-Protocol", "geist.v1").WS().Subprotocol(); got != "" {
		t.Errorf("got the subprotocol %q, want none", got)
	}
}

func TestRooms_insideNetHTTP(t *testing.T) {
	app := geist.New()
	app.Rooms("/rt", newRoomHub(), func(*geist.Ctx) (hub.Policy, error) { return openPolicy(), nil })
	s := httptest.NewServer(app.HTTPHandler())
	defer s.Close()
	ws := openWS(t, s.Listener.Addr().String(), "/rt", "Sec-WebSocket-Protocol: geist.v1")
	ws.text(`["hello",{"session":"vectors-session-1"}]`)
	if got := ws.next(); !strings.HasPrefix(got, `text ["welcome",`) {
		t.Errorf("got %s, want welcome", got)
	}
	ws.sendClose(1000, "")
	ws.want("close 1000")

	es := dialRaw(t, s.Listener.Addr().String())
	es.write([]byte("GET /rt HTTP/1.1\r\nHost: example.com\r\nAccept: text/event-stream\r\n\r\n"))
	resp, err := http.ReadResponse(es.br, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	event := func() string {
		b := make([]byte, 1)
		var all []byte
		for !bytes.HasSuffix(all, []byte("\n\n")) {
			if _, err := resp.Body.Read(b); err != nil {
				t.Fatal(err)
			}
			all = append(all, b...)
		}
		return string(all)
	}
	key := strings.TrimSuffix(strings.TrimPrefix(event(), `data: ["stream","`), "\"]\n\n")
	req, err := http.NewRequest("POST", s.URL+"/rt", strings.NewReader(`[["hello"]]`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Geist-Stream", key)
	req.Header.Set("Content-Type", "application/json")
	answer, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != 202 {
		t.Errorf("POST: got %d, want 202", answer.StatusCode)
	}
	if got := event(); !strings.HasPrefix(got, `data: ["welcome",`) {
		t.Errorf("got %s, want welcome", got)
	}
	_ = es.conn.Close()
}

func TestRooms_drain(t *testing.T) {
	app := geist.New()
	app.Rooms("/rt", newRoomHub(), func(*geist.Ctx) (hub.Policy, error) { return openPolicy(), nil })
	addr := serveWS(t, app)
	ws := openWS(t, addr, "/rt", "Sec-WebSocket-Protocol: geist.v1")
	ws.text(`["hello"]`)
	if got := ws.next(); !strings.HasPrefix(got, `text ["welcome",`) {
		t.Fatalf("got %s, want welcome", got)
	}
	done := make(chan error, 1)
	ctx, cancel := timeoutContext(wsPatience)
	defer cancel()
	go func() { done <- app.Shutdown(ctx) }() // ends with the drain
	if got := ws.next(); !strings.HasPrefix(got, `text ["bye","draining",{"retry":`) {
		t.Errorf("got %s, want bye", got)
	}
	ws.want("close 1001")
	ws.sendClose(1001, "")
	if err := <-done; err != nil {
		t.Errorf("Shutdown: %v", err)
	}
}

// The bytes of a message beside its data: what stands in docs/protocol.md and docs/design.
func TestRooms_envelope(t *testing.T) {
	h := newRoomHub()
	app := geist.New()
	app.Rooms("/rt", h, func(*geist.Ctx) (hub.Policy, error) { return openPolicy(), nil })
	addr := serveWS(t, app)
	const data = `{"text":"hello, world"}`
	for _, want := range []struct {
		protocol string
		bytes    int // header, room of 12 characters, offset and ref of one digit, author
	}{{"geist.v1", 40}, {"geist.v1.bin", 31}} {
		ws := openWS(t, addr, "/rt", "Sec-WebSocket-Protocol: "+want.protocol)
		op, mark := wsproto.Text, ""
		if want.protocol == "geist.v1.bin" {
			op, mark = wsproto.Binary, "\x00"
		}
		room := "room-" + want.protocol[len(want.protocol)-3:] + "-abc" // of 12 characters
		for _, frame := range []string{roomHello, `["join",1,"` + room + `"]`, `["pub",2,"` + room + `",` + data + `]`} {
			ws.frame(op, true, mark+frame)
		}
		for {
			header, payload, err := ws.readFrame()
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(payload, []byte(data)) {
				continue
			}
			if got := len(header.Append(nil)) + len(payload) - len(data); got != want.bytes || len(room) != 12 {
				t.Errorf("%s: %d bytes beside the data of %q, want %d", want.protocol, got, payload, want.bytes)
			}
			break
		}
	}
}
