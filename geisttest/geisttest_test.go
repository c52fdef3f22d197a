package geisttest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// recorder is a testing.TB whose failures are the result of a test.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	messages []string
	cleanups []func()
}

func (r *recorder) Helper() {}

func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages = append(r.messages, fmt.Sprintf(format, args...))
}

func (r *recorder) Error(args ...any) { r.Errorf("%s", fmt.Sprint(args...)) }

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Fatal(args ...any) { r.Fatalf("%s", fmt.Sprint(args...)) }

// record runs test with a TB of its own, cleanups included, and returns its messages.
func record(t *testing.T, test func(tb testing.TB)) []string {
	r := &recorder{TB: t}
	var wg sync.WaitGroup
	wg.Go(func() { test(r) })
	wg.Wait()
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
	return r.messages
}

// wantMessages asserts that there is exactly one message, with all the parts.
func wantMessage(t *testing.T, got []string, parts ...string) {
	t.Helper()
	if len(got) != 1 {
		t.Fatalf("%d messages, want 1: %q", len(got), got)
	}
	for _, part := range parts {
		if !strings.Contains(got[0], part) {
			t.Errorf("message lacks %q:\n%s", part, got[0])
		}
	}
}

// echo answers with the request as the engine read it.
func echo(c *geist.Ctx) error {
	h := &c.Raw().Request.Header
	return c.Text(200, fmt.Sprintf("%s %s\n%s\n%s", h.Method(), h.RequestURI(), strings.ReplaceAll(string(h.RawHeaders()), "\r\n", "\n"), c.Body()))
}

func newEcho() *geist.Engine {
	app := geist.New()
	app.Any("/", echo)
	app.Any("/*rest", echo)
	return app
}

func TestNew_panicsWithTheErrorOfCheck(t *testing.T) {
	app := geist.New()
	app.GET("/a")
	defer func() {
		err, _ := recover().(error)
		var check *geist.CheckError
		if !errors.As(err, &check) || len(check.Problems) != 1 {
			t.Errorf("New panicked with %v, want a CheckError with 1 problem", err)
		}
	}()
	geisttest.New(t, app)
}

func TestNew_badConfig(t *testing.T) {
	got := record(t, func(tb testing.TB) {
		geisttest.New(tb, geist.New(), geisttest.Config{RemoteAddr: "nowhere"})
	})
	wantMessage(t, got, "Config.RemoteAddr", "nowhere")
	got = record(t, func(tb testing.TB) { geisttest.New(tb, geist.New(), geisttest.Config{}, geisttest.Config{}) })
	wantMessage(t, got, "more than one Config")
}

