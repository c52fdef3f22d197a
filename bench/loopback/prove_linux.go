package loopback

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gogeist/geist/bench/loopback/generator"
	"github.com/gogeist/geist/bench/peers"
)

// provePatience is how long all answers of a server may take.
const provePatience = 20 * time.Second

// prove sends every exchange twice on one connection and holds the server to what all
// peers must answer. It returns what this one answers to the first of them, to the byte.
func prove(p *process, timed, others []peers.Exchange) ([]generator.Exchange, error) {
	conn, err := net.Dial("tcp4", p.addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if p.tls != nil {
		conf := p.tls.Clone()
		conf.ServerName = "127.0.0.1"
		conn = tls.Client(conn, conf)
	}
	if err := conn.SetDeadline(time.Now().Add(provePatience)); err != nil {
		return nil, err
	}
	r := bufio.NewReader(conn)
	var exact []generator.Exchange
	for _, e := range timed {
		body, err := twice(conn, r, &e)
		if err != nil {
			return nil, err
		}
		exact = append(exact, generator.Exchange{Name: e.Name, Request: e.Request, Status: e.Status, Body: body})
	}
	for _, e := range others {
		if _, err := twice(conn, r, &e); err != nil {
			return nil, err
		}
	}
	return exact, nil
}

// twice returns the body of an answer that is right, and the same a second time.
func twice(w io.Writer, r *bufio.Reader, e *peers.Exchange) ([]byte, error) {
	first, err := once(w, r, e)
	if err != nil {
		return nil, err
	}
	second, err := once(w, r, e)
	if err == nil && !bytes.Equal(first, second) {
		err = fmt.Errorf("%s: answered %.100q and then %.100q", e.Name, first, second)
	}
	return first, err
}

func once(w io.Writer, r *bufio.Reader, e *peers.Exchange) ([]byte, error) {
	if _, err := w.Write(e.Request); err != nil {
		return nil, fmt.Errorf("%s: %w", e.Name, err)
	}
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Name, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", e.Name, err)
	case resp.Close:
		return nil, fmt.Errorf("%s: %w", e.Name, errors.New("answered with Connection: close"))
	}
	return body, e.Check(resp.StatusCode, resp.Header, body)
}
