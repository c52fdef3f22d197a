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

// maxStay bounds how long a client stays after its handler has begun to wait.
const maxStay = 40 * time.Millisecond

// A GoneRow is how long one peer takes to notice that a client has left.
type GoneRow struct {
	Peer   string
	Millis []float64 // of the trials that ended in time
	Never  int       // trials that did not end within the limit
	Note   string
}

// Gone measures, over loopback, the time from a client's close to the end of the
// context that its handler waits on. Peers take turns; one whose context never
// ends is tried twice.
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
		// How long a client stays is drawn anew, so that trials do not fall into step
		// with a detector that polls. All peers of a round get the same.
		stay := 2*time.Millisecond + time.Duration(rnd.Int64N(int64(maxStay)))
		for i, s := range servers {
			if rows[i].Never >= 2 {
				continue
			}
			took, err := s.trial(stay)
			switch {
			case err != nil:
				return nil, fmt.Errorf("%s: %w", rows[i].Peer, err)
			case took >= goneLimit:
				rows[i].Never++
			default:
				rows[i].Millis = append(rows[i].Millis, float64(took.Nanoseconds())/1e6)
			}
		}
	}
	return rows, nil
}

// WriteGone writes the rows as a Markdown table.
func WriteGone(w io.Writer, rows []GoneRow) {
	fmt.Fprintln(w, "| contender | trials | median, ms | 95 % | 99th percentile, ms | not noticed within", goneLimit, "|")
	fmt.Fprintln(w, "| --- | --: | --: | --: | --: | --- |")
	for _, r := range rows {
		if len(r.Millis) == 0 {
			fmt.Fprintf(w, "| %s | %d | – | – | – | never: %s |\n", r.Peer, r.Never, r.Note)
			continue
		}
		e := measure.Median(r.Millis)
		s := slices.Sorted(slices.Values(r.Millis))
		fmt.Fprintf(w, "| %s | %d | %.3f | %.3f–%.3f | %.3f | %d |\n", r.Peer, len(r.Millis)+r.Never,
			e.Median, e.Low, e.High, s[len(s)*99/100], r.Never)
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
