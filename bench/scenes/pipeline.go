package scenes

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gogeist/geist/bench/internal/measure"
	"github.com/gogeist/geist/bench/peers"
	"github.com/gogeist/geist/bench/tables"
)

// pipelined is the number of requests that a client sends before it reads.
const pipelined = 16

// clients is the number of connections of the socket scenes.
const clients = 4

func pipelineScenes() []Scene {
	hello := tables.One("hello", "/hello")
	mem := serverCase{"pipeline/memory",
		fmt.Sprintf("whole server over a connection in memory, pipelined by %d: one static route, 13 bytes of text", pipelined),
		hello, hello.Routes[0], peers.Text, pipelined}
	return []Scene{mem.scene(), {
		Name: "pipeline/socket",
		Title: fmt.Sprintf("%d loopback connections, pipelined by %d: one static route, 13 bytes of text; "+
			"the client, in the same process, costs the same for all", clients, pipelined),
		Bases: []string{"fasthttp"},
		setup: socketField,
	}}
}

func socketField(f *Field) error {
	t := tables.One("hello", "/hello")
	f.each("pipeline/socket", func(p peers.Peer) ([]measure.Contender, error) {
		a, err := p.Build(peers.Spec{Table: t, Hit: &t.Routes[0], Do: peers.Text})
		if err != nil {
			return nil, err
		}
		s, err := listen(a, false)
		if err != nil {
			return nil, err
		}
		c, err := dial(s.addr, t.Request(t.Routes[0]).Bytes())
		if err != nil {
			s.close()
			return nil, err
		}
		return []measure.Contender{{
			Peer: p.Name, Unit: clients * pipelined,
			Run:   c.run,
			Close: func() { c.close(); s.close() },
		}}, nil
	})
	return nil
}

// socketServer is a server on a loopback port.
type socketServer struct {
	addr  string
	close func()
}

// listen runs a server for the application. senseGone switches on the detection
// of clients that have left, where that is an option.
func listen(a peers.App, senseGone bool) (*socketServer, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &socketServer{addr: ln.Addr().String()}
	switch {
	case a.HTTP != nil:
		srv := peers.HTTPServer(a.HTTP)
		go func() { _ = srv.Serve(ln) }()
		s.close = func() { _ = srv.Close() }
	case a.Hertz != nil:
		h, err := a.Hertz.Run(peers.HertzOptions{Listener: ln, SenseGone: senseGone})
		if err != nil {
			return nil, err
		}
		s.close = func() { _ = h.Close(); _ = ln.Close() }
	case a.Serve != nil:
		go func() { _ = a.Serve(ln) }()
		s.close = a.Stop
	default:
		srv := a.FastServer
		if srv == nil {
			srv = peers.FastServer(a.Fast)
		}
		go func() { _ = srv.Serve(ln) }()
		s.close = func() { _ = ln.Close() }
	}
	return s, nil
}

// socketClient holds open connections to one server.
type socketClient struct {
	conns []net.Conn
	burst []byte
	size  int // bytes of the answers to one burst
}

// dial connects and proves one burst on each connection.
func dial(addr string, req []byte) (*socketClient, error) {
	c := &socketClient{burst: bytes.Repeat(req, pipelined)}
	for range clients {
		conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
		if err != nil {
			return nil, err
		}
		c.conns = append(c.conns, conn)
		if err := c.prove(conn); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

func (c *socketClient) prove(conn net.Conn) error {
	if _, err := conn.Write(c.burst); err != nil {
		return err
	}
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	var got bytes.Buffer
	r := bufio.NewReader(io.TeeReader(conn, &got))
	for range pipelined {
		ans, err := readAnswer(r)
		if err != nil {
			return err
		}
		if err := ans.check(peers.Text); err != nil {
			return err
		}
	}
	c.size = got.Len()
	return conn.SetReadDeadline(time.Time{})
}

// run sends n requests over all connections at once. n is a multiple of
// clients × pipelined.
func (c *socketClient) run(n int) error {
	var wg sync.WaitGroup
	errs := make([]error, len(c.conns))
	bursts := max(n/(len(c.conns)*pipelined), 1)
	for i, conn := range c.conns {
		wg.Go(func() {
			buf := make([]byte, c.size)
			for range bursts {
				if _, errs[i] = conn.Write(c.burst); errs[i] != nil {
					return
				}
				if _, errs[i] = io.ReadFull(conn, buf); errs[i] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *socketClient) close() {
	for _, conn := range c.conns {
		_ = conn.Close()
	}
}
