package validate_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-playground/locales/de"
	"github.com/go-playground/validator/v10"
	detexts "github.com/go-playground/validator/v10/translations/de"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/internal/leakcheck"
	"github.com/gogeist/geist/validate"
)

func TestMain(m *testing.M) { leakcheck.Main(m) }

// findings lists what a validator says of a value: "Path.To.It: text".
func findings(v *validate.Validator, value any) []string {
	var all []string
	for _, f := range v.Validate(nil, value) {
		all = append(all, strings.Join(f.Path, ".")+": "+f.Detail)
	}
	return all
}

type (
	base struct {
		Note string   `json:"note" validate:"max=3"`
		Tags []string `json:"tags" validate:"dive,min=2"`
	}
	item struct {
		SKU   string `json:"sku" validate:"required"`
		Count int    `json:"count" validate:"min=1,max=9"`
	}
	order struct {
		base
		Org     string              `path:"org" json:"-" validate:"alpha"`
		Email   string              `json:"email" validate:"omitempty,email"`
		Again   string              `json:"again" validate:"eqfield=Email"`
		Items   []item              `json:"items" validate:"max=3,dive"`
		Links   []*item             `json:"links" validate:"dive,required"`
		Grid    [][]int             `json:"grid" validate:"max=2,dive,max=2,dive,min=1"`
		ByName  map[string]item     `json:"byName" validate:"dive,keys,min=2,endkeys"`
		Words   map[string]string   `json:"words" validate:"dive,required"`
		Maybe   geist.Opt[string]   `json:"maybe" validate:"min=2"`
		Empty   geist.Opt[string]   `json:"empty" validate:"omitempty,min=2"`
		Must    geist.Opt[int]      `json:"must" validate:"required,max=5"`
		OptItem geist.Opt[item]     `json:"optItem"`
		Numbers geist.Opt[[]int]    `json:"numbers" validate:"max=2,dive,min=1"`
		Ship    struct{ Item item } `json:"ship" validate:"omitempty"`
		Next    *order              `json:"next"`
		Skipped item                `json:"skipped" validate:"-"`
		Shallow *item               `json:"shallow" validate:"omitempty,structonly"`
		Opts    []geist.Opt[string] `json:"opts" validate:"dive,min=2"`
		Any     any                 `json:"any"`
	}
)

// sound returns an order that violates nothing.
func sound() *order {
	return &order{Org: "acme", Must: geist.Some(0)}
}

