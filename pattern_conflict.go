package geist

import (
	"math"
	"slices"
	"strings"
)

// maxIndexedText bounds how much of a text conflictKeys looks at.
const maxIndexedText = 16

// conflictKeys returns the keys under which the patterns stand that p may conflict with, and those
// under which p itself is to be found. Without text around parameters both are p.key. With it, the
// text that the first such segment begins with is looked at as well, because it must begin with
// the other's or the other way round: ten thousand routes "/f1-:id", "/f2-:id" and so on must not
// be compared each with each.
//
//	"/ab:x"  find  key=  key=a  key=ab  key>ab     store  key=ab  key>  key>a
func (p *pattern) conflictKeys() (find, store []string) {
	key := p.key()
	i := slices.IndexFunc(p.segs, func(s segment) bool { return !s.static() && !s.wild && !s.whole() })
	if i < 0 {
		return []string{key}, []string{key}
	}
	text := p.segs[i].lits[0]
	text = text[:min(len(text), maxIndexedText)]
	for n := range len(text) + 1 {
		find = append(find, key+"\x00="+text[:n])
		if n < len(text) {
			store = append(store, key+"\x00>"+text[:n])
		}
	}
	return append(find, key+"\x00>"+text), append(store, key+"\x00="+text)
}

// overlaps reports whether p and q, which have equal keys, can match one same path. Where that
// cannot be decided simply, as for custom constraints, they are assumed to.
func (p *pattern) overlaps(q *pattern, fold bool) bool {
	for i := range p.segs {
		if !segmentsOverlap(&p.segs[i], &q.segs[i], fold) {
			return false
		}
	}
	return true
}

// segmentsOverlap reports whether one value can match both a and b, which have equal rank.
func segmentsOverlap(a, b *segment, fold bool) bool {
	if a.static() || a.wild {
		return true // equal keys: the same text
	}
	if a.whole() {
		return paramsOverlap(&a.params[0], &b.params[0])
	}
	if !affixesAgree(a, b) {
		return false
	}
	if !a.constrained() && !b.constrained() {
		return true // the longer affixes with enough text between them match both
	}
	if len(a.params) == 1 && len(b.params) == 1 && a.lits[0] == b.lits[0] && a.lits[1] == b.lits[1] {
		return paramsOverlap(&a.params[0], &b.params[0])
	}
	_, common := intersect([]string{a.expr(fold), b.expr(fold)}, true)
	return common
}

// affixesAgree reports whether the text that a and b begin with, and the text that they end with,
// can be the same.
func affixesAgree(a, b *segment) bool {
	x, y := a.lits[0], b.lits[0]
	if !strings.HasPrefix(x, y) && !strings.HasPrefix(y, x) {
		return false
	}
	x, y = a.lits[len(a.params)], b.lits[len(b.params)]
	return strings.HasSuffix(x, y) || strings.HasSuffix(y, x)
}

// paramsOverlap reports whether one value can satisfy the constraints of both.
func paramsOverlap(p, q *param) bool {
	if len(p.cons) == 0 || len(q.cons) == 0 {
		return true
	}
	_, common := p.common(q)
	return common
}

// common returns a value that satisfies p and q.
func (p *param) common(q *param) (string, bool) {
	ints, lens := bounds{math.MinInt64, math.MaxInt64, false}, bounds{1, math.MaxInt64, false}
	for _, par := range []*param{p, q} {
		for _, c := range par.cons {
			switch c.kind {
			case conInt, conRange:
				ints.narrow(c.lo, c.hi)
			case conLen:
				lens.narrow(c.lo, c.hi)
			}
		}
	}
	if ints.lo > ints.hi || lens.lo > lens.hi {
		return "", false
	}
	exprs := append(p.limits(), q.limits()...)
	if ints.set {
		exprs = append(exprs, intervalExpr(ints.lo, ints.hi))
	}
	if lens.set {
		exprs = append(exprs, lens.expr(`(?s:.)`))
	}
	return intersect(exprs, false)
}

// bounds is an interval that constraints narrow.
type bounds struct {
	lo, hi int64
	set    bool
}

func (b *bounds) narrow(lo, hi int64) {
	b.lo, b.hi, b.set = max(b.lo, lo), min(b.hi, hi), true
}

// conflictText says what is the matter with two conflicting patterns, with an example where one is
// found: "both match /a/x".
func conflictText(p, q *pattern, fold bool) string {
	if fold {
		p, q = p.folded(), q.folded()
	}
	path, ok := commonPath(p, q, fold)
	if !ok {
		return "neither is more specific, and both may match one same path"
	}
	return "both match " + path
}

// commonPath returns a path, escaped, that p and q match.
func commonPath(p, q *pattern, fold bool) (string, bool) {
	var plain, escaped []byte
	for i := range p.segs {
		value, ok := commonSegment(&p.segs[i], &q.segs[i], fold)
		if !ok {
			return "", false
		}
		plain = append(append(plain, '/'), strings.ReplaceAll(value, "/", "\x00")...)
		escaped = appendPathEscaped(append(escaped, '/'), value)
	}
	if !p.matches(string(plain)) || !q.matches(string(plain)) {
		return "", false
	}
	return string(escaped), true
}

func commonSegment(a, b *segment, fold bool) (string, bool) {
	switch {
	case a.static():
		return a.lits[0], true
	case a.wild:
		return "x", true
	case a.whole():
		return a.params[0].common(&b.params[0])
	}
	return intersect([]string{a.expr(fold), b.expr(fold)}, true)
}

// matches reports whether p alone matches the decoded path.
func (p *pattern) matches(path string) bool {
	t := newTree(false)
	t.add(p, nil)
	t.freeze()
	return t.walk(path, path, new(captures), nil) != nil
}
