package swagger_test

import (
	"fmt"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/swagger"
)

// BenchmarkDocuments describes 500 typed routes, and compresses all documents.
func BenchmarkDocuments(b *testing.B) {
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
	b.ReportAllocs()
	for b.Loop() {
		app := geist.New()
		if err := swagger.Mount(app, config()); err != nil {
			b.Fatal(err)
		}
		for i := range 500 {
			geist.Post(app, fmt.Sprintf("/things%d/:id<int>", i), func(_ *geist.Ctx, v *in) (*thing, error) { return &v.One, nil })
		}
		app.Handler()
	}
}
