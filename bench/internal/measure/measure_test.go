package measure

import (
	"strings"
	"testing"
	"time"
)

// Ranks from tables of the sign test (n = 10: the 2nd to the 9th value cover 97.9 %).
func TestRank(t *testing.T) {
	for n, want := range map[int]int{1: 0, 6: 0, 9: 1, 10: 1, 12: 2, 20: 5, 30: 9} {
		if got := rank(n); got != want {
			t.Errorf("rank(%d) = %d, want %d", n, got, want)
		}
	}
}

func TestMedian(t *testing.T) {
	got := Median([]float64{5, 1, 4, 2, 3, 6, 8, 7, 10, 9})
	if want := (Estimate{5.5, 2, 9}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestCompare(t *testing.T) {
	spin := func(d time.Duration) func(int) error {
		return func(n int) error { time.Sleep(time.Duration(n) * d); return nil }
	}
	all, err := Compare([]Contender{
		{Name: "a", Run: spin(100 * time.Microsecond)},
		{Name: "b", Unit: 7, Run: spin(400 * time.Microsecond)},
	}, Options{Rounds: 3, Batch: 5 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if n := all[1].N; n%7 != 0 {
		t.Errorf("batch of %d is no multiple of 7", n)
	}
	if r := all[1].Ratio(all[0]); r.Median < 1.5 {
		t.Errorf("ratio %v, want about 4", r)
	}
	var sb strings.Builder
	Markdown(&sb, all, "a", true, false)
	if lines := strings.Count(sb.String(), "\n"); lines != 4 {
		t.Errorf("%d lines, want 4:\n%s", lines, sb.String())
	}
}
