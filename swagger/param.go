package swagger

import (
	"encoding/json"
	"mime/multipart"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/gogeist/geist"
)

var (
	typeFile  = reflect.TypeFor[*multipart.FileHeader]()
	typeBytes = reflect.TypeFor[[]byte]()
)

// text returns the schema of a field that is bound from text: of the path, the query, the
// header, cookies and forms.
func (b *builder) text(f *geist.FieldInfo, place string) *object {
	schema := b.textType(f.Type, f.Layout)
	r := b.schemas.rules(place, f.Type, f.Validate, false)
	if schema.get("type") == "string" || hasEnum(f.Type) {
		r.empty = false // an empty text is no value, which generated clients need not know
	}
	schema = r.apply(schema)
	notes := &object{}
	if f.HasDefault {
		notes.set("default", b.textValue(place, "default", schema, f.Default))
	}
	if f.Example != "" {
		notes.set("examples", []any{b.textValue(place, "example", schema, f.Example)})
	}
	return withNotes(schema, notes)
}

// doc returns what a field says of itself beside its schema.
func doc(f *geist.FieldInfo) *object {
	o := &object{}
	o.add("description", f.Doc)
	o.add("deprecated", f.Deprecated)
	return o
}

// textType returns the schema of a type as the binder reads it from text. Long on purpose: a
// case an operation of the binder.
func (b *builder) textType(t reflect.Type, layout string) *object {
	s := b.schemas
	switch {
	case t == typeFile:
		return obj("type", "string", "format", "binary")
	case t == typeTime:
		return timeSchema(layout)
	case t == typeDuration:
		return obj("type", "string", "description", "A duration such as 1h30m.")
	case isOpt(t):
		return b.textType(t.Field(0).Type, layout)
	case s.custom[t] != nil, hasHook(t), hasEnum(t):
		return s.ref(t, input)
	case writesText(t, input):
		return text(t)
	}
	switch t.Kind() {
	case reflect.Pointer:
		return b.textType(t.Elem(), layout)
	case reflect.Slice:
		if t == typeBytes || t.Elem().Kind() == reflect.Uint8 {
			return obj("type", "string")
		}
		return obj("type", "array", "items", b.textType(t.Elem(), layout))
	case reflect.Interface:
		return obj("type", "string")
	}
	return s.kind(t, input)
}

// timeSchema returns the schema of a time in a layout.
func timeSchema(layout string) *object {
	switch strings.ToLower(layout) {
	case "", strings.ToLower(time.RFC3339), strings.ToLower(time.RFC3339Nano):
		return obj("type", "string", "format", "date-time")
	case time.DateOnly:
		return obj("type", "string", "format", "date")
	case "unix", "unixmilli", "unixmicro", "unixnano":
		unit := map[string]string{"unix": "seconds", "unixmilli": "milliseconds", "unixmicro": "microseconds", "unixnano": "nanoseconds"}
		return obj("type", "integer", "format", "int64", "description", "A time in "+unit[strings.ToLower(layout)]+" since 1970.")
	}
	return obj("type", "string", "description", "A time such as "+time.Date(2006, 1, 2, 15, 4, 5, 0, time.UTC).Format(layout)+".")
}

// textValue returns the value that a tag names for a schema.
func (b *builder) textValue(place, tag string, schema *object, value string) any {
	if all, ok := schema.get("allOf").([]any); ok && schema.get("type") == nil {
		schema, _ = all[0].(*object)
	}
	if c, ok := schema.get("$ref").(*component); ok {
		schema = c.schema
	}
	switch schema.get("type") {
	case "integer", "number", "boolean":
		switch strings.ToLower(value) {
		case "on":
			value = "true"
		case "off":
			value = "false"
		}
		v, err := parseJSON([]byte(value))
		if _, isText := v.(string); err != nil || isText {
			b.problem("%s: the %s %q is no %s", place, tag, value, schema.get("type"))
			return nil
		}
		return v
	case "array":
		items, _ := schema.get("items").(*object)
		all := []any{}
		for part := range strings.SplitSeq(value, ",") {
			all = append(all, b.textValue(place, tag, items, strings.TrimSpace(part)))
		}
		return all
	}
	return value
}

