package swagger

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"unicode/utf8"
)

// text judges a string.
func (j *judgement) text(s *object, v string) {
	length := int64(utf8.RuneCountInString(v))
	j.sizes(s, length, "minLength", "maxLength", "characters")
	if pattern, ok := s.get("pattern").(string); ok {
		if re, err := regexp.Compile(pattern); err == nil && !re.MatchString(v) {
			j.finding("does not match the pattern %s", pattern)
		}
	}
	if format, ok := s.get("format").(string); ok && !hasFormat(format, v) {
		j.finding("is no %s", format)
	}
	if s.get("contentEncoding") == "base64" {
		if _, err := base64.StdEncoding.DecodeString(v); err != nil {
			j.finding("is no base64")
		}
	}
	if s.get("contentMediaType") == mimeJSON && !json.Valid([]byte(v)) {
		j.finding("is no text that holds JSON")
	}
}

// sizes judges a length by two keywords.
func (j *judgement) sizes(s *object, n int64, least, most, unit string) {
	if b := rational(s.get(least)); b != nil && b.Cmp(big.NewRat(n, 1)) > 0 {
		j.finding("has %d %s, must have at least %s", n, unit, b.RatString())
	}
	if b := rational(s.get(most)); b != nil && b.Cmp(big.NewRat(n, 1)) < 0 {
		j.finding("has %d %s, must have at most %s", n, unit, b.RatString())
	}
}

// number judges a number.
func (j *judgement) number(s *object, v json.Number) {
	n := rational(v)
	if n == nil {
		return
	}
	for _, b := range [...]struct {
		keyword, says string
		passes        func(cmp int) bool
	}{
		{"minimum", "at least", func(c int) bool { return c >= 0 }},
		{"maximum", "at most", func(c int) bool { return c <= 0 }},
		{"exclusiveMinimum", "more than", func(c int) bool { return c > 0 }},
		{"exclusiveMaximum", "less than", func(c int) bool { return c < 0 }},
	} {
		if limit := rational(s.get(b.keyword)); limit != nil && !b.passes(n.Cmp(limit)) {
			j.finding("must be %s %s", b.says, limit.RatString())
		}
	}
	if of := rational(s.get("multipleOf")); of != nil && of.Sign() > 0 && !new(big.Rat).Quo(n, of).IsInt() {
		j.finding("must be a multiple of %s", of.RatString())
	}
	bits := map[any]uint{"int32": 31, "int64": 63}[s.get("format")]
	if bits > 0 && n.IsInt() {
		most := new(big.Int).Lsh(big.NewInt(1), bits)
		if n.Num().Cmp(most) >= 0 || n.Num().Cmp(new(big.Int).Neg(most)) < 0 {
			j.finding("is out of the range of %s", s.get("format"))
		}
	}
}

// list judges an array.
func (j *judgement) list(s *object, v []any) {
	j.sizes(s, int64(len(v)), "minItems", "maxItems", "elements")
	if items, ok := s.get("items").(*object); ok {
		for i, item := range v {
			j.at(decimal(i), items, item)
		}
	}
	if s.get("uniqueItems") == true {
		for i := range v {
			if slices.ContainsFunc(v[:i], func(o any) bool { return equal(o, v[i]) }) {
				j.finding("has an element twice")
				break
			}
		}
	}
	if contains, ok := s.get("contains").(*object); ok &&
		!slices.ContainsFunc(v, func(o any) bool { return len(j.try(contains, o, false)) == 0 }) {
		j.finding("has no element of the kind that it must have")
	}
}

// members judges an object.
func (j *judgement) members(s *object, v map[string]any) {
	j.sizes(s, int64(len(v)), "minProperties", "maxProperties", "members")
	properties, _ := s.get("properties").(*object)
	patterns, _ := s.get("patternProperties").(*object)
	required, _ := s.get("required").([]any)
	for _, name := range required {
		if _, there := v[name.(string)]; !there {
			j.tell(name.(string), "is missing")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if names, ok := s.get("propertyNames").(*object); ok {
			if len(j.try(names, name, false)) > 0 {
				j.finding("has a member whose name is none that it may have: %q", name)
			}
		}
		known := false
		if schema, ok := properties.get(name).(*object); ok {
			known = true
			j.at(name, schema, v[name])
		}
		for i := range patterns.len() {
			if re, err := regexp.Compile(patterns.names[i]); err == nil && re.MatchString(name) {
				known = true
				j.at(name, patterns.values[i].(*object), v[name])
			}
		}
		if !known {
			j.more(s, properties, name, v[name])
		}
	}
}

// more judges a member that is not listed.
func (j *judgement) more(s, properties *object, name string, v any) {
	switch more := s.get("additionalProperties").(type) {
	case *object:
		j.at(name, more, v)
	case bool:
		if !more {
			j.tell(name, "is not described")
		}
	default:
		if j.closed && properties.len() > 0 {
			j.tell(name, "is not described")
		}
	}
}
