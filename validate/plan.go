package validate

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// plan is how a struct type is checked: validator sees one struct at a time, without
// what its fields lead to, to which the steps go. For
//
//	type Order struct {
//		Name  string   `json:"name" validate:"min=2"`
//		Items []Item   `json:"items" validate:"max=9,dive"`
//		Tags  []string `json:"tags" validate:"dive,min=1"`
//	}
//
// validator is told of Name min=2 and Items max=9; the steps are Items, whose elements
// have the plan of Item, and Tags, whose elements have the rule min=1. A plan is frozen
// once it is among the plans of a Validator.
type plan struct {
	typ      reflect.Type
	own      bool // validator has something to check in the struct itself
	quick    bool // fields tell whether it is right, mostly
	fields   []quick
	deep     bool // there is something to check in it or in what it leads to
	steps    []step
	variants map[reflect.Type]variant // of a OneOf, by the type of its value; nil for others
	problems []string                 // of the type and of what it leads to
}

// step is a field that leads further.
type step struct {
	name  string
	index int
	omit  bool // nothing is to be done for a zero value
	whole bool // validator does not go there: an Opt, whose own rules are in value
	value value
}

// value is what is checked in a value beyond what validator sees in its struct.
type value struct {
	rules    string // for validator, of the value itself; "" for none
	quick    *quick // of rules, or nil
	opt      bool   // it is an Opt
	omit     bool   // nothing is to be done for a zero value
	required bool   // of an Opt, or a pointer in a collection
	plan     *plan  // of the struct that it is or leads to; nil for none
	embedded bool   // validator itself checks the struct, but not what it leads to
	elem     *value // of the elements; nil without dive
	keys     string // rules of the keys of a map
}

// idle reports whether there is nothing to check.
func (x *value) idle() bool {
	return x.rules == "" && !x.required && x.plan == nil && x.elem == nil && x.keys == ""
}

// compiler makes the plans of a type and of all that it leads to.
type compiler struct {
	v     *Validator
	plans map[reflect.Type]*plan
	order []*plan
}

// compileLocked makes and keeps the plan of a type. v.mu must be held.
func (v *Validator) compileLocked(t reflect.Type) *plan {
	c := &compiler{v: v, plans: map[reflect.Type]*plan{}}
	root := c.structure(t)
	c.settle()
	for _, p := range c.order {
		c.try(p)
	}
	for _, p := range c.order {
		if p != root && p.problems != nil {
			root.problems = append(root.problems, p.problems...)
		}
	}
	for _, p := range c.order {
		if p == root || len(root.problems) == 0 {
			v.plans.Store(p.typ, p)
		}
	}
	return root
}

// structure returns the plan of a struct type, which may not be complete yet.
func (c *compiler) structure(t reflect.Type) *plan {
	if p, ok := c.plans[t]; ok {
		return p
	}
	if known, ok := c.v.plans.Load(t); ok {
		return known.(*plan)
	}
	p := &plan{typ: t, quick: true}
	c.plans[t] = p
	c.order = append(c.order, p)
	if isOneOf(t) {
		c.variants(p)
		return p
	}
	seen := map[string]string{} // what validator is told in place of the tags
	for i := range t.NumField() {
		sf := t.Field(i)
		if sf.IsExported() || sf.Anonymous && sf.Type.Kind() == reflect.Struct {
			seen[sf.Name] = c.field(p, i, sf)
		}
	}
	c.v.rules.RegisterStructValidationMapRules(seen, reflect.New(t).Interface())
	return p
}

// field plans a field, and returns the rules that validator is told of it.
func (c *compiler) field(p *plan, i int, sf reflect.StructField) (rules string) {
	tag := sf.Tag.Get("validate")
	if tag == "-" {
		return "-"
	}
	outer, inner := cutDive(tag)
	s := step{name: sf.Name, index: i, omit: slices.ContainsFunc(outer, omits)}
	switch {
	case isOpt(sf.Type):
		s.whole = true
		s.value = c.value(p, sf.Name, sf.Type, outer, inner)
		rules = "-"
	case sf.Anonymous && sf.Type.Kind() == reflect.Struct && tag == "":
		s.value = value{plan: c.structure(sf.Type), embedded: true}
	default:
		s.value = c.beyond(p, sf.Name, sf.Type, outer, inner)
		rules = strings.Join(outer, ",")
		if rules != "" {
			p.own = true
			q, ok := c.v.quick(sf.Type, outer)
			q.index = i
			p.quick = p.quick && ok
			p.fields = append(p.fields, q)
		}
		c.check(p, sf.Name, sf.Type, outer)
		switch {
		case rules == "":
			rules = "-"
		case structOf(sf.Type) != nil || sf.Type.Kind() == reflect.Interface:
			rules += ",nostructlevel"
		}
	}
	if !s.value.idle() {
		p.steps = append(p.steps, s)
	}
	return rules
}

