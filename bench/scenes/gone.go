package scenes

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"time"

	"github.com/gogeist/geist/bench/internal/measure"
	"github.com/gogeist/geist/bench/peers"
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

// A GoneRow is how long one peer takes to notice that a client has left.
type GoneRow struct {
	Peer   string
	Millis [len(phases)][]float64 // of the trials that ended in time, by phase
	Never  int                    // trials that did not end within the limit
	Note   string
}

// Noticed is the number of trials that ended in time.
func (r GoneRow) Noticed() int { return len(r.Millis[0]) + len(r.Millis[1]) }

// Gone measures, over loopback, the time from a client's close to the end of the
// context that its handler waits on, in as many trials of each phase. Peers take
// turns; one whose context never ends is tried twice.
func Gone(trials int) ([]GoneRow, error) {
	var rows []GoneRow
	var servers []*goneServer
	for _, p := range peers.All() {
		s, err := newGoneServer(p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
		defer s.close()
		servers = append(servers, s)
		rows = append(rows, GoneRow{Peer: p.Name, Note: p.NoCancel})
	}
	rnd := rand.New(rand.NewPCG(5, 6))
	for range trials {
		for k, ph := range phases {
			// Drawn anew, so that trials do not fall into step with a detector that
			// polls. All peers of a round get the same.
			stay := ph.from + time.Duration(rnd.Int64N(int64(ph.upTo-ph.from)))
			for i, s := range servers {
				if err := s.try(&rows[i], k, stay); err != nil {
					return nil, fmt.Errorf("%s: %w", rows[i].Peer, err)
				}
			}
		}
	}
	return rows, nil
}

// try adds one trial of a phase to the row.
func (g *goneServer) try(row *GoneRow, phase int, stay time.Duration) error {
	if row.Never >= 2 {
		return nil
	}
	took, err := g.trial(stay)
	switch {
	case err != nil:
		return err
	case took >= goneLimit:
		row.Never++
	default:
		row.Millis[phase] = append(row.Millis[phase], float64(took.Nanoseconds())/1e6)
	}
	return nil
}

// WriteGone writes the rows as a Markdown table.
func WriteGone(w io.Writer, rows []GoneRow) {
	fmt.Fprintln(w, "| contender | client leaves | trials | median, ms | 95 % | 99th percentile, ms | not within", goneLimit, "|")
	fmt.Fprintln(w, "| --- | --- | --: | --: | --: | --: | --- |")
	for _, r := range rows {
		if r.Noticed() == 0 {
			fmt.Fprintf(w, "| %s | – | %d | – | – | – | %d: %s |\n", r.Peer, r.Never, r.Never, r.Note)
			continue
		}
		for k, ph := range phases {
			s := slices.Sorted(slices.Values(r.Millis[k]))
			if len(s) == 0 {
				continue
			}
			e := measure.Median(s)
			fmt.Fprintf(w, "| %s | %s | %d | %.3f | %.3f–%.3f | %.3f | %d |\n", r.Peer, ph.name, len(s),
				e.Median, e.Low, e.High, s[len(s)*99/100], r.Never)
		}
	}
}

type goneServer struct {
	*socketServer
	started chan struct{}
	ended   chan time.Time
	req     []byte
}

func newGoneServer(p peers.Peer) (*goneServer, error) {
	g := &goneServer{started: make(chan struct{}, 1), ended: make(chan time.Time, 1)}
	t := tables.One("gone", "/wait")
	g.req = t.Request(t.Routes[0]).Bytes()
	a, err := p.Build(peers.Spec{Table: t, Hit: &t.Routes[0], Do: peers.Wait, Wait: g.wait})
	if err != nil {
		return nil, err
	}
	g.socketServer, err = listen(a, true)
	return g, err
}

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
		return 0, fmt.Errorf("the handler did not start")
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
