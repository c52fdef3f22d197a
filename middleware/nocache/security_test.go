package nocache_test

import (
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// TestCVE_2026_30246_cachedAnswer: an answer that depends on the query and on who asks is kept
// by no cache, whatever the handler has allowed and however the cache is addressed.
func TestCVE_2026_30246_cachedAnswer(t *testing.T) {
	app := newApp()
	app.GET("/me", func(c *geist.Ctx) error {
		c.SetHeader("Cache-Control", "public, s-maxage=600, x-no-store")
		c.SetHeader("CDN-Cache-Control", "max-age=600")
		return c.Text(200, c.Query("user")+c.Header("Authorization"))
	})
	r := geisttest.New(t, app).GET("/me?user=ada").Header("Authorization", "Basic a").Do().Status(200)
	for _, name := range []string{"Cache-Control", "CDN-Cache-Control"} {
		if got := r.Raw().Header.Values(name); len(got) != 1 || got[0] != "no-store" {
			t.Errorf("%s = %q, want no-store alone", name, got)
		}
	}
}
