package swagger

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/gogeist/geist"
)

// Type says what the schema of a Go type is where its declaration cannot: of types of
// other packages, and of interfaces. It is made by [SchemaOf], [EnumOf] or [OneOf], and
// belongs into [Config.Types]. A type of one's own needs none of them:
//
//	func (Money) JSONSchema() string { return `{"type":"string","pattern":"^[0-9]+[.][0-9]{2}$"}` }
//	func (Colour) Enum() []Colour    { return []Colour{Red, Green} }
//
// Neither method needs this package.
type Type struct {
	typ      reflect.Type
	schema   string
	enum     []any
	property string
	variants []Variant
}

// SchemaOf says the schema of T as JSON. It may use the keywords that JSON Schema 2020-12
// and draft-07 share, and no references.
func SchemaOf[T any](schema string) Type {
	return Type{typ: reflect.TypeFor[T](), schema: schema}
}

// EnumOf says that a T has one of the values, and no other.
func EnumOf[T any](values ...T) Type {
	t := Type{typ: reflect.TypeFor[T]()}
	for _, v := range values {
		t.enum = append(t.enum, v)
	}
	return t
}

// OneOf says that a T, an interface or a type that writes its JSON itself, is one of
// several structs (a [geist.OneOf] says that by itself, and can be read), which the value of a member tells apart:
//
//	swagger.OneOf[Shape]("kind", swagger.As[Circle]("circle"), swagger.As[Square]("square"))
//
// Each struct has that member, a string, which must hold the value that is named here. An
// interface can be written, but no codec can read it: where T is read, it has an
// UnmarshalJSON method.
func OneOf[T any](property string, variants ...Variant) Type {
	return Type{typ: reflect.TypeFor[T](), property: property, variants: slices.Clone(variants)}
}

// Variant is one of the structs of [OneOf]. [As] makes it.
type Variant struct {
	typ   reflect.Type
	value string
}

// As says that the value stands for a V.
func As[V any](value string) Variant {
	t := reflect.TypeFor[V]()
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return Variant{typ: t, value: value}
}

// variant is what OneOf asks of a struct.
type variant struct {
	property string
	values   []any
}

// register takes in what the application says of a type.
func (s *schemas) register(t *Type) {
	switch {
	case t.typ == nil:
		s.problem("Config.Types has a zero Type: use SchemaOf, EnumOf or OneOf")
		return
	case s.custom[t.typ] != nil:
		s.problem("Config.Types names %s twice", t.typ)
	case t.schema == "" && len(t.enum) == 0 && len(t.variants) == 0:
		s.problem("Config.Types says nothing of %s", t.typ)
	}
	s.custom[t.typ] = t
	s.learn(t)
}

// learn keeps what a type asks of its variants.
func (s *schemas) learn(t *Type) {
	for _, v := range t.variants {
		known := s.variants[v.typ]
		switch {
		case v.typ == nil:
			s.problem("OneOf[%s] has a zero Variant: use As", t.typ)
			continue
		case v.typ.Kind() != reflect.Struct || v.typ.Name() == "":
			s.problem("OneOf[%s]: %s is no struct with a name", t.typ, v.typ)
			continue
		case known == nil:
			known = &variant{property: t.property}
			s.variants[v.typ] = known
		case known.property != t.property:
			s.problem("OneOf[%s]: %s is told apart by %q elsewhere, and here by %q", t.typ, v.typ, known.property, t.property)
		}
		if !slices.Contains(known.values, any(v.value)) {
			known.values = append(known.values, v.value)
		}
	}
}

// ref returns a reference to the schema of a type, which is made once. It is known
// before it is made, so that a type may hold itself.
func (s *schemas) ref(t reflect.Type, m mode) *object {
	key := componentKey{t, m}
	c := s.components[key]
	if c == nil {
		c = &component{typ: t, mode: m}
		s.components[key] = c
		s.order = append(s.order, c)
		c.schema = s.define(t, m)
	}
	return obj("$ref", c)
}

