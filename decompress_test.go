package geist_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// compressors by content coding.
func compressors() map[string]func([]byte) []byte {
	return map[string]func([]byte) []byte{
		"gzip":    func(b []byte) []byte { return fasthttp.AppendGzipBytes(nil, b) },
		"deflate": func(b []byte) []byte { return fasthttp.AppendDeflateBytes(nil, b) },
		"br":      func(b []byte) []byte { return fasthttp.AppendBrotliBytes(nil, b) },
		"zstd":    func(b []byte) []byte { return fasthttp.AppendZstdBytes(nil, b) },
	}
}

func decompressApp(cfg geist.Config) *geist.Engine {
	cfg.Logger = discard()
	app := geist.New(cfg)
	app.POST("/echo", func(c *geist.Ctx) error {
		c.SetHeader("X-Encoding", c.Header("Content-Encoding")+"|"+c.Header("Content-Length"))
		return c.Bytes(200, "text/plain", c.Body())
	})
	app.POST("/bind", func(c *geist.Ctx) error {
		var v struct {
			Name string `json:"name" form:"name"`
		}
		if err := c.Bind(&v); err != nil {
			return err
		}
		return c.Text(200, v.Name)
	})
	app.POST("/form", func(c *geist.Ctx) error { return c.Text(200, c.Form("name")) })
	app.POST("/parts", func(c *geist.Ctx) error {
		return geist.EachPart(c, func(p *geist.Part) error { return c.Text(200, p.Name()) })
	})
	app.POST("/raw", func(c *geist.Ctx) error { return c.Bytes(200, "text/plain", c.Body()) }).Doc(geist.StreamBody())
	app.POST("/small", func(c *geist.Ctx) error { return c.NoContent() }).Doc(geist.BodyLimit(1000))
	return app
}

func TestDecompress_codings(t *testing.T) {
	c := geisttest.New(t, decompressApp(geist.Config{DecompressBodies: true, MaxBodyBytes: 100 << 10}))
	text := strings.Repeat("content ", 5000)
	for name, compress := range compressors() {
		b := compress([]byte(text))
		c.POST("/echo").Header("Content-Encoding", name).Body(b).Do().Status(200).BodyIs(text).HasHeader("X-Encoding", "|40000")
		c.POST("/echo").Header("Content-Encoding", strings.ToUpper(name)+" , identity").Body(b).Do().Status(200).BodyIs(text)
		for other, again := range compressors() {
			c.POST("/echo").Header("Content-Encoding", name+", "+other).Body(again(b)).Do().Status(200).BodyIs(text)
		}
		c.POST("/echo").Header("Content-Encoding", name).Body(compress(nil)).Do().Status(200).BodyIs("")
		c.POST("/bind").Header("Content-Encoding", name).Header("Content-Type", "application/json").Body(compress([]byte(`{"name":"n"}`))).Do().Status(200).BodyIs("n")
		c.POST("/form").Header("Content-Encoding", name).Header("Content-Type", "application/x-www-form-urlencoded").Body(compress([]byte("name=n"))).Do().Status(200).BodyIs("n")
		c.POST("/form").Header("Content-Encoding", name).Header("Content-Type", "multipart/form-data; boundary=b").
			Body(compress([]byte("--b\r\nContent-Disposition: form-data; name=name\r\n\r\nn\r\n--b--\r\n"))).Do().Status(200).BodyIs("n")
		c.POST("/parts").Header("Content-Encoding", name).Header("Content-Type", "multipart/form-data; boundary=b").
			Body(compress([]byte("--b\r\nContent-Disposition: form-data; name=name\r\n\r\nn\r\n--b--\r\n"))).Do().Status(200).BodyIs("name")
		if got := c.POST("/raw").Header("Content-Encoding", name).Body(b).Do().Status(200).Bytes(); !bytes.Equal(got, b) {
			t.Errorf("%s on a StreamBody route: got %d bytes, want the %d that were sent", name, len(got), len(b))
		}
		for _, bad := range [][]byte{[]byte("x"), []byte(text[:100]), b[:len(b)/2], b[:len(b)-1]} {
			if name == "deflate" && len(bad) == len(b)-1 {
				continue // its checksum is not looked at by every version
			}
			c.POST("/echo").Header("Content-Encoding", name).Body(bad).Do().Status(400)
		}
	}
	for _, unknown := range []string{"compress", "gzip, gzip, gzip", "gzip;q=1", "x"} {
		c.POST("/echo").Header("Content-Encoding", unknown).BodyString("x").Do().Status(415).HasHeader("Accept-Encoding", "gzip, deflate, br, zstd")
	}
}