func TestValidate(t *testing.T) {
	v := validate.New()
	if rules, problems := v.Check(reflect.TypeFor[order]()); !rules || problems != nil {
		t.Fatalf("Check: got %t %q, want rules without problems", rules, problems)
	}
	for name, tt := range map[string]struct {
		change func(o *order)
		want   []string
	}{
		"sound":                {func(*order) {}, nil},
		"own rules":            {func(o *order) { o.Org, o.Email = "a1", "x" }, []string{"Org: must have letters only", "Email: must be an e-mail address", "Again: must be the same as email"}},
		"embedded":             {func(o *order) { o.Note = "long" }, []string{"base.Note: must have at most 3 characters"}},
		"elements of embedded": {func(o *order) { o.Tags = []string{"ab", "a"} }, []string{"base.Tags.1: must have at least 2 characters"}},
		"elements":             {func(o *order) { o.Items = []item{{"a", 1}, {"", 10}} }, []string{"Items.1.SKU: is required", "Items.1.Count: must be at most 9"}},
		"too many elements":    {func(o *order) { o.Items = make([]item, 4) }, []string{"Items: must have at most 3 elements"}},
		"pointers":             {func(o *order) { o.Links = []*item{nil, {"a", 0}} }, []string{"Links.0: is required", "Links.1.Count: must be at least 1"}},
		"nested slices":        {func(o *order) { o.Grid = [][]int{{1, 0}, {1, 2, 3}} }, []string{"Grid.0.1: must be at least 1", "Grid.1: must have at most 2 elements"}},
		"maps":                 {func(o *order) { o.ByName = map[string]item{"a": {"", 1}, "a].b": {"", 1}, "cd": {"x", 1}} }, []string{"ByName.a: must have at least 2 characters", "ByName.a.SKU: is required", "ByName.a].b.SKU: is required"}},
		"values of maps":       {func(o *order) { o.Words = map[string]string{"a": "", "b": "x"} }, []string{"Words.a: is required"}},
		"Opt, sent":            {func(o *order) { o.Maybe = geist.Some("x") }, []string{"Maybe: must have at least 2 characters"}},
		"Opt, null":            {func(o *order) { o.Maybe = geist.Opt[string]{Set: true, Null: true} }, nil},
		"Opt, required":        {func(o *order) { o.Must = geist.Opt[int]{} }, []string{"Must: is required"}},
		"Opt, required, null":  {func(o *order) { o.Must.Null = true }, []string{"Must: is required"}},
		"Opt, out of range":    {func(o *order) { o.Must = geist.Some(6) }, []string{"Must: must be at most 5"}},
		"Opt of a struct":      {func(o *order) { o.OptItem = geist.Some(item{"", 1}) }, []string{"OptItem.SKU: is required"}},
		"Opt of a slice":       {func(o *order) { o.Numbers = geist.Some([]int{1, 0}) }, []string{"Numbers.1: must be at least 1"}},
		"Opt of a long slice":  {func(o *order) { o.Numbers = geist.Some([]int{1, 1, 1}) }, []string{"Numbers: must have at most 2 elements"}},
		"Opt, omitempty":       {func(o *order) { o.Empty = geist.Some("") }, nil},
		"Opts":                 {func(o *order) { o.Opts = []geist.Opt[string]{{}, geist.Some("x")} }, []string{"Opts.1: must have at least 2 characters"}},
		"omitempty":            {func(o *order) { o.Ship.Item.Count = 1 }, []string{"Ship.Item.SKU: is required"}},
		"recursion":            {func(o *order) { o.Next = sound(); o.Next.Note = "long" }, []string{"Next.base.Note: must have at most 3 characters"}},
		"structonly":           {func(o *order) { o.Shallow = &item{} }, nil},
		"an interface":         {func(o *order) { o.Any = item{} }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			o := sound()
			tt.change(o)
			before, _ := json.Marshal(o)
			if got := findings(v, o); !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
			if after, _ := json.Marshal(o); string(after) != string(before) {
				t.Error("Validate has changed the value")
			}
		})
	}
}

// kinds has the rules that are checked quickly, on every kind that has them.
type kinds struct {
	Text    string         `validate:"omitempty,min=2,max=3"`
	Word    string         `validate:"oneof=red green"`
	Int     int            `validate:"required,gt=-1,lt=3"`
	Uint    uint8          `validate:"gte=1,lte=3"`
	Float   float64        `validate:"omitempty,min=0.5,max=1"`
	Slice   []int          `validate:"required,len=2"`
	Map     map[string]int `validate:"omitempty,min=1"`
	Email   string         `validate:"omitempty,min=3,email"`
	Lower   string         `validate:"lowercase,max=3"`
	Bool    bool           `validate:"required"`
	Wait    time.Duration  `validate:"min=1ns"`
	Array   [2]int         `validate:"required"`
	Pointer *int           `validate:"omitnil,min=2"`
	Octal   string         `validate:"max=03"`
	Or      string         `validate:"max=1|email"`
}

