package geist_test

import (
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gogeist/geist"
)

const (
	slowTimeout = 2 * time.Second // each timeout of the servers below
	slowSlack   = 5 * time.Second // that a connection may live beyond it: the machine may be busy, and what drips for ever would live until the client gives up
)

// drip writes s again and again, a piece at a time, until the connection ends.
func drip(c *client, s string) {
	for {
		if _, err := io.WriteString(c.TCPConn, s); err != nil {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestBadInput_slowClients holds a server with every kind of slow client at once,
// while a canary connection beside them is served.
func TestBadInput_slowClients(t *testing.T) {
	files := openFiles(t)
	t.Run("clients", func(t *testing.T) {
		big := strings.Repeat("b", 64<<20)
		w := newWire(t, geist.Config{ReadTimeout: slowTimeout, WriteTimeout: slowTimeout, IdleTimeout: slowTimeout}, func(app *geist.Engine) {
			app.GET("/big", func(c *geist.Ctx) error { return c.Text(200, big) })
			app.POST("/", func(c *geist.Ctx) error { return c.NoContent() })
		})
		stop := w.canaryBeside(t)
		runSlow(t, w)
		if n := stop(); n == 0 {
			t.Error("the canary was never served")
		}
		w.checkLog(t)
	})
	waitForGoroutines(t)
	waitFor(t, "file descriptors are back", func() bool { return openFiles(t) <= files })
}

// runSlow starts all kinds of slow clients before it waits for any of them.
func runSlow(t *testing.T, w *wire) {
	reader := w.dial(t) // reads nothing, until all others are done
	_ = reader.SetReadBuffer(4 << 10)
	reader.send(get("/big"))
	head := "POST / HTTP/1.1\r\nHost: a\r\nX-A: " + canary
	type slowClient struct {
		name   string
		send   string // at once
		drip   string // then, until the connection ends
		half   bool   // close our side after sending
		status []int  // of the answers, in order
		conn   *client
	}
	clients := []slowClient{
		{name: "sends nothing"},
		{name: "sends an empty line", send: "\r\n"},
		{name: "stops in the request line", send: "GET /al", status: []int{408}},
		{name: "stops in the header", send: head, status: []int{408}},
		{name: "drips the header", send: head, drip: "a", status: []int{408}},
		{name: "drips line ends", drip: "\r\n"},
		{name: "drips fields", send: head, drip: "\r\na: b", status: []int{408}},
		{name: "stops in the body", send: head + "\r\nContent-Length: 9\r\n\r\nabc", status: []int{408}},
		{name: "drips the body", send: head + "\r\nContent-Length: 900\r\n\r\n", drip: "a", status: []int{408}},
		{name: "stops after 100 Continue", send: head + "\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n", status: []int{100, 408}},
		{name: "stops in the body behind 100 Continue", send: head + "\r\nExpect: 100-continue\r\nContent-Length: 9000\r\n\r\na", status: []int{100, 408}},
		{name: "stops in a chunk behind 100 Continue", send: head + "\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n9\r\na", status: []int{100, 408}},
		{name: "stops before a chunk", send: head + "\r\nTransfer-Encoding: chunked\r\n\r\n", status: []int{408}},
		{name: "stops in a chunk's size", send: head + "\r\nTransfer-Encoding: chunked\r\n\r\n3", status: []int{408}},
		{name: "stops in an extension", send: head + "\r\nTransfer-Encoding: chunked\r\n\r\n3;a", status: []int{408}},
		{name: "drips an extension", send: head + "\r\nTransfer-Encoding: chunked\r\n\r\n3;a", drip: "a", status: []int{408}},
		{name: "stops in a chunk", send: head + "\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na", status: []int{408}},
		{name: "drips chunks", send: head + "\r\nTransfer-Encoding: chunked\r\n\r\n", drip: "1\r\na\r\n", status: []int{408}},
		{name: "stops in the trailers", send: head + "\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na: b", status: []int{408}},
		{name: "is idle after a request", send: get("/alive"), status: []int{200}},
		{name: "stops in the second request", send: get("/alive") + "GET /al", status: []int{200, 408}},
		{name: "drips the second request", send: get("/alive") + head, drip: "a", status: []int{200, 408}},
		{name: "closes its side after a request", send: get("/alive"), half: true, status: []int{200}},
		{name: "closes its side after two requests", send: get("/alive") + get("/alive"), half: true, status: []int{200, 200}},
		{name: "closes its side in a request", send: "GET /al", half: true, status: []int{400}},
		{name: "closes its side at once", half: true},
	}
	start := time.Now()
	for i := range clients {
		s := &clients[i]
		s.conn = w.dial(t)
		s.conn.send(s.send)
		if s.half {
			_ = s.conn.CloseWrite()
		}
		if s.drip != "" {
			go drip(s.conn, s.drip)
		}
	}
	for _, s := range clients {
		t.Run(s.name, func(t *testing.T) {
			for _, status := range s.status {
				s.conn.expect(t, "GET", status)
			}
			if len(s.status) == 0 {
				_, _ = s.conn.receive("GET") // 408 or nothing: nobody has asked yet
			}
			s.conn.checkClosed(t)
			if took := time.Since(start); took > slowTimeout+slowSlack {
				t.Errorf("the connection lived for %s, want at most %s", took, slowTimeout+slowSlack)
			}
		})
	}
	t.Run("reads nothing", func(t *testing.T) {
		waitFor(t, "the connection is closed", func() bool { return peerClosed(reader) })
		if took := time.Since(start); took > slowTimeout+slowSlack {
			t.Errorf("the connection lived for %s, want at most %s", took, slowTimeout+slowSlack)
		}
	})
}

// canaryBeside serves a connection beside the slow ones until stop, which
// returns how often. If the machine holds the canary up for as long as a slow client may
// be, the server cannot tell it from one, and it comes again.
func (w *wire) canaryBeside(t *testing.T) (stop func() int64) {
	var n atomic.Int64
	quit, done := make(chan struct{}), make(chan struct{})
	c := w.dial(t)
	_ = c.SetDeadline(time.Time{})
	go func() {
		defer close(done)
		last := time.Now()
		for {
			select {
			case <-quit:
				_ = c.Close()
				return
			case <-time.After(5 * time.Millisecond):
			}
			c.send(get("/alive"))
			a, err := c.receive("GET")
			if (err != nil || a.StatusCode != 200) && time.Since(last) >= slowTimeout {
				_ = c.Close()
				c, last = w.dial(t), time.Now()
				_ = c.SetDeadline(time.Time{})
				continue
			}
			if err != nil || a.StatusCode != 200 {
				t.Errorf("canary beside slow clients: got %+v, error %v, want 200", a, err)
				return
			}
			c.raw.Reset()
			last = time.Now()
			n.Add(1)
		}
	}()
	return func() int64 { close(quit); <-done; return n.Load() }
}

// peerClosed reports whether writing to a connection fails: its peer has closed
// it with data unsent. Nothing is read, so that the window stays shut.
func peerClosed(c *client) bool {
	_, err := c.Write([]byte("\r\n"))
	return err != nil
}

// openFiles counts the open file descriptors of the process, where the system tells.
func openFiles(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(list)
}

// TestBadInput_resets opens connections and resets them at every point of a request.
func TestBadInput_resets(t *testing.T) {
	t.Run("clients", func(t *testing.T) {
		w, _ := newEcho(t, geist.Config{})
		request := post("Content-Length: 3\r\n", "abc") + get("/alive")
		for i := range len(request) + 1 {
			conn, err := net.Dial("tcp", w.addr)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(conn, request[:i])
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
		}
		w.checkAlive(t)
		w.checkLog(t)
	})
	waitForGoroutines(t)
}

// TestBadInput_continueAfterPause: 100 Continue and refusals are written although
// the deadline of the connection's last answer has passed.
func TestBadInput_continueAfterPause(t *testing.T) {
	const timeout = 50 * time.Millisecond
	w, _ := newEcho(t, geist.Config{WriteTimeout: timeout})
	for _, tt := range []struct {
		name, send string
		status     int
	}{
		{"continue", post("Expect: 100-continue\r\nContent-Length: 3\r\n", ""), 100},
		{"refuse to continue", post("Expect: 100-continue\r\nContent-Length: 99999999\r\n", ""), 413},
		{"malformed", "x\r\n\r\n", 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := w.dial(t)
			c.checkAlive(t)
			passed := time.Now().Add(2 * timeout)
			waitFor(t, "the deadline has passed", func() bool { return time.Now().After(passed) })
			c.send(tt.send)
			c.expect(t, "POST", tt.status)
		})
	}
}
