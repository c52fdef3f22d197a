package geist_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// serveTCP serves app on a port of the loopback and returns its URL.
func serveTCP(t testing.TB, app *geist.Engine) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- app.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := errors.Join(app.Shutdown(ctx), <-served); err != nil {
			t.Error(err)
		}
	})
	return "http://" + ln.Addr().String()
}

// under serves h by net/http and by geist and returns both URLs.
func under(t *testing.T, h geist.Handler, std http.Handler) (geistURL, stdURL string) {
	app := geist.New(geist.Config{Logger: discard(), DrainIdle: -1, TrailingSlash: geist.SlashStrict})
	app.Any("/", h)
	app.Any("/*rest", h)
	srv := httptest.NewUnstartedServer(std)
	srv.Config.ErrorLog = nil
	srv.Start()
	t.Cleanup(srv.Close)
	return serveTCP(t, app), srv.URL
}

// outcome is all that a client sees of an answer.
type outcome struct {
	Status  int
	Header  http.Header
	Body    string
	Failed  bool
	Trailer http.Header
}

// ask sends a raw request over a connection of its own and reads one answer.
func ask(t *testing.T, base, request string) outcome {
	t.Helper()
	u, _ := url.Parse(base)
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(conn, request)
	method, _, _ := strings.Cut(request, " ")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return outcome{Failed: true}
	}
	body, err := io.ReadAll(resp.Body)
	for _, name := range []string{"Date", "Content-Length", "Transfer-Encoding", "Connection"} {
		resp.Header.Del(name)
	}
	return outcome{Status: resp.StatusCode, Header: resp.Header, Body: string(body), Failed: err != nil}
}

// describe answers with all that a handler sees of its request.
func describe(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	keys := slices.Sorted(maps.Keys(r.Header))
	fmt.Fprintf(w, "%s %q %s %d.%d host=%q length=%d te=%q close=%t tls=%t\n", r.Method, r.RequestURI, r.Proto, r.ProtoMajor, r.ProtoMinor, r.Host, r.ContentLength, r.TransferEncoding, r.Close, r.TLS != nil)
	u := *r.URL
	fmt.Fprintf(w, "url %#v\n", u)
	for _, k := range keys {
		fmt.Fprintf(w, "%s: %q\n", k, r.Header[k])
	}
	fmt.Fprintf(w, "body %q %v\n", body, err)
	_, local := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	fmt.Fprintln(w, host, err, local, r.Context().Err())
}

