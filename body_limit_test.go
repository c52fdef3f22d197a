package geist_test

import (
	"io"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// TestCtx_LimitBody: it lowers and never raises, before and after the body has been read. More
// is tried in package middleware/bodylimit.
func TestCtx_LimitBody(t *testing.T) {
	for _, tt := range []struct {
		name   string
		limits []int64
		read   bool // between the limits
		body   int
		want   int
	}{
		{"fits", []int64{10}, false, 10, 200}, {"too long", []int64{10}, false, 11, 413},
		{"none", []int64{-1}, false, 1, 413}, {"nothing to refuse", []int64{0}, false, 0, 200},
		{"lowered", []int64{100, 10}, false, 11, 413}, {"not raised", []int64{10, 100}, false, 11, 413},
		{"lowered when it is read", []int64{100, 10}, true, 11, 413}, {"fits when it is read", []int64{100, 11}, true, 11, 200},
	} {
		for _, path := range []string{"/kept", "/streamed"} {
			for _, chunked := range []bool{false, true} {
				app := quiet(geist.Config{})
				app.Use(func(c *geist.Ctx) error {
					for i, n := range tt.limits {
						if i > 0 && tt.read {
							_ = c.Body()
						}
						if err := c.LimitBody(n); err != nil {
							return err
						}
					}
					return c.Next()
				})
				length := func(c *geist.Ctx) error {
					n, err := io.Copy(io.Discard, c.BodyReader())
					if err != nil {
						return err
					}
					return c.JSON(200, n)
				}
				app.POST("/kept", length)
				app.POST("/streamed", length).Doc(geist.StreamBody())
				var body io.Reader = strings.NewReader(strings.Repeat("b", tt.body))
				if chunked {
					body = struct{ io.Reader }{body}
				}
				if got := geisttest.New(t, app).POST(path).BodyReader(body).Do().Raw().StatusCode; got != tt.want {
					t.Errorf("%s, %s, chunked %v: %d, want %d", tt.name, path, chunked, got, tt.want)
				}
			}
		}
	}
}
