package geist

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/valyala/fasthttp"
)

// typed decides what a typed route does, and reports what is wrong with the types of a
// route, be they of its signature or of its options.
func (c *compiler) typed(r *Route, at level, o *routeOptions, full *pattern) {
	check := typeCheck{compiler: c, at: at, full: full, methods: r.methods, report: func(format string, args ...any) {
		c.problem("route %s (%s): %s", full.src, r.place, fmt.Sprintf(format, args...))
	}}
	check.own(r)
	for _, s := range o.security {
		if known, ok := c.schemes[s.Scheme.Name]; ok && !reflect.DeepEqual(known, s.Scheme) {
			check.report("Security scheme %q differs from another of that name: give it a name of its own", s.Scheme.Name)
		}
		c.schemes[s.Scheme.Name] = s.Scheme
	}
	if o.body != nil && r.typed == nil {
		check.input(o.body)
	}
	for _, ret := range o.returns {
		if ret.Type != nil {
			check.encodable("Returns", ret.Type)
		}
	}
	for _, e := range o.emits {
		check.encodable("Emits", e.Type)
	}
	if r.messages != nil {
		check.message(r.messages.in)
		check.encodable("the messages", r.messages.out)
	}
	if r.typed == nil {
		return
	}
	check.typed = true
	o.plan = newTypedPlan(&c.engine.set, r.typed, o)
	o.plan.input = check.input(r.typed.in)
	if o.plan.empty {
		return
	}
	check.encodable("the output", r.typed.out)
	if s := o.plan.status; s == fasthttp.StatusNoContent || s == fasthttp.StatusResetContent || s == fasthttp.StatusNotModified {
		check.report("an answer of status %d has no body: return None", s)
	}
}

// typeCheck judges the types of one route.
type typeCheck struct {
	*compiler
	at      level
	full    *pattern
	methods []string
	typed   bool // the engine itself binds the input
	report  func(format string, args ...any)
}

// own reports options that the route was given itself and that say nothing about it.
func (c *typeCheck) own(r *Route) {
	own := &routeOptions{}
	for _, opt := range r.options {
		if opt != nil {
			opt.apply(own)
		}
	}
	switch {
	case r.typed == nil && own.status != 0:
		c.report("Status is for typed routes: this one names its status in its handler")
	case r.typed != nil && own.body != nil:
		c.report("Body is for plain routes: the input of this one is known by its handler")
	}
}

// input checks what requests are bound to, and returns its table; nil for None, and for a
// type that cannot be bound.
func (c *typeCheck) input(t reflect.Type) *fieldTable {
	if t == typeNone {
		return nil // it reads what it needs itself
	}
	if t.Kind() != reflect.Struct || t == typeTime || isOpt(t) {
		c.report("the input %s is not a struct: give it a field for each part of the request", t)
		return nil
	}
	tab, err := c.engine.table(t)
	if err != nil {
		c.report("%s", strings.TrimPrefix(err.Error(), "geist: "))
		return nil
	}
	c.path(tab)
	c.sources(tab)
	c.rules(t)
	c.tags(t)
	return tab
}

// message checks what messages of a client become.
func (c *typeCheck) message(t reflect.Type) {
	tab, err := c.engine.table(t)
	if err != nil {
		c.report("%s", strings.TrimPrefix(err.Error(), "geist: "))
		return
	}
	for i := range tab.fields {
		if f := &tab.fields[i]; f.bound {
			c.report("%s: field %s comes from %s, which messages have none of: bind it by Ctx.Bind", t, f.path, sourceTags[f.source()])
		}
	}
	c.typed = true
	if t.Kind() == reflect.Struct {
		c.rules(t)
	}
	c.tags(t)
}

