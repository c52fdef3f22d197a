package validate

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-playground/validator/v10"
)

// quick is what can be said about a value without validator, which allocates for every
// field that it sees. What it says to be right is right; anything else is left to
// validator to judge and to name (BenchmarkValidate).
//
//	"omitempty,min=2,email" → omit, checks [min], rest "email"
type quick struct {
	index  int  // of a field
	omit   bool // the zero value is right
	checks []func(v reflect.Value) bool
	rest   string // rules that validator is asked about, of this value alone
}

// right reports whether a value is right beyond doubt.
func (q *quick) right(v *Validator, at reflect.Value) bool {
	if q.omit && at.IsZero() {
		return true
	}
	for _, check := range q.checks {
		if !check(at) {
			return false
		}
	}
	return q.rest == "" || v.rules.Var(at.Interface(), q.rest) == nil
}

// right reports whether a struct is right beyond doubt, without what its fields lead to.
func (p *plan) right(v *Validator, s reflect.Value) bool {
	if !p.quick {
		return false
	}
	for i := range p.fields {
		if q := &p.fields[i]; !q.right(v, s.Field(q.index)) {
			return false
		}
	}
	for i := range p.steps {
		if st := &p.steps[i]; st.value.embedded && !st.value.plan.right(v, s.Field(st.index)) {
			return false
		}
	}
	return true
}

// quick returns what can be said of the rules of a type, and false if that is nothing.
func (v *Validator) quick(t reflect.Type, rules []string) (q quick, ok bool) {
	if v.setUp || t.Implements(valuerType) || reflect.PointerTo(t).Implements(valuerType) {
		return q, false
	}
	if len(rules) > 0 && (rules[0] == "omitempty" || rules[0] == "omitnil") {
		q.omit = rules[0] == "omitempty"
		rules = rules[1:]
	}
	var rest []string
	for _, rule := range rules {
		key, param, _ := strings.Cut(rule, "=")
		if omits(rule) || besideFields[key] {
			return q, false
		}
		if check := quickCheck(t, key, param); check != nil && !v.own[key] {
			q.checks = append(q.checks, check)
		} else {
			rest = append(rest, rule)
		}
	}
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface {
		return q, false
	}
	q.rest = strings.Join(rest, ",")
	return q, true
}

var (
	valuerType   = reflect.TypeFor[validator.Valuer]()
	durationType = reflect.TypeFor[time.Duration]()
)

// quickCheck returns the check of one rule, or nil.
func quickCheck(t reflect.Type, rule, param string) func(reflect.Value) bool {
	if t == durationType {
		return nil
	}
	kind := t.Kind()
	switch {
	case rule == "required" && kind != reflect.Struct:
		return func(v reflect.Value) bool { return !v.IsZero() }
	case rule == "oneof" && kind == reflect.String && !strings.ContainsAny(param, "'|") && !strings.Contains(param, "0x"):
		words := strings.Fields(param)
		return func(v reflect.Value) bool { return slices.Contains(words, v.String()) }
	}
	switch {
	case kind == reflect.String && param == "" && forms[rule] != nil:
		form := forms[rule]
		return func(v reflect.Value) bool { return form(v.String()) }
	case kind == reflect.String:
		return compared(rule, param, decimal, func(v reflect.Value) int64 { return int64(utf8.RuneCountInString(v.String())) })
	case kind == reflect.Slice || kind == reflect.Map || kind == reflect.Array:
		return compared(rule, param, decimal, func(v reflect.Value) int64 { return int64(v.Len()) })
	case reflect.Int <= kind && kind <= reflect.Int64:
		return compared(rule, param, decimal, reflect.Value.Int)
	case reflect.Uint <= kind && kind <= reflect.Uintptr:
		return compared(rule, param, func(s string) (uint64, error) { return strconv.ParseUint(s, 10, 64) }, reflect.Value.Uint)
	case kind == reflect.Float64:
		return compared(rule, param, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) }, reflect.Value.Float)
	}
	return nil
}

func decimal(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) }

// compared returns the check of a rule that compares a size with its parameter, or nil.
func compared[N int64 | uint64 | float64](rule, param string, parse func(string) (N, error), size func(reflect.Value) N) func(reflect.Value) bool {
	if len(param) > 1 && param[0] == '0' && param[1] != '.' {
		return nil // validator reads octal numbers
	}
	limit, err := parse(param)
	if err != nil {
		return nil
	}
	switch rule {
	case "min", "gte":
		return func(v reflect.Value) bool { return size(v) >= limit }
	case "max", "lte":
		return func(v reflect.Value) bool { return size(v) <= limit }
	case "gt":
		return func(v reflect.Value) bool { return size(v) > limit }
	case "lt":
		return func(v reflect.Value) bool { return size(v) < limit }
	case "len":
		return func(v reflect.Value) bool { return size(v) == limit }
	}
	return nil
}

// forms are rules about the form of a text, less permissive than validator's.
var forms = map[string]func(s string) bool{
	"alpha":    func(s string) bool { return consistsOf(s, isLetter) },
	"alphanum": func(s string) bool { return consistsOf(s, isLetterOrDigit) },
	"email":    plainEmail,
	"uuid":     plainUUID,
}

// consistsOf reports whether s has nothing but some characters, and at least one.
func consistsOf(s string, is func(r rune) bool) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !is(r) })
}

func isLetter(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }

func isLetterOrDigit(r rune) bool { return isLetter(r) || '0' <= r && r <= '9' }

// plainEmail reports whether s is an address as most are: words with dots between them, an
// @, and a domain whose last label has letters only.
func plainEmail(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || len(local) > 64 || len(domain) > 253 || !words(local, "_+-") || !words(domain, "-") {
		return false
	}
	i := strings.LastIndexByte(domain, '.')
	return i >= 0 && len(domain)-i > 2 && consistsOf(domain[i+1:], isLetter)
}

// words reports whether s is words of letters and digits, with dots between them and, but
// not at their ends, other characters in them.
func words(s, other string) bool {
	inside := false // the last character was a letter or digit
	for i := range len(s) {
		switch b := s[i]; {
		case isLetterOrDigit(rune(b)):
			inside = true
		case inside && (b == '.' || strings.IndexByte(other, b) >= 0):
			inside = false
		default:
			return false
		}
	}
	return inside
}

// plainUUID reports whether s has the form 8-4-4-4-12, in hexadecimal digits.
func plainUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		b := s[i]
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if b != '-' {
				return false
			}
		} else if !('0' <= b && b <= '9' || 'a' <= b && b <= 'f' || 'A' <= b && b <= 'F') {
			return false
		}
	}
	return true
}
