//go:build linux

package realtime

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"time"

	"github.com/gogeist/geist/bench/realtime/control"
	"github.com/gogeist/geist/bench/realtime/load"
	"github.com/gogeist/geist/bench/realtime/servers"
	"github.com/gogeist/geist/bench/realtime/wire"
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
	// Conns is the number of subscribers of the fan-out scenes, Held those of hold.
	Conns int
	Held  []int
	// Crowd is how many rooms "many" are.
	Crowd int
	// Filter chooses servers by name. Nil means all.
	Filter *regexp.Regexp
	// Log is told what goes on. It may be nil.
	Log func(format string, args ...any)
}

// A Scene is one comparison.
type Scene struct {
	// Name is a path such as "ws/fanout/1000x16".
	Name string
	// Title says what is measured.
	Title string

	protocols []wire.Protocol
	bursts    bool
	run       func(*runner, Scene, *Table) error
}

// Run runs the scene and returns its table.
func (s Scene) Run(o Options) (*Table, error) {
	loop, err := load.NewLoop()
	if err != nil {
		return nil, err
	}
	defer loop.Close()
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	t := &Table{Scene: s.Name, Title: s.Title}
	r := &runner{Options: o, loop: loop, rnd: rand.New(rand.NewPCG(9, 10))}
	if err := s.run(r, s, t); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	return t, nil
}

// runner is one run of a scene.
type runner struct {
	Options
	loop *load.Loop
	rnd  *rand.Rand
}

// peers returns who takes part: those who speak a protocol of the scene and for whom
// absent, if it is not nil, gives no reason against it.
func (r *runner) peers(s Scene, t *Table, absent func(servers.Peer) string) []servers.Peer {
	var out []servers.Peer
	for _, p := range servers.All() {
		speaks := false
		for _, proto := range s.protocols {
			speaks = speaks || proto == p.Protocol
		}
		if !speaks || p.Batches && !s.bursts || r.Filter != nil && !r.Filter.MatchString(p.Name) {
			continue
		}
		if absent != nil {
			if why := absent(p); why != "" {
				t.Absent = append(t.Absent, p.Name+": "+why)
				continue
			}
		}
		out = append(out, p)
	}
	return out
}

// contender is a server that runs, and its clients.
type contender struct {
	*control.Process
	peer  servers.Peer
	swarm *load.Swarm
	rooms int
	steps int // of a batch
	row   *Row
}

func (c *contender) close() error {
	c.swarm.Close(true)
	return c.Process.Close()
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
	c := &contender{Process: proc, peer: p, swarm: swarm, rooms: cfg.Rooms, row: &Row{Name: p.Name, Remark: p.Note}}
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

// rounds calls f for every contender in each round, in an order that is drawn anew.
func (r *runner) rounds(cs []*contender, f func(*contender) error) error {
	order := make([]*contender, len(cs))
	copy(order, cs)
	for i := range r.Rounds {
		r.Log("round %d of %d", i+1, r.Rounds)
		r.rnd.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, c := range order {
			if err := f(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// finish ends the contenders and puts their rows into the table.
func finish(t *Table, cs []*contender, err error) error {
	for _, c := range cs {
		t.Rows = append(t.Rows, c.row)
		err = errors.Join(err, c.close())
	}
	return err
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
func millis(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }
