package scenes

import (
	"fmt"
	"net/http"

	"github.com/gogeist/geist/bench/internal/measure"
	"github.com/gogeist/geist/bench/peers"
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
		Setup: growthField,
	}
}

func growthField() (*Field, error) {
	f := &Field{}
	err := f.each("growth", func(p peers.Peer) ([]measure.Contender, error) {
		if p.Handwritten {
			return nil, nil
		}
		var whole, alone []measure.Contender
		for _, n := range sizes {
			t := tables.Growth(n)
			last := []tables.Request{t.Request(t.Routes[n-1])}
			rows, err := routerRows(p, p.Name, peers.Spec{Table: t}, last)
			if err != nil {
				return nil, err
			}
			for i := range rows {
				base := rows[i].Name
				rows[i].Name = fmt.Sprintf("%s, N = %d", base, n)
				if n != sizes[0] {
					rows[i].Base = fmt.Sprintf("%s, N = %d", base, sizes[0])
				}
			}
			whole = append(whole, rows[0])
			alone = append(alone, rows[1:]...)
		}
		return append(whole, alone...), nil
	})
	return f, err
}

// missRoutes is the table size of the miss scene.
const missRoutes = 1000

func missScene() Scene {
	return Scene{
		Name: "miss",
		Title: fmt.Sprintf("a hit, a 404 that differs in the last byte of a fixed segment, and a 405, at %d routes, "+
			"whole handler without I/O, with the framework's own answer; the base is each peer's own hit", missRoutes),
		Procs: 1, Keep: true,
		Setup: missField,
	}
}

func missField() (*Field, error) {
	f := &Field{}
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
	err := f.each("miss", func(p peers.Peer) ([]measure.Contender, error) {
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
				f.Absent = append(f.Absent, p.Name+", 405: "+p.No405)
				continue
			}
			d, err := newDriver(a, []tables.Request{c.req})
			if err != nil {
				return nil, err
			}
			if got := d.one(0); got != c.status {
				return nil, fmt.Errorf("%s answered %d, want %d", c.name, got, c.status)
			}
			row := contender(p.Name+", "+c.name, d, 1)
			if c.name != "hit" {
				row.Base = p.Name + ", hit"
			}
			rows = append(rows, row)
		}
		return rows, nil
	})
	return f, err
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
		Setup: chainField,
	}
}

func chainField() (*Field, error) {
	f := &Field{}
	t := tables.One("chain", "/hello")
	reqs := t.Requests()
	err := f.each("chain", func(p peers.Peer) ([]measure.Contender, error) {
		var rows []measure.Contender
		for _, n := range []int{chainFew, chainMany} {
			name := fmt.Sprintf("%s, %d", p.Name, n)
			got, err := routerRows(p, name, peers.Spec{Table: t, Hit: &t.Routes[0], Middleware: n}, reqs)
			if err != nil {
				return nil, err
			}
			if n != chainFew {
				got[0].Base = rows[0].Name
			}
			rows = append(rows, got[0])
		}
		return rows, nil
	})
	return f, err
}
