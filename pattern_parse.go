package geist

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// escapable lists the characters that a backslash makes literal in a pattern.
const escapable = `:*\<?`

// patternParser reads one pattern from left to right; off is the next byte.
type patternParser struct {
	src      string
	off      int
	custom   func(string) (func(string) bool, bool)
	names    []string
	optional bool // the last segment ended with the optional mark
}

// parsePattern parses the syntax of DESIGN §3. custom finds the application's constraints by name
// and may be nil. The result is one pattern, or two when the last parameter is optional: the one
// without it first. Errors are of type *patternError.
func parsePattern(src string, custom func(string) (func(string) bool, bool)) ([]*pattern, error) {
	p := &patternParser{src: src, custom: custom}
	if err := p.checkText(); err != nil {
		return nil, err
	}
	var segs []segment
	for p.off < len(src) {
		p.off++ // the slash
		seg, err := p.segment()
		if err != nil {
			return nil, err
		}
		segs = append(segs, seg)
	}
	full := &pattern{src: src, segs: segs, names: p.names}
	if !p.optional {
		return []*pattern{full}, nil
	}
	short := &pattern{src: src, segs: segs[:len(segs)-1], names: p.names[:len(p.names)-1]}
	if len(short.segs) == 0 {
		short.segs = []segment{{lits: []string{""}}}
	}
	return []*pattern{short, full}, nil
}

// checkText finds what may stand nowhere in a pattern.
func (p *patternParser) checkText() error {
	if !strings.HasPrefix(p.src, "/") {
		return p.errorf(0, "a pattern begins with a slash; write %q", "/"+p.src)
	}
	if len(p.src) > maxPath {
		return p.errorf(maxPath, "longer than any path that is served; shorten it")
	}
	for i, r := range p.src {
		switch {
		case r < ' ' || r == 0x7f:
			return p.errorf(i, "control character %q; remove it", r)
		case r == utf8.RuneError && !strings.HasPrefix(p.src[i:], "\uFFFD"):
			return p.errorf(i, "not UTF-8; write the pattern as decoded text")
		}
	}
	return nil
}

func (p *patternParser) errorf(off int, format string, args ...any) error {
	return &patternError{src: p.src, off: off, msg: fmt.Sprintf(format, args...)}
}

// segment parses up to the next slash or the end.
func (p *patternParser) segment() (segment, error) {
	start := p.off
	var s segment
	var lit []byte
	for p.off < len(p.src) && p.src[p.off] != '/' {
		c := p.src[p.off]
		switch c {
		case ':':
			if len(s.params) > 0 && len(lit) == 0 {
				return s, p.errorf(p.off, "two parameters touch; put literal text between them, as in :from-:to")
			}
			par, err := p.param()
			if err != nil {
				return s, err
			}
			s.lits, s.params, lit = append(s.lits, string(lit)), append(s.params, par), nil
			continue
		case '*':
			if p.off != start {
				return s, p.errorf(p.off, `a wildcard is a whole segment; put a slash before it, or write \* for a star`)
			}
			return p.wildcard()
		case '?':
			if err := p.optionalMark(&s, lit); err != nil {
				return s, err
			}
			continue
		}
		b, err := p.literal(c)
		if err != nil {
			return s, err
		}
		lit = append(lit, b)
	}
	s.lits = append(s.lits, string(lit))
	return s, p.checkStatic(&s, start)
}

// literal takes one byte of text.
func (p *patternParser) literal(c byte) (byte, error) {
	switch c {
	case '#':
		return 0, p.errorf(p.off, "a fragment never reaches a server; remove the #")
	case '%':
		return 0, p.errorf(p.off, "patterns are written decoded; write the character itself instead of a percent escape, such as /a b for /a%%20b")
	case '\\':
		if p.off+1 == len(p.src) || strings.IndexByte(escapable, p.src[p.off+1]) < 0 {
			return 0, p.errorf(p.off, `a backslash may only stand before one of %s; write \\ for a backslash`, escapable)
		}
		p.off++
		c = p.src[p.off]
	}
	p.off++
	return c, nil
}

func (p *patternParser) checkStatic(s *segment, start int) error {
	if !s.static() {
		return nil
	}
	switch s.lits[0] {
	case "":
		if p.off < len(p.src) {
			return p.errorf(start, "empty segment; remove one slash")
		}
	case ".", "..":
		return p.errorf(start, "a dot segment never reaches a route; remove %q", s.lits[0])
	}
	return nil
}

