package scenes

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"strconv"

	"github.com/gogeist/geist/bench/internal/measure"
	"github.com/gogeist/geist/bench/internal/memconn"
	"github.com/gogeist/geist/bench/peers"
	"github.com/gogeist/geist/bench/result"
	"github.com/gogeist/geist/bench/tables"
)

// bodySizes are the bodies of growth/body, in bytes; fieldCounts the header fields of
// growth/headers that a request has beside Host. The first are the base of each peer.
var (
	bodySizes   = []int{1 << 10, 16 << 10, 128 << 10, 1 << 20}
	fieldCounts = []int{4, 16, 64, 128}
)

func growthBodyScene() Scene {
	return Scene{
		Name: "growth/body",
		Title: "whole server over a connection in memory: a POST whose body of N bytes the handler reads into memory; " +
			"the base is each peer's own 1 KiB",
		Procs: 1, Keep: true, Own: true, Grows: true, rows: 24, setup: growthBodyField,
	}
}

func growthBodyField(f *Field) error {
	some := f.some(bodySizes)
	for _, a := range peers.Uploads() {
		f.one(a.Peer, "", false, func() ([]measure.Contender, error) {
			rows, err := growingRows(a.Peer, some, a.App, bodyRequest, func(n int) string { return strconv.Itoa(n) })
			for i := range rows {
				rows[i].Floor = a.Floor
			}
			return rows, err
		})
	}
	for _, a := range []result.Absence{
		{Peer: "hertz", Reason: "its engine is made with its server, which this scene does not do"},
		{Peer: "chi", Reason: "it hands on the body of net/http, as net/http ServeMux does"},
	} {
		if f.choice.Wants == nil || f.choice.Wants(a.Peer) {
			f.Absent = append(f.Absent, a)
		}
	}
	return nil
}

func bodyRequest(n int) []byte {
	b := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n", peers.UploadPath, n)
	return append(b, bytes.Repeat([]byte("x"), n)...)
}

func growthHeadersScene() Scene {
	return Scene{
		Name: "growth/headers",
		Title: "whole server over a connection in memory: a request with N header fields of about 40 bytes, of which the handler reads none; " +
			"the base is each peer's own 4",
		Procs: 1, Keep: true, Grows: true, rows: 48, setup: growthHeadersField,
	}
}

func growthHeadersField(f *Field) error {
	some, table := f.some(fieldCounts), tables.One("headers", "/hello")
	f.each("growth/headers", func(p peers.Peer) ([]measure.Contender, error) {
		a, err := p.Build(peers.Spec{Table: table, Hit: &table.Routes[0], Do: peers.Text})
		if err != nil {
			return nil, err
		}
		return growingRows(p.Name, some, a, headerRequest, func(int) string { return peers.Body })
	})
	return nil
}

func headerRequest(n int) []byte {
	b := []byte("GET /hello HTTP/1.1\r\nHost: localhost\r\n")
	for i := range n {
		b = fmt.Appendf(b, "X-Field-%03d: the-value-of-the-field-%03d\r\n", i, i)
	}
	return append(b, "\r\n"...)
}

// some returns the sizes that are measured: without the largest where that takes long.
func (f *Field) some(sizes []int) []int {
	if f.choice.Small {
		return sizes[:len(sizes)-1]
	}
	return sizes
}

// growingRows returns a row for each size. All have one server, whose answers must be what want
// says; the last closes it.
func growingRows(peer string, sizes []int, a peers.App, request func(n int) []byte, want func(n int) string) ([]measure.Contender, error) {
	s, err := newMemServer(a, nil, 1)
	if err != nil {
		return nil, err
	}
	var rows []measure.Contender
	for _, n := range sizes {
		one := *s
		one.req = request(n)
		if err := one.proveText(want(n)); err != nil {
			s.close()
			return nil, fmt.Errorf("N = %d: %w", n, err)
		}
		rows = append(rows, measure.Contender{Peer: peer, Variant: result.Growing(n), Run: one.run})
		if n != sizes[0] {
			rows[len(rows)-1].Base = rows[0].Name()
		}
	}
	rows[len(rows)-1].Close = s.close
	return rows, nil
}

// proveText serves one request, whose answer must be want, and then a few more.
func (s *memServer) proveText(want string) error {
	c := memconn.New(s.req, 1, 1, true)
	if err := s.serve(c); err != nil {
		return err
	}
	s.size = len(c.Output())
	ans, err := readAnswer(bufio.NewReader(bytes.NewReader(c.Output())))
	if err != nil {
		return fmt.Errorf("%w in %.200q", err, c.Output())
	}
	if ans.status != http.StatusOK || string(ans.body) != want {
		return fmt.Errorf("answered %d %.200q, want 200 %q", ans.status, ans.body, want)
	}
	return s.run(3)
}
