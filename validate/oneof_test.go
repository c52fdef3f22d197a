package validate_test

import (
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/validate"
)

type (
	payment interface{ pay() }

	card struct {
		Kind   string     `json:"kind"`
		Number string     `json:"number" validate:"len=4"`
		Then   anyPayment `json:"then"`
	}
	transfer struct {
		Kind  string `json:"kind"`
		Items []item `json:"items" validate:"dive"`
	}
	payments   struct{}
	anyPayment = geist.OneOf[payment, payments]
)

func (card) pay()      {}
func (*transfer) pay() {}

func (payments) Variants() (string, map[string]payment) {
	return "kind", map[string]payment{"card": card{}, "debit": card{}, "transfer": &transfer{}}
}

// The rules of variants are checked, and lead to where the client wrote the value.
func TestOneOf_rulesOfVariants(t *testing.T) {
	type in struct {
		Main anyPayment            `json:"main"`
		All  []anyPayment          `json:"all" validate:"max=3,dive"`
		Opt  geist.Opt[anyPayment] `json:"opt"`
	}
	app := geist.New(geist.Config{Validator: validate.New()})
	geist.Post(app, "/in", func(*geist.Ctx, *in) (geist.None, error) { return geist.None{}, nil })
	geist.Post(app, "/one", func(*geist.Ctx, *anyPayment) (geist.None, error) { return geist.None{}, nil })
	c := geisttest.New(t, app)
	for _, tt := range []struct {
		path, body string
		status     int
		at         []string
	}{
		{"/in", `{"main":{"kind":"card","number":"1234"},"all":[{"kind":"transfer","items":[{"sku":"a","count":1}]}]}`, 204, nil},
		{"/in", `{}`, 204, nil},
		{"/in", `{"main":{"kind":"debit","number":"canary"},"opt":{"kind":"card"},"all":[{"kind":"transfer"},{"kind":"transfer","items":[{"sku":"a","count":10},{"count":1}]}]}`, 422,
			[]string{"#/main/number", "#/opt/number", "#/all/1/items/0/count", "#/all/1/items/1/sku"}},
		{"/in", `{"main":{"kind":"card","number":"1234","then":{"kind":"card","number":"1234","then":{"kind":"card"}}}}`, 422, []string{"#/main/then/then/number"}},
		{"/in", `{"all":[{"kind":"transfer"},{"kind":"transfer"},{"kind":"transfer"},{"kind":"card"}]}`, 422, []string{"#/all"}},
		{"/one", `{"kind":"transfer","items":[{"sku":"","count":0}]}`, 422, []string{"#/items/0/sku", "#/items/0/count"}},
		{"/one", `{"kind":"card","number":"1234"}`, 204, nil},
	} {
		r := c.POST(tt.path).Header("Content-Type", "application/json").BodyString(tt.body).Do().Status(tt.status)
		if n := strings.Count(r.Text(), `"pointer"`); n != len(tt.at) || strings.Contains(r.Text(), "canary") {
			t.Errorf("%s: %d problems, want %d: %s", tt.body, n, len(tt.at), r.Text())
		}
		for _, at := range tt.at {
			r.BodyContains(`"pointer":"` + at + `"`)
		}
	}
}

func TestOneOf_problems(t *testing.T) {
	type undived struct {
		All []anyPayment `json:"all"`
	}
	app := geist.New(geist.Config{Validator: validate.New()})
	geist.Post(app, "/", func(*geist.Ctx, *undived) (geist.None, error) { return geist.None{}, nil })
	if err := app.Check(); err == nil || !strings.Contains(err.Error(), "field All holds structs with rules") {
		t.Errorf("Check = %v, want the slice that has no dive", err)
	}
	without := geist.New()
	geist.Post(without, "/", func(*geist.Ctx, *anyPayment) (geist.None, error) { return geist.None{}, nil })
	if err := without.Check(); err == nil || !strings.Contains(err.Error(), "Config.Validator is nil") {
		t.Errorf("Check = %v, want the validator that is missing", err)
	}
}
