package geist_test

import (
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

type (
	optNode struct {
		Next geist.Opt[*optNode] `json:"next"`
		Pad  string              `json:"pad"`
	}
	oneNode struct {
		Kind string                     `json:"kind"`
		Next geist.OneOf[any, oneNodes] `json:"next"`
		Pad  string                     `json:"pad"`
	}
	oneNodes struct{}
)

func (oneNodes) Variants() (string, map[string]any) {
	return "kind", map[string]any{"node": oneNode{}}
}

// A type that holds itself in an Opt or a OneOf is read anew at each level, so
// that the length and the depth of a document of it are bounded together.
func TestBind_longAndDeepInWhatIsReadAnew(t *testing.T) {
	app := geist.New()
	geist.Post(app, "/opt", func(*geist.Ctx, *optNode) (geist.None, error) { return geist.None{}, nil })
	geist.Post(app, "/one", func(*geist.Ctx, *oneNode) (geist.None, error) { return geist.None{}, nil })
	geist.Post(app, "/top", func(*geist.Ctx, *geist.OneOf[any, oneNodes]) (geist.None, error) { return geist.None{}, nil })
	geist.Post(app, "/flat", func(*geist.Ctx, *struct {
		Any geist.Opt[any] `json:"next"`
	}) (geist.None, error) {
		return geist.None{}, nil
	})
	c := geisttest.New(t, app)
	document := func(levels, size int) string {
		const open = `{"kind":"node","next":`
		return strings.Repeat(open, levels) + `{"kind":"node","pad":"` + strings.Repeat("x", size) + `"}` + strings.Repeat("}", levels)
	}
	for _, tt := range []struct {
		path         string
		levels, size int
		status       int
	}{
		{"/opt", 400, 3 << 20, 400},
		{"/one", 400, 3 << 20, 400},
		{"/top", 400, 3 << 20, 400},
		{"/opt", 400, 1 << 10, 204},
		{"/one", 400, 1 << 10, 204},
		{"/top", 3, 3 << 20, 204},
		{"/flat", 400, 1 << 20, 204},
	} {
		r := c.POST(tt.path).Header("Content-Type", "application/json").BodyString(document(tt.levels, tt.size)).Do()
		if r.StatusCode != tt.status {
			t.Errorf("%s: %d levels with %d bytes: status = %d, want %d: %.200s", tt.path, tt.levels, tt.size, r.StatusCode, tt.status, r.Text())
		}
	}
}
