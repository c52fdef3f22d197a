package realtime

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gogeist/geist/bench/internal/measure"
)

// A Metric is one column.
type Metric struct {
	// Key names it in JSON, Head in text, with its unit.
	Key, Head string
	// Digits is the number of digits behind the point.
	Digits int
	// Ratio asks for ratios of it in text. JSON has them for every metric.
	Ratio bool
}

// A Row is what one server has been measured to do.
type Row struct {
	// Name is the server's.
	Name string
	// Base is the row that this one is divided by; empty means the table's.
	Base string
	// Samples has one value a round, by the metric's key. All rows of a table have
	// their rounds in common.
	Samples map[string][]float64
	// Remark is printed below the table.
	Remark string
}

func (r *Row) add(key string, v float64) {
	if r.Samples == nil {
		r.Samples = map[string][]float64{}
	}
	r.Samples[key] = append(r.Samples[key], v)
}

// A Table is the outcome of a scene.
type Table struct {
	// Scene and Title say what was measured.
	Scene, Title string
	// Metrics are the columns. Rows are sorted by the first in text.
	Metrics []Metric
	// Bases are the rows that others are divided by: the first that takes part is the
	// column's; every row of geist is divided by each of them below the table.
	Bases []string
	// Rows are the servers.
	Rows []*Row
	// Absent says who does not take part, and why.
	Absent []string
}

// ratio estimates a metric of row over that of base, from the ratios within each round.
func ratio(key string, row, base *Row) measure.Estimate {
	xs, ys := row.Samples[key], base.Samples[key]
	var rs []float64
	for i := range min(len(xs), len(ys)) {
		if ys[i] != 0 {
			rs = append(rs, xs[i]/ys[i])
		}
	}
	return measure.Median(rs)
}

func (t *Table) row(name string) *Row {
	for _, r := range t.Rows {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// base returns the row that r is divided by; nil if there is none.
func (t *Table) base(r *Row) *Row {
	if r.Base != "" {
		return t.row(r.Base)
	}
	for _, name := range t.Bases {
		if b := t.row(name); b != nil {
			return b
		}
	}
	return nil
}

// Markdown writes the table as text.
func (t *Table) Markdown(w io.Writer) {
	head := []string{"server"}
	for _, m := range t.Metrics {
		head = append(head, m.Head, "95 %")
		if m.Ratio {
			head = append(head, "ratio to "+t.baseName(), "95 %")
		}
	}
	line(w, head)
	line(w, append([]string{"---"}, slices.Repeat([]string{"--:"}, len(head)-1)...))
	for _, r := range t.sorted() {
		line(w, t.cells(r))
	}
	t.versus(w)
	for _, r := range t.Rows {
		if r.Remark != "" {
			fmt.Fprintf(w, "\n%s: %s.\n", r.Name, r.Remark)
		}
	}
	if len(t.Absent) > 0 {
		fmt.Fprintf(w, "\nAbsent: %s.\n", strings.Join(t.Absent, "; "))
	}
}

func (t *Table) baseName() string {
	for _, r := range t.Rows {
		if r.Base != "" {
			return "its base"
		}
	}
	if b := t.base(&Row{}); b != nil {
		return b.Name
	}
	return "nobody"
}

func (t *Table) sorted() []*Row {
	key := t.Metrics[0].Key
	return slices.SortedStableFunc(slices.Values(t.Rows), func(a, b *Row) int {
		return cmp.Compare(measure.Median(a.Samples[key]).Median, measure.Median(b.Samples[key]).Median)
	})
}

func (t *Table) cells(r *Row) []string {
	cells := []string{r.Name}
	for _, m := range t.Metrics {
		cells = append(cells, pair(measure.Median(r.Samples[m.Key]), len(r.Samples[m.Key]), m.Digits)...)
		if !m.Ratio {
			continue
		}
		switch base := t.base(r); base {
		case nil:
			cells = append(cells, "", "")
		case r:
			cells = append(cells, "1", "")
		default:
			cells = append(cells, pair(ratio(m.Key, r, base), len(r.Samples[m.Key]), 3)...)
		}
	}
	return cells
}

func pair(e measure.Estimate, n, digits int) []string {
	if n == 0 {
		return []string{"–", ""}
	}
	return []string{fmt.Sprintf("%.*f", digits, e.Median), fmt.Sprintf("%.*f–%.*f", digits, e.Low, digits, e.High)}
}

// versus writes a line for each row of geist and each base.
func (t *Table) versus(w io.Writer) {
	first := true
	for _, r := range t.Rows {
		if !strings.HasPrefix(r.Name, "geist") || r.Base != "" {
			continue
		}
		for _, name := range t.Bases {
			base := t.row(name)
			if base == nil || base == r {
				continue
			}
			for _, m := range t.Metrics {
				if m.Ratio {
					if first {
						fmt.Fprintln(w)
						first = false
					}
					e := ratio(m.Key, r, base)
					fmt.Fprintf(w, "- %s ÷ %s, %s: %.3f (%.3f–%.3f)\n", r.Name, name, m.Head, e.Median, e.Low, e.High)
				}
			}
		}
	}
}

func line(w io.Writer, cells []string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }

// jsonTable is a table in JSON: medians, intervals and every sample.
type jsonTable struct {
	Scene  string    `json:"scene"`
	Title  string    `json:"title"`
	Rows   []jsonRow `json:"rows"`
	Absent []string  `json:"absent,omitempty"`
}

type jsonRow struct {
	Server  string                `json:"server"`
	Remark  string                `json:"remark,omitempty"`
	Metrics map[string]jsonMetric `json:"metrics"`
}

type jsonMetric struct {
	Head    string           `json:"unit"`
	Median  float64          `json:"median"`
	Low     float64          `json:"low95"`
	High    float64          `json:"high95"`
	Samples []float64        `json:"samples"`
	Ratios  map[string]jsonE `json:"ratios,omitempty"` // by the base's name
}

type jsonE struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low95"`
	High   float64 `json:"high95"`
}

// MarshalJSON writes medians, 95 % intervals and samples, and ratios to every base.
func (t *Table) MarshalJSON() ([]byte, error) {
	out := jsonTable{Scene: t.Scene, Title: t.Title, Absent: t.Absent}
	for _, r := range t.Rows {
		jr := jsonRow{Server: r.Name, Remark: r.Remark, Metrics: map[string]jsonMetric{}}
		for _, m := range t.Metrics {
			e := measure.Median(r.Samples[m.Key])
			jm := jsonMetric{Head: m.Head, Median: e.Median, Low: e.Low, High: e.High, Samples: r.Samples[m.Key], Ratios: map[string]jsonE{}}
			bases := t.Bases
			if r.Base != "" {
				bases = []string{r.Base}
			}
			for _, name := range bases {
				if b := t.row(name); b != nil && b != r {
					e := ratio(m.Key, r, b)
					jm.Ratios[name] = jsonE(e)
				}
			}
			jr.Metrics[m.Key] = jm
		}
		out.Rows = append(out.Rows, jr)
	}
	return json.Marshal(out)
}
