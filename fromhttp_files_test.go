package geist_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// tallied is middleware that wraps the writer, as loggers do.
func tallied(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u := &tally{ResponseWriter: w}
		defer func() { w.Header().Set("X-Late", "too late") }()
		next.ServeHTTP(u, r)
	})
}

type tally struct {
	http.ResponseWriter
	bytes int
}

func (u *tally) Write(p []byte) (int, error) {
	n, err := u.ResponseWriter.Write(p)
	u.bytes += n
	return n, err
}

// watchedFS holds one large file, counts how often it is open, and asks before it
// gives its second half.
type watchedFS struct {
	data   []byte
	claims int64 // the size that it claims
	open   atomic.Int32
	half   func() error
}

type watchedFile struct {
	*bytes.Reader
	of *watchedFS
}

func (w *watchedFS) Open(name string) (fs.File, error) {
	if name != "big.bin" {
		return nil, fs.ErrNotExist
	}
	w.open.Add(1)
	return &watchedFile{bytes.NewReader(w.data), w}, nil
}

func (f *watchedFile) Read(p []byte) (int, error) {
	if int64(f.Len()) <= f.Size()/2 && f.of.half != nil {
		if err := f.of.half(); err != nil {
			return 0, err
		}
	}
	return f.Reader.Read(p)
}

func (f *watchedFile) Close() error {
	f.of.open.Add(-1)
	return nil
}

func (f *watchedFile) Stat() (fs.FileInfo, error) {
	info, err := fs.Stat(fstest.MapFS{"big.bin": {Data: f.of.data, ModTime: time.Unix(1e9, 0)}}, "big.bin")
	return sizedInfo{info, f.of.claims}, err
}

type sizedInfo struct {
	fs.FileInfo
	size int64
}

func (i sizedInfo) Size() int64 { return i.size }

func newWatched(n int) *watchedFS {
	data := bytes.Repeat([]byte("0123456789abcdef"), n/16)
	return &watchedFS{data: data, claims: int64(len(data))}
}

func behindMiddleware(files *watchedFS, mw func(http.Handler) http.Handler) *geist.Engine {
	app := geist.New(geist.Config{Logger: discard()})
	app.Use(geist.FromHTTPMiddleware(mw))
	app.GET("/big", func(c *geist.Ctx) error { return c.FileFS(files, "big.bin") })
	return app
}

