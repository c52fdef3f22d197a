package routemodel

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// segment is text and parameters in turn; texts is one longer than params.
type segment struct {
	src    string
	texts  []string
	params []param
	wild   bool
}

type param struct {
	tests []test
}

// test is one constraint: its class as a rank and what it accepts.
type test struct {
	class  int
	custom bool
	accept func(string) bool
}

// Classes in the order of their rank.
const (
	classStatic = iota
	classText
	classTyped
	classBuiltin
	classCustom
	classRegex
	classPlain
	classWild
)

var (
	wildRE  = regexp.MustCompile(`^\*[A-Za-z_]\w*$`)
	paramRE = regexp.MustCompile(`^:[A-Za-z_]\w*`)
	callRE  = regexp.MustCompile(`^(min|max|range|len|minlen|maxlen)\(([-0-9, ]+)\)$`)
)

// parse reads a valid pattern; it is lenient, for the real parser's errors are tested elsewhere.
func parse(src string, custom map[string]func(string) bool) ([][]segment, error) {
	optional := strings.HasSuffix(src, "?") && !strings.HasSuffix(src, `\?`)
	var segs []segment
	for _, text := range split(strings.TrimPrefix(src, "/"), '/') {
		last := len(segs)
		if optional {
			text = strings.TrimSuffix(text, "?")
		}
		s, err := parseSegment(text, custom)
		if err != nil {
			return nil, fmt.Errorf("routemodel: %q, segment %d: %w", src, last, err)
		}
		segs = append(segs, s)
	}
	if !optional {
		return [][]segment{segs}, nil
	}
	short := segs[:len(segs)-1]
	if len(short) == 0 {
		short = []segment{{texts: []string{""}}}
	}
	return [][]segment{short, segs}, nil
}

// depths returns for each byte of s how deep it lies in <> and (), starting at depth; a bracket
// itself counts as outside, an escaped byte as very deep. Parentheses in classes do not count.
func depths(s string, depth int) []int {
	out := make([]int, len(s))
	round, class := 0, false
	for i := 0; i < len(s); i++ {
		out[i] = depth + round
		switch c := s[i]; {
		case class:
			class = c != ']'
		case c == '[' && round > 0:
			class = true
		case c == '\\' && i+1 < len(s):
			i++
			out[i] = 1 << 20
		case c == '<' && round == 0:
			depth++
		case c == '>' && round == 0 && depth > 0:
			depth--
			out[i]--
		case c == '(' && depth > 0:
			round++
		case c == ')' && depth > 0:
			round--
			out[i]--
		}
	}
	return out
}

