//go:build !race

package geist

import (
	"strings"
	"testing"

	"github.com/gogeist/geist/internal/routetables"
)

func TestRadix_allocatesNothing(t *testing.T) {
	var few strings.Builder
	for i := range 16 {
		few.WriteString("/:p" + string(rune('a'+i)))
	}
	for _, tt := range []struct{ routes, path string }{
		{"/users/new /users/:id", "/users/newer"},
		{"/users/:id<int> /users/:id", "/users/alice"},
		{"/:d<date> /:u<uuid> /:a<alpha> /:m<max(3)> /:r<regex([0-9a-z]+)>", "/abc123"},
		{"/:e<even>", "/ab"},
		{"/files/:name.:ext", "/files/a.b.c"},
		{"/v:major<int>.:minor<int>/x", "/v1.20/x"},
		{"/:a<int>-:b<int>-:c<int>-:d<int>-:e<int>-:f<int>-:g<int>-:h<int>-:i<int>-:j<int>", "/1-2-3-4-5-6-7-8-9-10"},
		{"/static/*path", "/static/a/b"},
		{"/:a<min(1)>/:x /:b<max(9)>/a", "/5/b"},
		{few.String(), strings.ReplaceAll(few.String(), ":", "")},
		{"/a", "/b"},
	} {
		tr := newTestTree(t, false, strings.Fields(tt.routes)...)
		var cs captures
		if n := testing.AllocsPerRun(100, func() { tr.find(tt.path, tt.path, &cs) }); n != 0 {
			t.Errorf("%s among %s: %v allocations", tt.path, tt.routes, n)
		}
	}
	reqs := benchTable(t, routetables.GitHub)
	var cs captures
	if n := testing.AllocsPerRun(10, func() {
		for i := range reqs {
			readParams(&reqs[i], &cs)
		}
	}); n != 0 {
		t.Errorf("GitHub table: %v allocations", n)
	}
}
