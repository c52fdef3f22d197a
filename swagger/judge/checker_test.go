package judge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/swagger"
)

// The Checker finds fault with exactly the bodies that another validator refuses, but for
// members that are not described, which schemas allow.
func TestChecker_agreesWithAnotherValidator(t *testing.T) {
	all, _ := corpusSchemas(t)
	app := geist.New()
	for i, e := range corpus {
		e.add(app, fmt.Sprintf("/t%d", i))
	}
	checker, err := swagger.NewChecker(app, swagger.Config{
		Title: "Corpus", Version: "1", Strict: true,
		Types: []swagger.Type{swagger.OneOf[Shape]("kind", swagger.As[Circle]("circle"), swagger.As[Square]("square"))},
	})
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(5, 6))
	f := filler{random}
	refused, total := 0, 0
	for i, e := range corpus {
		for round := range 300 {
			v := reflect.New(reflect.StructOf([]reflect.StructField{{Name: "V", Type: e.typ, Tag: `json:"v"`}}))
			f.fill(v.Elem(), 4)
			text, err := json.Marshal(v.Interface())
			if err != nil {
				t.Fatal(err)
			}
			document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			for range round % 4 {
				document = damage(random, document)
			}
			if text, err = json.Marshal(document); err != nil {
				t.Fatal(err)
			}
			request := httptest.NewRequest(http.MethodPost, fmt.Sprintf("/t%d", i), nil)
			request.Body = nil
			findings := checker.CheckExchange(request, &http.Response{
				StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(text)),
			})
			faults := 0
			for _, one := range findings {
				if !strings.HasSuffix(one, "is not described") {
					faults++
				}
			}
			other := all[i].out["2020-12"].Validate(document)
			if total++; other != nil {
				refused++
			}
			if (other != nil) != (faults > 0) {
				t.Fatalf("%s: %s\nthe Checker finds %q\nthe validator %v", e.typ, text, findings, other)
			}
		}
	}
	if refused*5 < total || refused*5 > total*4 {
		t.Errorf("%d of %d bodies were refused: the sample is lopsided", refused, total)
	}
	t.Logf("%d bodies, %d of them refused by both", total, refused)
}

// damage changes a place of a document that is chosen at random. It makes no number beyond
// int64: other validators do not judge the format of numbers.
func damage(r *rand.Rand, v any) any {
	switch v := v.(type) {
	case map[string]any:
		names := slices.Sorted(maps.Keys(v))
		if len(names) == 0 {
			return map[string]any{"more": json.Number("1")}
		}
		name := names[r.IntN(len(names))]
		if r.IntN(4) == 0 {
			delete(v, name)
		} else {
			v[name] = damage(r, v[name])
		}
		return v
	case []any:
		if len(v) > 0 && r.IntN(4) > 0 {
			i := r.IntN(len(v))
			v[i] = damage(r, v[i])
			return v
		}
		return append(v, json.Number("7"))
	case string:
		if r.IntN(2) == 0 {
			return v + "!"
		}
	}
	return []any{nil, true, json.Number("3"), json.Number("-1.5"), json.Number("1e2"), "x", []any{}, map[string]any{}}[r.IntN(8)]
}
