package scenes

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"

	"github.com/gogeist/geist/bench/internal/measure"
	"github.com/gogeist/geist/bench/internal/memconn"
	"github.com/gogeist/geist/bench/peers"
)

// typedScene compares what binds and answers by types with the same by hand.
func typedScene() Scene {
	return Scene{
		Name: "typed",
		Title: "whole server over a connection in memory: a POST with a parameter of the path, one of the query and a JSON document " +
			"of four fields, answered 201 with what was read; the rules, where they are checked, are the same for all",
		Bases: []string{"geist by hand"}, Procs: 1, Keep: true, Own: true, rows: 8, setup: typedField,
	}
}

func typedField(f *Field) error {
	for _, a := range peers.Typed() {
		f.one(a.Peer, "", false, func() ([]measure.Contender, error) {
			s, err := newMemServer(a.App, []byte(peers.TypedRequest), 1)
			if err != nil {
				return nil, err
			}
			return []measure.Contender{{Peer: a.Peer, Variant: a.Variant, Floor: a.Floor, Run: s.run, Close: s.close}}, s.proveTyped()
		})
	}
	return nil
}

// proveTyped serves one request, judges the answer, and then a few more.
func (s *memServer) proveTyped() error {
	c := memconn.New(s.req, 1, 1, true)
	if err := s.serve(c); err != nil {
		return err
	}
	s.size = len(c.Output())
	ans, err := readAnswer(bufio.NewReader(bytes.NewReader(c.Output())))
	if err != nil {
		return fmt.Errorf("%w in %q", err, c.Output())
	}
	if ans.status != http.StatusCreated || !peers.TypedAnswer(ans.body) {
		return fmt.Errorf("the answer is wrong: %q", c.Output())
	}
	return s.run(3)
}
