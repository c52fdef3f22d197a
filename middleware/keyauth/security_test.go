package keyauth

import (
	"slices"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// Keys and their owners do not get mixed up, and what is near a key is none.
func TestStatic_exact(t *testing.T) {
	const bobs = "fedcba9876543210"
	verify := Static(map[string]string{"ada": adasKey, "bob": bobs})
	for _, tt := range []struct{ key, want string }{
		{adasKey, "ada"}, {bobs, "bob"}, {"", ""}, {adasKey[:15], ""}, {adasKey + "0", ""},
		{strings.ToUpper(adasKey), ""}, {adasKey + bobs, ""}, {"ada", ""},
	} {
		got, err := verify(nil, tt.key)
		if got != tt.want || err == nil != (tt.want != "") {
			t.Errorf("Static of %q = %q, %v, want %q", tt.key, got, err, tt.want)
		}
	}
}

// Caches tell answers apart by where a key may stand, beside what others have said (the class
// of CVE-2026-30246). By Authorization they do without being told (RFC 9111 §3.5).
func TestCVE_2026_30246_vary(t *testing.T) {
	app := geist.New()
	app.Use(func(c *geist.Ctx) error {
		c.SetHeader("Vary", "Origin")
		return c.Next()
	})
	app.Use(New(Config[*account]{Verify: ada, Sources: []Source{Bearer(), Header("X-API-Key"), Cookie("a"), Cookie("b"), Query("key")}}))
	app.GET("/", func(c *geist.Ctx) error { return c.NoContent() })
	client := geisttest.New(t, app)
	want := []string{"Origin", "X-API-Key", "Cookie"}
	for _, answer := range []*geisttest.Response{client.GET("/?key=" + adasKey).Do().Status(204), client.GET("/").Do().Status(401)} {
		if got := answer.Raw().Header.Values("Vary"); !slices.Equal(got, want) {
			t.Errorf("Vary = %q, want %q", got, want)
		}
	}
}

// A cached key is remembered for itself alone, and one that begins or ends like it is not it.
func TestNew_cacheIsExact(t *testing.T) {
	client := geisttest.New(t, guarded(Config[*account]{Verify: ada, CacheFor: 1 << 40}))
	ask := func(key string, status int) {
		t.Helper()
		client.GET("/").Header("Authorization", "Bearer "+key).Do().Status(status)
	}
	ask(adasKey, 200)
	for _, near := range []string{adasKey[:15], adasKey + "0", strings.ToUpper(adasKey), "x" + adasKey} {
		ask(near, 401)
	}
}
