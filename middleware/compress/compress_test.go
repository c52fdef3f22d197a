package compress

import (
	"bytes"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// page is some 20 KB of text as services send it: alike, but not the same.
func page() string {
	var b strings.Builder
	for i := range 200 {
		b.WriteString(`{"id":` + strconv.Itoa(i*7919) + `,"name":"user ` + strconv.Itoa(i*i) + `","tags":["alpha","beta"],"active":true,"score":` + strconv.Itoa(i*31%97) + "},\n")
	}
	return b.String()
}

// newApp answers page in all the ways that there are, behind mw.
func newApp(t testing.TB, mw ...geist.Handler) *geist.Engine {
	text := page()
	app := geist.New(geist.Config{Logger: slog.New(slog.DiscardHandler)})
	app.Use(mw...)
	app.GET("/text", func(c *geist.Ctx) error { return c.Text(200, text) })
	app.POST("/text", func(c *geist.Ctx) error { return c.Text(201, text) })
	app.GET("/as/*type", func(c *geist.Ctx) error { return c.Bytes(200, c.Param("type"), []byte(text)) })
	app.GET("/with", func(c *geist.Ctx) error {
		name, value, _ := strings.Cut(c.Query("field"), ":")
		c.AddHeader(name, value)
		return c.Text(200, text)
	})
	app.GET("/status/:code<int>", func(c *geist.Ctx) error {
		code, err := geist.Param[int](c, "code")
		if err != nil {
			return err
		}
		return c.Text(code, text)
	})
	app.GET("/size/:n<int>", func(c *geist.Ctx) error {
		n, err := geist.Param[int](c, "n")
		if err != nil {
			return err
		}
		return c.Text(200, strings.Repeat("a", n))
	})
	app.GET("/noise", func(c *geist.Ctx) error { return c.Text(200, noise(4000)) })
	app.GET("/failed", func(*geist.Ctx) error { return geist.NewError(409, text) })
	app.GET("/stream", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error { _, err := w.Write([]byte(text)); return err })
	})
	app.GET("/std", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		_, _ = w.Write([]byte(text))
	})))
	app.GET("/flushed", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(text))
		w.(http.Flusher).Flush()
	})))
	dir := t.TempDir()
	for name, body := range map[string]string{"a.json": text, "b.js": text, "b.js.gz": "packed", "c.png": text, "big.txt": strings.Repeat(text, 20)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	app.Static("/files", dir)
	app.WS("/ws", func(_ *geist.Ctx, ws *geist.Conn) error { return ws.Write(geist.TextMessage, []byte(text)) })
	app.SSE("/sse", func(_ *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error { return s.Send(geist.Event{Data: []byte(strings.Repeat("a", 4000))}) })
	})
	return app
}

// noise is text that cannot be made shorter by much.
func noise(n int) string {
	b := make([]byte, n)
	x := uint64(88172645463325252)
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x >> 32)
	}
	return string(b)
}

