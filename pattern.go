package geist

import (
	"fmt"
	"sort"
	"strings"
)

// pattern is one parsed route pattern. An optional last parameter gives two patterns.
//
//	"/files/:name.:ext"  segs  static "files" | lits "", ".", ""  params name, ext
//	"/users/:id<int>"    segs  static "users" | lits "", ""       params id with one constraint
//	"/users/"            segs  static "users" | static ""
//	"/static/*path"      segs  static "static" | wild, params path
type pattern struct {
	src   string // as registered, with the optional mark
	segs  []segment
	names []string // of the parameters, from left to right
}

// endsInSlash reports whether paths with a slash at their end, other than "/", may match.
// Parameters are never empty, so that only a slash of the pattern or a wildcard can.
func (p *pattern) endsInSlash() bool {
	last := p.segs[len(p.segs)-1]
	return last.wild || len(p.segs) > 1 && len(last.params) == 0 && last.lits[0] == ""
}

// segment is what stands between two slashes of a pattern, decoded.
type segment struct {
	lits   []string // the text around the parameters: always one more than params
	params []param
	wild   bool // a wildcard: params has its name, lits is empty text
}

// param is one parameter of a segment.
type param struct {
	name string
	cons []constraint
}

// Ranks order the kinds of segments, best first. Between rankText and rankTyped lie the segments
// with literal text, the longer text the smaller.
const (
	rankStatic  uint32 = iota << 16
	rankText           // text around parameters
	rankTyped          // int, uuid, date
	rankBuiltin        // other built-in constraints
	rankCustom
	rankRegex
	rankPlain
	rankWild
)

// maxConstrainedText is how long, in decoded bytes, a segment may be to match a pattern segment
// that mixes text with constrained parameters. Such a match may have to try many ways to divide the
// segment; the bound keeps a hostile request cheap.
const maxConstrainedText = 255

// maxPath is the longest path that spans can point into.
const maxPath = 1<<16 - 1

func (s *segment) static() bool { return len(s.params) == 0 }

// whole reports whether s is one parameter without text around it.
func (s *segment) whole() bool {
	return !s.wild && len(s.params) == 1 && s.lits[0] == "" && s.lits[1] == ""
}

func (s *segment) constrained() bool {
	for i := range s.params {
		if len(s.params[i].cons) > 0 {
			return true
		}
	}
	return false
}

// rank places s among the segments that may match one segment of a path.
func (s *segment) rank() uint32 {
	switch {
	case s.static():
		return rankStatic
	case s.wild:
		return rankWild
	case s.whole():
		return s.params[0].rank()
	}
	n := 0
	for _, lit := range s.lits {
		n += len(lit)
	}
	return rankText + 1<<16 - 1 - uint32(min(n, 1<<16-1))
}

// rank is that of the best constraint.
func (p *param) rank() uint32 {
	best := rankPlain
	for i := range p.cons {
		best = min(best, p.cons[i].rank())
	}
	return best
}

func (c *constraint) rank() uint32 {
	switch c.kind {
	case conInt, conUUID, conDate:
		return rankTyped
	case conCustom:
		return rankCustom
	case conRegex:
		return rankRegex
	default:
		return rankBuiltin
	}
}

// ok reports whether v, which is not empty, satisfies every constraint.
func (p *param) ok(v string) bool {
	for i := range p.cons {
		if !p.cons[i].ok(v) {
			return false
		}
	}
	return true
}

// shape is equal for segments that match the same values and capture alike, whatever the names.
func (s *segment) shape() string {
	var b strings.Builder
	if s.wild {
		return "*"
	}
	for i, lit := range s.lits {
		b.WriteString(lit)
		if i == len(s.params) {
			break
		}
		b.WriteByte(1)
		texts := make([]string, 0, 2)
		for _, c := range s.params[i].cons {
			texts = append(texts, c.text)
		}
		sort.Strings(texts)
		b.WriteString(strings.Join(texts, ";"))
		b.WriteByte(2)
	}
	return b.String()
}

// key is equal for patterns of equal rank in every segment whose static segments are equal. Only
// such patterns can conflict.
func (p *pattern) key() string {
	var b strings.Builder
	for i := range p.segs {
		s := &p.segs[i]
		b.WriteByte('/')
		if s.static() {
			b.WriteString(s.lits[0])
			continue
		}
		r := s.rank()
		b.Write([]byte{1, byte(r >> 16), byte(r >> 8), byte(r)})
	}
	return b.String()
}

// better reports whether p wins over q where both match: the rank decides, a segment at a time.
func (p *pattern) better(q *pattern) bool {
	for i := range min(len(p.segs), len(q.segs)) {
		if a, b := p.segs[i].rank(), q.segs[i].rank(); a != b {
			return a < b
		}
	}
	return false
}

// folded returns p with its text in lower case, for a tree that ignores case. Constraints stay.
func (p *pattern) folded() *pattern {
	q := *p
	q.segs = make([]segment, len(p.segs))
	for i, s := range p.segs {
		lits := make([]string, len(s.lits))
		for j, lit := range s.lits {
			lits[j] = string(foldASCII(nil, lit))
		}
		s.lits = lits
		q.segs[i] = s
	}
	return &q
}

