package geist_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/internal/hubwire"
	"github.com/gogeist/geist/internal/outlet"
)

// sinkSocket is a connection that takes everything at once.
type sinkSocket struct{}

func (sinkSocket) TryWrite(p []byte) (int, error) { return len(p), nil }
func (sinkSocket) Write([]byte) error             { return nil }
func (sinkSocket) Cut()                           {}
func (sinkSocket) Ended(error)                    {}

// BenchmarkRooms_delivery compares what a delivery costs in geist.v1 with one of bare
// frames, to as many connections as a publisher writes to itself; each takes everything at once.
func BenchmarkRooms_delivery(b *testing.B) {
	const conns = 32
	for _, name := range []string{"raw", "geist.v1", "geist.v1.bin"} {
		b.Run(name, func(b *testing.B) {
			h := hub.New(hub.Config{})
			enc := geist.EncodingOf(name)
			for range conns {
				c := hub.NewConn(hub.NewConnID(), outlet.New(sinkSocket{}), enc, func(hubwire.CloseReason) {})
				if _, err := h.Join(c, "room"); err != nil {
					b.Fatal(err)
				}
			}
			msg := hub.Message{Data: []byte(`{"text":"hello, world","from":"ada"}`), ID: "sh1C3y00Y3.7"}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := h.Publish(context.Background(), "room", msg); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/conns, "ns/delivery")
		})
	}
}

// BenchmarkRooms_resume cuts 1,000 clients and has all of them come back at once, over
// loopback: connect, hello, join behind their place, and what they have missed.
func BenchmarkRooms_resume(b *testing.B) {
	const clients = 1000
	h := hub.New(hub.Config{})
	app := geist.New()
	app.Rooms("/rt", h, func(*geist.Ctx) (hub.Policy, error) { return openPolicy(), nil })
	addr := serveWS(b, app)
	conns := make([]*rawClient, clients)
	all := func(f func(i int)) {
		var wg sync.WaitGroup
		for i := range clients {
			wg.Go(func() { f(i) })
		}
		wg.Wait()
	}
	enter := func(i int, options, until string) {
		c := openWS(b, addr, "/rt", "Sec-WebSocket-Protocol: geist.v1")
		conns[i] = c
		_ = c.conn.SetDeadline(time.Now().Add(time.Minute))
		c.text(fmt.Sprintf(`["hello",{"session":"the-session-of-%d"}]`, i))
		c.text(`["join",1,"room"` + options + `]`)
		for got := ""; !strings.HasPrefix(got, until); {
			if got = c.next(); !strings.HasPrefix(got, "text ") {
				b.Errorf("got %s, want %s", got, until)
				return
			}
		}
	}
	all(func(i int) { enter(i, "", `text ["joined",`) })
	for b.Loop() {
		b.StopTimer()
		all(func(i int) { _ = conns[i].conn.Close() })
		pos, err := h.Publish(context.Background(), "room", hub.Message{Data: []byte(`"missed"`)})
		if err != nil {
			b.Fatal(err)
		}
		epoch, _, _ := strings.Cut(pos.String(), "-")
		b.StartTimer()
		all(func(i int) {
			enter(i, fmt.Sprintf(`,{"since":[%q,%d]}`, epoch, pos.Offset-1), fmt.Sprintf(`text ["m","room",%d,`, pos.Offset))
		})
	}
	b.StopTimer()
	all(func(i int) { _ = conns[i].conn.Close() })
}
