// Package targets computes the bounds of the design (DESIGN.md §9) out of the scenes of a run.
package targets

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/gogeist/geist/bench/result"
)

// All returns every bound, in the order of the design.
func All() []result.Target {
	return slices.Concat(
		[]result.Target{
			atMost("server cycle in memory", "one static route, time ÷ raw fasthttp", 1.12, ratio("server/static", "ns", "geist", "fasthttp")),
			atMost("server cycle in memory", "GitHub's table, 3 parameters as safe strings, time ÷ raw fasthttp", 1.25, ratio("server/github", "ns", "geist", "fasthttp")),
		},
		routers(),
		[]result.Target{
			atMost("growth of the table", "last of 1,000 routes ÷ last of 10", 1.3, ratio("growth", "ns", "geist, N = 1000", "geist, N = 10")),
			atMost("growth of the table", "last of 10,000 routes ÷ last of 10", 1.6, ratio("growth", "ns", "geist, N = 10000", "geist, N = 10")),
			atMost("misses at 1,000 routes", "404 ÷ hit", 3, ratio("miss", "ns", "geist, 404", "geist, hit")),
			atMost("misses at 1,000 routes", "405 ÷ hit", 8, ratio("miss", "ns", "geist, 405", "geist, hit")),
			atMost("binding", "4 query fields ÷ by hand", 1.4, ratio("bind", "ns", "geist", "geist by hand")),
			atMost("typed POST", "without validator ÷ by hand", 1.1, ratio("typed", "ns", "geist typed", "geist by hand")),
			atMost("typed POST", "with validator ÷ by hand", 1.3, ratio("typed", "ns", "geist typed, validated", "geist by hand")),
			parity("loopback hello-world", "server CPU a request ÷ raw fasthttp", 1.02, ratio("loopback/hello", "cpu", "geist", "fasthttp")),
			atLeast("loopback API mix", "requests/s ÷ Fiber", 1.25, ratio("loopback/api", "rate", "geist", "fiber")),
			atLeast("loopback API mix", "requests/s ÷ Gin", 2, ratio("loopback/api", "rate", "geist", "gin")),
			atLeast("pipelined by 16", "in memory, requests/s ÷ raw fasthttp", 0.95, ratio("pipeline/memory", "ns", "fasthttp", "geist")),
			atLeast("pipelined by 16", "over loopback, requests/s ÷ raw fasthttp", 0.95, ratio("pipeline/socket", "ns", "fasthttp", "geist")),
			inMillis("client gone → context ends", "client leaves early", 10, value("gone", "ms", "geist, early (0.2–4 ms)")),
			inMillis("client gone → context ends", "client leaves late", 10, value("gone", "ms", "geist, late (10–40 ms)")),
		},
		realTime(),
	)
}

func routers() []result.Target {
	var all []result.Target
	for _, table := range []string{"github", "parse", "gplus", "static"} {
		scene := "router/" + table
		all = append(all,
			atMost("router", table+": router alone ÷ whole handler of the fastest peer", 1, fastest(scene, "geist, router alone")),
			allocations(scene, table),
		)
	}
	return all
}

func realTime() []result.Target {
	const burst, single = "ws/fanout/1000x16", "ws/fanout/1000x1"
	return []result.Target{
		inKiB("idle WebSocket, RSS", "handler reads", 5, held("ws/hold", "rss", "geist")),
		inKiB("idle WebSocket, RSS", "followed", 4, held("ws/hold", "rss", "geist (Follow)")),
		inKiB("followed SSE stream", "RSS", 2, held("sse/hold", "rss", "geist (stream)")),
		atMost("followed SSE stream", "goroutines each", 0.01, held("sse/hold", "goroutines", "geist (stream)")),
		atMost("fan-out, bursts of 16 to 1,000 subscribers", "server CPU a delivery ÷ melody", 0.12, ratio(burst, "cpu", "geist", "melody")),
		atMost("fan-out, bursts of 16 to 1,000 subscribers", "server CPU a delivery ÷ centrifuge at its fastest", 0.6,
			against(burst, "cpu", "geist", "centrifuge", "centrifuge (write delay)", "centrifuge (channel batches)")),
		atMost("fan-out, one at a time", "server CPU a delivery ÷ write(2)", 1.15, ratio(single, "cpu", "geist", "write(2)")),
		{
			Group: "one stalled client in 1,000", Name: "flushers that block", Scenes: []string{"ws/stalled"},
			Measure: func(*result.Run) (result.Estimate, string) {
				return result.Estimate{}, "exact, so a test counts it (TestLag_nobodyWaitsForAStalledClient of hub); the scene ws/stalled shows what the others feel"
			},
		},
		atMost("publish beside other rooms", "100,000 others ÷ 10", 1.1, ratio("ws/crowd", "cpu", "geist, 100000 others", "geist, 10 others")),
	}
}

