package geist

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gogeist/geist/internal/routetables"
)

// benchRequest is one path for one tree.
type benchRequest struct {
	tree *tree
	path string
}

// benchTable builds a tree for each method of a table and returns a request for each route: its
// pattern with values in place of the parameters.
func benchTable(tb testing.TB, table string) []benchRequest {
	tb.Helper()
	trees := map[string]*testTree{}
	var reqs []benchRequest
	for line := range strings.Lines(strings.TrimSpace(table)) {
		method, src, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || method == "#" {
			continue
		}
		if trees[method] == nil {
			trees[method] = emptyTestTree(false)
		}
		if with := trees[method].register(tb, src); with != nil {
			tb.Fatalf("%s conflicts with %s", line, with)
		}
		reqs = append(reqs, benchRequest{trees[method].tree, strings.ReplaceAll(src, ":", "")})
	}
	for _, t := range trees {
		t.freeze()
	}
	return reqs
}

// readParams is a lookup and a look at every parameter.
func readParams(r *benchRequest, cs *captures) (total int) {
	if r.tree.find(r.path, r.path, cs) == nil {
		return -1
	}
	for i := range cs.n {
		s := cs.at(i)
		total += len(r.path[s.off : int(s.off)+int(s.len)])
	}
	return total
}

// BenchmarkRadix_tables looks up every route of a table and reads its parameters; ns/route is the
// figure to compare.
func BenchmarkRadix_tables(b *testing.B) {
	for _, bb := range []struct{ name, table string }{
		{"github", routetables.GitHub}, {"parse", routetables.Parse}, {"gplus", routetables.GPlus}, {"static", routetables.Static},
	} {
		b.Run(bb.name, func(b *testing.B) {
			reqs := benchTable(b, bb.table)
			var cs captures
			b.ReportAllocs()
			for b.Loop() {
				for i := range reqs {
					if readParams(&reqs[i], &cs) < 0 {
						b.Fatal(reqs[i].path)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(reqs)), "ns/route")
		})
	}
}

// BenchmarkRadix_github looks up single routes of the GitHub table.
func BenchmarkRadix_github(b *testing.B) {
	trees := benchTable(b, routetables.GitHub)
	for _, path := range []string{"/user/repos", "/repos/gogeist/geist", "/repos/gogeist/geist/stargazers", "/repos/gogeist/geist/issues/42/comments", "/repos/gogeist/geist/nothing/here"} {
		b.Run(path, func(b *testing.B) {
			req := benchRequest{trees[0].tree, path}
			var cs captures
			b.ReportAllocs()
			for b.Loop() {
				readParams(&req, &cs)
			}
		})
	}
}

// BenchmarkRadix_growth looks up the last of n routes, and a path that none matches.
func BenchmarkRadix_growth(b *testing.B) {
	for _, n := range []int{10, 1_000, 10_000} {
		t := emptyTestTree(false)
		for i := range n {
			t.register(b, fmt.Sprintf("/api/v1/r%d/:id", i))
		}
		t.freeze()
		for _, bb := range []struct{ name, path string }{
			{"last", fmt.Sprintf("/api/v1/r%d/42", n-1)},
			{"miss", fmt.Sprintf("/api/v1/r%d/42/x", n-1)},
		} {
			b.Run(fmt.Sprintf("%s/%d", bb.name, n), func(b *testing.B) {
				req := benchRequest{t.tree, bb.path}
				var cs captures
				b.ReportAllocs()
				for b.Loop() {
					readParams(&req, &cs)
				}
			})
		}
	}
}

// BenchmarkRadix_kinds looks up one path through each kind of segment.
func BenchmarkRadix_kinds(b *testing.B) {
	for _, bb := range []struct{ name, routes, path string }{
		{"static beside param", "/users/new /users/:id", "/users/new"},
		{"param beside static", "/users/new /users/:id", "/users/newer"},
		{"int", "/users/:id<int> /users/:id", "/users/12345"},
		{"past int", "/users/:id<int> /users/:id", "/users/alice"},
		{"text", "/files/:name.:ext", "/files/report.pdf"},
		{"text with int", "/v:major<int>.:minor<int>/x", "/v1.20/x"},
		{"regex", "/p/:slug<regex([a-z-]+)>", "/p/hello-world"},
		{"wildcard", "/static/*path", "/static/css/site.css"},
		{"contested", "/:a<min(1)>/:x /:b<max(9)>/a", "/5/b"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			req := benchRequest{newTestTree(b, false, strings.Fields(bb.routes)...).tree, bb.path}
			var cs captures
			b.ReportAllocs()
			for b.Loop() {
				if readParams(&req, &cs) < 0 {
					b.Fatal(bb.path)
				}
			}
		})
	}
}
