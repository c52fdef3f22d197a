package geist_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/hub"
)

// told prints what the fields of an input are described by, a line each.
func told(fields []geist.FieldInfo) []string {
	var lines []string
	for _, f := range fields {
		line := f.In + " " + f.Name + " " + f.Path + fmt.Sprint(f.Index) + " " + f.Type.String()
		for _, x := range []struct {
			set  bool
			text string
		}{
			{f.Required, "required"}, {f.HasDefault, "default=" + f.Default}, {f.Layout != "", "layout=" + f.Layout}, {f.Comma, "comma"},
			{f.Doc != "", "doc=" + f.Doc}, {f.Example != "", "example=" + f.Example}, {f.Deprecated, "deprecated"}, {f.Validate != "", "validate=" + f.Validate},
		} {
			if x.set {
				line += " " + x.text
			}
		}
		lines = append(lines, line)
	}
	return lines
}

type infoPage struct {
	Limit int `query:"limit" default:"20" json:"-"`
}

type infoInput struct {
	Org    string    `path:"org" json:"-" doc:"The organisation."`
	Tenant string    `path:"tenant" json:"-"`
	Since  time.Time `query:"since" layout:"2006-01-02" json:"-" deprecated:"true"`
	IDs    []int     `query:"id,comma" json:"-"`
	infoPage
	Token string `header:"X-Token" binding:"required" json:"-"`
	Hid   string `cookie:"hid"`
	Name  string `json:"name" form:"name" validate:"required,min=2" example:"Ada"`
	Rows  []int  `json:"rows" validate:"dive,required"`
	Later string `json:"-"`
}

func TestRouteInfo_typed(t *testing.T) {
	bearer := geist.SecurityScheme{Name: "bearer", Type: "http", Scheme: "bearer"}
	app := geist.New(geist.Config{Validator: ruledAll{}})
	g := app.Host("{tenant}.example.com").Group("/orgs/:org<alpha>")
	g.Doc(geist.Tags("orgs", "all"), geist.Security(bearer))
	geist.Post(g, "/users/:page<int>?", func(_ *geist.Ctx, in *struct {
		infoInput
		Page int `path:"page" json:"-"`
	}) (*user, error) {
		return nil, nil
	}, geist.Tags("users", "all"), geist.Summary("Create"), geist.Description("Creates a user."), geist.Deprecated(), geist.Hidden(),
		geist.Status(201), geist.Returns[geist.Problem](409, "there is", "one"), geist.Returns[[]string](202), geist.Security(bearer, "users:write")).Name("users.create")
	if err := app.Check(); err != nil {
		t.Fatal(err)
	}
	r := app.Routes()[0]
	want := []string{
		"path org infoInput.Org[0 0] string required doc=The organisation.",
		"host tenant infoInput.Tenant[0 1] string required",
		"query since infoInput.Since[0 2] time.Time layout=2006-01-02 deprecated",
		"query id infoInput.IDs[0 3] []int comma",
		"query limit infoInput.infoPage.Limit[0 4 0] int default=20",
		"header X-Token infoInput.Token[0 5] string required",
		"cookie hid infoInput.Hid[0 6] string",
		"form name infoInput.Name[0 7] string required example=Ada validate=required,min=2",
		"body name infoInput.Name[0 7] string required example=Ada validate=required,min=2",
		"body rows infoInput.Rows[0 8] []int validate=dive,required",
		"path page Page[1] int",
	}
	if got := told(r.Fields); !reflect.DeepEqual(got, want) {
		t.Errorf("fields:\ngot\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, x := range []struct{ what, got, want string }{
		{"kind", r.Kind.String(), "http"},
		{"constraints", fmt.Sprintf("%q %t", r.Constraints, r.OptionalParam), `["alpha" "int"] true`},
		{"texts", r.Name + "; " + r.Summary + "; " + r.Description, "users.create; Create; Creates a user."},
		{"tags", fmt.Sprint(r.Tags, r.Deprecated, r.Hidden, r.Typed), "[orgs all users] true true true"},
		{"security", fmt.Sprint(len(r.Security), r.Security[0].Scopes, r.Security[1].Scopes, r.Security[1].Scheme.Name), "2 [] [users:write]bearer"},
		{"body", fmt.Sprint(r.Body, r.BodyRequired), "[application/json application/x-www-form-urlencoded multipart/form-data] true"},
		{"returns", fmt.Sprint(r.Returns), "[{201 *geist_test.user [application/json] } {202 []string [application/json] } {409 geist.Problem [application/problem+json] there is one}]"},
		{"problems", fmt.Sprint(r.Problems), "[400 406 413 415 422]"},
	} {
		if x.got != x.want {
			t.Errorf("%s:\ngot  %s\nwant %s", x.what, x.got, x.want)
		}
	}
}

// ruledAll is a Validator that allows everything.
type ruledAll struct{}

func (ruledAll) Check(reflect.Type) (bool, []string)        { return true, nil }
func (ruledAll) Validate(*geist.Ctx, any) []geist.Violation { return nil }

func TestRouteInfo_kinds(t *testing.T) {
	type message struct {
		Text string `json:"text"`
	}
	type search struct {
		Text string `form:"text" binding:"required"`
	}
	app := geist.New()
	app.GET("/plain/:id<min(1);max(9)>", fine)
	app.POST("/documented", fine).Doc(geist.Body[message](), geist.Returns[*message](200), geist.Returns[geist.None](204))
	geist.Get(app, "/search", nothing[search, []message])
	geist.Delete(app, "/nothing", nothing[geist.None, geist.None])
	geist.WS(app, "/ws", func(*geist.Ctx, *geist.Channel[message, []int]) error { return nil }, geist.Emits[string]("note"))
	geist.WS(app, "/silent", func(*geist.Ctx, *geist.Channel[geist.None, int]) error { return nil })
	geist.SSE(app, "/events", func(*geist.Ctx, *geist.Events[message]) error { return nil }, geist.Emits[int]("count"))
	app.Static("/files", t.TempDir())
	app.Rooms("/rooms", hub.New(hub.Config{}), func(*geist.Ctx) (hub.Policy, error) { return hub.Policy{}, nil })
	if err := app.Check(); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, r := range app.Routes() {
		got[r.Pattern] = fmt.Sprint(r.Kind, r.Constraints, r.Input, told(r.Fields), r.Body, r.BodyRequired, r.Returns, r.Problems, r.Receives, r.Emits)
	}
	for pattern, want := range map[string]string{
		"/plain/:id<min(1);max(9)>": "http [min(1) max(9)] <nil> [] [] false [] [] [] []",
		"/documented":               "http [] geist_test.message [body text Text[0] string] [application/json] true [{200 *geist_test.message [application/json] } {204 <nil> [] }] [] [] []",
		"/search":                   "http [] geist_test.search [query text Text[0] string required] [] false [{200 []geist_test.message [application/json] }] [406 422] [] []",
		"/nothing":                  "http [] <nil> [] [] false [{204 <nil> [] }] [] [] []",
		"/ws":                       "websocket [] <nil> [] [] false [] [] [{ geist_test.message}] [{ []int} {note string}]",
		"/silent":                   "websocket [] <nil> [] [] false [] [] [] [{ int}]",
		"/events":                   "events [] <nil> [] [] false [] [] [] [{ geist_test.message} {count int}]",
		"/rooms":                    "rooms [] <nil> [] [] false [] [] [] []",
		"/files/*path":              "files [] <nil> [] [] false [] [] [] []",
	} {
		if got[pattern] != want {
			t.Errorf("%s:\ngot  %s\nwant %s", pattern, got[pattern], want)
		}
	}
}
