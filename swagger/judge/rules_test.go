package judge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-playground/validator/v10"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/swagger"
)

// ruled has a field for each rule that keywords say, and for what stands between them.
type ruled struct {
	A01 string         `validate:"required"`
	A02 int            `validate:"required"`
	A03 bool           `validate:"required"`
	A04 float64        `validate:"required"`
	A05 *string        `validate:"required"`
	A06 *int           `validate:"required"`
	A07 []int          `validate:"required"`
	A08 map[string]int `validate:"required"`
	A09 any            `validate:"required"`

	B01 string         `validate:"min=2"`
	B02 string         `validate:"max=2"`
	B03 string         `validate:"len=2"`
	B04 string         `validate:"gt=1,lt=3"`
	B05 string         `validate:"gte=1,lte=2"`
	B06 int            `validate:"min=2,max=12"`
	B07 int            `validate:"gt=1,lt=12"`
	B08 uint8          `validate:"gte=1,lte=12"`
	B09 float64        `validate:"min=-1.5,max=1.5"`
	B10 []int          `validate:"min=1,max=2"`
	B11 []int          `validate:"len=2"`
	B12 map[string]int `validate:"min=1,max=2"`
	B13 *string        `validate:"min=2"`
	B14 *int           `validate:"gte=0,lt=12"`
	B15 int            `validate:"max=-1"`
	B16 time.Duration  `validate:"min=1ns"`

	C01 string         `validate:"omitempty,min=2"`
	C02 int            `validate:"omitempty,min=2"`
	C03 *string        `validate:"omitempty,min=2"`
	C04 *int           `validate:"omitempty,min=2"`
	C05 []int          `validate:"omitempty,min=1"`
	C06 string         `validate:"omitempty,email"`
	C07 string         `validate:"omitempty,oneof=a bb"`
	C08 bool           `validate:"omitempty,eq=true"`
	C09 *string        `validate:"omitnil,min=2"`
	C10 map[string]int `validate:"omitempty,min=1"`

	D01 string `validate:"eq=a"`
	D02 int    `validate:"eq=2"`
	D03 string `validate:"ne=a"`
	D04 int    `validate:"ne=2"`
	D05 []int  `validate:"eq=1"`
	D06 []int  `validate:"ne=1"`
	D07 string `validate:"oneof=a 'b c' bb"`
	D08 int    `validate:"oneof=1 2 12"`
	D09 []int  `validate:"unique"`
	D10 string `validate:"oneof=a|len=2"`
	D11 int    `validate:"eq=1|gt=5"`
	D12 string `validate:"required,oneof=a bb"`

	E01 string `validate:"email"`
	E02 string `validate:"alpha"`
	E03 string `validate:"alphanum"`
	E04 string `validate:"numeric"`
	E05 string `validate:"number"`
	E06 string `validate:"hexadecimal"`
	E07 string `validate:"hexcolor"`
	E08 string `validate:"e164"`
	E09 string `validate:"uuid"`
	E10 string `validate:"ipv4"`
	E11 string `validate:"ip"`
	E12 string `validate:"datetime=2006-01-02"`
	E13 string `validate:"startswith=a."`
	E14 string `validate:"endswith=.b"`
	E15 string `validate:"contains=."`
	E16 string `validate:"ascii"`
	E17 string `validate:"uri"`
	E18 string `validate:"base64"`
	E19 string `validate:"printascii"`

	F01 []string          `validate:"dive,min=2"`
	F02 []string          `validate:"required,dive,required"`
	F03 map[string]string `validate:"dive,keys,min=2,endkeys,max=2"`
	F04 [][]int           `validate:"dive,min=1,dive,min=2"`
	F05 []*int            `validate:"dive,required"`
	F06 []*int            `validate:"omitempty,dive,omitempty,min=2"`
	F07 []string          `validate:"max=2,dive,omitempty,min=2"`
	F08 []inner           `validate:"dive"`
	F09 *inner            `validate:"required"`
	F10 inner
}

type inner struct {
	Name string `validate:"required"`
	Size *int   `validate:"omitempty,max=2"`
}

