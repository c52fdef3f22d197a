package result

import "slices"

// An Estimate is a median with an interval.
type Estimate struct {
	// Median is the value in the middle.
	Median float64 `json:"median"`
	// Low and High are the ends of the 95 % interval.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Median estimates the median of xs from its order statistics, which assumes
// nothing about their distribution. The interval covers the true median with at
// least 95 %; that takes 6 values, with fewer it is the range. Of nothing it is zero.
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

// Over returns e divided by base where only the intervals are known, not the rounds: its
// own interval is the widest that they allow. It contains 1 exactly if they overlap. Both
// must be above zero; the result is zero otherwise.
func (e Estimate) Over(base Estimate) Estimate {
	if e.Low <= 0 || base.Low <= 0 {
		return Estimate{}
	}
	return Estimate{Median: e.Median / base.Median, Low: e.Low / base.High, High: e.High / base.Low}
}

// Inverse returns 1 ÷ e. It is zero if e is not above zero.
func (e Estimate) Inverse() Estimate {
	return Estimate{1, 1, 1}.Over(e)
}