// optionalMark takes the '?' that makes a last whole-segment parameter optional.
func (p *patternParser) optionalMark(s *segment, lit []byte) error {
	switch {
	case len(s.params) == 0:
		return p.errorf(p.off, `a query is not part of a pattern; remove it, or write \? for a literal question mark`)
	case len(s.params) > 1 || s.lits[0] != "" || len(lit) > 0:
		return p.errorf(p.off, `only a parameter that is a whole segment can be optional; remove the text around it, or write \? for a literal question mark`)
	case p.off+1 < len(p.src):
		return p.errorf(p.off, "only the last parameter can be optional, and nothing may follow its mark; register the patterns separately")
	}
	p.off++
	p.optional = true
	return nil
}

func (p *patternParser) wildcard() (segment, error) {
	p.off++
	name, err := p.name("wildcard", "*path")
	if err != nil {
		return segment{}, err
	}
	if p.off < len(p.src) {
		switch p.src[p.off] {
		case '<':
			return segment{}, p.errorf(p.off, "a wildcard takes no constraint; check its value in the handler")
		case '?':
			return segment{}, p.errorf(p.off, "a wildcard cannot be optional; register the pattern without it as well")
		}
		return segment{}, p.errorf(p.off, "a wildcard is the last segment; remove what follows *%s", name)
	}
	return segment{wild: true, lits: []string{"", ""}, params: []param{{name: name}}}, nil
}

// param parses ":name" and its constraints.
func (p *patternParser) param() (param, error) {
	p.off++
	name, err := p.name("parameter", ":id")
	if err != nil {
		return param{}, err
	}
	par := param{name: name}
	if p.off < len(p.src) && p.src[p.off] == '<' {
		par.cons, err = p.constraints()
	}
	return par, err
}

// name parses a name that the pattern does not have yet.
func (p *patternParser) name(what, example string) (string, error) {
	start := p.off
	name := p.identifier()
	if name == "" {
		return "", p.errorf(start, `a %s needs a name of ASCII letters, digits and _ that begins with no digit, as in %s; write \%s for the character itself`, what, example, example[:1])
	}
	if slices.Contains(p.names, name) {
		return "", p.errorf(start, "the name %q is used twice; rename one", name)
	}
	p.names = append(p.names, name)
	return name, nil
}

// identifier takes the longest [A-Za-z_][A-Za-z0-9_]*, which may be empty.
func (p *patternParser) identifier() string {
	start := p.off
	for p.off < len(p.src) {
		c := p.src[p.off]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_'
		if !letter && (p.off == start || c < '0' || c > '9') {
			break
		}
		p.off++
	}
	return p.src[start:p.off]
}

// constraints parses "<int;min(1)>".
func (p *patternParser) constraints() ([]constraint, error) {
	open := p.off
	var cons []constraint
	for {
		p.off++ // '<' or ';'
		start := p.off
		name := p.identifier()
		if name == "" {
			return nil, p.errorf(start, "a constraint needs a name, as in <int>")
		}
		arg, called, err := p.argument(name)
		if err != nil {
			return nil, err
		}
		c, err := newConstraint(name, arg, called, p.custom)
		if err != nil {
			return nil, p.errorf(start, "%v", err)
		}
		cons = append(cons, c)
		if p.off == len(p.src) {
			return nil, p.errorf(open, "the constraint is not closed; add a >")
		}
		switch p.src[p.off] {
		case '>':
			p.off++
			return cons, nil
		case ';':
		default:
			return nil, p.errorf(p.off, "%q cannot follow the constraint %s; use ; before another one or > to end", p.src[p.off], name)
		}
	}
}

// argument parses the parentheses after a constraint's name, if any.
func (p *patternParser) argument(name string) (arg string, called bool, err error) {
	if p.off == len(p.src) || p.src[p.off] != '(' {
		return "", false, nil
	}
	n := strings.IndexByte(p.src[p.off:], ')')
	if name == "regex" {
		n = closingParen(p.src[p.off:])
	}
	if n < 0 {
		return "", false, p.errorf(p.off, "the parenthesis of %s is not closed; add a )", name)
	}
	arg = p.src[p.off+1 : p.off+n]
	p.off += n + 1
	return arg, true, nil
}

// closingParen returns the offset of the parenthesis that closes the one at s[0], or -1, reading s
// as a regular expression: escaped parentheses and those in classes do not count.
func closingParen(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '[':
			i += classLen(s[i:]) - 1
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

// classLen returns the length of the character class that s begins with: "[^])(]" is 6.
func classLen(s string) int {
	i := 1
	if strings.HasPrefix(s[i:], "^") {
		i++
	}
	if strings.HasPrefix(s[i:], "]") {
		i++
	}
	for ; i < len(s); i++ {
		switch s[i] {
		case ']':
			return i + 1
		case '\\':
			i++
		case '[':
			if strings.HasPrefix(s[i:], "[:") {
				if n := strings.Index(s[i:], ":]"); n > 0 {
					i += n + 1
				}
			}
		}
	}
	return len(s)
}
