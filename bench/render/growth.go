package render

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/gogeist/geist/bench/result"
)

// growth writes how costs grow, as Markdown. Without scenes that measure it there is nothing.
func growth(w io.Writer, r *result.Run) {
	lines := growthLines(r)
	if lines == nil {
		return
	}
	fmt.Fprintf(w, "## Growth\n\nCost grows as N to this power: 0 does not grow, 1 grows in proportion. Fitted in each round through the logarithms of cost and N.\n\n")
	line(w, lines[0])
	line(w, []string{"---", "--:", "---", "---", "---"})
	for _, l := range lines[1:] {
		line(w, l)
	}
	fmt.Fprintln(w)
}

// growthLines is a table with its head, one line a scene: geist, and the rivals whose costs
// grow least and most.
func growthLines(r *result.Run) [][]string {
	var out [][]string
	for _, s := range r.Scenes {
		var ours, theirs []result.Growth
		for _, g := range s.Growths() {
			switch {
			case g.Row.Ours():
				ours = append(ours, g)
			case !g.Row.Floor:
				theirs = append(theirs, g)
			}
		}
		if len(ours) == 0 {
			continue
		}
		g := ours[0]
		cells := []string{s.Name, Number(float64(g.From), 0) + "–" + Number(float64(g.To), 0), exponent(g.Exponent), "–", "–"}
		if len(theirs) > 0 {
			slices.SortStableFunc(theirs, func(a, b result.Growth) int { return cmp.Compare(a.Exponent.Median, b.Exponent.Median) })
			for i, t := range []result.Growth{theirs[0], theirs[len(theirs)-1]} {
				cells[3+i] = t.Name + " " + exponent(t.Exponent)
			}
		}
		out = append(out, cells)
	}
	if out == nil {
		return nil
	}
	return append([][]string{{"scene", "N", "geist", "least of the rivals", "most"}}, out...)
}

func exponent(e result.Estimate) string {
	return fmt.Sprintf("%s (%s)", Number(e.Median, 3), Interval(e, 3))
}
