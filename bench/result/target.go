package result

import "strings"

// A Target is one bound of the design, and how it is computed out of scenes.
type Target struct {
	// Group is the row of the design that the bound belongs to; Name says what is bounded.
	Group, Name string
	// Bound is what it must not exceed, or with Least what it must reach.
	Bound float64
	Least bool
	// Include makes a claim of parity: the interval must reach the bound, and no more.
	Include bool
	// Unit is that of the figure; empty for ratios.
	Unit string
	// Scenes are those that the figure is computed of.
	Scenes []string
	// Tests are the tests of geist that hold what is exact, and is no figure of a run. A
	// target with tests has no bound and no Measure.
	Tests []string
	// Record is the file in docs/design that says what has been tried.
	Record string
	// Measure computes it. It returns why not, if it cannot.
	Measure func(*Run) (Estimate, string)
}

// A Verdict says how a figure stands to its bound.
type Verdict string

const (
	// Met is for intervals on the right side of the bound.
	Met Verdict = "met"
	// Missed is for those on the wrong side.
	Missed Verdict = "missed"
	// Undecided is for those that contain the bound.
	Undecided Verdict = "undecided"
	// Tested is for what tests count, and no run measures.
	Tested Verdict = "held by tests"
	// NotMeasured is for figures whose scene or contender is not in the run.
	NotMeasured Verdict = "not measured"
)

// An Outcome is a target in a run.
type Outcome struct {
	Target  Target
	Figure  Estimate
	Verdict Verdict
	// Why says why the verdict is NotMeasured, and names the tests if it is Tested.
	Why string
}

// Judged reports whether the run has a figure.
func (o Outcome) Judged() bool { return o.Verdict != NotMeasured && o.Verdict != Tested }

// Open reports whether the record has something to say: the bound is missed, or it is not
// known whether it holds.
func (o Outcome) Open() bool { return o.Verdict == Missed || o.Verdict == Undecided }

// Judge compares the figure of a run with the bound.
func (t Target) Judge(r *Run) Outcome {
	if len(t.Tests) > 0 {
		return Outcome{Target: t, Verdict: Tested, Why: strings.Join(t.Tests, ", ")}
	}
	e, why := t.Measure(r)
	o := Outcome{Target: t, Figure: e, Verdict: NotMeasured, Why: why}
	if why == "" {
		o.Verdict = t.verdict(e)
	}
	return o
}

func (t Target) verdict(e Estimate) Verdict {
	bound := t.Bound
	if t.Least { // turned round, so that less is better
		e, bound = Estimate{-e.Median, -e.High, -e.Low}, -bound
	}
	switch {
	case e.High <= bound, t.Include && e.Low <= bound:
		return Met
	case e.Low > bound:
		return Missed
	default:
		return Undecided
	}
}
