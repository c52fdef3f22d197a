package peerwatch

import (
	"slices"
	"testing"
	"time"
)

func BenchmarkWatch_stopAtOnce(b *testing.B) {
	var w Watcher
	conn, _ := tcpPair(b)
	gone := func() {}
	b.ReportAllocs()
	for b.Loop() {
		w.Watch(conn, gone).Stop()
	}
}

func BenchmarkWatch_stopAtOnceParallel(b *testing.B) {
	var w Watcher
	gone := func() {}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		conn, _ := tcpPair(b)
		for pb.Next() {
			w.Watch(conn, gone).Stop()
		}
	})
}

// BenchmarkWatch_registered is what a handler costs that outlives the delay, all on one goroutine.
func BenchmarkWatch_registered(b *testing.B) {
	for name, w := range map[string]*Watcher{"native": {Delay: time.Hour}, "peek": {Delay: time.Hour, peekOnly: true}} {
		b.Run(name, func(b *testing.B) {
			conn, _ := tcpPair(b)
			gone := func() {}
			b.ReportAllocs()
			for b.Loop() {
				watch := w.Watch(conn, gone)
				w.register()
				watch.Stop()
			}
		})
	}
}

// BenchmarkWatch_latency reports the median time from a client's close to the call of gone:
// registered long before, and closed right after Watch, so that the delay is part of it.
func BenchmarkWatch_latency(b *testing.B) {
	for _, bench := range []struct {
		name string
		w    *Watcher
		head time.Duration
	}{
		{"native", &Watcher{}, 10 * time.Millisecond},
		{"native, fresh", &Watcher{}, 0},
		{"peek", &Watcher{peekOnly: true}, 10 * time.Millisecond},
		{"peek, fresh", &Watcher{peekOnly: true}, 0},
	} {
		b.Run(bench.name, func(b *testing.B) {
			l := listenTCP(b)
			var took []time.Duration
			for b.Loop() {
				server, client := l.pair(b)
				called := make(chan time.Time, 1)
				watch := bench.w.Watch(server, func() { called <- time.Now() })
				time.Sleep(bench.head)
				start := time.Now()
				client.Close()
				took = append(took, (<-called).Sub(start))
				watch.Stop()
				server.Close()
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs-median")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs-p99")
		})
	}
}
