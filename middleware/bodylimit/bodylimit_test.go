package bodylimit_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/bodylimit"
)

func newApp(mw ...geist.Handler) *geist.Engine {
	app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler), DecompressBodies: true})
	app.Use(mw...)
	return app
}

// length answers with the number of bytes of the body.
func length(c *geist.Ctx) error {
	n, err := io.Copy(io.Discard, c.BodyReader())
	if err != nil {
		return err
	}
	return c.JSON(200, n)
}

func most(n int64) geist.Handler { return bodylimit.New(bodylimit.Config{MaxBytes: n}) }

func TestNew_badConfig(t *testing.T) {
	for name, config := range map[string][]bodylimit.Config{"two": {{}, {}}, "negative": {{MaxBytes: -1}}} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Errorf("New(%+v) did not panic", config)
				}
			}()
			bodylimit.New(config...)
		})
	}
}

// withoutLength hides from the client how long a body is, so that it sends chunks.
type withoutLength struct{ io.Reader }

// TestNew_bounds tries bodies around the bound, of a known length and in chunks, on routes that keep
// the body and on those that stream it.
func TestNew_bounds(t *testing.T) {
	app := newApp()
	for _, n := range []string{"100", "20000", "100000"} {
		limit := map[string]int64{"100": 100, "20000": 20_000, "100000": 100_000}[n]
		g := app.Group("/"+n, most(limit))
		g.POST("/kept", length)
		g.POST("/streamed", length).Doc(geist.StreamBody())
		g.POST("/http", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				http.Error(w, "cut", geist.StatusCode(err))
			}
		})))
	}
	client := geisttest.New(t, app)
	for n, limit := range map[string]int{"100": 100, "20000": 20_000, "100000": 100_000} {
		for _, path := range []string{"/kept", "/streamed", "/http"} {
			for _, chunked := range []bool{false, true} {
				for over, want := range map[int]int{-1: 200, 0: 200, 1: 413, 5000: 413, 300_000: 413} {
					body := strings.NewReader(strings.Repeat("b", limit+over))
					var r io.Reader = body
					if chunked {
						r = withoutLength{body}
					}
					resp := client.POST("/" + n + path).BodyReader(r).Do()
					if got := resp.Raw().StatusCode; got != want {
						t.Errorf("/%s%s, chunked %v, %d bytes beyond: %d, want %d", n, path, chunked, over, got, want)
					}
				}
			}
		}
	}
}

// TestNew_onlyLowers: the route's own bound and that of the engine stay where they are lower.
func TestNew_onlyLowers(t *testing.T) {
	app := newApp(most(1000), most(5<<20), most(2000))
	app.POST("/", length)
	app.POST("/lower", length).Doc(geist.BodyLimit(10))
	app.POST("/higher", length).Doc(geist.BodyLimit(1 << 20))
	app.POST("/unbounded", length).Doc(geist.BodyLimit(-1), geist.StreamBody())
	client := geisttest.New(t, app)
	for path, limit := range map[string]int{"/": 1000, "/lower": 10, "/higher": 1000, "/unbounded": 1000} {
		client.POST(path).BodyString(strings.Repeat("b", limit)).Do().Status(200)
		client.POST(path).BodyString(strings.Repeat("b", limit+1)).Do().Status(413)
	}
	raised := newApp(most(100 << 20))
	raised.POST("/", length)
	geisttest.New(t, raised).POST("/").BodyString(strings.Repeat("b", geist.DefaultMaxBodyBytes+1)).Do().Status(413)
}

// TestNew_for: a bound for each request, none of a body at all, and the default.
func TestNew_for(t *testing.T) {
	app := newApp(bodylimit.New(bodylimit.Config{MaxBytes: 100, For: func(c *geist.Ctx) int64 {
		switch c.Header("X-Plan") {
		case "none":
			return 0
		case "small":
			return 10
		}
		return -1
	}}))
	app.POST("/", length)
	client := geisttest.New(t, app)
	for _, tt := range []struct {
		plan    string
		n, want int
	}{
		{"none", 0, 200}, {"none", 1, 413}, {"small", 10, 200}, {"small", 11, 413}, {"", 100, 200}, {"", 101, 413},
	} {
		req := client.POST("/").Header("X-Plan", tt.plan)
		if tt.n > 0 {
			req.BodyString(strings.Repeat("b", tt.n))
		}
		if got := req.Do().Raw().StatusCode; got != tt.want {
			t.Errorf("plan %q, %d bytes: %d, want %d", tt.plan, tt.n, got, tt.want)
		}
	}
}

