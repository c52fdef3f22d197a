package geist_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gogeist/geist"
)

// expecting is a POST request, without its body, that waits for 100 Continue.
func expecting(path, framing string) string {
	return "POST " + path + " HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n" + framing + "\r\n\r\n"
}

// TestExpect_onlyWhenWanted: 100 Continue is sent when somebody reads the body, and
// never when the answer is known without it.
func TestExpect_onlyWhenWanted(t *testing.T) {
	w := newWire(t, geist.Config{MaxBodyBytes: 1000}, bodyApp)
	for _, tt := range []struct {
		path   string
		size   int
		status int // 0: 100 Continue, then 200
	}{
		{"/echo", 3, 0}, {"/echo", 1000, 0}, {"/large", 500 << 10, 0}, {"/stream", 900, 0}, {"/half", 100 << 10, 0}, {"/early", 3, 0},
		{"/echo", 1001, 413}, {"/small", 11, 413}, {"/stream", 1001, 413}, {"/auth", 3, 401}, {"/nowhere", 3, 404}, {"/alive", 3, 405}, {"/none", 3, 200},
	} {
		t.Run(fmt.Sprintf("%s %d", tt.path, tt.size), func(t *testing.T) {
			c := w.dial(t)
			c.send(expecting(tt.path, fmt.Sprintf("Content-Length: %d", tt.size)))
			if tt.status != 0 {
				a := c.expect(t, "POST", tt.status)
				if !a.Close {
					t.Error("the answer lacks Connection: close")
				}
				c.checkClosed(t)
				return
			}
			c.expect(t, "POST", 100)
			go c.send(strings.Repeat("b", tt.size))
			c.expect(t, "POST", 200)
			c.checkAlive(t)
		})
	}
	w.checkLog(t)
}

// TestExpect_chunked: the limit holds for what has no length.
func TestExpect_chunked(t *testing.T) {
	w := newWire(t, geist.Config{MaxBodyBytes: 1000}, bodyApp)
	for path, want := range map[string]int{"/echo": 200, "/stream": 200, "/small": 413, "/auth": 401} {
		c := w.dial(t)
		c.send(expecting(path, "Transfer-Encoding: chunked"))
		if want != 401 {
			c.expect(t, "POST", 100)
			c.send("14\r\n" + strings.Repeat("b", 20) + "\r\n0\r\n\r\n")
		}
		c.expect(t, "POST", want)
		if want == 200 {
			c.checkAlive(t)
		} else {
			c.checkClosed(t)
		}
	}
}

// TestExpect_bodyNotAwaited: a client that does not wait is served as well, and what
// it has sent is never taken for a request.
func TestExpect_bodyNotAwaited(t *testing.T) {
	w := newWire(t, geist.Config{}, bodyApp)
	t.Run("wanted", func(t *testing.T) {
		c := w.dial(t)
		c.send(expecting("/echo", "Content-Length: 3") + "abc" + get("/alive"))
		c.expect(t, "POST", 100)
		c.expect(t, "POST", 200)
		c.expect(t, "GET", 200)
	})
	t.Run("refused", func(t *testing.T) {
		c := w.dial(t)
		c.send(expecting("/auth", fmt.Sprintf("Content-Length: %d", len(get("/alive")))) + get("/alive"))
		c.expect(t, "POST", 401)
		c.checkClosed(t)
	})
}

