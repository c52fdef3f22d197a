// Package routemodel is the slow, obvious router that the real one is tested against. It shares no
// code with it and takes other ways on purpose: patterns are read by regular expressions, paths are
// split and decoded with net/url, all routes are tried in turn, all divisions of a segment are
// tried, and whether two segments can match one value is found by trying values.
package routemodel

import (
	"net/url"
	"strings"
)

// Model is a list of routes. It is not safe for concurrent use.
type Model struct {
	fold   bool
	custom map[string]func(string) bool
	routes []route
	space  *Space
}

type route struct {
	src  string
	segs []segment
}

// New returns an empty model. fold makes the text of patterns ignore case; custom are the
// application's constraints; space remembers decisions between models and must not be nil.
func New(fold bool, custom map[string]func(string) bool, space *Space) *Model {
	return &Model{fold: fold, custom: custom, space: space}
}

// Add adds the one or two patterns of src. When one of them conflicts with an earlier route it adds
// neither that one nor what follows, and returns that route's source and true. A hint is a raw path
// that two routes are said to match; it counts if they do, for the values that the space knows do
// not show every conflict.
func (m *Model) Add(src string, hints ...string) (other string, conflict bool, err error) {
	variants, err := parse(src, m.custom)
	if err != nil {
		return "", false, err
	}
	for _, segs := range variants {
		r := route{src, segs}
		for _, old := range m.routes {
			if m.conflict(&r, &old, hints) {
				return old.src, true, nil
			}
		}
		m.routes = append(m.routes, r)
	}
	return "", false, nil
}

// Force adds the first n patterns of src without asking whether they conflict.
func (m *Model) Force(src string, n int) error {
	variants, err := parse(src, m.custom)
	for _, segs := range variants[:min(n, len(variants))] {
		m.routes = append(m.routes, route{src, segs})
	}
	return err
}

// Result is the answer to one lookup.
type Result struct {
	Src        string   // the pattern as registered; empty if none matches
	Values     []string // of its parameters, decoded
	Matches    int      // how many routes match
	Backtracks bool     // taking the best segment at each step, never going back, finds another answer
}

// Find looks a raw path up.
func (m *Model) Find(raw string) Result {
	segs := decode(raw)
	var best *route
	var res Result
	for i := range m.routes {
		r := &m.routes[i]
		got, ok := m.match(r, segs)
		if !ok {
			continue
		}
		res.Matches++
		if best == nil || better(r, best) {
			best, res.Src, res.Values = r, r.src, got
		}
	}
	res.Backtracks = best != nil && m.greedy(segs) != best
	return res
}

// decode splits a raw path, which begins with a slash, and decodes its segments; nil if it cannot.
func decode(raw string) []string {
	segs := strings.Split(raw, "/")[1:]
	for i := range segs {
		text, err := url.PathUnescape(segs[i])
		if err != nil {
			return nil
		}
		segs[i] = text
	}
	return segs
}

// matches reports whether r matches a raw path.
func (m *Model) matches(r *route, raw string) bool {
	_, ok := m.match(r, decode(raw))
	return ok
}

// greedy takes the best segment at each step and never goes back.
func (m *Model) greedy(segs []string) *route {
	left := make([]*route, len(m.routes))
	for i := range m.routes {
		left[i] = &m.routes[i]
	}
	for i, seg := range segs {
		var kept []*route
		for _, r := range left {
			if i >= len(r.segs) {
				continue
			}
			if s := &r.segs[i]; !s.wild {
				if _, ok := s.match(seg, m.fold, false); !ok {
					continue
				}
			}
			if len(kept) > 0 && beats(&r.segs[i], &kept[0].segs[i]) {
				kept = kept[:0]
			}
			if len(kept) == 0 || r.segs[i].rank() == kept[0].segs[i].rank() {
				kept = append(kept, r)
			}
		}
		left = kept
		if len(left) == 1 && left[0].segs[i].wild {
			return left[0]
		}
	}
	for _, r := range left {
		if len(r.segs) == len(segs) {
			return r
		}
	}
	return nil
}

// match matches decoded segments, one after the other.
func (m *Model) match(r *route, segs []string) (values []string, ok bool) {
	for i, s := range r.segs {
		if s.wild {
			rest := strings.Join(segs[min(i, len(segs)):], "/")
			return append(values, rest), i < len(segs) && rest != ""
		}
		if i >= len(segs) {
			return nil, false
		}
		got, ok := s.match(segs[i], m.fold, false)
		if !ok {
			return nil, false
		}
		values = append(values, got...)
	}
	return values, len(segs) == len(r.segs)
}

// better compares two routes that match one path, a segment at a time.
func better(a, b *route) bool {
	for i := range min(len(a.segs), len(b.segs)) {
		if a.segs[i].rank() != b.segs[i].rank() {
			return beats(&a.segs[i], &b.segs[i])
		}
	}
	return false
}

// beats compares by class, and text by its length.
func beats(a, b *segment) bool {
	x, y := a.rank(), b.rank()
	return x[0] < y[0] || x[0] == y[0] && x[1] > y[1]
}

// conflict reports whether a and b have equal ranks throughout and a path that both match.
func (m *Model) conflict(a, b *route, hints []string) bool {
	if len(a.segs) != len(b.segs) {
		return false
	}
	for i := range a.segs {
		if a.segs[i].rank() != b.segs[i].rank() {
			return false
		}
	}
	for _, hint := range hints {
		if m.matches(a, hint) && m.matches(b, hint) {
			return true
		}
	}
	for i := range a.segs {
		if !m.space.meet(&a.segs[i], &b.segs[i], m.fold) {
			return false
		}
	}
	return true
}
