package result

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
	// NotMeasured is for figures whose scene or contender is not in the run.
	NotMeasured Verdict = "not measured"
)

// An Outcome is a target in a run.
type Outcome struct {
	Target  Target
	Figure  Estimate
	Verdict Verdict
	// Why says why the verdict is NotMeasured.
	Why string
}

// Judge compares the figure of a run with the bound.
func (t Target) Judge(r *Run) Outcome {
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
