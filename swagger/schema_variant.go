package swagger

import (
	"maps"
	"reflect"
	"slices"
)

// ofVariants returns the schema of a geist.OneOf, which needs no registration.
func (s *schemas) ofVariants(t reflect.Type, m mode) *object {
	member, types := reflect.Zero(t).Interface().(lister).Variants() // isOneOf has looked
	custom := &Type{typ: t, property: member}
	for _, tag := range slices.Sorted(maps.Keys(types)) {
		one := types[tag]
		if one != nil && one.Kind() == reflect.Pointer {
			one = one.Elem()
		}
		custom.variants = append(custom.variants, Variant{one, tag})
	}
	s.learn(custom)
	for _, v := range custom.variants {
		for _, mode := range [...]mode{input, output} {
			if c := s.components[componentKey{v.typ, mode}]; c != nil && c.schema != nil {
				s.variant(v.typ, c.schema) // it was described before
			}
		}
	}
	return s.oneOf(custom, m)
}

// lister is what only a geist.OneOf has.
type lister interface {
	Variants() (member string, types map[string]reflect.Type)
}
