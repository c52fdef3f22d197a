package routemodel

import (
	"fmt"
	"strings"
)

// Space answers whether two segments can match one value, by trying values, and remembers the
// answers. It knows enough values for the patterns of the differential test, not for all.
type Space struct {
	values []string
	known  map[string]bool
}

// NewSpace returns a Space that tries all texts of up to two characters of a small alphabet, some
// numbers, and the extra values.
func NewSpace(extra ...string) *Space {
	s := &Space{known: map[string]bool{}, values: extra}
	alphabet := strings.Split("a b x 1 9 - .", " ")
	for _, a := range alphabet {
		s.values = append(s.values, a)
		for _, b := range alphabet {
			s.values = append(s.values, a+b)
		}
	}
	for n := -12; n <= 120; n++ {
		s.values = append(s.values, fmt.Sprint(n))
	}
	return s
}

// meet reports whether some value matches both segments, custom constraints aside.
func (s *Space) meet(a, b *segment, fold bool) bool {
	switch {
	case a.wild:
		return true
	case len(a.params) == 0:
		return same(a.texts[0], b.texts[0], fold)
	}
	key := fmt.Sprint(fold, a.src, " ", b.src)
	known, ok := s.known[key]
	if !ok {
		known = s.fill(a, b, 0, a.texts[0], fold) || s.fill(b, a, 0, b.texts[0], fold)
		s.known[key] = known
	}
	return known
}

// fill gives all values to the parameters i and later of a, and tries the results on b.
func (s *Space) fill(a, b *segment, i int, sofar string, fold bool) bool {
	if i == len(a.params) {
		_, one := a.match(sofar, fold, true)
		_, two := b.match(sofar, fold, true)
		return one && two
	}
	values := append(s.guesses(b), s.values...)
	if len(a.params) > 2 {
		values = values[:min(len(values), 40)]
	}
	for _, v := range values {
		if a.params[i].accepts(v, true) && s.fill(a, b, i+1, sofar+v+a.texts[i+1], fold) {
			return true
		}
	}
	return false
}

// guesses are the values that stretches of b can have, so that a parameter of another segment may
// cover them: "a:x-:y" has "a", "a1", "1", "1-", "a1-", "-1" and so on.
func (s *Space) guesses(b *segment) []string {
	var out []string
	for i, text := range b.texts {
		for cut := range len(text) + 1 {
			s.extend(b, i, text[cut:], &out)
		}
	}
	return out
}

// extend adds sofar, which ends where the parameter i begins, and what can follow it in b.
func (s *Space) extend(b *segment, i int, sofar string, out *[]string) {
	if sofar != "" {
		*out = append(*out, sofar)
	}
	if i == len(b.params) {
		return
	}
	text := b.texts[i+1]
	for _, filler := range s.fillers(&b.params[i]) {
		for cut := range len(text) {
			*out = append(*out, sofar+filler+text[:cut])
		}
		s.extend(b, i+1, sofar+filler+text, out)
	}
}

// fillers are some values that p accepts.
func (s *Space) fillers(p *param) []string {
	var out []string
	for _, v := range append([]string{"x", "1"}, s.values...) {
		if p.accepts(v, true) {
			if out = append(out, v); len(out) == 2 {
				break
			}
		}
	}
	return out
}
