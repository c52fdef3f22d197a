package load

import (
	"math/bits"
	"time"
)

// Buckets are exact below 64 ns and of a relative width of 1/32 above: 32 a power of two.
const (
	subBits = 5
	buckets = (64 - subBits) << subBits
)

// A Hist counts durations in buckets that are at most 3.2 % wide. The zero Hist is empty.
type Hist struct {
	counts [buckets]uint64
	n      uint64
	max    int64
}

// Add counts a duration in nanoseconds. Negative ones count as zero.
func (h *Hist) Add(ns int64) {
	ns = max(ns, 0)
	h.counts[bucket(uint64(ns))]++
	h.n++
	h.max = max(h.max, ns)
}

// Merge counts what other has counted, too.
func (h *Hist) Merge(other *Hist) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.n += other.n
	h.max = max(h.max, other.max)
}

// N is the number of durations counted.
func (h *Hist) N() uint64 { return h.n }

// Max is the longest duration counted.
func (h *Hist) Max() time.Duration { return time.Duration(h.max) }

// Quantile returns the upper end of the bucket in which the q-quantile lies, 0 < q ≤ 1;
// zero if nothing was counted.
func (h *Hist) Quantile(q float64) time.Duration {
	if h.n == 0 {
		return 0
	}
	rank := uint64(q * float64(h.n))
	rank = min(max(rank, 1), h.n)
	var sum uint64
	for i, c := range h.counts {
		if sum += c; sum >= rank {
			return time.Duration(min(upper(i), h.max))
		}
	}
	return h.Max()
}

// bucket returns the bucket of v: for v ≥ 32 the power of two and the five bits below the
// highest.
//
//	31 → 31, 32 → 32, 63 → 63, 64 and 65 → 64, 66 → 65
func bucket(v uint64) int {
	if v < 1<<subBits {
		return int(v)
	}
	exp := bits.Len64(v) - 1 - subBits
	return exp<<subBits + int(v>>exp)
}

// upper returns the largest value in a bucket.
func upper(i int) int64 {
	if i < 1<<subBits {
		return int64(i)
	}
	exp := i>>subBits - 1
	return int64(uint64(i-exp<<subBits+1)<<exp - 1)
}
