// Package measure compares contenders side by side: every round runs each of
// them once, in an order that changes, and ratios are formed inside a round.
// What disturbs the machine for longer than a round then disturbs both sides of
// a ratio; what is shorter is an outlier that the median ignores.
package measure

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/gogeist/geist/bench/result"
)

// A Contender is one row of a comparison.
type Contender struct {
	// Peer and Variant name the row, see [result.Contender].
	Peer, Variant string
	// Base is the name of the row that this one is divided by. Empty means the
	// base of the scene.
	Base string
	// Floor marks what is no rival but a limit.
	Floor bool
	// Unit is the number of operations after which the work repeats (the number
	// of routes of a table). Batches are multiples of it. Zero means 1.
	Unit int
	// StringBytes is how many bytes of strings the handlers read in one Unit: what a
	// framework that copies strings must allocate at least.
	StringBytes int
	// Run does n operations.
	Run func(n int) error
	// Close releases what Run needs. It may be nil.
	Close func()
}

// Name is the name of the row.
func (c Contender) Name() string { return result.Label(c.Peer, c.Variant) }

// Options say how much is measured.
type Options struct {
	// Rounds is the number of batches of each contender.
	Rounds int
	// Batch is the least duration of one batch.
	Batch time.Duration
	// Step is told before each batch how many are over, of how many, and whose turn it is.
	// It may be nil.
	Step func(done, total int, peer string)
}

// The keys of what Compare measures.
const (
	// Time is nanoseconds an operation.
	Time = "ns"
	// Allocs and Bytes are what the whole process allocates, an operation.
	Allocs, Bytes = "allocs", "bytes"
	// Strings is how many bytes of strings the handlers of an operation read, where they
	// read any.
	Strings = "strings"
)

// Metrics are the columns of what Compare measures. With diff, times are also subtracted.
func Metrics(cs []Contender, diff bool) []result.Metric {
	ms := []result.Metric{
		{Key: Time, Name: "time", Unit: "ns/op", Digits: 1, Ratio: true, Diff: diff},
		{Key: Allocs, Name: "allocations", Unit: "allocs/op", Digits: 2},
		{Key: Bytes, Name: "allocated", Unit: "B/op"},
	}
	for _, c := range cs {
		if c.StringBytes > 0 {
			return append(ms, result.Metric{Key: Strings, Name: "strings read", Unit: "B/op", Digits: 1})
		}
	}
	return ms
}

// Compare runs the contenders in turn and adds their samples to out. It collects garbage
// before each batch, so that none pays for what another has left. A contender that returns
// an error or panics fails, with all rows of its peer; the others go on. The error is that
// of ctx, when it ends, or that nobody is left.
func Compare(ctx context.Context, out *result.Scene, cs []Contender, opts Options) error {
	m := &meter{ctx: ctx, out: out, opts: opts, total: len(cs) * (opts.Rounds + 1)}
	var live []*runner
	for _, c := range cs {
		r := &runner{Contender: c, row: result.NewContender(c.Peer, c.Variant)}
		r.row.Base, r.row.Floor = c.Base, c.Floor
		out.Contenders = append(out.Contenders, r.row)
		live = append(live, r)
	}
	live, err := m.each(live, func(r *runner) error { return r.calibrate(ctx, opts.Batch) })
	if err != nil {
		return err
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	for range opts.Rounds {
		rnd.Shuffle(len(live), func(i, j int) { live[i], live[j] = live[j], live[i] })
		if live, err = m.each(live, (*runner).batch); err != nil {
			return err
		}
	}
	if len(live) == 0 {
		return fmt.Errorf("no contender could be measured")
	}
	return nil
}

// meter is one comparison.
type meter struct {
	ctx   context.Context
	out   *result.Scene
	opts  Options
	done  int
	total int
}

// each calls f for everybody and returns who has not failed.
func (m *meter) each(all []*runner, f func(*runner) error) ([]*runner, error) {
	for _, r := range all {
		if err := m.ctx.Err(); err != nil {
			return nil, err
		}
		if m.opts.Step != nil {
			m.opts.Step(m.done, m.total, r.Peer)
		}
		m.done++
		if m.out.Failed(r.Peer) {
			continue
		}
		if err := guard(func() error { return f(r) }); err != nil && m.ctx.Err() == nil {
			m.out.Fail(r.Peer, fmt.Errorf("%s: %w", r.Name(), err))
		}
	}
	var live []*runner
	for _, r := range all {
		if !m.out.Failed(r.Peer) {
			live = append(live, r)
		}
	}
	return live, m.ctx.Err()
}

// guard turns a panic into an error.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return f()
}

// runner is a contender that takes part.
type runner struct {
	Contender
	row *result.Contender
	n   int // operations a batch
}

// calibrate warms r up and finds how many operations fill a batch.
func (r *runner) calibrate(ctx context.Context, d time.Duration) error {
	unit := max(r.Unit, 1)
	for r.n = unit; ctx.Err() == nil; {
		start := time.Now()
		if err := r.Run(r.n); err != nil {
			return err
		}
		took := time.Since(start)
		if took >= d {
			return nil
		}
		grow := 1.2 * float64(d) / float64(max(took, time.Microsecond))
		r.n = int(float64(r.n)*min(max(grow, 1.2), 50))/unit*unit + unit
	}
	return ctx.Err()
}

func (r *runner) batch() error {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	err := r.Run(r.n)
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	n := float64(r.n)
	r.row.Add(Time, float64(took.Nanoseconds())/n)
	r.row.Add(Allocs, float64(after.Mallocs-before.Mallocs)/n)
	r.row.Add(Bytes, float64(after.TotalAlloc-before.TotalAlloc)/n)
	if r.StringBytes > 0 {
		r.row.Add(Strings, float64(r.StringBytes)/float64(max(r.Unit, 1)))
	}
	return err
}