// constrained returns schema, or that of a plain string, with what the constraints of a
// path parameter say.
func constrained(schema *object, constraints string) *object {
	notes := &object{}
	for _, text := range splitConstraints(constraints) {
		name, args, _ := strings.Cut(strings.TrimSuffix(text, ")"), "(")
		keywords := constraintKeywords(name, args)
		if keywords == nil {
			notes.set("x-geist-constraint", text)
			continue
		}
		if schema == nil {
			schema = &object{}
		}
		if schema.get("type") == "string" && keywords.get("type") != "string" {
			keywords = &object{} // the type takes digits as text
		}
		schema = both(schema, keywords)
	}
	if schema == nil {
		schema = &object{}
	}
	if schema.get("type") == nil && schema.get("$ref") == nil && schema.get("allOf") == nil {
		with := obj("type", "string")
		mergeKeywords(with, schema)
		schema = with
	}
	return withNotes(schema, notes)
}

// both returns a schema that asks for what both say. What a type says counts more than
// what a constraint says.
func both(schema, keywords *object) *object {
	if schema.get("$ref") != nil {
		return schema
	}
	schema = copyOf(schema)
	kind := schema.get("type")
	for i, name := range keywords.names {
		switch {
		case kind != nil && name == "type", kind != nil && name == "format" && (kind != "string" || schema.get("format") != nil):
		case kind == "string" && strings.HasSuffix(name, "imum"):
		case kind != nil && kind != "string" && (name == "pattern" || strings.HasSuffix(name, "Length")):
		default:
			mergeKeywords(schema, obj(name, keywords.values[i]))
		}
	}
	return schema
}

// splitConstraints separates constraints at the spaces outside of their parentheses.
func splitConstraints(s string) []string {
	var all []string
	for s != "" {
		n := constraintLen("<"+strings.ReplaceAll(s, " ", ">")+">") - len("<>")
		all = append(all, s[:n])
		s = strings.TrimPrefix(s[n:], " ")
	}
	return all
}

// constraintKeywords returns what a constraint says in keywords, or nil.
func constraintKeywords(name, args string) *object {
	first, second, two := strings.Cut(args, ",")
	if !two {
		second = first
	}
	first, second = strings.TrimSpace(first), strings.TrimSpace(second)
	switch name {
	case "int":
		return obj("type", "integer", "format", "int64")
	case "uuid":
		return obj("type", "string", "format", "uuid")
	case "date":
		return obj("type", "string", "format", "date")
	case "alpha":
		return obj("type", "string", "pattern", "^[A-Za-z]+$")
	case "min":
		return obj("type", "integer", "format", "int64", "minimum", json.Number(first))
	case "max":
		return obj("type", "integer", "format", "int64", "maximum", json.Number(first))
	case "range":
		return obj("type", "integer", "format", "int64", "minimum", json.Number(first), "maximum", json.Number(second))
	case "len":
		return obj("type", "string", "minLength", json.Number(first), "maxLength", json.Number(second))
	case "minlen":
		return obj("type", "string", "minLength", json.Number(first))
	case "maxlen":
		return obj("type", "string", "maxLength", json.Number(first))
	case "regex":
		if portable(args) {
			return obj("type", "string", "pattern", "^(?:"+args+")$")
		}
	}
	return nil
}

// foreign finds what RE2 reads and ECMA-262 does not, or otherwise.
var foreign = regexp.MustCompile(`\(\?[^:]|\[\[:|\\[AzQEpPCa]|\\x\{`)

// portable reports whether an expression means the same in RE2 and in ECMA-262.
func portable(expression string) bool {
	return !foreign.MatchString(expression)
}
