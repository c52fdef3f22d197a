package geist_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gogeist/geist"
)

// streamMemory is the most that an upload or a download may take above an idle server,
// both ends together.
const streamMemory = 16 << 20

// zeros is a source of any length that takes no memory.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// peakHeap calls f and returns the most that the heap held meanwhile, above before.
func peakHeap(f func()) int {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	before := m.HeapAlloc
	var peak atomic.Uint64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { // it ends when f has returned
		defer close(done)
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), m.HeapAlloc))
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	f()
	close(stop)
	<-done
	return int(max(peak.Load(), before) - before)
}

// TestStream_memory moves far more than may be held, each way.
func TestStream_memory(t *testing.T) {
	size := int64(256 << 20)
	if geist.DebugCtx {
		size = 64 << 20 // these builds are slow
	}
	w := newWire(t, geist.Config{DecompressBodies: true}, func(app *geist.Engine) {
		app.POST("/up", func(c *geist.Ctx) error {
			n, err := io.Copy(io.Discard, c.BodyReader())
			if err != nil {
				return err
			}
			return c.Text(200, fmt.Sprint(n))
		}).Doc(geist.StreamBody(), geist.BodyLimit(-1))
		app.POST("/parts", func(c *geist.Ctx) error {
			var n int64
			err := geist.EachPart(c, func(p *geist.Part) (err error) {
				n, err = io.Copy(io.Discard, p)
				return err
			})
			if err != nil {
				return err
			}
			return c.Text(200, fmt.Sprint(n))
		}).Doc(geist.StreamBody(), geist.BodyLimit(-1))
		app.GET("/down", func(c *geist.Ctx) error {
			return c.Stream("application/octet-stream", func(w *geist.StreamWriter) error {
				_, err := io.Copy(w, io.LimitReader(zeros{}, size))
				return err
			})
		})
	})
	head, tail := "--b\r\nContent-Disposition: form-data; name=f; filename=f\r\n\r\n", "\r\n--b--\r\n"
	for _, tt := range []struct{ name, path, head, tail string }{
		{"upload", "/up", "", ""},
		{"upload of a form", "/parts", head, tail},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := w.dial(t)
			_ = c.SetDeadline(time.Now().Add(6 * patience))
			peak := peakHeap(func() {
				c.send(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n%s", tt.path, int64(len(tt.head)+len(tt.tail))+size, tt.head))
				if _, err := io.Copy(struct{ io.Writer }{c.TCPConn}, io.LimitReader(zeros{}, size)); err != nil {
					t.Fatal(err)
				}
				c.send(tt.tail)
				if a := c.expect(t, "POST", 200); a.body != fmt.Sprint(size) {
					t.Errorf("got %s bytes, want %d", a.body, size)
				}
			})
			t.Logf("peak: %d KiB above idle for %d MiB", peak>>10, size>>20)
			if peak > streamMemory {
				t.Errorf("the heap grew by %d KiB, want at most %d", peak>>10, streamMemory>>10)
			}
			c.checkAlive(t)
		})
	}
	t.Run("download", func(t *testing.T) {
		c := w.dial(t)
		_ = c.SetDeadline(time.Now().Add(6 * patience))
		peak := peakHeap(func() {
			c.send(get("/down"))
			resp, err := http.ReadResponse(bufio.NewReader(c.TCPConn), nil)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, resp.Body); n != size || err != nil {
				t.Errorf("got %d bytes, %v, want %d", n, err, size)
			}
		})
		t.Logf("peak: %d KiB above idle for %d MiB", peak>>10, size>>20)
		if peak > streamMemory {
			t.Errorf("the heap grew by %d KiB, want at most %d", peak>>10, streamMemory>>10)
		}
	})
}