func TestFromHTTP_sameAsNetHTTP(t *testing.T) {
	files := http.FileServer(http.FS(fstest.MapFS{"a.txt": {Data: []byte("0123456789"), ModTime: time.Unix(1e9, 0)}, "big.bin": {Data: bytes.Repeat([]byte("x"), 300_000)}}))
	handlers := map[string]http.HandlerFunc{
		"describe": describe,
		"nothing":  func(http.ResponseWriter, *http.Request) {},
		"status":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(418); w.WriteHeader(200) },
		"sniffed":  func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<ht"); io.WriteString(w, "ml>") },
		"typed": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "a/b")
			w.Write([]byte("<html>"))
		},
		"untyped": func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			w.Write([]byte("<html>"))
		},
		"encoded": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "x")
			w.Write([]byte("<html>"))
		},
		"headers": func(w http.ResponseWriter, _ *http.Request) {
			h := w.Header()
			h.Add("X-A", "1")
			h.Add("X-A", " 2\r\nX-Evil: y ")
			h["bad name"] = []string{"x"}
			h["x-lower"] = []string{"z"}
			http.SetCookie(w, &http.Cookie{Name: "a", Value: "1"})
			http.SetCookie(w, &http.Cookie{Name: "b", Value: "2"})
			http.SetCookie(w, &http.Cookie{Name: "a", Value: "3"})
			w.WriteHeader(202)
			h.Set("X-Late", "no")
		},
		"none": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(204)
			_, err := w.Write([]byte("x"))
			if !errors.Is(err, http.ErrBodyNotAllowed) {
				panic(err)
			}
		},
		"notModified": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Etag", `"x"`); w.WriteHeader(304) },
		"redirect":    func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/there", http.StatusFound) },
		"error":       func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", http.StatusForbidden) },
		"length": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5")
			n, err := io.WriteString(w, "12345")
			_, again := io.WriteString(w, "6")
			if n != 5 || err != nil || !errors.Is(again, http.ErrContentLength) {
				panic(fmt.Sprint(n, err, again))
			}
		},
		"short": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5")
			io.WriteString(w, "123")
		},
		"abort": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"big":   func(w http.ResponseWriter, _ *http.Request) { w.Write(bytes.Repeat([]byte("y"), 200_000)) },
		"bigger": func(w http.ResponseWriter, _ *http.Request) {
			for range 3000 {
				io.WriteString(w, strings.Repeat("z", 99))
			}
		},
		"flushed": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "a")
			w.(http.Flusher).Flush()
			io.WriteString(w, "b")
			if err := http.NewResponseController(w).Flush(); err != nil {
				panic(err)
			}
			io.WriteString(w, "c")
		},
		"flushedOnly": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201); w.(http.Flusher).Flush() },
		"flushedLength": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "3")
			io.WriteString(w, "a")
			w.(http.Flusher).Flush()
			io.WriteString(w, "bc")
		},
		"cutAfterFlush": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "a")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		},
		"files": files.ServeHTTP,
		"form": func(w http.ResponseWriter, r *http.Request) {
			err := r.ParseMultipartForm(1)
			fmt.Fprint(w, r.Form, err)
			if r.MultipartForm != nil {
				f, err := r.MultipartForm.File["file"][0].Open()
				if err != nil {
					panic(err)
				}
				b, err := io.ReadAll(f)
				f.Close()
				fmt.Fprint(w, string(b), err)
			}
		},
		"limited": func(w http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 2))
			fmt.Fprint(w, err)
		},
		"closed": func(w http.ResponseWriter, r *http.Request) {
			r.Body.Close()
			_, err := r.Body.Read(make([]byte, 1))
			fmt.Fprint(w, err)
		},
	}
	var form bytes.Buffer
	mw := multipart.NewWriter(&form)
	mw.WriteField("a", "b")
	fw, _ := mw.CreateFormFile("file", "f.txt")
	fw.Write(bytes.Repeat([]byte("f"), 100))
	mw.Close()
	requests := []string{
		"GET /a.txt HTTP/1.1\r\nHost: a.example:80\r\nAccept: x\r\nX-Multi: 1\r\nX-Multi: 2\r\nCookie: a=b; c=d\r\n\r\n",
		"HEAD /a.txt HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n",
		"HEAD /big.bin HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /a.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=2-4\r\n\r\n",
		"GET /a.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=0-1,4-5\r\nIf-Range: \"no\"\r\n\r\n",
		"GET /a%20b/%2F/%C3%A9?q=a+b&%zz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		"GET /(x)!|[y]? HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET http://b.example/x?y=1 HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.0\r\nHost: a\r\n\r\n",
		"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Type: text/plain\r\n\r\nabc",
		"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
		"PUT /p?x=1 HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\na=1&b=2",
		fmt.Sprintf("POST /p HTTP/1.1\r\nHost: a\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", mw.FormDataContentType(), form.Len(), form.String()),
	}
	for name, h := range handlers {
		t.Run(name, func(t *testing.T) {
			got, want := under(t, geist.FromHTTP(h), h)
			for _, req := range requests {
				if a, b := ask(t, got, req), ask(t, want, req); !reflect.DeepEqual(a, b) {
					a.Body, b.Body = clip(a.Body), clip(b.Body)
					t.Errorf("%.60q\ngeist    %+v\nnet/http %+v", req, a, b)
				}
			}
		})
	}
}

func clip(s string) string {
	if len(s) > 1500 {
		return fmt.Sprintf("%d bytes: %.100s", len(s), s)
	}
	return s
}