func TestRequest_bytes(t *testing.T) {
	c := geisttest.New(t, newEcho())
	for _, test := range []struct {
		name string
		req  *geisttest.Request
		want string
	}{
		{"plain", c.GET("/a"), "GET /a\nHost: example.com\n\n"},
		{"path unchanged", c.GET("/a%2Fb/%zz/../c?q=%20;#"), ""},
		{"methods", c.Request("PATCH", "/a"), "PATCH /a\nHost: example.com\nContent-Length: 0\n\n"},
		{"header case and repetition", c.GET("/a").Header("x-A", "1").Header("X-a", " 2"), "GET /a\nHost: example.com\nx-A: 1\nX-a:  2\n\n"},
		{"host", c.GET("/a").Host("b.example:81"), "GET /a\nHost: b.example:81\n\n"},
		{"host as header", c.GET("/a").Header("host", "b.example"), "GET /a\nHost: b.example\n\n"},
		{"query", c.GET("/a").Query("q", "x y&z").Query("é", ""), "GET /a?q=x+y%26z&%C3%A9=\nHost: example.com\n\n"},
		{"query behind query", c.GET("/a?x=1").Query("q", "2"), "GET /a?x=1&q=2\nHost: example.com\n\n"},
		{"cookies", c.GET("/a").Cookie("a", "1"), "GET /a\nHost: example.com\nCookie: a=1\n\n"},
		{"body", c.POST("/a").Body([]byte{'x'}), "POST /a\nHost: example.com\nContent-Length: 1\n\nx"},
		{"body of GET", c.GET("/a").BodyString("xy"), "GET /a\nHost: example.com\nContent-Length: 2\n\nxy"},
		{"reader", c.PUT("/a").BodyReader(strings.NewReader("xyz")), "PUT /a\nHost: example.com\nTransfer-Encoding: chunked\n\nxyz"},
		{"JSON", c.POST("/a").JSON(geist.Map{"a": 1}), "POST /a\nHost: example.com\nContent-Type: application/json\nContent-Length: 7\n\n{\"a\":1}"},
		{"form", c.POST("/a").Form(url.Values{"a": {"1 2"}}), "POST /a\nHost: example.com\nContent-Type: application/x-www-form-urlencoded\nContent-Length: 5\n\na=1+2"},
		{"own framing", c.POST("/a").Header("content-length", "2").BodyString("xy"), "POST /a\nHost: example.com\ncontent-length: 2\n\nxy"},
		{"absolute target", c.GET("http://other.example/a"), "GET http://other.example/a\nHost: example.com\n\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.want == "" {
				test.req.Do().Status(400) // the engine refuses it; what counts is that it arrives
				return
			}
			got := test.req.Do().Status(200).Text()
			if got = strings.Replace(got, "\n\n\n", "\n\n", 1); got != test.want {
				t.Errorf("the engine read\n%q, want\n%q", got, test.want)
			}
		})
	}
}

func TestRequest_multipart(t *testing.T) {
	c := geisttest.New(t, newEcho())
	c.POST("/a").Multipart(func(w *multipart.Writer) error {
		f, err := w.CreateFormFile("file", "a.txt")
		if err != nil {
			return err
		}
		_, err = io.WriteString(f, "content")
		return err
	}).Do().Status(200).BodyContains("Content-Type: multipart/form-data; boundary=").BodyContains(`filename="a.txt"`).BodyContains("content")
}

func TestRequest_mistakesAreErrors(t *testing.T) {
	c := geisttest.New(t, newEcho())
	why := errors.New("why")
	for _, req := range []*geisttest.Request{
		c.GET(""), c.GET("/a b"), c.GET("/a\r\nX: y"), c.Request("", "/"), c.Request("GET X", "/"),
		c.GET("/").Header("", "x"), c.GET("/").Header("a b", "x"), c.GET("/").Header("X", "a\r\nB: c"), c.GET("/").Host("a\nb"),
		c.GET("/").RemoteAddr("nowhere"), c.POST("/").JSON(func() {}), c.POST("/").Cookie("a", "b\nc"),
		c.POST("/").Multipart(func(*multipart.Writer) error { return why }),
	} {
		if resp, err := req.DoErr(); err == nil || resp != nil {
			t.Errorf("%s: DoErr = %v, %v, want an error", req, resp, err)
		}
	}
}

func TestClient_large(t *testing.T) {
	app := geist.New()
	app.POST("/", func(c *geist.Ctx) error { return c.Bytes(200, "application/octet-stream", c.Body()) })
	c := geisttest.New(t, app)
	body := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB: far more than the connection buffers
	if got := c.POST("/").Body(body).Do().Status(200).Bytes(); !bytes.Equal(got, body) {
		t.Errorf("echoed %d bytes, want %d", len(got), len(body))
	}
	if got := c.POST("/").BodyReader(bytes.NewReader(body)).Do().Status(200).Bytes(); !bytes.Equal(got, body) {
		t.Errorf("echoed %d bytes of chunks, want %d", len(got), len(body))
	}
}

