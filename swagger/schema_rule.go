package swagger

import (
	"reflect"
	"slices"
	"strings"
)

// ruleSet is what a validate tag says of a value that is read, in keywords of a schema.
//
// Rules judge what is in the Go value, not what was sent: a member that is missing is
// judged as its zero value, so that it is required if they refuse that.
type ruleSet struct {
	keywords *object
	notes    []string // rules that no keyword says
	required bool     // the member must be sent
	notNull  bool     // and not as null
	optional bool     // omitempty: the other rules do not judge a zero value
	empty    bool     // and one can be sent that is no null
	nonZero  bool     // required: the zero value is refused, though it was sent
	kind     reflect.Kind
	items    *ruleSet // of the elements: what stands behind dive
	keys     *ruleSet // of the keys of a map: what stands between keys and endkeys
}

// rules reads the validate tag of a field of type t.
func (s *schemas) rules(place string, t reflect.Type, tag string, inString bool) *ruleSet {
	if tag == "" || tag == "-" {
		return &ruleSet{keywords: &object{}}
	}
	c := ruleCompiler{schemas: s, place: place, inString: inString}
	return c.compile(t, strings.Split(tag, ","))
}

// ruleCompiler translates the rules of one field.
type ruleCompiler struct {
	*schemas
	place    string
	inString bool // the value is inside a string: no keyword reaches it
}

// compile translates rules in their order, until dive hands the rest to the elements.
func (c *ruleCompiler) compile(t reflect.Type, rules []string) *ruleSet {
	r := &ruleSet{keywords: &object{}}
	pointer := t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface
	opt := isOpt(t)
	for t.Kind() == reflect.Pointer || isOpt(t) {
		if isOpt(t) {
			t = t.Field(0).Type
		} else {
			t = t.Elem()
		}
	}
	r.kind = t.Kind()
	opaque := c.inString || c.opaqueToRules(t)
	judged := false // there is a rule that judges a nil pointer
	for i, rule := range rules {
		name, param, _ := strings.Cut(rule, "=")
		switch name {
		case "", "structonly", "nostructlevel", "omitempty", "omitnil", "omitzero":
			r.optional = r.optional || strings.HasPrefix(name, "omit")
			continue
		case "required":
			r.required, r.notNull, r.nonZero, judged = true, true, !pointer && !opt, true
			continue
		case "dive":
			if t.Kind() == reflect.Slice || t.Kind() == reflect.Array || t.Kind() == reflect.Map {
				c.dive(r, t, rules[i+1:])
			}
			r.settle(pointer && judged, pointer || opt)
			return r
		}
		judged = true
		param = strings.NewReplacer("0x2C", ",", "0x7C", "|").Replace(param)
		keywords := c.alternatives(t, rule, param)
		if keywords == nil || opaque {
			r.notes = append(r.notes, rule)
			continue
		}
		mergeKeywords(r.keywords, keywords)
	}
	r.settle(pointer && judged, pointer || opt)
	return r
}

// settle decides whether the member must be there once all rules are known.
func (r *ruleSet) settle(refusesNil, nilIsZero bool) {
	switch {
	case r.optional || r.required:
	case refusesNil:
		r.required, r.notNull = true, true
	case !nilIsZero && !r.zeroPasses(r.keywords):
		r.required = true
	}
	r.empty = r.optional && !nilIsZero
}

// opaqueToRules reports whether the JSON of a type is another value than its rules judge.
func (c *ruleCompiler) opaqueToRules(t reflect.Type) bool {
	switch {
	case t == typeDuration:
		return false
	case c.custom[t] != nil, hasHook(t), marshals(t, input), writesText(t, input):
		return true
	}
	return t.Kind() == reflect.Slice && isBytes(t, input)
}

// dive translates the rules of the elements, and of the keys.
func (c *ruleCompiler) dive(r *ruleSet, t reflect.Type, rules []string) {
	if end := slices.Index(rules, "endkeys"); len(rules) > 0 && rules[0] == "keys" && end > 0 {
		if t.Kind() == reflect.Map && t.Key().Kind() == reflect.String {
			r.keys = c.compile(t.Key(), rules[1:end])
		}
		rules = rules[end+1:]
	}
	r.items = c.compile(t.Elem(), rules)
}

// alternatives translates a rule, or several of which one must hold. It returns nil for
// what no keyword says.
func (c *ruleCompiler) alternatives(t reflect.Type, rule, param string) *object {
	if !strings.Contains(rule, "|") {
		name, _, _ := strings.Cut(rule, "=")
		return c.keyword(t, name, param)
	}
	var either []any
	for one := range strings.SplitSeq(rule, "|") {
		name, param, _ := strings.Cut(one, "=")
		keywords := c.keyword(t, name, strings.NewReplacer("0x2C", ",", "0x7C", "|").Replace(param))
		if keywords == nil {
			return nil
		}
		either = append(either, keywords)
	}
	return obj("anyOf", either)
}

