//go:build linux

package realtime

import (
	"fmt"
	"slices"
	"time"

	"github.com/gogeist/geist/bench/realtime/load"
	"github.com/gogeist/geist/bench/realtime/servers"
	"github.com/gogeist/geist/bench/realtime/wire"
	"github.com/gogeist/geist/bench/result"
	"github.com/gogeist/geist/bench/suite"
)

// growing is one row of a growing scene: so many clients in so many rooms, and messages of a
// size.
type growing struct {
	n, conns, rooms, size int
}

// growth is a scene in which a delivery is measured at several sizes of a load, each with a
// server of its own.
func growth(kind string, protos []wire.Protocol, what, title string, all func(Options) []growing) Scene {
	loads := func(o Options) []growing {
		gs := all(o)
		if o.Small {
			gs = slices.Delete(gs, 1, max(len(gs)-1, 1))
		}
		return gs
	}
	conns := func(o Options) (sum int) {
		for _, g := range loads(o) {
			sum += g.conns
		}
		return sum
	}
	return Scene{
		Name: kind + "/growth/" + what, Title: title + "; one message at a time, the base is each server's own least N",
		protocols: protos,
		expect: func(o Options, peers int) time.Duration {
			n := len(loads(o))
			o.Conns, o.Rounds = conns(o)/n, o.FewRounds
			return batches(o, n*peers)
		},
		needs: func(o Options, peers int) suite.Needs {
			return suite.Needs{Files: peers*conns(o) + spare, Ports: conns(o)}
		},
		run: func(r *runner, s Scene, out *result.Scene) error { return r.growth(s, out, loads(r.Options)) },
	}
}

// growthScenes are those of one protocol.
func growthScenes(kind string, protos []wire.Protocol) []Scene {
	return []Scene{
		growth(kind, protos, "connections", fmt.Sprintf("messages of %d bytes to one room of N clients", messageSize), func(o Options) []growing {
			var all []growing
			for _, n := range steps(o.Conns) {
				all = append(all, growing{n, n, 1, messageSize})
			}
			return all
		}),
		growth(kind, protos, "rooms", fmt.Sprintf("messages of %d bytes to each of N rooms of %d clients", messageSize, roomSize), func(o Options) []growing {
			var all []growing
			for _, n := range steps(o.Conns / roomSize) {
				all = append(all, growing{n, n * roomSize, n, messageSize})
			}
			return all
		}),
		growth(kind, protos, "size", "messages of N bytes to one room of clients", func(o Options) []growing {
			var all []growing
			for _, n := range messageSizes {
				all = append(all, growing{n, max(o.Conns/4, 1), 1, n})
			}
			return all
		}),
	}
}

// messageSizes are the sizes of messages that grow, in bytes.
var messageSizes = []int{128, 512, 2048, wire.MaxSize}

// steps are a tenth, about a third and all of most, without those that are the same.
func steps(most int) []int {
	return slices.Compact([]int{max(most/10, 1), max(most*3/10, 1), max(most, 1)})
}

func (r *runner) growth(s Scene, out *result.Scene, loads []growing) error {
	out.Metrics, out.Ordered = slices.Insert(fanoutMetrics(), 1, result.Exponent()), true
	cs, err := r.field(out, r.peers(s, out, nil), func(p servers.Peer) ([]*contender, error) {
		var all []*contender
		for _, g := range loads {
			c, err := r.contend(p, load.Config{Conns: g.conns, Rooms: g.rooms})
			if err != nil {
				return all, err
			}
			c.row, c.size = newRow(p, result.Growing(g.n)), g.size
			if all = append(all, c); len(all) > 1 {
				c.row.Base = all[0].row.Name
			}
			if err := r.calibrate(c, g.conns, 1); err != nil {
				return all, err
			}
		}
		return all, nil
	})
	defer closeAll(out, cs)
	if err != nil {
		return err
	}
	return r.someRounds(r.FewRounds, out, cs, func(c *contender) error { return r.fanoutBatch(c, c.swarm.Len(), 1) })
}
