package geist

import (
	stdjson "encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Variants lists the types that a [OneOf] may hold. Its method is called on a zero value,
// often, and always returns the same.
type Variants[T any] interface {
	// Variants returns the name of the member that tells the types apart, and for each
	// value of it a T of the type that it stands for: a struct, or a pointer to one. The struct
	// has that member, a string.
	Variants() (member string, types map[string]T)
}

// OneOf is a T, mostly an interface, that is one of several structs. In JSON it is the
// struct itself, and a member of it says which: documents become a Value of the right type,
// and what is written has the right member, whatever the struct's field holds.
//
//	type Shape interface{ Area() float64 }
//
//	type Circle struct {
//		Kind   string  `json:"kind"`
//		Radius float64 `json:"radius" validate:"gt=0"`
//	}
//
//	type shapes struct{}
//
//	func (shapes) Variants() (string, map[string]Shape) {
//		return "kind", map[string]Shape{"circle": Circle{}, "square": &Square{}}
//	}
//
//	type Drawing struct {
//		Shapes []geist.OneOf[Shape, shapes] `json:"shapes" validate:"dive"`
//	}
//
// A body that names no variant, or a wrong one, gives 422 with a pointer to the member. In a
// query, a form, XML and other codecs a OneOf has no form. null, and a missing member, leave
// Value nil, which is written as null. Variants are read by encoding/json, whatever
// Config.JSON is. One that holds itself is read anew at each level: a document whose length
// times its depth is beyond 64 MiB is refused as nested too deeply.
type OneOf[T any, V Variants[T]] struct {
	// Value has one of the types of V.
	Value T
}

// variants is what only a OneOf has.
type variants interface {
	Variants() (member string, types map[string]reflect.Type)
	oneOf()
}

func (OneOf[T, V]) oneOf() {}

// Variants returns the name of the member that tells the types apart, and the type of Value
// for each of its values. It is for those who describe and check types.
func (OneOf[T, V]) Variants() (member string, types map[string]reflect.Type) {
	var v V
	member, values := v.Variants()
	types = map[string]reflect.Type{}
	for tag, value := range values {
		types[tag] = reflect.TypeOf(value)
	}
	return member, types
}

// MarshalJSON writes Value with the member that tells its type, or null if it is nil. A
// Value of another type is an error.
func (o OneOf[T, V]) MarshalJSON() ([]byte, error) {
	if isNil(o.Value) {
		return []byte("null"), nil
	}
	member, types := o.Variants()
	t := reflect.TypeOf(o.Value)
	text, err := stdjson.Marshal(o.Value)
	if err != nil {
		return nil, err
	}
	if len(text) == 0 || text[0] != '{' {
		return nil, fmt.Errorf("geist: %s is a variant, but is written as no object", t)
	}
	tag, from, to := findTag(text, 0, member)
	if structType(types[tag]) == structType(t) && from > 0 {
		return text, nil
	}
	for _, name := range slices.Sorted(maps.Keys(types)) {
		if structType(types[name]) == structType(t) {
			if from < 0 {
				return nil, fmt.Errorf("geist: %s has no member %q, which tells it from other variants", t, member)
			}
			quoted, err := stdjson.Marshal(name)
			return slices.Concat(text[:from], quoted, text[to:]), err
		}
	}
	return nil, fmt.Errorf("geist: %s is none of the variants of %s", t, reflect.TypeFor[V]())
}

// UnmarshalJSON reads the variant that the document names. On an error o is as it was.
func (o *OneOf[T, V]) UnmarshalJSON(data []byte) error {
	if !stdjson.Valid(data) {
		return errJSONSyntax
	}
	i := space(data, 0)
	if data[i] == 'n' {
		*o = OneOf[T, V]{}
		return nil
	}
	member, types := o.Variants()
	t, problem := variantAt(data, i, member, types)
	if problem != "" {
		return fmt.Errorf("geist: the member %q %s", member, problem)
	}
	p := reflect.New(structType(t))
	if err := stdjson.Unmarshal(data, p.Interface()); err != nil {
		return err
	}
	if t.Kind() != reflect.Pointer {
		p = p.Elem()
	}
	*o = OneOf[T, V]{Value: p.Interface().(T)} // V's own types
	return nil
}

// structType returns the struct that a variant is or points to; nil stays nil.
func structType(t reflect.Type) reflect.Type {
	if t != nil && t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

// isOneOf reports whether t is a OneOf, and not a struct that embeds one.
func isOneOf(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.Implements(typeVariants) && t.NumField() == 1 && !t.Field(0).Anonymous
}

var typeVariants = reflect.TypeFor[variants]()

// variantsOf returns what a OneOf type says of itself.
func variantsOf(t reflect.Type) (member string, types map[string]reflect.Type) {
	return reflect.Zero(t).Interface().(variants).Variants() // isOneOf has looked
}

// variantAt returns the type that the value at i, of valid JSON, says to have, or what is
// wrong with the member that tells it.
func variantAt(data []byte, i int, member string, types map[string]reflect.Type) (t reflect.Type, problem string) {
	if data[i] != '{' {
		return nil, "is missing: the value must be an object"
	}
	tag, from, _ := findTag(data, i, member)
	switch t = types[tag]; {
	case from == tagMissing:
		return nil, detailRequired
	case from == tagTwice:
		return nil, "occurs twice, in two cases"
	case t == nil || data[from] != '"':
		return nil, "must be one of " + strings.Join(slices.Sorted(maps.Keys(types)), ", ")
	}
	return t, ""
}

// What findTag returns for a place.
const (
	tagMissing = -1
	tagTwice   = -2
)

// findTag returns the text of the member that tells variants apart, in the object at i of
// valid JSON, and its place. A codec would take a key in another case for the same field, so
// that it counts as the member, too.
func findTag(data []byte, i int, member string) (tag string, from, to int) {
	from = tagMissing
	eachMember(data, i, func(key string, _, value int) int {
		end := skipValue(data, value)
		switch {
		case !strings.EqualFold(key, member):
		case from != tagMissing:
			from = tagTwice
		default:
			from, to = value, end
			if data[value] == '"' {
				tag = string(appendUnquoted(nil, data[value+1:end-1]))
			}
		}
		return end
	})
	return tag, from, to
}

// variantProblems reports what is wrong with a OneOf type.
func variantProblems(t reflect.Type) (problems []string) {
	member, types := variantsOf(t)
	if member == "" || len(types) == 0 {
		return []string{"names no member, or no types"}
	}
	for _, tag := range slices.Sorted(maps.Keys(types)) {
		s := structType(types[tag])
		if s == nil || s.Kind() != reflect.Struct || decodesItself(s) {
			problems = append(problems, fmt.Sprintf("has the variant %q, which is no struct, or reads its JSON itself", tag))
			continue
		}
		tab, err := newTable(s)
		if err != nil {
			problems = append(problems, strings.TrimPrefix(err.Error(), "geist: "))
			continue
		}
		if f := tab.member(member); f == nil || f.hidden || f.member != member || f.typ.Kind() != reflect.String {
			problems = append(problems, fmt.Sprintf("has the variant %q, whose struct %s has no member %q that is a string", tag, s, member))
		}
	}
	return problems
}
