package etag

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/compress"
)

const hello = "hello"

// helloTag is the tag of hello: it must never change, or every cache is cold once.
const helloTag = `"LPJNul-wow4m6Dsqxbning"`

// newApp answers hello in all the ways that there are, behind mw.
func newApp(t testing.TB, mw ...geist.Handler) *geist.Engine {
	app := geist.New()
	app.Use(mw...)
	text := func(c *geist.Ctx) error { return c.Text(200, hello) }
	app.GET("/text", text)
	app.POST("/text", text)
	app.GET("/empty", func(c *geist.Ctx) error { return c.Text(200, "") })
	app.GET("/created", func(c *geist.Ctx) error { return c.Text(201, hello) })
	app.GET("/failed", func(*geist.Ctx) error { return geist.NewError(409, hello) })
	app.GET("/own", func(c *geist.Ctx) error { c.SetHeader("ETag", `"v1"`); return c.Text(200, hello) })
	app.GET("/private", func(c *geist.Ctx) error { c.SetHeader("Cache-Control", "private, No-Store"); return c.Text(200, hello) })
	app.GET("/rich", func(c *geist.Ctx) error {
		for _, f := range []string{"Cache-Control", "Content-Location", "Expires", "Vary", "Content-Language", "X-Other"} {
			c.SetHeader(f, "a")
		}
		c.SetCookie(geist.Cookie{Name: "a", Value: "b"})
		return c.Text(200, hello)
	})
	app.GET("/stream", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error { _, err := w.Write([]byte(hello)); return err })
	})
	app.GET("/std", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(hello)) })))
	app.GET("/flushed", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		_, _ = w.Write([]byte(hello))
	})))
	name := filepath.Join(t.TempDir(), "hello.txt")
	if err := os.WriteFile(name, []byte(hello), 0o600); err != nil {
		t.Fatal(err)
	}
	app.GET("/file", func(c *geist.Ctx) error { return c.File(name) })
	app.WS("/ws", func(_ *geist.Ctx, ws *geist.Conn) error { return ws.Write(geist.TextMessage, []byte(hello)) })
	app.SSE("/sse", func(_ *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error { return s.Send(geist.Event{Data: []byte(hello)}) })
	})
	return app
}

func TestNew_table(t *testing.T) {
	for _, tt := range []struct {
		name, method, target, match string
		status                      int
		tag                         string
	}{
		{"first", "GET", "/text", "", 200, helloTag},
		{"HEAD", "HEAD", "/text", "", 200, helloTag},
		{"again", "GET", "/text", helloTag, 304, helloTag},
		{"HEAD again", "HEAD", "/text", helloTag, 304, helloTag},
		{"weakly", "GET", "/text", "W/" + helloTag, 304, helloTag},
		{"in a list", "GET", "/text", `"a", W/"b",` + helloTag, 304, helloTag},
		{"any", "GET", "/text", "*", 304, helloTag},
		{"another", "GET", "/text", `"a"`, 200, helloTag},
		{"malformed", "GET", "/text", strings.Trim(helloTag, `"`), 200, helloTag},
		{"POST", "POST", "/text", helloTag, 200, ""},
		{"empty", "GET", "/empty", "*", 200, ""},
		{"201", "GET", "/created", "*", 201, ""},
		{"an error", "GET", "/failed", "*", 409, ""},
		{"no-store", "GET", "/private", helloTag, 200, ""},
		{"own tag", "GET", "/own", "", 200, `"v1"`},
		{"own tag again", "GET", "/own", `"v1"`, 304, `"v1"`},
		{"own tag, ours", "GET", "/own", helloTag, 200, `"v1"`},
		{"net/http", "GET", "/std", helloTag, 304, helloTag},
		{"net/http, flushed", "GET", "/flushed", "*", 200, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req := geisttest.New(t, newApp(t, New())).Request(tt.method, tt.target)
			if tt.match != "" {
				req.Header("If-None-Match", tt.match)
			}
			res := req.Do().Status(tt.status)
			if got := res.Header("Etag"); got != tt.tag {
				t.Errorf("ETag = %q, want %q", got, tt.tag)
			}
			if tt.status == 304 {
				res.BodyIs("").NoHeader("Content-Type")
			}
		})
	}
}

func TestNew_severalLines(t *testing.T) {
	c := geisttest.New(t, newApp(t, New()))
	c.GET("/text").Header("If-None-Match", `"a"`).Header("If-None-Match", helloTag).Do().Status(304)
}

func TestNew_notModifiedKeeps(t *testing.T) {
	res := geisttest.New(t, newApp(t, New())).GET("/rich").Header("If-None-Match", "*").Do().Status(304)
	for _, f := range []string{"Cache-Control", "Content-Location", "Expires", "Vary", "X-Other"} {
		res.HasHeader(f, "a")
	}
	res.HasHeader("Etag", helloTag).NoHeader("Content-Language").NoHeader("Content-Type")
	if ck := res.Cookie("a"); ck == nil || ck.Value != "b" {
		t.Errorf("the cookie is %v, want b", ck)
	}
}

func TestNew_config(t *testing.T) {
	c := geisttest.New(t, newApp(t, New(Config{Weak: true, MaxBytes: len(hello)})))
	c.GET("/text").Do().Status(200).HasHeader("Etag", "W/"+helloTag)
	c.GET("/text").Header("If-None-Match", helloTag).Do().Status(304).HasHeader("Etag", "W/"+helloTag)
	geisttest.New(t, newApp(t, New(Config{MaxBytes: len(hello) - 1}))).GET("/text").Do().Status(200).NoHeader("Etag")
}

