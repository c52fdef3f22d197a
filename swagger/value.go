package swagger

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// object is a JSON object whose members keep the order in which they were set.
// Values are nil, bool, string, int, int64, uint64, float64, json.Number, []any and
// *object. Documents are built of them, and written as JSON and as YAML.
type object struct {
	names  []string
	values []any
}

// obj returns an object of pairs of names and values.
func obj(pairs ...any) *object {
	o := &object{}
	for i := 0; i < len(pairs); i += 2 {
		o.set(pairs[i].(string), pairs[i+1])
	}
	return o
}

// set adds a member, or replaces the value of one that is there.
func (o *object) set(name string, value any) {
	for i, n := range o.names {
		if n == name {
			o.values[i] = value
			return
		}
	}
	o.names, o.values = append(o.names, name), append(o.values, value)
}

// add is set for what says something: it leaves out nil, "", false, and lists and
// objects without members.
func (o *object) add(name string, value any) {
	switch v := value.(type) {
	case nil:
		return
	case string:
		if v == "" {
			return
		}
	case bool:
		if !v {
			return
		}
	case []any:
		if len(v) == 0 {
			return
		}
	case *object:
		if v.len() == 0 {
			return
		}
	}
	o.set(name, value)
}

// get returns the value of a member, or nil; a nil object has none.
func (o *object) get(name string) any {
	if o == nil {
		return nil
	}
	for i, n := range o.names {
		if n == name {
			return o.values[i]
		}
	}
	return nil
}

// child returns the member that is an object, made where it is missing.
func (o *object) child(name string) *object {
	if c, ok := o.get(name).(*object); ok {
		return c
	}
	c := &object{}
	o.set(name, c)
	return c
}

// remove takes a member out.
func (o *object) remove(name string) {
	for i, n := range o.names {
		if n == name {
			o.names, o.values = slices.Delete(o.names, i, i+1), slices.Delete(o.values, i, i+1)
			return
		}
	}
}

// prune takes out the members that are objects without members.
func (o *object) prune() {
	for i := len(o.names) - 1; i >= 0; i-- {
		if c, ok := o.values[i].(*object); ok && c.len() == 0 {
			o.remove(o.names[i])
		}
	}
}

// len returns the number of members; a nil object has none.
func (o *object) len() int {
	if o == nil {
		return 0
	}
	return len(o.names)
}

// list makes a list of strings.
func list(texts []string) []any {
	l := make([]any, len(texts))
	for i, t := range texts {
		l[i] = t
	}
	return l
}

// appendJSON appends v as JSON, indented by two spaces a level.
func appendJSON(dst []byte, v any, depth int) []byte {
	switch v := v.(type) {
	case *object:
		return appendBraced(dst, '{', '}', v.len(), depth, func(dst []byte, i int) []byte {
			dst = append(appendQuoted(dst, v.names[i]), ':', ' ')
			return appendJSON(dst, v.values[i], depth+1)
		})
	case []any:
		return appendBraced(dst, '[', ']', len(v), depth, func(dst []byte, i int) []byte {
			return appendJSON(dst, v[i], depth+1)
		})
	case string:
		return appendQuoted(dst, v)
	}
	return appendScalar(dst, v)
}

func appendBraced(dst []byte, open, end byte, n, depth int, each func(dst []byte, i int) []byte) []byte {
	dst = append(dst, open)
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = each(appendLine(dst, depth+1), i)
	}
	if n > 0 {
		dst = appendLine(dst, depth)
	}
	return append(dst, end)
}

// appendLine begins a line at a depth.
func appendLine(dst []byte, depth int) []byte {
	return append(append(dst, '\n'), strings.Repeat("  ", depth)...)
}

// appendScalar appends what JSON and YAML write alike.
func appendScalar(dst []byte, v any) []byte {
	switch v := v.(type) {
	case bool:
		return strconv.AppendBool(dst, v)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case uint64:
		return strconv.AppendUint(dst, v, 10)
	case float64:
		if b, err := json.Marshal(v); err == nil {
			return append(dst, b...)
		}
	case json.Number:
		return append(dst, v...)
	}
	return append(dst, "null"...)
}

// appendQuoted appends s as a JSON string, which is one of YAML too. What is not UTF-8
// becomes U+FFFD.
func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, '\\', 'n')
		case r == '\t':
			dst = append(dst, '\\', 't')
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff:
			const digits = "0123456789abcdef"
			dst = append(dst, '\\', 'u', digits[r>>12], digits[r>>8&15], digits[r>>4&15], digits[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}

// parseJSON reads one JSON value and keeps the order of its members.
func parseJSON(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := parseValue(d)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is text behind the value")
	}
	return v, nil
}

func parseValue(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		o := &object{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			value, err := parseValue(d)
			if err != nil {
				return nil, err
			}
			o.set(name.(string), value) // a key is a string, or Token fails
		}
		_, err := d.Token()
		return o, err
	case json.Delim('['):
		items := []any{}
		for d.More() {
			item, err := parseValue(d)
			if err != nil {
				return nil, err
			}
			items = append(items, item)
		}
		_, err := d.Token()
		return items, err
	}
	return token, nil
}