// sampleOf returns a value for a field of ruled, which rules may refuse or not.
func (f filler) sampleOf(kind string, depth int) any {
	texts := []string{
		"", "a", "bb", "ccc", "b c", "Zoë", "a@b.ch", "a1", "12", "-1.5", "0x1F", "#a0b", "+41791234567", "a.b", "日本",
		"01234567-89ab-cdef-0123-456789abcdef", "192.0.2.1", "::1", "2024-02-29", "2023-02-29", "a.", "http://a.b/c", "/x", "Zm9v", "Zg==", "\n",
	}
	switch {
	case strings.HasPrefix(kind, "*"):
		if f.IntN(3) == 0 {
			return nil
		}
		return f.sampleOf(kind[1:], depth)
	case strings.HasPrefix(kind, "[]"):
		items := []any{}
		for range f.IntN(4) {
			items = append(items, f.sampleOf(kind[2:], depth-1))
		}
		return items
	case strings.HasPrefix(kind, "map"):
		o := map[string]any{}
		for range f.IntN(4) {
			o[texts[f.IntN(len(texts))]] = f.sampleOf(kind[len("map[string]"):], depth-1)
		}
		return o
	}
	switch kind {
	case "string":
		return texts[f.IntN(len(texts))]
	case "bool":
		return f.IntN(2) == 0
	case "float64":
		return []float64{0, 1, -1.5, 1.5, 2, 1e9}[f.IntN(6)]
	case "interface {}":
		return []any{nil, 0, "", "x", false}[f.IntN(5)]
	case "judge.inner":
		o := map[string]any{}
		if f.IntN(3) > 0 {
			o["Name"] = f.sampleOf("string", 0)
		}
		if f.IntN(3) > 0 {
			o["Size"] = f.sampleOf("*int", 0)
		}
		return o
	case "uint8":
		return []int{0, 1, 2, 12, 13, 255}[f.IntN(6)]
	}
	return []int{0, 1, 2, -1, 5, 11, 12, 13}[f.IntN(8)]
}

// The schema of what is read, and the validator that the rules are written for, agree on every
// value: of each field that is there, and on whether it must be.
func TestRules_agreeWithTheValidator(t *testing.T) {
	app := geist.New()
	app.POST("/", func(c *geist.Ctx) error { return c.NoContent() }).Doc(geist.Body[ruled]())
	text, err := swagger.Document(app, swagger.Config{Title: "Rules", Version: "1", Strict: true}, swagger.OpenAPIJSON)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	c.AssertFormat()
	if err := c.AddResource("doc.json", doc); err != nil {
		t.Fatal(err)
	}
	schema := at(doc, "components", "schemas", "Ruled")
	required, _ := at(schema, "required").([]any)
	properties := map[string]*jsonschema.Schema{}
	kinds := map[string]string{}
	for name := range at(schema, "properties").(map[string]any) {
		properties[name] = c.MustCompile("doc.json#/components/schemas/Ruled/properties/" + name)
	}
	rt := reflect.TypeFor[ruled]()
	for i := range rt.NumField() {
		kinds[rt.Field(i).Name] = rt.Field(i).Type.String()
	}

	v := validator.New(validator.WithRequiredStructEnabled())
	f := filler{rand.New(rand.NewPCG(5, 6))}
	reported := map[string]bool{}
	for range 4000 {
		document := map[string]any{}
		for name, kind := range kinds {
			if f.IntN(4) > 0 {
				document[name] = f.sampleOf(kind, 3)
			}
		}
		text, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		var value ruled
		if err := json.Unmarshal(text, &value); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		refused := map[string]bool{}
		if problems := (validator.ValidationErrors{}); errors.As(v.Struct(&value), &problems) {
			for _, p := range problems {
				name, _, _ := strings.Cut(strings.TrimPrefix(p.StructNamespace(), "ruled."), "[")
				name, _, _ = strings.Cut(name, ".")
				refused[name] = true
			}
		}
		parsed, _ := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		for name := range kinds {
			_, there := document[name]
			sent := at(parsed, name)
			valid := !slices.Contains(required, any(name))
			if there {
				valid = properties[name].Validate(sent) == nil
			}
			if sent == nil && there && !strings.HasPrefix(kinds[name], "*") {
				continue // null is not mentioned where it is as good as nothing
			}
			if name == "E17" && valid {
				continue // the rule wants a scheme or a slash, which no format says
			}
			if valid == refused[name] && !reported[name] {
				reported[name] = true
				field, _ := rt.FieldByName(name)
				t.Errorf("%s %s `%s`: sent %t %s: schema says %t, the validator %t\n%s", name, kinds[name], field.Tag, there, fmt.Sprint(sent), valid, !refused[name], at(schema, "properties", name))
			}
		}
	}
}
