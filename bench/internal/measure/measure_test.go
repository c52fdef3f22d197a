package measure

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist/bench/result"
)

// spin does operations that take d each.
func spin(d time.Duration) func(int) error {
	return func(n int) error { time.Sleep(time.Duration(n) * d); return nil }
}

func compare(t *testing.T, cs []Contender) *result.Scene {
	t.Helper()
	out := &result.Scene{Bases: []string{"a"}, Metrics: Metrics(cs, true)}
	if err := Compare(t.Context(), out, cs, Options{Rounds: 3, Batch: 5 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	out.Summarise()
	return out
}

func TestCompare(t *testing.T) {
	out := compare(t, []Contender{
		{Peer: "a", Run: spin(100 * time.Microsecond)},
		{Peer: "b", Variant: "x", Unit: 7, StringBytes: 14, Run: func(n int) error {
			if n%7 != 0 {
				t.Errorf("batch of %d is no multiple of 7", n)
			}
			return spin(400 * time.Microsecond)(n)
		}},
	})
	b := out.Contender("b, x")
	if r := b.Values[Time].Ratio; r == nil || r.Median < 1.5 {
		t.Errorf("ratio %v, want about 4", r)
	}
	if got := b.Values[Strings].Median; got != 2 {
		t.Errorf("%v bytes of strings, want 2", got)
	}
	for _, c := range out.Contenders {
		if n := len(c.Samples(Time)); n != 3 {
			t.Errorf("%s: %d samples, want 3", c.Name, n)
		}
	}
}

// A contender that dies, in the first batch or in a later one, fails with all its rows, and
// nobody else.
func TestCompare_failures(t *testing.T) {
	rounds := 0
	out := compare(t, []Contender{
		{Peer: "a", Run: spin(time.Millisecond)},
		{Peer: "wrong", Run: func(int) error { return errors.New("answered 500") }},
		{Peer: "wrong", Variant: "other", Run: spin(time.Millisecond)},
		{Peer: "late", Run: func(n int) error {
			if rounds++; rounds > 3 {
				panic("index out of range")
			}
			return spin(time.Millisecond)(n)
		}},
	})
	if len(out.Contenders) != 1 || len(out.Contenders[0].Samples(Time)) != 3 {
		t.Errorf("%d rows are left, want that of a", len(out.Contenders))
	}
	if len(out.Failures) != 2 || out.Failures[0].What != "wrong: answered 500" || !strings.Contains(out.Failures[1].What, "panic: index out of range") {
		t.Errorf("failures %v", out.Failures)
	}
}

func TestCompare_nobody(t *testing.T) {
	out := &result.Scene{}
	err := Compare(t.Context(), out, []Contender{{Peer: "a", Run: func(int) error { panic("no") }}}, Options{Rounds: 2})
	if err == nil || len(out.Failures) != 1 {
		t.Errorf("got %v, failures %v", err, out.Failures)
	}
}

// What was measured until the run is stopped stays.
func TestCompare_stopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &result.Scene{}
	err := Compare(ctx, out, []Contender{{Peer: "a", Run: spin(time.Millisecond)}}, Options{
		Rounds: 1000, Batch: time.Millisecond,
		Step: func(done, _ int, _ string) {
			if done == 3 {
				cancel()
			}
		},
	})
	if !errors.Is(err, context.Canceled) || len(out.Contenders) != 1 || len(out.Contenders[0].Samples(Time)) != 3 || len(out.Failures) != 0 {
		t.Errorf("got %v, %+v", err, out)
	}
}