// TestExpect_clientGoesAway: the request's goroutine ends with the connection.
func TestExpect_clientGoesAway(t *testing.T) {
	t.Run("clients", func(t *testing.T) {
		w := newWire(t, geist.Config{Logger: discard()}, func(app *geist.Engine) {
			bodyApp(app)
			app.POST("/panic", func(c *geist.Ctx) error {
				_, _ = io.Copy(io.Discard, c.BodyReader())
				panic("no")
			}).Doc(geist.StreamBody())
			app.POST("/abort", func(*geist.Ctx) error { return geist.ErrAbort }).Doc(geist.StreamBody())
			app.POST("/goexit", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(w, r.Body)
				w.(http.Flusher).Flush()
				_, _ = io.WriteString(w, "more")
			}))).Doc(geist.StreamBody())
		})
		for _, path := range []string{"/echo", "/stream", "/auth", "/panic", "/abort"} {
			for _, framing := range []string{"Content-Length: 3", "Content-Length: 30000", "Transfer-Encoding: chunked"} {
				c := w.dial(t)
				c.send(expecting(path, framing))
				if path != "/auth" && path != "/abort" {
					c.expect(t, "POST", 100)
				}
				_ = c.SetLinger(0)
				_ = c.Close()
			}
		}
		c := w.dial(t)
		c.send(expecting("/goexit", "Content-Length: 3"))
		c.expect(t, "POST", 100)
		c.send("abc")
		if a := c.expect(t, "POST", 200); a.body != "abcmore" {
			t.Errorf("a stream behind 100 Continue: got %q, want abcmore", a.body)
		}
		c.checkAlive(t)
		w.checkAlive(t)
	})
	waitForGoroutines(t)
}

// TestExpect_answerStreams: who writes an answer piece by piece may read the body in
// doing so, on routes that stream it. Nobody else may: the client was never told to go on.
func TestExpect_answerStreams(t *testing.T) {
	t.Run("clients", func(t *testing.T) {
		late := make(chan error, 2)
		w := newWire(t, geist.Config{Logger: discard()}, func(app *geist.Engine) { lateReaders(app, late) })
		for _, framing := range []string{"Content-Length: 5", "Transfer-Encoding: chunked"} {
			body := map[bool]string{true: "abcde", false: "5\r\nabcde\r\n0\r\n\r\n"}[framing == "Content-Length: 5"]
			for _, path := range []string{"/stream", "/flush"} {
				for _, method := range []string{"POST", "HEAD"} {
					t.Run(method+" "+path+" "+framing, func(t *testing.T) {
						c := w.dial(t)
						c.send(strings.Replace(expecting(path, framing), "POST", method, 1))
						if method == "POST" || path == "/flush" {
							c.expect(t, method, 100)
							c.send(body)
						}
						if a := c.expect(t, method, 200); method == "POST" && a.body != "abcde" {
							t.Errorf("got %q, want abcde", a.body)
						}
						c.checkClosed(t)
					})
				}
				c := w.dial(t) // which goes away once it has been told to go on
				c.send(expecting(path, framing))
				c.expect(t, "POST", 100)
				_ = c.SetLinger(0)
				_ = c.Close()
			}
			c := w.dial(t)
			c.send(expecting("/refused", framing))
			c.expect(t, "POST", 200)
			c.checkClosed(t)
			if err := <-late; geist.StatusCode(err) != 400 {
				t.Errorf("a body that was not asked for: error %v, want one of status 400", err)
			}
			c = w.dial(t)
			c.send(expecting("/hijack", framing))
			c.checkClosed(t)
			if err := <-late; err == nil {
				t.Error("reading the body behind Hijack: no error")
			}
		}
		w.checkAlive(t)
	})
	waitForGoroutines(t)
}

// lateReaders registers routes that read the body when they answer already. Two of them
// tell the error.
func lateReaders(app *geist.Engine, late chan error) {
	copyBody := func(w *geist.StreamWriter, r io.Reader) error {
		_, err := io.Copy(w, r)
		return err
	}
	echo := func(c *geist.Ctx) error {
		r := c.BodyReader()
		return c.Stream("text/plain", func(w *geist.StreamWriter) error { return copyBody(w, r) })
	}
	app.POST("/stream", echo).Doc(geist.StreamBody())
	app.HEAD("/stream", echo).Doc(geist.StreamBody())
	app.Any("/flush", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		_, _ = io.Copy(w, r.Body)
	}))).Doc(geist.StreamBody())
	app.POST("/refused", func(c *geist.Ctx) error { return nil }).Doc(geist.With(func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(*geist.StreamWriter) error {
			_, err := io.Copy(io.Discard, c.BodyReader())
			late <- err
			return nil
		})
	}))
	app.POST("/hijack", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			late <- nil
			return
		}
		_, err = io.ReadAll(r.Body)
		late <- err
		_ = conn.Close()
	}))).Doc(geist.StreamBody())
}