func TestClient_limitsOfTheEngineApply(t *testing.T) {
	app := geist.New(geist.Config{MaxBodyBytes: 10, MaxHeaderBytes: 1000, MaxURIBytes: 100})
	app.Any("/", echo)
	app.Any("/*rest", echo)
	c := geisttest.New(t, app)
	c.POST("/").BodyString("0123456789").Do().Status(200)
	if p := c.POST("/").BodyString("0123456789a").Do().Status(413).Problem(); p.Status != 413 {
		t.Errorf("problem = %+v", p)
	}
	c.POST("/").Body(make([]byte, 1<<20)).Do().Status(413)
	c.GET("/").Header("X", strings.Repeat("x", 1000)).Do().Status(431)
	c.GET("/" + strings.Repeat("x", 100)).Do().Status(414)
}

// connID names the connection that a request came on.
func connID(c *geist.Ctx) error { return c.Text(200, fmt.Sprint(c.Raw().ConnID())) }

func TestClient_keepAlive(t *testing.T) {
	app := geist.New()
	app.GET("/", connID)
	c := geisttest.New(t, app)
	first := c.GET("/").Do().Text()
	if second := c.GET("/").Do().Text(); second != first {
		t.Errorf("connection %s for the second request, want %s again", second, first)
	}
	c.GET("/").Header("Connection", "close").Do().HasHeader("Connection", "close").BodyIs(first)
	if third := c.GET("/").Do().Text(); third == first {
		t.Error("a connection was used after Connection: close")
	}
	if other := c.GET("/").RemoteAddr("192.0.2.9").Do().Text(); other == first {
		t.Error("one connection came from two addresses")
	}
}

func TestClient_maxRequestsPerConn(t *testing.T) {
	app := geist.New(geist.Config{MaxRequestsPerConn: 2})
	app.GET("/", connID)
	c := geisttest.New(t, app)
	a, b, d := c.GET("/").Do(), c.GET("/").Do(), c.GET("/").Do()
	if a.Text() != b.Text() || b.Text() == d.Text() {
		t.Errorf("connections %s %s %s, want two requests on each", a.Text(), b.Text(), d.Text())
	}
	a.NoHeader("Connection")
	b.HasHeader("Connection", "close")
}

func TestRequest_remoteAddr(t *testing.T) {
	app := geist.New()
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, c.ClientIP()) })
	c := geisttest.New(t, app)
	for addr, want := range map[string]string{
		"198.51.100.7": "198.51.100.7", "198.51.100.7:99": "198.51.100.7", "2001:db8::1": "2001:db8::1",
		"[2001:db8::1]:99": "2001:db8::1", "unix": "",
	} {
		c.GET("/").RemoteAddr(addr).Do().Status(200).BodyIs(want)
	}
	c.GET("/").Do().BodyIs("192.0.2.1")
	geisttest.New(t, app, geisttest.Config{RemoteAddr: "203.0.113.4"}).GET("/").Do().BodyIs("203.0.113.4")
}

func TestConfig_host(t *testing.T) {
	app := geist.New()
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, c.Host()) })
	geisttest.New(t, app, geisttest.Config{Host: "a.example:8080"}).GET("/").Do().BodyIs("a.example:8080")
}

func TestConfig_tls(t *testing.T) {
	app := geist.New()
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, c.Scheme()+" "+c.ClientIP()) })
	c := geisttest.New(t, app, geisttest.Config{TLS: true})
	c.GET("/").Do().BodyIs("https 192.0.2.1")
	c.GET("/").Header("Connection", "close").Do().BodyIs("https 192.0.2.1")
	conn := c.Dial()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	if b, err := io.ReadAll(conn); !strings.HasSuffix(string(b), "https 192.0.2.1") || err != nil {
		t.Errorf("raw answer %q, %v", b, err)
	}
	geisttest.New(t, app).GET("/").Do().BodyIs("http 192.0.2.1")
}

