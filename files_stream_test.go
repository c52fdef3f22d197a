package geist_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// overTCP serves app on loopback, where the kernel sends files by itself, and returns the address
// and a function that stops it and waits for its connections.
func overTCP(t *testing.T, app *geist.Engine) (addr string, stop func()) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- app.Serve(ln) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := errors.Join(app.Shutdown(ctx), <-served); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return ln.Addr().String(), stop
}

// bigFile makes a file of that size and returns its directory. What is not written is a hole.
func bigFile(t *testing.T, size int64) string {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "big.bin"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	for _, off := range []int64{0, size / 2, size - 8} {
		if _, err := f.WriteAt([]byte("geist..."), off); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// askOn sends a request on its own connection.
func askOn(t *testing.T, addr, request string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

// Streams arrive whole over every kind of connection.
func TestStatic_streams(t *testing.T) {
	const size = 3<<20 + 17
	content := bytes.Repeat([]byte("0123456789abcdefghijklmnopqrstuvwxyz!"), size/37+1)[:size]
	dir := site(t, map[string]string{"big.bin": string(content)})
	build := func() *geist.Engine {
		app := geist.New(geist.Config{Logger: discard()})
		app.Static("/dir", dir)
		app.StaticFS("/fs", os.DirFS(dir))
		app.StaticFS("/map", fstest.MapFS{"big.bin": {Data: content, ModTime: time.Unix(1e9, 0)}})
		app.StaticFS("/hash", fstest.MapFS{"big.bin": {Data: content}})
		app.StaticFS("/noseek", noSeek{os.DirFS(dir)})
		app.GET("/file/big.bin", func(c *geist.Ctx) error { return c.File(filepath.Join(dir, "big.bin")) })
		app.GET("/filefs/big.bin", func(c *geist.Ctx) error { return c.FileFS(noSeek{os.DirFS(dir)}, "big.bin") })
		return app
	}
	check := func(t *testing.T, get func(path, ranges string) (int, http.Header, []byte)) {
		for _, prefix := range []string{"/dir", "/fs", "/map", "/hash", "/noseek", "/file", "/filefs"} {
			seeks := prefix != "/noseek" && prefix != "/filefs"
			status, header, body := get(prefix+"/big.bin", "")
			if status != 200 || !bytes.Equal(body, content) || header.Get("Content-Length") != strconv.Itoa(size) || header.Get("Etag") == "" {
				t.Errorf("%s: %d with %d bytes, %v", prefix, status, len(body), header)
			}
			if got := header.Get("Accept-Ranges") == "bytes"; got != seeks {
				t.Errorf("%s: Accept-Ranges = %v, want %v", prefix, got, seeks)
			}
			status, header, body = get(prefix+"/big.bin", "bytes=1000000-2999999")
			switch {
			case !seeks && (status != 200 || len(body) != size):
				t.Errorf("%s: range of what cannot seek: %d with %d bytes, want the whole", prefix, status, len(body))
			case seeks && (status != 206 || !bytes.Equal(body, content[1000000:3000000]) || header.Get("Content-Range") != fmt.Sprintf("bytes 1000000-2999999/%d", size)):
				t.Errorf("%s: range: %d with %d bytes, %v", prefix, status, len(body), header)
			}
			if !seeks {
				continue
			}
			status, header, body = get(prefix+"/big.bin", "bytes=0-9,500000-1500000,-10")
			parts := partsOf(t, served{status, header, body})
			if want := fmt.Sprintf("%q", content[500000:1500001]); status != 206 || strings.Count(parts, "\n") != 3 || !strings.Contains(parts, want) {
				t.Errorf("%s: ranges: %d with %d bytes, %v", prefix, status, len(body), header)
			}
		}
	}
	for _, cfg := range []geisttest.Config{{}, {TLS: true}} {
		t.Run(fmt.Sprintf("memory, TLS %v", cfg.TLS), func(t *testing.T) {
			c := geisttest.New(t, build(), cfg)
			check(t, func(path, ranges string) (int, http.Header, []byte) {
				req := c.GET(path)
				if ranges != "" {
					req.Header("Range", ranges)
				}
				r := req.Do()
				return r.StatusCode, r.Raw().Header, r.Bytes()
			})
		})
	}
	t.Run("TCP", func(t *testing.T) {
		addr, _ := overTCP(t, build())
		client := &http.Client{Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		check(t, func(path, ranges string) (int, http.Header, []byte) {
			req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://"+addr+path, nil)
			if ranges != "" {
				req.Header.Set("Range", ranges)
			}
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			return resp.StatusCode, resp.Header, body
		})
	})
}

// noSeek is a file system whose files cannot seek.
type noSeek struct{ fs.FS }

func (f noSeek) Open(name string) (fs.File, error) {
	file, err := f.FS.Open(name)
	return struct{ fs.File }{file}, err
}

// A file that becomes shorter while it is sent ends the connection: the client sees that bytes are missing.
func TestStatic_shrinks(t *testing.T) {
	for _, kind := range []string{"TCP", "memory"} {
		t.Run(kind, func(t *testing.T) {
			const size = 256 << 20 // more than sockets buffer
			dir := bigFile(t, size)
			app := geist.New(geist.Config{Logger: discard()})
			app.Static("/", dir)
			const request = "GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n"
			var br *bufio.Reader
			if kind == "TCP" {
				addr, _ := overTCP(t, app)
				_, br = askOn(t, addr, request)
			} else {
				conn := geisttest.New(t, app).Dial()
				defer conn.Close()
				if _, err := io.WriteString(conn, request); err != nil {
					t.Fatal(err)
				}
				br = bufio.NewReader(conn)
			}
			resp, err := http.ReadResponse(br, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(filepath.Join(dir, "big.bin"), 1000); err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, resp.Body)
			if !errors.Is(err, io.ErrUnexpectedEOF) || resp.ContentLength != size || n >= size {
				t.Errorf("read %d of %d bytes, error %v, want an unexpected EOF", n, resp.ContentLength, err)
			}
		})
	}
}

// A file that has changed is never sent with the length or the tag of what it was.
func TestStatic_changes(t *testing.T) {
	for _, size := range []int{10, 100_000} {
		dir := site(t, map[string]string{"f.txt": strings.Repeat("a", size)})
		app := geist.New(geist.Config{Logger: discard()})
		app.Static("/", dir)
		c := geisttest.New(t, app)
		old := c.GET("/f.txt").Do().Status(200)
		put(t, dir, "f.txt", strings.Repeat("b", size+5), time.Now().Add(-time.Minute))
		now := c.GET("/f.txt").Do().Status(200) // of a small file, for a second, still what it was
		changed := strings.HasPrefix(now.Text(), "b")
		if changed != (now.Header("Etag") != old.Header("Etag")) || changed != (len(now.Bytes()) == size+5) || size > 64<<10 && !changed {
			t.Errorf("size %d: %d bytes of %.1q, tags %s and %s", size, len(now.Bytes()), now.Text(), old.Header("Etag"), now.Header("Etag"))
		}
		if err := os.Remove(filepath.Join(dir, "f.txt")); err != nil {
			t.Fatal(err)
		}
		if size > 64<<10 {
			c.GET("/f.txt").Do().Status(404)
		}
	}
}

// Every way in which an answer with a file can end closes the file.
func TestStatic_closesFiles(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("counts /proc/self/fd")
	}
	dir := bigFile(t, 64<<20)
	path := filepath.Join(dir, "big.bin")
	app := geist.New(geist.Config{Logger: discard()})
	app.Static("/s", dir)
	app.GET("/panic", func(c *geist.Ctx) error { _ = c.File(path); panic("x") })
	app.GET("/abort", func(c *geist.Ctx) error { _ = c.File(path); return geist.ErrAbort })
	app.GET("/error", func(c *geist.Ctx) error { _ = c.File(path); return geist.NewError(500, "") })
	app.GET("/twice", func(c *geist.Ctx) error { _ = c.File(path); return c.File(path) })
	app.GET("/replaced", func(c *geist.Ctx) error { _ = c.File(path); return c.Text(200, "x") })
	app.GET("/none", func(c *geist.Ctx) error { _ = c.File(path); return c.NoContent() })
	addr, stop := overTCP(t, app)
	before := filesOpenIn(t, dir)
	for _, req := range []string{
		"GET /s/big.bin", "HEAD /s/big.bin", "GET /s/big.bin|Range: bytes=0-10", "GET /s/big.bin|Range: bytes=0-10,100-200", "GET /s/big.bin|Range: bytes=99999999999-",
		"GET /s/big.bin|If-None-Match: *", "GET /s/big.bin|If-Match: \"x\"", "GET /panic", "GET /abort", "GET /error", "GET /twice", "GET /replaced", "GET /none", "HEAD /twice",
	} {
		for range 3 {
			line, header, _ := strings.Cut(req, "|")
			if header != "" {
				header += "\r\n"
			}
			conn, br := askOn(t, addr, line+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"+header+"\r\n")
			if line != "GET /abort" {
				if _, err := br.ReadByte(); err != nil { // the answer has begun; the client leaves
					t.Errorf("%s: %v", req, err)
				}
			}
			conn.Close()
		}
	}
	stop()
	if after := filesOpenIn(t, dir); after != before {
		t.Errorf("%d files are open, want %d", after, before)
	}
}

// filesOpenIn counts what of dir is open in this process.
func filesOpenIn(t *testing.T, dir string) (n int) {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(to, dir) {
			n++
		}
	}
	return n
}

// A gigabyte is sent without being held in memory.
func TestStatic_memory(t *testing.T) {
	if testing.Short() {
		t.Skip("sends a gigabyte")
	}
	const size = 1 << 30
	dir := bigFile(t, size)
	for _, kind := range []string{"TCP", "memory"} {
		t.Run(kind, func(t *testing.T) {
			app := geist.New(geist.Config{Logger: discard()})
			app.Static("/", dir)
			const request = "GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n"
			var br *bufio.Reader
			if kind == "TCP" {
				addr, _ := overTCP(t, app)
				_, br = askOn(t, addr, request)
			} else {
				conn := geisttest.New(t, app, geisttest.Config{Timeout: time.Minute}).Dial()
				defer conn.Close()
				if _, err := io.WriteString(conn, request); err != nil {
					t.Fatal(err)
				}
				br = bufio.NewReader(conn)
			}
			resp, err := http.ReadResponse(br, nil)
			if err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 1<<20)
			var before, now runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			most, total := uint64(0), 0
			for {
				n, err := resp.Body.Read(buf)
				total += n
				if total%(64<<20) < n {
					runtime.ReadMemStats(&now)
					most = max(most, now.HeapInuse+now.StackInuse)
				}
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			idle := before.HeapInuse + before.StackInuse
			if total != size || most > idle+16<<20 {
				t.Errorf("%d bytes with %d KiB above idle, want at most 16 MiB", total, (int64(most)-int64(idle))>>10)
			}
			t.Logf("at most %d KiB above idle", (int64(most)-int64(idle))>>10)
		})
	}
}

// A client that takes a large file slowly, but takes it, is not cut off by WriteTimeout; one that stalls is.
func TestStatic_writeTimeout(t *testing.T) {
	const size = 4 << 20
	dir := bigFile(t, size)
	for _, tt := range []struct {
		pause time.Duration // for every 128 KiB
		whole bool
	}{{20 * time.Second, true}, {40 * time.Second, false}} {
		inBubble(t, geist.Config{}, func(d *drainTest) {
			d.app.Change(func() { d.app.Static("/", dir) })
			t, client := d.t, d.dial()
			if _, err := io.WriteString(client, "GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(client.br, nil)
			if err != nil {
				t.Fatal(err)
			}
			total := int64(0)
			for err == nil && total < size {
				var n int64
				n, err = io.CopyN(io.Discard, resp.Body, 128<<10)
				total += n
				time.Sleep(tt.pause) // of the bubble
			}
			if got := total == size; got != tt.whole {
				t.Errorf("a pause of %s: %d bytes and %v, want the whole: %v", tt.pause, total, err, tt.whole)
			}
			client.Close()
			if err := errors.Join(d.app.Shutdown(d.t.Context()), <-d.served); err != nil {
				t.Error(err)
			}
		})
	}
}
