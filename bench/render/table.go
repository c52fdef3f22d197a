package render

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gogeist/geist/bench/result"
)

// Table writes a scene as Markdown: its title, a row for each contender, and who is
// missing.
func Table(w io.Writer, s *result.Scene) {
	fmt.Fprintf(w, "\n### %s\n\n%s.\n", s.Name, s.Title)
	if s.NotMeasured != "" {
		fmt.Fprintf(w, "\n**Not measured**: %s.\n", s.NotMeasured)
		return
	}
	if len(s.Contenders) > 0 {
		fmt.Fprintln(w)
		for _, l := range grid(s) {
			line(w, l)
		}
	}
	for _, n := range remarks(s) {
		fmt.Fprintf(w, "\n%s.\n", n)
	}
	for _, f := range s.Failures {
		fmt.Fprintf(w, "\n**Failed: %s**: %s.\n", f.Peer, oneLine(f.What))
	}
	if len(s.Absent) > 0 {
		fmt.Fprintf(w, "\nAbsent: %s.\n", absences(s.Absent))
	}
	for _, n := range s.Notes {
		fmt.Fprintf(w, "\n%s.\n", n)
	}
	if s.Command != "" {
		fmt.Fprintf(w, "\n`%s`\n", s.Command)
	}
}

// remarks returns what is special about each peer, once.
func remarks(s *result.Scene) []string {
	var out []string
	for _, c := range s.Contenders {
		if r := c.Peer + ": " + c.Note; c.Note != "" && !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	return out
}

func absences(as []result.Absence) string {
	words := make([]string, len(as))
	for i, a := range as {
		words[i] = a.Peer + ": " + a.Reason
	}
	return strings.Join(words, "; ")
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func line(w io.Writer, cells []string) {
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(c, "|", `\|`)
	}
	fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
}

// grid returns the lines of a table with its head.
func grid(s *result.Scene) [][]string {
	head := []string{"contender"}
	for _, m := range s.Metrics {
		head = append(head, m.Head(), "95 %")
		if m.Ratio {
			head = append(head, "ratio to "+baseName(s), "95 %")
		}
		if m.Diff {
			head = append(head, "difference", "95 %")
		}
	}
	out := [][]string{head, append([]string{"---"}, slices.Repeat([]string{"--:"}, len(head)-1)...)}
	for _, c := range sorted(s) {
		cells := []string{c.Name}
		for _, m := range s.Metrics {
			cells = append(cells, metricCells(c.Values[m.Key], m, isBase(s, c))...)
		}
		out = append(out, cells)
	}
	return out
}

func metricCells(v *result.Value, m result.Metric, base bool) []string {
	if v == nil {
		v = &result.Value{}
	}
	cells := []string{"–", ""}
	if len(v.Samples) > 0 {
		cells = []string{Number(v.Median, m.Digits), Interval(v.Estimate, m.Digits)}
	}
	if m.Ratio {
		switch {
		case v.Ratio != nil:
			cells = append(cells, Ratio(v.Ratio.Median), RatioInterval(*v.Ratio))
		case base && len(v.Samples) > 0:
			cells = append(cells, "1", "")
		default:
			cells = append(cells, "", "")
		}
	}
	if m.Diff {
		if v.Diff != nil {
			cells = append(cells, Number(v.Diff.Median, m.Digits), Interval(*v.Diff, m.Digits))
		} else {
			cells = append(cells, "", "")
		}
	}
	return cells
}

// isBase reports whether a row is what it would be divided by.
func isBase(s *result.Scene, c *result.Contender) bool {
	if c.Base != "" {
		return c.Base == c.Name
	}
	b := s.BaseOf(c)
	return b == nil || b == c
}

// baseName is what ratios are to: one row for all, or each row's own.
func baseName(s *result.Scene) string {
	if slices.ContainsFunc(s.Contenders, func(c *result.Contender) bool { return c.Base != "" }) {
		return "its base"
	}
	if b := s.BaseOf(&result.Contender{}); b != nil {
		return b.Name
	}
	return "nobody"
}

// sorted returns the rows in the order of the first metric, the best first, or in their own.
func sorted(s *result.Scene) []*result.Contender {
	if s.Ordered || len(s.Metrics) == 0 {
		return s.Contenders
	}
	m := s.Metrics[0]
	return slices.SortedStableFunc(slices.Values(s.Contenders), func(a, b *result.Contender) int {
		x, y := a.Values[m.Key], b.Values[m.Key]
		switch {
		case x == nil || y == nil:
			return cmp.Compare(btoi(x == nil), btoi(y == nil))
		case m.Better == result.Higher:
			return cmp.Compare(y.Median, x.Median)
		default:
			return cmp.Compare(x.Median, y.Median)
		}
	})
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
