package render

import (
	"math"
	"strconv"
	"strings"

	"github.com/gogeist/geist/bench/result"
)

// Number writes x with so many digits behind the point, fewer if it is large, and commas
// between thousands.
func Number(x float64, digits int) string {
	switch size := math.Abs(x); {
	case size >= 1000:
		digits = 0
	case size >= 100:
		digits = min(digits, 1)
	}
	s := strconv.FormatFloat(x, 'f', digits, 64)
	whole, rest, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if rest != "" {
		whole += "." + rest
	}
	if strings.HasPrefix(s, "-") {
		return "−" + whole
	}
	return whole
}

// Interval writes the 95 % interval.
func Interval(e result.Estimate, digits int) string {
	return Number(e.Low, digits) + "–" + Number(e.High, digits)
}

// ratioDigits is how many digits ratios have.
func ratioDigits(x float64) int {
	if x >= 10 {
		return 1
	}
	return 3
}

// Ratio writes a ratio: 1.013, 0.084, 44.1.
func Ratio(x float64) string { return Number(x, ratioDigits(x)) }

// RatioInterval writes the 95 % interval of a ratio.
func RatioInterval(e result.Estimate) string { return Interval(e, ratioDigits(e.High)) }
