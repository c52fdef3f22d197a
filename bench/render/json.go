package render

import (
	"encoding/json"
	"io"
	"time"

	"github.com/gogeist/geist/bench/result"
)

// verdict is an outcome in JSON.
type verdict struct {
	Group   string           `json:"group"`
	Name    string           `json:"name"`
	Bound   string           `json:"bound"`
	Verdict result.Verdict   `json:"verdict"`
	Figure  *result.Estimate `json:"figure,omitempty"`
	Why     string           `json:"why,omitempty"`
	Record  string           `json:"record,omitempty"`
}

// duel is a comparison in JSON.
type duel struct {
	Scene  string          `json:"scene"`
	Metric string          `json:"metric"`
	Geist  string          `json:"geist"`
	Rival  string          `json:"rival"`
	Cost   result.Estimate `json:"cost"`
}

// JSON writes what the other reports conclude: verdicts of the targets, and geist beside each
// rival, where a cost below 1 is a win. The figures themselves are in the file of the run.
func JSON(w io.Writer, r *result.Run) error {
	out := struct {
		Started  time.Time     `json:"started"`
		Commit   string        `json:"commit,omitempty"`
		Mode     result.Mode   `json:"mode"`
		Runs     []result.Part `json:"runs"`
		Failures int           `json:"failures"`
		Targets  []verdict     `json:"targets"`
		Duels    []duel        `json:"comparisons"`
	}{Started: r.Started, Commit: r.Commit, Mode: r.Mode, Runs: r.Parts(), Failures: r.Failures()}
	for _, o := range Outcomes(r) {
		v := verdict{Group: o.Target.Group, Name: o.Target.Name, Bound: bound(o.Target), Verdict: o.Verdict, Why: o.Why}
		if o.Open() {
			v.Record = "docs/design/" + o.Target.Record
		}
		if o.Judged() {
			v.Figure = &o.Figure
		}
		out.Targets = append(out.Targets, v)
	}
	for _, d := range Duels(r) {
		out.Duels = append(out.Duels, duel{d.Scene.Name, d.Metric.Head(), d.Ours.Name, d.Rival.Name, d.Cost})
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", " ")
	return enc.Encode(out)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
