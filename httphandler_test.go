package geist_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist"
)

// described is a geist handler that shows its request.
func described(c *geist.Ctx) error {
	c.AddHeader("X-Two", "1")
	c.AddHeader("X-Two", "2")
	if err := errors.Join(c.SetCookie(geist.Cookie{Name: "a", Value: "1"}), c.SetCookie(geist.Cookie{Name: "b", Value: "2"})); err != nil {
		return err
	}
	return c.Text(201, fmt.Sprint(c.Method(), " ", c.Path(), " ", c.Pattern(), " ", c.Query("q"), " ", c.Host(), " ", c.Scheme(), " ",
		c.ClientIP() != "", " ", c.Header("X-A"), " ", c.Cookie("s"), " ", c.Header("Content-Length"), " ", string(c.Body())))
}

func newBridgedApp() *geist.Engine {
	app := geist.New(geist.Config{Logger: discard(), MaxBodyBytes: 1000, MaxHeaderBytes: 2000, DrainIdle: -1})
	app.Any("/d/:id", described)
	app.GET("/none", func(c *geist.Ctx) error { return c.NoContent() })
	app.GET("/error", func(c *geist.Ctx) error { return geist.NewError(409, "no") })
	app.GET("/panic", func(c *geist.Ctx) error { panic("oh") })
	app.GET("/abort", func(c *geist.Ctx) error { return geist.ErrAbort })
	app.GET("/bytes", func(c *geist.Ctx) error { return c.Bytes(200, "", []byte("<html>")) })
	app.GET("/stream", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			for i := range 100 {
				fmt.Fprintln(w, i, c.Query("q"))
				if err := w.Flush(); err != nil {
					return err
				}
			}
			return nil
		})
	})
	app.GET("/cut", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			w.WriteString("part")
			if err := w.Flush(); err != nil {
				return err
			}
			return geist.ErrAbort
		})
	})
	app.Any("/http", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s %q %v", r.Method, r.URL, r.Host, b, err)
		w.(http.Flusher).Flush()
		fmt.Fprint(w, "!")
	})))
	app.GET("/file", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "f.bin", time.Unix(1e9, 0), strings.NewReader(strings.Repeat("f", 100_000)))
	})))
	return app
}

// TestEngine_HTTPHandler_sameAsServe: the same engine gives the same answers by its own
// server and inside net/http.
func TestEngine_HTTPHandler_sameAsServe(t *testing.T) {
	own := serveTCP(t, newBridgedApp())
	srv := httptest.NewServer(newBridgedApp().HTTPHandler())
	t.Cleanup(srv.Close)
	for _, req := range []string{
		"GET /d/1?q=a%20b HTTP/1.1\r\nHost: h.example\r\nX-A: x\r\nCookie: s=1; t=2\r\n\r\n",
		"HEAD /d/1 HTTP/1.1\r\nHost: h.example\r\n\r\n",
		"OPTIONS /none HTTP/1.1\r\nHost: h.example\r\n\r\n",
		"POST /d/a%2Fb HTTP/1.1\r\nHost: h.example\r\nContent-Length: 4\r\n\r\nbody",
		"POST /d/1 HTTP/1.1\r\nHost: h.example\r\nContent-Length: 0\r\n\r\n",
		"POST /d/1 HTTP/1.1\r\nHost: h.example\r\nContent-Length: 1001\r\n\r\n" + strings.Repeat("x", 1001),
		"POST /d/1 HTTP/1.1\r\nHost: h.example\r\nContent-Length: 1000\r\n\r\n" + strings.Repeat("x", 1000),
		"POST /d/1 HTTP/1.1\r\nHost: h.example\r\nTransfer-Encoding: chunked\r\n\r\n401\r\n" + strings.Repeat("x", 1025) + "\r\n0\r\n\r\n",
		"GET /d/1 HTTP/1.1\r\nHost: h.example\r\nX-A: " + strings.Repeat("x", 3000) + "\r\n\r\n",
		"GET /d/1/ HTTP/1.1\r\nHost: h.example\r\n\r\n",
		"GET /d//1 HTTP/1.1\r\nHost: h.example\r\n\r\n",
		"GET /missing HTTP/1.1\r\nHost: h.example\r\n\r\n",
		"DELETE /none HTTP/1.1\r\nHost: h.example\r\n\r\n",
		"GET /none HTTP/1.1\r\nHost: h.example\r\n\r\n",
		"GET /error HTTP/1.1\r\nHost: h.example\r\n\r\n",
		"GET /panic HTTP/1.1\r\nHost: h.example\r\n\r\n",
		"GET /abort HTTP/1.1\r\nHost: h.example\r\n\r\n",
		"GET /bytes HTTP/1.1\r\nHost: h.example\r\n\r\n",
		"GET /stream?q=7 HTTP/1.1\r\nHost: h.example\r\n\r\n",
		"GET /stream?q=7 HTTP/1.0\r\nHost: h.example\r\n\r\n",
		"HEAD /stream HTTP/1.1\r\nHost: h.example\r\n\r\n",
		"GET /cut HTTP/1.1\r\nHost: h.example\r\n\r\n",
		"POST /http?x=y HTTP/1.1\r\nHost: h.example\r\nContent-Length: 4\r\n\r\nbody",
		"HEAD /http HTTP/1.1\r\nHost: h.example\r\n\r\n",
		"GET /file HTTP/1.1\r\nHost: h.example\r\n\r\n",
		"HEAD /file HTTP/1.1\r\nHost: h.example\r\n\r\n",
		"GET /file HTTP/1.1\r\nHost: h.example\r\nRange: bytes=5-9\r\n\r\n",
		"GET http://other.example/d/1 HTTP/1.1\r\nHost: h.example\r\n\r\n",
	} {
		if a, b := ask(t, srv.URL, req), ask(t, own, req); !reflect.DeepEqual(a, b) {
			a.Body, b.Body = clip(a.Body), clip(b.Body)
			t.Errorf("%.60q\nin net/http %+v\nown server  %+v", req, a, b)
		}
	}
}