func TestConfig_jar(t *testing.T) {
	app := geist.New()
	app.GET("/login", func(c *geist.Ctx) error {
		return c.SetCookie(geist.Cookie{Name: "sid", Value: "s1", Path: "/"})
	})
	app.GET("/logout", func(c *geist.Ctx) error {
		return c.SetCookie(geist.Cookie{Name: "sid", Path: "/", MaxAge: -1})
	})
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, c.Header("Cookie")) })
	c := geisttest.New(t, app, geisttest.Config{Jar: true})
	c.GET("/").Do().BodyIs("")
	if k := c.GET("/login").Do().Cookie("sid"); k == nil || k.Value != "s1" || k.Path != "/" {
		t.Errorf("cookie = %v", k)
	}
	c.GET("/").Do().BodyIs("sid=s1")
	c.GET("/").Cookie("x", "y").Do().BodyIs("x=y; sid=s1")
	c.GET("/").Host("other.example").Do().BodyIs("")
	c.GET("/logout").Do()
	c.GET("/").Do().BodyIs("")

	none := geisttest.New(t, app)
	if k := none.GET("/login").Do().Cookie("nope"); k != nil {
		t.Errorf("Cookie(nope) = %v, want nil", k)
	}
	none.GET("/").Do().BodyIs("")
}

func TestClient_redirectsAreNotFollowed(t *testing.T) {
	app := geist.New()
	app.GET("/a", func(c *geist.Ctx) error { return c.Redirect(302, "/b") })
	geisttest.New(t, app).GET("/a").Do().Status(302).HasHeader("Location", "/b")
}

func TestClient_headAndNoContent(t *testing.T) {
	app := geist.New()
	app.GET("/a", func(c *geist.Ctx) error { return c.Text(200, "12345") })
	app.DELETE("/a", func(c *geist.Ctx) error { return c.NoContent() })
	c := geisttest.New(t, app)
	c.HEAD("/a").Do().Status(200).HasHeader("Content-Length", "5").BodyIs("")
	c.DELETE("/a").Do().Status(204).BodyIs("")
	c.GET("/a").Do().Status(200).BodyIs("12345")
}

func TestRequest_clientLeaves(t *testing.T) {
	app := geist.New()
	ctx, leave := context.WithCancelCause(t.Context())
	why := errors.New("bored")
	cause, over := make(chan error, 1), make(chan struct{})
	app.GET("/slow", func(c *geist.Ctx) error {
		leave(why)
		select {
		case <-c.Context().Done():
		case <-over:
		}
		cause <- context.Cause(c.Context())
		return c.Context().Err()
	})
	c := geisttest.New(t, app)
	t.Cleanup(func() { close(over) })
	if _, err := c.GET("/slow").Context(ctx).DoErr(); !errors.Is(err, why) {
		t.Errorf("DoErr = %v, want %v", err, why)
	}
	wantGone(t, cause)
	if _, err := c.GET("/slow").Context(ctx).DoErr(); !errors.Is(err, why) {
		t.Errorf("DoErr with an ended context = %v, want %v", err, why)
	}
}

func TestClient_dialledConnectionLeaves(t *testing.T) {
	app := geist.New()
	cause, over := make(chan error, 1), make(chan struct{})
	started := make(chan struct{})
	app.GET("/slow", func(c *geist.Ctx) error {
		ctx := c.Context()
		close(started)
		select {
		case <-ctx.Done():
		case <-over:
		}
		cause <- context.Cause(ctx)
		return nil
	})
	conn := geisttest.New(t, app).Dial()
	t.Cleanup(func() { close(over) })
	io.WriteString(conn, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
	<-started
	conn.Close()
	wantGone(t, cause)
}

// wantGone asserts that a handler's context ended because the client left. Time does not matter to a
// core that works.
func wantGone(t *testing.T, cause <-chan error) {
	t.Helper()
	select {
	case err := <-cause:
		if !errors.Is(err, geist.ErrClientGone) {
			t.Errorf("cause of c.Context() = %v, want ErrClientGone", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("c.Context() did not end within 20s of the client's leave")
	}
}

func TestRequest_abortIsNoAnswer(t *testing.T) {
	app := geist.New()
	calls := 0
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "ok") })
	app.GET("/abort", func(*geist.Ctx) error { calls++; return geist.ErrAbort })
	app.GET("/panic", func(*geist.Ctx) error { panic(http.ErrAbortHandler) })
	c := geisttest.New(t, app)
	c.GET("/").Do() // so that the next one goes over a used connection, which must not be a reason to try again
	for _, path := range []string{"/abort", "/panic"} {
		if resp, err := c.GET(path).DoErr(); !errors.Is(err, geisttest.ErrNoAnswer) || resp != nil {
			t.Errorf("GET %s: DoErr = %v, %v, want ErrNoAnswer", path, resp, err)
		}
	}
	if calls != 1 {
		t.Errorf("the handler ran %d times for one request", calls)
	}
	got := record(t, func(tb testing.TB) { c.With(tb).GET("/abort").Query("a", "b").Do(); tb.Errorf("went on") })
	wantMessage(t, got, "GET /abort?a=b", "without an answer")
	c.GET("/").Do().Status(200)
}

func TestRequest_answerCutOff(t *testing.T) {
	app := geist.New()
	app.GET("/", func(c *geist.Ctx) error {
		c.Raw().HijackSetNoResponse(true)
		c.Raw().Hijack(func(conn net.Conn) {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
		})
		return nil
	})
	resp, err := geisttest.New(t, app).GET("/").DoErr()
	if !errors.Is(err, io.ErrUnexpectedEOF) || resp == nil || resp.Text() != "half" {
		t.Errorf("DoErr = %v, %v, want the half answer and ErrUnexpectedEOF", resp, err)
	}
}

func TestRequest_bytesBeyondTheAnswer(t *testing.T) {
	app := geist.New()
	app.GET("/", func(c *geist.Ctx) error {
		c.Raw().HijackSetNoResponse(true)
		c.Raw().Hijack(func(conn net.Conn) {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n")
			io.Copy(io.Discard, conn)
		})
		return nil
	})
	_, err := geisttest.New(t, app).GET("/").DoErr()
	if err == nil || !strings.Contains(err.Error(), "19 bytes beyond its answer") {
		t.Errorf("DoErr = %v, want an error that tells of 19 bytes", err)
	}
}

func TestRequest_hungHandlerFailsWithItsRoute(t *testing.T) {
	app := geist.New()
	released := make(chan struct{})
	app.GET("/slow/:id", func(c *geist.Ctx) error { return hang(released) })
	got := record(t, func(tb testing.TB) {
		c := geisttest.New(tb, app, geisttest.Config{Timeout: 20 * time.Millisecond})
		if _, err := c.GET("/slow/7").DoErr(); !errors.Is(err, geisttest.ErrTimeout) {
			t.Errorf("DoErr = %v, want ErrTimeout", err)
		} else {
			tb.Error(err)
		}
	})
	if len(got) != 2 { // one for the request, one for the handler that stays
		t.Fatalf("messages = %q, want 2", got)
	}
	wantMessage(t, got[:1], "GET /slow/7", "20ms", "route /slow/:id", "geisttest_test.hang(")
	wantMessage(t, got[1:], "20ms after the end of the test", "geisttest_test.hang(")
	close(released)

	app = geist.New()
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "ok") })
	geisttest.New(t, app, geisttest.Config{Timeout: -1}).GET("/").Do().Status(200)
}

// hang waits as a handler with a bug does, but ends with the test.
func hang(released <-chan struct{}) error {
	<-released
	return nil
}

func TestClient_parallelSubtests(t *testing.T) {
	app := geist.New()
	app.GET("/:n", func(c *geist.Ctx) error { return c.Text(200, c.Param("n")) })
	c := geisttest.New(t, app, geisttest.Config{Jar: true})
	for i := range 8 {
		n := fmt.Sprint(i)
		t.Run(n, func(t *testing.T) {
			t.Parallel()
			for range 20 {
				c.With(t).GET("/" + n).Do().Status(200).BodyIs(n)
			}
		})
	}
}

