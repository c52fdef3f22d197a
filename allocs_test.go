//go:build !race && !geistdebug

package geist_test

import (
	"io"
	"net"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/gogeist/geist"
)

// loopConn is a connection in memory that sends one request over and over.
type loopConn struct {
	net.Conn
	request string
	left    int // requests to come
	off     int
	written int
}

func (c *loopConn) Read(p []byte) (int, error) {
	if c.off == 0 && c.left == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.request[c.off:])
	if c.off += n; c.off == len(c.request) {
		c.off = 0
		c.left--
	}
	return n, nil
}

func (c *loopConn) Write(p []byte) (int, error)      { c.written += len(p); return len(p), nil }
func (c *loopConn) Close() error                     { return nil }
func (c *loopConn) RemoteAddr() net.Addr             { return loopAddr }
func (c *loopConn) LocalAddr() net.Addr              { return loopAddr }
func (c *loopConn) SetDeadline(time.Time) error      { return nil }
func (c *loopConn) SetReadDeadline(time.Time) error  { return nil }
func (c *loopConn) SetWriteDeadline(time.Time) error { return nil }

var loopAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}

type allocUser struct {
	Name string `json:"name"`
	Age  int    `json:"age"`
}

var (
	allocKey  = geist.NewKey[*allocUser]("user")
	allocText = geist.NewKey[string]("text")
)

// TestAllocs holds the promise of DESIGN.md §9: over 10⁵ requests, mallocs ≤ bytes
// of strings read ÷ 2 KiB + 1 %. read is the bytes of strings that one request reads.
func TestAllocs(t *testing.T) {
	const requests = 100_000
	user := &allocUser{"Ada", 36}
	app := quiet(geist.Config{})
	app.GET("/text", func(c *geist.Ctx) error { return c.Text(200, "hello") })
	app.GET("/p/:a/x/:b/y/:c", func(c *geist.Ctx) error {
		if c.Param("a")+c.Param("b") == "" || c.Param("c") == "" {
			return geist.NewError(400, "")
		}
		return c.Text(200, "hello")
	})
	five := app.Group("/five")
	for range 5 {
		five.Use(func(c *geist.Ctx) error { return c.Next() })
	}
	five.GET("", func(c *geist.Ctx) error { return c.Text(200, "hello") })
	app.GET("/keys", func(c *geist.Ctx) error {
		allocKey.Set(c, user)
		return c.Next()
	}, func(c *geist.Ctx) error {
		allocText.Set(c, "text")
		text, _ := allocText.Get(c)
		return c.Text(200, text+allocKey.Must(c).Name[:0])
	})
	app.GET("/json", func(c *geist.Ctx) error { return c.JSON(200, user) })
	app.GET("/joined/:name", func(c *geist.Ctx) error { return c.Text(200, "hello "+c.Param("name")) })
	app.GET("/joined/:name/page", func(c *geist.Ctx) error { return c.HTML(200, "<p>"+c.Param("name")+"</p>") })
	app.GET("/query", func(c *geist.Ctx) error { return c.Text(200, c.Query("q")+c.Query("none")) })
	app.GET("/header", func(c *geist.Ctx) error { return c.Text(200, c.Header("X-Token")+c.Header("X-None")) })
	app.GET("/cookie", func(c *geist.Ctx) error { return c.Text(200, c.Cookie("sid")+c.Cookie("none")) })
	app.StaticFS("/files", fstest.MapFS{"a.txt": {Data: []byte("hello"), ModTime: time.Unix(1e9, 0)}})
	srv := app.Server()
	for _, tt := range []struct {
		name, target, field string
		status              string
		read                int
	}{
		{"static text", "/text", "", "200", 0},
		{"three parameters", "/p/12345678/x/abcdefgh/y/1", "", "200", 17},
		{"five middlewares", "/five", "", "200", 0},
		{"typed keys", "/keys", "", "200", 0},
		{"JSON of a pointer", "/json", "", "200", 0},
		{"short text that is put together", "/joined/12345678", "", "200", 8},
		{"short page that is put together", "/joined/12345678/page", "", "200", 8},
		{"query", "/query?a=1&q=12345678", "", "200", 8},
		{"escaped query", "/query?a=1&q=1%32345678", "", "200", 8},
		{"header", "/header", "X-Token: 0123456789abcdef\r\n", "200", 16},
		{"cookie", "/cookie", "Cookie: a=b; sid=0123456789abcdef\r\n", "200", 16},
		{"escaped path", "/p/%41b/x/c%20d/y/1", "", "200", 6},
		{"file", "/files/a.txt", "", "200", 0},
		{"file not modified", "/files/a.txt", "If-None-Match: *\r\n", "304", 0},
		{"404", "/nowhere", "", "404", 0},
		{"405", "/text", "", "405", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			method := "GET"
			if tt.status == "405" {
				method = "DELETE"
			}
			request := method + " " + tt.target + " HTTP/1.1\r\nHost: localhost\r\n" + tt.field + "\r\n"
			run := func(n int) *loopConn {
				c := &loopConn{request: request, left: n}
				if err := srv.ServeConn(c); err != nil {
					t.Fatal(err)
				}
				return c
			}
			if got := firstStatus(t, srv.ServeConn, request); got != tt.status {
				t.Fatalf("%s %s = %s, want %s", method, tt.target, got, tt.status)
			}
			run(1000)
			defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties pools, which is not the request's doing
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			run(requests)
			runtime.ReadMemStats(&after)
			got := int(after.Mallocs - before.Mallocs)
			limit := requests*tt.read/(2<<10) + requests/100
			if got > limit {
				t.Errorf("mallocs over %d requests = %d, want at most %d", requests, got, limit)
			}
			t.Logf("mallocs over %d requests = %d, at most %d", requests, got, limit)
		})
	}
}

// firstStatus returns the status of the answer to one request.
func firstStatus(t *testing.T, serve func(net.Conn) error, request string) string {
	t.Helper()
	client, server := net.Pipe()
	done := make(chan error, 1)
	go func() { done <- serve(server) }()
	go func() {
		_, _ = io.WriteString(client, strings.Replace(request, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1))
	}()
	answer, err := io.ReadAll(client)
	if err != nil || len(answer) < 12 {
		t.Fatalf("answer = %q, %v", answer, err)
	}
	<-done
	return string(answer[9:12])
}

// TestAllocs_contextNotAsked: a handler that does not ask for c.Context() starts no
// goroutine and allocates nothing over a connection of the engine's own listener.
func TestAllocs_contextNotAsked(t *testing.T) {
	const requests = 20_000
	app := quiet(geist.Config{DrainIdle: -1})
	app.GET("/text", func(c *geist.Ctx) error { return c.Text(200, "hello") })
	ln := newPipeListener()
	serveLoop(t, app, ln)
	send := func(n int) {
		c := &finiteConn{loopConn: loopConn{request: getRequest("/text"), left: n}, closed: make(chan struct{})}
		ln.conns <- c
		<-c.closed
	}
	send(1000)
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	goroutines := settledGoroutines()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	send(requests)
	runtime.ReadMemStats(&after)
	if got := after.Mallocs - before.Mallocs; got > requests/100 {
		t.Errorf("mallocs over %d requests = %d, want at most 1 %%", requests, got)
	}
	settlesAt(t, "goroutines", goroutines, settledGoroutines)
}

// finiteConn tells when the server has closed it.
type finiteConn struct {
	loopConn
	closed chan struct{}
	shut   bool
}

func (c *finiteConn) Close() error {
	if !c.shut {
		c.shut = true
		close(c.closed)
	}
	return nil
}
