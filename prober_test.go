package geist_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gogeist/geist"
)

// probeRun is the outcome of the clients.
type probeRun struct {
	left      atomic.Int64 // requests to go
	answered  atomic.Int64
	foreign   atomic.Int64 // a token of another request in an answer
	mismatch  atomic.Int64 // an answer that is wrong in another way: something is missing or of before
	lost      atomic.Int64 // no answer where one was due
	pipelined atomic.Int64
	resets    atomic.Int64
	closes    atomic.Int64
	cut       atomic.Int64 // connections that the server was asked to abort, and did
	panics    atomic.Int64
	first     sync.Once
	example   string
}

func (r *probeRun) report(format string, args ...any) {
	r.first.Do(func() { r.example = fmt.Sprintf(format, args...) })
}

// TestCtx_prober is the promise of README: a prober with unique tokens in every
// place of every request (param, query, header, cookie, body, local), with aborts,
// panics and strings kept after the request, finds no foreign, stale or changed byte
// in a million requests. GEIST_PROBES sets another number.
func TestCtx_prober(t *testing.T) {
	n := probes
	if v, err := strconv.Atoi(os.Getenv("GEIST_PROBES")); err == nil {
		n = v
	} else if testing.Short() {
		n = 30_000
	}
	s, r := probeAll(t, n, false)
	begin := "FOREIGN %d, STALE %d, CHANGED %d, MISMATCH %d, LOST %d of %d requests " +
		"(pipelined %d, client resets %d, closes %d, server aborts %d, panics %d, kept strings %d, contexts %d, closers %d)"
	t.Logf(begin, r.foreign.Load(), s.stale.Load(), s.changed.Load(), r.mismatch.Load(), r.lost.Load(), r.answered.Load(),
		r.pipelined.Load(), r.resets.Load(), r.closes.Load(), r.cut.Load(), r.panics.Load(), s.kept.Load(), len(s.contexts), s.closed.Load())
	if r.foreign.Load()+s.stale.Load()+s.changed.Load()+r.mismatch.Load()+r.lost.Load() != 0 {
		t.Errorf("a byte was foreign, stale or changed, or an answer lost; the first: %s", r.example)
	}
	if got := r.answered.Load(); got < int64(n) {
		t.Errorf("answered = %d, want at least %d", got, n)
	}
	if wrong := s.wrongContexts(); wrong != 0 {
		t.Errorf("contexts with a wrong cause or value = %d of %d, want 0", wrong, len(s.contexts))
	}
	if s.opened.Load() != s.closed.Load() || s.twice.Load() != 0 {
		t.Errorf("closers: %d registered, %d run, %d twice", s.opened.Load(), s.closed.Load(), s.twice.Load())
	}
	for name, count := range map[string]int64{
		"pipelined": r.pipelined.Load(), "resets": r.resets.Load(), "closes": r.closes.Load(), "server aborts": r.cut.Load(),
		"panics": r.panics.Load(), "kept": s.kept.Load(), "contexts": int64(len(s.contexts)), "closers": s.opened.Load(),
	} {
		if count == 0 {
			t.Errorf("coverage: no %s", name)
		}
	}
}

// TestCtx_proberFindsViews shows that the prober can fail: with Config.UnsafeStrings
// kept strings change, and it must see that.
func TestCtx_proberFindsViews(t *testing.T) {
	if raceBuild {
		t.Skip("reading a view of a reused buffer is a race by design")
	}
	s, r := probeAll(t, 20_000, true)
	if s.changed.Load() == 0 {
		t.Errorf("CHANGED = 0 of %d kept strings that are views, want some: the prober is blind", s.kept.Load())
	}
	if r.foreign.Load()+r.mismatch.Load()+r.lost.Load() != 0 {
		t.Errorf("answers are wrong although views are valid within a request: %s", r.example)
	}
}

// TestProber_judges shows that a wrong answer is told from a right one.
func TestProber_judges(t *testing.T) {
	p := &probe{id: tokenMark + "0100000001", status: 200, body: []byte("a=" + tokenMark + "0100000001a\n")}
	for _, tt := range []struct {
		name, body        string
		foreign, mismatch int64
	}{
		{"right", "a=" + tokenMark + "0100000001a\n", 0, 0},
		{"foreign", "a=" + tokenMark + "0100000002a\n", 1, 0},
		{"missing", "a=\n", 0, 1},
		{"stale place", "a=" + tokenMark + "0100000001a\nb=old\n", 0, 1},
	} {
		var r probeRun
		r.judge(p, &probeAnswer{status: 200, body: []byte(tt.body)})
		if r.foreign.Load() != tt.foreign || r.mismatch.Load() != tt.mismatch {
			t.Errorf("%s: foreign, mismatch = %d, %d, want %d, %d", tt.name, r.foreign.Load(), r.mismatch.Load(), tt.foreign, tt.mismatch)
		}
	}
}

