package geist_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gogeist/geist"
)

// drainRound is one engine that is shut down while clients load it.
//
// A request is due an answer, and LOST without one, if both hold:
//
//   - The client's first write on the connection returned before Shutdown was called
//     (the client looks at begun after its write). Later connections may be refused.
//   - All its bytes were written before the client had read Connection: close on this
//     connection. DrainIdle is longer than the test, so that idle time never counts.
//
// An answer is TRUNCATED if it begins and does not end, on any connection.
type drainRound struct {
	app       *geist.Engine
	dial      func() (net.Conn, error)
	begun     atomic.Bool   // Shutdown is about to be called
	gate      chan struct{} // closed when Shutdown has begun: slow clients go on
	answered  atomic.Int64
	slow      atomic.Int64 // of these, by slow clients after Shutdown
	lost      atomic.Int64
	truncated atomic.Int64
	once      sync.Once
	example   string
}

func (r *drainRound) report(format string, args ...any) {
	r.once.Do(func() { r.example = fmt.Sprintf(format, args...) })
}

const drainBody = 3000 // bytes of an answer: more than a segment, and than half of a write buffer

func drainApp() *geist.Engine {
	app := quiet(geist.Config{DrainIdle: time.Minute})
	filler := strings.Repeat("x", drainBody)
	app.Any("/job/:v", func(c *geist.Ctx) error {
		return c.Text(200, c.Param("v")+" "+string(c.Body())+" "+filler)
	})
	return app
}

// exchange writes a batch and reads its answers. It reports whether the connection
// may be used again.
func (r *drainRound) exchange(c *drainClient, due *bool, batch []string, want []string) bool {
	_, err := io.WriteString(c, strings.Join(batch, ""))
	if err == nil && !r.begun.Load() {
		*due = true
	}
	for i, body := range want {
		if err == nil && r.answer(c, body, &err) {
			continue
		}
		if rest := int64(len(want) - i); err != nil && *due {
			r.lost.Add(rest)
			r.report("no answer with %q: %v", body, err)
		} else if err == nil && rest > 1 {
			r.lost.Add(rest - 1)
			r.report("Connection: close with %q, %d requests before the end of the batch", body, rest-1)
		}
		return false
	}
	return true
}

// answer reads one answer and reports whether more may follow on the connection.
func (r *drainRound) answer(c *drainClient, body string, failed *error) bool {
	var a probeAnswer
	if err := a.read(c.br, false); err != nil {
		if len(a.header) > 0 || errors.Is(err, io.ErrUnexpectedEOF) {
			r.truncated.Add(1)
			r.report("truncated after %q: %v", a.header, err)
		}
		*failed = err
		return false
	}
	if a.status != 200 || !strings.HasPrefix(string(a.body), body+" ") || len(a.body) < drainBody {
		r.lost.Add(1)
		r.report("wrong answer to %q: %d %.60q", body, a.status, a.body)
	}
	r.answered.Add(1)
	return !a.close
}

// loop is a client: it connects again and again until Shutdown has begun.
func (r *drainRound) loop(perConn, pipeline int) {
	for n := 0; !r.begun.Load(); {
		conn, err := r.dial()
		if err != nil {
			if !r.begun.Load() {
				r.lost.Add(1)
				r.report("dial before Shutdown: %v", err)
			}
			return
		}
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		c := &drainClient{Conn: conn, br: bufio.NewReader(conn)}
		due := false
		for i := 0; i < perConn; i++ {
			var batch, want []string
			for range pipeline {
				n++
				v, field := fmt.Sprint(n), ""
				if perConn == 1 {
					field = "Connection: close\r\n"
				}
				batch = append(batch, "GET /job/"+v+" HTTP/1.1\r\nHost: h\r\n"+field+"\r\n")
				want = append(want, v)
			}
			if !r.exchange(c, &due, batch, want) {
				break
			}
		}
		_ = conn.Close()
	}
}

