package result

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// A Scene is one comparison.
type Scene struct {
	// Name is a path such as "router/github"; Title says what is measured, as half a
	// sentence without a full stop.
	Name  string `json:"name"`
	Title string `json:"title"`
	// Command measures this scene again, in the directory bench.
	Command string `json:"command,omitempty"`
	// Metrics are the columns. The scene is about the first: tables are sorted by it, and
	// charts show it.
	Metrics []Metric `json:"metrics"`
	// Bases are the contenders that others are divided by, in the order of preference: the
	// first that takes part is the scene's base.
	Bases []string `json:"bases,omitempty"`
	// Ordered asks for rows in the order of Contenders, not of the first metric.
	Ordered    bool         `json:"ordered,omitempty"`
	Contenders []*Contender `json:"contenders"`
	Absent     []Absence    `json:"absent,omitempty"`
	Failures   []Failure    `json:"failures,omitempty"`
	// NotMeasured says why the scene did not run at all. Empty means it did.
	NotMeasured string `json:"notMeasured,omitempty"`
	// Notes are sentences without a full stop.
	Notes []string `json:"notes,omitempty"`
	// Seconds is how long the scene took.
	Seconds float64 `json:"seconds,omitempty"`
}

// Better says in which direction a metric improves.
type Better string

const (
	// Lower is for costs.
	Lower Better = "lower"
	// Higher is for rates.
	Higher Better = "higher"
)

// A Metric is one column of a scene.
type Metric struct {
	// Key names it inside the file; Name is the head of its column, without the unit.
	Key  string `json:"key"`
	Name string `json:"name"`
	// Unit is such as "ns/op", "µs/delivery", "KiB/connection", or empty for a count.
	Unit string `json:"unit,omitempty"`
	// Better is [Lower] if it is empty.
	Better Better `json:"better,omitempty"`
	// Digits is the number of digits behind the point in text.
	Digits int `json:"digits"`
	// Ratio asks tables for a column with ratios to the base, Diff for one with differences.
	Ratio bool `json:"ratio,omitempty"`
	Diff  bool `json:"diff,omitempty"`
}

// Head is the name with the unit.
func (m Metric) Head() string {
	if m.Unit == "" {
		return m.Name
	}
	return m.Name + ", " + m.Unit
}

// A Contender is one row of a scene.
type Contender struct {
	// Name is the row's: the peer and the variant.
	Name string `json:"name"`
	// Peer is what was measured, in one configuration; Variant is what was done with it,
	// where a scene has several rows of each peer: "404", "N = 1000". Rows of one variant
	// may be compared. [Contender.Label] makes Name of them.
	Peer    string `json:"peer"`
	Variant string `json:"variant,omitempty"`
	// Base is the row that this one is divided by. Empty means the scene's.
	Base string `json:"base,omitempty"`
	// Floor marks what is no rival but a limit: code by hand, system calls, the harness.
	Floor bool `json:"floor,omitempty"`
	// Note says what is special about it.
	Note string `json:"note,omitempty"`
	// Values are by the metric's key. One that is missing was not measured.
	Values map[string]*Value `json:"values"`
}

// A Value is what one metric of one contender was.
type Value struct {
	Estimate
	// Ratio is the value over that of the base, of ratios within each round; Diff is the
	// difference. Nil where the row is its own base, or the metric does not ask for it.
	Ratio *Estimate `json:"ratio,omitempty"`
	Diff  *Estimate `json:"diff,omitempty"`
	// Samples are the values, one a round, with six digits. All rows of a scene have their
	// rounds in common.
	Samples []float64 `json:"samples"`
}

// An Absence is a peer that takes no part, and why.
type Absence struct {
	Peer   string `json:"peer"`
	Reason string `json:"reason"`
}

// A Failure is a peer that should have taken part, and what went wrong: it did not
// start, answered wrongly, or died in a round.
type Failure struct {
	Peer string `json:"peer"`
	What string `json:"what"`
}

// Label makes the name of a row of its peer and its variant.
func Label(peer, variant string) string {
	if variant == "" {
		return peer
	}
	return peer + ", " + variant
}

// NewContender returns a row of a peer in a variant, which may be empty.
func NewContender(peer, variant string) *Contender {
	return &Contender{Name: Label(peer, variant), Peer: peer, Variant: variant}
}

// Ours reports whether the row is geist's, by its own means.
func (c *Contender) Ours() bool { return strings.HasPrefix(c.Peer, "geist") && !c.Floor }

