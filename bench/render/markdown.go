package render

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gogeist/geist/bench/capacity"
	"github.com/gogeist/geist/bench/result"
	"github.com/gogeist/geist/bench/suite"
	"github.com/gogeist/geist/bench/targets"
)

// Markdown writes the report of a run. It begins with where geist does not win.
func Markdown(w io.Writer, r *result.Run) {
	fmt.Fprintf(w, "# Benchmarks\n\n")
	fmt.Fprintf(w, "Made by `go run . report` in [bench](../bench), of what the commands under [Runs](#runs) have measured. Do not edit.\n\n")
	for _, n := range warnings(r) {
		fmt.Fprintf(w, "**%s**\n\n", n)
	}
	fmt.Fprintf(w, "%s.\n\n%s How each scene works, and what it does not tell, stands in [bench](../bench/README.md).\n\n", r.Machine, reading)
	duels := Duels(r)
	losses(w, duels)
	judged(w, r)
	troubles(w, r)
	growth(w, r)
	Capacity(w, r, capacity.Default())
	fmt.Fprintf(w, "## Scenes\n")
	for _, s := range r.Scenes {
		Table(w, s)
	}
	fmt.Fprintf(w, "\n## Runs\n\nEach command measures its part again, in [bench](../bench).\n\n")
	lines := runLines(r)
	line(w, lines[0])
	line(w, slices.Repeat([]string{"---"}, len(lines[0])))
	for _, l := range lines[1:] {
		l[len(l)-1] = "`" + l[len(l)-1] + "`"
		line(w, l)
	}
	fmt.Fprintf(w, "\n## Versions\n\n%s\n", strings.Join(moduleList(r), ", "))
}

// reading is what one must know to read the figures.
const reading = "Contenders of a scene take turns in each round and ratios are formed within a round; figures are medians with 95 % intervals. " +
	"Ratios carry over to another machine far better than times. The command below each table measures that scene again."

// warnings say what the figures are not good for.
func warnings(r *result.Run) []string {
	var out []string
	if r.Mode == result.Quick {
		out = append(out, "Quick: a look, no claim. Few and short rounds of small loads, and unless scenes were named none of those that repeat others at other sizes. Do not quote these figures.")
	}
	for _, p := range r.Parts() {
		if p.Interrupted {
			out = append(out, fmt.Sprintf("The run of %s was stopped before its end.", when(p)))
		}
		if m := p.Machine; m.LoadBefore > float64(m.Cores)/2 {
			out = append(out, fmt.Sprintf("The machine was busy before the run of %s began: load %.2f on %d cores.", when(p), m.LoadBefore, m.Cores))
		}
	}
	return out
}

func when(p result.Part) string { return p.Started.Format("2 January 2006 15:04 UTC") }

// runLines is the table of the runs that a report is made of, with its head.
func runLines(r *result.Run) [][]string {
	out := [][]string{{"begun", "took", "commit", "machine", "load before, after", "scenes", "command"}}
	for _, p := range r.Parts() {
		out = append(out, []string{when(p), suite.Span(seconds(p.Seconds)), revision(p), p.Machine.String(),
			fmt.Sprintf("%.2f, %.2f", p.Machine.LoadBefore, p.Machine.LoadAfter), fmt.Sprint(len(p.Scenes)), p.Command})
	}
	return out
}

func revision(p result.Part) string {
	if p.Commit == "" {
		return "unknown"
	}
	s := p.Commit[:min(len(p.Commit), 12)]
	if p.Dirty {
		s += " with changes"
	}
	return s
}

