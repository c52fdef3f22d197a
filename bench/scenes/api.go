package scenes

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"

	"github.com/gogeist/geist/bench/internal/measure"
	"github.com/gogeist/geist/bench/internal/memconn"
	"github.com/gogeist/geist/bench/peers"
	"github.com/gogeist/geist/bench/result"
)

func apiScene() Scene {
	return Scene{
		Name: "server/api",
		Title: "whole server over a connection in memory, one request in flight: the mix of loopback/api, " +
			"200 routes, five middlewares, binding and validation, twenty requests in turn",
		Bases: []string{"fiber"}, Procs: 1, Own: true, rows: 8, setup: apiField,
	}
}

func apiField(f *Field) error {
	for _, p := range peers.All() {
		if p.API == nil {
			if len(p.Only) == 0 && (f.choice.Wants == nil || f.choice.Wants(p.Name)) {
				f.Absent = append(f.Absent, result.Absence{Peer: p.Name, Reason: "a router alone, which binds and validates nothing"})
			}
			continue
		}
		f.one(p.Name, "", false, func() ([]measure.Contender, error) {
			a, err := p.API()
			if err != nil {
				return nil, err
			}
			m, err := newMemMix(a, peers.APIExchanges())
			if err != nil {
				return nil, err
			}
			row := measure.Contender{Peer: p.Name, Floor: p.Handwritten, Unit: len(m.reqs), Run: m.run, Close: m.server.close}
			return []measure.Contender{row}, m.prove(peers.ProofExchanges())
		})
	}
	return nil
}

// memMix is a server that is fed several requests in turn.
type memMix struct {
	server *memServer
	reqs   [][]byte
	sizes  []int // of the answers, in bytes
}

// newMemMix holds a server to what all peers must answer.
func newMemMix(a peers.App, all []peers.Exchange) (*memMix, error) {
	s, err := newMemServer(a, nil, 1)
	if err != nil {
		return nil, err
	}
	m := &memMix{server: s}
	for _, e := range all {
		size, err := s.exchange(e)
		if err != nil {
			s.close()
			return nil, err
		}
		m.reqs, m.sizes = append(m.reqs, e.Request), append(m.sizes, size)
	}
	return m, nil
}

// prove asks for what is not measured, and serves every request twice on one connection.
func (m *memMix) prove(others []peers.Exchange) error {
	for _, e := range others {
		if _, err := m.server.exchange(e); err != nil {
			return err
		}
	}
	return m.run(2 * len(m.reqs))
}

// run serves n requests on one connection and counts the bytes of the answers.
func (m *memMix) run(n int) error {
	c := memconn.NewTurns(m.reqs, n, false)
	if err := m.server.serve(c); err != nil {
		return err
	}
	want := 0
	for i, size := range m.sizes {
		want += size * ((n + len(m.sizes) - 1 - i) / len(m.sizes))
	}
	if got := c.Written(); got != want {
		return fmt.Errorf("%d requests were answered with %d bytes, want %d", n, got, want)
	}
	return nil
}

// exchange serves one request on a connection of its own, checks the answer, and returns the
// bytes of it.
func (s *memServer) exchange(e peers.Exchange) (int, error) {
	c := memconn.New(e.Request, 1, 1, true)
	if err := s.serve(c); err != nil {
		return 0, fmt.Errorf("%s: %w", e.Name, err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(c.Output())), nil)
	if err != nil {
		return 0, fmt.Errorf("%s: %w in %q", e.Name, err, c.Output())
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", e.Name, err)
	}
	return len(c.Output()), e.Check(resp.StatusCode, resp.Header, body)
}