// beyond plans what a value leads to: the fields of a struct, or the elements of a
// collection.
func (c *compiler) beyond(p *plan, name string, t reflect.Type, outer, inner []string) (x value) {
	if s := structOf(t); s != nil {
		if inner != nil {
			p.problem(name, "has a dive, but is no slice, array or map")
		}
		if !slices.Contains(outer, "structonly") && !slices.Contains(outer, "nostructlevel") {
			x.plan = c.structure(s)
		}
		return x
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Array, reflect.Map:
		if inner == nil {
			c.undived(p, name, t.Elem())
			return x
		}
	default:
		if inner != nil {
			p.problem(name, "has a dive, but is no slice, array or map")
		}
		return x
	}
	if len(inner) > 0 && inner[0] == "keys" {
		end := slices.Index(inner, "endkeys")
		if end < 0 || t.Kind() != reflect.Map {
			p.problem(name, "has keys, which are for maps and end with endkeys")
			return x
		}
		x.keys = strings.Join(inner[1:end], ",")
		c.check(p, name, t.Key(), inner[1:end])
		inner = inner[end+1:]
	}
	first, rest := cutDive(strings.Join(inner, ","))
	elem := c.value(p, name, t.Elem(), first, rest)
	x.elem = &elem
	return x
}

// value plans a value that validator does not see in its struct: an element, or what is in
// an Opt.
func (c *compiler) value(p *plan, name string, t reflect.Type, outer, inner []string) value {
	opt := isOpt(t)
	if opt {
		t = t.Field(0).Type
	}
	x := c.beyond(p, name, t, outer, inner)
	x.opt = opt
	var own []string
	for _, rule := range outer {
		key, _, _ := strings.Cut(rule, "=")
		switch {
		case rule == "required" && (opt || structOf(t) != nil):
			x.required = true
		case omits(rule) && (opt || structOf(t) != nil):
			x.omit = true
		case rule == "nostructlevel" || rule == "structonly":
		case structOf(t) != nil:
			p.problem(name, "has the rule "+rule+" for a struct in a collection: give it to a field of the struct")
		case besideFields[key]:
			p.problem(name, "has the rule "+rule+", which is for fields, not for what is in an Opt or a collection")
		default:
			own = append(own, rule)
		}
	}
	c.check(p, name, t, own)
	x.rules = strings.Join(own, ",")
	if q, ok := c.v.quick(t, own); ok {
		x.quick = &q
	}
	return x
}

// undived reports elements with rules that nobody would check.
func (c *compiler) undived(p *plan, name string, t reflect.Type) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Array || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if isOpt(t) {
		t = t.Field(0).Type
	}
	if s := structOf(t); s != nil && hasRules(s, map[reflect.Type]bool{}) {
		p.problem(name, "holds structs with rules, which are only checked if its own tag has a dive")
	}
}

// hasRules reports whether a struct, or what it leads to, has validate tags.
func hasRules(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	if isOneOf(t) {
		_, types := reflect.Zero(t).Interface().(lister).Variants()
		for _, one := range types {
			if one != nil && structOf(one) != nil && hasRules(structOf(one), seen) {
				return true
			}
		}
		return false
	}
	for i := range t.NumField() {
		sf := t.Field(i)
		tag := sf.Tag.Get("validate")
		if tag == "-" || !sf.IsExported() && !sf.Anonymous {
			continue
		}
		at := sf.Type
		for at.Kind() == reflect.Pointer || at.Kind() == reflect.Slice || at.Kind() == reflect.Array || at.Kind() == reflect.Map {
			at = at.Elem()
		}
		if tag != "" || structOf(at) != nil && hasRules(structOf(at), seen) {
			return true
		}
	}
	return false
}

func (p *plan) problem(name, text string) {
	p.problems = append(p.problems, "field "+name+" "+text)
}