// split splits s at the separators that lie outside of all brackets.
func split(s string, sep byte) []string {
	var parts []string
	start := 0
	for i, d := range depths(s, 0) {
		if d == 0 && s[i] == sep {
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

func parseSegment(text string, custom map[string]func(string) bool) (segment, error) {
	s := segment{src: text}
	if wildRE.MatchString(text) {
		s.wild, s.params = true, []param{{}}
		return s, nil
	}
	lit := ""
	for text != "" {
		if name := paramRE.FindString(text); name != "" {
			p, rest, err := parseTests(text[len(name):], custom)
			if err != nil {
				return s, err
			}
			s.texts, s.params, lit, text = append(s.texts, lit), append(s.params, p), "", rest
			continue
		}
		if text[0] == '\\' {
			text = text[1:]
		}
		lit += text[:1]
		text = text[1:]
	}
	s.texts = append(s.texts, lit)
	return s, nil
}

// parseTests reads "<int;min(1)>" if text begins with it.
func parseTests(text string, custom map[string]func(string) bool) (p param, rest string, err error) {
	if !strings.HasPrefix(text, "<") {
		return p, text, nil
	}
	deep := depths(text, 0)
	start := 1
	for i := 1; i < len(text); i++ {
		if text[i] == ';' && deep[i] == 1 || text[i] == '>' && deep[i] == 0 {
			t, err := parseTest(text[start:i], custom)
			if err != nil {
				return p, "", err
			}
			p.tests = append(p.tests, t)
			start = i + 1
			if text[i] == '>' {
				return p, text[start:], nil
			}
		}
	}
	return p, "", fmt.Errorf("%q is not closed", text)
}

var (
	intRE   = regexp.MustCompile(`^-?[0-9]+$`)
	uuidRE  = regexp.MustCompile(`^[[:xdigit:]]{8}(-[[:xdigit:]]{4}){3}-[[:xdigit:]]{12}$`)
	dateRE  = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
	alphaRE = regexp.MustCompile(`^[A-Za-z]+$`)
)

func parseTest(text string, custom map[string]func(string) bool) (test, error) {
	switch text {
	case "int":
		return test{classTyped, false, func(v string) bool { return number(v) != nil }}, nil
	case "uuid":
		return test{classTyped, false, uuidRE.MatchString}, nil
	case "date":
		return test{classTyped, false, isDay}, nil
	case "alpha":
		return test{classBuiltin, false, alphaRE.MatchString}, nil
	}
	if inner, ok := strings.CutPrefix(text, "regex("); ok {
		re, err := regexp.Compile("^(?:" + strings.TrimSuffix(inner, ")") + ")$")
		if err != nil {
			return test{}, err
		}
		return test{classRegex, false, re.MatchString}, nil
	}
	if call := callRE.FindStringSubmatch(text); call != nil {
		return parseCall(call[1], strings.Split(call[2], ","))
	}
	if accept := custom[text]; accept != nil {
		return test{classCustom, true, accept}, nil
	}
	return test{}, fmt.Errorf("constraint %q", text)
}

func parseCall(name string, args []string) (test, error) {
	lo, hi := int64(-1<<63), int64(1<<63-1)
	first, err := strconv.ParseInt(strings.TrimSpace(args[0]), 10, 64)
	if err != nil {
		return test{}, err
	}
	last, err := strconv.ParseInt(strings.TrimSpace(args[len(args)-1]), 10, 64)
	if err != nil {
		return test{}, err
	}
	switch name {
	case "min", "minlen":
		lo = first
	case "max", "maxlen":
		hi = first
	default:
		lo, hi = first, last
	}
	if strings.Contains(name, "len") {
		return test{classBuiltin, false, func(v string) bool {
			n := int64(utf8.RuneCountInString(v))
			return lo <= n && n <= hi
		}}, nil
	}
	return test{classBuiltin, false, func(v string) bool {
		n := number(v)
		return n != nil && lo <= n.Int64() && n.Int64() <= hi
	}}, nil
}

// number returns the value of an optional minus and digits, nil if v is none or fits no int64.
func number(v string) *big.Int {
	if !intRE.MatchString(v) {
		return nil
	}
	n, ok := new(big.Int).SetString(v, 10)
	if !ok || !n.IsInt64() {
		return nil
	}
	return n
}

func isDay(v string) bool {
	_, err := time.Parse(time.DateOnly, v)
	return err == nil && dateRE.MatchString(v)
}

// rank is the class, and for text its length.
func (s *segment) rank() [2]int {
	switch {
	case s.wild:
		return [2]int{classWild, 0}
	case len(s.params) == 0:
		return [2]int{classStatic, 0}
	}
	if text := strings.Join(s.texts, ""); text != "" {
		return [2]int{classText, len(text)}
	}
	best := classPlain
	for _, t := range s.params[0].tests {
		best = min(best, t.class)
	}
	return [2]int{best, 0}
}

// match matches one decoded segment. With lax, custom constraints accept everything.
func (s *segment) match(value string, fold, lax bool) (values []string, ok bool) {
	tested := false
	for _, p := range s.params {
		tested = tested || len(p.tests) > 0
	}
	if tested && strings.Join(s.texts, "") != "" && len(value) > 255 {
		return nil, false
	}
	return s.divide(0, value, fold, lax)
}

// divide matches the text i, the parameter after it and so on against all of rest.
func (s *segment) divide(i int, rest string, fold, lax bool) (values []string, ok bool) {
	text := s.texts[i]
	if len(rest) < len(text) || !same(rest[:len(text)], text, fold) {
		return nil, false
	}
	rest = rest[len(text):]
	if i == len(s.params) {
		return nil, rest == ""
	}
	for n := 1; n <= len(rest); n++ {
		if !s.params[i].accepts(rest[:n], lax) {
			continue
		}
		if tail, ok := s.divide(i+1, rest[n:], fold, lax); ok {
			return append([]string{rest[:n]}, tail...), true
		}
	}
	return nil, false
}

func (p *param) accepts(v string, lax bool) bool {
	for _, t := range p.tests {
		if !(lax && t.custom) && !t.accept(v) {
			return false
		}
	}
	return true
}

// same compares texts, where case does not matter only that of ASCII.
func same(a, b string, fold bool) bool {
	if !fold {
		return a == b
	}
	lower := func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r - 'A' + 'a'
		}
		return r
	}
	return strings.Map(lower, a) == strings.Map(lower, b)
}
