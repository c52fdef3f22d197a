package geist

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// source is a part of a request, beside a document in its body, that fields are
// bound from. They are bound in this order, so that where a field names several the
// last one that was sent wins.
type source uint8

const (
	fromForm source = iota
	fromQuery
	fromHeader
	fromCookie
	fromPath
	numSources
)

// sourceTags are the struct tags of the sources, which are also what FieldError.In says.
var sourceTags = [numSources]string{"form", "query", "header", "cookie", "path"}

// field is a row of a table: one exported field that a request can set.
type field struct {
	path  string // in Go, from the outermost struct: "Page.Limit"
	index []int  // for reflect, likewise
	first int    // index[0] if that is all of it, else -1
	row   int    // position in table.fields
	typ   reflect.Type
	tag   reflect.StructTag

	names    [numSources]string // "" where it is not bound from
	bound    bool               // one of them is set
	setter   *setter            // how text becomes one; nil where it is not bound
	required bool               // something must be sent
	fallback string             // the default
	defaults bool               // there is one

	member string // key in the object of the table's type; "" if documents see none
	tagged bool   // by a json tag
	quoted bool   // tag option string: a number in a string
	hidden bool   // a JSON document would set it by its name in Go, but must not
}

// fieldTable is what the binder knows of a struct type. Each type has one, made at its
// first use and never written to again: binding, the second walk over a document that
// failed, validators and schemas all read it. For
//
//	type Update struct {
//		ID   int         `path:"id"`
//		Page             // struct{ Limit int `query:"limit" default:"20"` }
//		Name Opt[string] `json:"name"`
//	}
//
// the rows are ID (path id, hidden member ID), Page.Limit (query limit, default 20,
// hidden member Limit) and Name (member name).
type fieldTable struct {
	typ      reflect.Type
	fields   []field
	params   [numSources][]*field
	byName   [numSources]map[string]*field // where there are many
	members  []*field                      // of the JSON object, hidden ones included
	defaults []*field
	required []*field

	// Fields that a document in a format must not set, and could: they are restored
	// after it was decoded.
	coverJSON, coverXML, coverCodec []*field

	oneOf     bool // it is a OneOf
	leaf      bool // it is no struct, or decodes itself: documents see no fields
	body      bool // a document may set something
	needsBody bool // a document must be there
	xml       bool // it has xml tags, so that XML may be sent
	deepCover bool // types inside documents have hidden fields
	deepNeeds bool // or required ones
	rereads   bool // an Opt or OneOf inside decodes its text once more
	again     bool // a type is inside itself, or comes more than once
}

// fewNames is how many names are compared one by one before a map is faster.
const fewNames = 12

// table returns the table of a type.
func (e *Engine) table(t reflect.Type) (*fieldTable, error) {
	if known, ok := e.tables.Load(t); ok {
		return known.(*fieldTable), nil
	}
	made, err := newTable(t)
	if err == nil {
		seen := map[reflect.Type]bool{} // not of t: inside itself it is a document like any other
		if made.oneOf {
			made.rereads = true
			err = made.lookVariants(seen, t)
		} else {
			err = made.look(seen, made.members)
		}
	}
	if err != nil {
		return nil, err
	}
	known, _ := e.tables.LoadOrStore(t, made)
	return known.(*fieldTable), nil
}

// newTable compiles a type. Its errors are the programmer's, and name the field.
func newTable(t reflect.Type) (*fieldTable, error) {
	tab := &fieldTable{typ: t, oneOf: isOneOf(t)}
	tab.leaf = t.Kind() != reflect.Struct || t == typeTime || isOpt(t) || decodesItself(t)
	tab.body, tab.needsBody, tab.xml = tab.leaf, tab.leaf, tab.leaf
	c := fieldCompiler{fieldTable: tab}
	if t.Kind() == reflect.Struct && t != typeTime && !isOpt(t) && !tab.oneOf {
		c.structure(t, fieldLevel{members: !tab.leaf})
	}
	c.dominance()
	for i := range tab.fields {
		c.finish(&tab.fields[i], i)
	}
	for s := range numSources {
		c.index(s)
	}
	if len(c.problems) > 0 {
		return nil, fmt.Errorf("geist: %s cannot be bound: %s", t, strings.Join(c.problems, "; "))
	}
	return tab, nil
}

