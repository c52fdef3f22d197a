package loopback

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/gogeist/geist/bench/loopback/generator"
	"github.com/gogeist/geist/bench/peers"
	"github.com/gogeist/geist/bench/result"
	"github.com/gogeist/geist/bench/suite"
)

// bench is one run of a scene.
type bench struct {
	scene
	ctx   context.Context
	out   *result.Scene
	set   suite.Settings
	step  suite.StepFunc
	all   []peers.Peer
	on    cores
	rnd   *rand.Rand
	done  int // steps
	total int
}

// contender is a server that runs.
type contender struct {
	*process
	peer   string
	exact  []generator.Exchange
	client *generator.Client // nil in scenes of tools
	rows   []*result.Contender
}

// measure runs the scene with these peers.
func (s scene) measure(ctx context.Context, out *result.Scene, set suite.Settings, step suite.StepFunc, all []peers.Peer) error {
	if s.perConn > 0 {
		if why := freePorts(2 * s.conns * len(all)); why != "" {
			out.NotMeasured = why
			return nil
		}
	}
	b := &bench{scene: s, ctx: ctx, out: out, set: set, step: step, all: all, on: splitCores(), rnd: rand.New(rand.NewPCG(11, 12))}
	defer b.on.pinClient()()
	out.Bases = []string{"fasthttp"}
	out.Notes = append(out.Notes, b.on.note)
	return s.run(b)
}

// enter tells that a contender's turn has come. Its error is that of the context.
func (b *bench) enter(peer string) error {
	b.step(suite.Step{Done: b.done, Total: b.total, Peer: peer})
	b.done++
	return b.ctx.Err()
}

// field starts the servers, which prove their answers, and calls ready for each. Who fails
// takes no part. The caller ends the others with end, whatever the error.
func (b *bench) field(rounds int, ready func(*contender) error) ([]*contender, error) {
	b.total = len(b.all) * (rounds + 1)
	timed, others := b.exchanges()
	var cs []*contender
	for _, p := range b.all {
		if err := b.enter(p.Name); err != nil {
			return cs, err
		}
		proc, err := start(b.set.Exe, p.Name, b.app, b.over, b.on)
		if err != nil {
			b.out.Fail(p.Name, err)
			continue
		}
		c := &contender{process: proc, peer: p.Name}
		cs = append(cs, c)
		if c.exact, err = prove(proc, timed, others); err == nil {
			err = ready(c)
		}
		if err != nil {
			b.fail(c, err)
			continue
		}
		b.out.Contenders = append(b.out.Contenders, c.rows...)
	}
	return cs, nil
}

// row adds a row for c.
func (c *contender) row(variant string) *result.Contender {
	r := result.NewContender(c.peer, variant)
	if c.peer == "fasthttp" {
		r.Floor, r.Note = true, "by hand, without a router"
	}
	c.rows = append(c.rows, r)
	return r
}

// fail records what went wrong with c, and if it has died, of what.
func (b *bench) fail(c *contender, err error) {
	if died := c.close(); died != nil {
		err = fmt.Errorf("%w; %w", err, died)
	}
	b.out.Fail(c.peer, err)
}

// close ends the server and its client. The error is that the server had ended before.
func (c *contender) close() error {
	if c.process == nil {
		return nil
	}
	if c.client != nil {
		c.client.Close()
	}
	err := c.end()
	c.process = nil
	return err
}

// end ends all servers. One that had ended by itself has failed.
func (b *bench) end(cs []*contender) {
	for _, c := range cs {
		if err := c.close(); err != nil {
			b.out.Fail(c.peer, err)
		}
	}
}

// rounds calls f for every contender in each round, in an order that is drawn anew. Who
// fails takes no part in the rest.
func (b *bench) rounds(n int, cs []*contender, f func(*contender) error) error {
	order := slices.Clone(cs)
	b.done = len(b.all)
	for range n {
		b.rnd.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, c := range order {
			if err := b.enter(c.peer); err != nil {
				return err
			}
			if c.process == nil {
				continue
			}
			err := f(c)
			if b.ctx.Err() != nil {
				return b.ctx.Err()
			}
			if err != nil {
				b.fail(c, err)
			}
		}
	}
	return nil
}

// dial connects the client of c and warms the server up.
func (b *bench) dial(c *contender) (err error) {
	c.client, err = generator.Dial(b.config(c.process, c.exact, b.on.workers()))
	if err == nil {
		_, err = c.client.Closed(batch(b.set))
	}
	return err
}

