package load

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestBucket_isTheOneThatHoldsTheValue(t *testing.T) {
	for _, v := range []uint64{0, 1, 31, 32, 33, 63, 64, 65, 66, 127, 128, 1000, 1e6, 1e9, math.MaxInt64} {
		i := bucket(v)
		if int64(v) > upper(i) || i > 0 && int64(v) <= upper(i-1) {
			t.Errorf("%d is in the bucket %d, which ends at %d, behind that to %d", v, i, upper(i), upper(i-1))
		}
	}
}

func TestHist_quantilesBesideSorting(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var h Hist
	var xs []int64
	for range 10_000 {
		x := int64(math.Exp(rnd.Float64() * 20))
		h.Add(x)
		xs = append(xs, x)
	}
	slices.Sort(xs)
	for _, q := range []float64{0.001, 0.5, 0.9, 0.99, 0.999, 1} {
		want := xs[max(int(q*float64(len(xs))), 1)-1]
		got := int64(h.Quantile(q))
		if got < want || float64(got) > float64(want)*(1+1.0/32)+1 {
			t.Errorf("quantile %v = %d, want %d and at most 1/32 more", q, got, want)
		}
	}
	if got := h.Max(); got != time.Duration(xs[len(xs)-1]) || h.N() != 10_000 {
		t.Errorf("max %d of %d values", got, h.N())
	}
}

func TestHist_emptyAndNegative(t *testing.T) {
	var h Hist
	if got := h.Quantile(0.5); got != 0 {
		t.Errorf("median of nothing = %v", got)
	}
	h.Add(-5)
	if got := h.Quantile(0.5); got != 0 || h.N() != 1 {
		t.Errorf("median of -5 = %v, %d values", got, h.N())
	}
}

func TestHist_merge(t *testing.T) {
	var both, a, b Hist
	for i := range int64(1000) {
		both.Add(i * i)
		if i%3 == 0 {
			a.Add(i * i)
		} else {
			b.Add(i * i)
		}
	}
	if a.Merge(&b); a != both {
		t.Errorf("%d values up to %v, want %d up to %v", a.N(), a.Max(), both.N(), both.Max())
	}
}