// String writes the pattern in its syntax. The two patterns of an optional parameter are written
// without the mark: "/users" and "/users/:id".
func (p *pattern) String() string {
	var b strings.Builder
	for i := range p.segs {
		b.WriteByte('/')
		p.segs[i].write(&b)
	}
	return b.String()
}

func (s *segment) write(b *strings.Builder) {
	if s.wild {
		b.WriteString("*" + s.params[0].name)
		return
	}
	for i, lit := range s.lits {
		for j := range len(lit) {
			c := lit[j]
			// Text after a bare name must not read as more name; only an escape of a name byte
			// could say that, and the parser never produces it.
			if strings.IndexByte(escapable, c) >= 0 {
				b.WriteByte('\\')
			}
			b.WriteByte(c)
		}
		if i < len(s.params) {
			s.params[i].write(b)
		}
	}
}

func (p *param) write(b *strings.Builder) {
	b.WriteString(":" + p.name)
	for i, c := range p.cons {
		b.WriteByte("<;"[min(i, 1)])
		b.WriteString(c.text)
	}
	if len(p.cons) > 0 {
		b.WriteByte('>')
	}
}

// match reports whether s, which is not static and not wild, matches path[off:end], and captures
// its parameters from index k on. Text is compared with path, constraints judge orig, which
// differs from path only in case.
func (s *segment) match(path, orig string, off, end int, cs *captures, k int) bool {
	if s.whole() {
		if end == off || !s.params[0].ok(orig[off:end]) {
			return false
		}
		cs.set(k, off, end)
		return true
	}
	first, last := s.lits[0], s.lits[len(s.params)]
	if end-off < len(first)+len(last)+1 || path[off:off+len(first)] != first || path[end-len(last):end] != last {
		return false
	}
	if s.constrained() {
		return end-off <= maxConstrainedText && s.matchConstrained(path, orig, off, end-len(last), cs, k)
	}
	return s.matchText(path, off+len(first), end-len(last), cs, k)
}

// matchText divides path[off:stop] at the texts between parameters that have no constraints. Taking
// the first place for each is shortest first, and leaves the most room for the rest: no need to go
// back.
func (s *segment) matchText(path string, off, stop int, cs *captures, k int) bool {
	for _, lit := range s.lits[1:len(s.params)] {
		if off >= stop {
			return false
		}
		i := strings.Index(path[off+1:stop], lit)
		if i < 0 {
			return false
		}
		cs.set(k, off, off+1+i)
		k++
		off += 1 + i + len(lit)
	}
	if off >= stop {
		return false
	}
	cs.set(k, off, stop)
	return true
}

// textMatch is one attempt to divide a segment among constrained parameters.
type textMatch struct {
	seg        *segment
	path, orig string
	base, stop int // the segment is path[base:stop] and the last text
	cs         *captures
	k          int
	// few[j], beyond its length more, has bit x when parameters j and later cannot begin at base+x.
	few  [16][4]uint64
	more [][4]uint64
}

func (s *segment) matchConstrained(path, orig string, off, stop int, cs *captures, k int) bool {
	m := textMatch{seg: s, path: path, orig: orig, base: off, stop: stop, cs: cs, k: k}
	if n := len(s.params) - len(m.few); n > 0 {
		m.more = make([][4]uint64, n)
	}
	return m.from(0, off+len(s.lits[0]))
}

// dead returns the word and the bit that say whether the parameters from j on, at off, have failed.
func (m *textMatch) dead(j, off int) (word *uint64, bit uint64) {
	x := uint(off - m.base)
	if j < len(m.few) {
		return &m.few[j][x>>6], 1 << (x & 63)
	}
	return &m.more[j-len(m.few)][x>>6], 1 << (x & 63)
}

// from matches the parameters j and later from off on, the shortest value of each first.
func (m *textMatch) from(j, off int) bool {
	if off >= m.stop {
		return false
	}
	word, bit := m.dead(j, off)
	if *word&bit != 0 {
		return false
	}
	if m.divide(j, off) {
		return true
	}
	*word |= bit
	return false
}

// divide tries the ends of parameter j, which begins at off. What follows an end is looked up first
// when it is known to fail: that is cheaper than a constraint.
func (m *textMatch) divide(j, off int) bool {
	p := &m.seg.params[j]
	if j == len(m.seg.params)-1 {
		if !p.ok(m.orig[off:m.stop]) {
			return false
		}
		m.cs.set(m.k+j, off, m.stop)
		return true
	}
	lit := m.seg.lits[j+1]
	for end := off + 1; end < m.stop; end++ {
		i := strings.Index(m.path[end:m.stop], lit)
		if i < 0 {
			return false
		}
		end += i
		next := end + len(lit)
		if next >= m.stop {
			return false
		}
		if word, bit := m.dead(j+1, next); *word&bit != 0 {
			continue
		}
		if p.ok(m.orig[off:end]) && m.from(j+1, next) {
			m.cs.set(m.k+j, off, end)
			return true
		}
	}
	return false
}

// patternError says what is wrong with a pattern, where, and what to change.
type patternError struct {
	src string
	off int // in bytes
	msg string
}

func (e *patternError) Error() string {
	return fmt.Sprintf("pattern %q, byte %d: %s", e.src, e.off, e.msg)
}
