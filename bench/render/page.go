package render

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/gogeist/geist/bench/capacity"
	"github.com/gogeist/geist/bench/result"
	"github.com/gogeist/geist/bench/suite"
)

//go:embed page.html.tmpl
var pageText string

// page is what the template sees.
type page struct {
	Run              *result.Run
	When, Took       string
	Machine, Reading string
	Runs             [][]string // with a head
	Warnings         []string
	Duels            int
	Won, Level, Lost int
	Losses           []Duel
	Levels           []string // by scene, who is level with geist
	Outcomes         []result.Outcome
	Met, Judged      int
	Failures         int
	Growth           [][]string
	Capacity         string // what one must know to read Plans
	Assumptions      [][]string
	Plans            []plan
	Groups           []group
	Versions         []string
}

// group is the scenes whose names begin with the same word.
type group struct {
	Name   string
	Scenes []card
}

// card is one scene.
type card struct {
	*result.Scene
	ID      string
	Chart   template.HTML
	Caption string // of the chart
	Head    []string
	Rows    []tableRow
	Remarks []string
	Absent  string
}

type tableRow struct {
	Class string
	Cells []string
}

// Page writes the report as one HTML page that loads nothing.
func Page(w io.Writer, r *result.Run) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"ratio": Ratio, "interval": RatioInterval, "bound": bound, "line": oneLine, "id": id,
		"verdict": func(v result.Verdict) string { return strings.ReplaceAll(string(v), " ", "-") },
	}).Parse(pageText)
	if err != nil {
		return err
	}
	p, err := newPage(r)
	if err != nil {
		return err
	}
	return t.Execute(w, p)
}

func newPage(r *result.Run) (*page, error) {
	duels := Duels(r)
	lost, level := ended(duels, Lost), ended(duels, Level)
	p := &page{
		Run: r, When: when(r.Parts()[0]), Took: suite.Span(seconds(r.Seconds)), Machine: r.Machine.String(), Reading: reading, Runs: runLines(r), Warnings: warnings(r),
		Duels: len(duels), Won: len(ended(duels, Won)), Level: len(level), Lost: len(lost), Losses: lost, Levels: levels(level),
		Outcomes: Outcomes(r), Failures: r.Failures(), Versions: moduleList(r),
		Growth: growthLines(r), Capacity: capacityReading, Assumptions: assumptionLines(capacity.Default()), Plans: plans(r, capacity.Default()),
	}
	for _, o := range p.Outcomes {
		if o.Verdict == result.Met {
			p.Met++
		}
		if o.Judged() {
			p.Judged++
		}
	}
	for _, s := range r.Scenes {
		c, err := newCard(s)
		if err != nil {
			return nil, err
		}
		name, _, _ := strings.Cut(s.Name, "/")
		if n := len(p.Groups); n == 0 || p.Groups[n-1].Name != name {
			p.Groups = append(p.Groups, group{Name: name})
		}
		g := &p.Groups[len(p.Groups)-1]
		g.Scenes = append(g.Scenes, c)
	}
	return p, nil
}

// id is the fragment of a scene in the page.
func id(scene string) string { return strings.ReplaceAll(scene, "/", "-") }

func newCard(s *result.Scene) (card, error) {
	c := card{Scene: s, ID: id(s.Name), Absent: absences(s.Absent), Remarks: remarks(s)}
	if len(s.Contenders) > 0 {
		lines := grid(s)
		c.Head = lines[0]
		for i, row := range sorted(s) {
			c.Rows = append(c.Rows, tableRow{class(row), lines[i+2]})
		}
	}
	drawing := sceneChart(s)
	if drawing == nil {
		return c, nil
	}
	var sb strings.Builder
	if err := drawing.write(&sb); err != nil {
		return c, fmt.Errorf("chart of %s: %w", s.Name, err)
	}
	c.Chart, c.Caption = template.HTML(sb.String()), drawing.Caption // made above, and escaped there
	return c, nil
}
