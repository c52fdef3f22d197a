package realtime

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gogeist/geist/bench/internal/measure"
)

func exampleTable() *Table {
	rows := []*Row{
		{Name: "slow", Samples: map[string][]float64{"cpu": {10, 20, 40, 10, 20, 40}, "rate": {1, 2, 3, 4, 5, 6}}},
		{Name: "geist", Samples: map[string][]float64{"cpu": {1, 2, 4, 1, 2, 4}, "rate": {6, 5, 4, 3, 2, 1}}, Remark: "ours"},
		{Name: "floor", Samples: map[string][]float64{"cpu": {0.5, 1, 2, 0.5, 1, 2}}},
	}
	return &Table{
		Scene: "ws/x", Title: "title", Rows: rows, Bases: []string{"nobody", "slow", "floor"},
		Metrics: []Metric{{Key: "cpu", Head: "CPU", Digits: 1, Ratio: true}, {Key: "rate", Head: "rate"}},
		Absent:  []string{"x: why", "y: why not"},
	}
}

// Ratios are formed within a round: noise that both sides share disappears.
func TestRatio_withinRounds(t *testing.T) {
	tab := exampleTable()
	if got, want := ratio("cpu", tab.Rows[1], tab.Rows[0]), (measure.Estimate{Median: 0.1, Low: 0.1, High: 0.1}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	zero := &Row{Samples: map[string][]float64{"cpu": {0, 2, 0}}}
	if got := ratio("cpu", tab.Rows[0], zero).Median; got != 10 {
		t.Errorf("beside zeros: got %v, want 10", got)
	}
}

func TestTable_markdown(t *testing.T) {
	var sb strings.Builder
	exampleTable().Markdown(&sb)
	want := `| server | CPU | 95 % | ratio to slow | 95 % | rate | 95 % |
| --- | --: | --: | --: | --: | --: | --: |
| floor | 1.0 | 0.5–2.0 | 0.050 | 0.050–0.050 | – |  |
| geist | 2.0 | 1.0–4.0 | 0.100 | 0.100–0.100 | 4 | 1–6 |
| slow | 20.0 | 10.0–40.0 | 1 |  | 4 | 1–6 |

- geist ÷ slow, CPU: 0.100 (0.100–0.100)
- geist ÷ floor, CPU: 2.000 (2.000–2.000)

geist: ours.

Absent: x: why; y: why not.
`
	if sb.String() != want {
		t.Errorf("got\n%s\nwant\n%s", sb.String(), want)
	}
}

func TestTable_ownBases(t *testing.T) {
	tab := exampleTable()
	tab.Rows[0].Base, tab.Rows[1].Base = "floor", "floor"
	var sb strings.Builder
	tab.Markdown(&sb)
	for _, want := range []string{"ratio to its base", "| geist | 2.0 | 1.0–4.0 | 2.000 |", "| slow | 20.0 | 10.0–40.0 | 20.000 |"} {
		if !strings.Contains(sb.String(), want) {
			t.Errorf("no %q in\n%s", want, sb.String())
		}
	}
}

func TestTable_json(t *testing.T) {
	b, err := json.Marshal(exampleTable())
	if err != nil {
		t.Fatal(err)
	}
	var got jsonTable
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	cpu := got.Rows[1].Metrics["cpu"]
	if got.Scene != "ws/x" || len(got.Rows) != 3 || got.Rows[1].Server != "geist" || cpu.Median != 2 ||
		cpu.Ratios["slow"].Median != 0.1 || cpu.Ratios["floor"].Median != 2 || len(cpu.Samples) != 6 {
		t.Errorf("got %s", b)
	}
}
