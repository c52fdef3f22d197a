//go:build linux

package realtime

import (
	"fmt"
	"time"

	"github.com/gogeist/geist/bench/realtime/control"
	"github.com/gogeist/geist/bench/realtime/load"
	"github.com/gogeist/geist/bench/realtime/servers"
	"github.com/gogeist/geist/bench/result"
)

// few is the number of other rooms that many are compared with, and roomSize that of
// clients in a room that is published to.
const (
	few      = 10
	roomSize = 10
)

// crowdScene publishes beside few and beside many other rooms.
func crowdScene() Scene {
	return Scene{
		Name:      "ws/crowd",
		Title:     fmt.Sprintf("messages of %d bytes to rooms of %d, one at a time, beside %d other rooms and beside many", messageSize, roomSize, few),
		protocols: sockets,
		expect: func(o Options, peers int) time.Duration {
			return batches(o, 2*peers) + time.Duration(peers*o.Crowd)*15*time.Microsecond
		},
		needs: crowdOf(func(o Options) int { return 2 * crowdConns(o) }),
		run:   func(r *runner, s Scene, out *result.Scene) error { return r.crowd(s, out) },
	}
}

// crowdConns is the number of clients: one is in at most a hundred of the other rooms.
func crowdConns(o Options) int { return max(o.Conns, o.Crowd/100) / roomSize * roomSize }

func (r *runner) crowd(s Scene, out *result.Scene) error {
	out.Metrics, out.Ordered = fanoutMetrics(), true
	conns := crowdConns(r.Options)
	peers := r.peers(s, out, func(p servers.Peer) string { return p.NoChurn })
	cs, err := r.field(out, peers, func(p servers.Peer) ([]*contender, error) {
		var both []*contender
		for _, others := range []int{few, r.Crowd} {
			c, err := r.contend(p, load.Config{Conns: conns, Rooms: conns / roomSize})
			if err != nil {
				return both, err
			}
			c.row = newRow(p, fmt.Sprintf("%d others", others))
			if both = append(both, c); len(both) > 1 {
				c.row.Base = both[0].row.Name
			}
			if err := r.fill(c, others, conns); err != nil {
				return both, err
			}
		}
		return both, nil
	})
	defer closeAll(out, cs)
	if err != nil {
		return err
	}
	return r.rounds(out, cs, func(c *contender) error { return r.fanoutBatch(c, conns, 1) })
}

// fill makes the other rooms of a server and finds its batch.
func (r *runner) fill(c *contender, others, conns int) error {
	if err := c.Crowd(control.Crowd{Rooms: others}); err != nil {
		return err
	}
	if err := r.joined(c.Process, conns); err != nil {
		return err
	}
	return r.calibrate(c, conns, 1)
}

// churnScene moves clients between rooms.
func churnScene() Scene {
	return Scene{
		Name: "ws/churn", Title: fmt.Sprintf("clients join one of %d rooms and leave it a while later", churnRooms),
		protocols: sockets, expect: batches, needs: crowdOf(func(o Options) int { return o.Conns }),
		run: func(r *runner, s Scene, out *result.Scene) error {
			out.Bases = []string{"centrifuge"}
			return r.churn(s, out)
		},
	}
}

const churnRooms = 10_000

func (r *runner) churn(s Scene, out *result.Scene) error {
	out.Metrics = []result.Metric{
		{Key: "cpu", Name: "server CPU", Unit: "µs/join and leave", Digits: 2, Ratio: true},
		{Key: "rate", Name: "joins", Unit: "1/s", Better: result.Higher},
		{Key: "mallocs", Name: "allocations", Unit: "1/join and leave", Digits: 1},
	}
	peers := r.peers(s, out, func(p servers.Peer) string { return p.NoChurn })
	cs, err := r.field(out, peers, func(p servers.Peer) ([]*contender, error) {
		c, err := r.contend(p, load.Config{Conns: r.Conns, Rooms: 1})
		if err != nil {
			return nil, err
		}
		return []*contender{c}, r.calibrateChurn(c)
	})
	defer closeAll(out, cs)
	if err != nil {
		return err
	}
	return r.rounds(out, cs, func(c *contender) error {
		cost, err := r.move(c)
		if err != nil {
			return err
		}
		n := float64(c.steps)
		c.row.Add("cpu", micros(cost.CPU.Total())/n)
		c.row.Add("rate", n/cost.Wall.Seconds())
		c.row.Add("mallocs", float64(cost.Mallocs)/n)
		return nil
	})
}

// calibrateChurn finds the number of moves that fill half a batch, and so warms c up.
func (r *runner) calibrateChurn(c *contender) error {
	for c.steps = 2000; ; c.steps *= 2 {
		cost, err := r.move(c)
		if err != nil || cost.Wall >= r.Batch/2 {
			return err
		}
	}
}

// move runs a batch of churn. What the server tells its clients about it is read
// afterwards: it waits in their sockets, which must be empty again for the next.
func (r *runner) move(c *contender) (control.Cost, error) {
	before, err := c.Stats(control.Light)
	if err != nil {
		return control.Cost{}, err
	}
	cost, err := c.Churn(control.Churn{Moves: c.steps, Rooms: churnRooms})
	if err != nil {
		return cost, err
	}
	if err := r.loop.PollFor(20 * time.Millisecond); err != nil {
		return cost, err
	}
	if err := r.joined(c.Process, before.Members); err != nil {
		return cost, err
	}
	after, err := c.Stats(control.Light)
	// Writes to clients may go on when the last room has been left.
	cost.CPU = after.CPU.Sub(before.CPU)
	return cost, err
}
