package keyauth_test

import (
	"fmt"
	"net/http/httptest"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/keyauth"
)

func Example() {
	conf := keyauth.Config[string]{
		Sources: []keyauth.Source{keyauth.Header("X-API-Key")},
		Verify:  keyauth.Static(map[string]string{"billing": "T4VFX6QSKZ2WNCMA7HL3RJB5YE"}), // from the environment
	}
	app := geist.New()
	app.Use(keyauth.New(conf))
	app.GET("/", func(c *geist.Ctx) error {
		client, _ := keyauth.From[string](c)
		return c.Text(200, "hello "+client)
	}).Doc(geist.Security(conf.Scheme()))

	for _, key := range []string{"guessed", "T4VFX6QSKZ2WNCMA7HL3RJB5YE"} {
		request := httptest.NewRequest("GET", "/", nil)
		request.Header.Set("X-API-Key", key)
		answer := httptest.NewRecorder()
		app.HTTPHandler().ServeHTTP(answer, request)
		fmt.Println(answer.Code, answer.Body)
	}
	// Output:
	// 401 {"title":"Unauthorized","status":401,"detail":"the key is not valid"}
	// 200 hello billing
}