// tags reports what nobody would read in the tags of an input, and what JSON cannot fill.
func (c *typeCheck) tags(t reflect.Type) {
	walk := typeWalk{seen: map[reflect.Type]bool{}, input: true}
	walk.visit = func(path string, sf reflect.StructField) {
		for _, problem := range tagProblems(sf.Tag, c.typed) {
			c.report("%s: field %s %s", t, path, problem)
		}
	}
	walk.refuse = func(path string, bad reflect.Type) {
		c.report("%s%s has type %s, which JSON cannot become", t, ofField(path), bad)
	}
	walk.say = func(path, problem string) { c.report("%s%s %s", t, ofField(path), problem) }
	if t.Kind() == reflect.Struct && !isOpt(t) && !isOneOf(t) && t != typeTime {
		walk.fields(t, "") // also if it decodes itself: parameters are bound to them
		return
	}
	walk.value(t, "")
}

// path compares the parameters of the pattern with the fields that they are bound to.
func (c *typeCheck) path(tab *fieldTable) {
	known := slices.Clone(c.full.names)
	if label := hostLabelName(c.at.host); label != "" {
		known = append(known, label)
	}
	for _, f := range tab.params[fromPath] {
		if name := f.names[fromPath]; !slices.Contains(known, name) {
			c.report("%s: field %s: the path has no parameter %q", tab.typ, f.path, name)
		}
	}
	if !c.typed {
		return
	}
	for _, name := range c.full.names[len(c.prefixNames(c.at.mounted)):] { // who mounts an engine knows its prefix
		if tab.find(fromPath, []byte(name)) == nil {
			c.report("%s has no field for the parameter %q: add one with the tag `path:%q`", tab.typ, name, name)
		}
	}
}

// hostLabelName returns the name in the {name} label of a host pattern, or "".
func hostLabelName(host string) string {
	_, rest, _ := strings.Cut(host, "{")
	name, _, found := strings.Cut(rest, "}")
	if !found {
		return ""
	}
	return name
}

// sources reports fields that nothing could set, and those that too much could.
func (c *typeCheck) sources(tab *fieldTable) {
	bodiless := !slices.ContainsFunc(c.methods, func(m string) bool { return m != fasthttp.MethodGet && m != fasthttp.MethodHead })
	for _, f := range tab.members {
		if bodiless && !f.hidden && !f.bound {
			c.report("%s: field %s comes from a body, which %s has none of: give it a tag such as `query:%q`, or `json:\"-\"`", tab.typ, f.path, c.methods[0], f.member)
		}
	}
	if !c.typed {
		return
	}
	for i := range tab.fields {
		f := &tab.fields[i]
		if f.member == "" || f.hidden {
			continue
		}
		for s := fromQuery; s < numSources; s++ {
			if f.names[s] != "" {
				c.report("%s: field %s comes from %s, and documents could set it, too: give it the tag `json:\"-\"`", tab.typ, f.path, sourceTags[s])
				break
			}
		}
	}
}

// rules checks the validate tags of an input.
func (c *typeCheck) rules(t reflect.Type) {
	if c.engine.set.Validator != nil {
		_, problems := c.engine.rules(t)
		for _, p := range problems {
			c.report("%s: %s", t, p)
		}
		return
	}
	if !c.typed {
		return
	}
	var ruled []string
	walk := typeWalk{seen: map[reflect.Type]bool{}, input: true}
	walk.visit = func(path string, sf reflect.StructField) {
		if tag := sf.Tag.Get("validate"); tag != "" && tag != "-" {
			ruled = append(ruled, path)
		}
	}
	if isOneOf(t) {
		walk.value(t, "")
	} else {
		walk.fields(t, "")
	}
	if len(ruled) > 0 {
		c.report("%s has validate tags (%s), but Config.Validator is nil: set it, such as to validate.New()", t, strings.Join(ruled, ", "))
	}
}

// encodable reports a type that JSON has no form for.
func (c *typeCheck) encodable(what string, t reflect.Type) {
	walk := typeWalk{seen: map[reflect.Type]bool{}, visit: func(string, reflect.StructField) {}}
	walk.refuse = func(path string, bad reflect.Type) {
		c.report("%s %s%s has type %s, which JSON has no form for", what, t, ofField(path), bad)
	}
	walk.say = func(path, problem string) { c.report("%s %s%s %s", what, t, ofField(path), problem) }
	walk.value(t, "")
}

