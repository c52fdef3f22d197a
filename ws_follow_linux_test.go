package geist_test

import (
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/internal/wsproto"
)

// connGoroutines counts the goroutines that belong to a WebSocket each.
func connGoroutines() int {
	buf := make([]byte, 4<<20)
	stacks := string(buf[:runtime.Stack(buf, true)])
	n := 0
	for stack := range strings.SplitSeq(stacks, "\n\n") {
		if strings.Contains(stack, "geist.(*Conn).") {
			n++
		}
	}
	return n
}

// TestConn_Follow_noGoroutine: exactly none, before and after the clients have spoken.
func TestConn_Follow_noGoroutine(t *testing.T) {
	app, h := newFollowed(t, geist.Config{})
	addr := serveWS(t, app)
	clients := make([]*rawClient, 100)
	for i := range clients {
		clients[i] = openWS(t, addr, "/feed")
	}
	waitFor(t, "all have joined", func() bool { return h.Stats().Conns == len(clients) })
	waitFor(t, "no goroutine is left", func() bool { return connGoroutines() == 0 })
	for _, c := range clients {
		c.frame(wsproto.Ping, true, "here")
		c.text("dropped")
		c.want("pong here")
	}
	waitFor(t, "no goroutine is left again", func() bool { return connGoroutines() == 0 })
	tell(t, h, "news")
	for _, c := range clients {
		c.want("text news")
	}
	waitFor(t, "none after a message either", func() bool { return connGoroutines() == 0 })
}

// TestConn_Follow_disconnectStorm: 1,000 clients leave at every point, none leaves
// anything behind.
func TestConn_Follow_disconnectStorm(t *testing.T) {
	app, h := newFollowed(t, geist.Config{})
	addr := serveWS(t, app)
	warm := openWS(t, addr, "/feed")
	waitFor(t, "the first has joined", func() bool { return h.Stats().Conns == 1 })
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	const n = 1000
	for i := range n {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		request := wsRequest("/feed")
		if i%4 == 3 { // a fragment, and a frame that is cut
			request += string(clientFrame(wsproto.Text, false, "half")) + "\x81\xff\x00"
		}
		_, _ = conn.Write([]byte(request))
		if i%4 != 0 {
			_, _ = conn.Read(make([]byte, 16))
		}
		if i%100 == 0 {
			tell(t, h, "meanwhile")
		}
		if i%2 == 0 {
			_ = conn.(*net.TCPConn).SetLinger(0) // a reset
		}
		_ = conn.Close()
	}
	waitFor(t, "the server has forgotten them", func() bool {
		return h.Stats().Conns == 1 && connGoroutines() == 0 && runtime.NumGoroutine() <= goroutines+10 && openFiles(t) <= files+4
	})
	for range n / 100 {
		warm.want("text meanwhile")
	}
	tell(t, h, "still here")
	warm.want("text still here")
}
