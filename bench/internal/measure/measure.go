// Package measure compares contenders side by side: every round runs each of
// them once, in an order that changes, and ratios are formed inside a round.
// What disturbs the machine for longer than a round then disturbs both sides of
// a ratio; what is shorter is an outlier that the median ignores.
package measure

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"
)

// A Contender is one row of a comparison.
type Contender struct {
	// Name is the row's name.
	Name string
	// Base is the name of the row that this one is divided by. Empty means the
	// base of the scene.
	Base string
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

// Options say how much is measured.
type Options struct {
	// Rounds is the number of batches of each contender.
	Rounds int
	// Batch is the least duration of one batch.
	Batch time.Duration
}

// A Sample is what one batch cost per operation.
type Sample struct {
	Ns     float64
	Allocs float64
	Bytes  float64
}

// A Series holds the samples of one contender, one a round.
type Series struct {
	Contender
	N       int // operations a batch
	Samples []Sample
}

// Compare runs the contenders in turn. It collects garbage before each batch,
// so that none pays for what another has left.
func Compare(cs []Contender, opts Options) ([]Series, error) {
	out := make([]Series, len(cs))
	order := make([]int, len(cs))
	for i, c := range cs {
		n, err := calibrate(c, opts.Batch)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		out[i] = Series{Contender: c, N: n}
		order[i] = i
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	for range opts.Rounds {
		rnd.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, i := range order {
			s, err := batch(cs[i], out[i].N)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", cs[i].Name, err)
			}
			out[i].Samples = append(out[i].Samples, s)
		}
	}
	return out, nil
}

// calibrate warms c up and returns how many operations fill a batch.
func calibrate(c Contender, d time.Duration) (int, error) {
	unit := max(c.Unit, 1)
	for n := unit; ; {
		start := time.Now()
		if err := c.Run(n); err != nil {
			return 0, err
		}
		took := time.Since(start)
		if took >= d {
			return n, nil
		}
		grow := 1.2 * float64(d) / float64(max(took, time.Microsecond))
		n = int(float64(n)*min(max(grow, 1.2), 50))/unit*unit + unit
	}
}

func batch(c Contender, n int) (Sample, error) {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	err := c.Run(n)
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	return Sample{
		Ns:     float64(took.Nanoseconds()) / float64(n),
		Allocs: float64(after.Mallocs-before.Mallocs) / float64(n),
		Bytes:  float64(after.TotalAlloc-before.TotalAlloc) / float64(n),
	}, err
}

// An Estimate is a median with an interval.
type Estimate struct {
	Median, Low, High float64
}

// Median estimates the median of xs from its order statistics, which assumes
// nothing about their distribution. The interval covers the true median with at
// least 95 %; that takes 6 values, with fewer it is the range.
func Median(xs []float64) Estimate {
	if len(xs) == 0 {
		return Estimate{}
	}
	s := slices.Sorted(slices.Values(xs))
	n := len(s)
	k := rank(n)
	return Estimate{Median: (s[(n-1)/2] + s[n/2]) / 2, Low: s[k], High: s[n-1-k]}
}

// rank returns the largest k for which P(Binomial(n, ½) ≤ k) ≤ 2.5 %, which
// makes the interval from the k-th to the k-th last value (both from 0) a 95 % one.
//
//	n = 6 → 0, 10 → 1, 20 → 5, 30 → 9
func rank(n int) int {
	p, sum := 1.0, 0.0 // p is C(n, k) / 2ⁿ
	for range n {
		p /= 2
	}
	for k := range n {
		sum += p
		if sum > 0.025 {
			return max(k-1, 0)
		}
		p = p * float64(n-k) / float64(k+1)
	}
	return 0
}

// Ns estimates nanoseconds an operation.
func (s Series) Ns() Estimate { return Median(s.pick(func(x Sample) float64 { return x.Ns })) }

// Allocs returns the median of the allocations an operation.
func (s Series) Allocs() float64 {
	return Median(s.pick(func(x Sample) float64 { return x.Allocs })).Median
}

// Bytes returns the median of the bytes allocated an operation.
func (s Series) Bytes() float64 {
	return Median(s.pick(func(x Sample) float64 { return x.Bytes })).Median
}

// Ratio estimates s over base from their ratios within each round.
func (s Series) Ratio(base Series) Estimate {
	return s.against(base, func(x, y float64) float64 { return x / y })
}

// Diff estimates how many nanoseconds s takes more than base, within each round.
func (s Series) Diff(base Series) Estimate {
	return s.against(base, func(x, y float64) float64 { return x - y })
}

func (s Series) against(base Series, f func(x, y float64) float64) Estimate {
	var xs []float64
	for i := range min(len(s.Samples), len(base.Samples)) {
		xs = append(xs, f(s.Samples[i].Ns, base.Samples[i].Ns))
	}
	return Median(xs)
}

func (s Series) pick(f func(Sample) float64) []float64 {
	xs := make([]float64, len(s.Samples))
	for i, x := range s.Samples {
		xs[i] = f(x)
	}
	return xs
}