// probeAll serves every variant and lets clients probe until n requests were answered.
func probeAll(t *testing.T, n int, unsafe bool) (*probeServer, *probeRun) {
	t.Helper()
	s, r := new(probeServer), new(probeRun)
	r.left.Store(int64(n))
	var engines [variants]*geist.Engine
	var addrs [variants]string
	var served, clients sync.WaitGroup
	for v := range engines {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		engines[v], addrs[v] = s.engine(v, unsafe), ln.Addr().String()
		served.Go(func() {
			if err := engines[v].Serve(ln); err != nil {
				t.Errorf("Serve: %v", err)
			}
		})
	}
	for client := range 8 * variants {
		clients.Go(func() {
			p := &prober{rnd: rand.New(rand.NewPCG(1, uint64(client))), client: client, variant: client % variants, host: addrs[client%variants]}
			r.client(p)
		})
	}
	clients.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, e := range engines {
		if err := e.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	}
	served.Wait()
	s.judgeKept()
	return s, r
}

// client probes over one connection after the other.
func (r *probeRun) client(p *prober) {
	for r.left.Load() > 0 {
		conn, err := net.Dial("tcp", p.host)
		if err != nil {
			r.lost.Add(1)
			r.report("dial: %v", err)
			return
		}
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		br := bufio.NewReaderSize(conn, 32<<10)
		for r.left.Load() > 0 && r.batch(p, conn, br) {
		}
		_ = conn.Close()
	}
}

// batch sends some requests at once and judges the answers. It reports whether the
// connection may go on.
func (r *probeRun) batch(p *prober, conn net.Conn, br *bufio.Reader) bool {
	size := 1
	if !p.one(4) {
		size += p.rnd.IntN(16)
	}
	var wire []byte
	var batch []*probe
	for range size {
		q := p.request(size == 1 && p.one(100))
		batch, wire = append(batch, q), append(wire, q.wire...)
		if q.abort {
			break
		}
	}
	if p.one(60) {
		_, _ = conn.Write(wire[:p.rnd.IntN(len(wire))])
		r.leave(p, conn)
		return false
	}
	if _, err := conn.Write(wire); err != nil {
		r.lost.Add(1)
		r.report("write: %v", err)
		return false
	}
	if len(batch) > 1 {
		r.pipelined.Add(int64(len(batch)))
	}
	var a probeAnswer
	for _, q := range batch {
		err := a.read(br, q.head)
		if q.abort {
			if err != io.EOF && !strings.Contains(fmt.Sprint(err), "reset") {
				r.mismatch.Add(1)
				r.report("an aborted request was answered: %d %q, %v", a.status, a.body, err)
			}
			r.cut.Add(1)
			return false
		}
		if err != nil {
			r.lost.Add(1)
			r.report("no answer: %v to %q", err, q.wire)
			return false
		}
		r.judge(q, &a)
	}
	return true
}

// leave ends a connection in the middle of what was sent.
func (r *probeRun) leave(p *prober, conn net.Conn) {
	if p.one(2) {
		r.resets.Add(1)
		resetConn(conn)
		return
	}
	r.closes.Add(1)
}

// judge compares an answer with the only right one.
func (r *probeRun) judge(q *probe, a *probeAnswer) {
	r.left.Add(-1)
	r.answered.Add(1)
	if q.panics {
		r.panics.Add(1)
	}
	if foreignToken(a.header, q.id) || foreignToken(a.body, q.id) {
		r.foreign.Add(1)
		r.report("foreign: %q\nwas answered by %s%q", q.wire, a.header, a.body)
		return
	}
	want := q.body
	if q.head {
		want = nil
	}
	if a.status != q.status || a.back != q.back || !bytes.Equal(a.body, want) {
		r.mismatch.Add(1)
		r.report("mismatch: %q\nwas answered by %s%q\nwant %d, X-Back %q, %q", q.wire, a.header, a.body, q.status, q.back, want)
	}
}

// foreignToken reports whether b holds a token of another request.
func foreignToken(b []byte, id string) bool {
	for {
		i := bytes.Index(b, []byte(tokenMark))
		if i < 0 {
			return false
		}
		if b = b[i:]; !bytes.HasPrefix(b, []byte(id)) {
			return true
		}
		b = b[len(id):]
	}
}
