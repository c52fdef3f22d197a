package validate

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// variant is a type that a OneOf may hold.
type variant struct {
	tag  string
	plan *plan
}

// variants plans the types of a OneOf. Of several values for one type the first is told in paths.
func (c *compiler) variants(p *plan) {
	p.variants = map[reflect.Type]variant{}
	_, types := reflect.Zero(p.typ).Interface().(lister).Variants() // isOneOf has looked
	for _, tag := range slices.Sorted(maps.Keys(types)) {
		t := types[tag]
		if _, known := p.variants[t]; t == nil || known || structOf(t) == nil {
			continue
		}
		p.variants[t] = variant{tag, c.structure(structOf(t))}
	}
}

// lister is what only a geist.OneOf has.
type lister interface {
	Variants() (member string, types map[string]reflect.Type)
}

// variantLeads reports whether there is something to check in a variant.
func (p *plan) variantLeads() bool {
	for _, v := range p.variants {
		if v.plan.deep {
			return true
		}
	}
	return false
}

// variant checks what a OneOf holds.
func (w *walk) variant(p *plan, at reflect.Value) {
	if at.Kind() == reflect.Interface {
		at = at.Elem()
	}
	if !at.IsValid() || at.Kind() == reflect.Pointer && at.IsNil() {
		return
	}
	one, ok := p.variants[at.Type()]
	if !ok || !one.plan.deep {
		return
	}
	w.path = append(w.path, one.tag)
	w.structure(one.plan, addressable(reflect.Indirect(at)))
	w.path = w.path[:len(w.path)-1]
}

// isOneOf reports whether t is a geist.OneOf.
func isOneOf(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.PkgPath() == "github.com/gogeist/geist" && strings.HasPrefix(t.Name(), "OneOf[")
}