// closed runs closed loops: what the most is that a server does, and at what cost.
func (b *bench) closed() error {
	b.out.Metrics = []result.Metric{
		{Key: "rate", Name: "requests", Unit: "1/s", Better: result.Higher, Ratio: true},
		{Key: "cpu", Name: "server CPU", Unit: "µs/request", Digits: 2, Ratio: true},
		{Key: "client", Name: "client's cores in use", Unit: "%", Digits: 0},
		{Key: "rss", Name: "server's peak RSS", Unit: "MiB", Digits: 1},
	}
	cs, err := b.field(rounds(b.set), func(c *contender) error {
		c.row("")
		return b.dial(c)
	})
	defer b.end(cs)
	if err != nil {
		return err
	}
	return b.rounds(rounds(b.set), cs, b.closedBatch)
}

func (b *bench) closedBatch(c *contender) error {
	if err := c.resetPeak(); err != nil {
		b.note(fmt.Sprintf("peaks of memory are those since a server's start: %v", errors.Unwrap(err)))
	}
	res, used, own, err := b.load(c, func() (generator.Result, error) { return c.client.Closed(batch(b.set)) })
	if err != nil {
		return err
	}
	peak, err := c.peak()
	if err != nil {
		return err
	}
	n, row := float64(res.Requests), c.rows[0]
	row.Add("rate", n/res.Wall.Seconds())
	row.Add("cpu", used.Seconds()*1e6/n)
	row.Add("client", 100*own.Seconds()/res.Wall.Seconds()/float64(b.on.workers()))
	row.Add("rss", float64(peak)/(1<<20))
	return nil
}

// note adds a note, once.
func (b *bench) note(text string) {
	if !slices.Contains(b.out.Notes, text) {
		b.out.Notes = append(b.out.Notes, text)
	}
}

// load runs a loop and returns, beside its result, the processor time of the server and of
// this process.
func (b *bench) load(c *contender, loop func() (generator.Result, error)) (res generator.Result, server, own time.Duration, err error) {
	server0, err1 := c.cpu()
	own0, err2 := ownCPU()
	if err := errors.Join(err1, err2); err != nil {
		return res, 0, 0, err
	}
	if res, err = loop(); err != nil {
		return res, 0, 0, err
	}
	server1, err1 := c.cpu()
	own1, err2 := ownCPU()
	if res.Requests == 0 {
		err = errors.New("no request was answered")
	}
	return res, server1 - server0, own1 - own0, errors.Join(err, err1, err2)
}

// shares are the parts of a server's own maximum that the scenes of latency ask for.
func shares() []float64 { return []float64{0.5, 0.7, 0.9} }

// latency runs open loops. The maximum of a server is measured in each round, right before.
func (b *bench) latency() error {
	b.out.Ordered = true
	b.out.Metrics = []result.Metric{
		{Key: "p99", Name: "p99", Unit: "ms", Digits: 3, Ratio: true},
		{Key: "p50", Name: "p50", Unit: "ms", Digits: 3},
		{Key: "p90", Name: "p90", Unit: "ms", Digits: 3},
		{Key: "p999", Name: "p99.9", Unit: "ms", Digits: 3},
		{Key: "rate", Name: "requests", Unit: "1/s", Better: result.Higher},
	}
	b.out.Notes = append(b.out.Notes, "latency counts from the time at which a request was due by the schedule",
		"the maximum is that of a closed loop in the same round, each server's own")
	cs, err := b.field(latencyRounds(b.set), func(c *contender) error {
		for _, share := range shares() {
			variant := fmt.Sprintf("%.0f %%", 100*share)
			c.row(variant).Base = result.Label("fasthttp", variant)
		}
		return b.dial(c)
	})
	defer b.end(cs)
	if err != nil {
		return err
	}
	slices.SortStableFunc(b.out.Contenders, func(x, y *result.Contender) int { return cmp.Compare(x.Variant, y.Variant) })
	return b.rounds(latencyRounds(b.set), cs, b.latencyBatch)
}

func (b *bench) latencyBatch(c *contender) error {
	most, err := c.client.Closed(batch(b.set))
	if err != nil {
		return err
	}
	for i, share := range shares() {
		rate := share * float64(most.Requests) / most.Wall.Seconds()
		res, err := c.client.Open(rate, 2*batch(b.set))
		if err != nil {
			return fmt.Errorf("at %.0f requests/s, %.0f %% of its maximum: %w", rate, 100*share, err)
		}
		row := c.rows[i]
		row.Add("rate", rate)
		for key, q := range map[string]float64{"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999} {
			row.Add(key, float64(res.Latency.Quantile(q).Nanoseconds())/1e6)
		}
	}
	return nil
}