// decodesItself reports whether documents are decoded by a method of the type.
func decodesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(typeUnmarshaler) || p.Implements(typeText)
}

var typeUnmarshaler = reflect.TypeFor[json.Unmarshaler]()

// look finds out what the types inside documents ask for.
func (tab *fieldTable) look(seen map[reflect.Type]bool, members []*field) error {
	for _, f := range members {
		if f.hidden {
			continue
		}
		if err := tab.lookInto(seen, f.typ); err != nil {
			return err
		}
	}
	return nil
}

// lookVariants is look for what a OneOf leads to.
func (tab *fieldTable) lookVariants(seen map[reflect.Type]bool, t reflect.Type) error {
	_, types := variantsOf(t)
	for _, one := range types {
		if one == nil {
			continue // reported by Check
		}
		if err := tab.lookInto(seen, one); err != nil {
			return err
		}
	}
	return nil
}

// lookInto is look for one type.
func (tab *fieldTable) lookInto(seen map[reflect.Type]bool, t reflect.Type) error {
	for !seen[t] && (t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Array || t.Kind() == reflect.Map || isOpt(t)) {
		seen[t] = true // type Tree []Tree leads to itself
		if isOpt(t) {
			tab.rereads = true
			t = t.Field(optValue).Type
		} else {
			t = t.Elem()
		}
	}
	if t.Kind() != reflect.Struct || seen[t] {
		tab.again = tab.again || seen[t]
		return nil
	}
	seen[t] = true
	if isOneOf(t) {
		tab.rereads = true
		return tab.lookVariants(seen, t)
	}
	inner, err := newTable(t)
	if err != nil {
		return err
	}
	tab.deepCover = tab.deepCover || len(inner.coverJSON) > 0
	tab.deepNeeds = tab.deepNeeds || len(inner.required) > 0
	return tab.look(seen, inner.members)
}

// fieldCompiler makes a table and collects what is wrong with its type.
type fieldCompiler struct {
	*fieldTable
	problems []string
}

func (c *fieldCompiler) problem(path, format string, args ...any) {
	c.problems = append(c.problems, "field "+path+" "+fmt.Sprintf(format, args...))
}

// fieldLevel is where in a type the compiler stands.
type fieldLevel struct {
	path    string
	index   []int
	types   []reflect.Type     // that it is inside of
	prefix  [numSources]string // of the names
	off     [numSources]bool   // nothing here is bound from there
	members bool               // fields are members of the outermost object
	unseen  bool               // JSON does not reach here
}

// structure adds the fields of a struct. Those of a type that holds itself are added
// once.
func (c *fieldCompiler) structure(t reflect.Type, at fieldLevel) {
	at.types = append(slices.Clone(at.types), t)
	for i := range t.NumField() {
		sf := t.Field(i)
		if x, ok := sf.Tag.Lookup("xml"); ok && x != "-" && at.members {
			c.xml = true
		}
		if !sf.IsExported() && (!sf.Anonymous || sf.Type.Kind() != reflect.Struct) {
			continue
		}
		inner := at
		inner.path = strings.TrimPrefix(at.path+"."+sf.Name, ".")
		inner.index = append(slices.Clone(at.index), i)
		c.field(sf, at, inner)
	}
}

// field adds a field, or those of the struct that it is.
func (c *fieldCompiler) field(sf reflect.StructField, at, inner fieldLevel) {
	f := field{path: inner.path, index: inner.index, typ: sf.Type, tag: sf.Tag}
	for s := range numSources {
		if name := tagName(sf.Tag, s); name != "" && name != "-" && !at.off[s] {
			f.names[s], f.bound = at.prefix[s]+name, true
		}
	}
	tag, tagged := sf.Tag.Lookup("json")
	name, options, _ := strings.Cut(tag, ",")
	f.tagged = tagged && name != ""
	f.quoted = strings.Contains(","+options+",", ",string,")
	inner.unseen = at.unseen || tag == "-"
	if t, ok := nestable(sf.Type); ok {
		document := tagged && tag != "-" || !tagged && hasXMLName(sf.Tag)
		if sf.Anonymous && !f.bound && (!f.tagged || tag == "-") {
			inner.members = at.members && tag != "-"
			c.group(t, inner)
			return
		}
		f.hidden = c.nested(t, &f, inner, document)
		f.names, f.bound = [numSources]string{}, false
	} else {
		f.hidden = f.bound && !tagged && !at.unseen
	}
	if at.members && tag != "-" && sf.IsExported() {
		f.member = name
		if name == "" {
			f.member = sf.Name
		}
	}
	if f.bound || f.member != "" {
		c.fields = append(c.fields, f)
	}
}