func TestNew_file(t *testing.T) {
	c := geisttest.New(t, newApp(t, New()))
	tag := c.GET("/file").Do().Status(200).Header("Etag")
	if tag == "" || tag == helloTag {
		t.Fatalf("ETag of a file = %q, want its own", tag)
	}
	c.GET("/file").Header("If-None-Match", tag).Do().Status(304).HasHeader("Etag", tag)
	c.GET("/file").Header("Range", "bytes=1-2").Do().Status(206).BodyIs("el")
}

func TestNew_stream(t *testing.T) {
	c := geisttest.New(t, newApp(t, New()))
	c.GET("/stream").Header("If-None-Match", "*").Do().Status(200).BodyIs(hello).NoHeader("Etag")
	c.HEAD("/stream").Do().Status(200).NoHeader("Etag")
	feed := c.SSE("/sse")
	feed.Response().NoHeader("Etag")
	feed.Next().Is("message", hello)
}

func TestNew_websocket(t *testing.T) {
	ws := geisttest.New(t, newApp(t, New())).GET("/ws").Header("If-None-Match", "*").WS()
	ws.Response().NoHeader("Etag")
	ws.Next().Text(hello)
	ws.Closed(1000)
}

func TestNew_notFound(t *testing.T) {
	c := geisttest.New(t, newApp(t, New()))
	c.GET("/nowhere").Header("If-None-Match", "*").Do().Status(404).NoHeader("Etag")
	c.DELETE("/text").Header("If-None-Match", "*").Do().Status(405).NoHeader("Etag")
	c.OPTIONS("/text").Do().Status(204).NoHeader("Etag")
	c.GET("/text/").Do().Status(308).NoHeader("Etag")
}

// TestNew_handler holds that a foreign server gets the same answers.
func TestNew_handler(t *testing.T) {
	h := newApp(t, New()).Handler()
	var rc fasthttp.RequestCtx
	rc.Request.SetRequestURI("/text")
	rc.Request.Header.SetHost("localhost")
	rc.Request.Header.Set("If-None-Match", helloTag)
	h(&rc)
	if rc.Response.StatusCode() != 304 || len(rc.Response.Body()) > 0 || string(rc.Response.Header.Peek("ETag")) != helloTag {
		t.Errorf("got %v", &rc.Response)
	}
}

// TestNew_compress tries both orders: what is sent can be revalidated, and each form of
// it has a tag that tells it from the other where bytes matter.
func TestNew_compress(t *testing.T) {
	long := strings.Repeat(hello, 1000)
	for name, chain := range map[string][]geist.Handler{"within": {compress.New(), New()}, "around": {New(), compress.New()}} {
		t.Run(name, func(t *testing.T) {
			app := geist.New()
			app.Use(chain...)
			app.GET("/", func(c *geist.Ctx) error { return c.Text(200, long) })
			c := geisttest.New(t, app)
			plain := c.GET("/").Do().Status(200).BodyIs(long).HasHeader("Vary", "Accept-Encoding")
			packed := c.GET("/").Header("Accept-Encoding", "gzip").Do().Status(200).HasHeader("Content-Encoding", "gzip").HasHeader("Vary", "Accept-Encoding")
			if b, err := fasthttp.AppendGunzipBytes(nil, packed.Bytes()); err != nil || !bytes.Equal(b, []byte(long)) {
				t.Errorf("the compressed answer is another (%v)", err)
			}
			tag := packed.Header("Etag")
			if tag == "" || tag == plain.Header("Etag") {
				t.Errorf("ETags %q and %q, want two", plain.Header("Etag"), tag)
			}
			c.HEAD("/").Header("Accept-Encoding", "gzip").Do().Status(200).HasHeader("Etag", tag).HasHeader("Content-Length", packed.Header("Content-Length"))
			c.GET("/").Header("Accept-Encoding", "gzip").Header("If-None-Match", tag).Do().Status(304).
				HasHeader("Etag", tag).HasHeader("Vary", "Accept-Encoding").NoHeader("Content-Encoding").BodyIs("")
			c.GET("/").Header("If-None-Match", plain.Header("Etag")).Do().Status(304).HasHeader("Etag", plain.Header("Etag")).HasHeader("Vary", "Accept-Encoding")
		})
	}
}

func TestNew_panics(t *testing.T) {
	for name, configs := range map[string][]Config{"negative": {{MaxBytes: -1}}, "two": {{}, {}}} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			New(configs...)
		})
	}
}

func BenchmarkNew(b *testing.B) {
	for _, match := range []string{"", helloTag} {
		b.Run(match, func(b *testing.B) {
			h := newApp(b, New()).Handler()
			rc := new(fasthttp.RequestCtx)
			b.ReportAllocs()
			for b.Loop() {
				serveOne(h, rc, match)
			}
		})
	}
}

// serveOne serves a request for /text.
func serveOne(h fasthttp.RequestHandler, rc *fasthttp.RequestCtx, match string) {
	rc.Request.Reset()
	rc.Response.Reset()
	rc.Request.Header.SetMethod("GET")
	rc.Request.SetRequestURI("/text")
	rc.Request.Header.SetHost("localhost")
	if match != "" {
		rc.Request.Header.Set("If-None-Match", match)
	}
	h(rc)
}
