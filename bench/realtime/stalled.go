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
)

// stalledScene has one client that stops reading.
func stalledScene(kind string, protos []wire.Protocol) Scene {
	return Scene{
		Name: kind + "/stalled",
		Title: fmt.Sprintf("bursts of %d messages of %d bytes to one room, while all clients read and when one has stopped and its buffers are full",
			bursts, stallSize),
		protocols: protos,
		run:       func(r *runner, s Scene, t *Table) error { return r.stalled(s, t) },
	}
}

// What fills the buffers of the stalled client and every queue in front of them: 2 MiB.
// The kernel's own are kept small, or they would take all of it.
const (
	fillSteps  = 32
	fillSize   = wire.MaxSize
	sendBuffer = 64 << 10
)

func (r *runner) stalled(s Scene, t *Table) error {
	t.Metrics = []Metric{
		{Key: "p99_ratio", Head: "others' p99, stalled ÷ not", Digits: 3},
		{Key: "p99_before", Head: "p99 before, ms", Digits: 2},
		{Key: "p99", Head: "p99 stalled, ms", Digits: 2},
		{Key: "max", Head: "longest stalled, ms", Digits: 1},
		{Key: "cpu_ratio", Head: "CPU, stalled ÷ not", Digits: 3},
		{Key: "got", Head: fmt.Sprintf("KiB that it got at last, of %d", stalledTotal(r)>>10), Digits: 0},
		{Key: "dropped", Head: "server let it go", Digits: 0},
	}
	peers := r.peers(s, t, func(p servers.Peer) string { return p.NoStall })
	rows := map[string]*Row{}
	for _, p := range peers {
		rows[p.Name] = &Row{Name: p.Name, Remark: p.Note}
		t.Rows = append(t.Rows, rows[p.Name])
	}
	blocked := map[string]bool{}
	for range r.Trials {
		r.rnd.Shuffle(len(peers), func(i, j int) { peers[i], peers[j] = peers[j], peers[i] })
		for _, p := range peers {
			if blocked[p.Name] {
				continue
			}
			if err := r.stallOne(p, rows[p.Name]); errors.Is(err, errBlocked) {
				blocked[p.Name] = true
				rows[p.Name].Remark = err.Error()
			} else if err != nil {
				return err
			}
		}
	}
	return nil
}

// stallSteps is the number of bursts that are measured.
func (r *runner) stallSteps() int { return max(int(r.Batch/(20*time.Millisecond)), 4) }

// stalledTotal is how many bytes of messages are published while the client is stalled.
func stalledTotal(r *runner) int {
	return bursts * (fillSteps*fillSize + r.stallSteps()*stallSize)
}

// errBlocked says that one client has stopped all.
var errBlocked = errors.New("the stalled client stopped the others")

func (r *runner) stallOne(p servers.Peer, row *Row) (err error) {
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
	row.add("p99_ratio", float64(after)/float64(max(before, 1)))
	row.add("p99_before", millis(before))
	row.add("p99", millis(after))
	row.add("max", millis(res.Latency.Max()))
	row.add("cpu_ratio", float64(cost.CPU.Total())/float64(max(freeCost.CPU.Total(), 1)))
	row.add("got", float64(fate.Bytes)/1024)
	dropped := 0.0
	if fate.Closed || st.Members < r.Conns {
		dropped = 1
	}
	row.add("dropped", dropped)
	return nil
}
