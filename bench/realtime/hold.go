//go:build linux

package realtime

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gogeist/geist/bench/realtime/control"
	"github.com/gogeist/geist/bench/realtime/load"
	"github.com/gogeist/geist/bench/realtime/servers"
	"github.com/gogeist/geist/bench/realtime/wire"
	"github.com/gogeist/geist/bench/result"
)

// holdCore are the servers that the most clients are held by as well: geist's, what stands
// for net/http or fasthttp without it, and the leanest rival.
func holdCore() []string {
	return []string{"geist", "geist (Follow)", "fasthttp/websocket", "gws", "geist (stream)", "geist (Run)", "net/http", "tmaxmax/go-sse"}
}

// hold is a scene in which clients connect, stay idle and then all vanish at once.
func hold(kind string, protos []wire.Protocol) Scene {
	return Scene{
		Name: kind + "/hold",
		Title: "clients with a browser's headers connect, 64 at a time, stay idle, and vanish all at once (RST); " +
			"memory after a rest and a collection of garbage, a fresh process each",
		protocols: protos, expect: holdTime, needs: alone(func(o Options) (most int) {
			for _, h := range o.Held {
				most = max(most, h.Conns)
			}
			return most
		}),
		run: func(r *runner, s Scene, out *result.Scene) error {
			out.Bases = []string{"fasthttp/websocket", "net/http", "gorilla chat", "melody", "centrifuge"}
			return r.hold(s, out)
		},
	}
}

// holdTime guesses: connecting, resting, and the few servers that take their time to let go.
// One of the peers is a floor, which takes no part.
func holdTime(o Options, peers int) (d time.Duration) {
	peers = max(peers-1, 1)
	for _, h := range o.Held {
		n := peers
		if h.Core {
			n = min(peers, len(holdCore())/2) // half of them are of the other protocol
		}
		d += time.Duration(h.Trials*n) * (o.Rest + o.Forget/12 + time.Second/2 + time.Duration(h.Conns)*200*time.Microsecond)
	}
	return d
}

func (r *runner) hold(s Scene, out *result.Scene) error {
	out.Ordered = true
	out.Metrics = []result.Metric{
		{Key: "rss", Name: "RSS", Unit: "KiB/connection", Digits: 2, Ratio: true},
		{Key: "rss_as_is", Name: "RSS before the collection", Unit: "KiB", Digits: 2},
		{Key: "heap", Name: "heap", Unit: "KiB", Digits: 2},
		{Key: "stack", Name: "stack", Unit: "KiB", Digits: 2},
		{Key: "goroutines", Name: "goroutines", Unit: "1/connection", Digits: 2},
		{Key: "connect_rate", Name: "connects", Unit: "1/s", Better: result.Higher},
		{Key: "connect_cpu", Name: "CPU", Unit: "µs/connect"},
		{Key: "gone", Name: "gone after", Unit: "ms"},
		{Key: "gone_goroutines", Name: "their goroutines", Unit: "ms"},
		{Key: "left_goroutines", Name: "goroutines left"},
		{Key: "left_fds", Name: "files left"},
		{Key: "left_heap_kib", Name: "heap left", Unit: "KiB/connection", Digits: 2},
		{Key: "left_heap", Name: "heap left", Unit: "%", Digits: 1},
		{Key: "left_rss", Name: "RSS left", Unit: "%", Digits: 1},
	}
	peers := r.peers(s, out, func(p servers.Peer) string {
		if p.Floor {
			return "it is a floor for fan-out only"
		}
		return ""
	})
	for _, h := range r.Held {
		r.steps += h.Trials * len(peers)
	}
	for _, h := range r.Held {
		if err := r.holdAll(out, h, peers); err != nil {
			return err
		}
	}
	return nil
}

