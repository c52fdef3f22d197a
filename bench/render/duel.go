package render

import (
	"cmp"
	"slices"

	"github.com/gogeist/geist/bench/result"
)

// A Duel is geist beside one rival in one variant of a scene.
type Duel struct {
	Scene  *result.Scene
	Metric result.Metric
	// Ours and Rival are the rows.
	Ours, Rival *result.Contender
	// Cost is geist's figure over the rival's, turned round for metrics of which more is
	// better: below 1, geist wins.
	Cost result.Estimate
}

// An Ending is how a duel ends.
type Ending int

const (
	// Won is for intervals below 1.
	Won Ending = iota
	// Level is for those that contain 1.
	Level
	// Lost is for those above.
	Lost
)

// Ending tells who wins.
func (d Duel) Ending() Ending {
	switch {
	case d.Cost.High < 1:
		return Won
	case d.Cost.Low > 1:
		return Lost
	default:
		return Level
	}
}

// Duels returns geist beside every rival of every scene, in the first metric. Floors are no
// rivals.
func Duels(r *result.Run) []Duel {
	var all []Duel
	for _, s := range r.Scenes {
		if len(s.Metrics) == 0 {
			continue
		}
		m := s.Metrics[0]
		for _, c := range s.Contenders {
			ours := s.Champion(c.Variant)
			if ours == nil || c.Ours() || c.Floor {
				continue
			}
			e, ok := s.Ratio(m.Key, ours, c)
			if m.Better == result.Higher {
				e = e.Inverse()
			}
			if ok {
				all = append(all, Duel{s, m, ours, c, e})
			}
		}
	}
	return all
}

// ended returns the duels with an ending, the worst for geist first.
func ended(all []Duel, as Ending) []Duel {
	out := slices.DeleteFunc(slices.Clone(all), func(d Duel) bool { return d.Ending() != as })
	slices.SortStableFunc(out, func(a, b Duel) int { return cmp.Compare(b.Cost.Median, a.Cost.Median) })
	return out
}
