package geist

import (
	"errors"
	"strings"
)

// hostLabel is a host pattern with one {name} label: prefix, label, suffix.
type hostLabel struct {
	prefix, suffix, name string
	table                *table
}

// newHostLabel splits a checked host pattern at its {name} label.
func newHostLabel(host string, t *table) hostLabel {
	open, end := strings.IndexByte(host, '{'), strings.IndexByte(host, '}')
	return hostLabel{prefix: host[:open], name: host[open+1 : end], suffix: host[end+1:], table: t}
}

// match returns the value of the label if host matches: one label, not empty.
func (h *hostLabel) match(host string) (label string, ok bool) {
	if len(host) <= len(h.prefix)+len(h.suffix) || !strings.HasPrefix(host, h.prefix) || !strings.HasSuffix(host, h.suffix) {
		return "", false
	}
	label = host[len(h.prefix) : len(host)-len(h.suffix)]
	return label, strings.IndexByte(label, '.') < 0
}

// checkHostPattern reports what is wrong with a host pattern.
func checkHostPattern(pattern string) error {
	labels := strings.Split(strings.TrimSuffix(pattern, "."), ".")
	params := 0
	for _, label := range labels {
		switch {
		case label == "":
			return errors.New("a label is empty: write a name such as api.example.com")
		case strings.HasPrefix(label, "{") && strings.HasSuffix(label, "}"):
			if !validParamName(label[1 : len(label)-1]) {
				return errors.New("the name in braces is not a name: use letters, digits and _")
			}
			params++
		case !validAll(label, isHostByte):
			return errors.New("a label holds other characters than letters, digits, - and _ (or is in part a {name}, which must be a whole label); leave out scheme and port")
		}
	}
	if params > 1 {
		return errors.New("only one label may be a {name}")
	}
	return nil
}

// normalHost returns a host pattern in the form that requests are compared with.
func normalHost(pattern string) string {
	labels := strings.Split(strings.TrimSuffix(pattern, "."), ".")
	for i, label := range labels {
		if !strings.HasPrefix(label, "{") {
			labels[i] = strings.ToLower(label)
		}
	}
	return strings.Join(labels, ".")
}

// validParamName reports whether s can name a parameter.
func validParamName(s string) bool {
	for i := range len(s) {
		b := s[i]
		letter := 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || b == '_'
		if !letter && (i == 0 || b < '0' || b > '9') {
			return false
		}
	}
	return s != ""
}

// isBuiltinConstraint reports whether a constraint of that name is built in.
func isBuiltinConstraint(name string) bool {
	_, ok := constraintArity[name]
	return ok || name == "regex"
}