// nested adds what other parts of the request than documents set in a struct field,
// and reports whether nothing else is in it:
//
//   - `query:"filter"` binds its fields with query tags as filter.name; form likewise.
//   - Without any tag its fields count as if they stood in the outer struct.
//   - With only a json or xml tag it belongs to documents alone.
func (c *fieldCompiler) nested(t reflect.Type, f *field, at fieldLevel, document bool) (hidden bool) {
	at.members = false
	for s, name := range f.names {
		if name != "" && source(s) != fromForm && source(s) != fromQuery {
			c.problem(f.path, "is a struct, which cannot come from %s", sourceTags[s])
		}
		at.off[s] = at.off[s] || name == "" && (document || f.bound)
		at.prefix[s] = at.prefix[s] + name
		if name != "" {
			at.prefix[s] = name + "."
		}
	}
	if f.bound && slices.Contains(at.types, t) {
		c.problem(f.path, "holds itself")
	}
	before := len(c.fields)
	if !document || f.bound {
		c.group(t, at)
	}
	return !document && (f.bound || onlyHidden(c.fields[before:]))
}

// group adds the fields of a struct as if they stood in the outer one.
func (c *fieldCompiler) group(t reflect.Type, at fieldLevel) {
	if !slices.Contains(at.types, t) {
		c.structure(t, at)
	}
}

// onlyHidden reports whether documents set none of the fields of a group.
func onlyHidden(fields []field) bool {
	for i := range fields {
		if !fields[i].hidden {
			return false
		}
	}
	return len(fields) > 0
}

// nestable returns the struct that t is or points to, unless text makes one.
func nestable(t reflect.Type) (reflect.Type, bool) {
	s := t
	if t.Kind() == reflect.Pointer {
		s = t.Elem()
	}
	return s, s.Kind() == reflect.Struct && t != typeFileHeader && newSetter(t, timeFormat{}) == nil && !isOpt(s) && !isOneOf(s)
}

// tagName returns the name in the tag of a source. Gin's uri is path.
func tagName(tag reflect.StructTag, s source) string {
	value, ok := tag.Lookup(sourceTags[s])
	if !ok && s == fromPath {
		value = tag.Get("uri")
	}
	name, _, _ := strings.Cut(value, ",")
	return name
}

// tagOption returns the value of an option in the tags of the sources, such as
// comma in `query:"ids,comma"` or default in Gin's `form:"page,default=1"`.
func tagOption(tag reflect.StructTag, option string) (string, bool) {
	for s := range numSources {
		_, options, _ := strings.Cut(tag.Get(sourceTags[s]), ",")
		for options != "" {
			var one string
			one, options, _ = strings.Cut(options, ",")
			if name, value, _ := strings.Cut(one, "="); name == option {
				return value, true
			}
		}
	}
	return "", false
}

func hasXMLName(tag reflect.StructTag) bool {
	x, ok := tag.Lookup("xml")
	return ok && x != "-"
}

// dominance settles which of several fields has a key, by encoding/json's rule: the
// least nested, of these the tagged one, and none if that leaves several.
func (c *fieldCompiler) dominance() {
	var lost []*field
	for i := range c.fields {
		f := &c.fields[i]
		for j := range c.fields {
			if g := &c.fields[j]; i != j && f.member != "" && g.member == f.member && !f.beats(g) {
				lost = append(lost, f)
				break
			}
		}
	}
	for _, f := range lost {
		f.member = ""
	}
}

// beats reports whether f has the key that both want.
func (f *field) beats(g *field) bool {
	if len(f.index) != len(g.index) {
		return len(f.index) < len(g.index)
	}
	return f.tagged && !g.tagged
}