// A figure is computed of one scene.
type figure struct {
	scene   string
	measure func(*result.Scene) (result.Estimate, string)
}

func target(group, name string, bound float64, f figure) result.Target {
	return result.Target{Group: group, Name: name, Bound: bound, Scenes: []string{f.scene}, Measure: func(r *result.Run) (result.Estimate, string) {
		s := r.Scene(f.scene)
		switch {
		case s == nil:
			return result.Estimate{}, "the run has no scene " + f.scene
		case s.NotMeasured != "":
			return result.Estimate{}, s.NotMeasured
		}
		return f.measure(s)
	}}
}

func atMost(group, name string, bound float64, f figure) result.Target {
	return target(group, name, bound, f)
}

func atLeast(group, name string, bound float64, f figure) result.Target {
	t := target(group, name, bound, f)
	t.Least = true
	return t
}

func parity(group, name string, bound float64, f figure) result.Target {
	t := target(group, name, bound, f)
	t.Include = true
	return t
}

func inMillis(group, name string, bound float64, f figure) result.Target {
	t := target(group, name, bound, f)
	t.Unit = "ms"
	return t
}

func inKiB(group, name string, bound float64, f figure) result.Target {
	t := target(group, name, bound, f)
	t.Unit = "KiB"
	return t
}

// ratio is a metric of one row over that of another.
func ratio(scene, key, row, base string) figure {
	return figure{scene, func(s *result.Scene) (result.Estimate, string) { return over(s, key, row, base) }}
}

func over(s *result.Scene, key, row, base string) (result.Estimate, string) {
	c, b := s.Contender(row), s.Contender(base)
	switch {
	case c == nil:
		return result.Estimate{}, row + " was not measured in " + s.Name
	case b == nil:
		return result.Estimate{}, base + " was not measured in " + s.Name
	}
	e, ok := s.Ratio(key, c, b)
	if !ok {
		return e, s.Name + " has no rounds of " + key
	}
	return e, ""
}

// against is a metric of one row over that of the best of others.
func against(scene, key, row string, others ...string) figure {
	return figure{scene, func(s *result.Scene) (worst result.Estimate, why string) {
		why = "none of its rivals was measured in " + s.Name
		for _, name := range others {
			if s.Contender(name) == nil {
				continue
			}
			e, missing := over(s, key, row, name)
			if missing != "" {
				return e, missing
			}
			if why != "" || e.Median > worst.Median {
				worst, why = e, ""
			}
		}
		return worst, why
	}}
}

// fastest is the time of a row over that of the fastest rival.
func fastest(scene, row string) figure {
	return figure{scene, func(s *result.Scene) (result.Estimate, string) {
		var rivals []string
		for _, c := range s.Contenders {
			if !c.Ours() && !c.Floor && c.Variant == "" {
				rivals = append(rivals, c.Name)
			}
		}
		return against(scene, "ns", row, rivals...).measure(s)
	}}
}

// value is a metric of one row.
func value(scene, key, row string) figure {
	return figure{scene, func(s *result.Scene) (result.Estimate, string) {
		c := s.Contender(row)
		if c == nil || c.Values[key] == nil {
			return result.Estimate{}, row + " was not measured in " + s.Name
		}
		return c.Values[key].Estimate, ""
	}}
}

// held is a metric of a peer with the most connections that the run held.
func held(scene, key, peer string) figure {
	return figure{scene, func(s *result.Scene) (result.Estimate, string) {
		most := 0
		for _, c := range s.Contenders {
			if n, err := strconv.Atoi(c.Variant); err == nil && c.Peer == peer {
				most = max(most, n)
			}
		}
		return value(scene, key, result.Label(peer, strconv.Itoa(most))).measure(s)
	}}
}

// allocations bounds mallocs a request above one for every 2 KiB of strings read.
func allocations(scene, table string) result.Target {
	const share, page = 0.01, 2048
	return atMost("router", fmt.Sprintf("%s: allocations a request above strings read ÷ 2 KiB", table), share,
		figure{scene, func(s *result.Scene) (result.Estimate, string) {
			c := s.Contender("geist")
			if c == nil || c.Values["allocs"] == nil {
				return result.Estimate{}, "geist was not measured in " + s.Name
			}
			read := 0.0
			if v := c.Values["strings"]; v != nil {
				read = v.Median
			}
			e, free := c.Values["allocs"].Estimate, read/page
			return result.Estimate{Median: max(e.Median-free, 0), Low: max(e.Low-free, 0), High: max(e.High-free, 0)}, ""
		}})
}
