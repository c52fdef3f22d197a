package scenes

import (
	"fmt"
	"net/http"

	"github.com/gogeist/geist/bench/internal/measure"
	"github.com/gogeist/geist/bench/peers"
	"github.com/gogeist/geist/bench/tables"
	"github.com/valyala/fasthttp"
)

// Alone is the variant of rows that measure the router without its framework.
const Alone = "router alone"

// Floors are what the harness itself costs: a handler that does nothing.
const (
	FloorHTTP = "(floor: empty net/http handler)"
	FloorFast = "(floor: empty fasthttp handler)"
)

func routerScenes() []Scene {
	tabs := []tables.Table{
		tables.One("one-static", "/hello"),
		tables.One("one-param", "/users/:user"),
		tables.One("five-params", "/:a/:b/:c/:d/:e"),
		tables.GPlus(), tables.ParseCom(), tables.Static(), tables.GitHub(), tables.Siblings(),
	}
	var out []Scene
	for _, t := range tabs {
		name := "router/" + t.Name
		out = append(out, Scene{
			Name:  name,
			Title: fmt.Sprintf("find the route and read every parameter, no I/O, %d routes; one operation is one request", len(t.Routes)),
			Bases: []string{"geist", "gin"}, Procs: 1,
			rows:  14,
			setup: func(f *Field) error { return routerField(f, name, t) },
		})
	}
	return out
}

func routerField(f *Field, scene string, t tables.Table) error {
	reqs := t.Requests()
	var hit *tables.Route
	if len(t.Routes) == 1 {
		hit = &t.Routes[0]
	}
	f.each(scene, func(p peers.Peer) ([]measure.Contender, error) {
		if p.Handwritten && hit == nil {
			return nil, nil
		}
		return routerRows(p, "", peers.Spec{Table: t, Hit: hit}, reqs)
	})
	for _, floor := range []struct {
		name string
		app  peers.App
	}{
		{FloorHTTP, peers.App{HTTP: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}},
		{FloorFast, peers.App{Fast: func(*fasthttp.RequestCtx) {}}},
	} {
		f.one(floor.name, "", false, func() ([]measure.Contender, error) {
			d, err := newDriver(floor.app, reqs)
			c := contender(floor.name, "", d, len(reqs))
			c.Floor = true
			return []measure.Contender{c}, err
		})
	}
	return nil
}

// routerRows returns the row of the whole handler and, if the peer exports its
// router, a second one for that. Both are checked first.
func routerRows(p peers.Peer, variant string, spec peers.Spec, reqs []tables.Request) ([]measure.Contender, error) {
	spec.Do, spec.Sink = peers.Record, &peers.Sink{}
	a, err := p.Build(spec)
	if err != nil {
		return nil, err
	}
	d, err := newDriver(a, reqs)
	if err != nil {
		return nil, err
	}
	if err := check(d, spec.Sink, spec.Table, reqs); err != nil {
		return nil, err
	}
	rows := []measure.Contender{contender(p.Name, variant, d, len(reqs))}
	rows[0].StringBytes = stringBytes(reqs)
	if a.Lookup != nil {
		l := &lookupDriver{lookup: a.Lookup, sink: spec.Sink, reqs: reqs}
		if err := check(l, spec.Sink, spec.Table, reqs); err != nil {
			return nil, fmt.Errorf("router alone: %w", err)
		}
		rows = append(rows, contender(p.Name, join(Alone, variant), l, len(reqs)))
	}
	return rows, nil
}

// join makes one variant of two, of which the second may be empty.
func join(a, b string) string {
	if b == "" {
		return a
	}
	return a + ", " + b
}

func contender(peer, variant string, d driver, unit int) measure.Contender {
	return measure.Contender{Peer: peer, Variant: variant, Unit: unit, Run: func(n int) error { d.run(n); return nil }}
}

func stringBytes(reqs []tables.Request) int {
	n := 0
	for _, r := range reqs {
		for _, v := range r.Values {
			n += len(v)
		}
	}
	return n
}
