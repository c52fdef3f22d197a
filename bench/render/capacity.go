package render

import (
	"fmt"
	"io"
	"strings"

	"github.com/gogeist/geist/bench/capacity"
	"github.com/gogeist/geist/bench/result"
)

// Capacity writes what a load needs, and the assumptions, as Markdown.
func Capacity(w io.Writer, r *result.Run, a capacity.Assumptions) {
	fmt.Fprintf(w, "## Capacity\n\n%s Other assumptions: `go run . capacity -h`.\n\n", capacityReading)
	grid := assumptionLines(a)
	line(w, grid[0])
	line(w, []string{"---", "--:", "---"})
	for _, l := range grid[1:] {
		line(w, l)
	}
	for _, t := range capacity.Plan(r, a) {
		fmt.Fprintf(w, "\n### %s\n\n", capacityTitle(t, a))
		if t.Why != "" {
			fmt.Fprintf(w, "Not computed: %s.\n", t.Why)
			continue
		}
		lines := capacityLines(t)
		line(w, lines[0])
		line(w, append([]string{"---"}, strings.Fields(strings.Repeat("--: ", len(lines[0])-2)+"---")...))
		for _, l := range lines[1:] {
			line(w, l)
		}
		fmt.Fprintf(w, "\nUnit costs are those of %s.\n", strings.Join(t.Scenes, " and "))
	}
	fmt.Fprintln(w)
}

// capacityReading is what one must know to read the tables.
const capacityReading = "Computed, not measured: unit costs of this run times a load, in machines of which a share stays free. " +
	"Costs are taken to grow in proportion, and a core of the measured machine to be one of the rented; " +
	"balancers, TLS and databases are not in it. The ratios carry over, the numbers of machines hardly do."

// assumptionLines is the table of assumptions with its head: what, value, the flag that changes it.
func assumptionLines(a capacity.Assumptions) [][]string {
	m := a.Machine
	return [][]string{
		{"assumption", "value", "flag"},
		{"machine", m.Name, "-machine"},
		{"cores", fmt.Sprint(m.Cores), "-cores"},
		{"memory, GiB", fmt.Sprint(m.Memory), "-memory"},
		{"price an hour, USD: an example", fmt.Sprint(m.Price), "-price"},
		{"share of a machine that stays free", fmt.Sprint(a.Headroom), "-headroom"},
		{"hours a month", fmt.Sprint(a.Hours), "-hours"},
		{"requests/s", Number(a.Requests, 0), "-requests"},
		{"connections", Number(a.Connections, 0), "-connections"},
		{"messages to each connection a second", fmt.Sprint(a.Deliveries), "-deliveries"},
		{"kernel's memory for a connection, KiB", fmt.Sprint(a.Kernel), "-kernel"},
	}
}

func capacityTitle(t capacity.Table, a capacity.Assumptions) string {
	if len(t.Scenes) == 1 {
		return Number(a.Requests, 0) + " " + t.Title + " a second"
	}
	return Number(a.Connections, 0) + " " + t.Title
}

// capacityLines is a table with its head.
func capacityLines(t capacity.Table) [][]string {
	unit, connections := "µs/request", len(t.Scenes) > 1
	if connections {
		unit = "µs/delivery"
	}
	head := []string{"peer", unit}
	if connections {
		head = append(head, "KiB/connection")
	}
	out := [][]string{append(head, "cores in use", "GiB in use", "machines", "95 %", "USD a month", "÷ geist", "limit")}
	for _, r := range t.Rows {
		cells := []string{r.Peer, Number(r.CPU.Median, 2)}
		if connections {
			cells = append(cells, Number(r.Memory.Median, 2))
		}
		n, ratio, memory := r.Need, "", "–"
		if r.Ratio > 0 {
			ratio = Ratio(r.Ratio)
		}
		if connections {
			memory = Number(n.Memory.Median, 1)
		}
		out = append(out, append(cells, Number(n.Cores.Median, 1), memory, Number(n.Machines.Median, 0), Interval(n.Machines, 0),
			Number(n.Cost.Median, 0), ratio, string(n.Limit)))
	}
	return out
}

// plan is a table of the page.
type plan struct {
	Title, Why, Source string
	Lines              [][]string
}

func plans(r *result.Run, a capacity.Assumptions) []plan {
	var out []plan
	for _, t := range capacity.Plan(r, a) {
		p := plan{Title: capacityTitle(t, a), Why: t.Why, Source: strings.Join(t.Scenes, " and ")}
		if t.Why == "" {
			p.Lines = capacityLines(t)
		}
		out = append(out, p)
	}
	return out
}
