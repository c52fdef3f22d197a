package measure

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Markdown writes the series as a table. base names the row that others are
// divided by, unless some name their own; diff adds a column with the difference.
// Rows stand in the order of their medians, or in their own order if keep is set.
func Markdown(w io.Writer, all []Series, base string, diff, keep bool) {
	byName := map[string]Series{}
	own := false
	for _, s := range all {
		byName[s.Name] = s
		own = own || s.Base != ""
	}
	if !keep {
		all = slices.SortedStableFunc(slices.Values(all), func(a, b Series) int {
			return cmp.Compare(a.Ns().Median, b.Ns().Median)
		})
	}
	ratio := "ratio to " + base
	if own {
		base, ratio = "", "ratio to its base"
	}
	head := []string{"contender", "ns/op", "allocs/op", "B/op", ratio, "95 %"}
	if diff {
		head = append(head, "difference, ns", "95 %")
	}
	row(w, head)
	row(w, append([]string{"---"}, slices.Repeat([]string{"--:"}, len(head)-1)...))
	for _, s := range all {
		cells := []string{s.Name, number(s.Ns().Median), fmt.Sprintf("%.2f", s.Allocs()), fmt.Sprintf("%.0f", s.Bytes())}
		b, ok := byName[cmp.Or(s.Base, base)]
		switch {
		case !ok || b.Name == s.Name:
			cells = append(cells, "1", "")
		default:
			r := s.Ratio(b)
			cells = append(cells, fmt.Sprintf("%.3f", r.Median), fmt.Sprintf("%.3f–%.3f", r.Low, r.High))
		}
		if diff && ok && b.Name != s.Name {
			d := s.Diff(b)
			cells = append(cells, number(d.Median), number(d.Low)+"–"+number(d.High))
		} else if diff {
			cells = append(cells, "", "")
		}
		row(w, cells)
	}
}

func row(w io.Writer, cells []string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }

func number(x float64) string {
	if x < 100 {
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.0f", x)
}