// stall is a client that has sent a part of a request when Shutdown begins.
func (r *drainRound) stall(ready *sync.WaitGroup, before, interim, after, want string) {
	conn, err := r.dial()
	if err != nil {
		r.lost.Add(1)
		r.report("dial: %v", err)
		ready.Done()
		return
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	c := &drainClient{Conn: conn, br: bufio.NewReader(conn)}
	_, err = io.WriteString(c, before)
	got := make([]byte, len(interim))
	if err == nil && interim != "" {
		_, err = io.ReadFull(c.br, got)
	}
	ready.Done()
	<-r.gate
	if err == nil {
		_, err = io.WriteString(c, after)
	}
	if err == nil {
		r.answer(c, want, &err)
	}
	if err != nil || string(got) != interim {
		r.lost.Add(1)
		r.report("slow client that sent %q: %v, %q", before, err, got)
		return
	}
	r.slow.Add(1)
}

// run loads the engine, shuts it down in the middle and counts.
func (r *drainRound) run(t *testing.T, ln testListener) {
	served := make(chan error, 1)
	go func() { served <- r.app.Serve(ln) }()
	var clients, ready sync.WaitGroup
	for range 4 {
		clients.Go(func() { r.loop(1<<30, 1) })
		clients.Go(func() { r.loop(1, 1) })
		clients.Go(func() { r.loop(1<<30, 16) })
	}
	const post = "POST /job/s HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n"
	stalled := []struct{ before, interim, after, want string }{
		{post + "\r\n01234", "", "56789", "s 0123456789"},
		{post + "Expect: 100-continue\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "0123456789", "s 0123456789"},
		{"POST /job/s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n", "", "5\r\n56789\r\n0\r\n\r\n", "s 0123456789"},
		{"GET /job/s HTTP/1.1\r\nHo", "", "st: h\r\n\r\n", "s"},
	}
	ready.Add(len(stalled))
	for _, s := range stalled {
		clients.Go(func() { r.stall(&ready, s.before, s.interim, s.after, s.want) })
	}
	ready.Wait()
	for r.answered.Load() < 300 && r.lost.Load() == 0 {
		runtime.Gosched()
	}
	r.begun.Store(true)
	done := make(chan error, 1)
	go func() { done <- shutdownWithin(t, r.app, 30*time.Second) }()
	waitNotReady(r.app)
	close(r.gate)
	if err := <-done; err != nil {
		t.Errorf("Shutdown = %v, want nil", err)
	}
	clients.Wait()
	if err := <-served; err != nil {
		t.Errorf("Serve = %v, want nil", err)
	}
}

// TestShutdown_underLoad is the promise of README: a shutdown under load loses and
// truncates no answer. What that means is said at drainRound.
func TestShutdown_underLoad(t *testing.T) {
	rounds := 24
	if raceBuild || testing.Short() {
		rounds = 9
	}
	kinds := []string{"tcp", "tls", "unix"}
	goroutines, files := settledGoroutines(), countFiles()
	var answered, slow, lost, truncated int64
	for i := range rounds {
		kind := kinds[i%len(kinds)]
		ln := listenerKinds[kind](t)
		r := &drainRound{app: drainApp(), dial: ln.dial, gate: make(chan struct{})}
		r.run(t, ln)
		if r.lost.Load()+r.truncated.Load() > 0 {
			t.Errorf("round %d over %s: LOST %d, TRUNCATED %d; the first: %s", i, kind, r.lost.Load(), r.truncated.Load(), r.example)
		}
		answered, slow = answered+r.answered.Load(), slow+r.slow.Load()
		lost, truncated = lost+r.lost.Load(), truncated+r.truncated.Load()
	}
	t.Logf("LOST %d, TRUNCATED %d of %d answers in %d shutdowns (%d to requests that were sent in part)", lost, truncated, answered, rounds, slow)
	if slow == 0 {
		t.Error("coverage: no slow client was answered")
	}
	settlesAt(t, "goroutines", goroutines, settledGoroutines)
	settlesAt(t, "open files", files, countFiles)
}

// settlesAt waits until count is back at base.
func settlesAt(t *testing.T, what string, base int, count func() int) {
	t.Helper()
	end := time.Now().Add(10 * time.Second)
	for count() > base {
		if time.Now().After(end) {
			t.Errorf("%s = %d, before: %d", what, count(), base)
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// settledGoroutines counts the goroutines but for those of fasthttp that end later
// by themselves or never.
func settledGoroutines() int {
	buf := make([]byte, 4<<20)
	n := 0
	for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if !strings.Contains(g, "fasthttp.(*workerPool).Start") && !strings.Contains(g, "fasthttp.updateServerDate") {
			n++
		}
	}
	return n
}

// countFiles counts descriptors where the system tells, else it returns 0.
func countFiles() int {
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(files)
}
