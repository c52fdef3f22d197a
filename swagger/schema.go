package swagger

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"time"
)

// mode says whether values are read or written. A type has one schema for both unless
// they differ.
type mode uint8

const (
	input mode = iota
	output
)

// component is a type with a schema of its own, which others refer to. In a schema it
// stands as the value of $ref until names are known.
type component struct {
	typ    reflect.Type
	mode   mode
	schema *object
	name   string // given by schemas.finish
	base   string // the name that it would like
}

// componentKey finds a component.
type componentKey struct {
	typ  reflect.Type
	mode mode
}

// schemas are the schemas of one service: of the types that its documents mention and
// of those that these lead to. It describes what encoding/json reads and writes, and
// with it every codec that says it does the same. What it emits means the same in JSON
// Schema 2020-12 and in draft-07, so that OpenAPI and AsyncAPI share it.
type schemas struct {
	custom     map[reflect.Type]*Type
	variants   map[reflect.Type]*variant
	components map[componentKey]*component
	order      []*component
	opaque     map[reflect.Type]bool // types that have been warned of
	problems   []string
	warnings   []string
}

func newSchemas(types []Type) *schemas {
	s := &schemas{
		custom:     map[reflect.Type]*Type{},
		variants:   map[reflect.Type]*variant{},
		components: map[componentKey]*component{},
		opaque:     map[reflect.Type]bool{},
	}
	for i := range types {
		s.register(&types[i])
	}
	return s
}

func (s *schemas) problem(format string, args ...any) {
	s.problems = append(s.problems, fmt.Sprintf(format, args...))
}

// Types that the table below knows.
var (
	typeTime          = reflect.TypeFor[time.Time]()
	typeDuration      = reflect.TypeFor[time.Duration]()
	typeRawMessage    = reflect.TypeFor[json.RawMessage]()
	typeNumber        = reflect.TypeFor[json.Number]()
	typeBigInt        = reflect.TypeFor[big.Int]()
	typeMarshaler     = reflect.TypeFor[json.Marshaler]()
	typeUnmarshaler   = reflect.TypeFor[json.Unmarshaler]()
	typeText          = reflect.TypeFor[encoding.TextMarshaler]()
	typeUnmarshalText = reflect.TypeFor[encoding.TextUnmarshaler]()
	typeDescriber     = reflect.TypeFor[describer]()
)

// describer is the hook by which a type says its own schema.
type describer interface{ JSONSchema() string }

// top returns the schema of what a whole body or message is. A pointer there is what it
// points to.
func (s *schemas) top(t reflect.Type, m mode) *object {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return s.value(t, m)
}

// value returns the schema of a value of a type, null included where there can be one.
func (s *schemas) value(t reflect.Type, m mode) *object {
	if s.nillable(t, m) {
		return orNull(s.core(t, m))
	}
	return s.core(t, m)
}

// nillable reports whether a value of t is written as null, or whether null is worth
// being mentioned where one is read: for slices and maps it is as good as nothing.
func (s *schemas) nillable(t reflect.Type, m mode) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Interface:
		return true
	case reflect.Slice, reflect.Map:
		return m == output && !marshals(t, m) && !writesText(t, m)
	}
	return isOpt(t) || isOneOf(t) && m == output
}

// core returns the schema of a value of a type that is not nil.
func (s *schemas) core(t reflect.Type, m mode) *object {
	if t.Kind() == reflect.Pointer {
		return s.value(t.Elem(), m)
	}
	if isOpt(t) {
		return s.value(t.Field(0).Type, m)
	}
	if s.custom[t] != nil || isOneOf(t) || hasHook(t) || hasEnum(t) {
		return s.ref(t, m)
	}
	if known := builtin(t); known != nil {
		return known
	}
	switch {
	case marshals(t, m):
		s.warnOpaque(t)
		return obj()
	case writesText(t, m):
		return text(t)
	}
	return s.kind(t, m)
}

// builtin returns the schema of types whose methods are known, or nil.
func builtin(t reflect.Type) *object {
	switch t {
	case typeTime:
		return obj("type", "string", "format", "date-time")
	case typeDuration:
		return obj("type", "integer", "format", "int64", "description", "A duration in nanoseconds.")
	case typeRawMessage:
		return obj()
	case typeNumber:
		return obj("type", "number")
	case typeBigInt:
		return obj("type", "integer")
	}
	return nil
}

// text returns the schema of a type that is written as text.
func text(t reflect.Type) *object {
	o := obj("type", "string")
	if strings.EqualFold(t.Name(), "uuid") && t.Kind() == reflect.Array && t.Len() == 16 {
		o.set("format", "uuid")
	}
	return o
}

