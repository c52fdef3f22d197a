package geist_test

import (
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
)

// within returns what f returns, or fails the test if that takes too long.
func within[T any](t *testing.T, what string, f func() T) T {
	t.Helper()
	done := make(chan T, 1)
	go func() { done <- f() }() // ends with f
	select {
	case v := <-done:
		return v
	case <-time.After(wsPatience):
		t.Fatalf("%s has not returned in %v", what, wsPatience)
		panic("unreachable")
	}
}

// TestConn_keptBehindRefusal: who keeps a Conn whose handler has refused the client, in
// a list of all that a broadcast goes through, say, gets an error and does not wait.
func TestConn_keptBehindRefusal(t *testing.T) {
	kept := make(chan *geist.Conn, 1)
	app := geist.New()
	h := hub.New(hub.Config{})
	app.WS("/ws", func(c *geist.Ctx, ws *geist.Conn) error {
		kept <- ws
		if c.Query("answer") != "" {
			return c.Text(200, "no")
		}
		return geist.NewError(403, "no")
	})
	addr := serveWS(t, app)
	for path, status := range map[string]int{"/ws": http.StatusForbidden, "/ws?answer=1": http.StatusOK} {
		c := dialRaw(t, addr)
		c.write([]byte(wsRequest(path)))
		if resp := c.response(); resp.StatusCode != status {
			t.Fatalf("%s: got %d, want %d", path, resp.StatusCode, status)
		}
		ws := <-kept
		for name, f := range map[string]func() error{
			"Write": func() error { return ws.Write(geist.TextMessage, []byte("x")) },
			"Read":  func() error { _, err := ws.Read(); return err },
			"Close": func() error { return ws.Close(geist.CloseNormal, "") },
		} {
			if err := within(t, name, f); !errors.Is(err, geist.ErrNotWebSocket) {
				t.Errorf("%s: %s = %v, want ErrNotWebSocket", path, name, err)
			}
		}
		if err := within(t, "Attach", func() error { return h.Attach(ws) }); !errors.Is(err, hub.ErrConnClosed) {
			t.Errorf("%s: Attach = %v, want ErrConnClosed", path, err)
		}
	}
}

// TestConn_firstUsedByAnother: a goroutine that the handler has started uses the
// connection first, and the handler returns without.
func TestConn_firstUsedByAnother(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"nil":   {nil, "close 1000"},
		"error": {geist.NewError(403, "out"), "close 1008 out"},
	} {
		t.Run(name, func(t *testing.T) {
			app := geist.New()
			app.WS("/ws", func(_ *geist.Ctx, ws *geist.Conn) error {
				wrote := make(chan error, 1)
				go func() { wrote <- ws.Write(geist.TextMessage, []byte("hello")) }()
				if err := <-wrote; err != nil {
					return err
				}
				return tc.err
			})
			c := openWS(t, serveWS(t, app), "/ws")
			c.want("text hello", tc.want)
			c.sendClose(1000, "")
			c.want("EOF")
			waitFor(t, "the connection is gone", func() bool { return geist.OpenConns(app) == 0 })
		})
	}
}

// nilError is an error whose nil pointer is no nil error: every text of it panics.
type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }

// TestConn_errorThatPanics: a nil pointer as an error, the classic mistake, costs its own
// connection and nothing else.
func TestConn_errorThatPanics(t *testing.T) {
	app := geist.New(geist.Config{Logger: discard()})
	var none *nilError
	app.WS("/before", func(*geist.Ctx, *geist.Conn) error { return none })
	app.WS("/behind", func(_ *geist.Ctx, ws *geist.Conn) error {
		_, _ = ws.Read()
		return none
	})
	addr := serveWS(t, app)
	c := dialRaw(t, addr)
	c.write([]byte(wsRequest("/before")))
	if resp := c.response(); resp.StatusCode != http.StatusInternalServerError {
		t.Errorf("before: got %d, want 500", resp.StatusCode)
	}
	c = openWS(t, addr, "/behind")
	c.text("x")
	c.want("close 1011")
}

// TestStream_errorThatPanics is the same for streams and what they keep.
func TestStream_errorThatPanics(t *testing.T) {
	app := geist.New(geist.Config{Logger: discard()})
	var none *nilError
	h := hub.New(hub.Config{})
	app.SSE("/handler", func(*geist.Ctx, *geist.Stream) error { return none })
	app.SSE("/run", func(_ *geist.Ctx, s *geist.Stream) error { return s.Run(func() error { return none }) })
	closed := make(chan struct{}, 1)
	app.SSE("/keep", func(_ *geist.Ctx, s *geist.Stream) error {
		s.Keep(closerFunc(func() error { closed <- struct{}{}; return none }))
		return s.Follow(h, "a")
	})
	k := geisttest.New(t, app)
	k.GET("/handler").Do().Status(500)
	k.GET("/run").SSE().Close()
	e := k.SSE("/keep")
	publish(t, h, "a", "", "1")
	e.Next().Is("message", "1")
	e.Close()
	receive(t, closed, "Close")
	k.GET("/handler").Do().Status(500)
}

