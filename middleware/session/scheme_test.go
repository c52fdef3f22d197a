package session_test

import (
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/middleware/session"
)

func TestConfig_Scheme(t *testing.T) {
	for _, tt := range []struct {
		conf session.Config
		want string
	}{
		{session.Config{}, "__Host-sid"},
		{session.Config{Cookie: "s", Domain: "example.com"}, "__Secure-s"},
	} {
		app := geist.New()
		app.GET("/", func(c *geist.Ctx) error { return c.NoContent() }).Doc(geist.Security(tt.conf.Scheme()))
		if err := app.Check(); err != nil {
			t.Fatal(err)
		}
		got := app.Routes()[0].Security[0].Scheme
		if got.Type != "apiKey" || got.In != "cookie" || got.Key != tt.want {
			t.Errorf("Scheme = %+v, want an apiKey in the cookie %s", got, tt.want)
		}
	}
}