// holdAll holds one number of clients by every server that takes part.
func (r *runner) holdAll(out *result.Scene, h Holding, peers []servers.Peer) error {
	if h.Core {
		all := len(peers)
		peers = slices.DeleteFunc(slices.Clone(peers), func(p servers.Peer) bool { return !slices.Contains(holdCore(), p.Name) })
		r.steps -= h.Trials * (all - len(peers))
		out.Notes = append(out.Notes, fmt.Sprintf("%d clients are held by geist, its base and the leanest rival alone; -held %d asks all", h.Conns, h.Conns))
	}
	rows := map[string]*result.Contender{}
	for _, p := range peers {
		row := newRow(p, strconv.Itoa(h.Conns))
		rows[p.Name] = row
		if base := firstOf(out.Bases, peers); base != "" {
			row.Base = result.Label(base, row.Variant)
		}
		if !out.Failed(p.Name) {
			out.Contenders = append(out.Contenders, row)
		}
	}
	return r.trials(out, peers, h.Trials, func(p servers.Peer) error { return r.holdOne(p, h.Conns, rows[p.Name]) })
}

// trials calls f for every peer so many times, in an order that is drawn anew. Who fails is
// not tried again.
func (r *runner) trials(out *result.Scene, peers []servers.Peer, n int, f func(servers.Peer) error) error {
	peers = slices.Clone(peers)
	r.steps = max(r.steps, len(peers)*n)
	for trial := range n {
		r.Log("trial %d of %d", trial+1, n)
		r.rnd.Shuffle(len(peers), func(i, j int) { peers[i], peers[j] = peers[j], peers[i] })
		for _, p := range peers {
			if err := r.step(p); err != nil {
				return err
			}
			if out.Failed(p.Name) {
				continue
			}
			if err := f(p); r.ctx.Err() != nil {
				return r.ctx.Err()
			} else if err != nil {
				out.Fail(p.Name, err)
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
func (r *runner) holdOne(p servers.Peer, n int, row *result.Contender) (err error) {
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
	if err := r.rest(); err != nil {
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
	row.Add("rss", each(full.RSS, base.RSS))
	row.Add("rss_as_is", each(asIs.RSS, base.RSS))
	row.Add("heap", each(full.Heap, base.Heap))
	row.Add("stack", each(full.Stack, base.Stack))
	row.Add("goroutines", float64(full.Goroutines-base.Goroutines)/float64(n))
	row.Add("connect_rate", float64(n)/took.Seconds())
	row.Add("connect_cpu", micros(asIs.CPU.Sub(base.CPU).Total())/float64(n))
	return r.vanish(proc, swarm, base, full, row)
}

// rest lets the connections be, until the run is stopped.
func (r *runner) rest() error {
	for end := time.Now().Add(r.Rest); time.Now().Before(end); {
		if err := errors.Join(r.ctx.Err(), r.loop.PollFor(min(time.Until(end), time.Second))); err != nil {
			return err
		}
	}
	return nil
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
func (r *runner) vanish(proc *control.Process, swarm *load.Swarm, base, full control.Stats, row *result.Contender) error {
	n, start := swarm.Len(), time.Now()
	swarm.Close(true)
	err := r.until(proc, start, func(st control.Stats) bool {
		return st.Members == 0 && back(st.FDs, base.FDs, full.FDs)
	})
	if err != nil {
		return err
	}
	row.Add("gone", millis(time.Since(start)))
	err = r.until(proc, start, func(st control.Stats) bool { return back(st.Goroutines, base.Goroutines, full.Goroutines) })
	if err != nil {
		return err
	}
	row.Add("gone_goroutines", millis(time.Since(start)))
	end, err := proc.Stats(control.Collected)
	if err != nil {
		return err
	}
	row.Add("left_goroutines", float64(end.Goroutines-base.Goroutines))
	row.Add("left_fds", float64(end.FDs-base.FDs))
	row.Add("left_heap_kib", float64(end.Heap-base.Heap)/1024/float64(n))
	row.Add("left_heap", share(end.Heap, base.Heap, full.Heap))
	row.Add("left_rss", share(end.RSS, base.RSS, full.RSS))
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
		if err := errors.Join(r.ctx.Err(), r.loop.PollFor(10*time.Millisecond)); err != nil {
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
