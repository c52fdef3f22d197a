package generator

import (
	"crypto/tls"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/gogeist/geist/bench/realtime/load"
)

// encrypted is one connection with TLS.
type encrypted struct {
	cfg    *Config
	failed *atomic.Bool // of the client
	conn   *tls.Conn
	at     int
	answer answer
	buf    []byte
}

func dialEncrypted(client *Client, i int) (*encrypted, error) {
	cfg := &client.cfg
	conn, err := tls.Dial("tcp4", cfg.Addr, cfg.TLS)
	if err != nil {
		return nil, err
	}
	return &encrypted{cfg: cfg, failed: &client.failed, conn: conn, at: i * 3, buf: make([]byte, readSize+headLimit)}, nil
}

// closed is Client.Closed.
func (e *encrypted) closed(d time.Duration) (Result, error) {
	r := Result{Latency: new(load.Hist)}
	start := time.Now()
	for begun := start; begun.Sub(start) < d; {
		if e.failed.Load() {
			return r, errStopped
		}
		if err := e.once(); err != nil {
			return r, fmt.Errorf("after %d requests: %w", r.Requests, err)
		}
		r.Requests++
		now := time.Now()
		r.Latency.Add(int64(now.Sub(begun)))
		r.Wall, begun = now.Sub(start), now
	}
	return r, nil
}

// once sends a request and reads its answer.
func (e *encrypted) once() error {
	x := &e.cfg.Exchanges[e.at%len(e.cfg.Exchanges)]
	e.at++
	if err := e.conn.SetDeadline(time.Now().Add(e.cfg.Patience)); err != nil {
		return err
	}
	if _, err := e.conn.Write(x.Request); err != nil {
		return err
	}
	for kept := 0; ; { // kept is the beginning of a header
		n, err := e.conn.Read(e.buf[kept:])
		if err != nil {
			if err == io.EOF {
				err = errEarly
			}
			return err
		}
		rest, done, err := e.answer.feed(x, e.buf[:kept+n])
		if err != nil {
			return err
		}
		if done {
			if len(rest) > 0 {
				return fmt.Errorf("%.100q came unasked", rest)
			}
			return nil
		}
		kept = copy(e.buf, rest)
	}
}