func TestNew_severalClientsOfOneEngine(t *testing.T) {
	app := geist.New()
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "ok") })
	a := geisttest.New(t, app)
	t.Run("inner", func(t *testing.T) { geisttest.New(t, app).GET("/").Do().Status(200) })
	a.GET("/").Do().Status(200) // the end of the inner client ended nothing else
}

func TestClient_shutdown(t *testing.T) {
	app := geist.New()
	started, finish := make(chan struct{}), make(chan struct{})
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "ok") })
	app.GET("/slow", func(c *geist.Ctx) error {
		close(started)
		<-finish
		return c.Text(200, "done")
	})
	var order []string
	app.OnShutdown(func(context.Context) error { order = append(order, "hook"); return nil })
	c := geisttest.New(t, app)
	idle := c.GET("/").RemoteAddr("192.0.2.7").Do().Status(200)
	idle.NoHeader("Connection")

	var wg sync.WaitGroup
	wg.Go(func() { c.GET("/slow").Do().Status(200).HasHeader("Connection", "close").BodyIs("done") })
	<-started
	wg.Go(func() {
		if err := app.Shutdown(t.Context()); err != nil {
			t.Errorf("Shutdown = %v", err)
		}
	})
	for { // new connections are refused from some moment on, since the listener is closed
		_, err := c.GET("/").RemoteAddr("192.0.2.8").DoErr()
		if errors.Is(err, syscall.ECONNREFUSED) {
			break
		}
		if err != nil {
			t.Fatalf("DoErr = %v, want ECONNREFUSED in the end", err)
		}
	}
	c.GET("/").RemoteAddr("192.0.2.7").Do().Status(200).HasHeader("Connection", "close") // one more request on an idle connection
	close(finish)
	wg.Wait()
	if len(order) != 1 || app.Ready() {
		t.Errorf("hooks = %v, Ready = %t", order, app.Ready())
	}
	if _, err := geisttest.New(t, app).GET("/").DoErr(); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a new client's DoErr = %v, want ECONNREFUSED", err)
	}
}

func TestNew_onListen(t *testing.T) {
	app := geist.New()
	var addr net.Addr
	app.OnListen(func(a net.Addr) { addr = a })
	geisttest.New(t, app)
	if addr == nil || addr.String() != "192.0.2.80:80" {
		t.Errorf("OnListen got %v before New returned, want 192.0.2.80:80", addr)
	}
}

func TestClient_dialSpeaksRawBytes(t *testing.T) {
	conn := geisttest.New(t, newEcho()).Dial()
	io.WriteString(conn, "GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\nBAD\r\n\r\n")
	conn.(interface{ CloseWrite() error }).CloseWrite()
	b, err := io.ReadAll(conn)
	if err != nil || strings.Count(string(b), "HTTP/1.1 200 OK\r\n") != 2 || strings.Count(string(b), "HTTP/1.1 400 Bad Request\r\n") != 1 {
		t.Errorf("answers: %q, %v", b, err)
	}
}

func TestRequest_bodyReaderThatFails(t *testing.T) {
	c := geisttest.New(t, newEcho())
	r, w := io.Pipe()
	fire := errors.New("disk on fire")
	w.CloseWithError(fire)
	if _, err := c.POST("/").BodyReader(r).DoErr(); !errors.Is(err, fire) {
		t.Errorf("DoErr = %v, want %v", err, fire)
	}
}

func TestRequest_sendAgain(t *testing.T) {
	c := geisttest.New(t, newEcho())
	req := c.POST("/a").BodyString("x")
	if a, b := req.Do().Text(), req.Do().Text(); a != b {
		t.Errorf("sent %q, then %q", a, b)
	}
}
