package geist

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// conKind says what a constraint looks at.
type conKind uint8

const (
	conInt    conKind = iota // <int>: an int64
	conUUID                  // <uuid>: 8-4-4-4-12 hexadecimal digits
	conDate                  // <date>: a day of the calendar, YYYY-MM-DD
	conAlpha                 // <alpha>: ASCII letters
	conRange                 // <min(a)> <max(b)> <range(a,b)>: an int64 within lo..hi
	conLen                   // <len(a,b)> <minlen(a)> <maxlen(b)>: lo..hi characters
	conCustom                // a function that the application registered
	conRegex                 // <regex(…)>: RE2, for the whole value
)

// constraint is one condition on a parameter's decoded value.
//
//	<int>          kind conInt, lo and hi the bounds of int64
//	<min(1)>       kind conRange, lo 1, hi MaxInt64
//	<len(2,5)>     kind conLen, lo 2, hi 5; <len(4)> has lo 4, hi 4
//	<regex([a-z])> kind conRegex, re `\A(?:[a-z])\z`, arg "[a-z]"
type constraint struct {
	kind   conKind
	text   string // canonical spelling, "range(1,9)"
	arg    string // the expression inside regex(…)
	lo, hi int64
	re     *regexp.Regexp
	fn     func(string) bool
}

// constraintArity lists the built-in constraints and how many arguments each takes.
// regex is absent because its argument is not a list.
var constraintArity = map[string][2]int{
	"int": {0, 0}, "uuid": {0, 0}, "date": {0, 0}, "alpha": {0, 0},
	"min": {1, 1}, "max": {1, 1}, "range": {2, 2},
	"len": {1, 2}, "minlen": {1, 1}, "maxlen": {1, 1},
}

// ok reports whether v satisfies c. A NUL in v stands for an encoded slash (see decodePath);
// user code is shown the slash.
func (c *constraint) ok(v string) bool {
	switch c.kind {
	case conInt:
		_, ok := parseInt64(v)
		return ok
	case conUUID:
		return isUUID(v)
	case conDate:
		return isDate(v)
	case conAlpha:
		return isAlpha(v)
	case conRange:
		n, ok := parseInt64(v)
		return ok && c.lo <= n && n <= c.hi
	case conLen:
		n := int64(utf8.RuneCountInString(v))
		return c.lo <= n && n <= c.hi
	case conCustom:
		return c.fn(paramValue(v))
	default:
		return c.re.MatchString(paramValue(v))
	}
}

// newConstraint builds the constraint called name with the text between its parentheses;
// called says whether there were any.
func newConstraint(name, arg string, called bool, custom func(string) (func(string) bool, bool)) (constraint, error) {
	if name == "regex" {
		return newRegexConstraint(arg)
	}
	arity, builtin := constraintArity[name]
	if !builtin {
		return newCustomConstraint(name, called, custom)
	}
	nums, err := constraintArgs(name, arg, called, arity)
	if err != nil {
		return constraint{}, err
	}
	c := constraint{lo: math.MinInt64, hi: math.MaxInt64, text: name}
	if len(nums) > 0 {
		c.text = name + "(" + joinInts(nums) + ")"
	}
	switch name {
	case "int":
		c.kind = conInt
	case "uuid":
		c.kind = conUUID
	case "date":
		c.kind = conDate
	case "alpha":
		c.kind = conAlpha
	case "min":
		c.kind, c.lo = conRange, nums[0]
	case "max":
		c.kind, c.hi = conRange, nums[0]
	case "range":
		c.kind, c.lo, c.hi = conRange, nums[0], nums[1]
	case "len":
		c.kind, c.lo, c.hi = conLen, nums[0], nums[len(nums)-1]
	case "minlen":
		c.kind, c.lo = conLen, nums[0]
	case "maxlen":
		c.kind, c.lo, c.hi = conLen, 1, nums[0]
	}
	return c, c.checkBounds()
}

// checkBounds refuses bounds that no value can meet.
func (c *constraint) checkBounds() error {
	if c.kind == conLen && (c.lo < 0 || c.hi < 1) {
		return fmt.Errorf("%s can never match, because a parameter is at least one character long; use positive lengths", c.text)
	}
	if c.lo > c.hi {
		return fmt.Errorf("%s can never match; put the smaller number first", c.text)
	}
	return nil
}

