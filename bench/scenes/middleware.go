package scenes

import (
	"bufio"
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/gogeist/geist/bench/internal/measure"
	"github.com/gogeist/geist/bench/internal/memconn"
	"github.com/gogeist/geist/bench/peers"
	"github.com/gogeist/geist/bench/result"
)

// middlewareScenes compare the middleware of the frameworks that bring some along.
func middlewareScenes() []Scene {
	var out []Scene
	for _, m := range peers.Middlewares() {
		out = append(out, Scene{
			Name: "middleware/" + m.Name, Title: "whole server over a connection in memory, 13 bytes of text: " + m.Title,
			Bases: []string{"fiber"}, Procs: 1, Keep: true, Own: true, rows: 7,
			setup: func(f *Field) error { return middlewareField(f, m) },
		})
	}
	return out
}

func middlewareField(f *Field, m peers.Middleware) error {
	if m.NoGin != "" {
		f.Absent = append(f.Absent, result.Absence{Peer: "gin", Reason: m.NoGin})
	}
	var same *answer // of the first server on fasthttp
	for _, stack := range m.Stacks() {
		f.one(stack.Peer, "", false, func() ([]measure.Contender, error) {
			s, err := newMemServer(stack.App, []byte(peers.MiddlewareRequest), 1)
			if err != nil {
				return nil, err
			}
			return []measure.Contender{{Peer: stack.Peer, Variant: stack.Variant, Run: s.run, Close: s.close}}, s.proveMiddleware(m, stack, &same)
		})
	}
	return nil
}

// proveMiddleware judges the answers of a stack, and serves a few more requests.
func (s *memServer) proveMiddleware(m peers.Middleware, stack peers.Stack, same **answer) error {
	ans, size, err := s.ask(s.req)
	if err != nil {
		return err
	}
	s.size = size
	if err := ans.check(peers.Text); err != nil {
		return err
	}
	for _, name := range m.Fields {
		if has := ans.has(name); has == stack.Plain {
			return fmt.Errorf("field %s in the answer: %v; it has %q", name, has, ans.header)
		}
	}
	if m.Same && stack.App.HTTP == nil {
		if *same == nil {
			*same = ans
		}
		if !slices.Equal((*same).header, ans.header) {
			return fmt.Errorf("answers with the fields %q, another with %q", ans.header, (*same).header)
		}
	}
	if m.Probe != "" && !stack.Plain {
		probed, _, err := s.ask([]byte(m.Probe))
		if err != nil {
			return err
		}
		if probed.status != m.ProbeStatus {
			return fmt.Errorf("%q is answered %d, want %d", m.Probe, probed.status, m.ProbeStatus)
		}
	}
	return s.run(3)
}

// ask serves one request, and returns its answer and the bytes of it.
func (s *memServer) ask(req []byte) (*answer, int, error) {
	c := memconn.New(req, 1, 1, true)
	if err := s.serve(c); err != nil && len(c.Output()) == 0 {
		return nil, 0, err
	}
	ans, err := readAnswer(bufio.NewReader(bytes.NewReader(c.Output())))
	if err != nil {
		return nil, 0, fmt.Errorf("%w in %q", err, c.Output())
	}
	return ans, len(c.Output()), nil
}

// has reports whether an answer has a field.
func (a *answer) has(name string) bool {
	return slices.ContainsFunc(a.header, func(line string) bool { return strings.HasPrefix(line, name+": ") })
}
