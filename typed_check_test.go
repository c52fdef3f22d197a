package geist_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// nothing is a typed handler whose types alone matter.
func nothing[In, Out any](*geist.Ctx, *In) (Out, error) {
	var out Out
	return out, nil
}

// ruleless is a Validator that knows no rule but sound.
type ruleless struct{}

func (ruleless) Check(t reflect.Type) (rules bool, problems []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		if tag := f.Tag.Get("validate"); tag != "" && tag != "sound" {
			problems = append(problems, "field "+f.Name+": the rule "+tag+" is not known")
		}
	}
	return true, problems
}

func (ruleless) Validate(*geist.Ctx, any) []geist.Violation { return nil }

type (
	tagless struct {
		Name string
	}
	nested struct {
		Rows []struct {
			Name string `json:"name" validate:"sound"`
		} `json:"rows"`
	}
	withChannel struct {
		Events chan int `json:"events"`
	}
	withKeys struct {
		ByFlag map[bool]int `json:"byFlag"`
	}
	withInterface struct {
		Reader interface{ Read() } `json:"reader"`
	}
)

func TestCheck_typed(t *testing.T) {
	type (
		missing struct {
			Other string `path:"other" json:"-"`
		}
		settable struct {
			ID string `path:"id" json:"id"`
		}
		slips struct {
			A string `qurey:"a" json:"-"`
			B string `param:"b" json:"-"`
			C string `query:"c,coma" json:"-"`
			D string `query:"d" binding:"required,min=2" json:"-"`
			F string `db:"f" gorm:"column:f" bson:"f" query:"f" json:"-"`
		}
		badDefault struct {
			N int `query:"n" default:"x" json:"-"`
		}
		badParam struct {
			M map[string]int `query:"m" json:"-"`
		}
		rules struct {
			A string `query:"a" validate:"sound"`
			B string `query:"b" validate:"odd"`
		}
	)
	validator := geist.Config{Validator: ruleless{}}
	for name, tt := range map[string]struct {
		config   geist.Config
		register func(app *geist.Engine)
		says     []string // one problem each
	}{
		"parameter without field": {register: func(app *geist.Engine) {
			geist.Get(app, "/a/:id/:other", nothing[missing, string])
		}, says: []string{`no field for the parameter "id"`}},
		"field without parameter": {register: func(app *geist.Engine) {
			geist.Get(app.Group("/g"), "/a", nothing[missing, string])
		}, says: []string{`field Other: the path has no parameter "other"`}},
		"parameter of a group": {register: func(app *geist.Engine) {
			geist.Get(app.Group("/g/:id"), "/:other", nothing[missing, string])
		}, says: []string{`no field for the parameter "id"`}},
		"parameter of a mount": {register: func(app *geist.Engine) {
			child := geist.New()
			geist.Get(child, "/:other", nothing[missing, string])
			app.Mount("/m/:tenant", child)
		}},
		"label of a host": {register: func(app *geist.Engine) {
			geist.Get(app.Host("{other}.example.com"), "/", nothing[missing, string])
		}},
		"None reads parameters itself": {register: func(app *geist.Engine) {
			geist.Get(app, "/:id", nothing[geist.None, string])
		}},
		"parameter that a document sets": {register: func(app *geist.Engine) {
			geist.Post(app, "/:id", nothing[settable, string])
		}, says: []string{"field ID comes from path, and documents could set it, too"}},
		"tags": {register: func(app *geist.Engine) {
			geist.Get(app, "/", nothing[slips, string])
		}, says: []string{"field A has the tag qurey: did you mean query?", "field B has the tag param, which is not read here: use path",
			`field C has the option "coma"`, "field D has rules in its tag binding"}},
		"field that nothing sets": {register: func(app *geist.Engine) {
			geist.Get(app, "/", nothing[tagless, string])
		}, says: []string{"field Name comes from a body, which GET has none of"}},
		"default": {register: func(app *geist.Engine) {
			geist.Get(app, "/", nothing[badDefault, string])
		}, says: []string{"field N has a default that it cannot hold"}},
		"type of a parameter": {register: func(app *geist.Engine) {
			geist.Get(app, "/", nothing[badParam, string])
		}, says: []string{"field M has type map[string]int, which text cannot become"}},
		"input that is no struct": {register: func(app *geist.Engine) {
			geist.Post(app, "/", nothing[[]string, string])
			geist.Post(app, "/b", nothing[*tagless, string])
			geist.Post(app, "/c", nothing[geist.Opt[string], string])
		}, says: []string{"the input []string is not a struct", "the input *geist_test.tagless is not a struct", "the input geist.Opt[string] is not a struct"}},
		"rules without a validator": {register: func(app *geist.Engine) {
			geist.Post(app, "/", nothing[nested, string])
		}, says: []string{"has validate tags (Rows.Name), but Config.Validator is nil"}},
		"rules that are unknown": {config: validator, register: func(app *geist.Engine) {
			geist.Get(app, "/", nothing[rules, string])
		}, says: []string{"field B: the rule odd is not known"}},
		"types that JSON cannot become": {register: func(app *geist.Engine) {
			geist.Post(app, "/a", nothing[withChannel, string])
			geist.Post(app, "/b", nothing[withKeys, string])
			geist.Post(app, "/c", nothing[withInterface, string])
		}, says: []string{"field Events has type chan int", "field ByFlag has type map[bool]int", "field Reader has type interface"}},
		"types that JSON has no form for": {register: func(app *geist.Engine) {
			geist.Get(app, "/a", nothing[geist.None, withChannel])
			geist.Get(app, "/b", nothing[geist.None, func()])
			geist.Get(app, "/c", nothing[geist.None, *withInterface])
			app.GET("/d", fine).Doc(geist.Returns[chan int](200), geist.Emits[[]complex64]("c"))
		}, says: []string{"field Events has type chan int", "the output func() has type func()", "Returns chan int", "Emits []complex64"}},
		"options": {register: func(app *geist.Engine) {
			app.Group("/group").Doc(geist.Status(201)) // for its typed routes
			app.GET("/a", fine).Doc(geist.Status(201))
			geist.Post(app, "/b", nothing[tagless, string], geist.Body[tagless]())
			geist.Post(app, "/c", nothing[tagless, string], geist.Status(204))
			geist.Post(app, "/d", nothing[tagless, string], geist.Status(99))
			geist.Post(app, "/e", nothing[tagless, string], geist.Returns[string](1000))
		}, says: []string{"Status is for typed routes", "Body is for plain routes", "an answer of status 204 has no body", "Status(99)", "Returns(1000)"}},
		"the input of a plain route": {register: func(app *geist.Engine) {
			app.POST("/:id", fine).Doc(geist.Body[missing]())
			app.WS("/ws", func(*geist.Ctx, *geist.Conn) error { return nil }, geist.Body[tagless]())
		}, says: []string{`field Other: the path has no parameter "other"`, "field Name comes from a body"}},
		"messages": {register: func(app *geist.Engine) {
			geist.WS(app, "/a", func(*geist.Ctx, *geist.Channel[rules, string]) error { return nil })
			geist.SSE(app, "/b", func(*geist.Ctx, *geist.Events[chan int]) error { return nil })
		}, says: []string{"field A comes from query, which messages have none of", "field B comes from query", "has validate tags", "the messages chan int"}},
		"nil handlers": {register: func(app *geist.Engine) {
			geist.Get[geist.None, string](app, "/a", nil)
			geist.WS[string, string](app, "/b", nil)
			geist.SSE[string](app, "/c", nil)
		}, says: []string{"has no handler", "has no handler", "has no handler"}},
		"security": {register: func(app *geist.Engine) {
			for _, s := range []geist.SecurityScheme{
				{}, {Name: "a b", Type: "http", Scheme: "basic"}, {Name: "a", Type: "http"}, {Name: "a", Type: "apiKey", In: "body", Key: "k"},
				{Name: "a", Type: "oauth2"}, {Name: "a", Type: "openIdConnect"}, {Name: "a", Type: "magic"},
			} {
				app.GET("/"+string(rune('a'+len(app.Routes()))), fine).Doc(geist.Security(s))
			}
			app.GET("/basic", fine).Doc(geist.Security(geist.SecurityScheme{Name: "known", Type: "http", Scheme: "basic"}))
			app.GET("/bearer", fine).Doc(geist.Security(geist.SecurityScheme{Name: "known", Type: "http", Scheme: "bearer"}))
		}, says: []string{`scheme "known" differs`, "needs a Name", "needs a Name", "needs a Scheme", "needs a Key", "needs a URL, a TokenURL or both", "needs a URL", "needs a Type"}},
	} {
		t.Run(name, func(t *testing.T) {
			app := geist.New(tt.config)
			tt.register(app)
			if len(tt.says) == 0 {
				if err := app.Check(); err != nil {
					t.Fatal(err)
				}
				return
			}
			problems := problemsOf(t, app)
			if len(problems) != len(tt.says) {
				t.Errorf("problems: got %d, want %d:\n%s", len(problems), len(tt.says), strings.Join(problems, "\n"))
			}
			for _, want := range tt.says {
				i := slices.IndexFunc(problems, func(p string) bool { return strings.Contains(p, want) })
				if i < 0 {
					t.Errorf("no problem says %q:\n%s", want, strings.Join(problems, "\n"))
				} else if !strings.Contains(problems[i], "typed_check_test.go:") {
					t.Errorf("the problem names no place: %s", problems[i])
				}
			}
		})
	}
}

// recursive types end.
type tree struct {
	Name     string           `json:"name"`
	Children []*tree          `json:"children"`
	ByName   map[string]*tree `json:"byName"`
}

func TestCheck_typedRecursion(t *testing.T) {
	app := geist.New()
	geist.Post(app, "/tree", nothing[tree, *tree])
	if err := app.Check(); err != nil {
		t.Fatal(err)
	}
}

// fine is a plain handler.
func fine(c *geist.Ctx) error { return c.NoContent() }

// Types that lead back to themselves without a struct between are walked once.
func TestTyped_typesThatHoldThemselves(t *testing.T) {
	type list []list
	type tree map[string]*tree
	type in struct {
		List list `json:"list"`
		Tree tree `json:"tree"`
	}
	app := geist.New()
	geist.Post(app, "/", func(_ *geist.Ctx, v *in) (*in, error) { return v, nil })
	c := geisttest.New(t, app)
	c.POST("/").Header("Content-Type", "application/json").BodyString(`{"list":[[],[[]]],"tree":{"a":{"b":null}}}`).Do().Status(200).
		BodyContains(`{"list":[[],[[]]],"tree":{"a":{"b":null}}}`)
}
