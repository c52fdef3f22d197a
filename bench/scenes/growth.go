package scenes

import (
	"fmt"
	"net/http"
	"time"

	"github.com/gogeist/geist/bench/internal/measure"
	"github.com/gogeist/geist/bench/peers"
	"github.com/gogeist/geist/bench/result"
	"github.com/gogeist/geist/bench/tables"
)

// sizes are the table sizes of the growth scene. The last of the first is the
// base of each peer.
var sizes = []int{10, 100, 1000, 10000}

func growthScene() Scene {
	return Scene{
		Name:  "growth",
		Title: "the last of N routes /api/v1/rK/:id, whole handler without I/O; the base is each peer's own N = 10",
		Procs: 1, Keep: true,
		rows: 48, heavy: 60 * time.Millisecond, setup: growthField,
	}
}

func growthField(f *Field) error {
	some := sizes
	if f.choice.Small {
		some = sizes[:len(sizes)-1]
	}
	f.each("growth", func(p peers.Peer) ([]measure.Contender, error) {
		if p.Handwritten {
			return nil, nil
		}
		var whole, alone []measure.Contender
		for _, n := range some {
			t := tables.Growth(n)
			last := []tables.Request{t.Request(t.Routes[n-1])}
			rows, err := routerRows(p, fmt.Sprintf("N = %d", n), peers.Spec{Table: t}, last)
			if err != nil {
				return nil, err
			}
			whole = append(whole, rows[0])
			alone = append(alone, rows[1:]...)
			for _, same := range [][]measure.Contender{whole, alone} {
				if len(same) > 1 {
					same[len(same)-1].Base = same[0].Name()
				}
			}
		}
		return append(whole, alone...), nil
	})
	return nil
}

// missRoutes is the table size of the miss scene.
const missRoutes = 1000

func missScene() Scene {
	return Scene{
		Name: "miss",
		Title: fmt.Sprintf("a hit, a 404 that differs in the last byte of a fixed segment, and a 405, at %d routes, "+
			"whole handler without I/O, with the framework's own answer; the base is each peer's own hit", missRoutes),
		Procs: 1, Keep: true,
		rows: 31, setup: missField,
	}
}

func missField(f *Field) error {
	t := tables.Growth(missRoutes)
	hit := t.Request(t.Routes[missRoutes-1])
	cases := []struct {
		name   string
		req    tables.Request
		status int
	}{
		{"hit", hit, http.StatusOK},
		{"404", tables.Request{Method: "GET", Path: fmt.Sprintf("/api/v1/r%dx/1", missRoutes)}, http.StatusNotFound},
		{"405", tables.Request{Method: "POST", Path: hit.Path}, http.StatusMethodNotAllowed},
	}
	f.each("miss", func(p peers.Peer) ([]measure.Contender, error) {
		if p.Handwritten {
			return nil, nil
		}
		// Text, not Record: misses answer with a body, so hits must.
		a, err := p.Build(peers.Spec{Table: t, Do: peers.Text, NotAllowed: true})
		if err != nil {
			return nil, err
		}
		var rows []measure.Contender
		for _, c := range cases {
			if c.status == http.StatusMethodNotAllowed && p.No405 != "" {
				f.Absent = append(f.Absent, result.Absence{Peer: result.Label(p.Name, c.name), Reason: p.No405})
				continue
			}
			d, err := newDriver(a, []tables.Request{c.req})
			if err != nil {
				return nil, err
			}
			if got := d.one(0); got != c.status {
				return nil, fmt.Errorf("%s answered %d, want %d", c.name, got, c.status)
			}
			row := contender(p.Name, c.name, d, 1)
			if c.name != "hit" {
				row.Base = result.Label(p.Name, "hit")
			}
			rows = append(rows, row)
		}
		return rows, nil
	})
	return nil
}

// Pass-through middlewares of the chain scene. The difference is ten.
const (
	chainFew  = 1
	chainMany = 11
)

func chainScene() Scene {
	return Scene{
		Name: "chain",
		Title: fmt.Sprintf("%d pass-through middlewares over %d, one static route, whole handler without I/O; "+
			"the difference is what ten middlewares cost", chainMany, chainFew),
		Procs: 1, Diff: true, Keep: true,
		rows: 22, setup: chainField,
	}
}

func chainField(f *Field) error {
	t := tables.One("chain", "/hello")
	reqs := t.Requests()
	f.each("chain", func(p peers.Peer) ([]measure.Contender, error) {
		var rows []measure.Contender
		for _, n := range []int{chainFew, chainMany} {
			got, err := routerRows(p, fmt.Sprintf("%d middlewares", n), peers.Spec{Table: t, Hit: &t.Routes[0], Middleware: n}, reqs)
			if err != nil {
				return nil, err
			}
			if n != chainFew {
				got[0].Base = rows[0].Name()
			}
			rows = append(rows, got[0])
		}
		return rows, nil
	})
	return nil
}
