package geist_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// bodyApp serves the routes that the tests of bodies share.
func bodyApp(app *geist.Engine) {
	echo := func(c *geist.Ctx) error { return c.Bytes(200, "text/plain", c.Body()) }
	app.POST("/echo", echo)
	app.POST("/small", echo).Doc(geist.BodyLimit(10))
	app.POST("/large", func(c *geist.Ctx) error { return c.Text(200, fmt.Sprint(len(c.Body()))) }).Doc(geist.BodyLimit(1 << 20))
	app.POST("/stream", func(c *geist.Ctx) error {
		n, err := io.Copy(io.Discard, c.BodyReader())
		if err != nil {
			return err
		}
		return c.Text(200, fmt.Sprint(n))
	}).Doc(geist.StreamBody())
	app.POST("/none", func(c *geist.Ctx) error { return c.Text(200, "none") }).Doc(geist.StreamBody(), geist.BodyLimit(-1))
	app.POST("/half", func(c *geist.Ctx) error {
		b := make([]byte, 3)
		if _, err := io.ReadFull(c.BodyReader(), b); err != nil {
			return err
		}
		return c.Bytes(200, "text/plain", b)
	}).Doc(geist.StreamBody(), geist.BodyLimit(-1))
	app.POST("/auth", echo).Doc(geist.With(func(*geist.Ctx) error { return geist.NewError(401, "no") }))
	app.POST("/early", echo).Doc(geist.With(func(c *geist.Ctx) error {
		c.SetHeader("X-Early", fmt.Sprint(len(c.Body())))
		return c.Next()
	}))
}

// framed is a POST request as it stands on the wire, with a length or in chunks.
func framed(path, body string, chunks bool) string {
	if !chunks {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", path)
	for len(body) > 0 {
		n := min(len(body), 5000)
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	return b.String() + "0\r\n\r\n"
}

// TestBody_pipelinedBehind: whatever becomes of a body, what is sent behind it is
// answered as a request of its own.
func TestBody_pipelinedBehind(t *testing.T) {
	w := newWire(t, geist.Config{MaxBodyBytes: 200 << 10}, bodyApp)
	for _, chunks := range []bool{false, true} {
		for _, size := range []int{0, 1, 3, 8191, 8192, 8193, 32 << 10, 33 << 10, 100 << 10} {
			for _, path := range []string{"/echo", "/stream", "/half", "/none", "/nowhere", "/auth", "/alive"} {
				if path == "/half" && size < 3 {
					continue
				}
				t.Run(fmt.Sprintf("%s %d %t", path, size, chunks), func(t *testing.T) {
					body := strings.Repeat("b", size)
					c := w.dial(t)
					go c.send(strings.Repeat(framed(path, body, chunks), 3) + get("/alive"))
					want := map[string]string{"/echo": body, "/stream": fmt.Sprint(size), "/half": body[:min(3, size)], "/none": "none"}
					status := map[string]int{"/nowhere": 404, "/auth": 401, "/alive": 405}[path]
					for range 3 {
						a := c.expect(t, "POST", max(status, 200-status))
						if status == 0 && a.body != want[path] {
							t.Fatalf("body: got %.40q, want %.40q", a.body, want[path])
						}
					}
					if a := c.expect(t, "GET", 200); a.body != "alive" {
						t.Fatalf("behind: got %q, want alive", a.body)
					}
					c.checkAlive(t)
				})
			}
		}
	}
	w.checkLog(t)
}

// TestBody_limits: each route has its own, and the answer passes through middleware.
func TestBody_limits(t *testing.T) {
	w := newWire(t, geist.Config{MaxBodyBytes: 1000}, func(app *geist.Engine) {
		app.Use(func(c *geist.Ctx) error {
			c.SetHeader("X-Mark", "set")
			return c.Next()
		})
		bodyApp(app)
	})
	for _, tt := range []struct {
		path   string
		size   int
		status int
	}{
		{"/small", 10, 200}, {"/small", 11, 413}, {"/echo", 1000, 200}, {"/echo", 1001, 413}, {"/echo", 100 << 10, 413},
		{"/large", 1 << 20, 200}, {"/large", 1<<20 + 1, 413}, {"/stream", 1000, 200}, {"/stream", 1001, 413}, {"/stream", 9000, 413},
		{"/early", 1000, 200}, {"/early", 1001, 413}, {"/auth", 5000, 401}, {"/nowhere", 5000, 404},
	} {
		for _, chunks := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s %d %t", tt.path, tt.size, chunks), func(t *testing.T) {
				c := w.dial(t)
				c.send(framed(tt.path, strings.Repeat("b", tt.size), chunks))
				a := c.expect(t, "POST", tt.status)
				if got := a.Header.Get("X-Mark"); got != "set" {
					t.Errorf("X-Mark: got %q, want set: the answer did not pass through middleware", got)
				}
				if tt.status == 413 {
					checkProblem(t, a)
					c.checkClosed(t)
					return
				}
				c.checkAlive(t)
			})
		}
	}
	w.checkLog(t)
}

