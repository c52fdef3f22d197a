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
	all := slices.Concat(cycles(), routers(), requests(), overSockets(), realTime())
	for i := range all {
		all[i].Record = record(all[i].Group)
	}
	return all
}

// Groups are the rows of the design; that of the middlewares is none of it.
const (
	groupCycle       = "server cycle in memory"
	groupRouter      = "router"
	groupGrowth      = "growth of the table"
	groupMisses      = "misses at 1,000 routes"
	groupBind        = "binding"
	groupTyped       = "typed POST"
	groupHello       = "loopback hello-world"
	groupMix         = "loopback API mix"
	groupPipeline    = "pipelined by 16"
	groupGone        = "client gone → context ends"
	groupSocket      = "idle WebSocket"
	groupStream      = "followed SSE stream"
	groupBursts      = "fan-out, bursts of 16 to 1,000 subscribers"
	groupSingle      = "fan-out, one at a time"
	groupStalled     = "one stalled client in 1,000"
	groupCrowd       = "publish beside other rooms"
	groupMiddlewares = "ten middlewares"
)

// record is where docs/design says what has been found and tried about a row.
func record(group string) string {
	switch group {
	case groupTyped:
		return "017-typed.md"
	case groupSocket:
		return "012-websocket.md"
	case groupStream:
		return "014-streams-of-events.md"
	case groupBursts, groupSingle, groupStalled, groupCrowd:
		return "013-hub.md"
	case groupRouter, groupGrowth, groupMisses, groupBind, groupMiddlewares:
		return "028-targets.md"
	default:
		return "021-tuning.md"
	}
}

func cycles() []result.Target {
	return []result.Target{
		atMost(groupCycle, "one static route, time ÷ raw fasthttp", 1.12, ratio("server/static", "ns", "geist", "fasthttp")),
		atMost(groupCycle, "GitHub's table, 3 parameters as safe strings, time ÷ raw fasthttp", 1.25, ratio("server/github", "ns", "geist", "fasthttp")),
	}
}

func routers() []result.Target {
	var all []result.Target
	for _, table := range []string{"github", "parse", "gplus", "static"} {
		scene := "router/" + table
		all = append(all,
			atMost(groupRouter, table+": router alone ÷ whole handler of the fastest peer", 1, fastest(scene, "geist, router alone")),
			allocations(scene, table),
		)
	}
	return append(all, exact(groupRouter, "a request allocates nothing, from connection to answer", "TestAllocs"))
}

func requests() []result.Target {
	return []result.Target{
		atMost(groupGrowth, "last of 1,000 routes ÷ last of 10", 1.3, ratio("growth/routes", "ns", "geist, N = 1000", "geist, N = 10")),
		atMost(groupGrowth, "last of 10,000 routes ÷ last of 10", 1.6, ratio("growth/routes", "ns", "geist, N = 10000", "geist, N = 10")),
		atMost(groupMisses, "404 ÷ hit", 3, ratio("miss", "ns", "geist, 404", "geist, hit")),
		atMost(groupMisses, "405 ÷ hit", 8, ratio("miss", "ns", "geist, 405", "geist, hit")),
		atMost(groupBind, "4 query fields ÷ by hand", 1.4, ratio("bind", "ns", "geist", "geist by hand")),
		atMost(groupTyped, "without validator ÷ by hand", 1.1, ratio("typed", "ns", "geist typed", "geist by hand")),
		atMost(groupTyped, "with validator ÷ by hand", 1.3, ratio("typed", "ns", "geist typed, validated", "geist by hand")),
		atMost(groupMiddlewares, "time ÷ Fiber", 0.5, ratio("middleware/ten", "ns", "geist", "fiber")),
		atMost(groupMiddlewares, "time ÷ Fiber with geist's fields for browsers", 0.5, ratio("middleware/ten", "ns", "geist", "fiber, five fields")),
	}
}

