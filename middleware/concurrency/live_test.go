package concurrency_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/concurrency"
)

// live registers what lasts.
func (b *bench) live() {
	b.app.GET("/stream", func(c *geist.Ctx) error {
		return c.Stream("text/plain", func(w *geist.StreamWriter) error {
			time.Sleep(time.Minute)
			_, err := w.WriteString("late")
			return err
		})
	})
	b.app.SSE("/run", func(_ *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error {
			<-s.Context().Done()
			return nil
		})
	})
	b.app.SSE("/follow", func(_ *geist.Ctx, s *geist.Stream) error { return s.Follow(b.hub, "room") })
	b.app.WS("/ws", func(_ *geist.Ctx, ws *geist.Conn) error {
		_, err := ws.Read()
		return err
	})
	b.app.WS("/wsfollow", func(_ *geist.Ctx, ws *geist.Conn) error { return ws.Follow(b.hub, "room") })
}

// inLive runs a test with a single slot, without HoldStreams and with it: then, held is 1.
func inLive(t *testing.T, test func(b *bench, held int)) {
	t.Helper()
	for held, hold := range []bool{false, true} {
		inBubble(t, patient(concurrency.Config{Limit: 1, Queue: -1, HoldStreams: hold}), func(b *bench) { test(b, held) })
	}
}

// wantRunning checks how many slots are held. What clients do is noticed a little later.
func (b *bench) wantRunning(what string, want int) {
	b.t.Helper()
	time.Sleep(time.Second)
	synctest.Wait()
	if got := b.limiter.Stats().Running; got != want {
		b.t.Errorf("%s: %d slots are held, want %d", what, got, want)
	}
	status := 200
	if want > 0 {
		status = 503
	}
	b.GET("/sleep").Do().Status(status)
}

// TestNew_stream: a stream holds its slot with HoldStreams, unless a hub follows it.
func TestNew_stream(t *testing.T) {
	inLive(t, func(b *bench, held int) {
		var wg sync.WaitGroup
		b.start(&wg, "/stream", func(r *geisttest.Response) { r.Status(200).BodyIs("late") })
		b.wantRunning("a stream", held)
		wg.Wait()
		b.wantRunning("a stream that has ended", 0)

		e := b.SSE("/run")
		b.wantRunning("events", held)
		e.Close()
		b.wantRunning("events whose client has left", 0)

		e = b.SSE("/follow")
		b.wantRunning("followed events", 0)
		e.Close()
	})
}

// TestNew_websocket: a WebSocket holds its slot with HoldStreams, whoever serves it.
func TestNew_websocket(t *testing.T) {
	inLive(t, func(b *bench, held int) {
		for _, path := range []string{"/ws", "/wsfollow"} {
			ws := b.WS(path)
			b.wantRunning(path, held)
			ws.Close(1000, "")
			b.wantRunning(path+", closed", 0)
			b.GET(path).Do().Status(426) // no handshake
			b.wantRunning(path+", refused", 0)
		}
	})
}
