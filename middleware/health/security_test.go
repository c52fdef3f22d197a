package health_test

import (
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/middleware/health"
)

// TestDetail_strangers: names of checks, addresses in their errors and the drain are nobody's
// business.
func TestDetail_strangers(t *testing.T) {
	var db toggle
	db.fails.Store(true)
	for name, detail := range map[string]func(*geist.Ctx) bool{
		"default": nil,
		"refused": func(*geist.Ctx) bool { return false },
	} {
		app := newApp()
		health.Mount(app, health.Config{Ready: []health.Check{db.check("billing-db")}, Detail: detail})
		r := geisttest.New(t, app).GET("/readyz").Header("X-Forwarded-For", "127.0.0.1").Do().Status(503)
		if s := string(r.Head()) + r.Text(); strings.Contains(s, "10.1.2.3") || strings.Contains(s, "billing") {
			t.Errorf("%s: a stranger sees %q", name, s)
		}
	}
}