// settle finds out which plans lead to rules, and drops the steps that do not.
func (c *compiler) settle() {
	for _, p := range c.order {
		if p.variants != nil {
			continue // validator never sees one
		}
		p.own = p.own || c.v.setUp // validator does not tell which structs have rules of their own
		p.quick = p.quick && !c.v.setUp
	}
	for again := true; again; {
		again = false
		for _, p := range c.order {
			if !p.deep && (p.own || p.variantLeads() || slices.ContainsFunc(p.steps, func(s step) bool { return s.value.leads() })) {
				p.deep, again = true, true
			}
		}
	}
	for _, p := range c.order {
		p.own = p.own || slices.ContainsFunc(p.steps, func(s step) bool { return s.value.embedded && s.value.plan.deep })
		p.steps = slices.DeleteFunc(p.steps, func(s step) bool { return !s.value.leads() })
	}
}

// leads reports whether there is something to check in a value.
func (x *value) leads() bool {
	return x.rules != "" || x.required || x.keys != "" || x.plan != nil && x.plan.deep || x.elem != nil && x.elem.leads()
}

// try lets validator see a zero value, so that it knows the type before requests come,
// and reports what it panics with.
func (c *compiler) try(p *plan) {
	if len(p.problems) > 0 || p.variants != nil {
		return
	}
	if err := guard(func() error { _ = c.v.rules.Struct(reflect.New(p.typ).Interface()); return nil }); err != nil {
		p.problems = append(p.problems, "the rules cannot be checked: "+err.Error())
	}
}

// check lets validator use the rules of a field, each with a value that is not nil.
func (c *compiler) check(p *plan, name string, t reflect.Type, rules []string) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	for _, rule := range rules {
		key, param, _ := strings.Cut(rule, "=")
		switch {
		case rule == "":
			p.problem(name, "has an empty rule")
		case omits(rule) || key == "structonly" || key == "nostructlevel":
		case besideFields[key]:
			if other, _, _ := strings.Cut(param, " "); key != "skip_unless" && !hasField(p.typ, other) {
				p.problem(name, fmt.Sprintf("has the rule %s, but there is no field %s", rule, other))
			}
		default:
			if err := guard(func() error { _ = c.v.rules.Var(reflect.New(t).Elem().Interface(), rule); return nil }); err != nil {
				p.problem(name, ruleProblem(rule, t, err))
			}
		}
	}
}

// ruleProblem says what is wrong with a rule.
func ruleProblem(rule string, t reflect.Type, err error) string {
	switch text := err.Error(); {
	case strings.HasPrefix(text, "Undefined validation function"):
		return "has the rule " + rule + ", which is not known"
	case strings.HasPrefix(text, "Bad field type"):
		return "has the rule " + rule + ", which is not for the type " + t.String()
	default:
		return "has the rule " + rule + ", which cannot be checked: " + text
	}
}

// besideFields are the rules whose parameter names other fields.
var besideFields = map[string]bool{
	"eqfield": true, "nefield": true, "gtfield": true, "gtefield": true, "ltfield": true, "ltefield": true,
	"eqcsfield": true, "necsfield": true, "gtcsfield": true, "gtecsfield": true, "ltcsfield": true, "ltecsfield": true,
	"fieldcontains": true, "fieldexcludes": true,
	"required_if": true, "required_unless": true, "required_with": true, "required_with_all": true, "required_without": true,
	"required_without_all": true, "excluded_if": true, "excluded_unless": true, "excluded_with": true, "excluded_with_all": true,
	"excluded_without": true, "excluded_without_all": true, "skip_unless": true,
}

// hasField reports whether a struct has a field, or one within a field: "Page.Limit".
func hasField(t reflect.Type, name string) bool {
	for part := range strings.SplitSeq(name, ".") {
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct {
			return false
		}
		sf, ok := t.FieldByName(part)
		if !ok {
			return false
		}
		t = sf.Type
	}
	return true
}

// cutDive splits a tag into the rules of a value and those of what is in it, which are nil
// without a dive.
func cutDive(tag string) (outer, inner []string) {
	if tag == "" {
		return nil, nil
	}
	all := strings.Split(tag, ",")
	i := slices.Index(all, "dive")
	if i < 0 {
		return all, nil
	}
	return all[:i:i], append([]string{}, all[i+1:]...)
}

// omits reports whether a rule ends the check of a zero value.
func omits(rule string) bool { return rule == "omitempty" || rule == "omitzero" || rule == "omitnil" }

// structOf returns the struct that t is or points to, unless it is a time or an Opt.
func structOf(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t.ConvertibleTo(timeType) || isOpt(t) {
		return nil
	}
	return t
}

var timeType = reflect.TypeFor[time.Time]()

// isOpt reports whether t is a geist.Opt.
func isOpt(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.PkgPath() == "github.com/gogeist/geist" && strings.HasPrefix(t.Name(), "Opt[")
}
