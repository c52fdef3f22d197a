package swagger

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// maxShown bounds the values that stand in a finding.
const maxShown = 20

// maxFindings bounds what is said of one value.
const maxFindings = 20

// judgement goes over a JSON value beside a schema as this package makes them, and
// collects what does not fit. Values are nil, bool, string, json.Number, []any and
// map[string]any. Schemas refer to components by themselves, not by a path.
//
// A closed judgement also reports members that a schema with properties does not list,
// unless it says additionalProperties: the codec writes no others.
type judgement struct {
	closed   bool
	pointer  []byte
	findings []string
}

// judge returns what is wrong with a value, a sentence each with a JSON Pointer in front.
func judge(schema *object, v any, closed bool) []string {
	j := judgement{closed: closed, pointer: []byte{'#'}}
	j.value(schema, v)
	return j.findings
}

func (j *judgement) finding(format string, args ...any) {
	if len(j.findings) < maxFindings {
		j.findings = append(j.findings, string(j.pointer)+": "+fmt.Sprintf(format, args...))
	}
}

// into makes the pointer that of a member or an element.
func (j *judgement) into(token string) {
	j.pointer = append(append(j.pointer, '/'), strings.NewReplacer("~", "~0", "/", "~1").Replace(token)...)
}

// at judges a member or an element.
func (j *judgement) at(token string, schema *object, v any) {
	back := len(j.pointer)
	j.into(token)
	j.value(schema, v)
	j.pointer = j.pointer[:back]
}

// tell reports a member as a whole.
func (j *judgement) tell(token, text string) {
	back := len(j.pointer)
	j.into(token)
	j.finding("%s", text)
	j.pointer = j.pointer[:back]
}

// try returns what one of several schemas says of a value.
func (j *judgement) try(schema *object, v any, closed bool) []string {
	one := judgement{closed: closed, pointer: slices.Clone(j.pointer)}
	one.value(schema, v)
	return one.findings
}

// value judges a value.
func (j *judgement) value(s *object, v any) {
	if len(j.findings) >= maxFindings || s == nil {
		return
	}
	if c, ok := s.get("$ref").(*component); ok {
		j.value(c.schema, v)
		return
	}
	if !j.kind(s, v) {
		return // what else there is to say follows from that
	}
	j.values(s, v)
	j.combined(s, v)
	switch v := v.(type) {
	case string:
		j.text(s, v)
	case json.Number:
		j.number(s, v)
	case []any:
		j.list(s, v)
	case map[string]any:
		j.members(s, v)
	}
}

// kind judges the type.
func (j *judgement) kind(s *object, v any) bool {
	var want []string
	switch t := s.get("type").(type) {
	case string:
		want = []string{t}
	case []any:
		for _, one := range t {
			name, _ := one.(string)
			want = append(want, name)
		}
	default:
		return true
	}
	got := kindOf(v)
	if slices.Contains(want, got) || got == "integer" && slices.Contains(want, "number") {
		return true
	}
	j.finding("is %s, must be %s", got, strings.Join(want, " or "))
	return false
}

// kindOf returns the type of a value in the words of JSON Schema.
func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case json.Number:
		if n := rational(v); n != nil && n.IsInt() {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	}
	return "object"
}

// values judges enum and const.
func (j *judgement) values(s *object, v any) {
	if all, ok := s.get("enum").([]any); ok && !slices.ContainsFunc(all, func(one any) bool { return equal(one, v) }) {
		if len(all) > maxShown {
			j.finding("is none of the %d values that are described", len(all))
		} else {
			j.finding("is not one of the values %s", appendFlat(nil, all))
		}
	}
	if slices.Contains(s.names, "const") && !equal(s.get("const"), v) {
		j.finding("is not %s", appendFlat(nil, s.get("const")))
	}
}

// appendFlat appends a value of a schema as JSON on one line.
func appendFlat(dst []byte, v any) []byte {
	text := strings.ReplaceAll(string(appendJSON(nil, v, 0)), "\n", "")
	return append(dst, strings.Join(strings.Fields(text), " ")...)
}