func TestValidate_agreesWithValidator(t *testing.T) {
	ours, theirs := validate.New(), validator.New(validator.WithRequiredStructEnabled())
	type plain struct {
		base
		Email string          `validate:"omitempty,email"`
		Again string          `validate:"eqfield=Email"`
		Items []item          `validate:"max=3,dive"`
		Links []*item         `validate:"dive,required"`
		Omit  []item          `validate:"dive,omitempty"`
		Grid  [][]int         `validate:"max=2,dive,max=2,dive,min=1"`
		ByKey map[string]item `validate:"dive,keys,min=2,endkeys"`
		One   item
		Ptr   *item `validate:"required"`
		Opt   *item
		Kinds kinds
	}
	seed := uint32(1)
	next := func(n int) int { // a small generator, so that the cases are the same each time
		seed = seed*1664525 + 1013904223
		return int(seed>>16) % n
	}
	text := func() string { return []string{"", "a", "ab", "abcd", "a@b.example"}[next(5)] }
	some := func() item { return item{text(), next(12) - 1} }
	for range 2_000 {
		var p plain
		p.Note, p.Email, p.Again, p.One = text(), text(), text(), some()
		for range next(5) {
			p.Items, p.Tags = append(p.Items, some()), append(p.Tags, text())
			p.Omit = append(p.Omit, item{}, some())
			p.Grid = append(p.Grid, []int{next(3), next(3)})
		}
		for range next(3) {
			x := some()
			p.Links = append(p.Links, &x, nil)
			p.ByKey = map[string]item{text(): some(), text(): some()}
		}
		n := next(5) - 1
		p.Kinds = kinds{text(), []string{"x", "red", "green"}[next(3)], n, uint8(n + 1), float64(n) / 2, make([]int, next(4)), nil, text(), text(), next(2) == 0, time.Duration(n), [2]int{n}, nil, text(), text()}
		if n > 0 {
			p.Kinds.Map, p.Kinds.Pointer = map[string]int{"a": 1}, &n
		}
		if next(2) == 0 {
			x, y := some(), some()
			p.Ptr, p.Opt = &x, &y
		}
		var list validator.ValidationErrors
		errors.As(theirs.Struct(&p), &list)
		want := map[string]bool{}
		for _, e := range list {
			_, ns, _ := strings.Cut(e.StructNamespace(), ".")
			want[strings.NewReplacer("[", ".", "]", "").Replace(ns)] = true
		}
		got := map[string]bool{}
		for _, f := range ours.Validate(nil, &p) {
			got[strings.Join(f.Path, ".")] = true
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v:\ngot  %v\nwant %v", p, got, want)
		}
	}
}

func TestValidate_isBounded(t *testing.T) {
	type many struct {
		Items []item         `json:"items" validate:"dive"`
		Keys  map[string]int `json:"keys" validate:"dive,min=1"`
	}
	v := validate.New()
	m := &many{Items: make([]item, 1_000_000), Keys: map[string]int{"a": 0}}
	if got := len(v.Validate(nil, m)); got != 100 {
		t.Errorf("violations: got %d, want 100", got)
	}
	if n := testing.AllocsPerRun(1, func() { v.Validate(nil, m) }); n > 10_000 {
		t.Errorf("allocations for a million wrong elements: got %v, want a bound", n)
	}
}

// TestValidator_isSafe: types may be looked at while values of others are validated.
func TestValidator_isSafe(t *testing.T) {
	type (
		a struct {
			Items []item `validate:"dive"`
		}
		b struct {
			Item *item `validate:"required"`
		}
		c struct {
			Any any `validate:"required"`
		}
	)
	v := validate.New()
	var wg sync.WaitGroup
	for range 4 {
		for value, want := range map[any]int{&a{Items: []item{{}}}: 2, &b{}: 1, &c{Any: item{}}: 0, &order{}: 2} {
			wg.Go(func() {
				for range 50 {
					if got := len(v.Validate(nil, value)); got != want {
						t.Errorf("%T: got %d violations, want %d", value, got, want)
					}
					if _, problems := v.Check(reflect.TypeOf(value).Elem()); problems != nil {
						t.Error(problems)
					}
				}
			})
		}
	}
	wg.Wait()
}

