package result

// A Change is how the ratio of a contender to its base differs between two runs.
type Change struct {
	Scene, Contender, Base string
	Metric                 Metric
	// Old and New are the ratios; Ratio is New over Old with the widest interval that they
	// allow. Of scenes without a base they are the values themselves.
	Old, New, Ratio Estimate
	Kind            Kind
}

// A Kind says in which direction something changed.
type Kind string

const (
	// Same is for intervals that overlap.
	Same Kind = "no change"
	// Gain is for intervals that do not, where the new run is better in the sense of the
	// metric: a lower cost, a higher rate.
	Gain Kind = "better"
	// Loss is for the opposite.
	Loss Kind = "worse"
)

// A Difference is all that differs between two runs.
type Difference struct {
	Changes []Change
	// OnlyOld and OnlyNew are rows, "scene: contender", that only one of the runs has.
	OnlyOld, OnlyNew []string
}

// Regressions are the changes of geist's own rows for the worse.
func (d Difference) Regressions() []Change {
	var out []Change
	for _, c := range d.Changes {
		if c.Kind == Loss && (&Contender{Peer: c.Contender}).Ours() {
			out = append(out, c)
		}
	}
	return out
}

// Diff compares the first metric of every row that both runs have. It compares ratios to the
// base, which carry over from one machine to another better than times do; rows that are
// their own base have none and are left out.
func Diff(old, now *Run) Difference {
	var d Difference
	for _, s := range old.Scenes {
		t := now.Scene(s.Name)
		for _, c := range s.Contenders {
			if t == nil || t.Contender(c.Name) == nil {
				d.OnlyOld = append(d.OnlyOld, s.Name+": "+c.Name)
				continue
			}
			if change, ok := diffRow(s, t, c, t.Contender(c.Name)); ok {
				d.Changes = append(d.Changes, change)
			}
		}
	}
	for _, t := range now.Scenes {
		s := old.Scene(t.Name)
		for _, c := range t.Contenders {
			if s == nil || s.Contender(c.Name) == nil {
				d.OnlyNew = append(d.OnlyNew, t.Name+": "+c.Name)
			}
		}
	}
	return d
}

func diffRow(s, t *Scene, c, e *Contender) (Change, bool) {
	if len(s.Metrics) == 0 {
		return Change{}, false
	}
	m := s.Metrics[0]
	v, w := c.Values[m.Key], e.Values[m.Key]
	if v == nil || w == nil {
		return Change{}, false
	}
	change := Change{Scene: s.Name, Contender: c.Name, Metric: m, Old: v.Estimate, New: w.Estimate}
	if base := s.BaseOf(c); base != nil {
		other := t.BaseOf(e)
		if v.Ratio == nil || w.Ratio == nil || other == nil || other.Name != base.Name {
			return Change{}, false
		}
		change.Base, change.Old, change.New = base.Name, *v.Ratio, *w.Ratio
	}
	change.Ratio = change.New.Over(change.Old)
	change.Kind = kind(change.Ratio, m.Better)
	return change, change.Ratio != Estimate{}
}

func kind(r Estimate, better Better) Kind {
	if better == Higher {
		r = r.Inverse()
	}
	switch {
	case r.Low > 1:
		return Loss
	case r.High < 1:
		return Gain
	default:
		return Same
	}
}
