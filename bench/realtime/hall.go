//go:build linux

package realtime

import (
	"errors"
	"fmt"
	"time"

	"github.com/gogeist/geist/bench/realtime/load"
	"github.com/gogeist/geist/bench/realtime/servers"
	"github.com/gogeist/geist/bench/realtime/wire"
	"github.com/gogeist/geist/bench/result"
)

// halls is how many times the clients of the other fan-out scenes are in one room here.
const halls = 10

// hall is fan-out to one room that is so large that servers cannot run side by side: each
// trial is a fresh process.
func hall(kind string, protos []wire.Protocol, burst int) Scene {
	title := "one at a time"
	if burst > 1 {
		title = fmt.Sprintf("bursts of %d", burst)
	}
	conns := func(o Options) int { return halls * o.Conns }
	return Scene{
		Name:      fmt.Sprintf("%s/fanout/10000x%d", kind, burst),
		Title:     fmt.Sprintf("messages of %d bytes to one room of 10,000, %s; every client has it before the next; a fresh process each", messageSize, title),
		protocols: protos, bursts: burst > 1, needs: alone(conns),
		expect: func(o Options, peers int) time.Duration {
			return time.Duration(peers*o.Trials) * (3*o.Batch + 300*time.Millisecond + time.Duration(conns(o))*200*time.Microsecond)
		},
		run: func(r *runner, s Scene, out *result.Scene) error {
			out.Bases = bases(kind, burst)
			return r.hall(s, out, conns(r.Options), burst)
		},
	}
}

func (r *runner) hall(s Scene, out *result.Scene, conns, burst int) error {
	out.Metrics = fanoutMetrics()
	peers := r.peers(s, out, nil)
	rows := map[string]*result.Contender{}
	for _, p := range peers {
		rows[p.Name] = newRow(p, "")
		out.Contenders = append(out.Contenders, rows[p.Name])
	}
	return r.trials(out, peers, r.Trials, func(p servers.Peer) (err error) {
		c, err := r.contend(p, load.Config{Conns: conns, Rooms: 1})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.close()) }()
		c.row = rows[p.Name]
		if err := r.calibrate(c, conns, burst); err != nil {
			return err
		}
		return r.fanoutBatch(c, conns, burst)
	})
}
