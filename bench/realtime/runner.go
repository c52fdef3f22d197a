//go:build linux

package realtime

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/gogeist/geist/bench/realtime/control"
	"github.com/gogeist/geist/bench/realtime/load"
	"github.com/gogeist/geist/bench/realtime/servers"
	"github.com/gogeist/geist/bench/realtime/wire"
	"github.com/gogeist/geist/bench/result"
	"github.com/gogeist/geist/bench/suite"
)

// Options say how much is measured.
type Options struct {
	// Exe is a program that begins with control.ServeArgs: it becomes the servers.
	Exe string
	// Rounds is the number of batches of each server; Batch the least duration of one.
	Rounds int
	Batch  time.Duration
	// Trials is the number of fresh processes of each server in the scenes hold and
	// stalled.
	Trials int
	// Rest is how long connections stay idle before the scene hold looks at memory, and
	// Forget how long a server may take to let go of those that have vanished.
	Rest, Forget time.Duration
	// Patience is how long a server may make no progress, before it counts as stopped.
	// Zero means 15 s.
	Patience time.Duration
	// FewRounds is the number of rounds in scenes that have several rows of each server, and
	// of which no target is judged.
	FewRounds int
	// Conns is the number of subscribers of the fan-out scenes, Held those of hold.
	Conns int
	Held  []Holding
	// Crowd is how many rooms "many" are.
	Crowd int
	// Small leaves out the loads between the least and the largest of scenes that grow.
	Small bool
	// Wants chooses servers by name. Nil means all.
	Wants func(peer string) bool
	// Log is told what goes on, Step before each part. They may be nil.
	Log  func(format string, args ...any)
	Step suite.StepFunc
}

// A Holding is one number of idle clients.
type Holding struct {
	// Conns is the number, Trials that of fresh processes of each server.
	Conns, Trials int
	// Core leaves out servers that are neither geist's nor what it is compared with.
	Core bool
}

// A Scene is one comparison.
type Scene struct {
	// Name is a path such as "ws/fanout/1000x16".
	Name string
	// Title says what is measured.
	Title string

	// Repeats says that servers do nothing in it that they do not do in another scene, at
	// other sizes: quick runs leave it out.
	Repeats bool

	protocols []wire.Protocol
	bursts    bool
	resumes   bool
	// expect guesses how long it takes with so many servers.
	expect func(o Options, peers int) time.Duration
	// needs are the open files and ports of one process, with so many servers.
	needs func(o Options, peers int) suite.Needs
	run   func(*runner, Scene, *result.Scene) error
}

// Run runs the scene and adds what it measures to out. It returns early, with what there is,
// when ctx ends.
func (s Scene) Run(ctx context.Context, out *result.Scene, o Options) error {
	loop, err := load.NewLoop()
	if err != nil {
		return err
	}
	defer loop.Close()
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	if o.Step == nil {
		o.Step = func(suite.Step) {}
	}
	r := &runner{Options: o, ctx: ctx, loop: loop, rnd: rand.New(rand.NewPCG(9, 10))}
	return s.run(r, s, out)
}

// runner is one run of a scene.
type runner struct {
	Options
	ctx         context.Context
	loop        *load.Loop
	rnd         *rand.Rand
	done, steps int // of the scene
}

// step says that part of the scene begins, and returns the error of the context.
func (r *runner) step(p servers.Peer) error {
	r.Step(suite.Step{Done: r.done, Total: r.steps, Peer: p.Name})
	r.done++
	return r.ctx.Err()
}

// speakers returns the servers that speak a protocol of the scene.
func (s Scene) speakers() []servers.Peer {
	var out []servers.Peer
	for _, p := range servers.All() {
		if slices.Contains(s.protocols, p.Protocol) && (s.bursts || !p.Batches) && p.Resumes == s.resumes {
			out = append(out, p)
		}
	}
	return out
}

// peers returns who takes part: those who speak a protocol of the scene and for whom
// absent, if it is not nil, gives no reason against it.
func (r *runner) peers(s Scene, out *result.Scene, absent func(servers.Peer) string) []servers.Peer {
	var all []servers.Peer
	for _, p := range s.speakers() {
		if r.Wants != nil && !r.Wants(p.Name) {
			continue
		}
		if absent != nil {
			if why := absent(p); why != "" {
				out.Absent = append(out.Absent, result.Absence{Peer: p.Name, Reason: why})
				continue
			}
		}
		all = append(all, p)
	}
	for _, m := range servers.Missed() {
		if slices.Contains(s.protocols, m.Protocol) && (r.Wants == nil || r.Wants(m.Name)) {
			out.Absent = append(out.Absent, result.Absence{Peer: m.Name, Reason: m.Why})
		}
	}
	return all
}

// contender is a server that runs, and its clients.
type contender struct {
	*control.Process
	peer  servers.Peer
	swarm *load.Swarm
	rooms int
	steps int // of a batch
	size  int // of a message, in bytes
	row   *result.Contender

	published int // messages of the one room of the scenes resume
}

