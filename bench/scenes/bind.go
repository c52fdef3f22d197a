package scenes

import (
	"fmt"

	"github.com/gogeist/geist/bench/internal/measure"
	"github.com/gogeist/geist/bench/peers"
	"github.com/gogeist/geist/bench/tables"
)

// bindScene compares ways from a query to a struct.
func bindScene() Scene {
	return Scene{
		Name:  "bind",
		Title: "four fields of a query, two of them integers, become a struct whose strings outlive the request; nothing else of a request",
		Bases: []string{"geist by hand"}, Procs: 1, Keep: true, Own: true, rows: 6, setup: bindField,
	}
}

func bindField(f *Field) error {
	loop := new(peers.BindLoop)
	req := tables.Request{Method: "GET", Path: "/search?" + peers.BindQuery}
	for _, a := range peers.Binders(loop) {
		f.one(a.Peer, "", false, func() ([]measure.Contender, error) {
			d, err := newDriver(a.App, []tables.Request{req})
			if err != nil {
				return nil, err
			}
			run := func(n int) error {
				loop.Times, loop.Last, loop.Err = n, nil, nil
				d.one(0)
				if loop.Err != nil || loop.Last == nil || *loop.Last != peers.Bound {
					return fmt.Errorf("bound %+v, want %+v: %w", loop.Last, peers.Bound, loop.Err)
				}
				return nil
			}
			return []measure.Contender{{Peer: a.Peer, Floor: a.Floor, Run: run}}, run(3)
		})
	}
	return nil
}
