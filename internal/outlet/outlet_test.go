package outlet

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/gogeist/geist/internal/leakcheck"
)

// TestMain fails the run when a goroutine outlives the tests.
func TestMain(m *testing.M) { leakcheck.Main(m) }

var errReset = errors.New("connection reset")

// fakeSocket takes as many bytes at once as its room allows; Write waits for gate.
type fakeSocket struct {
	mu     sync.Mutex
	got    strings.Builder
	room   int // bytes that TryWrite still takes; negative: any
	err    error
	gate   chan struct{} // Write waits for it; nil: it does not
	cut    chan struct{}
	cuts   int
	ended  []error
	inside atomic.Int32 // calls of TryWrite and Write in progress
}

func newFake(room int) *fakeSocket { return &fakeSocket{room: room, cut: make(chan struct{})} }

func (f *fakeSocket) enter() {
	if f.inside.Add(1) != 1 {
		panic("two writes at once")
	}
}

func (f *fakeSocket) TryWrite(p []byte) (int, error) {
	f.enter()
	defer f.inside.Add(-1)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return 0, f.err
	}
	n := len(p)
	if f.room >= 0 {
		n = min(n, f.room)
		f.room -= n
	}
	f.got.Write(p[:n])
	return n, nil
}

func (f *fakeSocket) Write(p []byte) error {
	f.enter()
	defer f.inside.Add(-1)
	if f.gate != nil {
		select {
		case <-f.gate:
		case <-f.cut:
			return errReset
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	f.got.Write(p)
	return nil
}

func (f *fakeSocket) Cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cuts++; f.cuts == 1 {
		close(f.cut)
		f.err = errReset
	}
}

func (f *fakeSocket) Ended(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = append(f.ended, err)
}

func (f *fakeSocket) text() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.got.String()
}

// queue is a Source of given units.
type queue struct {
	mu    sync.Mutex
	units []string
}

func (q *queue) add(units ...string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.units = append(q.units, units...)
}

func (q *queue) Next() []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.units) == 0 {
		return nil
	}
	p := []byte(q.units[0])
	q.units = q.units[1:]
	return p
}

func TestOutlet_order(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, q := newFake(3), &queue{}
		f.gate = make(chan struct{})
		o := New(f)
		o.SetSource(q)
		q.add("abcde", "fg")
		o.Wake() // takes abc, then a goroutine waits with de
		synctest.Wait()
		if got := f.text(); got != "abc" {
			t.Fatalf("written at once: %q, want %q", got, "abc")
		}
		o.Post([]byte("P"))
		sent := make(chan error, 1)
		go func() { sent <- o.Send([]byte("S")) }()
		synctest.Wait()
		close(f.gate)
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
		o.Finish([]byte("Z"))
		o.Wait()
		got := f.text()
		if !strings.HasPrefix(got, "abcde") || !strings.HasSuffix(got, "Z") || strings.Count(got, "P") != 1 || strings.Count(got, "S") != 1 || strings.Count(got, "fg") != 1 {
			t.Errorf("written: %q, want abcde first, then P, S and fg whole, then Z", got)
		}
		if !slices.Equal(f.ended, []error{nil}) || f.cuts != 0 {
			t.Errorf("ended: %v, cut %d times; want ended once with nil, not cut", f.ended, f.cuts)
		}
	})
}

// What the Source still has when the last unit is announced is not sent.
func TestOutlet_finish(t *testing.T) {
	f, q := newFake(-1), &queue{}
	o := New(f)
	o.SetSource(q)
	if !o.Finish([]byte("bye")) {
		t.Error("Finish: false, want true")
	}
	q.add("late")
	o.Wake()
	if o.Finish([]byte("again")) || o.Post([]byte("p")) {
		t.Error("Finish and Post after Finish: true, want false")
	}
	if err := o.Send([]byte("s")); !errors.Is(err, ErrClosed) {
		t.Errorf("Send after Finish: %v, want ErrClosed", err)
	}
	if got := f.text(); got != "bye" {
		t.Errorf("written: %q, want %q", got, "bye")
	}
	o.Cut(errReset)
	if len(f.ended) != 1 || f.cuts != 1 {
		t.Errorf("Ended called %d times, cut %d times; want 1 and 1", len(f.ended), f.cuts)
	}
}

func TestOutlet_finishWithNothing(t *testing.T) {
	f := newFake(-1)
	New(f).Finish(nil)
	if !slices.Equal(f.ended, []error{nil}) {
		t.Errorf("ended: %v, want once with nil", f.ended)
	}
}

func TestOutlet_failure(t *testing.T) {
	for name, provoke := range map[string]func(o *Outlet, q *queue){
		"Send": func(o *Outlet, _ *queue) { _ = o.Send([]byte("x")) },
		"Post": func(o *Outlet, _ *queue) { o.Post([]byte("x")) },
		"Wake": func(o *Outlet, q *queue) { q.add("x"); o.Wake() },
	} {
		t.Run(name, func(t *testing.T) {
			f, q := newFake(-1), &queue{}
			f.err = errReset
			o := New(f)
			o.SetSource(q)
			provoke(o, q)
			o.Wait()
			if !slices.Equal(f.ended, []error{errReset}) || f.cuts == 0 {
				t.Errorf("ended: %v, cut %d times; want ended once with the failure, and cut", f.ended, f.cuts)
			}
			if err := o.Send(nil); !errors.Is(err, errReset) {
				t.Errorf("Send afterwards: %v, want the failure", err)
			}
		})
	}
}