func TestDecompress_off(t *testing.T) {
	c := geisttest.New(t, decompressApp(geist.Config{}))
	b := compressors()["gzip"]([]byte(`{"name":"n"}`))
	if got := c.POST("/echo").Header("Content-Encoding", "gzip").Body(b).Do().Status(200).Bytes(); !bytes.Equal(got, b) {
		t.Error("a body was changed without DecompressBodies")
	}
	c.POST("/bind").Header("Content-Encoding", "gzip").Header("Content-Type", "application/json").Body(b).Do().Status(415).HasHeader("Accept-Encoding", "identity")
}

// bombs are bodies of at most a few hundred KiB that would become 64 MiB to a GiB.
func bombs() map[string][]byte {
	const size = 1 << 30 // of what costs little to make
	zeros := make([]byte, 64<<20)
	if geist.DebugCtx {
		zeros = zeros[:16<<20] // these builds are slow
	}
	bombs := map[string][]byte{}
	for _, name := range []string{"gzip", "deflate", "br"} {
		bombs[name] = compressors()[name](zeros)
	}
	var twice bytes.Buffer
	zw := gzip.NewWriter(&twice)
	_, _ = zw.Write(bombs["gzip"])
	_ = zw.Close()
	bombs["gzip, gzip"] = twice.Bytes()
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38} // a window of 128 KiB, no size
	for range size / (128 << 10) {
		frame = append(frame, zstdBlock(1, 128<<10, false)...)
		frame = append(frame, 0)
	}
	bombs["zstd"] = append(append(frame, zstdBlock(1, 1, true)...), 0)
	return bombs
}

// zstdBlock is a block's header.
func zstdBlock(kind, size int, last bool) []byte {
	h := uint32(size<<3 | kind<<1)
	if last {
		h |= 1
	}
	return binary.LittleEndian.AppendUint32(nil, h)[:3]
}

func TestDecompress_bombs(t *testing.T) {
	w := newWire(t, geist.Config{DecompressBodies: true}, func(app *geist.Engine) {
		app.POST("/echo", func(c *geist.Ctx) error { return c.NoContent() })
	})
	for name, bomb := range bombs() {
		t.Run(name, func(t *testing.T) {
			w.checkAlive(t)
			before := totalAlloc()
			c := w.dial(t)
			c.send(fmt.Sprintf("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s", name, len(bomb), bomb))
			checkProblem(t, c.expect(t, "POST", 413))
			spent := totalAlloc() - before
			t.Logf("%d bytes: %d KiB were allocated in all", len(bomb), spent>>10)
			if spent > 40<<20 { // the limit is 4 MiB; a buffer that doubles takes twice that
				t.Errorf("%d MiB were allocated, want at most 40", spent>>20)
			}
		})
	}
	w.checkLog(t)
}

