package result

import (
	"strings"
	"testing"
)

// paired returns a run whose rows cost so many times the base, in every round, give or take
// a hundredth.
func paired(better Better, times map[string]float64) *Run {
	s := &Scene{Name: "s", Bases: []string{"base"}, Metrics: []Metric{{Key: "cpu", Ratio: true, Better: better}}}
	base := NewContender("base", "")
	s.Contenders = append(s.Contenders, base)
	rows := map[string]*Contender{}
	for name := range times {
		rows[name] = NewContender(name, "")
		s.Contenders = append(s.Contenders, rows[name])
	}
	for i, noise := range []float64{1, 3, 2, 5, 4, 1} { // what both sides of a ratio share
		base.Add("cpu", noise)
		for name, x := range times {
			rows[name].Add("cpu", noise*x*(1+float64(i%3-1)/100))
		}
	}
	s.Summarise()
	return &Run{Version: Version, Scenes: []*Scene{s}}
}

func TestDiff(t *testing.T) {
	old := map[string]float64{"geist": 2, "rival": 3, "left": 1}
	now := map[string]float64{"geist": 3, "rival": 3.02, "came": 1}
	for _, tt := range []struct {
		better Better
		want   Kind
	}{{Lower, Loss}, {Higher, Gain}} {
		d := Diff(paired(tt.better, old), paired(tt.better, now))
		got := map[string]Change{}
		for _, c := range d.Changes {
			got[c.Contender] = c
		}
		g := got["geist"]
		if g.Kind != tt.want || g.Base != "base" || g.Ratio.Median != 1.5 || g.Ratio.Low < 1.46 || g.Ratio.Low > 1.5 || g.Ratio.High < 1.5 || g.Ratio.High > 1.54 {
			t.Errorf("%s: geist: %+v, want %s by 1.5", tt.better, g, tt.want)
		}
		if k := got["rival"].Kind; k != Same {
			t.Errorf("%s: rival: %s, want no change, for the intervals overlap", tt.better, k)
		}
		if len(got) != 2 || strings.Join(d.OnlyOld, "") != "s: left" || strings.Join(d.OnlyNew, "") != "s: came" {
			t.Errorf("%s: %d changes, only old %q, only new %q", tt.better, len(got), d.OnlyOld, d.OnlyNew)
		}
		if n := len(d.Regressions()); n != map[Kind]int{Loss: 1, Gain: 0}[tt.want] {
			t.Errorf("%s: %d regressions", tt.better, n)
		}
	}
}

// A rival that got worse is no regression.
func TestDiff_rivals(t *testing.T) {
	d := Diff(paired(Lower, map[string]float64{"rival": 1}), paired(Lower, map[string]float64{"rival": 2}))
	if len(d.Changes) != 1 || d.Changes[0].Kind != Loss || len(d.Regressions()) != 0 {
		t.Errorf("%+v", d)
	}
}

// Without a base the values themselves are compared.
func TestDiff_noBase(t *testing.T) {
	old, now := paired(Lower, map[string]float64{"geist": 1}), paired(Lower, map[string]float64{"geist": 9})
	for _, r := range []*Run{old, now} {
		r.Scenes[0].Bases = nil
		r.Scenes[0].Contenders = r.Scenes[0].Contenders[1:]
	}
	d := Diff(old, now)
	if len(d.Changes) != 1 || d.Changes[0].Base != "" || d.Changes[0].Ratio.Median != 9 {
		t.Errorf("%+v", d.Changes)
	}
}

func TestTarget_verdict(t *testing.T) {
	most, least, parity := Target{Bound: 1.1}, Target{Bound: 0.95, Least: true}, Target{Bound: 1.02, Include: true}
	for _, tt := range []struct {
		target    Target
		low, high float64
		want      Verdict
	}{
		{most, 1, 1.1, Met}, {most, 1, 1.2, Undecided}, {most, 1.11, 1.2, Missed},
		{least, 0.95, 2, Met}, {least, 0.9, 1, Undecided}, {least, 0.5, 0.94, Missed},
		{parity, 0.9, 0.95, Met}, {parity, 1, 1.5, Met}, {parity, 1.03, 1.5, Missed},
	} {
		tt.target.Measure = func(*Run) (Estimate, string) { return Estimate{(tt.low + tt.high) / 2, tt.low, tt.high}, "" }
		if got := tt.target.Judge(nil).Verdict; got != tt.want {
			t.Errorf("bound %v, interval %v–%v: %s, want %s", tt.target.Bound, tt.low, tt.high, got, tt.want)
		}
	}
	none := Target{Measure: func(*Run) (Estimate, string) { return Estimate{}, "no scene" }}
	if o := none.Judge(nil); o.Verdict != NotMeasured || o.Why != "no scene" {
		t.Errorf("%+v", o)
	}
}
