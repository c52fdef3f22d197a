package judge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/swagger"
)

// draft is one of the two that a schema must mean the same in.
var drafts = map[string]*jsonschema.Draft{"2020-12": jsonschema.Draft2020, "draft-07": jsonschema.Draft7}

// verdicts are the compiled schemas of one type.
type verdicts struct {
	in, out map[string]*jsonschema.Schema // by draft
	raw     any                           // the schema of what is read
}

// corpusSchemas describes the corpus by routes and compiles what the document says of each.
func corpusSchemas(t *testing.T) ([]verdicts, any) {
	t.Helper()
	app := geist.New()
	for i, e := range corpus {
		e.add(app, fmt.Sprintf("/t%d", i))
	}
	text, err := swagger.Document(app, swagger.Config{
		Title: "Corpus", Version: "1", Strict: true,
		Types: []swagger.Type{swagger.OneOf[Shape]("kind", swagger.As[Circle]("circle"), swagger.As[Square]("square"))},
	}, swagger.OpenAPIJSON)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	all := make([]verdicts, len(corpus))
	for i := range all {
		all[i].in, all[i].out = map[string]*jsonschema.Schema{}, map[string]*jsonschema.Schema{}
		all[i].raw = at(doc, "paths", fmt.Sprintf("/t%d", i), "post", "requestBody", "content", "application/json", "schema")
	}
	for name, draft := range drafts {
		c := jsonschema.NewCompiler()
		c.DefaultDraft(draft)
		c.AssertFormat()
		c.AssertContent()
		if err := c.AddResource("doc.json", doc); err != nil {
			t.Fatal(err)
		}
		for i := range all {
			all[i].in[name] = c.MustCompile(fmt.Sprintf("doc.json#/paths/~1t%d/post/requestBody/content/application~1json/schema", i))
			all[i].out[name] = c.MustCompile(fmt.Sprintf("doc.json#/paths/~1t%d/post/responses/200/content/application~1json/schema", i))
		}
	}
	return all, doc
}

func at(v any, path ...string) any {
	for _, name := range path {
		o, _ := v.(map[string]any)
		v = o[name]
	}
	return v
}

// codecs are those whose JSON the schemas describe.
var codecs = map[string]geist.Codec{"std": geist.StdJSON(), "go-json": geist.GoJSON()}

// What a codec writes of any value is valid by the schema of what is written.
func TestSchema_outputIsValid(t *testing.T) {
	if len(corpus) < 60 {
		t.Fatalf("the corpus has %d types, want at least 60", len(corpus))
	}
	all, _ := corpusSchemas(t)
	f := filler{rand.New(rand.NewPCG(1, 2))}
	for i, e := range corpus {
		for range 300 {
			v := reflect.New(reflect.StructOf([]reflect.StructField{{Name: "V", Type: e.typ, Tag: `json:"v"`}}))
			f.fill(v.Elem(), 5)
			for name, codec := range codecs {
				var b bytes.Buffer
				if err := codec.Encode(&b, v.Interface()); err != nil {
					t.Fatalf("%s: %s: %v", e.typ, name, err)
				}
				document, err := jsonschema.UnmarshalJSON(bytes.NewReader(b.Bytes()))
				if err != nil {
					t.Fatalf("%s: %s writes %s: %v", e.typ, name, b.Bytes(), err)
				}
				for draft, schema := range all[i].out {
					if err := schema.Validate(document); err != nil {
						t.Fatalf("%s: what %s writes is not valid by %s: %s\n%v", e.typ, name, draft, b.Bytes(), err)
					}
				}
			}
		}
	}
}

// What is valid by the schema of what is read can be read, and written again.
func TestSchema_validInputDecodes(t *testing.T) {
	all, doc := corpusSchemas(t)
	g := generator{rand.New(rand.NewPCG(3, 4)), doc}
	for i, e := range corpus {
		if formless[e.typ] {
			continue
		}
		for range 300 {
			document := g.value(all[i].raw, 6)
			text, err := json.Marshal(document)
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			for draft, schema := range all[i].in {
				if err := schema.Validate(parsed); err != nil {
					t.Fatalf("%s: the generator made what is not valid by %s: %s\n%v", e.typ, draft, text, err)
				}
			}
			for name, codec := range codecs {
				v := reflect.New(reflect.StructOf([]reflect.StructField{{Name: "V", Type: e.typ, Tag: `json:"v"`}}))
				if err := codec.Decode(text, v.Interface()); err != nil {
					t.Fatalf("%s: %s does not read %s: %v", e.typ, name, text, err)
				}
			}
		}
	}
}

// formless are types that are read from text of a form that their schema does not know.
var formless = map[reflect.Type]bool{
	reflect.TypeFor[netip.Addr](): true, reflect.TypeFor[net.IP](): true,
	reflect.TypeFor[level](): true, reflect.TypeFor[*level](): true, reflect.TypeFor[[]level](): true,
}

