package scenes

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/gogeist/geist/bench/internal/measure"
	"github.com/gogeist/geist/bench/internal/memconn"
	"github.com/gogeist/geist/bench/peers"
	"github.com/gogeist/geist/bench/tables"
)

// serverCase is one scene on a whole server.
type serverCase struct {
	name, title string
	table       tables.Table
	hit         tables.Route
	do          peers.Action
	burst       int
}

func serverScenes() []Scene {
	hello, github := tables.One("hello", "/hello"), tables.GitHub()
	var out []Scene
	for _, c := range []serverCase{
		{"server/static", "one static route, 13 bytes of text", hello, hello.Routes[0], peers.Text, 1},
		{"server/github", "203 routes, three parameters read as strings that stay valid, 13 bytes of text",
			github, github.Find("GET", "/repos/:owner/:repo/issues/:number"), peers.Params, 1},
		{"server/json", "one static route, JSON of a pointer to a small struct", hello, hello.Routes[0], peers.JSON, 1},
		{"server/list", "one static route, JSON of a list of ten small structs", hello, hello.Routes[0], peers.JSONList, 1},
	} {
		c.title = "whole server over a connection in memory, one request in flight: " + c.title
		out = append(out, c.scene())
	}
	return out
}

func (c serverCase) scene() Scene {
	return Scene{Name: c.name, Title: c.title, Bases: []string{"fasthttp"}, Procs: 1, setup: c.field}
}

func (c serverCase) field(f *Field) error {
	var fast *answer // of the first server on fasthttp: all others must send the same
	f.each(c.name, func(p peers.Peer) ([]measure.Contender, error) {
		spec := peers.Spec{Table: c.table, Hit: &c.hit, Do: c.do, Sink: &peers.Sink{Route: -1}}
		a, err := p.Build(spec)
		if err != nil {
			return nil, err
		}
		req := c.table.Request(c.hit)
		s, err := newMemServer(a, req.Bytes(), c.burst)
		if err != nil {
			return nil, err
		}
		ans, err := s.prove(c.do)
		if err != nil {
			s.close()
			return nil, err
		}
		if c.do == peers.Params {
			if err := compare(spec.Sink, req); err != nil {
				s.close()
				return nil, err
			}
		}
		if a.HTTP == nil && a.Hertz == nil {
			if fast == nil {
				fast = ans
			}
			if !slices.Equal(fast.header, ans.header) {
				s.close()
				return nil, fmt.Errorf("answers with the headers %q; another fasthttp server with %q", ans.header, fast.header)
			}
		}
		row := measure.Contender{Peer: p.Name, Unit: c.burst, Run: s.run, Close: s.close}
		if c.do == peers.Params {
			row.StringBytes = c.burst * stringBytes([]tables.Request{req})
		}
		return []measure.Contender{row}, nil
	})
	return nil
}

// memServer is a server that is fed connections in memory.
type memServer struct {
	req   []byte
	burst int
	size  int // bytes of one answer
	serve func(*memconn.Conn) error
	close func()
}

func newMemServer(a peers.App, req []byte, burst int) (*memServer, error) {
	s := &memServer{req: req, burst: burst}
	if a.HTTP == nil && a.Hertz == nil && a.Serve == nil {
		srv := a.FastServer
		if srv == nil {
			srv = peers.FastServer(a.Fast)
		}
		s.serve = func(c *memconn.Conn) error { return srv.ServeConn(c) }
		s.close = func() {}
		return s, nil
	}
	ln := memconn.Listen()
	s.serve = func(c *memconn.Conn) error {
		if err := ln.Push(c); err != nil {
			return err
		}
		<-c.Done()
		return nil
	}
	if a.Serve != nil {
		go func() { _ = a.Serve(ln) }()
		s.close = a.Stop
		return s, nil
	}
	if a.HTTP != nil {
		srv := peers.HTTPServer(a.HTTP)
		go func() { _ = srv.Serve(ln) }()
		s.close = func() { _ = srv.Close() }
		return s, nil
	}
	h, err := a.Hertz.Run(peers.HertzOptions{Listener: ln, Standard: true})
	if err != nil {
		return nil, err
	}
	s.close = func() { _ = ln.Close(); _ = h.Close() }
	return s, nil
}

// run serves n requests on one connection and counts the bytes of the answers.
func (s *memServer) run(n int) error {
	c := memconn.New(s.req, n, s.burst, false)
	if err := s.serve(c); err != nil {
		return err
	}
	if got, want := c.Written(), n*s.size; got != want {
		return fmt.Errorf("%d requests were answered with %d bytes, want %d", n, got, want)
	}
	return nil
}

// prove serves one request, judges the answer, and then a few more.
func (s *memServer) prove(do peers.Action) (*answer, error) {
	c := memconn.New(s.req, 1, 1, true)
	if err := s.serve(c); err != nil {
		return nil, err
	}
	ans, err := readAnswer(bufio.NewReader(bytes.NewReader(c.Output())))
	if err != nil {
		return nil, fmt.Errorf("%w in %q", err, c.Output())
	}
	s.size = len(c.Output())
	if err := ans.check(do); err != nil {
		return nil, err
	}
	return ans, s.run(3 * s.burst)
}

// An answer is a response without its date.
type answer struct {
	status int
	body   []byte
	header []string // "name: value", sorted, without Date and Content-Length
	ctype  string
}

func readAnswer(r *bufio.Reader) (*answer, error) {
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	a := &answer{status: resp.StatusCode, ctype: resp.Header.Get("Content-Type")}
	if a.body, err = io.ReadAll(resp.Body); err != nil {
		return nil, err
	}
	for name, vs := range resp.Header {
		if name == "Date" || name == "Content-Length" {
			continue
		}
		for _, v := range vs {
			a.header = append(a.header, name+": "+v)
		}
	}
	slices.Sort(a.header)
	if resp.Header.Get("Date") == "" {
		return nil, fmt.Errorf("answer without Date")
	}
	return a, nil
}

func (a *answer) check(do peers.Action) error {
	want, ctype := peers.Body, "text/plain"
	switch do {
	case peers.JSON:
		want, ctype = wantUser(583231), "application/json"
	case peers.JSONList:
		list := make([]string, 10)
		for i := range list {
			list[i] = wantUser(583231 + i)
		}
		want, ctype = "["+strings.Join(list, ",")+"]", "application/json"
	}
	if a.status != http.StatusOK || string(bytes.TrimSpace(a.body)) != want || !bytes.HasPrefix([]byte(a.ctype), []byte(ctype)) {
		return fmt.Errorf("answered %d %s %q, want 200 %s %q", a.status, a.ctype, a.body, ctype, want)
	}
	return nil
}

func wantUser(id int) string {
	return fmt.Sprintf(`{"id":%d,"name":"Mona Lisa Octocat","email":"octocat@github.com","admin":true,"scores":[7,42,1347],"tags":["go","web"]}`, id)
}
