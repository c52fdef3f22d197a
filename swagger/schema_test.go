package swagger

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist"
)

// The types of the tests that need a declaration.
type (
	colour string
	money  int
	opaque struct{}
	tree   []tree
	shape  interface{ Area() float64 }
	circle struct {
		Kind string `json:"kind"`
	}
	square struct {
		Kind string `json:"kind"`
		Side int    `json:"side"`
	}
	node struct {
		Next *node `json:"next,omitempty"`
	}
	page[T any] struct {
		Items []T `json:"items"`
	}
	pair[K, V any] struct {
		Key   K
		Value V
	}
	embedsHook struct {
		money
		Note string
	}
	badEnum  string
	badHook  struct{}
	panicked struct{}
)

func (colour) Enum() []colour { return []colour{"red", "green"} }

func (money) JSONSchema() string { return `{"type":"string","pattern":"^[0-9]+$"}` }

func (opaque) MarshalJSON() ([]byte, error) { return []byte("1"), nil }

func (*opaque) UnmarshalJSON([]byte) error { return nil }

func (badEnum) Enum() []badEnum { return nil }

func (badHook) JSONSchema() string { return `{"$defs":{}}` }

func (panicked) JSONSchema() string { panic("no") }

type bothShapes struct{}

func (bothShapes) Variants() (string, map[string]any) {
	return "kind", map[string]any{"circle": circle{}, "disc": circle{}, "square": &square{}}
}

// schemaText returns the schema of a type, and those that it leads to, on one line.
func schemaText(t *testing.T, s *schemas, typ reflect.Type, m mode) string {
	t.Helper()
	doc := obj("schema", s.value(typ, m))
	resolve(doc, s.finish(), dialect31)
	var compact strings.Builder
	for line := range strings.Lines(string(appendJSON(nil, doc, 0))) {
		compact.WriteString(strings.TrimSpace(line))
	}
	return strings.ReplaceAll(compact.String(), `": `, `":`)
}

func TestSchema_ofTypes(t *testing.T) {
	for _, tt := range []struct {
		typ     reflect.Type
		in, out string // what is read and written; "" for out if that is the same
	}{
		{reflect.TypeFor[bool](), `{"type":"boolean"}`, ""},
		{reflect.TypeFor[int](), `{"type":"integer","format":"int64"}`, ""},
		{reflect.TypeFor[int8](), `{"type":"integer","minimum":-128,"maximum":127}`, ""},
		{reflect.TypeFor[uint32](), `{"type":"integer","minimum":0,"maximum":4294967295}`, ""},
		{reflect.TypeFor[uint64](), `{"type":"integer","minimum":0}`, ""},
		{reflect.TypeFor[float32](), `{"type":"number","format":"float"}`, ""},
		{reflect.TypeFor[string](), `{"type":"string"}`, ""},
		{reflect.TypeFor[*string](), `{"type":["string","null"]}`, ""},
		{reflect.TypeFor[**string](), `{"type":["string","null"]}`, ""},
		{reflect.TypeFor[any](), `{}`, ""},
		{reflect.TypeFor[[]string](), `{"type":"array","items":{"type":"string"}}`, `{"type":["array","null"],"items":{"type":"string"}}`},
		{reflect.TypeFor[[2]bool](), `{"type":"array","items":{"type":"boolean"},"minItems":2,"maxItems":2}`, ""},
		{reflect.TypeFor[[]byte](), `{"type":"string","contentEncoding":"base64"}`, `{"type":["string","null"],"contentEncoding":"base64"}`},
		{reflect.TypeFor[map[string]bool](), `{"type":"object","additionalProperties":{"type":"boolean"}}`, `{"type":["object","null"],"additionalProperties":{"type":"boolean"}}`},
		{reflect.TypeFor[*map[int]bool](), `{"type":["object","null"],"additionalProperties":{"type":"boolean"},"propertyNames":{"pattern":"^-?[0-9]+$"}}`, ""},
		{reflect.TypeFor[time.Time](), `{"type":"string","format":"date-time"}`, ""},
		{reflect.TypeFor[json.RawMessage](), `{}`, ""},
		{reflect.TypeFor[json.Number](), `{"type":"number"}`, ""},
		{reflect.TypeFor[geist.Opt[int]](), `{"type":["integer","null"],"format":"int64"}`, ""},
		{reflect.TypeFor[struct {
			A string `json:"a"`
			B string `json:"b,omitempty"`
			C *int   `json:"c,omitempty"`
			D int    `json:"-"`
			E int    `json:"e,string"`
			F int    `query:"f"`
			g int
			H struct{} `json:"h,omitempty"` // which is never empty
		}](),
			`{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"},"c":{"type":"integer","format":"int64"},"e":{"type":"string","pattern":"^-?[0-9]+$"},"h":{"type":"object"}}}`,
			`{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"},"c":{"type":"integer","format":"int64"},"e":{"type":"string","pattern":"^-?[0-9]+$"},"F":{"type":"integer","format":"int64"},"h":{"type":"object"}},"required":["a","e","F","h"]}`},
		{reflect.TypeFor[struct {
			A int   `json:"a" doc:"One." example:"7" deprecated:"true" readOnly:"true"`
			B *node `json:"b" doc:"Two."`
		}](),
			`{"type":"object","properties":{"a":{"type":"integer","format":"int64","description":"One.","examples":[7],"deprecated":true,"readOnly":true},"b":{"anyOf":[{"$ref":"#/components/schemas/Node"},{"type":"null"}],"description":"Two."}}}`,
			`{"type":"object","properties":{"a":{"type":"integer","format":"int64","description":"One.","examples":[7],"deprecated":true,"readOnly":true},"b":{"anyOf":[{"$ref":"#/components/schemas/Node"},{"type":"null"}],"description":"Two."}},"required":["a","b"]}`},
	} {
		if tt.out == "" {
			tt.out = tt.in
		}
		for m, want := range map[mode]string{input: tt.in, output: tt.out} {
			got := schemaText(t, newSchemas(nil), tt.typ, m)
			got, _, _ = strings.Cut(strings.TrimPrefix(got, `{"schema":`), `,"components"`)
			if got = strings.TrimSuffix(got, "}"); strings.Count(got, "{") > strings.Count(got, "}") {
				got += "}"
			}
			if got != want {
				t.Errorf("%s, mode %d:\n got %s\nwant %s", tt.typ, m, got, want)
			}
		}
	}
}

