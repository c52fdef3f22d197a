package capacity

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/gogeist/geist/bench/result"
)

// A Table is one load, and what each peer of a run needs for it.
type Table struct {
	// Title is the load; Scenes are what its unit costs are of.
	Title  string
	Scenes []string
	// Rows are the peers, the cheapest first.
	Rows []Row
	// Why says why there are no rows.
	Why string
}

// A Row is what one peer needs.
type Row struct {
	Peer string
	// Ours says that the peer is geist.
	Ours bool
	// CPU is µs a request or a delivery; Memory KiB a connection, zero for requests.
	CPU, Memory result.Estimate
	Need        Need
	// Ratio is the need over that of geist's first row, before rounding up; zero if it has none.
	Ratio float64
}

// Plan computes the tables of a run. Peers of which a unit cost is missing have no row.
func Plan(r *result.Run, a Assumptions) []Table {
	return []Table{
		requests(r, a, "loopback/api"),
		connections(r, a, "WebSocket", "ws/hold", "ws/fanout/10x1"),
		connections(r, a, "event stream", "sse/hold", "sse/fanout/10x1"),
	}
}

func requests(r *result.Run, a Assumptions, scene string) Table {
	t := Table{Title: "requests of the API mix", Scenes: []string{scene}}
	s := r.Scene(scene)
	if s == nil {
		t.Why = "the run has no scene " + scene
		return t
	}
	for _, c := range s.Contenders {
		if v := c.Values["cpu"]; v != nil && !c.Floor && c.Variant == "" {
			t.Rows = append(t.Rows, Row{Peer: c.Peer, Ours: c.Ours(), CPU: v.Estimate, Need: a.Serve(v.Estimate)})
		}
	}
	return t.finish("processor time a request")
}

// connections takes memory from the most connections that a peer has held, and the time of a
// delivery from small rooms, which is more than in large ones.
func connections(r *result.Run, a Assumptions, kind, hold, fanout string) Table {
	t := Table{Title: kind + " connections", Scenes: []string{hold, fanout}}
	idle, busy := r.Scene(hold), r.Scene(fanout)
	for i, s := range []*result.Scene{idle, busy} {
		if s == nil {
			t.Why = "the run has no scene " + t.Scenes[i]
			return t
		}
	}
	for _, c := range most(idle) {
		d := busy.Contender(c.Peer)
		if c.Values["rss"] == nil || d == nil || d.Values["cpu"] == nil {
			continue
		}
		memory, cpu := c.Values["rss"].Estimate, d.Values["cpu"].Estimate
		t.Rows = append(t.Rows, Row{Peer: c.Peer, Ours: c.Ours(), CPU: cpu, Memory: memory, Need: a.Hold(memory, cpu)})
	}
	return t.finish("memory and of a delivery's time")
}

// most returns the row of each peer with the most connections.
func most(s *result.Scene) []*result.Contender {
	var out []*result.Contender
	for _, c := range s.Contenders {
		n, err := strconv.Atoi(c.Variant)
		if err != nil || c.Floor {
			continue
		}
		i := slices.IndexFunc(out, func(o *result.Contender) bool { return o.Peer == c.Peer })
		if i < 0 {
			out = append(out, c)
		} else if old, _ := strconv.Atoi(out[i].Variant); n > old {
			out[i] = c
		}
	}
	return out
}

// finish compares the rows with geist's first, which is its plain variant, and sorts them.
func (t Table) finish(what string) Table {
	if len(t.Rows) == 0 {
		t.Why = fmt.Sprintf("no peer has a figure of %s in %v", what, t.Scenes)
		return t
	}
	if i := slices.IndexFunc(t.Rows, func(r Row) bool { return r.Ours }); i >= 0 {
		for j := range t.Rows {
			t.Rows[j].Ratio = t.Rows[j].Need.Over(t.Rows[i].Need)
		}
	}
	slices.SortFunc(t.Rows, byCost)
	return t
}