// apply returns schema with what the rules say. schema is not changed.
func (r *ruleSet) apply(schema *object) *object {
	keywords := r.keywords
	if r.nonZero && r.zeroPasses(keywords) {
		keywords = withNotes(keywords, r.nonZeroKeywords())
	}
	if r.empty && !r.zeroPasses(keywords) && r.zeroKeywords() != nil {
		keywords = orZero(keywords, r.zeroKeywords())
	}
	schema = r.applyInside(schema)
	if keywords.len() > 0 {
		merged := copyOf(schema)
		if schema.get("$ref") != nil {
			merged = obj("allOf", []any{schema})
		}
		mergeKeywords(merged, keywords)
		schema = merged
	}
	if len(r.notes) > 0 {
		schema = withNotes(schema, obj("x-geist-validate", strings.Join(r.notes, ",")))
	}
	return schema
}

// orZero returns keywords that the zero value passes too.
func orZero(keywords, zero *object) *object {
	if values, ok := keywords.get("enum").([]any); ok && keywords.len() == 1 {
		if first := zero.get("const"); first != nil {
			return obj("enum", slices.Concat([]any{first}, values))
		}
		return obj("enum", slices.Concat([]any{""}, values))
	}
	return obj("anyOf", []any{zero, keywords})
}

// applyInside returns schema with what is said of elements and keys.
func (r *ruleSet) applyInside(schema *object) *object {
	if r.items == nil && r.keys == nil {
		return schema
	}
	schema = copyOf(schema)
	for _, name := range [...]string{"items", "additionalProperties"} {
		if inner, ok := schema.get(name).(*object); ok && r.items != nil {
			if r.items.notNull {
				inner = withoutNull(inner)
			}
			schema.set(name, r.items.apply(inner))
		}
	}
	if r.keys != nil {
		names, _ := schema.get("propertyNames").(*object)
		if names == nil {
			names = &object{}
		}
		schema.add("propertyNames", r.keys.apply(names))
	}
	return schema
}

// zeroKeywords are what only the zero value passes, or nil if there is none that can be
// sent: a nil slice is not an empty one.
func (r *ruleSet) zeroKeywords() *object {
	switch {
	case r.kind == reflect.String:
		return obj("maxLength", 0)
	case r.kind == reflect.Bool:
		return obj("const", false)
	case isNumber(r.kind):
		return obj("const", 0)
	}
	return nil
}

// nonZeroKeywords are what every value passes but zero.
func (r *ruleSet) nonZeroKeywords() *object {
	switch {
	case r.kind == reflect.String:
		return obj("minLength", 1)
	case r.kind == reflect.Bool:
		return obj("const", true)
	case isNumber(r.kind):
		return obj("not", obj("const", 0))
	}
	return &object{}
}

func isNumber(k reflect.Kind) bool { return reflect.Int <= k && k <= reflect.Float64 }

func copyOf(o *object) *object {
	return &object{names: slices.Clone(o.names), values: slices.Clone(o.values)}
}

// mergeKeywords adds keywords to o. Where it has one already, the stricter bound counts,
// or both hold by an allOf.
func mergeKeywords(o, keywords *object) {
	for i, name := range keywords.names {
		value := keywords.values[i]
		old := o.get(name)
		if old == nil {
			o.set(name, value)
			continue
		}
		a, b := number(old), number(value)
		switch {
		case strings.HasPrefix(name, "min") || name == "exclusiveMinimum":
			if b > a {
				o.set(name, value)
			}
		case strings.HasPrefix(name, "max") || name == "exclusiveMaximum":
			if b < a {
				o.set(name, value)
			}
		default:
			all, _ := o.get("allOf").([]any)
			o.set("allOf", append(slices.Clip(all), obj(name, value)))
		}
	}
}

// withoutNull returns a schema that orNull has made as it was.
func withoutNull(o *object) *object {
	if kinds, ok := o.get("type").([]any); ok && len(kinds) == 2 && kinds[1] == "null" {
		o = copyOf(o)
		o.set("type", kinds[0])
		return o
	}
	if either, ok := o.get("anyOf").([]any); ok && o.len() == 1 && len(either) == 2 {
		if last, ok := either[1].(*object); ok && last.get("type") == "null" {
			return either[0].(*object) // orNull has put a schema there
		}
	}
	return o
}
