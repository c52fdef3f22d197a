package hub

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/gogeist/geist/internal/hubwire"
)

// quiet returns a peer that counts, and keeps nothing of what it is sent.
func quiet(enc lines) *peer {
	p := newPeer(enc)
	p.silent = true
	return p
}

// crowd fills a room.
func crowd(tb testing.TB, h *Hub, room string, n int) []*peer {
	tb.Helper()
	peers := make([]*peer, n)
	for i := range peers {
		peers[i] = quiet(lines{})
		if _, err := h.Join(peers[i], room); err != nil {
			tb.Fatal(err)
		}
	}
	return peers
}

func BenchmarkHub_publish(b *testing.B) {
	for _, n := range []int{1, 10, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchPublish(b, New(Config{}), n) })
	}
	b.Run("10/noHistory", func(b *testing.B) {
		benchPublish(b, New(Config{Rooms: RoomConfig{KeepMessages: -1}}), 10)
	})
	b.Run("10/100000rooms", func(b *testing.B) {
		h := New(Config{})
		for i := range 100_000 {
			crowd(b, h, fmt.Sprint("other", i), 1)
		}
		benchPublish(b, h, 10)
	})
}

func benchPublish(b *testing.B, h *Hub, n int) {
	crowd(b, h, "room", n)
	ctx := context.Background()
	m := Message{Data: make([]byte, 128)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := h.Publish(ctx, "room", m); err != nil {
			b.Fatal(err)
		}
	}
	<-h.flush.settled()
	stats := h.Stats()
	b.ReportMetric(float64(stats.Delivered)/float64(stats.Batches), "deliveries/write")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(stats.Delivered), "ns/delivery")
}

// BenchmarkHub_joinLeave counts a Join and a Leave as two.
func BenchmarkHub_joinLeave(b *testing.B) {
	h := New(Config{})
	const rooms = 10_000
	names := make([]string, rooms)
	for i := range names {
		names[i] = fmt.Sprint("room", i)
		crowd(b, h, names[i], 1)
	}
	var next atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		p := quiet(lines{})
		for i := int(next.Add(1)) * 4999; pb.Next(); i++ {
			room := names[i%rooms]
			if _, err := h.Join(p, room); err != nil {
				b.Error(err)
			}
			h.Leave(p, room)
		}
	})
	b.ReportMetric(2*float64(b.N)/b.Elapsed().Seconds(), "joins+leaves/s")
}

func BenchmarkHub_resume(b *testing.B) {
	h := New(Config{})
	crowd(b, h, "room", 1)
	ctx := context.Background()
	var pos Pos
	for range 100 {
		pos, _ = h.Publish(ctx, "room", Message{Data: make([]byte, 128)})
	}
	pos.Offset -= 50
	b.ReportAllocs()
	p := quiet(lines{})
	for b.Loop() {
		if _, err := h.Join(p, "room", Since(pos)); err != nil {
			b.Fatal(err)
		}
		h.Leave(p, "room")
	}
}

// terse is an encoding for lists of many members, such as a protocol has.
type terse struct {
	lines
	n *atomic.Int32 // how often it was asked
}

func (x terse) Traits() hubwire.Traits { return hubwire.Traits{Gaps: true, Presence: true} }

func (x terse) AppendPresence(dst []byte, p *hubwire.Presence) []byte {
	x.n.Add(1)
	for _, members := range [][]hubwire.Member{p.Joined, p.Updated} {
		for _, m := range members {
			dst = append(append(append(dst, m.Conn...), m.User...), m.Shown...)
		}
	}
	for _, id := range p.Left {
		dst = append(dst, id...)
	}
	return append(dst, '\n')
}

// BenchmarkHub_observe tells 10,000 who observe that one of them has changed: once a
// second is what there is.
func BenchmarkHub_observe(b *testing.B) {
	const n = 10_000
	h, enc := New(withPresence), terse{n: new(atomic.Int32)}
	peers := make([]*peer, n)
	for i := range peers {
		peers[i] = newPeer(enc)
		peers[i].silent = true
		if _, err := h.Join(peers[i], "room", Observe()); err != nil {
			b.Fatal(err)
		}
	}
	r := h.lookup("room")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := h.Show(peers[i%n], "room", i); err != nil {
			b.Fatal(err)
		}
		r.tellChanges()
		<-h.flush.settled()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/observer")
}

// BenchmarkHub_memory reports what a room and a connection take.
func BenchmarkHub_memory(b *testing.B) {
	for b.Loop() {
		h := New(Config{})
		before := heap()
		const n = 100_000
		for i := range n {
			if _, err := h.Publish(context.Background(), fmt.Sprint("room", i), Message{Data: []byte("x")}); err != nil {
				b.Fatal(err)
			}
		}
		rooms := heap() - before
		peers := crowd(b, h, "one", n)
		b.ReportMetric(float64(rooms)/n, "B/room")
		b.ReportMetric(float64(heap()-before-rooms)/n, "B/subscriber")
		_ = h.Stats()
		clear(peers)
	}
}

// BenchmarkHub_presence lists and changes a room of 10,000: once a second is what there is.
func BenchmarkHub_presence(b *testing.B) {
	h := New(withPresence)
	peers := crowd(b, h, "room", 10_000)
	ctx := context.Background()
	b.Run("list", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := h.Presence(ctx, "room"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("change", func(b *testing.B) {
		r := h.lookup("room")
		r.mu.Lock()
		r.presence.watchers++
		r.mu.Unlock()
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if err := h.Show(peers[i%len(peers)], "room", i); err != nil {
				b.Fatal(err)
			}
		}
		r.tellChanges()
	})
}
