//go:build linux

package guard

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/gogeist/geist/bench/realtime/control"
	"github.com/gogeist/geist/bench/realtime/load"
	"github.com/gogeist/geist/bench/realtime/servers"
)

const (
	// clients is how many connections a server holds: enough that what belongs to the
	// process does not count.
	clients = 200
	// burst is how many messages are published at once.
	burst = 16
	// messageSize is that of one, in bytes.
	messageSize = 128
)

// idle are the servers whose connections are counted while nothing happens.
var idle = []struct{ name, peer string }{
	{"ws/idle, read", "geist"},
	{"ws/idle, followed", "geist (Follow)"},
	{"sse/idle, followed", "geist (stream)"},
	{"sse/idle, run", "geist (Run)"},
}

// fanouts are bursts to rooms. Small ones are flushed by the publisher, message by message;
// in large ones a burst becomes one write.
var fanouts = []struct {
	name, peer  string
	room, burst int
}{
	{"ws/fan-out, rooms of 10, one message", "geist", 10, 1},
	{"ws/fan-out, rooms of 10, bursts of 16", "geist", 10, burst},
	{"ws/fan-out, rooms of 100, bursts of 16", "geist", 100, burst},
	{"ws/fan-out, rooms of 10, coalesced bursts of 16", "geist (Coalesce)", 10, burst},
	{"sse/fan-out, rooms of 100, bursts of 16", "geist (stream)", 100, burst},
}

// connections counts what servers use, in processes of their own.
func connections(ctx context.Context, exe string) ([]Figure, error) {
	loop, err := load.NewLoop()
	if err != nil {
		return nil, err
	}
	defer loop.Close()
	w := &world{ctx: ctx, exe: exe, loop: loop}
	var all []Figure
	for _, c := range idle {
		fs, err := w.idle(c.name, c.peer)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		all = append(all, fs...)
	}
	for _, c := range fanouts {
		fs, err := w.fanout(c.name, c.peer, c.room, c.burst)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		all = append(all, fs...)
	}
	return all, nil
}

// world is where servers and their clients run.
type world struct {
	ctx  context.Context
	exe  string
	loop *load.Loop
}

// server is one server with its clients.
type server struct {
	*control.Process
	swarms []*load.Swarm
}

func (w *world) start(peer string, rooms int) (*server, load.Config, error) {
	p, err := servers.Find(peer)
	if err != nil {
		return nil, load.Config{}, err
	}
	// With one processor a burst is published before anybody is woken.
	proc, err := control.Start(w.exe, p, servers.Spec{Rooms: rooms, Procs: 1})
	if err != nil {
		return nil, load.Config{}, err
	}
	// One connection on its way at a time: the server needs as few goroutines as it can do with.
	return &server{Process: proc}, load.Config{Name: peer, Protocol: p.Protocol, Addr: proc.Addr, Rooms: rooms, AtOnce: 1}, nil
}

func (s *server) close() error {
	for _, swarm := range s.swarms {
		swarm.Close(true)
	}
	return s.Close()
}

// dial adds clients, all of which are to be in their room in the end, want with those before.
func (w *world) dial(s *server, cfg load.Config, conns, want int) (*load.Swarm, error) {
	cfg.Conns = conns
	swarm, err := w.loop.Dial(cfg)
	if err != nil {
		return nil, err
	}
	s.swarms = append(s.swarms, swarm)
	return swarm, w.settle(s, want)
}

const (
	// still is how often in a row the counts of a server must be the same, pause the time
	// between two looks, and patience how long that may take.
	still    = 10
	pause    = 5 * time.Millisecond
	patience = 10 * time.Second
)

// settle waits until so many have joined and handlers that had to end have ended.
func (w *world) settle(s *server, members int) error {
	same, last := 0, control.Stats{}
	for end := time.Now().Add(patience); same < still; {
		st, err := s.Stats(control.Light)
		if err != nil {
			return err
		}
		if st.Members == members && st.Goroutines == last.Goroutines {
			same++
		} else {
			same = 0
		}
		last = st
		if time.Now().After(end) {
			return fmt.Errorf("%d of %d clients have joined, and %d goroutines do not come to rest", st.Members, members, st.Goroutines)
		}
		if err := errors.Join(w.ctx.Err(), w.loop.PollFor(pause)); err != nil {
			return err
		}
	}
	return nil
}

// idle counts what one more connection needs.
func (w *world) idle(name, peer string) (_ []Figure, err error) {
	s, cfg, err := w.start(peer, 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	const first = clients / 4 // what the first ones make belongs to the process
	var seen [2]control.Stats
	for i, n := range []int{first, clients} {
		if _, err := w.dial(s, cfg, n, first*(1-i)+(first+clients)*i); err != nil {
			return nil, err
		}
		if seen[i], err = s.Stats(control.Collected); err != nil {
			return nil, err
		}
	}
	each := func(now, then int64) float64 { return float64(now-then) / clients }
	heap := each(seen[1].Heap, seen[0].Heap)
	return []Figure{
		figure(name, "goroutines/connection", each(int64(seen[1].Goroutines), int64(seen[0].Goroutines)), 0.03, 2),
		figure(name, "files/connection", each(int64(seen[1].FDs), int64(seen[0].FDs)), 0, 2),
		figure(name, "B of heap/connection", heap, 64+heap/25, 0).inMemory(),
	}, nil
}

// fanout counts what a delivery needs.
func (w *world) fanout(name, peer string, room, messages int) (_ []Figure, err error) {
	rooms := clients / room
	s, cfg, err := w.start(peer, rooms)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	swarm, err := w.dial(s, cfg, clients, clients)
	if err != nil {
		return nil, err
	}
	// An event's id begins with the room's epoch, a random number with fewer digits at times.
	const epochDigits = 2
	// One step a round: the scheduler may interrupt a publisher, but not each time.
	const tries = 20
	writes, size := math.Inf(1), 0.0
	for range tries {
		swarm.Begin(1, clients*messages, s.Ack)
		if err := s.Begin(control.Run{Steps: 1, Rooms: rooms, Burst: messages, Size: messageSize}); err != nil {
			return nil, err
		}
		got, err := swarm.Wait()
		if err != nil {
			return nil, err
		}
		cost, err := s.Wait()
		if err != nil {
			return nil, err
		}
		if cost.Writes == 0 {
			return nil, errors.New("the kernel does not count system calls (/proc/self/io)")
		}
		writes = min(writes, float64(cost.Writes)/clients)
		size = float64(got.Bytes) / float64(got.Deliveries)
	}
	return []Figure{
		figure(name, "writes/client", writes, 0.05, 2),
		figure(name, "B/delivery", size, epochDigits, 1),
	}, nil
}