// TestBody_refusedUnread: what can be said without the body is said before it comes.
func TestBody_refusedUnread(t *testing.T) {
	w := newWire(t, geist.Config{MaxBodyBytes: 1000}, bodyApp)
	for _, tt := range []struct {
		path   string
		length int64
		sent   string
		status int
	}{
		{"/echo", 1 << 40, "b", 413}, {"/small", 11, strings.Repeat("b", 11), 413}, {"/stream", 9000, "b", 413},
		{"/nowhere", 1 << 40, "b", 404}, {"/auth", 1 << 40, "b", 401}, {"/alive", 1 << 40, "b", 405},
		{"/none", 1 << 40, "b", 200}, {"/half", 1 << 40, "abc", 200},
	} {
		t.Run(tt.path, func(t *testing.T) {
			c := w.dial(t)
			c.send(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", tt.path, tt.length, tt.sent))
			if a := c.expect(t, "POST", tt.status); !a.Close {
				t.Error("the answer lacks Connection: close")
			}
			c.checkClosed(t)
		})
	}
	w.checkLog(t)
}

// TestBody_announcedTooLong: where no route takes that much, not even the first byte is
// waited for.
func TestBody_announcedTooLong(t *testing.T) {
	w := newWire(t, geist.Config{MaxBodyBytes: 1000}, func(app *geist.Engine) {
		app.POST("/echo", func(c *geist.Ctx) error { return c.NoContent() })
		app.BeforeRequest(func(c *geist.Ctx) error {
			c.SetHeader("X-Length", c.Header("Content-Length")+"|"+c.Header("Transfer-Encoding"))
			return nil
		})
	})
	for path, status := range map[string]int{"/echo": 413, "/nowhere": 404} {
		c := w.dial(t)
		c.send("POST " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n")
		a := c.expect(t, "POST", status)
		if got, want := a.Header.Get("X-Length"), "9999|"; got != want {
			t.Errorf("the request's length and encoding: got %q, want %q", got, want)
		}
		c.checkClosed(t)
	}
}

// TestBody_lies: a body that ends before its end is never taken for a whole one.
func TestBody_lies(t *testing.T) {
	w := newWire(t, geist.Config{}, bodyApp)
	for _, path := range []string{"/echo", "/stream"} {
		for name, send := range map[string]string{
			"length":         fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n%s", path, strings.Repeat("b", 19999)),
			"chunk":          fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4e20\r\n%s", path, strings.Repeat("b", 19999)),
			"no last chunk":  fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n", path),
			"no end":         fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n", path),
			"half a trailer": fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\na: b", path),
			"bad chunk":      fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nbb\r\n0\r\n\r\n", path),
		} {
			t.Run(path+" "+name, func(t *testing.T) {
				c := w.dial(t)
				c.send(send)
				_ = c.CloseWrite()
				checkProblem(t, c.expect(t, "POST", 400))
				c.checkClosed(t)
			})
		}
	}
	w.checkLog(t)
}

// TestBody_streamComesAsItIsSent: the endpoint has what was sent before the rest is.
func TestBody_streamComesAsItIsSent(t *testing.T) {
	got := make(chan string)
	w := newWire(t, geist.Config{}, func(app *geist.Engine) {
		app.POST("/s", func(c *geist.Ctx) error {
			r := c.BodyReader()
			if r != c.BodyReader() {
				return errors.New("BodyReader returns different readers")
			}
			b := make([]byte, 100)
			for {
				n, err := r.Read(b)
				if n > 0 {
					got <- string(b[:n])
				}
				if err == io.EOF {
					return c.NoContent()
				}
				if err != nil {
					return err
				}
			}
		}).Doc(geist.StreamBody())
	})
	c := w.dial(t)
	c.send("POST /s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
	for _, piece := range []string{"one", "two", "three"} {
		c.send(fmt.Sprintf("%x\r\n%s\r\n", len(piece), piece))
		if s := <-got; s != piece {
			t.Fatalf("read %q, want %q", s, piece)
		}
	}
	c.send("0\r\n\r\n" + get("/alive"))
	c.expect(t, "POST", 204)
	if a := c.expect(t, "GET", 200); a.body != "alive" {
		t.Fatalf("behind: got %q", a.body)
	}
}

// TestBody_rawIsBounded: who takes fasthttp's way to the body meets the limit, too.
func TestBody_rawIsBounded(t *testing.T) {
	var most int
	raw := func(c *geist.Ctx) error {
		most = max(most, len(c.Raw().Request.Body()), len(c.Raw().PostBody()))
		return c.Next()
	}
	w := newWire(t, geist.Config{MaxBodyBytes: 1000}, func(app *geist.Engine) {
		app.Use(raw)
		bodyApp(app)
	})
	for path, status := range map[string]int{"/echo": 413, "/small": 413, "/nowhere": 404} {
		for _, chunks := range []bool{false, true} {
			c := w.dial(t)
			go c.send(framed(path, strings.Repeat("b", 300<<10), chunks))
			c.expect(t, "POST", status)
			c.checkClosed(t)
		}
	}
	c := w.dial(t)
	c.send(framed("/echo", strings.Repeat("b", 1000), true))
	c.expect(t, "POST", 200)
	c.checkAlive(t)
	if most != 1000 {
		t.Errorf("Raw gave %d bytes, want 1000 at most", most)
	}
}

// TestBody_trailersOfStreams are dropped when they come.
func TestBody_trailersOfStreams(t *testing.T) {
	w := newWire(t, geist.Config{}, func(app *geist.Engine) {
		app.POST("/s", func(c *geist.Ctx) error {
			c.Raw().Request.Header.Set("X-User", "nobody") // as authentication may
			c.Raw().Request.Header.Del("X-Gone")
			b, err := io.ReadAll(c.BodyReader())
			if err != nil {
				return err
			}
			return c.Text(200, strings.Join([]string{string(b), c.Header("X-User"), c.Header("X-Gone"), c.Header("X-New"), c.Path()}, "|"))
		}).Doc(geist.StreamBody())
	})
	c := w.dial(t)
	for _, trailers := range []string{"X-User: root\r\nX-Gone: back\r\nX-New: 1\r\n", ""} {
		c.send("POST /s HTTP/1.1\r\nHost: a\r\nX-Gone: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n" + trailers + "\r\n")
		if a := c.expect(t, "POST", 200); a.body != "abc|nobody|||/s" {
			t.Errorf("trailers %q: got %q, want abc|nobody|||/s", trailers, a.body)
		}
	}
}

// TestBody_readerOutlivesRequest: who keeps the reader reads nobody else's request.
func TestBody_readerOutlivesRequest(t *testing.T) {
	var kept io.Reader
	w := newWire(t, geist.Config{}, func(app *geist.Engine) {
		app.POST("/keep", func(c *geist.Ctx) error {
			kept = c.BodyReader()
			return c.NoContent()
		}).Doc(geist.StreamBody())
	})
	c := w.dial(t)
	c.send(framed("/keep", strings.Repeat("b", 10<<10), false))
	c.expect(t, "POST", 204)
	c.send(framed("/alive", "secret", false))
	c.expect(t, "POST", 405)
	if n, err := kept.Read(make([]byte, 10)); n != 0 || !errors.Is(err, geist.ErrRequestDone) {
		t.Errorf("Read after the request: got %d, %v, want ErrRequestDone", n, err)
	}
}

// TestBody_readerInGoroutine: a read that is under way when the handler returns ends,
// and the connection with it.
func TestBody_readerInGoroutine(t *testing.T) {
	started, ended := make(chan struct{}), make(chan error, 1)
	w := newWire(t, geist.Config{}, func(app *geist.Engine) {
		app.POST("/keep", func(c *geist.Ctx) error {
			r := c.BodyReader()
			go func() {
				_, _ = r.Read(make([]byte, 1))
				close(started)
				_, err := io.ReadAll(r)
				ended <- err
			}()
			<-started
			return c.NoContent()
		}).Doc(geist.StreamBody(), geist.BodyLimit(-1))
	})
	c := w.dial(t)
	c.send("POST /keep HTTP/1.1\r\nHost: a\r\nContent-Length: 999999\r\n\r\nb")
	c.expect(t, "POST", 204)
	select {
	case err := <-ended:
		if err == nil {
			t.Error("the read ended without an error")
		}
	case <-time.After(patience):
		t.Fatal("the read has not ended")
	}
	c.checkClosed(t)
}

// TestBody_embedded: in foreign servers, with streams and without, routes get the same.
func TestBody_embedded(t *testing.T) {
	for name, streaming := range map[string]bool{"whole": false, "streaming": true} {
		t.Run(name, func(t *testing.T) {
			app := geist.New(geist.Config{MaxBodyBytes: 200 << 10, Logger: discard()})
			bodyApp(app)
			app.GET("/alive", func(c *geist.Ctx) error { return c.Text(200, "alive") })
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			srv := &fasthttp.Server{Handler: app.Handler(), StreamRequestBody: streaming, MaxRequestBodySize: 2 << 20}
			served := make(chan error, 1)
			go func() { served <- srv.Serve(ln) }()
			t.Cleanup(func() { _ = srv.Shutdown(); <-served })
			w := &wire{addr: ln.Addr().String()}
			for _, chunks := range []bool{false, true} {
				c := w.dial(t)
				for _, size := range []int{0, 1, 8 << 10, 100 << 10} {
					body := strings.Repeat("b", size)
					c.send(framed("/echo", body, chunks))
					if a := c.expect(t, "POST", 200); a.body != body {
						t.Errorf("echo of %d bytes: got %d", size, len(a.body))
					}
					c.send(framed("/stream", body, chunks))
					if a := c.expect(t, "POST", 200); a.body != fmt.Sprint(size) {
						t.Errorf("stream of %d bytes: got %s", size, a.body)
					}
					c.send(framed("/none", body, chunks))
					c.expect(t, "POST", 200)
				}
				c.send(framed("/small", "more than ten", chunks))
				checkProblem(t, c.expect(t, "POST", 413))
			}
		})
	}
}

// TestBody_insideNetHTTP: the bridge hands the body on as it comes.
func TestBody_insideNetHTTP(t *testing.T) {
	app := geist.New(geist.Config{MaxBodyBytes: 1000, Logger: discard()})
	bodyApp(app)
	app.POST("/first", func(c *geist.Ctx) error {
		b := make([]byte, 5)
		if _, err := io.ReadFull(c.BodyReader(), b); err != nil {
			return err
		}
		return c.Bytes(200, "text/plain", b)
	}).Doc(geist.StreamBody(), geist.BodyLimit(-1))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: app.HTTPHandler()}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	t.Cleanup(func() { _ = srv.Close(); <-served })
	w := &wire{addr: ln.Addr().String()}
	for _, tt := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"/echo", "abc", 200, "abc"}, {"/echo", strings.Repeat("b", 1001), 413, ""}, {"/small", "more than ten", 413, ""},
		{"/stream", strings.Repeat("b", 1000), 200, "1000"}, {"/stream", strings.Repeat("b", 1001), 413, ""}, {"/auth", "abc", 401, ""},
	} {
		for _, chunks := range []bool{false, true} {
			c := w.dial(t)
			c.send(framed(tt.path, tt.body, chunks))
			if a := c.expect(t, "POST", tt.status); tt.status == 200 && a.body != tt.want {
				t.Errorf("%s: got %q, want %q", tt.path, a.body, tt.want)
			}
		}
	}
	c := w.dial(t)
	c.send("POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 999999\r\n\r\nhello")
	if a := c.expect(t, "POST", 200); a.body != "hello" {
		t.Errorf("first bytes: got %q, want hello", a.body)
	}
}

// TestBody_fromHTTP: handlers of net/http read the connection on StreamBody routes, and
// middleware of net/http leaves the body to those behind it elsewhere.
func TestBody_fromHTTP(t *testing.T) {
	first := make(chan string, 1)
	w := newWire(t, geist.Config{}, func(app *geist.Engine) {
		app.POST("/s", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b := make([]byte, 5)
			if _, err := io.ReadFull(r.Body, b); err != nil {
				http.Error(w, err.Error(), 500)
				return
			}
			first <- string(b)
			n, err := io.Copy(w, r.Body)
			if err != nil || r.ContentLength != 20005 {
				http.Error(w, fmt.Sprint(n, err, r.ContentLength), 500)
			}
		}))).Doc(geist.StreamBody())
		app.POST("/m", geist.FromHTTPMiddleware(func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				b := make([]byte, 3)
				_, _ = io.ReadFull(r.Body, b)
				w.Header().Set("X-Seen", string(b))
				next.ServeHTTP(w, r)
			})
		}), func(c *geist.Ctx) error { return c.Bytes(200, "text/plain", c.Body()) })
	})
	c := w.dial(t)
	rest := strings.Repeat("w", 20000)
	c.send("POST /s HTTP/1.1\r\nHost: a\r\nContent-Length: 20005\r\n\r\nhello")
	if s := <-first; s != "hello" {
		t.Errorf("first bytes: got %q", s)
	}
	c.send(rest)
	if a := c.expect(t, "POST", 200); a.body != rest {
		t.Errorf("rest: got %d bytes, want %d", len(a.body), len(rest))
	}
	for _, chunks := range []bool{false, true} {
		body := "abc" + strings.Repeat("d", 20<<10)
		c.send(framed("/m", body, chunks))
		if a := c.expect(t, "POST", 200); a.body != body || a.Header.Get("X-Seen") != "abc" {
			t.Errorf("behind middleware: got %d bytes, X-Seen %q", len(a.body), a.Header.Get("X-Seen"))
		}
	}
	c.checkAlive(t)
}

func TestBody_memoryClientAndBinding(t *testing.T) {
	app := geist.New(geist.Config{MaxBodyBytes: 64 << 10})
	bodyApp(app)
	type in struct {
		Name string `json:"name"`
	}
	app.POST("/bind", func(c *geist.Ctx) error {
		var v in
		if err := c.Bind(&v); err != nil {
			return err
		}
		return c.Text(200, v.Name)
	})
	app.POST("/bindstream", func(c *geist.Ctx) error {
		var v in
		if err := c.Bind(&v); err != nil {
			return err
		}
		return c.Text(200, v.Name)
	}).Doc(geist.StreamBody(), geist.BodyLimit(-1))
	c := geisttest.New(t, app)
	long := strings.Repeat("n", 30<<10)
	for _, path := range []string{"/bind", "/bindstream"} {
		c.POST(path).JSON(in{long}).Do().Status(200).BodyIs(long)
		c.POST(path).JSON(in{strings.Repeat("n", 65<<10)}).Do().Status(413)
	}
	if b := c.POST("/echo").Body(bytes.Repeat([]byte("x"), 50<<10)).Do().Status(200).Bytes(); len(b) != 50<<10 {
		t.Errorf("echo: got %d bytes", len(b))
	}
}

func TestBodyLimit_problems(t *testing.T) {
	app := geist.New()
	app.POST("/a", say("x")).Doc(geist.BodyLimit(-1))
	app.POST("/b", say("x")).Doc(geist.Timeout(0))
	wantProblems(t, app, []string{"/a", "BodyLimit", "StreamBody"}, []string{"/b", "Timeout(0s)"})
}

