package scenes

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"time"

	"github.com/gogeist/geist/bench/peers"
	"github.com/gogeist/geist/bench/result"
	"github.com/gogeist/geist/bench/suite"
	"github.com/gogeist/geist/bench/tables"
)

// goneLimit is how long a handler waits for its context to end.
const goneLimit = time.Second

// A phase says how long clients stay after their handler has begun to wait.
// Both matter: a detector may set its watch up late, to spare handlers that are
// short, and then notices an early leaver later than a late one.
type phase struct {
	name       string
	from, upTo time.Duration
}

var phases = [2]phase{
	{"early (0.2–4 ms)", 200 * time.Microsecond, 4 * time.Millisecond},
	{"late (10–40 ms)", 10 * time.Millisecond, 40 * time.Millisecond},
}

// goneScene measures, over loopback, the time from a client's close to the end of the
// context that its handler waits on. Peers take turns.
func goneScene() suite.Scene {
	return suite.Scene{
		Name:  "gone",
		Title: "from a client's close to the end of the context that its handler waits on, loopback",
		Expect: func(s suite.Settings) time.Duration {
			return 3*time.Second + time.Duration(goneTrials(s))*230*time.Millisecond
		},
		Run: gone,
	}
}

func goneTrials(s suite.Settings) int { return suite.Choose(s.Mode, s.Trials, 100, 3) }

func gone(ctx context.Context, out *result.Scene, s suite.Settings, step suite.StepFunc) error {
	out.Metrics = []result.Metric{{Key: "ms", Name: "to the end of the context", Unit: "ms", Digits: 3}}
	out.Ordered = true
	var live []*goneServer
	defer func() {
		for _, g := range live {
			g.close()
		}
	}()
	for _, p := range peers.All() {
		if len(p.Only) > 0 || !s.Wants(p.Name) {
			continue
		}
		step(suite.Step{Peer: p.Name})
		g, err := guard(func() (*goneServer, error) { return newGoneServer(p) })
		if err != nil {
			out.Fail(p.Name, err)
			continue
		}
		live = append(live, g)
		if p.NoCancel == "" {
			out.Contenders = append(out.Contenders, g.rows()...)
		}
	}
	trials, rnd := goneTrials(s), rand.New(rand.NewPCG(5, 6))
	for i := range trials {
		for k, ph := range phases {
			// Drawn anew, so that trials do not fall into step with a detector that
			// polls. All peers of a round get the same.
			stay := ph.from + time.Duration(rnd.Int64N(int64(ph.upTo-ph.from)))
			for _, g := range live {
				if err := ctx.Err(); err != nil {
					return err
				}
				step(suite.Step{Done: i*len(phases) + k, Total: trials * len(phases), Peer: g.peer.Name})
				if err := g.try(k, stay); err != nil && !out.Failed(g.peer.Name) {
					out.Fail(g.peer.Name, err)
				}
			}
		}
	}
	for _, g := range live {
		if g.peer.NoCancel != "" && !out.Failed(g.peer.Name) {
			out.Absent = append(out.Absent, result.Absence{Peer: g.peer.Name, Reason: g.peer.NoCancel})
		}
	}
	return nil
}

type goneServer struct {
	*socketServer
	peer    peers.Peer
	row     [len(phases)]*result.Contender
	never   int
	started chan struct{}
	ended   chan time.Time
	req     []byte
}

func newGoneServer(p peers.Peer) (*goneServer, error) {
	g := &goneServer{peer: p, started: make(chan struct{}, 1), ended: make(chan time.Time, 1)}
	t := tables.One("gone", "/wait")
	g.req = t.Request(t.Routes[0]).Bytes()
	a, err := p.Build(peers.Spec{Table: t, Hit: &t.Routes[0], Do: peers.Wait, Wait: g.wait})
	if err != nil {
		return nil, err
	}
	for k, ph := range phases {
		g.row[k] = result.NewContender(p.Name, ph.name)
	}
	g.socketServer, err = listen(a, true)
	return g, err
}

func (g *goneServer) rows() []*result.Contender { return slices.Clone(g.row[:]) }

// wait runs in the handler.
func (g *goneServer) wait(ctx context.Context) {
	done := ctx.Done()
	g.started <- struct{}{}
	limit := time.NewTimer(goneLimit)
	defer limit.Stop()
	select {
	case <-done:
	case <-limit.C:
	}
	g.ended <- time.Now()
}

// errNever says that a context did not end.
var errNever = fmt.Errorf("the context of a handler had not ended %v after its client left", goneLimit)

// try adds one trial of a phase. A peer that is declared never to notice is tried once, and
// must not; for the others one context that does not end is a failure.
func (g *goneServer) try(phase int, stay time.Duration) error {
	if g.never > 0 {
		return nil
	}
	took, err := g.trial(stay)
	declared := g.peer.NoCancel != ""
	switch {
	case err != nil:
		g.never++
		return err
	case took >= goneLimit:
		g.never++
		if !declared {
			return errNever
		}
	case declared:
		g.never++
		return errors.New("a context has ended, yet the peer is listed as one that never notices: " + g.peer.NoCancel)
	default:
		g.row[phase].Add("ms", float64(took.Nanoseconds())/1e6)
	}
	return nil
}

func (g *goneServer) trial(stay time.Duration) (time.Duration, error) {
	conn, err := net.DialTimeout("tcp", g.addr, 5*time.Second)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if _, err := conn.Write(g.req); err != nil {
		return 0, err
	}
	select {
	case <-g.started:
	case <-time.After(5 * time.Second):
		return 0, errors.New("the handler did not start")
	}
	time.Sleep(stay)
	left := time.Now()
	if err := conn.Close(); err != nil {
		return 0, err
	}
	took := (<-g.ended).Sub(left)
	if took >= goneLimit-50*time.Millisecond {
		return goneLimit, nil
	}
	return took, nil
}
