package main

import (
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/gogeist/geist/bench/peers"
	"github.com/gogeist/geist/bench/result"
	"github.com/gogeist/geist/bench/scenes"
	"github.com/gogeist/geist/bench/suite"
)

// TestScenes sets every scene up, which proves that all contenders answer
// correctly, and runs each a little.
func TestScenes(t *testing.T) {
	for _, s := range scenes.All() {
		t.Run(s.Name, func(t *testing.T) {
			f, err := s.Setup(scenes.Choice{Small: true})
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			for _, bad := range f.Failures {
				t.Errorf("%s: %s", bad.Peer, bad.What)
			}
			all := slices.DeleteFunc(peers.All(), func(p peers.Peer) bool { return len(p.Only) > 0 })
			if want := len(all) - len(f.Absent); !s.Own && len(f.Contenders) < want {
				t.Errorf("%d contenders, want at least %d", len(f.Contenders), want)
			}
			for _, c := range f.Contenders {
				if err := c.Run(max(c.Unit, 1)); err != nil {
					t.Errorf("%s: %v", c.Name(), err)
				}
			}
		})
	}
}

// TestGone: contexts end where the peer's entry says so, and nowhere else.
func TestGone(t *testing.T) {
	all := scenes.Suite()
	gone := all[slices.IndexFunc(all, func(s suite.Scene) bool { return s.Name == "gone" })]
	out := &result.Scene{}
	if err := gone.Run(t.Context(), out, suite.Settings{Trials: 3}, func(suite.Step) {}); err != nil {
		t.Fatal(err)
	}
	for _, bad := range out.Failures {
		t.Errorf("%s: %s", bad.Peer, bad.What)
	}
	for _, c := range out.Contenders {
		if n := len(c.Samples("ms")); n != 3 {
			t.Errorf("%s: %d contexts ended, want 3", c.Name, n)
		}
	}
	if len(out.Absent) == 0 {
		t.Error("nobody is absent, yet some peers never notice")
	}
}

// benchmark runs the scenes whose name begins with prefix under testing.B, one
// contender after the other.
func benchmark(b *testing.B, prefix string) {
	for _, s := range scenes.All() {
		if !strings.HasPrefix(s.Name, prefix) {
			continue
		}
		b.Run(strings.TrimPrefix(s.Name, prefix+"/"), func(b *testing.B) {
			if s.Procs > 0 {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(s.Procs))
			}
			f, err := s.Setup(scenes.Choice{})
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			for _, c := range f.Contenders {
				b.Run(c.Name(), func(b *testing.B) {
					b.ReportAllocs()
					unit := max(c.Unit, 1)
					n := (b.N + unit - 1) / unit * unit
					b.ResetTimer()
					if err := c.Run(n); err != nil {
						b.Fatal(err)
					}
					b.StopTimer()
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/req")
				})
			}
		})
	}
}

func BenchmarkRouter(b *testing.B)   { benchmark(b, "router") }
func BenchmarkGrowth(b *testing.B)   { benchmark(b, "growth") }
func BenchmarkMiss(b *testing.B)     { benchmark(b, "miss") }
func BenchmarkServer(b *testing.B)   { benchmark(b, "server") }
func BenchmarkPipeline(b *testing.B) { benchmark(b, "pipeline") }
func BenchmarkChain(b *testing.B)    { benchmark(b, "chain") }