func TestFromHTTP_paramsAndPattern(t *testing.T) {
	app := geist.New()
	app.Host("{tenant}.example.com").GET("/:id/x/*rest", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.PathValue("id"), " ", r.PathValue("rest"), " ", r.PathValue("tenant"), " ", r.PathValue("other"), r.Pattern)
	})))
	geisttest.New(t, app).GET("/a%2Fb/x/c/d").Host("t1.example.com").Do().Status(200).BodyIs("a/b c/d t1 /:id/x/*rest")
}

func TestFromHTTP_flushIsLive(t *testing.T) {
	for _, test := range []struct {
		name string
		wrap func(http.Handler) geist.Handler
	}{
		{"plain", geist.FromHTTP},
		{"from another goroutine", func(h http.Handler) geist.Handler {
			return geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(flushElsewhere{w}, r) }))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			seen, over := make(chan struct{}), make(chan struct{})
			gone := make(chan error, 1)
			app := geist.New()
			after := make(chan int, 1)
			app.Use(func(c *geist.Ctx) error {
				err := c.Next()
				after <- c.ResponseStatus()
				return err
			})
			app.GET("/", test.wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				w.WriteHeader(201)
				fmt.Fprint(w, "one\n")
				w.(http.Flusher).Flush()
				waitOr(seen, over)
				fmt.Fprint(w, "two\n")
				w.(http.Flusher).Flush()
				waitOr(r.Context().Done(), over)
				gone <- context.Cause(r.Context())
			})))
			conn := geisttest.New(t, app).Dial()
			resp := open(t, conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			body := bufio.NewReader(resp.Body)
			if got := readLine(t, body); got != "one" || resp.StatusCode != 201 || resp.Header.Get("Content-Type") != "text/event-stream" {
				t.Errorf("%q, %v", got, resp)
			}
			if got := receive(t, after, "the middleware"); got != 201 {
				t.Errorf("status in middleware = %d", got)
			}
			close(seen)
			if got := readLine(t, body); got != "two" {
				t.Errorf("second line = %q", got)
			}
			conn.Close()
			if err := receive(t, gone, "the context's end"); !errors.Is(err, geist.ErrClientGone) {
				t.Errorf("cause = %v, want ErrClientGone", err)
			}
		})
	}
}

// flushElsewhere flushes on another goroutine, as httputil.ReverseProxy does.
type flushElsewhere struct{ http.ResponseWriter }

func (f flushElsewhere) Flush() {
	done := make(chan struct{})
	go func() { defer close(done); f.ResponseWriter.(http.Flusher).Flush() }()
	<-done
}

func TestFromHTTP_reverseProxy(t *testing.T) {
	for _, interval := range []time.Duration{0, -1, time.Microsecond} {
		back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for i := range 50 {
				fmt.Fprintf(w, "%d ", i)
				w.(http.Flusher).Flush()
			}
		}))
		t.Cleanup(back.Close)
		u, _ := url.Parse(back.URL)
		proxy := httputil.NewSingleHostReverseProxy(u)
		proxy.FlushInterval = interval
		app := geist.New()
		app.GET("/", geist.FromHTTP(proxy))
		c := geisttest.New(t, app)
		for range 3 {
			if got := c.GET("/").Do().Status(200).Text(); !strings.HasPrefix(got, "0 1 2") || !strings.HasSuffix(got, "48 49 ") {
				t.Errorf("interval %v: %q", interval, got)
			}
		}
	}
}

func TestFromHTTP_panic(t *testing.T) {
	app := geist.New(geist.Config{Logger: discard()})
	app.GET("/", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(201)
		io.WriteString(w, "part")
		panic("oh")
	})))
	geisttest.New(t, app).GET("/").Do().Status(500).BodyIs(`{"title":"Internal Server Error","status":500}`)
}

