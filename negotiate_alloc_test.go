//go:build !race

package geist

import (
	"fmt"
	"testing"
)

// TestNegotiate_allocates holds that choosing is free, and answering where the codec is.
func TestNegotiate_allocates(t *testing.T) {
	app := New(Config{Codecs: map[string]Codec{"text/csv": GoJSON()}})
	type point struct{ X, Y int }
	p, s := any(&point{1, 2}), any("text")
	for _, tt := range []struct {
		accept string
		v      any
	}{
		{"", p},
		{"*/*", p},
		{"application/json", p},
		{"application/json, text/plain, */*", p},
		{"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", p},
		{"application/xml;q=0.5, application/json; charset=utf-8", p},
		{"text/csv", p},
		{"text/plain", s},
		{"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", s},
	} {
		c := newCtx(app)
		c.rc = request("GET", "/")
		if tt.accept != "" {
			c.rc.Request.Header.Set("Accept", tt.accept)
		}
		if n := testing.AllocsPerRun(1000, func() {
			c.rc.Response.Reset()
			if err := c.Negotiate(200, tt.v); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("Accept %q: allocs = %v, want 0", tt.accept, n)
		}
	}
}

// BenchmarkNegotiate is what the choice costs beside c.JSON.
func BenchmarkNegotiate(b *testing.B) {
	app := New()
	v := &struct{ X, Y int }{1, 2}
	for i, accept := range []string{"", "*/*", "application/json, text/plain, */*",
		"text/html,application/xhtml+xml,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"} {
		b.Run(fmt.Sprint(i), func(b *testing.B) {
			c := newCtx(app)
			c.rc = request("GET", "/")
			if accept != "" {
				c.rc.Request.Header.Set("Accept", accept)
			}
			b.ReportAllocs()
			for b.Loop() {
				c.rc.Response.Reset()
				if err := c.Negotiate(200, v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("JSON", func(b *testing.B) {
		c := newCtx(app)
		c.rc = request("GET", "/")
		b.ReportAllocs()
		for b.Loop() {
			c.rc.Response.Reset()
			if err := c.JSON(200, v); err != nil {
				b.Fatal(err)
			}
		}
	})
}