func overSockets() []result.Target {
	return []result.Target{
		parity(groupHello, "server CPU a request ÷ raw fasthttp", 1.02, ratio("loopback/hello", "cpu", "geist", "fasthttp")),
		atLeast(groupMix, "requests/s ÷ Fiber", 1.25, ratio("loopback/api", "rate", "geist", "fiber")),
		atLeast(groupMix, "requests/s ÷ Gin", 2, ratio("loopback/api", "rate", "geist", "gin")),
		atLeast(groupPipeline, "in memory, requests/s ÷ raw fasthttp", 0.95, ratio("pipeline/memory", "ns", "fasthttp", "geist")),
		atLeast(groupPipeline, "over loopback, requests/s ÷ raw fasthttp", 0.95, ratio("pipeline/socket", "ns", "fasthttp", "geist")),
		inMillis(groupGone, "client leaves early", 10, value("gone", "ms", "geist, early (0.2–4 ms)")),
		inMillis(groupGone, "client leaves late", 10, value("gone", "ms", "geist, late (10–40 ms)")),
		exact(groupGone, "handlers that do not ask or end sooner pay nothing",
			"TestContext_watchedOnlyIfAsked", "TestAllocs_contextNotAsked", "TestWatcher_shortWatchMakesNoSystemCall"),
	}
}

func realTime() []result.Target {
	const burst, single = "ws/fanout/1000x16", "ws/fanout/1000x1"
	return []result.Target{
		inKiB(groupSocket, "RSS, handler reads", 5, held("ws/hold", "rss", "geist")),
		inKiB(groupSocket, "RSS, followed", 4, held("ws/hold", "rss", "geist (Follow)")),
		inKiB(groupStream, "RSS", 2, held("sse/hold", "rss", "geist (stream)")),
		atMost(groupStream, "goroutines each", 0.01, held("sse/hold", "goroutines", "geist (stream)")),
		atMost(groupBursts, "server CPU a delivery ÷ melody", 0.12, ratio(burst, "cpu", "geist", "melody")),
		atMost(groupBursts, "server CPU a delivery ÷ centrifuge at its fastest", 0.6,
			against(burst, "cpu", "geist", "centrifuge", "centrifuge (write delay)", "centrifuge (channel batches)")),
		atMost(groupSingle, "server CPU a delivery ÷ write(2)", 1.15, ratio(single, "cpu", "geist", "write(2)")),
		exact(groupStalled, "no flusher ever blocks; what the others feel is in ws/stalled", "TestLag_nobodyWaitsForAStalledClient"),
		atMost(groupCrowd, "server CPU a delivery, 100,000 others ÷ 10", 1.1, ratio("ws/crowd", "cpu", "geist, 100000 others", "geist, 10 others")),
	}
}

// exact is what tests hold.
func exact(group, name string, tests ...string) result.Target {
	return result.Target{Group: group, Name: name, Tests: tests}
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

// fewest is the least number of connections among which memory is shared out: below, what the
// server needs by itself is most of it.
const fewest = 1000

// held is a metric of a peer with the most connections that the run held.
func held(scene, key, peer string) figure {
	return figure{scene, func(s *result.Scene) (result.Estimate, string) {
		most := 0
		for _, c := range s.Contenders {
			if n, err := strconv.Atoi(c.Variant); err == nil && c.Peer == peer {
				most = max(most, n)
			}
		}
		if most < fewest {
			return result.Estimate{}, fmt.Sprintf("%s held fewer than %d connections in %s", peer, fewest, s.Name)
		}
		return value(scene, key, result.Label(peer, strconv.Itoa(most))).measure(s)
	}}
}

// allocations bounds mallocs a request above one for every 2 KiB of strings read.
func allocations(scene, table string) result.Target {
	const share, page = 0.01, 2048
	return atMost(groupRouter, fmt.Sprintf("%s: allocations a request above strings read ÷ 2 KiB", table), share,
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