// TestFromHTTP_dropped: an answer that replaces a flushed one before it was sent ends
// its handler.
func TestFromHTTP_dropped(t *testing.T) {
	app := geist.New(geist.Config{Logger: discard()})
	got := make(chan error, 2)
	app.Use(func(c *geist.Ctx) error {
		if err := c.Next(); err != nil {
			return err
		}
		return c.Text(200, "instead")
	})
	app.GET("/", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- http.NewResponseController(w).Flush()
		<-r.Context().Done()
		_, err := io.WriteString(w, "x")
		got <- err
	})))
	geisttest.New(t, app).GET("/").Do().Status(200).BodyIs("instead")
	for range 2 {
		if err := receive(t, got, "the handler"); err == nil {
			t.Error("writing to a dropped answer gave no error")
		}
	}
}

// TestFromHTTP_headOfStream: the header of a stream is sent, and the handler told to end.
func TestFromHTTP_headOfStream(t *testing.T) {
	app := geist.New()
	app.GET("/", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for r.Context().Err() == nil {
			io.WriteString(w, "data: x\n\n")
			w.(http.Flusher).Flush()
		}
	})))
	geisttest.New(t, app).HEAD("/").Do().Status(200).HasHeader("Content-Type", "text/event-stream")
	rec := httptest.NewRecorder()
	app.HTTPHandler().ServeHTTP(rec, httptest.NewRequest("HEAD", "/", nil))
	if rec.Code != 200 || rec.Header().Get("Content-Type") != "text/event-stream" || rec.Body.Len() != 0 {
		t.Errorf("in net/http: %+v", rec)
	}
}

func TestFromHTTP_lateUse(t *testing.T) {
	app := geist.New()
	var w http.ResponseWriter
	var r *http.Request
	app.POST("/", geist.FromHTTP(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) { w, r = rw, req })))
	done := make(chan struct{}, 1)
	app.AfterRequest(func(*geist.Ctx) { done <- struct{}{} })
	geisttest.New(t, app).POST("/").BodyString("body").Do().Status(200).HasHeader("Content-Length", "0")
	<-done
	if _, err := w.Write([]byte("x")); err == nil {
		t.Error("a late write gave no error")
	}
	if _, err := r.Body.Read(make([]byte, 1)); !errors.Is(err, http.ErrBodyReadAfterClose) {
		t.Errorf("a late read of the body = %v", err)
	}
	<-r.Context().Done()
	if cause := context.Cause(r.Context()); !errors.Is(cause, geist.ErrRequestDone) {
		t.Errorf("cause = %v, want ErrRequestDone", cause)
	}
}

func TestFromHTTP_hijack(t *testing.T) {
	app := geist.New(geist.Config{DrainIdle: -1})
	used := make(chan error, 1)
	app.GET("/", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			used <- err
			return
		}
		if _, err := w.Write([]byte("x")); !errors.Is(err, http.ErrHijacked) {
			t.Errorf("Write after Hijack = %v", err)
		}
		go func() { // the connection outlives the handler
			defer conn.Close()
			line, err := rw.ReadString('\n')
			fmt.Fprintf(rw, "raw %s", line)
			used <- errors.Join(err, rw.Flush())
		}()
	})))
	for _, more := range []string{"", "early\n"} { // read ahead with the request
		conn := geisttest.New(t, app).Dial()
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"+more)
		if more == "" {
			io.WriteString(conn, "early\n")
		}
		if err := receive(t, used, "the connection's user"); err != nil {
			t.Error(err)
		}
		if b, err := io.ReadAll(conn); err != nil || string(b) != "raw early\n" {
			t.Errorf("got %q, %v", b, err)
		}
	}
}

