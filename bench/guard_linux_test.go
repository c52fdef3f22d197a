package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gogeist/geist/bench/guard"
)

// A regression fails with the words that accept it; what has improved does not.
func TestGuard_judge(t *testing.T) {
	base := &guard.Baseline{Go: "go1.0", Figures: map[string]float64{"a": 1, "b": 1}}
	var out bytes.Buffer
	err := judge(console{&out, &out}, base, []guard.Figure{{Name: "a", Value: 2}, {Name: "b", Value: 1}})
	if err == nil || !strings.Contains(err.Error(), "guard -update") || !strings.Contains(err.Error(), "go1.0") {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(out.String(), "a is 2, worse than the 1 of the baseline") {
		t.Errorf("said %q", out.String())
	}
	if err := judge(console{&out, &out}, base, []guard.Figure{{Name: "a", Value: 0}, {Name: "b", Value: 1}}); err != nil {
		t.Errorf("an improvement: %v", err)
	}
}
