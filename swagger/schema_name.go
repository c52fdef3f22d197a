package swagger

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// finish names the components and returns those that documents list, in the order in
// which they were met. A type whose two schemas are alike has one component; else the
// one of what is read is called like the other with Input behind it.
func (s *schemas) finish() []*component {
	differ := s.differing()
	var kept []*component
	for _, c := range s.order {
		if c.mode == input && s.components[componentKey{c.typ, output}] != nil && !differ[c.typ] {
			continue
		}
		kept = append(kept, c)
	}
	s.name(kept, differ)
	for _, c := range s.order {
		if c.name == "" {
			c.name = s.components[componentKey{c.typ, output}].name
		}
	}
	return kept
}

// differing returns the types whose schemas differ between the modes, be it by what they
// refer to.
func (s *schemas) differing() map[reflect.Type]bool {
	differ := map[reflect.Type]bool{}
	refers := map[reflect.Type][]reflect.Type{}
	for _, c := range s.order {
		other := s.components[componentKey{c.typ, output}]
		if c.mode != input || other == nil {
			continue
		}
		var refs []reflect.Type
		a := signature(c.schema, &refs)
		b := signature(other.schema, &refs)
		refers[c.typ] = refs
		differ[c.typ] = string(appendJSON(nil, a, 0)) != string(appendJSON(nil, b, 0))
	}
	for changed := true; changed; {
		changed = false
		for t, refs := range refers {
			if !differ[t] && slices.ContainsFunc(refs, func(r reflect.Type) bool { return differ[r] }) {
				differ[t], changed = true, true
			}
		}
	}
	return differ
}

// signature returns a schema with the types that it refers to in place of components, and
// appends them to refs.
func signature(v any, refs *[]reflect.Type) any {
	switch v := v.(type) {
	case *object:
		o := &object{names: v.names, values: make([]any, len(v.values))}
		for i := range v.values {
			o.values[i] = signature(v.values[i], refs)
		}
		return o
	case []any:
		l := make([]any, len(v))
		for i := range v {
			l[i] = signature(v[i], refs)
		}
		return l
	case *component:
		*refs = append(*refs, v.typ)
		return v.typ.PkgPath() + "\x00" + v.typ.String()
	}
	return v
}

// name gives each component a name that no other has. Types of one name in several
// packages have the package before it, as far as the name needs; a number behind it
// tells apart what is still alike, such as types that functions declare.
func (s *schemas) name(kept []*component, differ map[reflect.Type]bool) {
	for parts := 0; parts < maxNameParts; parts++ {
		types := map[string]reflect.Type{}
		clash := map[string]bool{}
		for _, c := range kept {
			if parts == 0 {
				c.base = typeName(c.typ, 0)
			}
			if other, ok := types[c.base]; ok && other.PkgPath() != c.typ.PkgPath() {
				clash[c.base] = true
			}
			types[c.base] = c.typ
		}
		for _, c := range kept {
			if clash[c.base] {
				c.base = typeName(c.typ, parts+1)
			}
		}
	}
	taken := map[string]bool{}
	numbers := map[reflect.Type]string{}
	for _, c := range kept {
		number, ok := numbers[c.typ]
		for n := 2; !ok && taken[c.base+number]; n++ {
			number = strconv.Itoa(n)
		}
		numbers[c.typ] = number
		taken[c.base+number] = true
		c.name = c.base + number
	}
	for _, c := range kept {
		if c.mode == input && differ[c.typ] {
			c.name += "Input"
			for n := 2; taken[c.name]; n++ {
				c.name = c.base + numbers[c.typ] + "Input" + strconv.Itoa(n)
			}
			taken[c.name] = true
		}
	}
}

// maxNameParts is how many elements of a package's path a name may begin with.
const maxNameParts = 4

// typeName returns the name of a type for documents, with elements of its package's path
// before it: Page[example.com/users.Addr] is PageOfAddr, or DirectoryPageOfAddr with one
// element of the path of package directory. A geist.OneOf is called like
// what it is one of.
func typeName(t reflect.Type, elements int) string {
	name := t.Name()
	if isOneOf(t) {
		if t = t.Field(0).Type; t.Name() != "" {
			name = t.Name()
		} else { // of any: by its list of variants
			_, list, _ := strings.Cut(name, ",")
			name = strings.TrimSuffix(list, "]")
		}
	}
	name = wordOf(name)
	if elements == 0 {
		return name
	}
	path := strings.Split(t.PkgPath(), "/")
	for i := len(path) - 1; i >= max(0, len(path)-elements); i-- {
		name = wordOf(path[i]) + name
	}
	return name
}

// wordOf makes one word of the name of a type, be it generic.
func wordOf(name string) string {
	p := nameParser{rest: name}
	return p.word()
}

// nameParser reads type names as reflect writes them.
//
//	Page[[]example.com/users.Addr]  →  PageOfAddrList
//	Pair[int,map[string]main.B·1]   →  PairOfIntAndStringMapOfB
type nameParser struct{ rest string }

func (p *nameParser) word() string {
	switch {
	case strings.HasPrefix(p.rest, "*"):
		p.rest = p.rest[1:]
		return p.word()
	case strings.HasPrefix(p.rest, "[]"):
		p.rest = p.rest[2:]
		return p.word() + "List"
	case strings.HasPrefix(p.rest, "map["):
		p.rest = p.rest[len("map["):]
		key := p.word()
		p.rest = strings.TrimPrefix(p.rest, "]")
		return key + "MapOf" + p.word()
	case strings.HasPrefix(p.rest, "["):
		size, elem, _ := strings.Cut(p.rest[1:], "]")
		p.rest = elem
		return p.word() + "Array" + size
	}
	end := strings.IndexAny(p.rest, "[],")
	if end < 0 {
		end = len(p.rest)
	}
	name := p.rest[:end]
	p.rest = p.rest[end:]
	name, _, _ = strings.Cut(name[strings.LastIndexAny(name, "/.")+1:], "·") // the number of a type that a function declares
	word := upperWord(name)
	if !strings.HasPrefix(p.rest, "[") {
		return word
	}
	for join := "Of"; strings.HasPrefix(p.rest, "[") || strings.HasPrefix(p.rest, ","); join = "And" {
		p.rest = p.rest[1:]
		word += join + p.word()
	}
	p.rest = strings.TrimPrefix(p.rest, "]")
	return word
}

// upperWord keeps the letters and digits of ASCII, the first of each run in upper case.
func upperWord(name string) string {
	var b strings.Builder
	upper := true
	for _, r := range name {
		switch {
		case r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_':
			upper = true
			continue
		case upper:
			r = unicode.ToUpper(r)
		}
		b.WriteRune(r)
		upper = false
	}
	if b.Len() == 0 {
		return "Type"
	}
	return b.String()
}