type closerFunc func() error

func (f closerFunc) Close() error { return f() }

// TestCtx_EarlyHints_withinStreams: a handler that goes on behind its answer's header
// sends nothing into the stream or the WebSocket.
func TestCtx_EarlyHints_withinStreams(t *testing.T) {
	app := geist.New(geist.Config{Logger: discard()})
	const link = "</a.css>; rel=preload"
	app.WS("/ws", func(c *geist.Ctx, ws *geist.Conn) error {
		return errors.Join(ws.Write(geist.TextMessage, []byte("1")), c.EarlyHints(link), ws.Write(geist.TextMessage, []byte("2")))
	})
	app.SSE("/sse", func(c *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error { return errors.Join(s.SendJSON("", 1), c.EarlyHints(link), s.SendJSON("", 2)) })
	})
	app.GET("/stream", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			_, err := w.WriteString("1")
			return errors.Join(err, w.Flush(), c.EarlyHints(link))
		})
	})
	openWS(t, serveWS(t, app), "/ws").want("text 1", "text 2", "close 1000")
	k := geisttest.New(t, app)
	e := k.SSE("/sse")
	e.Next().Is("message", "1")
	e.Next().Is("message", "2")
	k.GET("/stream").Do().BodyIs("1")
}

// TestConn_hubErrors: what a client asks a hub for in vain is no failure of the server:
// a plain answer while there is one, and nothing in the log.
func TestConn_hubErrors(t *testing.T) {
	var log strings.Builder
	h := hub.New(hub.Config{})
	app := geist.New(geist.Config{Logger: logTo(&log)})
	app.WS("/join/:room", func(c *geist.Ctx, ws *geist.Conn) error {
		_, err := h.Join(ws, c.Param("room"))
		return err
	})
	gone := make(chan error, 1)
	app.WS("/gone", func(_ *geist.Ctx, ws *geist.Conn) error {
		_, _ = ws.Read()
		_, err := h.Join(ws, "a")
		gone <- err
		return err
	})
	app.WS("/publish", func(c *geist.Ctx, ws *geist.Conn) error {
		m, err := ws.Read()
		if err == nil {
			_, err = h.Publish(c.Context(), "a", hub.Message{Data: m.Data})
		}
		return err
	})
	app.SSE("/feed/:room", func(c *geist.Ctx, s *geist.Stream) error { return s.Follow(h, c.Param("room")) })
	k := geisttest.New(t, app)
	long := strings.Repeat("x", 1000)
	k.GET("/join/" + long).Handshake().Do().Status(400)
	k.GET("/feed/" + long).Do().Status(400)
	k.WS("/gone").Leave()
	if err := receive(t, gone, "Join"); !errors.Is(err, hub.ErrConnClosed) {
		t.Errorf("Join = %v, want ErrConnClosed", err)
	}
	k.WS("/publish").SendBinary([]byte{0xff}).Closed(geist.ClosePolicy)
	waitFor(t, "all have ended", func() bool { return geist.Leavers(app) == 0 })
	if log.Len() > 0 {
		t.Errorf("log: %s", log.String())
	}

	for err, want := range map[error]int{
		hub.ErrClosed: 503, hub.ErrBackplane: 503, hub.ErrTooManyRooms: 503, hub.ErrMessage: 400, hub.ErrJoined: 500,
		hub.ErrUnknownOutcome: 409, hub.ErrTooManyConns: 429,
		&geist.PanicError{Value: hub.ErrMessage}: 500, &geist.PanicError{Value: geist.ErrClientGone}: 500,
	} {
		if got := geist.StatusCode(err); got != want {
			t.Errorf("StatusCode(%v) = %d, want %d", err, got, want)
		}
	}
}

// TestConn_methods: a Conn shows what its documentation names, and nothing of its inside.
func TestConn_methods(t *testing.T) {
	want := []string{"Close", "Follow", "HubConn", "ID", "Read", "ReadJSON", "RemoteAddr", "Serve", "Subprotocol", "Write", "WriteJSON"}
	var got []string
	for m := range reflect.TypeFor[*geist.Conn]().Methods() {
		got = append(got, m.Name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("methods of Conn = %v, want %v", got, want)
	}
}