// TestDecompress_zstdFrames: what a frame asks for is looked at before it is given.
func TestDecompress_zstdFrames(t *testing.T) {
	c := geisttest.New(t, decompressApp(geist.Config{DecompressBodies: true}))
	magic := []byte{0x28, 0xb5, 0x2f, 0xfd}
	raw := append(zstdBlock(0, 3, true), "abc"...)
	good := compressors()["zstd"]([]byte("abc"))
	for _, tt := range []struct {
		name   string
		frame  []byte
		status int
	}{
		{"raw block", slicesOf(magic, []byte{0x00, 0x00}, raw), 200},
		{"window of 8 MiB", slicesOf(magic, []byte{0x00, 13 << 3}, raw), 200},
		{"window of 9 MiB", slicesOf(magic, []byte{0x00, 13<<3 | 1}, raw), 413},
		{"largest window", slicesOf(magic, []byte{0x00, 0xff}, raw), 413},
		{"single segment", slicesOf(magic, []byte{0x20, 3}, raw), 200},
		{"single segment of 2^60", slicesOf(magic, []byte{0xe0, 0, 0, 0, 0, 0, 0, 0, 0x10}, raw), 413},
		{"size of 2^63", slicesOf(magic, []byte{0xe0, 0, 0, 0, 0, 0, 0, 0, 0x80}, raw), 400},
		{"reserved bit", slicesOf(magic, []byte{0x08, 0x00}, raw), 400},
		{"no block", slicesOf(magic, []byte{0x00, 0x00}), 400},
		{"reserved block", slicesOf(magic, []byte{0x00, 0x00}, zstdBlock(3, 0, true)), 400},
		{"no last block", slicesOf(magic, []byte{0x00, 0x00}, zstdBlock(0, 1, false), []byte("a")), 400},
		{"block too long", slicesOf(magic, []byte{0x00, 0x00}, zstdBlock(1, 200<<10, true), []byte("a")), 400},
		{"two frames", slicesOf(good, good), 200},
		{"skippable", slicesOf([]byte{0x5a, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2}, good), 200},
		{"skippable too long", []byte{0x5a, 0x2a, 0x4d, 0x18, 0xff, 0xff, 0xff, 0xff, 1, 2}, 400},
		{"rest", slicesOf(good, []byte("x")), 400},
		{"garbage", []byte("garbage that is long enough"), 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c.POST("/echo").Header("Content-Encoding", "zstd").Body(tt.frame).Do().Status(tt.status)
		})
	}
}

// FuzzDecompress: no body panics, or becomes more than the limit.
func FuzzDecompress(f *testing.F) {
	for name, compress := range compressors() {
		f.Add(name, compress([]byte("content")))
		f.Add(name, compress(make([]byte, 100<<10)))
	}
	app := decompressApp(geist.Config{DecompressBodies: true, MaxBodyBytes: 64 << 10})
	f.Fuzz(func(t *testing.T, coding string, body []byte) {
		if strings.ContainsFunc(coding, func(r rune) bool { return r < ' ' || r > '~' }) {
			return
		}
		r := geisttest.New(t, app).POST("/echo").Header("Content-Encoding", coding).Body(body).Do()
		if n := len(r.Bytes()); n > 64<<10 {
			t.Fatalf("%s: a body of %d bytes passed a limit of 64 KiB", coding, n)
		}
		switch code := r.Raw().StatusCode; code {
		case 200, 400, 413, 415:
		default:
			t.Fatalf("%s: status %d", coding, code)
		}
	})
}

// TestDecompress_nothingIsDropped: what follows a stream is content of another one, or
// an error.
func TestDecompress_nothingIsDropped(t *testing.T) {
	w := newWire(t, geist.Config{DecompressBodies: true}, bodyApp)
	for _, tt := range []struct {
		name, coding string
		stream       []byte
		twice        int
	}{
		{"gzip", "gzip", fasthttp.AppendGzipBytes(nil, []byte("abc")), 200},
		{"deflate", "deflate", fasthttp.AppendDeflateBytes(nil, []byte("abc")), 400},
		{"br", "br", fasthttp.AppendBrotliBytes(nil, []byte("abc")), 400},
		{"zstd", "zstd", fasthttp.AppendZstdBytes(nil, []byte("abc")), 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for body, status := range map[string]int{
				string(tt.stream):                       200,
				string(tt.stream) + string(tt.stream):   tt.twice,
				string(tt.stream) + "\x00":              400,
				string(tt.stream) + "what should it be": 400,
			} {
				c := w.dial(t)
				c.send(fmt.Sprintf("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n%s", tt.coding, len(body), body))
				a := c.expect(t, "POST", status)
				if want := strings.Repeat("abc", strings.Count(body, string(tt.stream))); status == 200 && a.body != want {
					t.Errorf("got %q, want %q", a.body, want)
				}
			}
		})
	}
}
