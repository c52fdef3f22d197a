//go:build linux

package realtime

import (
	"errors"
	"fmt"
	"time"

	"github.com/gogeist/geist/bench/realtime/control"
	"github.com/gogeist/geist/bench/realtime/load"
	"github.com/gogeist/geist/bench/realtime/servers"
	"github.com/gogeist/geist/bench/realtime/wire"
	"github.com/gogeist/geist/bench/result"
)

// stalledScene has one client that stops reading.
func stalledScene(kind string, protos []wire.Protocol) Scene {
	return Scene{
		Name: kind + "/stalled",
		Title: fmt.Sprintf("bursts of %d messages of %d bytes to one room, while all clients read and when one has stopped and its buffers are full",
			bursts, stallSize),
		protocols: protos,
		expect: func(o Options, peers int) time.Duration { // one is a floor, and few stop the others
			return time.Duration(o.Trials*max(peers-1, 1)) * (o.Patience/8 + 8*time.Duration(o.Conns)*time.Millisecond)
		},
		needs: alone(func(o Options) int { return o.Conns }),
		run:   func(r *runner, s Scene, out *result.Scene) error { return r.stalled(s, out) },
	}
}

// What fills the buffers of the stalled client and every queue in front of them: 2 MiB.
// The kernel's own are kept small, or they would take all of it.
const (
	fillSteps  = 32
	fillSize   = wire.MaxSize
	sendBuffer = 64 << 10
)

func (r *runner) stalled(s Scene, out *result.Scene) error {
	out.Metrics = []result.Metric{
		{Key: "p99_ratio", Name: "others' p99, stalled ÷ not", Digits: 3},
		{Key: "p99_before", Name: "p99 before", Unit: "ms", Digits: 2},
		{Key: "p99", Name: "p99 stalled", Unit: "ms", Digits: 2},
		{Key: "max", Name: "longest stalled", Unit: "ms", Digits: 1},
		{Key: "cpu_ratio", Name: "CPU, stalled ÷ not", Digits: 3},
		{Key: "got", Name: fmt.Sprintf("it got at last, of %d", stalledTotal(r)>>10), Unit: "KiB", Better: result.Higher},
		{Key: "dropped", Name: "server let it go"},
	}
	peers := r.peers(s, out, func(p servers.Peer) string { return p.NoStall })
	rows := map[string]*result.Contender{}
	for _, p := range peers {
		rows[p.Name] = newRow(p, "")
		out.Contenders = append(out.Contenders, rows[p.Name])
	}
	blocked := map[string]bool{}
	return r.trials(out, peers, r.Trials, func(p servers.Peer) error {
		if blocked[p.Name] {
			return nil
		}
		err := r.stallOne(p, rows[p.Name])
		if errors.Is(err, errBlocked) {
			blocked[p.Name] = true
			rows[p.Name].Note = err.Error()
			return nil
		}
		return err
	})
}

// stallSteps is the number of bursts that are measured.
func (r *runner) stallSteps() int { return max(int(r.Batch/(20*time.Millisecond)), 4) }

// stalledTotal is how many bytes of messages are published while the client is stalled.
func stalledTotal(r *runner) int {
	return bursts * (fillSteps*fillSize + r.stallSteps()*stallSize)
}

// errBlocked says that one client has stopped all.
var errBlocked = errors.New("the stalled client stopped the others")

func (r *runner) stallOne(p servers.Peer, row *result.Contender) (err error) {
	c, err := r.contendWith(p, servers.Spec{Rooms: 1, SendBuffer: sendBuffer}, load.Config{Conns: r.Conns, Rooms: 1, StallFirst: true})
	if err != nil {
		return err
	}
	defer func() {
		if e := c.close(); !errors.Is(err, errBlocked) { // a blocked publisher does not end by itself
			err = errors.Join(err, e)
		}
	}()
	run := control.Run{Steps: r.stallSteps(), Rooms: 1, Burst: bursts, Size: stallSize}
	if _, _, err := r.publish(c, control.Run{Steps: 4, Rooms: 1, Burst: bursts, Size: stallSize}, r.Conns); err != nil {
		return err
	}
	freeCost, free, err := r.publish(c, run, r.Conns)
	if err != nil {
		return err
	}
	if err := c.swarm.Stall(); err != nil {
		return err
	}
	if _, _, err := r.publish(c, control.Run{Steps: fillSteps, Rooms: 1, Burst: bursts, Size: fillSize}, r.Conns-1); err != nil {
		return fmt.Errorf("%w: %w", errBlocked, err)
	}
	cost, res, err := r.publish(c, run, r.Conns-1)
	if err != nil {
		return fmt.Errorf("%w: %w", errBlocked, err)
	}
	st, err := c.Stats(control.Light)
	if err != nil {
		return err
	}
	fate, err := c.swarm.Drain(200 * time.Millisecond)
	if err != nil {
		return err
	}
	before, after := free.Latency.Quantile(0.99), res.Latency.Quantile(0.99)
	row.Add("p99_ratio", float64(after)/float64(max(before, 1)))
	row.Add("p99_before", millis(before))
	row.Add("p99", millis(after))
	row.Add("max", millis(res.Latency.Max()))
	row.Add("cpu_ratio", float64(cost.CPU.Total())/float64(max(freeCost.CPU.Total(), 1)))
	row.Add("got", float64(fate.Bytes)/1024)
	dropped := 0.0
	if fate.Closed || st.Members < r.Conns {
		dropped = 1
	}
	row.Add("dropped", dropped)
	return nil
}