// A cut ends a write that waits, those who wait for their turn, and the goroutine.
func TestOutlet_cut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(0)
		f.gate = make(chan struct{})
		o := New(f)
		o.Post([]byte("x"))
		errs := make(chan error, 3)
		for range 3 {
			go func() { errs <- o.Send([]byte("s")) }()
		}
		synctest.Wait()
		reason := errors.New("kicked")
		o.Cut(reason)
		for range 3 {
			if err := <-errs; !errors.Is(err, reason) {
				t.Errorf("Send: %v, want %v", err, reason)
			}
		}
		o.Wait()
		if !slices.Equal(f.ended, []error{reason}) {
			t.Errorf("ended: %v, want once with %v", f.ended, reason)
		}
	})
}

// Somebody who floods and does not read fills no memory.
func TestOutlet_postsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(0)
		f.gate = make(chan struct{})
		o := New(f)
		n := 0
		for o.Post([]byte("p")) && n < 1000 {
			n++
		}
		if n > maxPosts+1 {
			t.Errorf("units accepted: %d, want at most %d", n, maxPosts+1)
		}
		o.Cut(errReset)
	})
}

// While the socket takes everything, nothing allocates.
func TestOutlet_costsNothing(t *testing.T) {
	o := New(discard{})
	src := &endless{unit: []byte("unit")}
	o.SetSource(src)
	p := []byte("x")
	if n := testing.AllocsPerRun(1000, func() {
		_ = o.Send(p)
		src.n = 3
		o.Wake()
	}); n != 0 {
		t.Errorf("allocations: %v, want 0", n)
	}
}

type discard struct{}

func (discard) TryWrite(p []byte) (int, error) { return len(p), nil }
func (discard) Write([]byte) error             { return nil }
func (discard) Cut()                           {}
func (discard) Ended(error)                    {}

type endless struct {
	unit []byte
	n    int
}

func (e *endless) Next() []byte {
	if e.n == 0 {
		return nil
	}
	e.n--
	return e.unit
}

// TestOutlet_storm lets all kinds of senders meet a socket of changing mood. Every unit
// that was accepted is written once, whole, and in the order of its sender.
func TestOutlet_storm(t *testing.T) {
	const rounds, senders, each = 60, 4, 40
	for round := range rounds {
		rng := rand.New(rand.NewPCG(uint64(round), 1))
		f, q := newFake(-1), &queue{}
		o := New(&moody{fakeSocket: f, seed: rng.Uint64()})
		o.SetSource(q)
		var wg sync.WaitGroup
		var posted atomic.Int64
		for s := range senders {
			wg.Go(func() {
				for i := range each {
					if err := o.Send(fmt.Appendf(nil, "<s%d:%d>", s, i)); err != nil {
						t.Error(err)
					}
				}
			})
			wg.Go(func() {
				for i := range each {
					q.add(fmt.Sprintf("<q%d:%d>", s, i))
					o.Wake()
				}
			})
			wg.Go(func() {
				for i := range each {
					if o.Post(fmt.Appendf(nil, "<p%d:%d>", s, i)) {
						posted.Add(1)
					}
				}
			})
		}
		wg.Wait()
		for settled := false; !settled; runtime.Gosched() {
			q.mu.Lock()
			empty := len(q.units) == 0
			q.mu.Unlock()
			o.mu.Lock()
			settled = empty && !o.busy
			o.mu.Unlock()
		}
		o.Finish([]byte("<end>"))
		o.Wait()
		checkUnits(t, f.text(), senders*each*2+int(posted.Load())+1)
		if !slices.Equal(f.ended, []error{nil}) {
			t.Fatalf("ended: %v, want once with nil", f.ended)
		}
	}
}

// checkUnits checks that text is n whole units, those of each sender in order.
func checkUnits(t *testing.T, text string, n int) {
	t.Helper()
	last := map[string]int{}
	units := strings.SplitAfter(text, ">")
	units = units[:len(units)-1]
	if len(units) != n || units[n-1] != "<end>" {
		t.Fatalf("units: %d, the last %q; want %d, the last <end>", len(units), units[len(units)-1], n)
	}
	for _, u := range units[:n-1] {
		who, num, ok := strings.Cut(strings.Trim(u, "<>"), ":")
		var i int
		if _, err := fmt.Sscan(num, &i); !ok || err != nil || strings.Count(u, "<") != 1 {
			t.Fatalf("torn unit: %q", u)
		}
		if prev, seen := last[who]; seen && i <= prev {
			t.Fatalf("unit %s:%d came after %d", who, i, prev)
		}
		last[who] = i
	}
}

// moody takes a random part of what it is offered.
type moody struct {
	*fakeSocket
	seed uint64
}

func (m *moody) TryWrite(p []byte) (int, error) {
	m.seed = m.seed*6364136223846793005 + 1442695040888963407
	if m.seed>>60 < 8 {
		return m.fakeSocket.TryWrite(p)
	}
	return m.fakeSocket.TryWrite(p[:int(m.seed>>33)%(len(p)+1)])
}