// kind returns the schema of a type without methods that matter. Long on purpose: a
// case a kind.
func (s *schemas) kind(t reflect.Type, m mode) *object {
	switch t.Kind() {
	case reflect.Bool:
		return obj("type", "boolean")
	case reflect.Int, reflect.Int64:
		return obj("type", "integer", "format", "int64")
	case reflect.Int32:
		return obj("type", "integer", "format", "int32")
	case reflect.Int8, reflect.Int16:
		most := int64(1)<<(t.Bits()-1) - 1
		return obj("type", "integer", "minimum", -most-1, "maximum", most)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return obj("type", "integer", "minimum", 0, "maximum", int64(1)<<t.Bits()-1)
	case reflect.Uint, reflect.Uint64, reflect.Uintptr:
		return obj("type", "integer", "minimum", 0)
	case reflect.Float32:
		return obj("type", "number", "format", "float")
	case reflect.Float64:
		return obj("type", "number", "format", "double")
	case reflect.String:
		return obj("type", "string")
	case reflect.Interface:
		return obj()
	case reflect.Struct:
		if t.Name() != "" {
			return s.ref(t, m)
		}
		return s.structure(t, m)
	case reflect.Slice, reflect.Map, reflect.Array:
		if holdsItself(t) {
			return s.ref(t, m)
		}
		return s.collection(t, m)
	}
	s.problem("%s cannot be written as JSON", t)
	return obj()
}

// collection returns the schema of a slice, an array or a map.
func (s *schemas) collection(t reflect.Type, m mode) *object {
	switch t.Kind() {
	case reflect.Map:
		return s.mapping(t, m)
	case reflect.Slice:
		if isBytes(t, m) {
			return obj("type", "string", "contentEncoding", "base64")
		}
		return obj("type", "array", "items", s.value(t.Elem(), m))
	}
	return obj("type", "array", "items", s.value(t.Elem(), m), "minItems", t.Len(), "maxItems", t.Len())
}

// isBytes reports whether a slice is written in base64.
func isBytes(t reflect.Type, m mode) bool {
	e := t.Elem()
	return e.Kind() == reflect.Uint8 && !marshals(e, m) && !writesText(e, m)
}

// mapping returns the schema of a map.
func (s *schemas) mapping(t reflect.Type, m mode) *object {
	o := obj("type", "object", "additionalProperties", s.value(t.Elem(), m))
	key := t.Key()
	switch {
	case hasEnum(key) && key.Kind() == reflect.String:
		o.set("propertyNames", obj("enum", s.enum(key)))
	case key.Kind() == reflect.String, writesText(key, m):
	case reflect.Int <= key.Kind() && key.Kind() <= reflect.Int64:
		o.set("propertyNames", obj("pattern", `^-?[0-9]+$`))
	case reflect.Uint <= key.Kind() && key.Kind() <= reflect.Uintptr:
		o.set("propertyNames", obj("pattern", `^[0-9]+$`))
	default:
		s.problem("%s cannot be written as JSON: its keys have type %s", t, key)
	}
	return o
}

// holdsItself reports whether the elements of a type lead back to it, as in
// type Tree []Tree. Structs end the search: they are components, which may hold themselves.
func holdsItself(t reflect.Type) bool {
	if t.Name() == "" {
		return false
	}
	seen := map[reflect.Type]bool{}
	for e := t.Elem(); !seen[e]; e = e.Elem() {
		if e == t {
			return true
		}
		seen[e] = true
		switch e.Kind() {
		case reflect.Slice, reflect.Array, reflect.Map, reflect.Pointer:
		default:
			return false
		}
	}
	return false
}

// marshals reports whether the type reads or writes its JSON itself.
func marshals(t reflect.Type, m mode) bool {
	return implements(t, m, typeUnmarshaler, typeMarshaler)
}

// writesText reports whether the type reads or writes itself as text.
func writesText(t reflect.Type, m mode) bool {
	return implements(t, m, typeUnmarshalText, typeText)
}

func implements(t reflect.Type, m mode, reads, writes reflect.Type) bool {
	if t.Kind() == reflect.Interface {
		return false // what it holds decides
	}
	want := writes
	if m == input {
		want = reads
	}
	return t.Implements(want) || reflect.PointerTo(t).Implements(want)
}

// warnOpaque says once that nothing is known of a type.
func (s *schemas) warnOpaque(t reflect.Type) {
	if !s.opaque[t] {
		s.opaque[t] = true
		s.warnings = append(s.warnings, fmt.Sprintf("%s writes or reads its JSON itself, so that its schema allows anything: "+
			"give it a method JSONSchema() string, or name it in Config.Types", t))
	}
}

// isOpt reports whether t is a geist.Opt: the value, or null.
func isOpt(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.PkgPath() == "github.com/gogeist/geist" && strings.HasPrefix(t.Name(), "Opt[")
}

// isOneOf reports whether t is a geist.OneOf.
func isOneOf(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.PkgPath() == "github.com/gogeist/geist" && strings.HasPrefix(t.Name(), "OneOf[")
}

// orNull returns a schema that allows null beside what o does. o is not changed.
func orNull(o *object) *object {
	switch kind := o.get("type").(type) {
	case string:
		if o.get("enum") != nil || o.get("const") != nil {
			break
		}
		with := &object{}
		for i, name := range o.names {
			with.set(name, o.values[i])
		}
		with.set("type", []any{kind, "null"})
		return with
	case []any:
		return o
	}
	if either, ok := o.get("anyOf").([]any); ok && o.len() == 1 {
		if last, ok := either[len(either)-1].(*object); ok && last.get("type") == "null" {
			return o
		}
		return obj("anyOf", append(either[:len(either):len(either)], obj("type", "null")))
	}
	if o.len() == 0 {
		return o
	}
	return obj("anyOf", []any{o, obj("type", "null")})
}
