package geist

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// build appends to dst the path that p matches with these values, one for each parameter from left
// to right. Values are escaped, so that a lookup of the result gives them back; a value for which
// that cannot hold is an error. Accepted are strings, integers, floats, bools, types based on them,
// encoding.TextMarshaler and fmt.Stringer.
func (p *pattern) build(dst []byte, params []any) ([]byte, error) {
	if len(params) != len(p.names) {
		return dst, p.countError(len(params))
	}
	for i := range p.segs {
		s := &p.segs[i]
		values := make([]string, len(s.params))
		for j := range values {
			v, err := paramText(params[j])
			if err == nil {
				err = s.params[j].check(v)
			}
			if err != nil {
				return dst, fmt.Errorf("pattern %q, parameter %s: %w", p.src, s.params[j].name, err)
			}
			values[j] = v
		}
		params = params[len(values):]
		var err error
		if dst, err = s.build(append(dst, '/'), values); err != nil {
			return dst, fmt.Errorf("pattern %q: %w", p.src, err)
		}
	}
	return dst, nil
}

func (p *pattern) countError(got int) error {
	if len(p.names) == 0 {
		return fmt.Errorf("pattern %q takes no values, got %d", p.src, got)
	}
	return fmt.Errorf("pattern %q takes %d values (%s), got %d", p.src, len(p.names), strings.Join(p.names, ", "), got)
}

// check reports why v cannot be a value of p.
func (p *param) check(v string) error {
	if v == "" {
		return errors.New("the value is empty, but a parameter never is")
	}
	if strings.IndexByte(v, 0) >= 0 {
		return fmt.Errorf("the value %q contains NUL, which no path can", v)
	}
	for i := range p.cons {
		if c := &p.cons[i]; !c.ok(v) {
			return fmt.Errorf("the value %q does not satisfy <%s>", v, c.text)
		}
	}
	return nil
}

// build appends s with the values in place of its parameters.
func (s *segment) build(dst []byte, values []string) ([]byte, error) {
	if s.wild {
		return buildWild(dst, values[0])
	}
	var text strings.Builder
	text.WriteString(s.lits[0])
	for i, v := range values {
		text.WriteString(v)
		text.WriteString(s.lits[i+1])
	}
	if err := s.checkBuilt(text.String(), values); err != nil {
		return dst, err
	}
	return appendPathEscaped(dst, text.String()), nil
}

// checkBuilt makes sure that matching the decoded text gives the values back.
func (s *segment) checkBuilt(text string, values []string) error {
	if text == "." || text == ".." {
		return fmt.Errorf("%q cannot be a segment of a path, escaped or not", text)
	}
	if s.static() {
		return nil
	}
	var cs captures
	matched := s.match(text, text, 0, len(text), &cs, 0)
	for i, v := range values {
		if sp := cs.at(i); !matched || text[sp.off:int(sp.off)+int(sp.len)] != v {
			return fmt.Errorf("the segment %q would not be divided into the values %q again", text, values)
		}
	}
	return nil
}

// buildWild appends the value of a wildcard: its slashes separate segments.
func buildWild(dst []byte, v string) ([]byte, error) {
	for i, seg := range strings.Split(v, "/") {
		if i > 0 {
			dst = append(dst, '/')
		}
		switch {
		case seg == "." || seg == "..":
			return dst, fmt.Errorf("the wildcard's value %q has a dot segment", v)
		case seg == "" && (i == 0 || i < strings.Count(v, "/")):
			return dst, fmt.Errorf("the wildcard's value %q has an empty segment; begin it without a slash", v)
		}
		dst = appendPathEscaped(dst, seg)
	}
	return dst, nil
}

// paramText is the text of a value in a path.
func paramText(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case int:
		return strconv.Itoa(v), nil
	case nil:
		return "", errors.New("the value is nil")
	}
	rv := reflect.ValueOf(v)
	if rv.Kind() == reflect.Pointer && rv.IsNil() {
		return "", fmt.Errorf("the value is a nil %T", v)
	}
	switch v := v.(type) {
	case encoding.TextMarshaler:
		b, err := v.MarshalText()
		return string(b), err
	case fmt.Stringer:
		return v.String(), nil
	case []byte:
		return string(v), nil
	}
	return scalarText(rv)
}

func scalarText(v reflect.Value) (string, error) {
	switch {
	case v.Kind() == reflect.String:
		return v.String(), nil
	case v.Kind() == reflect.Bool:
		return strconv.FormatBool(v.Bool()), nil
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10), nil
	case v.CanUint():
		return strconv.FormatUint(v.Uint(), 10), nil
	case v.CanFloat():
		return strconv.FormatFloat(v.Float(), 'f', -1, v.Type().Bits()), nil
	}
	return "", fmt.Errorf("a %s cannot be part of a path; pass text, a number or an encoding.TextMarshaler", v.Type())
}
