//go:build !race && !geistdebug

package jwt

import (
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
)

// served returns a function that serves one request with a token.
func served(tb testing.TB, conf Config, token string) func() {
	app := geist.New()
	app.Use(New(conf))
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, "ok") })
	serve := app.Handler()
	var rc fasthttp.RequestCtx
	var request fasthttp.Request
	request.SetRequestURI("/")
	request.Header.SetHost("localhost")
	request.Header.Set("Authorization", "Bearer "+token)
	rc.Init(&request, nil, nil)
	return func() {
		rc.Response.Reset()
		serve(&rc)
		if rc.Response.StatusCode() != 200 {
			tb.Fatalf("status %d, want 200", rc.Response.StatusCode())
		}
	}
}

// A token that is remembered allocates nothing; the string of a long one is the Ctx's.
func TestNew_cachedAllocatesNothing(t *testing.T) {
	conf := config()
	conf.CacheFor = time.Hour
	serve := served(t, conf, sign("HS256", secret, nil, claims(nil)))
	serve()
	if n := testing.AllocsPerRun(1000, serve); n != 0 {
		t.Errorf("allocs = %v, want 0", n)
	}
}

func BenchmarkNew(b *testing.B) {
	rs := config()
	rs.Keys = Key(&rsaKey().PublicKey)
	cached := config()
	cached.CacheFor = time.Hour
	for _, bb := range []struct {
		name  string
		conf  Config
		token string
	}{
		{"HS256", config(), sign("HS256", secret, nil, claims(nil))},
		{"RS256", rs, sign("RS256", rsaKey(), nil, claims(nil))},
		{"cached", cached, sign("HS256", secret, nil, claims(nil))},
	} {
		b.Run(bb.name, func(b *testing.B) {
			serve := served(b, bb.conf, bb.token)
			b.ReportAllocs()
			for b.Loop() {
				serve()
			}
		})
	}
}
