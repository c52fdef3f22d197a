package basicauth_test

import (
	"fmt"
	"net/http/httptest"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/basicauth"
)

func Example() {
	conf := basicauth.Config{
		Realm: "the back office",
		Users: map[string]string{
			// What basicauth.Hash("secret") has returned.
			"ada": "pbkdf2-sha256$100000$MDEyMzQ1Njc4OWFiY2RlZg$plwZLotEAEMO707yToj/A2wZs5Moai9JwWz+JsVD+Cc",
		},
	}
	app := geist.New()
	office := app.Group("/office", basicauth.New(conf))
	office.GET("", func(c *geist.Ctx) error {
		user, _ := basicauth.From(c)
		return c.Text(200, "hello "+user)
	}).Doc(geist.Security(conf.Scheme()))

	for _, password := range []string{"guessed", "secret"} {
		request := httptest.NewRequest("GET", "/office", nil)
		request.SetBasicAuth("ada", password)
		answer := httptest.NewRecorder()
		app.HTTPHandler().ServeHTTP(answer, request)
		fmt.Println(answer.Code, answer.Header().Get("WWW-Authenticate"))
	}
	// Output:
	// 401 Basic realm="the back office", charset="UTF-8"
	// 200
}