// unpack returns the body of an answer, decompressed.
func unpack(t *testing.T, res *geisttest.Response) string {
	t.Helper()
	var b []byte
	var err error
	switch coding := res.Header("Content-Encoding"); coding {
	case "gzip":
		b, err = fasthttp.AppendGunzipBytes(nil, res.Bytes())
	case "br":
		b, err = fasthttp.AppendUnbrotliBytes(nil, res.Bytes())
	case "zstd":
		b, err = fasthttp.AppendUnzstdBytes(nil, res.Bytes())
	case "":
		b = res.Bytes()
	default:
		t.Fatalf("Content-Encoding = %q", coding)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestNew_codings(t *testing.T) {
	for _, tt := range []struct {
		accept string
		conf   Config
		want   string
	}{
		{"", Config{}, ""},
		{"gzip", Config{}, "gzip"},
		{"x-gzip", Config{}, "gzip"},
		{"br", Config{}, "br"},
		{"zstd", Config{}, "zstd"},
		{"gzip, deflate, br, zstd", Config{}, "zstd"},
		{"gzip, deflate, br", Config{}, "br"},
		{"gzip, deflate, br, zstd", Config{Codings: []string{"gzip", "br"}}, "gzip"},
		{"gzip;q=0.8, br;q=0.9, zstd;q=0.1", Config{}, "br"},
		{"GZIP;Q=1.0", Config{}, "gzip"},
		{"*", Config{}, "zstd"},
		{"*;q=0.5, gzip", Config{}, "gzip"},
		{"zstd;q=0, *", Config{}, "br"},
		{"gzip;q=0", Config{}, ""},
		{"identity", Config{}, ""},
		{"identity, gzip;q=0.5", Config{}, ""},
		{"identity;q=0.5, gzip", Config{}, "gzip"},
		{"identity;q=0", Config{}, ""},
		{"deflate", Config{}, ""},
		{"gzip;q=x", Config{}, ""},
		{";;,,=", Config{}, ""},
		{"gzip", Config{Level: Fastest}, "gzip"},
		{"br", Config{Level: Fastest}, "br"},
		{"zstd", Config{Level: Smaller}, "zstd"},
	} {
		req := geisttest.New(t, newApp(t, New(tt.conf))).GET("/text")
		if tt.accept != "" {
			req.Header("Accept-Encoding", tt.accept)
		}
		res := req.Do().Status(200).HasHeader("Vary", "Accept-Encoding").HasHeader("Content-Type", "text/plain; charset=utf-8")
		if got := res.Header("Content-Encoding"); got != tt.want {
			t.Errorf("Accept-Encoding %q: Content-Encoding = %q, want %q", tt.accept, got, tt.want)
		}
		if unpack(t, res) != page() {
			t.Errorf("Accept-Encoding %q: the answer is another", tt.accept)
		}
		if n := len(res.Bytes()); res.Header("Content-Length") != strconv.Itoa(n) || tt.want != "" && n > len(page())/3 {
			t.Errorf("Accept-Encoding %q: %d bytes, Content-Length %s", tt.accept, n, res.Header("Content-Length"))
		}
	}
}

func TestNew_answers(t *testing.T) {
	for _, tt := range []struct {
		name, target string
		packed, vary bool
	}{
		{"text", "/text", true, true},
		{"JSON", "/as/application/json; charset=utf-8", true, true},
		{"JSON of a kind", "/as/application/vnd.api+json", true, true},
		{"case", "/as/Text/HTML", true, true},
		{"SVG", "/as/image/svg+xml", true, true},
		{"wasm", "/as/application/wasm", true, true},
		{"events by hand", "/as/text/event-stream", true, true},
		{"image", "/as/image/png", false, false},
		{"archive", "/as/application/gzip", false, false},
		{"anything", "/as/application/octet-stream", false, false},
		{"type cut short", "/as/text", false, false},
		{"type with more", "/as/application/jsonx", false, false},
		{"shortest", "/size/1024", true, true},
		{"shorter", "/size/1023", false, false},
		{"longest", "/size/4194304", true, true},
		{"longer", "/size/4194305", false, false},
		{"noise", "/noise", false, true},
		{"problem", "/failed", true, true},
		{"503", "/status/503", true, true},
		{"206", "/status/206", false, false},
		{"encoded", "/with?field=Content-Encoding:identity", false, false},
		{"a part", "/with?field=Content-Range:bytes+0-1/2", false, false},
		{"no-transform", "/with?field=Cache-Control:public,+No-Transform", false, false},
		{"digest", "/with?field=Content-Digest:sha-256%3D:x:", false, false},
		{"digest of the form", "/with?field=Repr-Digest:sha-256%3D:x:", false, false},
		{"old digest", "/with?field=Digest:sha-256%3Dx", false, false},
		{"MD5", "/with?field=Content-MD5:x", false, false},
		{"net/http", "/std", true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := geisttest.New(t, newApp(t, New()))
			get := func(accept string) *geisttest.Response {
				return c.GET(strings.ReplaceAll(tt.target, " ", "%20")).Header("Accept-Encoding", accept).Do()
			}
			res, plain := get("gzip"), get("identity")
			if got := res.Header("Content-Encoding") == "gzip"; got != tt.packed {
				t.Errorf("compressed = %t, want %t", got, tt.packed)
			}
			if got := plain.Header("Vary"); (got == "Accept-Encoding") != tt.vary || res.Header("Vary") != got {
				t.Errorf("Vary = %q and %q, want it %t", got, res.Header("Vary"), tt.vary)
			}
			if tt.packed && unpack(t, res) != plain.Text() {
				t.Error("the compressed answer is another")
			}
		})
	}
}

func TestNew_head(t *testing.T) {
	c := geisttest.New(t, newApp(t, New()))
	get := c.GET("/text").Header("Accept-Encoding", "br").Do()
	c.HEAD("/text").Header("Accept-Encoding", "br").Do().Status(200).BodyIs("").
		HasHeader("Content-Encoding", "br").HasHeader("Content-Length", get.Header("Content-Length")).HasHeader("Vary", "Accept-Encoding")
}

func TestNew_noBody(t *testing.T) {
	c := geisttest.New(t, newApp(t, New(Config{MinBytes: 1})))
	c.GET("/status/204").Header("Accept-Encoding", "gzip").Do().Status(204).NoHeader("Content-Encoding").NoHeader("Vary")
	c.OPTIONS("/text").Header("Accept-Encoding", "gzip").Do().Status(204).NoHeader("Content-Encoding")
}

func TestNew_etag(t *testing.T) {
	c := geisttest.New(t, newApp(t, New()))
	for field, want := range map[string]string{`ETag:"v1"`: `W/"v1"`, `ETag:W/"v1"`: `W/"v1"`, `ETag:v1`: `v1`, "ETag:\"" + strings.Repeat("v", 100) + `"`: `W/"` + strings.Repeat("v", 100) + `"`} {
		_, sent, _ := strings.Cut(field, ":")
		c.GET("/with").Query("field", field).Header("Accept-Encoding", "gzip").Do().HasHeader("Etag", want)
		c.GET("/with").Query("field", field).Do().HasHeader("Etag", sent)
	}
}

func TestNew_varyIsAdded(t *testing.T) {
	c := geisttest.New(t, newApp(t, New()))
	for field, want := range map[string]string{
		"Vary:Origin": "Origin|Accept-Encoding", "Vary:Origin, accept-encoding": "Origin, accept-encoding", "Vary:*": "*",
	} {
		res := c.GET("/with").Query("field", field).Do()
		if got := strings.Join(res.Raw().Header.Values("Vary"), "|"); got != want {
			t.Errorf("%s: Vary = %q, want %q", field, got, want)
		}
	}
}

func TestNew_files(t *testing.T) {
	c := geisttest.New(t, newApp(t, New()))
	plain := c.GET("/files/a.json").Do().Status(200).HasHeader("Accept-Ranges", "bytes").HasHeader("Vary", "Accept-Encoding")
	tag := plain.Header("Etag")
	packed := c.GET("/files/a.json").Header("Accept-Encoding", "gzip").Do().Status(200).
		HasHeader("Content-Encoding", "gzip").HasHeader("Etag", "W/"+tag).NoHeader("Accept-Ranges")
	if unpack(t, packed) != plain.Text() {
		t.Error("the compressed file is another")
	}
	c.HEAD("/files/a.json").Header("Accept-Encoding", "gzip").Do().Status(200).HasHeader("Content-Length", packed.Header("Content-Length"))
	c.GET("/files/a.json").Header("Accept-Encoding", "gzip").Header("If-None-Match", "W/"+tag).Do().Status(304).
		HasHeader("Etag", "W/"+tag).HasHeader("Vary", "Accept-Encoding").NoHeader("Content-Encoding")
	c.GET("/files/a.json").Header("If-None-Match", tag).Do().Status(304).HasHeader("Etag", tag)
	c.GET("/files/a.json").Header("If-None-Match", "*").Do().Status(304).HasHeader("Etag", tag)
	c.GET("/files/a.json").Header("Accept-Encoding", "gzip").Header("Range", "bytes=1-2").Do().Status(206).NoHeader("Content-Encoding").BodyIs(page()[1:3])
	c.GET("/files/a.json").Header("Accept-Encoding", "gzip").Header("Range", "bytes=1-").Header("If-Range", "W/"+tag).Do().Status(200).HasHeader("Content-Encoding", "gzip")
	c.GET("/files/b.js").Header("Accept-Encoding", "gzip").Do().Status(200).HasHeader("Content-Encoding", "gzip").BodyIs("packed")
	c.GET("/files/c.png").Header("Accept-Encoding", "gzip").Do().Status(200).NoHeader("Content-Encoding").HasHeader("Accept-Ranges", "bytes")
	c.GET("/files/big.txt").Header("Accept-Encoding", "gzip").Do().Status(200).NoHeader("Content-Encoding")
}

func TestNew_stream(t *testing.T) {
	c := geisttest.New(t, newApp(t, New()))
	for _, path := range []string{"/stream", "/flushed"} {
		c.GET(path).Header("Accept-Encoding", "gzip").Do().Status(200).BodyIs(page()).NoHeader("Content-Encoding").NoHeader("Vary")
		c.HEAD(path).Header("Accept-Encoding", "gzip").Do().Status(200).NoHeader("Content-Encoding").NoHeader("Vary")
	}
	feed := c.GET("/sse").Header("Accept-Encoding", "gzip").SSE()
	feed.Response().NoHeader("Content-Encoding").NoHeader("Vary")
	feed.Next().Is("message", strings.Repeat("a", 4000))
}

func TestNew_websocket(t *testing.T) {
	ws := geisttest.New(t, newApp(t, New())).GET("/ws").Header("Accept-Encoding", "gzip").WS()
	ws.Response().NoHeader("Content-Encoding").NoHeader("Vary")
	ws.Next().Text(page())
	ws.Closed(1000)
}

func TestNew_notFound(t *testing.T) {
	app := newApp(t, New())
	app.NotFound(func(c *geist.Ctx) error { return c.HTML(404, page()) })
	c := geisttest.New(t, app)
	c.GET("/nowhere").Header("Accept-Encoding", "gzip").Do().Status(404).HasHeader("Content-Encoding", "gzip").HasHeader("Vary", "Accept-Encoding")
	c.DELETE("/text").Header("Accept-Encoding", "gzip").Do().Status(405).NoHeader("Content-Encoding")
	c.GET("/text/").Header("Accept-Encoding", "gzip").Do().Status(308).NoHeader("Content-Encoding")
}

// TestNew_overwritten holds that an answer that replaces a compressed one is plain.
func TestNew_overwritten(t *testing.T) {
	app := newApp(t, func(c *geist.Ctx) error {
		_ = c.Next()
		return geist.NewError(503, "later")
	}, New())
	geisttest.New(t, app).GET("/text").Header("Accept-Encoding", "gzip").Do().Status(503).NoHeader("Content-Encoding").BodyContains("later")
}

// TestNew_body holds that a body is not asked for that the chain has refused.
func TestNew_body(t *testing.T) {
	app := geist.New()
	app.Use(New(), func(*geist.Ctx) error { return geist.NewError(401, strings.Repeat("who are you? ", 200)) })
	app.POST("/", func(c *geist.Ctx) error { return c.Text(200, "ok") })
	conn := geisttest.New(t, app).Dial()
	defer conn.Close()
	if _, err := conn.Write([]byte("POST / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 12)
	if _, err := conn.Read(head); err != nil || string(head) != "HTTP/1.1 401" {
		t.Errorf("the answer begins with %q (%v), want 401 without 100 Continue", head, err)
	}
}

// TestNew_buffers holds that answers that share buffers do not mix.
func TestNew_buffers(t *testing.T) {
	c := geisttest.New(t, newApp(t, New()))
	for range 20 {
		for _, n := range []int{1500, 300_000, 2000} {
			res := c.GET("/size/"+strconv.Itoa(n)).Header("Accept-Encoding", "gzip").Do().Status(200)
			if got := unpack(t, res); got != strings.Repeat("a", n) {
				t.Fatalf("%d bytes became %d", n, len(got))
			}
			if got := unpack(t, c.GET("/text").Header("Accept-Encoding", "zstd").Do()); got != page() {
				t.Fatal("the page is another")
			}
		}
	}
}

func TestNew_panics(t *testing.T) {
	for name, configs := range map[string][]Config{
		"coding":         {{Codings: []string{"deflate"}}},
		"coding twice":   {{Codings: []string{"gzip", "gzip"}}},
		"level":          {{Level: 3}},
		"negative level": {{Level: -1}},
		"negative":       {{MinBytes: -1}},
		"max below min":  {{MinBytes: 100, MaxBytes: 99}},
		"type":           {{Types: []string{"text"}}},
		"any type":       {{Types: []string{"*/*"}}},
		"parameters":     {{Types: []string{"text/html; charset=utf-8"}}},
		"empty type":     {{Types: []string{""}}},
		"two Configs":    {{}, {}},
	} {
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

func TestNew_types(t *testing.T) {
	c := geisttest.New(t, newApp(t, New(Config{Types: []string{"Application/X-Own"}})))
	c.GET("/as/application/x-own").Header("Accept-Encoding", "gzip").Do().HasHeader("Content-Encoding", "gzip")
	c.GET("/text").Header("Accept-Encoding", "gzip").Do().NoHeader("Content-Encoding").NoHeader("Vary")
}

// TestNew_handler holds that a foreign server gets the same answers.
func TestNew_handler(t *testing.T) {
	var rc fasthttp.RequestCtx
	serveOne(newApp(t, New()).Handler(), &rc, "/text", "gzip")
	b, err := rc.Response.BodyGunzip()
	if err != nil || !bytes.Equal(b, []byte(page())) || string(rc.Response.Header.ContentEncoding()) != "gzip" {
		t.Errorf("got %d bytes as %q (%v)", len(b), rc.Response.Header.ContentEncoding(), err)
	}
}

// serveOne serves one request.
func serveOne(h fasthttp.RequestHandler, rc *fasthttp.RequestCtx, target, accept string) {
	rc.Request.Reset()
	rc.Response.Reset()
	rc.Request.Header.SetMethod("GET")
	rc.Request.SetRequestURI(target)
	rc.Request.Header.SetHost("localhost")
	if accept != "" {
		rc.Request.Header.Set("Accept-Encoding", accept)
	}
	h(rc)
}

func BenchmarkNew(b *testing.B) {
	for _, accept := range []string{"", "gzip", "br", "zstd"} {
		for level := Default; level <= Smaller; level++ {
			b.Run(accept+"-"+strconv.Itoa(int(level)), func(b *testing.B) {
				h := newApp(b, New(Config{Level: level})).Handler()
				rc := new(fasthttp.RequestCtx)
				b.ReportAllocs()
				for b.Loop() {
					serveOne(h, rc, "/text", accept)
				}
				b.ReportMetric(float64(len(rc.Response.Body())), "bytes")
			})
		}
	}
}
