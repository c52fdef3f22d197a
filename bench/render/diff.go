package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/gogeist/geist/bench/result"
)

// Difference writes what differs between two runs as Markdown. Rows without a change are
// left out unless all is set.
func Difference(w io.Writer, d result.Difference, all bool) {
	same := 0
	var rows [][]string
	for _, c := range d.Changes {
		if c.Kind == result.Same {
			same++
			if !all {
				continue
			}
		}
		of := c.Metric.Name
		if c.Base != "" {
			of += " ÷ " + c.Base
		}
		rows = append(rows, []string{c.Scene, c.Contender, of, figure(c.Old), figure(c.New),
			Ratio(c.Ratio.Median), RatioInterval(c.Ratio), string(c.Kind)})
	}
	if len(rows) > 0 {
		line(w, []string{"scene", "contender", "figure", "old", "new", "new ÷ old", "95 %", ""})
		line(w, []string{"---", "---", "---", "--:", "--:", "--:", "--:", "---"})
		for _, r := range rows {
			line(w, r)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%d rows compared, %d with no change (the intervals overlap).\n", len(d.Changes), same)
	for _, only := range []struct {
		where string
		rows  []string
	}{{"old", d.OnlyOld}, {"new", d.OnlyNew}} {
		if len(only.rows) > 0 {
			fmt.Fprintf(w, "\nOnly in the %s run: %s.\n", only.where, strings.Join(only.rows, "; "))
		}
	}
}

func figure(e result.Estimate) string {
	return fmt.Sprintf("%s (%s)", Ratio(e.Median), RatioInterval(e))
}