// TestNew_bodyReadBefore: middleware outside that has read the body does not get around the bound.
func TestNew_bodyReadBefore(t *testing.T) {
	var answered error
	read := func(c *geist.Ctx) error {
		if c.Query("part") != "" {
			_, _ = io.ReadFull(c.BodyReader(), make([]byte, 60))
		} else {
			_ = c.Body()
		}
		answered = c.Next()
		return answered
	}
	app := newApp(read, most(100))
	app.POST("/kept", length)
	app.POST("/streamed", length).Doc(geist.StreamBody())
	client := geisttest.New(t, app)
	for _, path := range []string{"/kept", "/streamed", "/streamed?part=1"} {
		for _, chunked := range []bool{false, true} {
			for n, want := range map[int]int{100: 200, 101: 413, 50_000: 413} {
				var r io.Reader = strings.NewReader(strings.Repeat("b", n))
				if chunked {
					r = withoutLength{r}
				}
				client.POST(path).BodyReader(r).Do().Status(want)
				if want == 413 && geist.StatusCode(answered) != 413 {
					t.Errorf("%s: middleware outside saw %v, want the 413", path, answered)
				}
			}
		}
	}
}

// TestNew_notFound: what no route serves is refused for what it announces.
func TestNew_notFound(t *testing.T) {
	app := newApp(most(10))
	app.GET("/here", length)
	client := geisttest.New(t, app)
	client.POST("/nowhere").BodyString("short").Do().Status(404)
	client.POST("/here").BodyString("short").Do().Status(405)
	for _, path := range []string{"/nowhere", "/here"} {
		client.POST(path).BodyString("longer than ten").Do().Status(413)
	}
	client.GET("/here").Do().Status(200)
	client.HEAD("/here").Do().Status(200)
	client.OPTIONS("/here").Do().Status(204)
	client.GET("/here/").Do().Status(308)
}

// TestNew_stream: streams are not in its way.
func TestNew_stream(t *testing.T) {
	app := newApp(most(10))
	app.GET("/stream", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			_, err := w.WriteString(strings.Repeat("s", 100))
			return err
		})
	})
	app.SSE("/feed", func(_ *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error { return s.Send(geist.Event{Name: "long", Data: bytes.Repeat([]byte("s"), 100)}) })
	})
	client := geisttest.New(t, app)
	client.GET("/stream").Do().Status(200).BodyIs(strings.Repeat("s", 100))
	client.SSE("/feed").Next().Is("long", strings.Repeat("s", 100))
}

// TestNew_websocket: messages are not bodies.
func TestNew_websocket(t *testing.T) {
	app := newApp(most(10))
	app.WS("/echo", func(_ *geist.Ctx, ws *geist.Conn) error {
		m, err := ws.Read()
		return errors.Join(err, ws.Write(m.Type, m.Data))
	})
	ws := geisttest.New(t, app).WS("/echo")
	ws.Send(strings.Repeat("m", 100))
	ws.Next().Text(strings.Repeat("m", 100))
	ws.Closed(1000)
}

// TestNew_foreign: inside a server of net/http it is the same.
func TestNew_foreign(t *testing.T) {
	app := newApp(most(10))
	app.POST("/", length)
	app.POST("/streamed", length).Doc(geist.StreamBody())
	h := app.HTTPHandler()
	for _, path := range []string{"/", "/streamed"} {
		for n, want := range map[int]int{10: 200, 11: 413, 20_000: 413} {
			for _, size := range []int64{int64(n), -1} {
				w := httptest.NewRecorder()
				r := httptest.NewRequestWithContext(t.Context(), "POST", path, strings.NewReader(strings.Repeat("b", n)))
				r.ContentLength = size
				h.ServeHTTP(w, r)
				if w.Code != want {
					t.Errorf("POST %s of %d bytes, announced as %d: %d, want %d", path, n, size, w.Code, want)
				}
			}
		}
	}
}

// packed compresses n bytes.
func packed(t *testing.T, n int) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(bytes.Repeat([]byte("b"), n)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}