func TestFromHTTPMiddleware_fileIsNotCollected(t *testing.T) {
	files := newWatched(1 << 20)
	seen := make(chan struct{})
	files.half = func() error {
		select {
		case <-seen:
			return nil
		case <-time.After(20 * time.Second):
			return errors.New("the client has seen nothing")
		}
	}
	conn := geisttest.New(t, behindMiddleware(files, tallied)).Dial()
	resp := open(t, conn, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
	first := make([]byte, 16)
	if _, err := io.ReadFull(resp.Body, first); err != nil {
		t.Fatal(err)
	}
	close(seen) // had the file been collected first, nothing would have come
	rest, err := io.ReadAll(resp.Body)
	if err != nil || !bytes.Equal(slices.Concat(first, rest), files.data) {
		t.Errorf("body has %d bytes, %v, want the file's %d", len(rest)+16, err, len(files.data))
	}
	if resp.ContentLength != 1<<20 || resp.Header.Get("Etag") == "" && resp.Header.Get("Last-Modified") == "" {
		t.Errorf("header = %v, length %d, want validators and the file's length", resp.Header, resp.ContentLength)
	}
}

func TestFromHTTPMiddleware_fileParts(t *testing.T) {
	files := newWatched(1 << 20)
	c := geisttest.New(t, behindMiddleware(files, tallied))
	resp := c.GET("/big").Header("Range", "bytes=100-700099").Do().Status(206).HasHeader("Content-Range", "bytes 100-700099/1048576")
	if got := resp.Bytes(); !bytes.Equal(got, files.data[100:700100]) {
		t.Errorf("range has %d bytes", len(got))
	}
	resp = c.GET("/big").Header("Range", "bytes=0-1,-2").Do().Status(206).BodyContains("bytes 0-1/1048576")
	resp.HasHeader("Content-Length", strconv.Itoa(len(resp.Bytes())))
	c.HEAD("/big").Do().Status(200).HasHeader("Content-Length", "1048576")
	if n := files.open.Load(); n != 0 {
		t.Errorf("%d files are open", n)
	}
}

func TestFromHTTPMiddleware_fileThatShrinks(t *testing.T) {
	for name, claims := range map[string]int64{"while it is sent": 1 << 20, "before": 100_000} {
		t.Run(name, func(t *testing.T) {
			files := newWatched(16 << 10)
			files.claims = claims
			resp, err := geisttest.New(t, behindMiddleware(files, tallied)).GET("/big").DoErr()
			if err == nil {
				t.Errorf("answer = %d, %.80q, want one that is cut", resp.StatusCode, resp.Text())
			} else if resp != nil && !bytes.HasPrefix(files.data, resp.Bytes()) {
				t.Errorf("body = %.80q, want the beginning of the file's", resp.Bytes())
			}
			if n := files.open.Load(); n != 0 {
				t.Errorf("%d files are open", n)
			}
		})
	}
}

func TestFromHTTPMiddleware_bodyOfFasthttp(t *testing.T) {
	app := geist.New(geist.Config{Logger: discard()})
	app.Use(geist.FromHTTPMiddleware(tallied))
	app.GET("/whole", func(c *geist.Ctx) error {
		c.Raw().Response.SetBodyStream(bytes.NewReader([]byte("whole")), -1)
		return nil
	})
	app.GET("/part", func(c *geist.Ctx) error {
		c.Raw().Response.SetBodyStream(io.MultiReader(bytes.NewReader([]byte("part")), failing{}), -1)
		return nil
	})
	c := geisttest.New(t, app)
	c.GET("/whole").Do().Status(200).BodyIs("whole")
	if resp, err := c.GET("/part").DoErr(); err == nil {
		t.Errorf("answer = %d, %q, want a cut connection", resp.StatusCode, resp.Text())
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }

// stubborn is a writer that panics when the answer begins.
type stubborn struct{ http.ResponseWriter }

func (stubborn) WriteHeader(int) { panic("not today") }

func TestFromHTTPMiddleware_writerThatPanics(t *testing.T) {
	ended := make(chan string, 1)
	files := newWatched(1 << 20)
	app := behindMiddleware(files, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(stubborn{w}, r) })
	})
	app.GET("/flush", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "part")
		err := http.NewResponseController(w).Flush()
		ended <- fmt.Sprint(err != nil)
	})))
	c := geisttest.New(t, app)
	c.GET("/big").Do().Status(500)
	if n := files.open.Load(); n != 0 {
		t.Errorf("%d files are open", n)
	}
	c.GET("/flush").Do().Status(500)
	if got := receive(t, ended, "the handler's end"); got != "true" {
		t.Errorf("Flush failed: %s, want true", got)
	}
}

func TestFromHTTP_earlyHints(t *testing.T) {
	app := geist.New()
	app.Use(geist.FromHTTPMiddleware(tallied))
	app.GET("/", geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Link", "</a.css>; rel=preload")
		h.Set("X-Final", "no")
		w.WriteHeader(http.StatusProcessing) // has no form here
		w.WriteHeader(http.StatusEarlyHints)
		h.Add("Link", "</b.css>; rel=preload")
		h.Set("X-Final", "yes")
		w.WriteHeader(http.StatusCreated)
		w.WriteHeader(http.StatusEarlyHints) // too late
		fmt.Fprint(w, "done")
	})))
	resp := geisttest.New(t, app).GET("/").Do().Status(201).BodyIs("done").HasHeader("X-Final", "yes")
	hints := resp.EarlyHints()
	if len(hints) != 1 || !slices.Equal(hints[0]["Link"], []string{"</a.css>; rel=preload"}) {
		t.Errorf("hints = %v, want one with the first link", hints)
	}
	if got := resp.Raw().Header["Link"]; len(got) != 2 {
		t.Errorf("Link = %q, want both links in the answer", got)
	}
}
