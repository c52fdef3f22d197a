//go:build linux

package realtime

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gogeist/geist/bench/realtime/control"
	"github.com/gogeist/geist/bench/realtime/load"
	"github.com/gogeist/geist/bench/realtime/servers"
	"github.com/gogeist/geist/bench/realtime/wire"
)

// hold is a scene in which clients connect, stay idle and then all vanish at once.
func hold(kind string, protos []wire.Protocol) Scene {
	return Scene{
		Name: kind + "/hold",
		Title: "clients with a browser's headers connect, 64 at a time, stay idle, and vanish all at once (RST); " +
			"memory after a rest and a collection of garbage, a fresh process each",
		protocols: protos,
		run: func(r *runner, s Scene, t *Table) error {
			t.Bases = []string{"fasthttp/websocket", "net/http", "gorilla chat", "melody", "centrifuge"}
			return r.hold(s, t)
		},
	}
}

func (r *runner) hold(s Scene, t *Table) error {
	t.Metrics = []Metric{
		{Key: "rss", Head: "RSS, KiB a connection", Digits: 2, Ratio: true},
		{Key: "rss_as_is", Head: "RSS before the collection", Digits: 2},
		{Key: "heap", Head: "heap", Digits: 2},
		{Key: "stack", Head: "stack", Digits: 2},
		{Key: "goroutines", Head: "goroutines", Digits: 2},
		{Key: "connect_rate", Head: "connects/s", Digits: 0},
		{Key: "connect_cpu", Head: "CPU a connect, µs", Digits: 0},
		{Key: "gone", Head: "gone after, ms", Digits: 0},
		{Key: "gone_goroutines", Head: "their goroutines, ms", Digits: 0},
		{Key: "left_goroutines", Head: "goroutines left", Digits: 0},
		{Key: "left_fds", Head: "fds left", Digits: 0},
		{Key: "left_heap_kib", Head: "heap left, KiB each", Digits: 2},
		{Key: "left_heap", Head: "heap left, %", Digits: 1},
		{Key: "left_rss", Head: "RSS left, %", Digits: 1},
	}
	absent := func(p servers.Peer) string {
		if p.Floor {
			return "it is a floor for fan-out only"
		}
		return ""
	}
	peers := r.peers(s, t, absent)
	for _, n := range r.Held {
		rows := map[string]*Row{}
		for _, p := range peers {
			row := &Row{Name: fmt.Sprintf("%s, %d", p.Name, n)}
			rows[p.Name] = row
			t.Rows = append(t.Rows, row)
			if base := firstOf(t.Bases, peers); base != "" {
				row.Base = fmt.Sprintf("%s, %d", base, n)
			}
		}
		for trial := range r.Trials {
			r.Log("trial %d of %d", trial+1, r.Trials)
			r.rnd.Shuffle(len(peers), func(i, j int) { peers[i], peers[j] = peers[j], peers[i] })
			for _, p := range peers {
				if err := r.holdOne(p, n, rows[p.Name]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// firstOf returns the first name that belongs to one of the peers.
func firstOf(names []string, peers []servers.Peer) string {
	for _, name := range names {
		if slices.ContainsFunc(peers, func(p servers.Peer) bool { return p.Name == name }) {
			return name
		}
	}
	return ""
}

// holdOne is one trial.
func (r *runner) holdOne(p servers.Peer, n int, row *Row) (err error) {
	r.Log("%s: holding %d", p.Name, n)
	proc, err := control.Start(r.Exe, p, servers.Spec{Rooms: 1})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, proc.Close()) }()
	cfg := load.Config{Name: p.Name, Protocol: p.Protocol, Addr: proc.Addr, Conns: 1, Rooms: 1}
	// One client first, so that what a server makes on first use is not counted.
	if err := r.warm(proc, cfg); err != nil {
		return err
	}
	base, err := proc.Stats(control.Collected)
	if err != nil {
		return err
	}
	cfg.Conns = n
	start := time.Now()
	swarm, err := r.loop.Dial(cfg)
	if err != nil {
		return err
	}
	took := time.Since(start)
	if err := r.joined(proc, n); err != nil {
		return err
	}
	if err := r.loop.PollFor(r.Rest); err != nil {
		return err
	}
	asIs, err := proc.Stats(control.Full)
	if err != nil {
		return err
	}
	full, err := proc.Stats(control.Collected)
	if err != nil {
		return err
	}
	if got := swarm.Len(); got != n {
		return fmt.Errorf("%s: %d connections are open, want %d", p.Name, got, n)
	}
	each := func(now, then int64) float64 { return float64(now-then) / 1024 / float64(n) }
	row.add("rss", each(full.RSS, base.RSS))
	row.add("rss_as_is", each(asIs.RSS, base.RSS))
	row.add("heap", each(full.Heap, base.Heap))
	row.add("stack", each(full.Stack, base.Stack))
	row.add("goroutines", float64(full.Goroutines-base.Goroutines)/float64(n))
	row.add("connect_rate", float64(n)/took.Seconds())
	row.add("connect_cpu", micros(asIs.CPU.Sub(base.CPU).Total())/float64(n))
	return r.vanish(proc, swarm, base, full, row)
}

func (r *runner) warm(proc *control.Process, cfg load.Config) error {
	one, err := r.loop.Dial(cfg)
	if err != nil {
		return err
	}
	if err := r.joined(proc, 1); err != nil {
		return err
	}
	one.Close(true)
	return r.joined(proc, 0)
}

// vanish resets all connections and looks at what stays behind.
func (r *runner) vanish(proc *control.Process, swarm *load.Swarm, base, full control.Stats, row *Row) error {
	n, start := swarm.Len(), time.Now()
	swarm.Close(true)
	err := r.until(proc, start, func(st control.Stats) bool {
		return st.Members == 0 && back(st.FDs, base.FDs, full.FDs)
	})
	if err != nil {
		return err
	}
	row.add("gone", millis(time.Since(start)))
	err = r.until(proc, start, func(st control.Stats) bool { return back(st.Goroutines, base.Goroutines, full.Goroutines) })
	if err != nil {
		return err
	}
	row.add("gone_goroutines", millis(time.Since(start)))
	end, err := proc.Stats(control.Collected)
	if err != nil {
		return err
	}
	row.add("left_goroutines", float64(end.Goroutines-base.Goroutines))
	row.add("left_fds", float64(end.FDs-base.FDs))
	row.add("left_heap_kib", float64(end.Heap-base.Heap)/1024/float64(n))
	row.add("left_heap", share(end.Heap, base.Heap, full.Heap))
	row.add("left_rss", share(end.RSS, base.RSS, full.RSS))
	return nil
}

// until waits for a state of the server, at most until Forget has passed since start: what
// is left then is in the table. Some servers notice only when they write.
func (r *runner) until(proc *control.Process, start time.Time, ok func(control.Stats) bool) error {
	for {
		st, err := proc.Stats(control.Full)
		if err != nil || ok(st) || time.Since(start) > r.Forget {
			return err
		}
		if err := r.loop.PollFor(10 * time.Millisecond); err != nil {
			return err
		}
	}
}

// back reports whether at most a twentieth of what was added is left.
func back(now, base, full int) bool { return (now-base)*20 <= full-base }

// share is how much of what was added is left, in per cent.
func share(now, base, full int64) float64 {
	return 100 * float64(now-base) / float64(max(full-base, 1))
}
