package swagger_test

import (
	"fmt"
	"testing"
	"testing/fstest"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/swagger"
)

// BenchmarkDocuments describes 500 typed routes, and compresses all documents.
func BenchmarkDocuments(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		describedThings(b, 500).Handler()
	}
}

// describedThings returns a service of n typed routes, and its documents.
func describedThings(b *testing.B, n int) *geist.Engine {
	type thing struct {
		ID   int            `json:"id"`
		Name string         `json:"name"`
		City city           `json:"city"`
		More map[string]any `json:"more,omitempty"`
	}
	type in struct {
		ID   int    `path:"id" json:"-"`
		Page int    `query:"page" json:"-" default:"1"`
		Name string `json:"name"`
		One  thing  `json:"one"`
	}
	app := geist.New()
	if err := swagger.Mount(app, config()); err != nil {
		b.Fatal(err)
	}
	for i := range n {
		geist.Post(app, fmt.Sprintf("/things%d/:id<int>", i), func(_ *geist.Ctx, v *in) (*thing, error) { return &v.One, nil })
	}
	return app
}

// BenchmarkServe answers with a document, and with a static file of the same bytes, each with
// and without a precondition that holds.
func BenchmarkServe(b *testing.B) {
	described := describedThings(b, 20)
	text, err := swagger.Document(described, config(), "openapi.json")
	if err != nil {
		b.Fatal(err)
	}
	static := geist.New()
	static.StaticFS("/", fstest.MapFS{"openapi.json": &fstest.MapFile{Data: text, ModTime: time.Unix(1, 0)}})
	for _, of := range []struct {
		name string
		h    fasthttp.RequestHandler
	}{{"document", described.Handler()}, {"file", static.Handler()}} {
		var rc fasthttp.RequestCtx
		ask := func(etag string) int {
			rc.Request.Reset()
			rc.Response.Reset()
			rc.Request.SetRequestURI("/openapi.json")
			rc.Request.Header.SetHost("a")
			rc.Request.Header.Set("If-None-Match", etag)
			of.h(&rc)
			return rc.Response.StatusCode()
		}
		for name, want := range map[string]int{"200": 200, "304": 304} {
			b.Run(of.name+"/"+name, func(b *testing.B) {
				ask("")
				etag := ""
				if want == 304 {
					etag = string(rc.Response.Header.Peek("ETag"))
				}
				b.ReportAllocs()
				for b.Loop() {
					if got := ask(etag); got != want {
						b.Fatalf("answered %d, want %d", got, want)
					}
				}
			})
		}
	}
}
