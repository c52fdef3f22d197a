package geist

import (
	"fmt"
	"math"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Whether two constrained segments can match one same value is decided on their languages: each
// constraint becomes a regular expression, and a breadth-first search walks the product of their
// programs until all accept. Where an expression cannot say all of a constraint, it says less, so
// that the answer errs towards "they can".

const (
	anyExpr   = `(?s:.+)`
	uuidExpr  = `[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`
	dateExpr  = `[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|[12][0-9]))`
	alphaExpr = `[A-Za-z]+`
)

// maxProduct bounds the search; beyond it the answer is "they can".
const maxProduct = 1 << 14

// expr is the language of a segment. Of several constraints on one parameter it keeps one.
func (s *segment) expr(fold bool) string {
	var b strings.Builder
	for i, lit := range s.lits {
		flags := "(?:"
		if fold {
			flags = "(?i:"
		}
		b.WriteString(flags + regexp.QuoteMeta(lit) + ")")
		if i < len(s.params) {
			b.WriteString(s.params[i].expr())
		}
	}
	return b.String()
}

// expr is the language of p: the bounds of its integers if it has any, else letters of the wanted
// number, else its first constraint.
func (p *param) expr() string {
	ints, lens := bounds{math.MinInt64, math.MaxInt64, false}, bounds{1, math.MaxInt64, false}
	for _, c := range p.cons {
		switch c.kind {
		case conInt, conRange:
			ints.narrow(c.lo, c.hi)
		case conLen:
			lens.narrow(c.lo, c.hi)
		}
	}
	if ints.set {
		return intervalExpr(ints.lo, ints.hi)
	}
	own := p.limits()
	switch {
	case len(own) == 0:
		return lens.expr(`(?s:.)`)
	case slices.Contains(own, alphaExpr):
		return lens.expr(`[A-Za-z]`)
	}
	return own[0]
}

// limits are the languages of the constraints that are no intervals. Custom ones have none.
func (p *param) limits() []string {
	var exprs []string
	for _, c := range p.cons {
		switch c.kind {
		case conUUID:
			exprs = append(exprs, uuidExpr)
		case conDate:
			exprs = append(exprs, dateExpr)
		case conAlpha:
			exprs = append(exprs, alphaExpr)
		case conRegex:
			exprs = append(exprs, "(?:"+c.arg+")")
		}
	}
	return exprs
}

// expr is the language of so many characters of a class; regexp counts to 1,000 only.
func (b *bounds) expr(class string) string {
	switch {
	case b.lo > 1000:
		return class + `{1000,}`
	case b.hi > 1000:
		return fmt.Sprintf(`%s{%d,}`, class, max(b.lo, 1))
	}
	return fmt.Sprintf(`%s{%d,%d}`, class, max(b.lo, 1), b.hi)
}

// intervalExpr is the language of the integers lo..hi, leading zeros included. The bounds of int64
// count as none.
func intervalExpr(lo, hi int64) string {
	if lo > hi {
		return `[^\x{0}-\x{10FFFF}]`
	}
	var alts []string
	if lo <= 0 && hi >= 0 {
		alts = append(alts, `-?0+`)
	}
	if hi > 0 {
		alts = append(alts, `0*(?:`+digitsExpr(uint64(max(lo, 1)), uint64(hi))+`)`)
	}
	if lo < 0 {
		alts = append(alts, `-0*(?:`+digitsExpr(-uint64(min(hi, -1)), -uint64(lo))+`)`)
	}
	return "(?:" + strings.Join(alts, "|") + ")"
}

// digitsExpr is the language of the numbers lo..hi, 0 < lo, without leading zeros.
func digitsExpr(lo, hi uint64) string {
	var alts []string
	for n := len(strconv.FormatUint(lo, 10)); ; n++ {
		from := max(lo, pow10(n-1))
		if hi >= math.MaxInt64 { // no upper bound
			alts = append(alts, sameLengthExpr(strconv.FormatUint(from, 10), strings.Repeat("9", n)))
			return strings.Join(append(alts, fmt.Sprintf(`[1-9][0-9]{%d,}`, n)), "|")
		}
		if hi < pow10(n) {
			alts = append(alts, sameLengthExpr(strconv.FormatUint(from, 10), strconv.FormatUint(hi, 10)))
			return strings.Join(alts, "|")
		}
		alts = append(alts, sameLengthExpr(strconv.FormatUint(from, 10), strings.Repeat("9", n)))
	}
}

func pow10(n int) uint64 {
	x := uint64(1)
	for range n {
		x *= 10
	}
	return x
}

// sameLengthExpr is the language of the numbers lo..hi, which have equally many digits.
func sameLengthExpr(lo, hi string) string {
	if lo == "" {
		return ""
	}
	rest := len(lo) - 1
	zeros, nines := strings.Repeat("0", rest), strings.Repeat("9", rest)
	if lo[1:] == zeros && hi[1:] == nines {
		return fmt.Sprintf(`[%c-%c][0-9]{%d}`, lo[0], hi[0], rest)
	}
	if lo[0] == hi[0] {
		return lo[:1] + "(?:" + sameLengthExpr(lo[1:], hi[1:]) + ")"
	}
	alts := []string{
		lo[:1] + "(?:" + sameLengthExpr(lo[1:], nines) + ")",
		hi[:1] + "(?:" + sameLengthExpr(zeros, hi[1:]) + ")",
	}
	if hi[0]-lo[0] > 1 {
		alts = append(alts, fmt.Sprintf(`[%c-%c][0-9]{%d}`, lo[0]+1, hi[0]-1, rest))
	}
	return strings.Join(alts, "|")
}

// product is the search for a text that all programs accept.
type product struct {
	progs []*syntax.Prog
	inner bool // the users' expressions stand inside others: their ^ and $ say nothing
	seen  map[string]bool
	queue []productState
}

// productState is one state of all programs, the rune that led there and from which state.
type productState struct {
	pcs  []uint32
	from int
	r    rune
}

// intersect returns a shortest non-empty text that matches all the expressions as a whole. If the
// search grows too large it returns "", true: such a text may exist. inner says that the expressions
// contain users' expressions as parts.
func intersect(exprs []string, inner bool) (string, bool) {
	p := &product{seen: map[string]bool{}, inner: inner}
	start := productState{from: -1}
	for _, expr := range append(exprs, anyExpr) {
		re, err := syntax.Parse(expr, syntax.Perl)
		if err != nil {
			return "", true
		}
		prog, err := syntax.Compile(re.Simplify())
		if err != nil {
			return "", true
		}
		p.progs = append(p.progs, prog)
		start.pcs = append(start.pcs, uint32(prog.Start))
	}
	p.push(start)
	for i := 0; i < len(p.queue); i++ { // no range: the queue grows
		if p.accepts(i) {
			return p.text(i), true
		}
		p.expand(i)
		if len(p.queue) > maxProduct {
			return "", true
		}
	}
	return "", false
}

func (p *product) push(s productState) {
	key := make([]byte, 0, 4*len(s.pcs))
	for _, pc := range s.pcs {
		key = append(key, byte(pc), byte(pc>>8), byte(pc>>16), byte(pc>>24))
	}
	if !p.seen[string(key)] {
		p.seen[string(key)] = true
		p.queue = append(p.queue, s)
	}
}

func (p *product) accepts(i int) bool {
	for j, prog := range p.progs {
		if !slices.ContainsFunc(p.closure(i, j, true), func(pc uint32) bool { return prog.Inst[pc].Op == syntax.InstMatch }) {
			return false
		}
	}
	return true
}

// closure lists the instructions of program j that consume a rune or accept, reachable without
// consuming one from state i. Only the assertions of the text's ends are judged; others are taken
// to hold.
func (p *product) closure(i, j int, atEnd bool) []uint32 {
	prog := p.progs[j]
	var out []uint32
	todo, seen := []uint32{p.queue[i].pcs[j]}, map[uint32]bool{}
	for len(todo) > 0 {
		pc := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		switch inst := &prog.Inst[pc]; inst.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			todo = append(todo, inst.Out, inst.Arg)
		case syntax.InstCapture, syntax.InstNop:
			todo = append(todo, inst.Out)
		case syntax.InstEmptyWidth:
			if p.holds(syntax.EmptyOp(inst.Arg), i, atEnd) {
				todo = append(todo, inst.Out)
			}
		case syntax.InstFail:
		default:
			out = append(out, pc)
		}
	}
	return out
}