func TestCheck_problems(t *testing.T) {
	type deep struct {
		Bad string `validate:"nosuchrule"`
	}
	type bad struct {
		A string `validate:"required,nosuch"`
		B bool   `validate:"min=2"`
		C int    `validate:"min=x"`
		D string `validate:"eqfield=Nobody"`
		E []item `validate:"max=2"`
		F map[string][]item
		G string         `validate:"dive"`
		H map[string]int `validate:"dive,keys,min=2"`
		I []item         `validate:"dive,min=2"`
		J []string       `validate:"dive,eqfield=A"`
		K string         `validate:"min=1,,max=2"`
		L []string       `validate:"dive,nosuch"`
		M *deep
		N geist.Opt[string] `validate:"nosuch"`
		O geist.Opt[[]item]
	}
	rules, problems := validate.New().Check(reflect.TypeFor[bad]())
	want := []string{
		"field A has the rule nosuch, which is not known",
		"field B has the rule min=2, which is not for the type bool",
		"field C has the rule min=x, which cannot be checked",
		"field D has the rule eqfield=Nobody, but there is no field Nobody",
		"field E holds structs with rules, which are only checked if its own tag has a dive",
		"field F holds structs with rules",
		"field G has a dive, but is no slice, array or map",
		"field H has keys, which are for maps and end with endkeys",
		"field I has the rule min=2 for a struct in a collection",
		"field J has the rule eqfield=A, which is for fields",
		"field K has an empty rule",
		"field L has the rule nosuch, which is not known",
		"field N has the rule nosuch, which is not known",
		"field O holds structs with rules",
		"field Bad has the rule nosuchrule, which is not known",
	}
	if !rules || len(problems) != len(want) {
		t.Fatalf("got %t and %d problems, want %d:\n%s", rules, len(problems), len(want), strings.Join(problems, "\n"))
	}
	for i, p := range problems {
		if !strings.HasPrefix(p, want[i]) {
			t.Errorf("got %q, want %q", p, want[i])
		}
	}
}

func TestCheck_rules(t *testing.T) {
	type ruleless struct {
		A []struct{ B map[string]*string }
		C *ruleless
	}
	type nested struct {
		A struct {
			B []item `validate:"dive"`
		}
	}
	v := validate.New()
	if rules, problems := v.Check(reflect.TypeFor[ruleless]()); rules || problems != nil {
		t.Errorf("without rules: got %t %q", rules, problems)
	}
	if rules, problems := v.Check(reflect.TypeFor[nested]()); !rules || problems != nil {
		t.Errorf("with nested rules: got %t %q", rules, problems)
	}
}