// TestFromHTTP_hijackedDrain: a connection that a handler took lives until the
// deadline of the drain, which then cuts it.
func TestFromHTTP_hijackedDrain(t *testing.T) {
	app := geist.New(geist.Config{DrainIdle: -1, Logger: discard()})
	read := make(chan error, 2)
	app.GET("/", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			read <- err
			return
		}
		io.WriteString(conn, "taken\n")
		for range 2 {
			_, err := conn.Read(make([]byte, 1))
			read <- err
		}
		conn.Close()
	})))
	conn := geisttest.New(t, app).Dial()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	readLine(t, bufio.NewReader(conn))
	ctx, cancel := context.WithCancel(t.Context())
	down := make(chan error, 1)
	go func() { down <- app.Shutdown(ctx) }()
	for app.Ready() {
		runtime.Gosched()
	}
	io.WriteString(conn, "x")
	if err := receive(t, read, "a read while draining"); err != nil {
		t.Errorf("a read while draining = %v", err)
	}
	cancel()
	if err := receive(t, read, "the read that is cut"); err == nil {
		t.Error("the connection was not cut")
	}
	if err := receive(t, down, "Shutdown"); err == nil {
		t.Error("Shutdown = nil, want the number of cut connections")
	}
}

func TestFromHTTPMiddleware_plain(t *testing.T) {
	type key struct{}
	mw := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Mw", "1")
			w.Header().Add("Vary", "Origin")
			if r.URL.Query().Get("stop") != "" {
				http.Error(w, "stopped", http.StatusForbidden)
				return
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, "v")))
			next.ServeHTTP(w, r) // once is enough
			if got := w.Header().Get("X-Handler"); got != "2" {
				t.Errorf("the handler's header in middleware = %q", got)
			}
		})
	}
	app := geist.New()
	app.Use(func(c *geist.Ctx) error {
		c.AddHeader("Vary", "Accept")
		err := c.Next()
		c.SetHeader("X-Status", fmt.Sprint(c.ResponseStatus(), err))
		return err
	})
	app.Use(geist.FromHTTPMiddleware(mw))
	app.GET("/", func(c *geist.Ctx) error {
		c.SetHeader("X-Handler", "2")
		return c.Text(201, fmt.Sprint(c.Context().Value(key{})))
	})
	app.GET("/error", func(c *geist.Ctx) error {
		c.SetHeader("X-Handler", "2")
		return geist.NewError(409, "no")
	})
	app.GET("/stream", func(c *geist.Ctx) error {
		c.SetHeader("X-Handler", "2")
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			_, err := fmt.Fprint(w, "s", c.Context().Value(key{}), c.Context().Err())
			return err
		})
	})
	app.GET("/http", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Handler", "2")
		fmt.Fprint(w, r.Context().Value(key{}))
		w.(http.Flusher).Flush()
		fmt.Fprint(w, "!")
	})))
	c := geisttest.New(t, app)
	resp := c.GET("/").Do().Status(201).BodyIs("v").HasHeader("X-Mw", "1").HasHeader("X-Status", "201 <nil>")
	if got := resp.Raw().Header["Vary"]; !slices.Equal(got, []string{"Accept", "Origin"}) {
		t.Errorf("Vary = %q", got)
	}
	c.GET("/?stop=1").Do().Status(403).BodyIs("stopped\n").HasHeader("X-Mw", "1").HasHeader("X-Status", "403 <nil>")
	c.GET("/error").Do().Status(409).HasHeader("X-Mw", "1").HasHeader("X-Status", "409 409 Conflict: no")
	c.GET("/stream").Do().Status(200).BodyIs("sv<nil>").HasHeader("X-Mw", "1")
	c.GET("/http").Do().Status(200).BodyIs("v!").HasHeader("X-Mw", "1")
	c.HEAD("/").Do().Status(201).HasHeader("X-Mw", "1").HasHeader("Content-Length", "1")
}

// upper is a writer as middleware wraps it.
type upper struct {
	http.ResponseWriter
	status int
}

func (u *upper) WriteHeader(status int) {
	u.status = status
	u.Header().Set("X-Status", fmt.Sprint(status))
	u.ResponseWriter.WriteHeader(status)
}

func (u *upper) Write(p []byte) (int, error) { return u.ResponseWriter.Write(bytes.ToUpper(p)) }
func (u *upper) Unwrap() http.ResponseWriter { return u.ResponseWriter }

