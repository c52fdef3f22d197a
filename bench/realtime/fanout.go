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

// messageSize is the size of most messages, in bytes; stallSize that of those that fill
// the buffers of a stalled client; bursts is how many a burst has.
const (
	messageSize = 128
	stallSize   = 1024
	bursts      = 16
)

var (
	sockets = []wire.Protocol{wire.WebSocket, wire.Centrifuge}
	streams = []wire.Protocol{wire.EventStream}
	// bases of WebSocket and of streams, for bursts and for single messages.
	burstBases  = []string{"melody", "centrifuge (write delay)", "centrifuge (channel batches)", "centrifuge", "gorilla chat", "write(2), batched"}
	singleBases = []string{"write(2)", "melody", "centrifuge", "gorilla chat"}
	streamBases = []string{"net/http", "write(2) (events)", "write(2), batched (events)"}
)

// fanout is a scene in which all clients are in rooms of so many, and a step publishes so
// many messages to each room.
func fanout(kind string, protos []wire.Protocol, size, burst int) Scene {
	title := fmt.Sprintf("messages of %d bytes to rooms of %d, ", messageSize, size)
	if burst == 1 {
		title += "one at a time"
	} else {
		title += fmt.Sprintf("bursts of %d", burst)
	}
	return Scene{
		Name: fmt.Sprintf("%s/fanout/%dx%d", kind, size, burst), Title: title + "; every client has it before the next",
		protocols: protos, bursts: burst > 1, expect: batches, needs: crowdOf(func(o Options) int { return o.Conns }),
		run: func(r *runner, s Scene, out *result.Scene) error {
			out.Bases = bases(kind, burst)
			return r.fanout(s, out, size, burst)
		},
	}
}

func bases(kind string, burst int) []string {
	switch {
	case kind == "sse":
		return streamBases
	case burst > 1:
		return burstBases
	}
	return singleBases
}

func (r *runner) fanout(s Scene, out *result.Scene, size, burst int) error {
	out.Metrics = fanoutMetrics()
	size = min(size, r.Conns)
	rooms := r.Conns / size
	cs, err := r.field(out, r.peers(s, out, nil), func(p servers.Peer) ([]*contender, error) {
		c, err := r.contend(p, load.Config{Conns: rooms * size, Rooms: rooms})
		if err != nil {
			return nil, err
		}
		return []*contender{c}, r.calibrate(c, rooms*size, burst)
	})
	defer closeAll(out, cs)
	if err != nil {
		return err
	}
	return r.rounds(out, cs, func(c *contender) error { return r.fanoutBatch(c, rooms*size, burst) })
}

func fanoutMetrics() []result.Metric {
	return []result.Metric{
		{Key: "cpu", Name: "server CPU", Unit: "µs/delivery", Digits: 3, Ratio: true},
		{Key: "user", Name: "of it in user mode", Unit: "µs", Digits: 3},
		{Key: "client", Name: "client's CPU", Unit: "µs", Digits: 3},
		{Key: "rate", Name: "deliveries", Unit: "1/s", Better: result.Higher},
		{Key: "p50", Name: "latency p50", Unit: "ms", Digits: 2},
		{Key: "p99", Name: "p99", Unit: "ms", Digits: 2},
		{Key: "mallocs", Name: "allocations", Unit: "1/publication", Digits: 1},
	}
}

// calibrate finds the number of steps that fill a batch, and so warms c up.
func (r *runner) calibrate(c *contender, receivers, burst int) error {
	for c.steps = 1; ; {
		_, res, err := r.publish(c, control.Run{Steps: c.steps, Rooms: c.rooms, Burst: burst, Size: messageSize}, receivers)
		if err != nil {
			return err
		}
		if res.Wall >= r.Batch {
			return nil
		}
		grow := 1.2 * float64(r.Batch) / float64(max(res.Wall, time.Microsecond))
		c.steps = int(float64(c.steps)*min(max(grow, 1.2), 20)) + 1
	}
}

func (r *runner) fanoutBatch(c *contender, receivers, burst int) error {
	before, err := control.Usage()
	if err != nil {
		return err
	}
	cost, res, err := r.publish(c, control.Run{Steps: c.steps, Rooms: c.rooms, Burst: burst, Size: messageSize}, receivers)
	if err != nil {
		return err
	}
	after, err := control.Usage()
	if err != nil {
		return err
	}
	n := float64(res.Deliveries)
	c.row.Add("user", micros(cost.CPU.User)/n)
	c.row.Add("client", micros(after.Sub(before).Total())/n)
	c.row.Add("cpu", micros(cost.CPU.Total())/n)
	c.row.Add("rate", n/res.Wall.Seconds())
	c.row.Add("p50", millis(res.Latency.Quantile(0.5)))
	c.row.Add("p99", millis(res.Latency.Quantile(0.99)))
	c.row.Add("mallocs", float64(cost.Mallocs)/float64(c.steps*c.rooms*burst))
	return nil
}

// echoScene has as many clients as echoes, each with one message on its way.
func echoScene() Scene {
	return Scene{
		Name: "ws/echo", Title: fmt.Sprintf("%d clients, each with one message of %d bytes on its way", echoes, messageSize),
		protocols: sockets, expect: batches, needs: crowdOf(func(Options) int { return echoes }),
		run: func(r *runner, s Scene, out *result.Scene) error {
			out.Bases = []string{"fasthttp/websocket", "gorilla chat", "melody", "centrifuge"}
			return r.echo(s, out)
		},
	}
}

const echoes = 64

func (r *runner) echo(s Scene, out *result.Scene) error {
	out.Metrics = []result.Metric{
		{Key: "cpu", Name: "server CPU", Unit: "µs/echo", Digits: 2, Ratio: true},
		{Key: "rate", Name: "echoes", Unit: "1/s", Better: result.Higher},
		{Key: "p50", Name: "p50", Unit: "ms", Digits: 3},
		{Key: "p99", Name: "p99", Unit: "ms", Digits: 3},
	}
	peers := r.peers(s, out, func(p servers.Peer) string { return p.NoEcho })
	cs, err := r.field(out, peers, func(p servers.Peer) ([]*contender, error) {
		c, err := r.contend(p, load.Config{Conns: echoes, Echo: true})
		if err != nil {
			return nil, err
		}
		_, err = c.swarm.Echo(r.Batch/2, messageSize) // warms up
		return []*contender{c}, err
	})
	defer closeAll(out, cs)
	if err != nil {
		return err
	}
	return r.rounds(out, cs, r.echoBatch)
}

func (r *runner) echoBatch(c *contender) error {
	before, err := c.Stats(control.Light)
	if err != nil {
		return err
	}
	res, err := c.swarm.Echo(r.Batch, messageSize)
	if err != nil {
		return err
	}
	after, err := c.Stats(control.Light)
	if err != nil {
		return err
	}
	n := float64(res.Deliveries)
	c.row.Add("cpu", micros(after.CPU.Sub(before.CPU).Total())/n)
	c.row.Add("rate", n/res.Wall.Seconds())
	c.row.Add("p50", millis(res.Latency.Quantile(0.5)))
	c.row.Add("p99", millis(res.Latency.Quantile(0.99)))
	return nil
}
