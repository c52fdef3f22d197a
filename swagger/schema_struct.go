package swagger

import (
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// property is a member of the JSON object that a struct is.
type property struct {
	name   string
	field  reflect.StructField
	depth  int
	tagged bool // the name is from a json tag
	omit   bool // left out when empty or zero
	quoted bool // a number, a boolean or a string inside a string
	maybe  bool // inside an embedded pointer, which may be nil
}

// structure returns the schema of a struct.
func (s *schemas) structure(t reflect.Type, m mode) *object {
	o := obj("type", "object")
	s.describeType(o, t)
	properties := &object{}
	var required []string
	for _, p := range propertiesOf(t, m) {
		schema, must := s.property(t, &p, m)
		properties.set(p.name, schema)
		if must {
			required = append(required, p.name)
		}
	}
	o.add("properties", properties)
	o.add("required", list(required))
	return o
}

// property returns the schema of a member, and whether the member must be there: in what is
// written, because the codec always writes it, in what is read, because a rule
// asks for it.
func (s *schemas) property(owner reflect.Type, p *property, m mode) (schema *object, must bool) {
	t, tag := p.field.Type, p.field.Tag
	place := owner.String() + "." + p.field.Name
	null := s.nillable(t, m) && !(p.omit && t.Kind() != reflect.Struct)
	if t.Kind() == reflect.Pointer && !null {
		t = t.Elem()
		null = s.nillable(t, m)
	}
	if p.quoted {
		schema = quoted(t)
	} else {
		schema = s.core(p.coreType(t), m)
	}
	must = m == output && !p.omit && !p.maybe
	if m == input {
		r := s.rules(place, t, tag.Get("validate"), p.quoted)
		schema = r.apply(schema)
		_, hasDefault := tag.Lookup("default") // which rules judge in place of what is missing
		must = requiredByBinder(tag) || !hasDefault && (r.required || !r.optional && s.refusesZero(t, tag))
		null = null && !r.notNull
	}
	if null {
		schema = orNull(schema)
	}
	return s.annotate(place, schema, p.field), must
}

// coreType returns the type behind a pointer that may be nil.
func (p *property) coreType(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

// refusesZero reports whether rules inside a struct refuse the zero one, which a member
// that is missing is.
func (s *schemas) refusesZero(t reflect.Type, tag reflect.StructTag) bool {
	if t.Kind() != reflect.Struct || isOpt(t) || isOneOf(t) || tag.Get("validate") == "-" || s.custom[t] != nil || writesText(t, input) || marshals(t, input) {
		return false
	}
	return slices.ContainsFunc(propertiesOf(t, input), func(p property) bool {
		r := s.rules(t.String()+"."+p.field.Name, p.field.Type, p.field.Tag.Get("validate"), p.quoted)
		return r.required || !r.optional && s.refusesZero(p.field.Type, p.field.Tag)
	})
}

// requiredByBinder reports whether the binder asks for the field to be sent.
func requiredByBinder(tag reflect.StructTag) bool {
	return slices.Contains(strings.Split(tag.Get("binding"), ","), "required")
}

// quoted returns the schema of the tag option string.
func quoted(t reflect.Type) *object {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	o := obj("type", "string")
	switch kind := t.Kind(); {
	case kind == reflect.Bool:
		o.set("enum", []any{"true", "false"})
	case kind == reflect.Float32 || kind == reflect.Float64 || t == typeNumber:
		o.set("pattern", `^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)
	case kind == reflect.String:
		o.set("contentMediaType", "application/json")
		o.set("pattern", `^"[\s\S]*"$`)
	case kind >= reflect.Uint:
		o.set("pattern", `^[0-9]+$`)
	default:
		o.set("pattern", `^-?[0-9]+$`)
	}
	return o
}

// propertiesOf returns the members of a struct in the order in which they are written. For
// what is read, fields that the binder hides from documents are left out.
func propertiesOf(t reflect.Type, m mode) []property {
	var all []property
	collect(&all, t, m, nil, property{})
	won := all[:0:0]
	for i := range all {
		if dominates(all, i) {
			won = append(won, all[i])
		}
	}
	return won
}

// dominates reports whether of all members of one name the i-th is written: the least
// nested one, of these the one whose name is from a tag, and none if that leaves several.
func dominates(all []property, i int) bool {
	p := &all[i]
	for j := range all {
		q := &all[j]
		if i == j || p.name != q.name {
			continue
		}
		if q.depth < p.depth || q.depth == p.depth && (q.tagged || !p.tagged) {
			return false
		}
	}
	return true
}

// collect appends the candidates of a struct and of those that it embeds. above are
// the types that it is inside of.
func collect(all *[]property, t reflect.Type, m mode, above []reflect.Type, at property) {
	if slices.Contains(above, t) {
		return
	}
	above = append(slices.Clip(above), t)
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		inner, pointer := embeddedStruct(f)
		if tag == "-" || !f.IsExported() && inner == nil || m == input && hidden(f, above) {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		if !validName(name) {
			name = ""
		}
		p := property{name: name, field: f, depth: at.depth, tagged: name != "", maybe: at.maybe}
		if name == "" && inner != nil {
			if m == input && pointer && !f.IsExported() {
				continue // a codec cannot make one
			}
			collect(all, inner, m, above, property{depth: at.depth + 1, maybe: at.maybe || pointer})
			continue
		}
		if !f.IsExported() {
			continue
		}
		if name == "" {
			p.name = f.Name
		}
		p.omit = hasOption(options, "omitzero") || hasOption(options, "omitempty") && canBeEmpty(f.Type)
		p.quoted = hasOption(options, "string") && quotable(f.Type, m)
		*all = append(*all, p)
	}
}

// embeddedStruct returns the struct that a field embeds, or nil, and whether by a pointer.
func embeddedStruct(f reflect.StructField) (t reflect.Type, pointer bool) {
	t = f.Type
	if t.Kind() == reflect.Pointer && t.Name() == "" {
		t, pointer = t.Elem(), true
	}
	if !f.Anonymous || t.Kind() != reflect.Struct {
		return nil, false
	}
	return t, pointer
}

func hasOption(options, name string) bool {
	return slices.Contains(strings.Split(options, ","), name)
}

// canBeEmpty reports whether omitempty means anything.
func canBeEmpty(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Struct:
		return false
	case reflect.Array:
		return t.Len() == 0
	}
	return true
}

// quotable reports whether the tag option string means anything.
func quotable(t reflect.Type, m mode) bool {
	if t.Kind() == reflect.Pointer && t.Name() == "" {
		t = t.Elem()
	}
	if marshals(t, m) || writesText(t, m) {
		return false
	}
	kind := t.Kind()
	return reflect.Bool <= kind && kind <= reflect.Float64 || kind == reflect.String
}

// validName reports whether a json tag may name a member so.
func validName(name string) bool {
	for _, r := range name {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", r) {
			return false
		}
	}
	return name != ""
}

// sources are the tags that bind a field from elsewhere than a document.
var sources = [...]string{"path", "uri", "query", "header", "cookie", "form"}

// hidden reports whether the binder keeps documents away from a field: it is bound from
// another part of the request and has no json tag, or it is a struct of nothing but such
// fields.
func hidden(f reflect.StructField, above []reflect.Type) bool {
	if _, tagged := f.Tag.Lookup("json"); tagged {
		return false
	}
	for _, source := range sources {
		if name, _, _ := strings.Cut(f.Tag.Get(source), ","); name != "" && name != "-" {
			return true
		}
	}
	t := f.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if f.Anonymous || t.Kind() != reflect.Struct || isOpt(t) || isOneOf(t) || writesText(t, input) || slices.Contains(above, t) {
		return false
	}
	some := false
	for i := range t.NumField() {
		inner := t.Field(i)
		if !inner.IsExported() {
			continue
		}
		if !hidden(inner, append(slices.Clip(above), t)) {
			return false
		}
		some = true
	}
	return some
}
