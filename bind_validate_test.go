package geist

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// answers is a Validator that finds what it is told to.
type answers struct {
	bad      []Violation
	problems []string
	checked  *int
}

func (a answers) Check(reflect.Type) (bool, []string) {
	if a.checked != nil {
		*a.checked++
	}
	return true, a.problems
}

func (a answers) Validate(c *Ctx, v any) []Violation {
	if c == nil || reflect.TypeOf(v).Kind() != reflect.Pointer {
		return []Violation{{Detail: "Validate was not given a Ctx and a pointer"}}
	}
	return a.bad
}

type ruledBase struct {
	Since string `query:"since"`
	Note  string `json:"note"`
}

type ruledItem struct {
	SKU  string `json:"sku"`
	Tags map[string]struct {
		Name *string `json:"the name"`
	} `json:"tags"`
}

type ruledInput struct {
	ruledBase
	ID   int `path:"id"`
	Page struct {
		Limit int `query:"limit"`
	}
	Filter struct {
		Name string `query:"name"`
	} `query:"filter"`
	Both   string `json:"both" form:"both"`
	IDs    []int  `query:"ids"`
	Name   string `json:"name"`
	Plain  string
	Rows   []*ruledItem        `json:"rows"`
	Grid   [][]ruledItem       `json:"grid"`
	Maybe  Opt[ruledItem]      `json:"a/b"`
	Number Opt[int]            `json:"number"`
	Inner  struct{ ruledItem } `json:"inner"`
	Kept   string              `json:"-"`
}

func TestBind_violations(t *testing.T) {
	for path, want := range map[string]string{
		"Name":                `{"pointer":"#/name","detail":"bad"}`,
		"Plain":               `{"pointer":"#/Plain","detail":"bad"}`,
		"ruledBase.Note":      `{"pointer":"#/note","detail":"bad"}`,
		"ruledBase.Since":     `{"in":"query","name":"since","detail":"bad"}`,
		"ID":                  `{"in":"path","name":"id","detail":"bad"}`,
		"IDs.3":               `{"in":"query","name":"ids","detail":"bad"}`,
		"Page.Limit":          `{"in":"query","name":"limit","detail":"bad"}`,
		"Filter.Name":         `{"in":"query","name":"filter.name","detail":"bad"}`,
		"Both":                `{"pointer":"#/both","detail":"bad"}`,
		"Rows":                `{"pointer":"#/rows","detail":"bad"}`,
		"Rows.3":              `{"pointer":"#/rows/3","detail":"bad"}`,
		"Rows.3.SKU":          `{"pointer":"#/rows/3/sku","detail":"bad"}`,
		"Rows.3.Tags.a~/b":    `{"pointer":"#/rows/3/tags/a~0~1b","detail":"bad"}`,
		"Rows.3.Tags.x.Name":  `{"pointer":"#/rows/3/tags/x/the%20name","detail":"bad"}`,
		"Grid.1.2.SKU":        `{"pointer":"#/grid/1/2/sku","detail":"bad"}`,
		"Maybe.SKU":           `{"pointer":"#/a~1b/sku","detail":"bad"}`,
		"Number":              `{"pointer":"#/number","detail":"bad"}`,
		"Inner.ruledItem.SKU": `{"pointer":"#/inner/sku","detail":"bad"}`,
		"Kept":                `{"pointer":"#","detail":"bad"}`,
		"Gone":                `{"pointer":"#","detail":"bad"}`,
		"Name.Gone":           `{"pointer":"#/name","detail":"bad"}`,
		"":                    `{"pointer":"#","detail":"bad"}`,
	} {
		var steps []string
		if path != "" {
			steps = strings.Split(path, ".")
		}
		var v ruledInput
		status, answer, _ := sent{
			config:  Config{Validator: answers{bad: []Violation{{steps, "bad"}}}},
			pattern: "/:id", target: "/7", body: `{"both":"x"}`,
		}.bind(t, &v)
		if status != 422 || !strings.Contains(answer, `"errors":[`+want+`]`) {
			t.Errorf("%s: got %d %s, want %s", path, status, answer, want)
		}
	}
}

func TestBind_violationsBesideProblems(t *testing.T) {
	bad := Config{Validator: answers{bad: []Violation{{[]string{"ID"}, "bad"}, {[]string{"Name"}, "bad"}, {[]string{"IDs", "0"}, "bad"}, {[]string{"IDs", "1"}, "bad"}}}}
	for _, x := range []struct {
		what, target, body, want string
	}{
		{"alone", "/7", `{}`, `[{"in":"path","name":"id","detail":"bad"},{"pointer":"#/name","detail":"bad"},{"in":"query","name":"ids","detail":"bad"}]`},
		{"of a parameter", "/x", `{}`, `[{"in":"path","name":"id","detail":"must be a whole number in range"},{"pointer":"#/name","detail":"bad"},{"in":"query","name":"ids","detail":"bad"}]`},
		{"of the document", "/7", `{"name":7}`, `[{"pointer":"#/name","detail":"must be a string"}]`},
	} {
		var v ruledInput
		status, answer, _ := sent{config: bad, pattern: "/:id", target: x.target, body: x.body}.bind(t, &v)
		if status != 422 || !strings.Contains(answer, `"errors":`+x.want) {
			t.Errorf("%s:\ngot  %d %s\nwant %s", x.what, status, answer, x.want)
		}
	}
}

func TestBind_violationsAreBounded(t *testing.T) {
	many := make([]Violation, 10_000)
	for i := range many {
		many[i] = Violation{[]string{"Rows", strconv.Itoa(i), "SKU"}, "bad"}
	}
	var v ruledInput
	status, answer, err := sent{config: Config{Validator: answers{bad: many}}, pattern: "/:id", target: "/7", body: `{}`}.bind(t, &v)
	var doc struct {
		Detail string       `json:"detail"`
		Errors []FieldError `json:"errors"`
	}
	if err := json.Unmarshal([]byte(answer), &doc); err != nil {
		t.Fatal(err)
	}
	if status != 422 || len(doc.Errors) != 100 || doc.Errors[99].Pointer != "#/rows/99/sku" || doc.Detail != "at least 100 fields are invalid" || err == nil {
		t.Errorf("got %d, %d problems, %q, %v", status, len(doc.Errors), doc.Detail, err)
	}
}

func TestBind_wrongRules(t *testing.T) {
	var v ruledInput
	status, answer, err := sent{config: Config{Validator: answers{problems: []string{"field Name: no such rule"}}}, pattern: "/:id", target: "/7", body: `{}`}.bind(t, &v)
	if status != 500 || strings.Contains(answer, "rule") || err == nil || !strings.Contains(err.Error(), "geist.ruledInput: field Name: no such rule") {
		t.Errorf("got %d %s %v, want 500 and an error that names the field", status, answer, err)
	}
}

func TestBind_validatorKnowsTypes(t *testing.T) {
	checked := 0
	app := New(Config{Validator: answers{checked: &checked}})
	app.GET("/", func(c *Ctx) error {
		var m map[string]string
		if err := c.Bind(&m); err != nil { // no struct: no rules
			return err
		}
		var v struct {
			A string `query:"a"`
		}
		return c.Bind(&v)
	})
	handler := app.Handler()
	for range 3 {
		rc := request("GET", "/")
		handler(rc)
		if got := rc.Response.StatusCode(); got != 200 {
			t.Fatalf("got %d: %s", got, rc.Response.Body())
		}
	}
	if checked != 1 {
		t.Errorf("Check was called %d times for one type, want once", checked)
	}
}
