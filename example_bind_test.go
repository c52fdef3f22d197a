package geist_test

import (
	"errors"
	"fmt"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
)

// send prints the answer to a request with a JSON body.
func send(app *geist.Engine, method, target, body string, header ...string) {
	var rc fasthttp.RequestCtx
	rc.Request.Header.SetMethod(method)
	rc.Request.Header.SetHost("example.com")
	rc.Request.SetRequestURI(target)
	rc.Request.SetBodyString(body)
	rc.Request.Header.SetContentType("application/json")
	for i := 0; i+1 < len(header); i += 2 {
		rc.Request.Header.Set(header[i], header[i+1])
	}
	app.Handler()(&rc)
	fmt.Printf("%d %s\n", rc.Response.StatusCode(), rc.Response.Body())
}

// Bind fills a struct from the request, and answers 422 with every problem at once.
func ExampleBind() {
	type Update struct {
		ID    int               `path:"id"`
		Dry   bool              `query:"dry"`
		Title geist.Opt[string] `json:"title"` // missing, null or sent
		Tags  []string          `json:"tags"`
	}
	app := geist.New()
	app.PATCH("/tasks/:id", func(c *geist.Ctx) error {
		in, err := geist.Bind[Update](c)
		if err != nil {
			return err
		}
		if title, ok := in.Title.Get(); ok {
			return c.Text(200, fmt.Sprintf("rename %d to %s, dry run: %t", in.ID, title, in.Dry))
		}
		return c.NoContent()
	})
	send(app, "PATCH", "/tasks/7?dry=true", `{"title":"Buy milk"}`)
	send(app, "PATCH", "/tasks/7?dry=maybe", `{"title":7,"tags":["a",false]}`)
	// Output:
	// 200 rename 7 to Buy milk, dry run: true
	// 422 {"title":"Unprocessable Entity","status":422,"detail":"3 fields are invalid","errors":[{"pointer":"#/title","detail":"must be a string"},{"pointer":"#/tags/1","detail":"must be a string"},{"in":"query","name":"dry","detail":"must be true or false"}]}
}

// Bind leaves what was not sent as it is.
func ExampleCtx_Bind() {
	app := geist.New()
	app.POST("/search", func(c *geist.Ctx) error {
		in := struct {
			Text  string `json:"text" binding:"required"`
			Limit int    `json:"limit"`
		}{Limit: 20}
		if err := c.Bind(&in); err != nil {
			return err
		}
		return c.JSON(200, &in)
	})
	send(app, "POST", "/search", `{"text":"milk"}`)
	send(app, "POST", "/search", `{"limit":5}`)
	// Output:
	// 200 {"text":"milk","limit":20}
	// 422 {"title":"Unprocessable Entity","status":422,"detail":"one field is invalid","errors":[{"pointer":"#/text","detail":"is required"}]}
}

// The problems of a request are found in the error of Bind.
func ExampleFieldErrors() {
	var err error = geist.NewError(422, "one field is invalid").
		Wrap(geist.FieldErrors{{In: "query", Name: "page", Detail: "must be a whole number in range"}})
	var fields geist.FieldErrors
	if errors.As(err, &fields) {
		fmt.Println(fields[0].In, fields[0].Name, fields[0].Detail)
	}
	// Output: query page must be a whole number in range
}

// An Opt tells a field that is missing from one that is zero or null.
func ExampleOpt() {
	var in struct {
		A, B, C geist.Opt[int]
	}
	err := geist.GoJSON().Decode([]byte(`{"A":0,"B":null}`), &in)
	fmt.Println(in.A.Set, in.A.Null, in.B.Set, in.B.Null, in.C.Set, in.C.Or(7), err)
	// Output: true false true true false 7 <nil>
}