// Add adds the value of a round to a metric.
func (c *Contender) Add(key string, v float64) {
	if c.Values == nil {
		c.Values = map[string]*Value{}
	}
	if c.Values[key] == nil {
		c.Values[key] = &Value{}
	}
	c.Values[key].Samples = append(c.Values[key].Samples, v)
}

// Samples returns the values of a metric, one a round, or nil.
func (c *Contender) Samples(key string) []float64 {
	if v := c.Values[key]; v != nil {
		return v.Samples
	}
	return nil
}

// Contender returns the row of a name, or nil.
func (s *Scene) Contender(name string) *Contender {
	for _, c := range s.Contenders {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// Metric returns the column of a key.
func (s *Scene) Metric(key string) (Metric, bool) {
	i := slices.IndexFunc(s.Metrics, func(m Metric) bool { return m.Key == key })
	if i < 0 {
		return Metric{}, false
	}
	return s.Metrics[i], true
}

// BaseOf returns the row that c is divided by: its own base, or else the first of Bases
// that takes part. Nil means there is none.
func (s *Scene) BaseOf(c *Contender) *Contender {
	if c.Base != "" {
		return s.Contender(c.Base)
	}
	for _, name := range s.Bases {
		if b := s.Contender(name); b != nil {
			return b
		}
	}
	return nil
}

// Fail records what went wrong with a peer and takes its rows out: what was measured
// before says nothing. Only the first failure of a peer counts.
func (s *Scene) Fail(peer string, err error) {
	s.Contenders = slices.DeleteFunc(s.Contenders, func(c *Contender) bool { return c.Peer == peer })
	if !s.Failed(peer) {
		s.Failures = append(s.Failures, Failure{peer, err.Error()})
	}
}

// Failed reports whether a peer has failed.
func (s *Scene) Failed(peer string) bool {
	return slices.ContainsFunc(s.Failures, func(f Failure) bool { return f.Peer == peer })
}

// Ratio estimates a metric of c over that of base, from the ratios within each round.
// Rounds in which the base is zero do not count. It reports whether there were any.
func (s *Scene) Ratio(key string, c, base *Contender) (Estimate, bool) {
	rs := within(c.Samples(key), base.Samples(key), func(x, y float64) (float64, bool) { return x / y, y != 0 })
	return Median(rs), len(rs) > 0
}

// Diff estimates how much more a metric of c is than that of base, within each round.
func (s *Scene) Diff(key string, c, base *Contender) (Estimate, bool) {
	ds := within(c.Samples(key), base.Samples(key), func(x, y float64) (float64, bool) { return x - y, true })
	return Median(ds), len(ds) > 0
}

// within calls f for the two values of each round.
func within(xs, ys []float64, f func(x, y float64) (float64, bool)) []float64 {
	var out []float64
	for i := range min(len(xs), len(ys)) {
		if v, ok := f(xs[i], ys[i]); ok {
			out = append(out, v)
		}
	}
	return out
}

// Summarise makes medians, ratios and differences of the samples. It is called when a
// scene has ended, or has been stopped.
func (s *Scene) Summarise() {
	for _, c := range s.Contenders {
		for _, v := range c.Values {
			v.Estimate = Median(v.Samples)
		}
		base := s.BaseOf(c)
		if base == nil || base == c {
			continue
		}
		for _, m := range s.Metrics {
			v := c.Values[m.Key]
			if v == nil {
				continue
			}
			if e, ok := s.Ratio(m.Key, c, base); ok && m.Ratio {
				v.Ratio = &e
			}
			if e, ok := s.Diff(m.Key, c, base); ok && m.Diff {
				v.Diff = &e
			}
		}
	}
}

// Champion returns the row that stands for geist in a variant: the first that is its own. Nil
// means that it takes no part.
func (s *Scene) Champion(variant string) *Contender {
	for _, c := range s.Contenders {
		if c.Ours() && c.Variant == variant {
			return c
		}
	}
	return nil
}

func (s *Scene) check() error {
	rows := map[string]bool{}
	for i, c := range s.Contenders {
		if c == nil {
			return fmt.Errorf("contender %d is null", i)
		}
		if rows[c.Name] {
			return fmt.Errorf("two contenders are called %q", c.Name)
		}
		rows[c.Name] = true
		for key, v := range c.Values {
			if _, ok := s.Metric(key); !ok || v == nil {
				return fmt.Errorf("%s has a value of %q, which is no metric of the scene", c.Name, key)
			}
			if slices.ContainsFunc(v.Samples, func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) }) {
				return fmt.Errorf("%s has a value of %q that is no number", c.Name, key)
			}
		}
	}
	return nil
}
