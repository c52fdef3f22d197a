package geist_test

import (
	"errors"
	"fmt"

	"github.com/gogeist/geist"
)

// UpdateTask says by its tags where each field comes from.
type UpdateTask struct {
	ID    int               `path:"id"`
	Dry   bool              `query:"dry"`
	Title geist.Opt[string] `json:"title"`
	Done  geist.Opt[bool]   `json:"done"`
}

// Bind fills a struct from the request, and answers 422 with every problem at once.
func ExampleCtx_Bind() {
	app := geist.New()
	app.PATCH("/tasks/:id", func(c *geist.Ctx) error {
		var in UpdateTask
		if err := c.Bind(&in); err != nil {
			return err
		}
		if title, ok := in.Title.Get(); ok {
			return c.Text(200, "rename to "+title)
		}
		return c.NoContent() // the title was not sent, or as null
	})
	fmt.Println(app.Check())
	// Output: <nil>
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