func newRegexConstraint(arg string) (constraint, error) {
	if arg == "" {
		return constraint{}, fmt.Errorf("regex needs an expression, and a parameter is never empty; write it like regex([a-z]+)")
	}
	if _, err := regexp.Compile(arg); err != nil {
		return constraint{}, fmt.Errorf("regex(%s) does not compile (%w); correct it, the syntax is RE2", arg, err)
	}
	re, err := regexp.Compile(`\A(?:` + arg + `)\z`)
	if err != nil {
		return constraint{}, fmt.Errorf("regex(%s) does not compile as a whole (%w); simplify it", arg, err)
	}
	return constraint{kind: conRegex, re: re, arg: arg, text: "regex(" + arg + ")"}, nil
}

func newCustomConstraint(name string, called bool, custom func(string) (func(string) bool, bool)) (constraint, error) {
	if custom != nil {
		if fn, ok := custom(name); ok && fn != nil {
			if called {
				return constraint{}, fmt.Errorf("the custom constraint %s takes no arguments; remove the parentheses", name)
			}
			return constraint{kind: conCustom, fn: fn, text: name}, nil
		}
	}
	return constraint{}, fmt.Errorf("there is no constraint %q; use int, uuid, date, alpha, min, max, range, len, minlen, maxlen or regex, or register it with app.Constraint before the route", name)
}

// constraintArgs parses the integers between the parentheses.
func constraintArgs(name, arg string, called bool, arity [2]int) ([]int64, error) {
	if !called && arity[0] == 0 {
		return nil, nil
	}
	if called && arity[1] == 0 {
		return nil, fmt.Errorf("%s takes no arguments; remove the parentheses", name)
	}
	var nums []int64
	for part := range strings.SplitSeq(arg, ",") {
		n, err := strconv.ParseInt(strings.TrimSpace(part), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s needs whole numbers in its parentheses, like %s; got %q", name, constraintExample(name), arg)
		}
		nums = append(nums, n)
	}
	if len(nums) < arity[0] || len(nums) > arity[1] {
		return nil, fmt.Errorf("%s got %d numbers; write it like %s", name, len(nums), constraintExample(name))
	}
	return nums, nil
}

func constraintExample(name string) string {
	if constraintArity[name][1] == 2 {
		return name + "(2,5)"
	}
	return name + "(2)"
}

func joinInts(nums []int64) string {
	var b []byte
	for i, n := range nums {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, n, 10)
	}
	return string(b)
}

// parseInt64 accepts an optional minus and decimal digits that fit an int64. Unlike
// strconv.ParseInt it takes no plus sign, and it builds no error value for a value that fails.
func parseInt64(v string) (int64, bool) {
	digits := v
	if strings.HasPrefix(v, "-") {
		digits = v[1:]
	}
	if digits == "" {
		return 0, false
	}
	limit := uint64(math.MaxInt64)
	if len(digits) != len(v) {
		limit++
	}
	var n uint64
	for i := range len(digits) {
		d := uint64(digits[i] - '0')
		if d > 9 || n > limit/10 {
			return 0, false
		}
		if n = n*10 + d; n > limit {
			return 0, false
		}
	}
	if len(digits) != len(v) {
		return -int64(n), true // -(1<<63) wraps to itself, which is MinInt64
	}
	return int64(n), true
}

// isUUID accepts 8-4-4-4-12 hexadecimal digits of either case, of any version.
func isUUID(v string) bool {
	if len(v) != 36 {
		return false
	}
	for i := range len(v) {
		switch i {
		case 8, 13, 18, 23:
			if v[i] != '-' {
				return false
			}
		default:
			if !isHex(v[i]) {
				return false
			}
		}
	}
	return true
}

// isDate accepts YYYY-MM-DD when that day exists in the Gregorian calendar, years 0000 to 9999.
func isDate(v string) bool {
	if len(v) != 10 || v[4] != '-' || v[7] != '-' {
		return false
	}
	year, ok1 := parseInt64(v[:4])
	month, ok2 := parseInt64(v[5:7])
	day, ok3 := parseInt64(v[8:])
	if !ok1 || !ok2 || !ok3 || v[0] == '-' || month < 1 || month > 12 || day < 1 {
		return false
	}
	days := [...]int64{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[month-1]
	if month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0) {
		days = 29
	}
	return day <= days
}

func isAlpha(v string) bool {
	for i := range len(v) {
		if c := v[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return v != ""
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}
