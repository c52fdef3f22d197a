package httpfield

import (
	"strconv"
	"strings"
)

// Full is the weight of what is named without a q.
const Full = 1000

// Quality returns the q of a media range's or coding's parameters, in thousandths:
// Full without one, 0 for one that is malformed.
func Quality(params string) int {
	for params != "" {
		var p string
		p, params, _ = strings.Cut(params, ";")
		name, value, _ := strings.Cut(strings.Trim(p, " \t"), "=")
		if !EqualFold(name, "q") {
			continue
		}
		q, err := strconv.ParseFloat(value, 64)
		if err != nil || !(q >= 0 && q <= 1) {
			return 0
		}
		return int(q * Full)
	}
	return Full
}

// Coding returns how much an Accept-Encoding field likes a coding, in thousandths: by
// its name, else by "*"; 0 if it is not acceptable.
func Coding(accept, coding string) int {
	q := NamedCoding(accept, coding)
	if q < 0 && coding == "gzip" {
		q = NamedCoding(accept, "x-gzip")
	}
	if q < 0 {
		q = NamedCoding(accept, "*")
	}
	return max(q, 0)
}

// NamedCoding returns the weight that an Accept-Encoding field gives a coding by its
// name, or -1 if it does not name it.
func NamedCoding(accept, coding string) int {
	for accept != "" {
		var item string
		item, accept, _ = strings.Cut(accept, ",")
		name, params, _ := strings.Cut(item, ";")
		if EqualFold(strings.Trim(name, " \t"), coding) {
			return Quality(params)
		}
	}
	return -1
}

// Contains reports whether a list of names, such as the value of Vary, has one.
func Contains(list, name string) bool {
	for list != "" {
		var item string
		item, list, _ = strings.Cut(list, ",")
		if EqualFold(strings.Trim(item, " \t"), name) {
			return true
		}
	}
	return false
}

// EqualFold compares ASCII without regard to case.
func EqualFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b | 0x20
	}
	return b
}