// ofField returns how problems name a field, or "" for none.
func ofField(path string) string {
	if path == "" {
		return ""
	}
	return ": field " + path
}

// typeWalk goes over a type as documents see it, and over the fields of it that they do
// not see, each struct once.
type typeWalk struct {
	seen   map[reflect.Type]bool
	input  bool // documents become it, rather than the reverse
	visit  func(path string, sf reflect.StructField)
	refuse func(path string, t reflect.Type) // nil if any type will do
	say    func(path, problem string)        // of a OneOf; nil if nothing is to be said
}

var (
	typeMarshaler     = reflect.TypeFor[json.Marshaler]()
	typeTextMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

// fields walks the fields of a struct.
func (w *typeWalk) fields(t reflect.Type, path string) {
	if w.seen[t] {
		return
	}
	w.seen[t] = true
	for i := range t.NumField() {
		sf := t.Field(i)
		if !sf.IsExported() && (!sf.Anonymous || sf.Type.Kind() != reflect.Struct) {
			continue
		}
		at := strings.TrimPrefix(path+"."+sf.Name, ".")
		w.visit(at, sf)
		if tag := sf.Tag.Get("json"); tag == "-" || w.input && tag == "" && hasSource(sf.Tag) {
			inner := typeWalk{seen: w.seen, input: w.input, visit: w.visit}
			inner.value(sf.Type, at) // for its tags alone
			continue
		}
		w.value(sf.Type, at)
	}
}

func hasSource(tag reflect.StructTag) bool {
	for s := range numSources {
		if tagName(tag, s) != "" {
			return true
		}
	}
	return false
}

// value walks a type, long on purpose: a case a kind.
func (w *typeWalk) value(t reflect.Type, path string) {
	if isOpt(t) {
		w.value(t.Field(optValue).Type, path)
		return
	}
	if isOneOf(t) {
		w.variants(t, path)
		return
	}
	if w.formed(t) || w.seen[t] {
		return
	}
	if t.Name() != "" && t.Kind() != reflect.Struct {
		w.seen[t] = true // type Tree []Tree leads to itself
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Array, reflect.Slice:
		w.value(t.Elem(), path)
	case reflect.Map:
		if !w.keys(t.Key()) {
			w.bad(path, t)
			return
		}
		w.value(t.Elem(), path)
	case reflect.Struct:
		w.fields(t, path)
	case reflect.Interface:
		if w.input && t.NumMethod() > 0 {
			w.bad(path, t)
		}
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		w.bad(path, t)
	default:
	}
}

// variants walks the types of a OneOf.
func (w *typeWalk) variants(t reflect.Type, path string) {
	if w.seen[t] {
		return
	}
	w.seen[t] = true
	if w.say != nil {
		for _, problem := range variantProblems(t) {
			w.say(path, problem)
		}
	}
	_, types := variantsOf(t)
	for _, tag := range slices.Sorted(maps.Keys(types)) {
		if one := structType(types[tag]); one != nil {
			w.value(one, path)
		}
	}
}

func (w *typeWalk) bad(path string, t reflect.Type) {
	if w.refuse != nil {
		w.refuse(path, t)
	}
}

// formed reports whether a type makes its own form in documents.
func (w *typeWalk) formed(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface {
		return false
	}
	if t == typeTime || t == typeFileHeader.Elem() {
		return true
	}
	if p := reflect.PointerTo(t); !w.input {
		return p.Implements(typeMarshaler) || p.Implements(typeTextMarshaler)
	}
	return decodesItself(t)
}

// keys reports whether JSON has maps with keys of a type.
func (w *typeWalk) keys(t reflect.Type) bool {
	switch k := t.Kind(); {
	case k == reflect.String, reflect.Int <= k && k <= reflect.Uintptr:
		return true
	case w.input:
		return reflect.PointerTo(t).Implements(typeText)
	}
	return t.Implements(typeTextMarshaler)
}
