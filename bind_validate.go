package geist

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// validate asks Config.Validator, which must be there, about what was bound. A document
// with problems is not asked about, since not all of it may have been decoded.
func (b *binding) validate() error {
	e := b.c.engine
	if b.ruledType != b.t || b.ruledEngine != e {
		b.ruledType, b.ruledEngine, b.hasRules = nil, nil, false
		if b.t.typ.Kind() == reflect.Struct {
			rules, problems := e.rules(b.t.typ)
			if len(problems) > 0 {
				return fmt.Errorf("geist: %s: %s", b.t.typ, strings.Join(problems, "; "))
			}
			b.hasRules = rules
		}
		b.ruledType, b.ruledEngine = b.t, e
	}
	if !b.hasRules || slices.ContainsFunc(b.problems, func(p FieldError) bool { return p.In == "" }) {
		return nil
	}
	for _, v := range e.set.Validator.Validate(b.c, b.v) {
		b.violation(v)
		if len(b.problems) >= maxProblems {
			return nil
		}
	}
	return nil
}

// violation notes a problem at the place in the request that a value came from.
func (b *binding) violation(v Violation) {
	p := FieldError{Detail: v.Detail}
	f, rest := b.followRoot(v.Path)
	switch {
	case f == nil:
		p.Pointer = "#"
	case b.inDocument(f):
		p.Pointer = string(b.pointer(f, rest))
	default:
		s := f.source()
		if seen := b.seen[f.row]; seen != 0 && seen != sentInBody {
			s = source(seen - 1)
		}
		p.In, p.Name = b.called(s), f.names[s]
		if slices.ContainsFunc(b.problems, func(q FieldError) bool { return q.In == p.In && q.Name == p.Name }) {
			return // one is enough, of the type or of the first element
		}
	}
	b.problems = append(b.problems, p)
}

// followRoot is follow for what was bound, which may be a OneOf.
func (b *binding) followRoot(path []string) (f *field, rest []string) {
	if !b.t.oneOf {
		return b.t.follow(path)
	}
	tab, path := b.variantTable(b.t.typ, path)
	if tab == nil {
		return nil, nil
	}
	return tab.follow(path)
}

// variantTable returns the table of the variant that a path goes into, and the rest of
// the path.
func (b *binding) variantTable(t reflect.Type, path []string) (*fieldTable, []string) {
	if len(path) == 0 {
		return nil, nil
	}
	_, types := variantsOf(t)
	one := structType(types[path[0]])
	if one == nil {
		return nil, nil
	}
	tab, err := b.c.server.table(one)
	if err != nil {
		return nil, nil
	}
	return tab, path[1:]
}

// inDocument reports whether a row got its value from a document, or should have.
func (b *binding) inDocument(f *field) bool {
	if b.t.oneOf {
		return true
	}
	if f.member == "" || f.hidden {
		return !f.bound
	}
	seen := b.seen[f.row]
	return !f.bound || seen == sentInBody || seen == 0 && b.format <= formatCodec && b.format != formatNone
}

// follow goes from a struct along names of fields, until it comes to a row that a request
// can set. It returns that and the rest of the way, or nil.
func (tab *fieldTable) follow(path []string) (f *field, rest []string) {
	var index []int
	t := tab.typ
	for i, name := range path {
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct {
			return nil, nil
		}
		sf, ok := t.FieldByName(name)
		if !ok {
			return nil, nil
		}
		index = append(index, sf.Index...)
		t = sf.Type
		for n := range tab.fields {
			if f := &tab.fields[n]; slices.Equal(f.index, index) && (f.bound || f.member != "" && !f.hidden) {
				return f, path[i+1:]
			}
		}
	}
	return nil, nil
}

// pointer returns the JSON Pointer of what a path leads to from a member.
func (b *binding) pointer(f *field, path []string) []byte {
	w := jsonWalk{pointer: []byte{'#'}}
	for {
		w.into(f.member)
		t := f.typ
		for {
			for t.Kind() == reflect.Pointer || isOpt(t) {
				t = elemOf(t)
			}
			if len(path) == 0 || t.Kind() != reflect.Slice && t.Kind() != reflect.Array && t.Kind() != reflect.Map {
				break
			}
			w.into(path[0])
			t, path = t.Elem(), path[1:]
		}
		if len(path) == 0 || t.Kind() != reflect.Struct {
			return w.pointer
		}
		if isOneOf(t) {
			var tab *fieldTable
			if tab, path = b.variantTable(t, path); tab == nil {
				return w.pointer
			}
			t = tab.typ
		}
		tab, err := b.c.server.table(t)
		if err != nil {
			return w.pointer
		}
		if f, path = tab.follow(path); f == nil || f.member == "" || f.hidden {
			return w.pointer
		}
	}
}

// elemOf returns what a pointer or an Opt leads to.
func elemOf(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t.Field(optValue).Type
}

// bindMessage fills v, a pointer to a value of t's type, from a message of a connection.
func (b *binding) bindMessage(t *fieldTable, v any, root reflect.Value, data []byte) error {
	b.start(t, v, root)
	b.message, b.format = true, formatJSON
	b.setDefaults()
	err := b.json(data)
	if err == nil && len(t.required) > 0 {
		b.checkRequired()
	}
	return b.end(err)
}