func TestSchema_components(t *testing.T) {
	for _, tt := range []struct {
		name  string
		types []Type
		typ   reflect.Type
		want  string
	}{
		{"a struct holds itself", nil, reflect.TypeFor[node](), `"Node":{"type":"object","properties":{"next":{"$ref":"#/components/schemas/Node"}}}`},
		{"a slice holds itself", nil, reflect.TypeFor[tree](), `"Tree":{"type":"array","items":{"anyOf":[{"$ref":"#/components/schemas/Tree"},{"type":"null"}]}}`},
		{"enum by method", nil, reflect.TypeFor[*colour](), `"Colour":{"type":"string","enum":["red","green"]}`},
		{"enum by configuration", []Type{EnumOf(time.Sunday, time.Monday)}, reflect.TypeFor[time.Weekday](), `"Weekday":{"type":"integer","enum":[0,1]}`},
		{"hook", nil, reflect.TypeFor[money](), `"Money":{"type":"string","pattern":"^[0-9]+$"}`},
		{"hook of what is embedded says nothing", nil, reflect.TypeFor[embedsHook](), `"EmbedsHook":{"type":"object","properties":{"Note":{"type":"string"}},"required":["Note"]}`},
		{"schema by configuration", []Type{SchemaOf[opaque](`{"type":"integer"}`)}, reflect.TypeFor[opaque](), `"Opaque":{"type":"integer"}`},
		{
			"one of several", []Type{OneOf[shape]("kind", As[circle]("circle"), As[*square]("square"))}, reflect.TypeFor[shape](),
			`"Shape":{"oneOf":[{"$ref":"#/components/schemas/Circle"},{"$ref":"#/components/schemas/Square"}],"discriminator":{"propertyName":"kind","mapping":{"circle":"#/components/schemas/Circle","square":"#/components/schemas/Square"}}},` +
				`"Circle":{"type":"object","properties":{"kind":{"type":"string","enum":["circle"]}},"required":["kind"]}`,
		},
		{
			"one of several by its type", nil, reflect.TypeFor[[]geist.OneOf[any, bothShapes]](),
			`"items":{"anyOf":[{"$ref":"#/components/schemas/BothShapes"},{"type":"null"}]}},"components":{"schemas":{` +
				`"BothShapes":{"oneOf":[{"$ref":"#/components/schemas/Circle"},{"$ref":"#/components/schemas/Square"}],"discriminator":{"propertyName":"kind","mapping":{"circle":"#/components/schemas/Circle","disc":"#/components/schemas/Circle","square":"#/components/schemas/Square"}}},` +
				`"Circle":{"type":"object","properties":{"kind":{"type":"string","enum":["circle","disc"]}},"required":["kind"]}`,
		},
		{
			"a variant that was met before", nil, reflect.TypeFor[struct {
				A circle
				B geist.OneOf[any, bothShapes]
			}](),
			`"Circle":{"type":"object","properties":{"kind":{"type":"string","enum":["circle","disc"]}},"required":["kind"]}`,
		},
		{"generic", nil, reflect.TypeFor[page[*node]](), `"PageOfNode":`},
		{"generic of two", nil, reflect.TypeFor[pair[int, map[string][]node]](), `"PairOfIntAndStringMapOfNodeList":`},
	} {
		s := newSchemas(tt.types)
		if got := schemaText(t, s, tt.typ, output); !strings.Contains(got, tt.want) || len(s.problems) > 0 {
			t.Errorf("%s: %q\n got %s\nwant %s", tt.name, s.problems, got, tt.want)
		}
	}
}

