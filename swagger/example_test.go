package swagger_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/swagger"
)

type city string

func (city) Enum() []city { return []city{"Bern", "Basel"} }

type newUser struct {
	Name string `json:"name" validate:"required,max=50" doc:"As others see it."`
	City city   `json:"city"`
}

type user struct {
	ID int `json:"id"`
	newUser
}

func Example() {
	app := geist.New()
	app.POST("/users", func(c *geist.Ctx) error {
		var in newUser
		if err := c.Bind(&in); err != nil {
			return err
		}
		return c.JSON(201, user{7, in})
	}).Doc(geist.Body[newUser](), geist.Returns[user](201, "The new user."))

	// swagger.Mount(app, config) serves the documents; Document returns one.
	text, err := swagger.Document(app, swagger.Config{Title: "Users", Version: "1.0"}, swagger.OpenAPIYAML)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, schemas, _ := strings.Cut(string(text), "    NewUser:\n")
	schemas, _, _ = strings.Cut(schemas, "    Problem:\n")
	fmt.Print(schemas)
	// Output:
	// type: object
	//       properties:
	//         name:
	//           type: string
	//           maxLength: 50
	//           minLength: 1
	//           description: As others see it.
	//         city:
	//           "$ref": "#/components/schemas/City"
	//       required:
	//         - name
	//     User:
	//       type: object
	//       properties:
	//         id:
	//           type: integer
	//           format: int64
	//         name:
	//           type: string
	//           description: As others see it.
	//         city:
	//           "$ref": "#/components/schemas/City"
	//       required:
	//         - id
	//         - name
	//         - city
	//     City:
	//       type: string
	//       enum:
	//         - Bern
	//         - Basel
}

func ExampleNewChecker() {
	app := geist.New()
	app.GET("/users/:id", func(c *geist.Ctx) error {
		return c.JSON(200, geist.Map{"id": 7, "name": "Ada", "mail": "ada@example.com"})
	}).Doc(geist.Returns[user](200))
	checker, err := swagger.NewChecker(app, swagger.Config{Title: "Users", Version: "1.0"})
	if err != nil {
		fmt.Println(err)
		return
	}
	// In a test: geisttest.New(t, app, geisttest.Config{Checker: checker}) asks it about every
	// exchange, and fails the test with what it says.
	body := `{"id":7,"name":"Ada","mail":"ada@example.com"}`
	for _, finding := range checker.CheckExchange(httptest.NewRequest("GET", "/users/7", nil), &http.Response{
		StatusCode: 200,
		Header:     http.Header{"Content-Type": {"application/json"}},
		Body:       io.NopCloser(strings.NewReader(body)),
	}) {
		fmt.Println(finding)
	}
	// Output:
	// GET /users/:id: 200: the body: #/city: is missing
	// GET /users/:id: 200: the body: #/mail: is not described
}

func ExampleOneOf() {
	config := swagger.Config{
		Title: "Shapes", Version: "1.0",
		Types: []swagger.Type{swagger.OneOf[figure]("kind", swagger.As[disc]("disc"), swagger.As[box]("box"))},
	}
	app := geist.New()
	app.GET("/figure", func(c *geist.Ctx) error { return c.JSON(200, figure(disc{"disc", 2})) }).Doc(geist.Returns[figure](200))
	text, err := swagger.Document(app, config, swagger.OpenAPIYAML)
	fmt.Println(strings.Contains(string(text), "discriminator:"), err)
	// Output: true <nil>
}

type figure interface{ area() float64 }

type disc struct {
	Kind   string  `json:"kind"`
	Radius float64 `json:"radius"`
}

func (d disc) area() float64 { return 3.14 * d.Radius * d.Radius }

type box struct {
	Kind string  `json:"kind"`
	Side float64 `json:"side"`
}

func (b box) area() float64 { return b.Side * b.Side }