// define returns the schema of a component.
func (s *schemas) define(t reflect.Type, m mode) *object {
	custom := s.custom[t]
	switch {
	case custom != nil && len(custom.variants) > 0:
		return s.oneOf(custom, m)
	case custom == nil && isOneOf(t):
		return s.ofVariants(t, m)
	case custom != nil && custom.schema != "":
		return s.given(t, custom.schema)
	case custom != nil:
		return enumSchema(s.encoded(t, custom.enum))
	case hasHook(t):
		return s.hook(t)
	case hasEnum(t):
		return enumSchema(s.enum(t))
	case t == typeProblem:
		return s.problemDocument(m)
	case t.Kind() == reflect.Struct:
		return s.variant(t, s.structure(t, m))
	}
	return s.collection(t, m)
}

// problemDocument returns the schema of the answers to bad requests, which hold a list of
// problems beside the members of the struct.
func (s *schemas) problemDocument(m mode) *object {
	o := s.structure(typeProblem, m)
	o.set("description", "What went wrong (RFC 9457). Members beside these may follow.")
	o.child("properties").set("errors", obj("type", "array", "items", s.ref(typeFieldError, m)))
	o.set("additionalProperties", true)
	return o
}

var (
	typeProblem    = reflect.TypeFor[geist.Problem]()
	typeFieldError = reflect.TypeFor[geist.FieldError]()
)

// oneOf returns the schema of a type of which there are variants.
func (s *schemas) oneOf(t *Type, m mode) *object {
	if t.typ.Kind() == reflect.Interface && m == input {
		s.problem("%s is an interface, which no codec can read: use geist.OneOf, or give the variants a type with an UnmarshalJSON method and name that in OneOf", t.typ)
	}
	var either []any
	mapping := &object{}
	for _, v := range t.variants {
		if v.typ == nil || v.typ.Kind() != reflect.Struct {
			continue
		}
		ref := s.ref(v.typ, m)
		if mapping.get(v.value) != nil {
			s.problem("OneOf[%s]: %q stands for two types", t.typ, v.value)
		}
		mapping.set(v.value, ref.get("$ref"))
		if !slices.ContainsFunc(either, func(o any) bool { return o.(*object).get("$ref") == ref.get("$ref") }) {
			either = append(either, ref)
		}
	}
	return obj("oneOf", either, "discriminator", obj("propertyName", t.property, "mapping", mapping))
}

// variant adds to the schema of a struct what OneOf asks of it.
func (s *schemas) variant(t reflect.Type, schema *object) *object {
	v := s.variants[t]
	if v == nil {
		return schema
	}
	properties := schema.child("properties")
	if properties.get(v.property) == nil {
		s.problem("OneOf: %s has no member %q", t, v.property)
		return schema
	}
	properties.set(v.property, enumSchema(v.values))
	required, _ := schema.get("required").([]any)
	if !slices.Contains(required, any(v.property)) {
		schema.set("required", append(required, v.property))
	}
	return schema
}

// hasHook reports whether a type says its schema. A struct that only embeds such a type
// has the method too, but says nothing by it.
func hasHook(t reflect.Type) bool {
	return t.Kind() != reflect.Interface && reflect.PointerTo(t).Implements(typeDescriber) && !promoted(t, hasHook)
}

// hasEnum reports whether a type lists its values: Enum() []T.
func hasEnum(t reflect.Type) bool {
	if t.Kind() == reflect.Interface || t.Name() == "" {
		return false
	}
	method, ok := reflect.PointerTo(t).MethodByName("Enum")
	return ok && method.Type.NumIn() == 1 && method.Type.NumOut() == 1 &&
		method.Type.Out(0) == reflect.SliceOf(t)
}

// promoted reports whether a struct may have a method only from what it embeds.
func promoted(t reflect.Type, has func(reflect.Type) bool) bool {
	if t.Kind() != reflect.Struct || marshals(t, output) {
		return false
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous && (has(f.Type) || f.Type.Kind() == reflect.Pointer && has(f.Type.Elem())) {
			return true
		}
	}
	return false
}

// hook returns what a type says of itself.
func (s *schemas) hook(t reflect.Type) (schema *object) {
	text := ""
	if !s.survives(t, "JSONSchema", func() {
		text = reflect.New(t).Interface().(describer).JSONSchema() // hasHook has looked
	}) {
		return obj()
	}
	return s.given(t, text)
}

