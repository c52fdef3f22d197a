//go:build linux

package realtime

import (
	"fmt"
	"time"

	"github.com/gogeist/geist/bench/realtime/control"
	"github.com/gogeist/geist/bench/realtime/load"
	"github.com/gogeist/geist/bench/realtime/servers"
	"github.com/gogeist/geist/bench/realtime/wire"
	"github.com/gogeist/geist/bench/result"
)

// missed is how many messages a room gets while its clients are away.
const missed = 20

// resumeScene is the hour after a network has failed: everybody comes back at once and wants
// what it has missed.
func resumeScene(kind string, protos ...wire.Protocol) Scene {
	return Scene{
		Name: kind + "/resume",
		Title: fmt.Sprintf("clients of one room vanish (RST), %d messages of %d bytes are published, all connect again at once and resume, "+
			"until every client has every message once and in order", missed, messageSize),
		protocols: protos, resumes: true,
		needs: crowdOf(func(o Options) int { return o.Conns }),
		expect: func(o Options, peers int) time.Duration {
			return time.Duration(peers*(o.Rounds+1)) * (300*time.Millisecond + time.Duration(o.Conns)*500*time.Microsecond)
		},
		run: func(r *runner, s Scene, out *result.Scene) error {
			out.Bases = []string{"centrifuge (recovery)", "centrifuge (SSE, recovery)"}
			return r.resume(s, out)
		},
	}
}

func (r *runner) resume(s Scene, out *result.Scene) error {
	out.Metrics = []result.Metric{
		{Key: "cpu", Name: "server CPU", Unit: "µs/client", Ratio: true, Digits: 1},
		{Key: "ms", Name: "until all have everything", Unit: "ms", Digits: 1},
		{Key: "rate", Name: "clients", Unit: "1/s", Better: result.Higher},
		{Key: "client", Name: "client's CPU", Unit: "µs/client", Digits: 1},
	}
	for _, p := range servers.All() {
		if why := cannotResume(p); why != "" && p.Protocol.Streams() == s.protocols[0].Streams() && (r.Wants == nil || r.Wants(p.Name)) {
			out.Absent = append(out.Absent, result.Absence{Peer: p.Name, Reason: why})
		}
	}
	cs, err := r.field(out, r.peers(s, out, nil), func(p servers.Peer) ([]*contender, error) {
		c, err := r.contend(p, load.Config{Conns: r.Conns, Rooms: 1})
		if err != nil {
			return nil, err
		}
		if err := r.heard(c); err != nil {
			return []*contender{c}, err
		}
		return []*contender{c}, r.storm(c, false) // warms up
	})
	defer closeAll(out, cs)
	if err != nil {
		return err
	}
	return r.rounds(out, cs, func(c *contender) error { return r.storm(c, true) })
}

// cannotResume says why a server takes no part. It is empty for floors, and for servers that
// have a variant that does.
func cannotResume(p servers.Peer) string {
	if p.Protocol == wire.WebSocket && !p.Batches && !p.Floor {
		return "raw WebSockets carry no positions to resume from"
	}
	return p.NoResume
}

// heard publishes a message that all clients hear: those of streams have an id from then on.
func (r *runner) heard(c *contender) error {
	_, _, err := r.publish(c, control.Run{Steps: 1, Rooms: 1, Burst: 1, Size: messageSize}, r.Conns)
	c.published++
	return err
}

// storm has the clients of c vanish and come back, and adds to its row what that has cost.
func (r *runner) storm(c *contender, count bool) error {
	place := load.Place{Epoch: c.swarm.Epoch(), LastID: c.swarm.LastID(), Offset: c.published, Missed: missed}
	if place.Epoch == "" && place.LastID == "" {
		return fmt.Errorf("%s: it names no place to resume from", c.peer.Name)
	}
	c.swarm.Close(true)
	if err := r.joined(c.Process, 0); err != nil {
		return err
	}
	if err := r.unheard(c); err != nil {
		return err
	}
	before, err := c.Stats(control.Light)
	if err != nil {
		return err
	}
	own, err := control.Usage()
	if err != nil {
		return err
	}
	start := time.Now()
	swarm, err := r.loop.Dial(load.Config{
		Name: c.peer.Name, Protocol: c.peer.Protocol, Addr: c.Addr, Conns: r.Conns, Rooms: 1,
		AtOnce: r.Conns, Patience: r.Patience, Resume: &place,
	})
	if err != nil {
		return err
	}
	c.swarm = swarm
	if _, err := swarm.Wait(); err != nil {
		return err
	}
	took := time.Since(start)
	ownAfter, err := control.Usage()
	if err != nil {
		return err
	}
	after, err := c.Stats(control.Light)
	if err != nil || !count {
		return err
	}
	n := float64(r.Conns)
	c.row.Add("cpu", micros(after.CPU.Sub(before.CPU).Total())/n)
	c.row.Add("ms", millis(took))
	c.row.Add("rate", n/took.Seconds())
	c.row.Add("client", micros(ownAfter.Sub(own).Total())/n)
	return nil
}

// unheard publishes what the clients miss.
func (r *runner) unheard(c *contender) error {
	if err := c.Begin(control.Run{Steps: 1, Rooms: 1, Burst: missed, Size: messageSize}); err != nil {
		return err
	}
	if err := c.Ack(); err != nil {
		return err
	}
	c.published += missed
	_, err := c.Wait()
	return err
}