// A type has two components only if what is read differs from what is written, be it far
// below.
func TestSchema_twoComponentsWhereTheyDiffer(t *testing.T) {
	type same struct {
		A int `json:"a,omitempty"`
	}
	type inner struct{ A int }
	type outer struct {
		Inner []inner `json:"inner,omitempty"`
		Same  same    `json:"same,omitzero"`
	}
	s := newSchemas(nil)
	s.value(reflect.TypeFor[outer](), input)
	s.value(reflect.TypeFor[outer](), output)
	s.value(reflect.TypeFor[same](), input)
	var names []string
	for _, c := range s.finish() {
		names = append(names, c.name)
	}
	if want := []string{"OuterInput", "InnerInput", "Outer", "Inner", "Same"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
}

func TestSchema_namesThatClash(t *testing.T) {
	type node struct{ A int }
	type Error struct{ A int }
	s := newSchemas(nil)
	for _, typ := range []reflect.Type{
		reflect.TypeFor[node](), localNode(), reflect.TypeFor[Error](), reflect.TypeFor[geist.Error](), reflect.TypeFor[page[node]](),
		reflect.PointerTo(reflect.TypeFor[node]()),
	} {
		s.value(typ, output)
	}
	var names []string
	for _, c := range s.finish() {
		names = append(names, c.name)
	}
	if want := []string{"Node", "Node2", "SwaggerError", "GeistError", "PageOfNode"}; !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
}

func localNode() reflect.Type {
	type node struct{ B int }
	return reflect.TypeFor[node]()
}

func TestSchema_problems(t *testing.T) {
	type rule struct {
		A string `validate:"min=x"`
		B int    `validate:"min=x"`
		C string `validate:"oneof="`
		D int    `example:"x"`
	}
	for _, tt := range []struct {
		types []Type
		typ   reflect.Type
		want  []string
	}{
		{nil, reflect.TypeFor[chan int](), []string{"chan int cannot be written as JSON"}},
		{nil, reflect.TypeFor[map[float64]int](), []string{"its keys have type float64"}},
		{nil, reflect.TypeFor[badEnum](), []string{"returns no values"}},
		{nil, reflect.TypeFor[badHook](), []string{`the keyword "$defs" is not one`}},
		{nil, reflect.TypeFor[panicked](), []string{"JSONSchema panicked: no"}},
		{nil, reflect.TypeFor[rule](), []string{"rule.A: the rule min needs a whole number", "rule.B: the rule min needs a number", "rule.C: the rule oneof names no values", `rule.D: the example "x" is no int`}},
		{[]Type{{}}, reflect.TypeFor[int](), []string{"zero Type"}},
		{[]Type{SchemaOf[money]("["), SchemaOf[money]("[]")}, reflect.TypeFor[money](), []string{"names swagger.money twice", "is no JSON object"}},
		{[]Type{SchemaOf[opaque](`{"properties":{"a":{"nullable":true}}}`)}, reflect.TypeFor[opaque](), []string{`"nullable" is not one`}},
		{[]Type{OneOf[shape]("type", As[circle]("a"), As[int]("b"), Variant{})}, reflect.TypeFor[shape](), []string{"int is no struct", "zero Variant", "is an interface, which no codec can read", `circle has no member "type"`}},
		{[]Type{OneOf[shape]("kind", As[circle]("a"), As[square]("a"))}, reflect.TypeFor[shape](), []string{`"a" stands for two types`}},
		{[]Type{OneOf[shape]("kind", As[circle]("a")), OneOf[opaque]("other", As[circle]("b"))}, reflect.TypeFor[int](), []string{`told apart by "kind" elsewhere`}},
	} {
		s := newSchemas(tt.types)
		s.value(tt.typ, input)
		got := strings.Join(s.problems, "\n")
		for _, want := range tt.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: got %q, want %q", tt.typ, got, want)
			}
		}
	}
}

func TestSchema_opaqueTypesAreToldOnce(t *testing.T) {
	s := newSchemas(nil)
	for range 2 {
		s.value(reflect.TypeFor[opaque](), input)
		s.value(reflect.TypeFor[[]opaque](), output)
	}
	if len(s.warnings) != 1 || !strings.Contains(s.warnings[0], "swagger.opaque") {
		t.Errorf("got %q, want one warning", s.warnings)
	}
}

func TestJoined_eachOnce(t *testing.T) {
	err := joined([]string{"a", "b", "a"})
	if got := err.Error(); got != "swagger: a\nswagger: b" || !errors.As(err, new(interface{ Unwrap() []error })) {
		t.Errorf("got %q", got)
	}
}