func TestFromHTTPMiddleware_wrapped(t *testing.T) {
	seen, over := make(chan struct{}), make(chan struct{})
	app := geist.New(geist.Config{Logger: discard()})
	app.Use(geist.FromHTTPMiddleware(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Before", "1")
			u := &upper{ResponseWriter: w}
			next.ServeHTTP(u, r)
			if u.status == 0 {
				t.Error("the middleware saw no status")
			}
		})
	}))
	app.GET("/text", func(c *geist.Ctx) error {
		c.AddHeader("X-Many", "1")
		c.AddHeader("X-Many", "2")
		return c.Text(201, "text")
	})
	app.GET("/none", func(c *geist.Ctx) error { return c.NoContent() })
	app.GET("/big", func(c *geist.Ctx) error { return c.Text(200, strings.Repeat("x", 200_000)) })
	app.GET("/error", func(c *geist.Ctx) error { return geist.NewError(409, "no") })
	app.GET("/fail", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			w.WriteString("part")
			if err := w.Flush(); err != nil {
				return err
			}
			return errors.New("no more")
		})
	})
	app.GET("/stream", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			w.WriteString("one\n")
			if err := w.Flush(); err != nil {
				return err
			}
			waitOr(seen, over)
			w.WriteString("two\n")
			return nil
		})
	})
	c := geisttest.New(t, app)
	resp := c.GET("/text").Do().Status(201).BodyIs("TEXT").HasHeader("X-Status", "201").HasHeader("X-Before", "1").HasHeader("Content-Type", "text/plain; charset=utf-8")
	if got := resp.Raw().Header["X-Many"]; !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("X-Many = %q", got)
	}
	c.HEAD("/text").Do().Status(201).HasHeader("X-Status", "201").HasHeader("Content-Length", "4")
	c.GET("/none").Do().Status(204).BodyIs("")
	c.GET("/big").Do().Status(200).BodyIs(strings.Repeat("X", 200_000))
	c.GET("/error").Do().Status(409).BodyContains(`"DETAIL":"NO"`).HasHeader("Content-Type", "application/problem+json")
	c.GET("/missing").Do().Status(404).HasHeader("X-Status", "404")
	if resp, err := c.GET("/fail").DoErr(); err == nil || resp.Text() != "PART" {
		t.Errorf("a stream that fails: %+v, %v", resp, err)
	}
	stream := open(t, c.Dial(), "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
	body := bufio.NewReader(stream.Body)
	if got := readLine(t, body); got != "ONE" || stream.Header.Get("X-Status") != "200" {
		t.Errorf("first line %q, %v", got, stream.Header)
	}
	close(seen)
	if rest, err := io.ReadAll(body); err != nil || string(rest) != "TWO\n" {
		t.Errorf("rest %q, %v", rest, err)
	}
}

func TestFromHTTPMiddleware_timeoutHandler(t *testing.T) {
	app := geist.New(geist.Config{Logger: discard()})
	app.Use(geist.FromHTTPMiddleware(func(next http.Handler) http.Handler { return http.TimeoutHandler(next, 5*time.Millisecond, "too late") }))
	app.GET("/slow", func(c *geist.Ctx) error {
		<-c.Context().Done()
		return c.Text(200, "done")
	})
	app.GET("/quick", func(c *geist.Ctx) error { return c.Text(200, "quick") })
	c := geisttest.New(t, app)
	c.GET("/slow").Do().Status(503).BodyIs("too late")
	if resp := c.GET("/quick").Do(); resp.StatusCode == 200 {
		resp.BodyIs("quick").HasHeader("Content-Type", "text/plain; charset=utf-8")
	}
}

func TestFromHTTP_nil(t *testing.T) {
	for name, f := range map[string]func(){
		"handler":    func() { geist.FromHTTP(nil) },
		"middleware": func() { geist.FromHTTPMiddleware(nil) },
		"result":     func() { geist.FromHTTPMiddleware(func(http.Handler) http.Handler { return nil }) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if v, _ := recover().(string); !strings.Contains(v, "fromhttp_test.go") {
					t.Errorf("panic = %q, want the place", v)
				}
			}()
			f()
		})
	}
}
