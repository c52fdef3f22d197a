package swagger

import (
	"encoding/json"
	"reflect"
	"strings"
)

// describeType adds what a struct says of itself by the tags of a blank field:
//
//	_ struct{} `doc:"A user of the service."`
func (s *schemas) describeType(o *object, t reflect.Type) {
	for i := range t.NumField() {
		if f := t.Field(i); f.Name == "_" {
			o.add("description", f.Tag.Get("doc"))
			o.add("deprecated", f.Tag.Get("deprecated") == "true")
			if text, ok := f.Tag.Lookup("example"); ok {
				if v, err := parseJSON([]byte(text)); err == nil {
					o.add("examples", []any{v})
				} else {
					s.problem("%s: the example is not valid JSON: %v", t, err)
				}
			}
		}
	}
}

// annotate adds what the tags of a field say beside its type: doc, example, default,
// deprecated, readOnly, writeOnly. A reference has no room for that, so it is put into
// an allOf.
func (s *schemas) annotate(place string, schema *object, f reflect.StructField) *object {
	notes := &object{}
	notes.add("description", f.Tag.Get("doc"))
	if text, ok := f.Tag.Lookup("default"); ok {
		notes.set("default", s.literal(place, "default", f.Type, text))
	}
	if text, ok := f.Tag.Lookup("example"); ok {
		notes.set("examples", []any{s.literal(place, "example", f.Type, text)})
	}
	for _, name := range [...]string{"deprecated", "readOnly", "writeOnly"} {
		notes.add(name, f.Tag.Get(name) == "true")
	}
	return withNotes(schema, notes)
}

// withNotes returns schema with members beside it. schema is not changed.
func withNotes(schema, notes *object) *object {
	if notes.len() == 0 {
		return schema
	}
	all := &object{}
	if schema.get("$ref") != nil {
		all.set("allOf", []any{schema})
	} else {
		for i, name := range schema.names {
			all.set(name, schema.values[i])
		}
	}
	for i, name := range notes.names {
		all.set(name, notes.values[i])
	}
	return all
}

// literal returns the value that a tag holds, as the codec would write it: text of a type
// that is written as a string needs no quotes, a list of such texts is split at commas.
func (s *schemas) literal(place, tag string, t reflect.Type, text string) any {
	for t.Kind() == reflect.Pointer || isOpt(t) {
		if isOpt(t) {
			t = t.Field(0).Type
		} else {
			t = t.Elem()
		}
	}
	if t == typeDuration {
		return text
	}
	quotedText, err := json.Marshal(text)
	if err != nil {
		return text
	}
	for _, candidate := range [...]string{string(quotedText), text, listed(t, text)} {
		if candidate == "" || t.Kind() == reflect.Interface && candidate == string(quotedText) && json.Valid([]byte(text)) {
			continue
		}
		if json.Unmarshal([]byte(candidate), reflect.New(t).Interface()) == nil {
			if v, err := parseJSON([]byte(candidate)); err == nil {
				return v
			}
		}
	}
	s.problem("%s: the %s %q is no %s", place, tag, text, t)
	return nil
}

// listed returns the JSON of a list in a tag, or "".
func listed(t reflect.Type, text string) string {
	if t.Kind() != reflect.Slice {
		return ""
	}
	parts := strings.Split(text, ",")
	for i, part := range parts {
		part = strings.TrimSpace(part)
		b, err := json.Marshal(part)
		if err != nil {
			return ""
		}
		if json.Unmarshal(b, reflect.New(t.Elem()).Interface()) == nil {
			part = string(b)
		}
		parts[i] = part
	}
	return "[" + strings.Join(parts, ",") + "]"
}