func TestConfig_rules(t *testing.T) {
	type value struct {
		Even int    `json:"even" validate:"even"`
		Big  int    `json:"big" validate:"above=5"`
		Slug string `json:"slug" validate:"slug"`
		From int
		To   int
	}
	v := validate.New(validate.Config{
		Rules: map[string]validate.Rule{
			"even":  {Valid: func(f validator.FieldLevel) bool { return f.Field().Int()%2 == 0 }, Detail: "must be even"},
			"above": {Valid: func(f validator.FieldLevel) bool { return fmt.Sprint(f.Field().Int()) > f.Param() }, Detail: "must be above {param}"},
		},
		Aliases: map[string]string{"slug": "min=1,max=5,lowercase"},
		Setup: func(v *validator.Validate) error {
			v.RegisterStructValidation(func(s validator.StructLevel) {
				if x := s.Current().Interface().(value); x.From > x.To {
					s.ReportError(x.To, "To", "To", "gtefield", "From")
				}
			}, value{})
			return nil
		},
	})
	if _, problems := v.Check(reflect.TypeFor[value]()); problems != nil {
		t.Fatal(problems)
	}
	got := findings(v, &value{Even: 3, Big: 4, Slug: "Slug", From: 2, To: 1})
	want := []string{"Even: must be even", "Big: must be above 5", "Slug: does not satisfy the rule slug", "To: must be at least From"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestConfig_problems(t *testing.T) {
	fine := func(validator.FieldLevel) bool { return true }
	for name, tt := range map[string]struct {
		config validate.Config
		says   string
	}{
		"no function":   {validate.Config{Rules: map[string]validate.Rule{"a": {}}}, `the rule "a" of validate.Config: Valid is nil`},
		"reserved name": {validate.Config{Rules: map[string]validate.Rule{"dive": {Valid: fine}}}, `the rule "dive"`},
		"alias":         {validate.Config{Aliases: map[string]string{"a,b": "min=1"}}, `the alias "a,b"`},
		"setup":         {validate.Config{Setup: func(*validator.Validate) error { return errors.New("no") }}, "Setup of validate.Config: no"},
		"language":      {validate.Config{Languages: []validate.Language{{}}}, "Locale or Register"},
	} {
		t.Run(name, func(t *testing.T) {
			_, problems := validate.New(tt.config).Check(reflect.TypeFor[item]())
			if len(problems) != 1 || !strings.Contains(problems[0], tt.says) {
				t.Errorf("got %q, want one that says %q", problems, tt.says)
			}
		})
	}
}

type signUp struct {
	Invite string            `query:"invite" json:"-" validate:"required,len=4"`
	Name   string            `json:"name" validate:"required,min=2"`
	Age    int               `json:"age" validate:"gte=18"`
	Links  []item            `json:"links" validate:"dive"`
	Attrs  map[string]string `json:"attrs" validate:"dive,max=3"`
}

func TestTyped_validated(t *testing.T) {
	app := geist.New(geist.Config{Validator: validate.New(validate.Config{
		Languages: []validate.Language{{Locale: de.New(), Register: detexts.RegisterDefaultTranslations}},
	})})
	geist.Post(app, "/users", func(_ *geist.Ctx, in *signUp) (*signUp, error) { return in, nil })
	c := geisttest.New(t, app)
	c.POST("/users?invite=abcd").JSON(signUp{Name: "Ada", Age: 36}).Do().Status(200)
	const secret = "hunter2"
	bad := `{"name":"","age":7,"links":[{"sku":"","count":1},{"sku":"` + secret + `","count":77}],"attrs":{"a/b":"` + secret + `"}}`
	a := c.POST("/users?invite="+secret).Header("Content-Type", "application/json").BodyString(bad).Do().Status(422).HasHeader("Content-Type", "application/problem+json")
	a.BodyIs(`{"title":"Unprocessable Entity","status":422,"detail":"6 fields are invalid","errors":[` +
		`{"in":"query","name":"invite","detail":"must have exactly 4 characters"},` +
		`{"pointer":"#/name","detail":"is required"},` +
		`{"pointer":"#/age","detail":"must be at least 18"},` +
		`{"pointer":"#/links/0/sku","detail":"is required"},` +
		`{"pointer":"#/links/1/count","detail":"must be at most 9"},` +
		`{"pointer":"#/attrs/a~1b","detail":"must have at most 3 characters"}]}`)
	for _, tt := range []struct{ accept, want string }{
		{"de-AT, en;q=0.5", "name ist ein Pflichtfeld"},
		{"fr, de;q=0.1", "name ist ein Pflichtfeld"},
		{"en, de;q=0.9", "is required"},
		{"nonsense;;", "is required"},
	} {
		c.POST("/users?invite=abcd").Header("Accept-Language", tt.accept).JSON(map[string]any{"age": 20}).Do().Status(422).BodyContains(tt.want)
	}
}

// TestTyped_tenThousandErrors: all at once, but no more than can be read.
func TestTyped_tenThousandErrors(t *testing.T) {
	app := geist.New(geist.Config{Validator: validate.New()})
	geist.Post(app, "/users", func(_ *geist.Ctx, in *signUp) (*signUp, error) { return in, nil })
	body := `{"name":"Ada","age":36,"links":[` + strings.Repeat(`{},`, 9_999) + `{}]}`
	var doc struct{ Errors []geist.FieldError }
	geisttest.New(t, app).POST("/users?invite=abcd").Header("Content-Type", "application/json").BodyString(body).Do().Status(422).JSON(&doc)
	if len(doc.Errors) != 100 {
		t.Errorf("problems: got %d, want 100", len(doc.Errors))
	}
}

func TestCheck_engine(t *testing.T) {
	type bad struct {
		Items []item `json:"items"`
	}
	app := geist.New(geist.Config{Validator: validate.New()})
	geist.Post(app, "/", func(_ *geist.Ctx, in *bad) (*bad, error) { return in, nil })
	if err := app.Check(); err == nil || !strings.Contains(err.Error(), "field Items holds structs with rules") || !strings.Contains(err.Error(), "validate_test.go:") {
		t.Errorf("got %v, want the field and the place of the route", err)
	}
}
