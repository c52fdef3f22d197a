//go:build linux

package realtime

import (
	"fmt"
	"time"

	"github.com/gogeist/geist/bench/realtime/control"
	"github.com/gogeist/geist/bench/realtime/load"
	"github.com/gogeist/geist/bench/realtime/servers"
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
		run:       func(r *runner, s Scene, t *Table) error { return r.crowd(s, t) },
	}
}

func (r *runner) crowd(s Scene, t *Table) error {
	t.Metrics = fanoutMetrics()
	// A client is in at most a hundred of the other rooms.
	conns := max(r.Conns, r.Crowd/100) / roomSize * roomSize
	var cs []*contender
	for _, p := range r.peers(s, t, func(p servers.Peer) string { return p.NoChurn }) {
		var base string
		for _, others := range []int{few, r.Crowd} {
			c, err := r.contend(p, load.Config{Conns: conns, Rooms: conns / roomSize})
			if err != nil {
				return finish(t, cs, err)
			}
			cs = append(cs, c)
			c.row.Name = fmt.Sprintf("%s, %d others", p.Name, others)
			if base == "" {
				base = c.row.Name
			}
			c.row.Base = base
			if err := c.Crowd(control.Crowd{Rooms: others}); err != nil {
				return finish(t, cs, err)
			}
			if err := r.joined(c.Process, conns); err != nil {
				return finish(t, cs, err)
			}
			if err := r.calibrate(c, conns, 1); err != nil {
				return finish(t, cs, err)
			}
		}
	}
	return finish(t, cs, r.rounds(cs, func(c *contender) error { return r.fanoutBatch(c, conns, 1) }))
}

// churnScene moves clients between rooms.
func churnScene() Scene {
	return Scene{
		Name: "ws/churn", Title: fmt.Sprintf("clients join one of %d rooms and leave it a while later", churnRooms),
		protocols: sockets,
		run: func(r *runner, s Scene, t *Table) error {
			t.Bases = []string{"centrifuge"}
			return r.churn(s, t)
		},
	}
}

const churnRooms = 10_000

func (r *runner) churn(s Scene, t *Table) error {
	t.Metrics = []Metric{
		{Key: "cpu", Head: "server CPU a join and leave, µs", Digits: 2, Ratio: true},
		{Key: "rate", Head: "joins/s", Digits: 0},
		{Key: "mallocs", Head: "allocations", Digits: 1},
	}
	var cs []*contender
	for _, p := range r.peers(s, t, func(p servers.Peer) string { return p.NoChurn }) {
		c, err := r.contend(p, load.Config{Conns: r.Conns, Rooms: 1})
		if err != nil {
			return finish(t, cs, err)
		}
		cs = append(cs, c)
		for c.steps = 2000; ; c.steps *= 2 {
			cost, err := r.move(c)
			if err != nil {
				return finish(t, cs, err)
			}
			if cost.Wall >= r.Batch/2 {
				break
			}
		}
	}
	return finish(t, cs, r.rounds(cs, func(c *contender) error {
		cost, err := r.move(c)
		if err != nil {
			return err
		}
		n := float64(c.steps)
		c.row.add("cpu", micros(cost.CPU.Total())/n)
		c.row.add("rate", n/cost.Wall.Seconds())
		c.row.add("mallocs", float64(cost.Mallocs)/n)
		return nil
	}))
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
