package monitor

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestBucketOf_bounds(t *testing.T) {
	for i := range buckets - 1 {
		end := upperOf(i)
		if bucketOf(end-1) != i || bucketOf(end) != i+1 {
			t.Errorf("bucket %d ends at %d ns, but %d and %d are in %d and %d", i, end, end-1, end, bucketOf(end-1), bucketOf(end))
		}
	}
	for _, d := range []time.Duration{-1, 0, 1} {
		if bucketOf(d) != 0 {
			t.Errorf("bucketOf(%d) = %d, want 0", d, bucketOf(d))
		}
	}
	for _, d := range []time.Duration{time.Hour, 1<<63 - 1} {
		if bucketOf(d) != buckets-1 {
			t.Errorf("bucketOf(%s) = %d, want the last", d, bucketOf(d))
		}
	}
}

// TestCounts_quantile compares with the sorted durations themselves.
func TestCounts_quantile(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 10, 1000} {
		var h counts
		all := make([]time.Duration, n)
		for i := range all {
			all[i] = 200 + time.Duration(random.ExpFloat64()*1e6)
			h[bucketOf(all[i])]++
		}
		slices.Sort(all)
		for _, q := range []float64{.5, .9, .99, .999} {
			got, want := h.quantile(uint64(n), q), all[max(int(q*float64(n)+.5), 1)-1]
			if got <= want || float64(got) > 1.126*float64(want) {
				t.Errorf("p%g of %d = %s, want %s or at most an eighth above", q*100, n, got, want)
			}
		}
	}
	if got := new(counts).quantile(0, .5); got != 0 {
		t.Errorf("p50 of nothing = %s", got)
	}
}

func TestClassOf_statuses(t *testing.T) {
	for status, want := range map[int]int{101: 0, 200: 1, 299: 1, 308: 2, 404: 3, 500: 4, 599: 4, 0: 4, 99: 4, 600: 4, -1: 4} {
		if got := classOf(status); got != want {
			t.Errorf("classOf(%d) = %d, want %d", status, got, want)
		}
	}
}
