//go:build linux

package load

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist/bench/realtime/wire"
)

// Clients that come back want what they have missed, whole and in order, and a word of the
// server that it is.
func TestSwarm_resume(t *testing.T) {
	message := func(seq uint32) string { return string(wire.NewMessage(0, seq, 1, 128)) }
	geist := func(recovered bool, seqs ...uint32) []string {
		out := []string{`["welcome",{"conn":"x"}]`, fmt.Sprintf(`["joined",1,"00000000",{"epoch":"e2","offset":5,"recovered":%v}]`, recovered)}
		for _, seq := range seqs {
			out = append(out, fmt.Sprintf(`["m","00000000",%d,%s]`, seq+1, message(seq)))
		}
		return out
	}
	centrifuge := func(recovered bool, seqs ...uint32) []string {
		var pubs []string
		for _, seq := range seqs {
			pubs = append(pubs, fmt.Sprintf(`{"data":%s,"offset":%d}`, message(seq), seq+1))
		}
		return []string{fmt.Sprintf(`{"id":1,"connect":{"subs":{"00000000":{"epoch":"e2","publications":[%s],"recovered":%v,"offset":7}}}}`,
			strings.Join(pubs, ","), recovered)}
	}
	for _, c := range []struct {
		name  string
		proto wire.Protocol
		says  []string
		want  string // of the error; empty for none
	}{
		{"geist", wire.Geist, geist(true, 5, 6), ""},
		{"geist, not recovered", wire.Geist, geist(false, 5, 6), "not recovered"},
		{"geist, one lost", wire.Geist, geist(true, 6), "lost, doubled or out of order"},
		{"geist, one again", wire.Geist, geist(true, 4, 5), "lost, doubled or out of order"},
		{"geist, one too many", wire.Geist, geist(true, 5, 6, 7), "one too many"},
		{"geist, another room", wire.Geist, append(geist(true), `["m","00000001",6,`+message(5)+`]`), "in room 0"},
		{"geist, error", wire.Geist, []string{`["error",1,"denied","no"]`}, "denied"},
		{"geist, gap", wire.Geist, append(geist(true), `["gap","00000000",{}]`), "gap"},
		{"centrifuge", wire.Centrifuge, centrifuge(true, 5, 6), ""},
		{"centrifuge, not recovered", wire.Centrifuge, centrifuge(false), "not recovered"},
		{"centrifuge, one lost", wire.Centrifuge, centrifuge(true, 6), "lost, doubled or out of order"},
		{"centrifuge, the last by push", wire.Centrifuge, append(centrifuge(true, 5), `{"push":{"channel":"00000000","pub":{"data":`+message(6)+`,"offset":7}}}`), ""},
		{"centrifuge, damaged", wire.Centrifuge, []string{`{"id":1,"connect":{"recovered":true,"publications":[{"data":{`}, "publication"},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr := testServer(t, func(_ string, conn net.Conn) {
				for _, p := range c.says {
					if _, err := conn.Write(wire.AppendFrame(nil, wire.Text, []byte(p))); err != nil {
						return
					}
				}
				wait(conn)
			})
			l := newLoop(t)
			s, err := l.Dial(Config{Name: "test", Protocol: c.proto, Addr: addr, Conns: 3, Rooms: 1, AtOnce: 3,
				Resume: &Place{Epoch: "e1", Offset: 5, Missed: 2}})
			var res Result
			if err == nil {
				res, err = s.Wait()
			}
			for end := time.Now().Add(5 * time.Second); err == nil && c.want != "" && time.Now().Before(end); {
				err = l.Poll(time.Second) // what comes behind
			}
			switch {
			case c.want == "" && (err != nil || res.Deliveries != 6 || s.Epoch() != "e2"):
				t.Errorf("got %d deliveries, epoch %q, %v; want 6, e2", res.Deliveries, s.Epoch(), err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// Clients of streams want the same, by the ids of events or in Centrifuge's words.
func TestSwarm_resumeStream(t *testing.T) {
	chunk := func(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }
	events := func(seqs ...uint32) (s string) {
		for _, seq := range seqs {
			s += chunk(fmt.Sprintf("id: e2-%d\ndata: %s\n\n", seq+1, wire.NewMessage(0, seq, 1, 128)))
		}
		return s
	}
	recovered := chunk(fmt.Sprintf(`data: {"id":1,"connect":{"subs":{"00000000":{"epoch":"e2","publications":[{"data":%s,"offset":6}],"recovered":true}}}}`,
		wire.NewMessage(0, 5, 1, 128)) + "\n\n")
	push := chunk(fmt.Sprintf(`data: {"push":{"channel":"00000000","pub":{"data":%s,"offset":7}}}`, wire.NewMessage(0, 6, 1, 128)) + "\n\n")
	for _, c := range []struct {
		name   string
		proto  wire.Protocol
		says   string
		lastID string
		want   string // of the error; empty for none
	}{
		{"ids", wire.EventStream, events(5, 6), "e2-7", ""},
		{"ids, one lost", wire.EventStream, events(6), "", "lost, doubled or out of order"},
		{"ids, the last again", wire.EventStream, events(4, 5), "", "lost, doubled or out of order"},
		{"centrifuge", wire.CentrifugeStream, chunk("\r\n") + recovered + chunk("data: {}\n\n") + push, "", ""},
		{"centrifuge, not recovered", wire.CentrifugeStream, chunk("data: {\"id\":1,\"connect\":{}}\n\n"), "", "not recovered"},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr := testServer(t, func(_ string, conn net.Conn) {
				_, _ = conn.Write([]byte(c.says))
				wait(conn)
			})
			l := newLoop(t)
			s, err := l.Dial(Config{Name: "test", Protocol: c.proto, Addr: addr, Conns: 3, Rooms: 1, AtOnce: 3,
				Resume: &Place{Epoch: "e1", LastID: "e1-5", Offset: 5, Missed: 2}})
			var res Result
			if err == nil {
				res, err = s.Wait()
			}
			switch {
			case c.want == "" && (err != nil || res.Deliveries != 6 || s.LastID() != c.lastID):
				t.Errorf("got %d deliveries, last id %q, %v; want 6, %q", res.Deliveries, s.LastID(), err, c.lastID)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// Who comes back to a stream names its last event, and nobody else does.
func TestConn_resumeRequest(t *testing.T) {
	const field = "\r\nLast-Event-ID: e1-5\r\n"
	c := &conn{room: 7, swarm: &Swarm{cfg: Config{Protocol: wire.EventStream, Addr: "h"}}}
	if got := string(c.request()); strings.Contains(got, "Last-Event-ID") {
		t.Errorf("a new client says %q", got)
	}
	c.swarm.cfg.Resume = &Place{Epoch: "e1", LastID: "e1-5", Offset: 5}
	if got := string(c.request()); !strings.Contains(got, field) || !strings.HasPrefix(got, "GET /room?room=00000007 HTTP/1.1\r\n") {
		t.Errorf("got %q, want %q in it", got, field)
	}
	c.swarm.cfg.Protocol = wire.CentrifugeStream
	if got, want := string(c.request()), "GET /room?room=00000007&cf_connect=%7B%22id%22%3A1%2C"; strings.Contains(got, field) || !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What a client says carries its place.
func TestConn_resumeCommands(t *testing.T) {
	c := &conn{room: 7, swarm: &Swarm{}}
	if got, want := string(c.joinCommand()), `["join",1,"00000007"]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	c.swarm.cfg.Resume = &Place{Epoch: "e1", Offset: 5}
	if got, want := string(c.joinCommand()), `["join",1,"00000007",{"since":["e1",5]}]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := string(c.connectCommand()), `{"id":1,"connect":{"subs":{"00000007":{"recover":true,"epoch":"e1","offset":5}}}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