// generator makes values that are valid by a schema of the document.
type generator struct {
	*rand.Rand
	doc any
}

// value makes a value. Long on purpose: a case a keyword.
func (g generator) value(schema any, depth int) any {
	s, _ := schema.(map[string]any)
	if ref, ok := s["$ref"].(string); ok {
		return g.value(at(g.doc, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...), depth)
	}
	for _, name := range []string{"oneOf", "allOf"} {
		if all, ok := s[name].([]any); ok {
			return g.value(all[g.IntN(len(all))], depth)
		}
	}
	if all, ok := s["enum"].([]any); ok {
		return all[g.IntN(len(all))]
	}
	if either, ok := s["anyOf"].([]any); ok {
		one, _ := either[g.IntN(len(either))].(map[string]any)
		if depth <= 0 {
			one, _ = either[len(either)-1].(map[string]any) // null, mostly
		}
		merged := map[string]any{}
		for name, v := range s {
			merged[name] = v
		}
		delete(merged, "anyOf")
		for name, v := range one {
			merged[name] = v
		}
		return g.value(merged, depth)
	}
	if v, ok := s["const"]; ok {
		return v
	}
	kind := s["type"]
	if several, ok := kind.([]any); ok {
		kind = several[g.IntN(len(several))]
		if depth <= 0 {
			kind = "null"
		}
	}
	switch kind {
	case "null":
		return nil
	case "boolean":
		return g.IntN(2) == 0
	case "integer":
		return g.integer(s)
	case "number":
		return json.Number([]string{"0", "1", "2.5", "17.25"}[g.IntN(4)])
	case "string":
		return g.text(s)
	case "array":
		items := []any{}
		least, most := int(limit(s, "minItems", 0)), int(limit(s, "maxItems", 3))
		if depth <= 0 {
			most = least
		}
		for range least + g.IntN(most-least+1) {
			items = append(items, g.value(s["items"], depth-1))
		}
		return items
	case "object":
		return g.object(s, depth)
	}
	return []any{nil, 1, "x", map[string]any{"a": true}}[g.IntN(4)]
}

func limit(s map[string]any, name string, fallback int64) int64 {
	if n, ok := s[name].(json.Number); ok {
		i, _ := n.Int64()
		return i
	}
	return fallback
}

func (g generator) integer(s map[string]any) any {
	most := int64(1<<31 - 1)
	least := limit(s, "minimum", -most)
	most = limit(s, "maximum", max(most, least))
	switch g.IntN(4) {
	case 0:
		return least
	case 1:
		return most
	}
	return least + g.Int64N(most-least+1)
}

func (g generator) text(s map[string]any) string {
	samples := map[any][]string{
		"date-time":      {"2024-02-29T12:00:00Z", "1999-12-31T23:59:59.5+01:30"},
		"uuid":           {"01234567-89ab-cdef-0123-456789abcdef"},
		"email":          {"a@example.org"},
		`^-?[0-9]+$`:     {"0", "-12"},
		`^[0-9]+$`:       {"0", "12"},
		`^[a-zA-Z0-9]+$`: {"a1", "Z"},
		`^"[\s\S]*"$`:    {`""`, `"a\"b"`},
		`^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$`: {"0", "-1.5e3"},
	}
	for _, name := range []string{"format", "pattern"} {
		if s[name] != nil {
			list := samples[s[name]]
			return list[g.IntN(len(list))]
		}
	}
	if s["contentEncoding"] != nil {
		return []string{"", "AA==", "Zm9v"}[g.IntN(3)]
	}
	word := []string{"a", "Zoë", "<\"\\>", ""}[g.IntN(4)]
	least, most := limit(s, "minLength", 0), limit(s, "maxLength", 1<<20)
	if n := int64(len([]rune(word))); n < least || n > most {
		word = strings.Repeat("x", int(least))
	}
	return word
}

func (g generator) object(s map[string]any, depth int) any {
	o := map[string]any{}
	properties, _ := s["properties"].(map[string]any)
	required, _ := s["required"].([]any)
	for name, schema := range properties {
		must := false
		for _, r := range required {
			must = must || r == name
		}
		if must || depth > 0 && g.IntN(3) > 0 {
			o[name] = g.value(schema, depth-1)
		}
	}
	if more, ok := s["additionalProperties"]; ok && depth > 0 {
		for range g.IntN(3) {
			name := "level 7"
			if names, ok := s["propertyNames"].(map[string]any); ok {
				name, _ = g.value(mergedText(names), 0).(string)
			}
			o[name] = g.value(more, depth-1)
		}
	}
	return o
}

func mergedText(names map[string]any) map[string]any {
	s := map[string]any{"type": "string"}
	for name, v := range names {
		s[name] = v
	}
	return s
}