// TestBody_beforeUpgrade: the body of a handshake is no frame, whatever the group's
// routes do with theirs.
func TestBody_beforeUpgrade(t *testing.T) {
	w := newWire(t, geist.Config{}, func(app *geist.Engine) {
		app.Group("/g").Doc(geist.StreamBody(), geist.BodyLimit(-1)).WS("/ws", echoOnce)
		app.WS("/ws", echoOnce)
	})
	bridge := httptest.NewServer(w.app.HTTPHandler())
	defer bridge.Close()
	inner := &wire{addr: bridge.Listener.Addr().String()}
	for _, path := range []string{"/g/ws", "/ws"} {
		for _, size := range []int{4, 9000, 40000} {
			for _, chunks := range []bool{false, true} {
				for i, to := range []*wire{w, inner} {
					head, body, _ := strings.Cut(framed(path, strings.Repeat("b", size), chunks), "\r\n\r\n")
					c := to.dial(t)
					c.send(strings.Replace(head, "POST", "GET", 1) + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
						"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n" + body)
					if got := c.expect(t, "GET", 400).Header.Get("Upgrade"); got != "" {
						t.Errorf("%s with %d bytes, in chunks %t, server %d: Upgrade: %s, want none", path, size, chunks, i, got)
					}
				}
			}
		}
	}
}

func echoOnce(_ *geist.Ctx, ws *geist.Conn) error {
	m, err := ws.Read()
	if err != nil {
		return err
	}
	return ws.Write(m.Type, m.Data)
}
