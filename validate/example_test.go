package validate_test

import (
	"fmt"
	"strings"

	"github.com/go-playground/validator/v10"
	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/validate"
)

// The rules stand in the types; a request that violates them is answered with all of them
// at once, before the handler runs.
func ExampleNew() {
	type NewUser struct {
		Org   string   `path:"org" json:"-" validate:"lowercase"`
		Name  string   `json:"name" validate:"required,min=2"`
		Email string   `json:"email" validate:"omitempty,email"`
		Tags  []string `json:"tags" validate:"max=3,dive,slug"`
	}
	app := geist.New(geist.Config{Validator: validate.New(validate.Config{
		Rules: map[string]validate.Rule{"slug": {
			Valid:  func(f validator.FieldLevel) bool { return !strings.Contains(f.Field().String(), " ") },
			Detail: "must have no spaces",
		}},
	})})
	geist.Post(app, "/orgs/:org/users", func(_ *geist.Ctx, in *NewUser) (*NewUser, error) { return in, nil })

	var rc fasthttp.RequestCtx
	rc.Request.Header.SetMethod("POST")
	rc.Request.Header.SetHost("example.com")
	rc.Request.SetRequestURI("/orgs/ACME/users")
	rc.Request.Header.SetContentType("application/json")
	rc.Request.SetBodyString(`{"email":"ada","tags":["go","two words"]}`)
	app.Handler()(&rc)
	fmt.Println(strings.ReplaceAll(string(rc.Response.Body()), `{"`, "\n"+`{"`))
	// Output:
	// {"title":"Unprocessable Entity","status":422,"detail":"4 fields are invalid","errors":[
	// {"in":"path","name":"org","detail":"must be in lower case"},
	// {"pointer":"#/name","detail":"is required"},
	// {"pointer":"#/email","detail":"must be an e-mail address"},
	// {"pointer":"#/tags/1","detail":"must have no spaces"}]}
}
