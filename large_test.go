package geist_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gogeist/geist"
)

// echoing answers what was sent, each path in another way.
func echoing() *geist.Engine {
	app := quiet(geist.Config{MaxBodyBytes: 8 << 20})
	app.POST("/bytes", func(c *geist.Ctx) error { return c.Bytes(200, "application/octet-stream", c.Body()) })
	app.POST("/raw", func(c *geist.Ctx) error { c.Raw().Response.SetBodyRaw(c.Body()); return nil })
	app.POST("/text", func(c *geist.Ctx) error { return c.Text(200, string(c.Body())) })
	app.POST("/json", func(c *geist.Ctx) error { return c.JSON(200, string(c.Body())) })
	app.POST("/twice", func(c *geist.Ctx) error {
		_ = c.Text(500, strings.Repeat("x", 1<<20))
		return c.Bytes(200, "text/plain", c.Body())
	})
	// Middleware that puts another body in place and keeps the one that was there.
	var mu sync.Mutex
	var kept [][]byte
	keep := func(c *geist.Ctx) error {
		err := c.Next()
		resp := c.RawResponse()
		another := bytes.Clone(resp.Body())
		old := resp.SwapBody(another)
		mu.Lock()
		defer mu.Unlock()
		kept = append(kept[max(0, len(kept)-8):], old)
		for _, b := range kept { // it is the middleware's: whoever else has it is overwritten
			for i := 0; i < len(b); i += 512 {
				b[i] = '!'
			}
		}
		return err
	}
	app.POST("/swapped", keep, func(c *geist.Ctx) error { return c.Bytes(200, "text/plain", c.Body()) })
	return app
}

// TestBody_ahead: bodies that have begun have their buffers, within the bound; the others' grow.
// All come whole, or end, and nothing is held then.
func TestBody_ahead(t *testing.T) {
	const size, many = 1 << 20, 6
	app := echoing()
	addr := strings.TrimPrefix(serveTCP(t, app), "http://")
	ahead := func() int64 { n, _ := geist.Ahead(app); return n }
	_, most := geist.Ahead(app)
	var conns [many]net.Conn
	for i := range conns {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		_ = conn.SetDeadline(time.Now().Add(patience))
		fmt.Fprintf(conn, "POST /bytes HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("a", size/2))
		conns[i] = conn
		waitFor(t, "the body is read", func() bool { return ahead() == min(int64(i+1)*size, most) })
	}
	for i, conn := range conns {
		if i == 0 {
			_ = conn.Close() // in the middle of the body
			continue
		}
		_, _ = io.WriteString(conn, strings.Repeat("b", size/2))
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		if want := strings.Repeat("a", size/2) + strings.Repeat("b", size/2); err != nil || string(got) != want {
			t.Errorf("%d: %s, %v; want the %d bytes that were sent", i, brief(string(got)), err, size)
		}
	}
	waitFor(t, "all bodies have ended", func() bool { return ahead() == 0 })
}

// TestBody_largeEchoes: buffers go from request to request and from connection to connection;
// nobody sees what is another's.
func TestBody_largeEchoes(t *testing.T) {
	addr := strings.TrimPrefix(serveTCP(t, echoing()), "http://")
	paths := []string{"bytes", "text", "json", "twice", "swapped"}
	if !geist.DebugCtx { // which overwrites what is used after the handler
		paths = append(paths, "raw")
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(i)))
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close() }()
			r := bufio.NewReader(conn)
			for range 12 {
				pipelined := 1 + random.IntN(2)
				var bodies []string
				var sent strings.Builder
				for range pipelined {
					body := strings.Repeat(fmt.Sprintf("%08x", random.Uint32()), (1+random.IntN(1<<21))/8)
					path := paths[random.IntN(len(paths))]
					fmt.Fprintf(&sent, "POST /%s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
					if path == "json" {
						body = `"` + body + `"`
					}
					bodies = append(bodies, body)
				}
				var write sync.WaitGroup
				write.Go(func() { _, _ = io.WriteString(conn, sent.String()) })
				for _, want := range bodies {
					resp, err := http.ReadResponse(r, nil)
					if err != nil {
						t.Error(err)
						return
					}
					got, err := io.ReadAll(resp.Body)
					if err != nil || resp.StatusCode != 200 || string(got) != want {
						t.Errorf("status %d, %d bytes, %v; want the %d bytes that were sent", resp.StatusCode, len(got), err, len(want))
						return
					}
				}
				write.Wait()
			}
		})
	}
	all.Wait()
}

// TestRawResponse_partOfABody: middleware that sends a part of what it has put in the place of a
// large answer, where that lies.
func TestRawResponse_partOfABody(t *testing.T) {
	app := quiet(geist.Config{})
	app.GET("/", func(c *geist.Ctx) error {
		if err := c.Bytes(200, "text/plain", make([]byte, 100<<10)); err != nil {
			return err
		}
		resp := c.RawResponse()
		_ = resp.SwapBody([]byte("a prefix: "))
		resp.AppendBodyString("the rest")
		resp.SetBodyRaw(resp.Body()[len("a prefix: "):])
		return nil
	})
	for _, got := range keepAlive(t, app, "GET", "/", "/") {
		if got != "the rest" {
			t.Errorf("got %q", got)
		}
	}
}