func TestEngine_HTTPHandler_http2(t *testing.T) {
	seen, over := make(chan struct{}), make(chan struct{})
	gone := make(chan error, 1)
	app := newBridgedApp()
	app.GET("/live", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			w.WriteString("one\n")
			if err := w.Flush(); err != nil {
				return err
			}
			waitOr(seen, over)
			w.WriteString("two\n")
			if err := w.Flush(); err != nil {
				return err
			}
			waitOr(c.Context().Done(), over)
			gone <- context.Cause(c.Context())
			return nil
		})
	})
	srv := httptest.NewUnstartedServer(app.HTTPHandler())
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	do := func(req *http.Request) *http.Response {
		t.Helper()
		resp, err := srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if resp.ProtoMajor != 2 {
			t.Errorf("protocol = %s", resp.Proto)
		}
		return resp
	}
	req, _ := http.NewRequest("POST", srv.URL+"/d/1?q=2", bytes.NewReader([]byte("body")))
	req.Host = "h.example"
	resp := do(req)
	b, err := io.ReadAll(resp.Body)
	if want := "POST /d/1 /d/:id 2 h.example https true   4 body"; string(b) != want || err != nil || resp.StatusCode != 201 {
		t.Errorf("%d %q, %v\nwant %q", resp.StatusCode, b, err, want)
	}
	if got := resp.Header["Set-Cookie"]; len(got) != 2 {
		t.Errorf("Set-Cookie = %q", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, _ = http.NewRequestWithContext(ctx, "GET", srv.URL+"/live", nil)
	resp = do(req)
	body := bufio.NewReader(resp.Body)
	if got := readLine(t, body); got != "one" {
		t.Errorf("first line = %q", got)
	}
	close(seen)
	if got := readLine(t, body); got != "two" {
		t.Errorf("second line = %q", got)
	}
	cancel()
	if err := receive(t, gone, "the context's end"); !errors.Is(err, geist.ErrClientGone) {
		t.Errorf("cause = %v, want ErrClientGone", err)
	}
	req, _ = http.NewRequest("GET", srv.URL+"/cut", nil)
	resp = do(req)
	if b, err := io.ReadAll(resp.Body); err == nil || string(b) != "part" {
		t.Errorf("a stream that was cut: %q, %v", b, err)
	}
}

func TestEngine_HTTPHandler_context(t *testing.T) {
	type key struct{}
	app := geist.New()
	over := make(chan struct{})
	causes := make(chan error, 1)
	app.GET("/value", func(c *geist.Ctx) error { return c.Text(200, fmt.Sprint(c.Context().Value(key{}))) })
	app.GET("/lazy", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Context().Value(key{})) })))
	var late context.Context
	app.GET("/late", func(c *geist.Ctx) error { late = c.Context(); return nil })
	app.GET("/wait", func(c *geist.Ctx) error {
		waitOr(c.Context().Done(), over)
		causes <- context.Cause(c.Context())
		return nil
	})
	h := app.HTTPHandler()
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "v"))
	get := func(path string) *httptest.ResponseRecorder {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequestWithContext(ctx, "GET", path, nil))
		return rec
	}
	for _, path := range []string{"/value", "/lazy"} {
		if got := get(path).Body.String(); got != "v" {
			t.Errorf("%s: %q", path, got)
		}
	}
	get("/late")
	if cause := context.Cause(late); !errors.Is(cause, geist.ErrRequestDone) {
		t.Errorf("cause after the request = %v", cause)
	}
	cancel()
	get("/wait")
	if err := receive(t, causes, "the context's end"); !errors.Is(err, geist.ErrClientGone) {
		t.Errorf("cause = %v, want ErrClientGone", err)
	}
	ctx = t.Context()
	if err := app.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	get("/wait")
	if err := receive(t, causes, "the context's end"); !errors.Is(err, geist.ErrServerClosed) {
		t.Errorf("cause after Shutdown = %v, want ErrServerClosed", err)
	}
}

func TestEngine_HTTPHandler_mounted(t *testing.T) {
	app := geist.New()
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "root") })
	app.GET("/x/:id", func(c *geist.Ctx) error { return c.Text(200, c.Param("id")+c.ClientIP()) })
	mux := http.NewServeMux()
	mux.Handle("/api/", http.StripPrefix("/api", app.HTTPHandler()))
	mux.Handle("/v2/", http.StripPrefix("/v2/", app.HTTPHandler()))
	for path, want := range map[string]string{"/api/x/a%2Fb?q=1": "a/b192.0.2.1", "/api/": "root", "/v2/x/1": "1192.0.2.1"} {
		rec := httptest.NewRecorder()
		mux.ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
		if rec.Code != 200 || rec.Body.String() != want {
			t.Errorf("%s: %d %q, want %q", path, rec.Code, rec.Body, want)
		}
	}
}