// equal reports whether a value of a schema and one of a document are the same.
func equal(a, b any) bool {
	switch a := a.(type) {
	case []any:
		l, ok := b.([]any)
		return ok && slices.EqualFunc(a, l, equal)
	case *object:
		m, ok := b.(map[string]any)
		if !ok || len(m) != a.len() {
			return false
		}
		for i, name := range a.names {
			v, there := m[name]
			if !there || !equal(a.values[i], v) {
				return false
			}
		}
		return true
	case map[string]any:
		m, ok := b.(map[string]any)
		if !ok || len(m) != len(a) {
			return false
		}
		for name, v := range a {
			if w, there := m[name]; !there || !equal(v, w) {
				return false
			}
		}
		return true
	case nil, bool, string:
		return a == b
	}
	x, y := rational(a), rational(b)
	return x != nil && y != nil && x.Cmp(y) == 0
}

// maxExponent bounds the numbers that are worked out exactly.
const maxExponent = 400

// rational returns a number of a schema or a document, or nil.
func rational(v any) *big.Rat {
	switch v.(type) {
	case int, int64, uint64, float64, json.Number:
	default:
		return nil
	}
	text := string(appendScalar(nil, v))
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		if e, ok := new(big.Int).SetString(strings.TrimPrefix(text[i+1:], "+"), 10); !ok || e.CmpAbs(big.NewInt(maxExponent)) > 0 {
			return nil
		}
	}
	n, ok := new(big.Rat).SetString(text)
	if !ok {
		return nil
	}
	return n
}

// combined judges the keywords that hold other schemas for the same value.
func (j *judgement) combined(s *object, v any) {
	all, _ := s.get("allOf").([]any)
	for _, one := range all {
		for _, f := range j.try(one.(*object), v, j.closed && len(all) == 1 && s.get("properties") == nil) {
			j.add(f)
		}
	}
	if forms, ok := s.get("anyOf").([]any); ok {
		j.either(s, forms, v, false)
	}
	if forms, ok := s.get("oneOf").([]any); ok {
		j.either(s, forms, v, true)
	}
	if not, ok := s.get("not").(*object); ok && len(j.try(not, v, false)) == 0 {
		j.finding("is what it must not be: %s", appendFlat(nil, not))
	}
	if cond, ok := s.get("if").(*object); ok {
		branch := "else"
		if len(j.try(cond, v, false)) == 0 {
			branch = "then"
		}
		if b, ok := s.get(branch).(*object); ok {
			for _, f := range j.try(b, v, false) {
				j.add(f)
			}
		}
	}
}

func (j *judgement) add(finding string) {
	if len(j.findings) < maxFindings {
		j.findings = append(j.findings, finding)
	}
}

// either judges anyOf and oneOf. Where one of the forms is meant, by its discriminator or
// because the others are null, its findings are told.
func (j *judgement) either(s *object, forms []any, v any, exactly bool) {
	fit := 0
	var meant []string
	told := 0
	for _, form := range forms {
		found := j.try(form.(*object), v, j.closed)
		if len(found) == 0 {
			fit++
			continue
		}
		if form.(*object).get("type") != "null" {
			told++
			meant = found
		}
	}
	if fit == 1 || fit > 1 && !exactly {
		return
	}
	if fit > 1 {
		j.finding("fits %d of the forms, of which it must be one", fit)
		return
	}
	if d, ok := s.get("discriminator").(*object); ok {
		if found, ok := j.discriminated(d, v); ok {
			meant, told = found, 1
		}
	}
	if told == 1 {
		for _, f := range meant {
			j.add(f)
		}
		return
	}
	j.finding("fits none of the %d forms that it may have", len(forms))
}

// discriminated judges a value by the form that its discriminator names.
func (j *judgement) discriminated(d *object, v any) (findings []string, ok bool) {
	o, ok := v.(map[string]any)
	if !ok {
		return nil, false
	}
	property, _ := d.get("propertyName").(string)
	tag, _ := o[property].(string)
	mapping, _ := d.get("mapping").(*object)
	c, ok := mapping.get(tag).(*component)
	if !ok {
		one := judgement{pointer: slices.Clone(j.pointer)}
		if _, there := o[property]; there {
			one.tell(property, "names none of the forms")
		} else {
			one.tell(property, "is missing")
		}
		return one.findings, true
	}
	return j.try(c.schema, v, j.closed), true
}