func losses(w io.Writer, duels []Duel) {
	lost, level := ended(duels, Lost), ended(duels, Level)
	fmt.Fprintf(w, "## Where geist does not win\n\nOf %d comparisons with rivals it wins %d, is level in %d (the interval contains 1) and loses %d.\n\n",
		len(duels), len(ended(duels, Won)), len(level), len(lost))
	if len(lost) > 0 {
		line(w, []string{"scene", "figure", "rival", "geist costs ×", "95 %"})
		line(w, []string{"---", "---", "---", "--:", "--:"})
		for _, d := range lost {
			line(w, []string{d.Scene.Name, d.Metric.Head(), d.Rival.Name, Ratio(d.Cost.Median), RatioInterval(d.Cost)})
		}
		fmt.Fprintln(w)
	}
	if len(level) > 0 {
		fmt.Fprintf(w, "Level with: %s.\n\n", strings.Join(levels(level), "; "))
	}
}

// levels returns for each scene who is level with geist.
func levels(ds []Duel) []string {
	var out []string
	slices.SortStableFunc(ds, func(a, b Duel) int { return cmp.Compare(a.Scene.Name, b.Scene.Name) })
	for i, d := range ds {
		if i > 0 && ds[i-1].Scene == d.Scene {
			out[len(out)-1] += ", " + d.Rival.Name
		} else {
			out = append(out, d.Scene.Name+": "+d.Rival.Name)
		}
	}
	return out
}

// Outcomes are all targets in a run.
func Outcomes(r *result.Run) []result.Outcome {
	var out []result.Outcome
	for _, t := range targets.All() {
		out = append(out, t.Judge(r))
	}
	return out
}

// bound writes what a target asks for.
func bound(t result.Target) string {
	b := strings.TrimRight(strings.TrimRight(Number(t.Bound, 2), "0"), ".")
	if t.Bound == 0 {
		b = "0"
	}
	if t.Unit != "" {
		b += " " + t.Unit
	}
	switch {
	case len(t.Tests) > 0:
		return "exact"
	case t.Least:
		return "≥ " + b
	case t.Include:
		return "interval reaches " + b
	default:
		return "≤ " + b
	}
}

func judged(w io.Writer, r *result.Run) {
	fmt.Fprintf(w, "## Targets\n\nThe bounds that the design sets itself. Met and missed are intervals on one side of the bound, undecided those that contain it. "+
		"What is exact is held by the tests that are named. The last column leads to what has been tried.\n\n")
	line(w, []string{"what", "", "scene", "bound", "measured", "95 %", "verdict", "record"})
	line(w, []string{"---", "---", "---", "---", "--:", "--:", "---", "---"})
	for _, o := range Outcomes(r) {
		figure, interval, verdict, record := "", "", string(o.Verdict)+": "+o.Why, ""
		if o.Judged() {
			figure, interval, verdict = Ratio(o.Figure.Median), RatioInterval(o.Figure), "**"+string(o.Verdict)+"**"
		}
		if o.Open() {
			number, _, _ := strings.Cut(o.Target.Record, "-")
			record = fmt.Sprintf("[%s](design/%s)", number, o.Target.Record)
		}
		line(w, []string{o.Target.Group, o.Target.Name, strings.Join(o.Target.Scenes, ", "), bound(o.Target), figure, interval, verdict, record})
	}
	fmt.Fprintln(w)
}

// troubles lists what failed and what was not measured.
func troubles(w io.Writer, r *result.Run) {
	var out []string
	for _, s := range r.Scenes {
		if s.NotMeasured != "" {
			out = append(out, fmt.Sprintf("- %s was not measured: %s.", s.Name, s.NotMeasured))
		}
		for _, f := range s.Failures {
			out = append(out, fmt.Sprintf("- %s, %s: %s.", s.Name, f.Peer, oneLine(f.What)))
		}
	}
	if len(out) > 0 {
		fmt.Fprintf(w, "## What failed\n\n%s\n\n", strings.Join(out, "\n"))
	}
}

// moduleList returns the modules of the run with their versions.
func moduleList(r *result.Run) []string {
	var out []string
	for path, v := range r.Versions {
		out = append(out, path+" "+v)
	}
	slices.Sort(out)
	return out
}