func (c *contender) close() error {
	c.swarm.Close(true)
	return c.Process.Close()
}

// newRow returns the row of a peer.
func newRow(p servers.Peer, variant string) *result.Contender {
	row := result.NewContender(p.Name, variant)
	row.Note, row.Floor = p.Note, p.Floor
	return row
}

// field starts the servers of peers by start, which returns one or more of each, ready for
// batches. A peer for which that fails takes no part. The caller ends the others with
// closeAll, whatever the error.
func (r *runner) field(out *result.Scene, peers []servers.Peer, start func(servers.Peer) ([]*contender, error)) ([]*contender, error) {
	var cs []*contender
	r.steps = len(peers)
	for _, p := range peers {
		if err := r.step(p); err != nil {
			return cs, err
		}
		started, err := start(p)
		cs = append(cs, started...)
		if err != nil {
			out.Fail(p.Name, err)
			continue
		}
		for _, c := range started {
			out.Contenders = append(out.Contenders, c.row)
		}
	}
	return cs, nil
}

// contend starts the server of a peer with its clients.
func (r *runner) contend(p servers.Peer, cfg load.Config) (*contender, error) {
	return r.contendWith(p, servers.Spec{Rooms: cfg.Rooms}, cfg)
}

func (r *runner) contendWith(p servers.Peer, spec servers.Spec, cfg load.Config) (*contender, error) {
	r.Log("%s: %d connections, %d rooms", p.Name, cfg.Conns, cfg.Rooms)
	proc, err := control.Start(r.Exe, p, spec)
	if err != nil {
		return nil, err
	}
	cfg.Name, cfg.Protocol, cfg.Addr, cfg.Patience = p.Name, p.Protocol, proc.Addr, r.Patience
	swarm, err := r.loop.Dial(cfg)
	if err != nil {
		return nil, errors.Join(err, proc.Close())
	}
	c := &contender{Process: proc, peer: p, swarm: swarm, rooms: cfg.Rooms, size: messageSize, row: newRow(p, "")}
	if !cfg.Echo {
		err = r.joined(proc, cfg.Conns)
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

const (
	// settle is the span in which a server at rest must do next to nothing.
	settle = 50 * time.Millisecond
	// settleLimit is how long it may take to come to rest.
	settleLimit = 20 * time.Second
)

// joined waits until n clients have joined and the server is at rest: some libraries
// count a client a little before it gets messages.
func (r *runner) joined(p *control.Process, n int) error {
	var last control.Stats
	for end := time.Now().Add(settleLimit); ; {
		st, err := p.Stats(control.Light)
		if err != nil {
			return err
		}
		if st.Members == n && last.Members == n && st.CPU.Sub(last.CPU).Total() < settle/20 {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d clients have joined and the server used %v in the last %v; want %d, and rest",
				st.Members, st.CPU.Sub(last.CPU).Total(), settle, n)
		}
		last = st
		if err := r.loop.PollFor(settle); err != nil {
			return err
		}
	}
}

// publish has the server of c run and its clients receive it.
func (r *runner) publish(c *contender, run control.Run, receivers int) (control.Cost, load.Result, error) {
	c.swarm.Begin(run.Steps, receivers*run.Burst, c.Ack)
	if err := c.Begin(run); err != nil {
		return control.Cost{}, load.Result{}, err
	}
	res, err := c.swarm.Wait()
	if err != nil {
		return control.Cost{}, res, err
	}
	cost, err := c.Wait()
	if err == nil && res.Deliveries != run.Steps*receivers*run.Burst {
		err = fmt.Errorf("%s: %d deliveries, want %d", c.peer.Name, res.Deliveries, run.Steps*receivers*run.Burst)
	}
	return cost, res, err
}

// rounds calls f for every contender in each round, in an order that is drawn anew. Who
// fails takes no part in the rest.
func (r *runner) rounds(out *result.Scene, cs []*contender, f func(*contender) error) error {
	return r.someRounds(r.Rounds, out, cs, f)
}

// someRounds is rounds with a number of them.
func (r *runner) someRounds(n int, out *result.Scene, cs []*contender, f func(*contender) error) error {
	order := slices.Clone(cs)
	r.done, r.steps = len(cs), len(cs)*(n+1)
	for i := range n {
		r.Log("round %d of %d", i+1, n)
		r.rnd.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, c := range order {
			if err := r.step(c.peer); err != nil {
				return err
			}
			if out.Failed(c.peer.Name) {
				continue
			}
			if err := f(c); r.ctx.Err() != nil {
				return r.ctx.Err()
			} else if err != nil {
				out.Fail(c.peer.Name, err)
			}
		}
	}
	return nil
}

// closeAll ends the servers. One that does not end well has failed, if it has not before.
func closeAll(out *result.Scene, cs []*contender) {
	for _, c := range cs {
		if err := c.close(); err != nil {
			out.Fail(c.peer.Name, fmt.Errorf("at its end: %w", err))
		}
	}
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
func millis(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }
