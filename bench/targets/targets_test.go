package targets

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gogeist/geist/bench/result"
)

// scene returns a scene whose rows have the same figure in every round.
func scene(name, key string, rows map[string]float64) *result.Scene {
	s := &result.Scene{Name: name, Metrics: []result.Metric{{Key: key}, {Key: "allocs"}, {Key: "strings"}}}
	for row, x := range rows {
		c := &result.Contender{Name: row, Peer: row}
		if peer, variant, ok := cut(row); ok {
			c.Peer, c.Variant = peer, variant
		}
		for range 6 {
			c.Add(key, x)
		}
		s.Contenders = append(s.Contenders, c)
	}
	s.Summarise()
	return s
}

func cut(row string) (peer, variant string, ok bool) {
	for i := range row {
		if row[i] == ',' {
			return row[:i], row[i+2:], true
		}
	}
	return row, "", false
}

// outcome judges the first target of a name.
func outcome(t *testing.T, r *result.Run, group, name string) result.Outcome {
	t.Helper()
	all := All()
	i := slices.IndexFunc(all, func(x result.Target) bool { return x.Group == group && x.Name == name })
	if i < 0 {
		t.Fatalf("no target %s: %s", group, name)
	}
	return all[i].Judge(r)
}

func TestAll_figures(t *testing.T) {
	r := &result.Run{Scenes: []*result.Scene{
		scene("router/github", "ns", map[string]float64{"geist": 60, "geist, router alone": 40, "gin": 50, "echo": 80, "gin, other": 1}),
		scene("ws/hold", "rss", map[string]float64{"geist, 1000": 9, "geist, 15000": 4.5, "geist (Follow), 15000": 4.2}),
		scene("ws/fanout/1000x16", "cpu", map[string]float64{"geist": 1, "melody": 20, "centrifuge": 8, "centrifuge (write delay)": 2}),
		scene("sse/hold", "rss", map[string]float64{"geist (stream), 100": 1}),
		scene("pipeline/memory", "ns", map[string]float64{"geist": 110, "fasthttp": 100}),
		scene("gone", "ms", map[string]float64{"geist, late (10–40 ms)": 3}),
	}}
	for _, tt := range []struct {
		group, name string
		want        float64
		verdict     result.Verdict
	}{
		{"router", "github: router alone ÷ whole handler of the fastest peer", 0.8, result.Met},
		{"idle WebSocket", "RSS, handler reads", 4.5, result.Met},
		{"idle WebSocket", "RSS, followed", 4.2, result.Missed},
		{"fan-out, bursts of 16 to 1,000 subscribers", "server CPU a delivery ÷ melody", 0.05, result.Met},
		{"fan-out, bursts of 16 to 1,000 subscribers", "server CPU a delivery ÷ centrifuge at its fastest", 0.5, result.Met},
		{"pipelined by 16", "in memory, requests/s ÷ raw fasthttp", 1 / 1.1, result.Missed},
		{"client gone → context ends", "client leaves late", 3, result.Met},
		{"client gone → context ends", "client leaves early", 0, result.NotMeasured},
		{"followed SSE stream", "RSS", 0, result.NotMeasured}, // of 100 clients
		{"one stalled client in 1,000", "no flusher ever blocks; what the others feel is in ws/stalled", 0, result.Tested},
		{"growth of the table", "last of 1,000 routes ÷ last of 10", 0, result.NotMeasured},
	} {
		o := outcome(t, r, tt.group, tt.name)
		if o.Verdict != tt.verdict || math.Abs(o.Figure.Median-tt.want) > 1e-9 || o.Judged() != (o.Why == "") {
			t.Errorf("%s, %s: %v %s %q, want %v %s", tt.group, tt.name, o.Figure.Median, o.Verdict, o.Why, tt.want, tt.verdict)
		}
	}
}

// Strings that a handler reads pay for some allocations.
func TestAll_allocations(t *testing.T) {
	for _, tt := range []struct {
		allocs float64
		want   result.Verdict
	}{{0.02, result.Met}, {0.03, result.Missed}} {
		s := scene("router/gplus", "ns", map[string]float64{"geist": 1})
		for range 6 {
			s.Contenders[0].Add("allocs", tt.allocs)
			s.Contenders[0].Add("strings", 2048*0.015)
		}
		s.Summarise()
		o := outcome(t, &result.Run{Scenes: []*result.Scene{s}}, "router", "gplus: allocations a request above strings read ÷ 2 KiB")
		if o.Verdict != tt.want {
			t.Errorf("%v allocations: %s, want %s", tt.allocs, o.Verdict, tt.want)
		}
	}
}

// A run without scenes measures nothing, and says so of every target that no test holds.
func TestAll_empty(t *testing.T) {
	for _, target := range All() {
		if o := target.Judge(&result.Run{}); o.Judged() || o.Why == "" || (o.Verdict == result.Tested) != (len(target.Tests) > 0) {
			t.Errorf("%s, %s: %s %q", target.Group, target.Name, o.Verdict, o.Why)
		}
	}
}

// Each row of the design's table has its bounds, in its order; "allocates nothing", "nothing
// paid" and "no flusher ever blocks" are held by tests.
func TestAll_everyRow(t *testing.T) {
	type row struct {
		group          string
		bounds, tested int
	}
	want := []row{
		{"server cycle in memory", 2, 0},
		{"router", 8, 1},
		{"growth of the table", 2, 0},
		{"misses at 1,000 routes", 2, 0},
		{"binding", 1, 0},
		{"typed POST", 2, 0},
		{"ten middlewares", 2, 0},
		{"loopback hello-world", 1, 0},
		{"loopback API mix", 2, 0},
		{"pipelined by 16", 2, 0},
		{"client gone → context ends", 2, 1},
		{"idle WebSocket", 2, 0},
		{"followed SSE stream", 2, 0},
		{"fan-out, bursts of 16 to 1,000 subscribers", 2, 0},
		{"fan-out, one at a time", 1, 0},
		{"one stalled client in 1,000", 0, 1},
		{"publish beside other rooms", 1, 0},
	}
	var got []row
	for _, target := range All() {
		if n := len(got); n == 0 || got[n-1].group != target.Group {
			got = append(got, row{group: target.Group})
		}
		if r := &got[len(got)-1]; len(target.Tests) > 0 {
			r.tested++
		} else {
			r.bounds++
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// What targets name is there: tests of geist, and records of the design.
func TestAll_testsAndRecords(t *testing.T) {
	const root = "../.."
	text := tests(t, root)
	for _, target := range All() {
		for _, name := range target.Tests {
			if !strings.Contains(text, "\nfunc "+name+"(t *testing.T)") {
				t.Errorf("%s, %s: there is no %s", target.Group, target.Name, name)
			}
		}
		if _, err := os.Stat(filepath.Join(root, "docs", "design", target.Record)); err != nil || target.Record == "" {
			t.Errorf("%s, %s: record %q: %v", target.Group, target.Name, target.Record, err)
		}
	}
}

// tests returns the text of all tests of the module of geist.
func tests(t *testing.T, root string) string {
	t.Helper()
	var sb strings.Builder
	for _, pattern := range []string{"*_test.go", "*/*_test.go", "*/*/*_test.go"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			sb.Write(b)
		}
	}
	return sb.String()
}
