package generator

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gogeist/geist/bench/realtime/load"
)

// A Config describes a client.
type Config struct {
	// Addr is the server's address: IPv4 and port.
	Addr string
	// Exchanges are sent in turn on each connection, which begin at different ones.
	Exchanges []Exchange
	// Conns is the number of connections, shared out among Workers. Zero means 1 of each.
	Conns, Workers int
	// Depth is how many requests of a connection are on their way at a time, written at
	// once. Zero means 1. Open loops and encrypted connections have 1.
	Depth int
	// PerConn is how many requests a connection sends, the last with "Connection: close",
	// before another takes its place. Zero means without end.
	PerConn int
	// TLS, if not nil, encrypts the connections. They know no PerConn.
	TLS *tls.Config
	// Patience is how long a server may answer nothing. Zero means 10 s.
	Patience time.Duration
}

// A Result is what a loop has measured.
type Result struct {
	// Requests is the number of answers, Conns that of connections that were made for them.
	Requests, Conns int
	// Wall is the time until the last answer.
	Wall time.Duration
	// Latency is from the time at which a request was due, in closed loops from the time
	// at which it was sent, to the read of its answer.
	Latency *load.Hist
}

// A Client has connections to one server. It is not safe for concurrent use. A loop that
// fails leaves it fit for Close alone.
type Client struct {
	cfg     Config
	workers []*worker
	tls     []*encrypted
	failed  atomic.Bool // one of them: the others stop
}

// Dial opens the connections.
func Dial(cfg Config) (*Client, error) {
	cfg.Workers = max(cfg.Workers, 1)
	cfg.Conns, cfg.Depth = max(cfg.Conns, cfg.Workers), max(cfg.Depth, 1)
	cfg.Patience = cmp.Or(cfg.Patience, 10*time.Second)
	addr, err := netip.ParseAddrPort(cfg.Addr)
	switch {
	case err != nil || !addr.Addr().Is4():
		return nil, fmt.Errorf("address %q: want IPv4 and a port", cfg.Addr)
	case len(cfg.Exchanges) == 0:
		return nil, errors.New("nothing to send")
	case cfg.PerConn%cfg.Depth != 0:
		return nil, fmt.Errorf("%d requests a connection: want a multiple of the depth %d", cfg.PerConn, cfg.Depth)
	}
	c := &Client{cfg: cfg}
	if err := c.dial(&unix.SockaddrInet4{Addr: addr.Addr().As4(), Port: int(addr.Port())}); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Client) dial(addr *unix.SockaddrInet4) error {
	if c.cfg.TLS != nil {
		for i := range c.cfg.Conns {
			e, err := dialEncrypted(c, i)
			if err != nil {
				return err
			}
			c.tls = append(c.tls, e)
		}
		return nil
	}
	for i := range c.cfg.Workers {
		n := (c.cfg.Conns + c.cfg.Workers - 1 - i) / c.cfg.Workers
		w, err := newWorker(c, addr)
		if err != nil {
			return err
		}
		c.workers = append(c.workers, w)
		if err := w.dial(n); err != nil {
			return err
		}
	}
	return nil
}

// Close closes the connections.
func (c *Client) Close() {
	for _, w := range c.workers {
		w.close()
	}
	for _, e := range c.tls {
		_ = e.conn.Close()
	}
}

// Closed sends as fast as the server answers, for as long as d, and returns when the last
// request is answered.
func (c *Client) Closed(d time.Duration) (Result, error) {
	if c.tls != nil {
		return together(&c.failed, c.tls, func(e *encrypted) (Result, error) { return e.closed(d) })
	}
	return together(&c.failed, c.workers, func(w *worker) (Result, error) { return w.closed(d) })
}

// Open sends rate requests a second, evenly, for as long as d, and returns when all of them
// are answered. A server that is slower than that answers late, which is in the latency;
// one that answers nothing for the client's patience, or has d and that patience not
// sufficed for, is an error.
func (c *Client) Open(rate float64, d time.Duration) (Result, error) {
	switch {
	case c.tls != nil || c.cfg.Depth > 1 || c.cfg.PerConn > 0:
		return Result{}, errors.New("open loops have plain connections that last, and one request of each")
	case rate <= 0:
		return Result{}, fmt.Errorf("a rate of %v", rate)
	}
	n := len(c.workers)
	return together(&c.failed, c.workers, func(w *worker) (Result, error) {
		return w.open(rate/float64(n), d, float64(slices.Index(c.workers, w))/float64(n))
	})
}

// errStopped is the error of those who stop because another has failed.
var errStopped = errors.New("stopped")

// together runs f for everybody at a time and adds up what it returns.
func together[T any](failed *atomic.Bool, all []T, f func(T) (Result, error)) (Result, error) {
	results, errs := make([]Result, len(all)), make([]error, len(all))
	var wg sync.WaitGroup
	for i, x := range all {
		wg.Go(func() {
			if results[i], errs[i] = f(x); errs[i] != nil {
				failed.Store(true)
			}
		})
	}
	wg.Wait()
	sum := Result{Latency: new(load.Hist)}
	for _, r := range results {
		sum.Requests += r.Requests
		sum.Conns += r.Conns
		sum.Wall = max(sum.Wall, r.Wall)
		if r.Latency != nil {
			sum.Latency.Merge(r.Latency)
		}
	}
	for _, err := range errs { // the first says enough: connections of a server that died are many
		if err != nil && !errors.Is(err, errStopped) {
			return sum, err
		}
	}
	return sum, nil
}