// enum returns the values that a type lists.
func (s *schemas) enum(t reflect.Type) []any {
	var values []any
	s.survives(t, "Enum", func() {
		listed := reflect.New(t).MethodByName("Enum").Call(nil)[0]
		for i := range listed.Len() {
			values = append(values, listed.Index(i).Interface())
		}
	})
	if len(values) == 0 {
		s.problem("%s.Enum returns no values", t)
	}
	return s.encoded(t, values)
}

// survives calls a method of the application and reports whether it returned.
func (s *schemas) survives(t reflect.Type, method string, call func()) (ok bool) {
	defer func() {
		if v := recover(); v != nil {
			s.problem("%s.%s panicked: %v", t, method, v)
		}
	}()
	call()
	return true
}

// encoded returns values of a type as they are written.
func (s *schemas) encoded(t reflect.Type, values []any) []any {
	var all []any
	for _, v := range values {
		text, err := json.Marshal(v)
		if err == nil {
			var parsed any
			if parsed, err = parseJSON(text); err == nil {
				all = append(all, parsed)
				continue
			}
		}
		s.problem("a value of %s cannot be written as JSON: %v", t, err)
	}
	return all
}

// enumSchema returns the schema of a value that is one of several.
func enumSchema(values []any) *object {
	o := &object{}
	if kind := commonType(values); kind != "" {
		o.set("type", kind)
	}
	o.add("enum", values)
	return o
}

// commonType returns the type that all values have, or "".
func commonType(values []any) string {
	common := ""
	for _, v := range values {
		kind := ""
		switch v := v.(type) {
		case string:
			kind = "string"
		case bool:
			kind = "boolean"
		case json.Number:
			kind = "number"
			if _, err := v.Int64(); err == nil {
				kind = "integer"
			}
		}
		if common != "" && kind != common {
			return ""
		}
		common = kind
	}
	return common
}

// given returns a schema that the application has written.
func (s *schemas) given(t reflect.Type, text string) *object {
	v, err := parseJSON([]byte(text))
	if err != nil {
		s.problem("the schema of %s is not valid JSON: %v", t, err)
		return obj()
	}
	o, ok := v.(*object)
	if !ok {
		s.problem("the schema of %s is no JSON object", t)
		return obj()
	}
	if err := checkKeywords(o); err != nil {
		s.problem("the schema of %s: %v", t, err)
	}
	return o
}

// schemaKeywords are those that may hold one schema, schemas by name, a list of schemas,
// or none, in JSON Schema 2020-12 and draft-07 alike.
var schemaKeywords = map[string]rune{
	"not": 's', "if": 's', "then": 's', "else": 's', "items": 's', "contains": 's', "additionalProperties": 's', "propertyNames": 's',
	"properties": 'm', "patternProperties": 'm',
	"allOf": 'l', "anyOf": 'l', "oneOf": 'l',
	"type": 0, "enum": 0, "const": 0, "title": 0, "description": 0, "default": 0, "examples": 0, "format": 0,
	"deprecated": 0, "readOnly": 0, "writeOnly": 0, "contentEncoding": 0, "contentMediaType": 0,
	"minimum": 0, "maximum": 0, "exclusiveMinimum": 0, "exclusiveMaximum": 0, "multipleOf": 0,
	"minLength": 0, "maxLength": 0, "pattern": 0, "minItems": 0, "maxItems": 0, "uniqueItems": 0,
	"minProperties": 0, "maxProperties": 0, "required": 0,
}

// checkKeywords refuses what the two drafts do not share.
func checkKeywords(o *object) error {
	for i, name := range o.names {
		holds, known := schemaKeywords[name]
		if !known && (len(name) < 2 || name[:2] != "x-") {
			return fmt.Errorf("the keyword %q is not one that JSON Schema 2020-12 and draft-07 share", name)
		}
		var inner []any
		switch v := o.values[i].(type) {
		case *object:
			if inner = []any{v}; holds == 'm' {
				inner = v.values
			}
		case []any:
			inner = v
		}
		if holds == 0 {
			continue
		}
		for _, v := range inner {
			if below, ok := v.(*object); ok {
				if err := checkKeywords(below); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