// holds reports whether an assertion may hold at state i.
func (p *product) holds(need syntax.EmptyOp, i int, atEnd bool) bool {
	if p.inner {
		return true
	}
	atBegin := p.queue[i].from < 0
	return (need&syntax.EmptyBeginText == 0 || atBegin) && (need&syntax.EmptyEndText == 0 || atEnd)
}

// expand pushes the states that one more rune leads to.
func (p *product) expand(i int) {
	insts := make([][]uint32, len(p.progs))
	for j := range p.progs {
		insts[j] = p.closure(i, j, false)
	}
	p.combine(i, insts, nil)
}

// combine tries all ways to take one instruction of each program.
func (p *product) combine(i int, insts [][]uint32, taken []uint32) {
	if len(taken) < len(insts) {
		for _, pc := range insts[len(taken)] {
			if p.progs[len(taken)].Inst[pc].Op != syntax.InstMatch {
				p.combine(i, insts, append(slices.Clip(taken), pc))
			}
		}
		return
	}
	r, ok := p.commonRune(taken)
	if !ok {
		return
	}
	next := productState{from: i, r: r}
	for j, pc := range taken {
		next.pcs = append(next.pcs, p.progs[j].Inst[pc].Out)
	}
	p.push(next)
}

// commonRune finds a rune that all the instructions consume, a readable one if there is one. If
// their sets meet at all, they do in the first rune of some range.
func (p *product) commonRune(pcs []uint32) (rune, bool) {
	candidates := []rune{'x', 'a', 'A', '1', '0', '-'}
	for j, pc := range pcs {
		inst := &p.progs[j].Inst[pc]
		switch inst.Op {
		case syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			candidates = append(candidates, '\n'+1, '\n')
			continue
		}
		for k := 0; k < len(inst.Rune); k += 2 {
			r := inst.Rune[k]
			candidates = append(candidates, r)
			for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
				candidates = append(candidates, f)
			}
		}
	}
	for _, r := range candidates {
		if p.allMatch(pcs, r) {
			return r, true
		}
	}
	return 0, false
}

func (p *product) allMatch(pcs []uint32, r rune) bool {
	for j, pc := range pcs {
		if !p.progs[j].Inst[pc].MatchRune(r) {
			return false
		}
	}
	return true
}

// text is what led to state i.
func (p *product) text(i int) string {
	var runes []rune
	for ; p.queue[i].from >= 0; i = p.queue[i].from {
		runes = append(runes, p.queue[i].r)
	}
	slices.Reverse(runes)
	return string(runes)
}