// finish completes a row once all are there.
func (c *fieldCompiler) finish(f *field, row int) {
	f.row, f.first = row, -1
	if len(f.index) == 1 {
		f.first = f.index[0]
	}
	f.required = slices.Contains(strings.Split(f.tag.Get("binding"), ","), "required")
	if f.fallback, f.defaults = f.tag.Lookup("default"); !f.defaults {
		f.fallback, f.defaults = tagOption(f.tag, "default")
	}
	if f.bound || f.defaults {
		c.compile(f)
	}
	if f.defaults {
		c.defaults = append(c.defaults, f)
	}
	if f.required {
		c.required = append(c.required, f)
	}
	if f.hidden && f.bound {
		c.coverJSON = append(c.coverJSON, f)
	}
	if f.bound && !hasXMLName(f.tag) {
		c.coverXML = append(c.coverXML, f)
	}
	if f.bound {
		c.coverCodec = append(c.coverCodec, f)
	}
	if f.member == "" {
		return
	}
	c.members = append(c.members, f)
	if !f.hidden {
		c.body = true
		c.needsBody = c.needsBody || !f.defaults && f.typ.Kind() != reflect.Pointer && !isOpt(f.typ)
	}
}

// compile makes the setter of a row and tries its default.
func (c *fieldCompiler) compile(f *field) {
	format, set, err := newTimeFormat(f.tag)
	if err != nil {
		c.problem(f.path, "%v", err)
	}
	f.setter = newSetter(f.typ, format)
	if f.setter == nil {
		c.problem(f.path, "has type %s, which text cannot become", f.typ)
		return
	}
	if set && f.setter.leaf().op != opTime {
		c.problem(f.path, "has a layout, but is no time")
	}
	if _, ok := tagOption(f.tag, "comma"); ok || f.tag.Get("collection_format") == "csv" {
		if !f.setter.setComma() {
			c.problem(f.path, "is to be split at commas, but is no slice")
		}
	}
	if op := f.setter.op; op == opFile || op == opFiles {
		for s, name := range f.names {
			if name != "" && source(s) != fromForm {
				c.problem(f.path, "is a file, which comes from a form only")
			}
		}
	}
	if f.defaults && !f.setter.setDefault(reflect.New(f.typ).Elem(), f.fallback) {
		c.problem(f.path, "has a default that it cannot hold: it %s", f.setter.leaf().want())
	}
}

// index lists the rows of a source.
func (c *fieldCompiler) index(s source) {
	for i := range c.fields {
		f := &c.fields[i]
		if f.names[s] == "" {
			continue
		}
		for _, g := range c.params[s] {
			if f.names[s] == g.names[s] {
				c.problem(f.path, "comes from %s %q, as %s does", sourceTags[s], f.names[s], g.path)
			}
		}
		if (s == fromHeader || s == fromCookie) && !validToken(f.names[s]) {
			c.problem(f.path, "has a %s name that is no token", sourceTags[s])
		}
		c.params[s] = append(c.params[s], f)
	}
	if len(c.params[s]) > fewNames {
		c.byName[s] = map[string]*field{}
		for _, f := range c.params[s] {
			c.byName[s][f.names[s]] = f
		}
	}
}

// find returns the row of a name, or nil.
func (tab *fieldTable) find(s source, name []byte) *field {
	if m := tab.byName[s]; m != nil {
		return m[string(name)]
	}
	for _, f := range tab.params[s] {
		if f.names[s] == string(name) {
			return f
		}
	}
	return nil
}

// in returns the row's value inside root. Pointers on the way are allocated if make
// is set, else ok is false.
func (f *field) in(root reflect.Value, create bool) (v reflect.Value, ok bool) {
	if f.first >= 0 {
		return root.Field(f.first), true
	}
	v = root
	for n, i := range f.index {
		if n > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				if !create {
					return v, false
				}
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	return v, true
}

// setDefault sets a value that was not sent.
func (s *setter) setDefault(v reflect.Value, fallback string) bool {
	t := text{b: []byte(fallback)}
	if !s.many() {
		return s.set(v, t)
	}
	list := *s
	for p := &list; ; p = p.elem {
		if p.op == opSlice {
			p.comma = true
			return list.set(v, t)
		}
		inner := *p.elem
		p.elem = &inner
	}
}

// setComma makes a slice split its text, and reports whether there is a slice.
func (s *setter) setComma() bool {
	for ; s != nil; s = s.elem {
		if s.op == opSlice {
			s.comma = true
			return true
		}
	}
	return false
}
