package geist_test

import (
	"flag"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/hub"
)

var vanishing = flag.Int("vanish", 1000, "how many clients of each kind TestEngine_vanish has")

// TestEngine_vanish: clients of every kind of long-lived connection that are cut off
// leave no goroutine, descriptor, timer, room or member behind, and no memory.
func TestEngine_vanish(t *testing.T) {
	h := hub.New(hub.Config{Rooms: hub.RoomConfig{KeepMessages: -1}})
	app := geist.New(geist.Config{DrainIdle: -1, Logger: discard()})
	app.WS("/read", func(c *geist.Ctx, ws *geist.Conn) error {
		if _, err := h.Join(ws, c.Query("room")); err != nil {
			return err
		}
		_ = c.Context()
		return echo(c, ws)
	})
	app.WS("/follow", func(c *geist.Ctx, ws *geist.Conn) error { return ws.Follow(h, c.Query("room"), "all") })
	app.SSE("/run", func(c *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error {
			if _, err := h.Join(s, c.Query("room")); err != nil {
				return err
			}
			<-s.Context().Done()
			return nil
		})
	})
	app.SSE("/feed", func(c *geist.Ctx, s *geist.Stream) error { return s.Follow(h, c.Query("room"), "all") })
	app.Server().MaxIdleWorkerDuration = 50 * time.Millisecond // fasthttp keeps goroutines for 10 s
	addr := serveWS(t, app)
	for name, request := range map[string]string{
		"WebSocket": wsRequest("/read?room=N"), "followed WebSocket": wsRequest("/follow?room=N"),
		"stream": "GET /run?room=N HTTP/1.1\r\nHost: a\r\n\r\n", "followed stream": "GET /feed?room=N HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			vanish(t, addr, request, 200) // pools and maps have their size
			settled := func() bool {
				return geist.OpenConns(app) == 0 && geist.Leavers(app) == 0 && geist.Timers(app) == 0 && h.Stats().Conns == 0 && h.Stats().Rooms == 0
			}
			waitFor(t, "the first have gone", settled)
			before := heapInUse()
			goroutines, files := runtime.NumGoroutine(), openFiles(t)
			vanish(t, addr, request, *vanishing)
			waitFor(t, "all have gone", func() bool {
				return settled() && runtime.NumGoroutine() <= goroutines+4 && openFiles(t) <= files+2
			})
			// 5 % and the noise of pools, which is far below one Conn or Stream for each.
			if after := heapInUse(); after > before+before/20+256<<10 {
				t.Errorf("heap grew from %d to %d bytes", before, after)
			}
		})
	}
}

// vanish has n clients open a connection, and cut it off: half of them by a reset.
func vanish(t *testing.T, addr, request string, n int) {
	var clients sync.WaitGroup
	const parallel = 8
	for worker := range parallel {
		clients.Go(func() {
			for i := worker; i < n; i += parallel {
				conn, err := net.Dial("tcp", addr)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = conn.Write([]byte(strings.Replace(request, "N", string(rune('a'+i%26)), 1)))
				if i%5 != 0 { // else at once
					_, _ = conn.Read(make([]byte, 512))
				}
				if i%2 == 0 {
					_ = conn.(*net.TCPConn).SetLinger(0)
				}
				_ = conn.Close()
			}
		})
	}
	clients.Wait()
}

// heapInUse returns the bytes of what is alive.
func heapInUse() uint64 {
	var m runtime.MemStats
	for range 3 { // pools let go of what they hold in two steps
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
