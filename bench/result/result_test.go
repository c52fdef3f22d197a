package result

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// example is a run of one scene, in which noise that rows share would hide the ratio.
func example() *Run {
	slow, quick := NewContender("slow", ""), NewContender("geist", "")
	for _, noise := range []float64{1, 2, 4, 1, 2, 4} {
		slow.Add("cpu", 10*noise)
		quick.Add("cpu", noise)
		quick.Add("rate", 1/noise)
	}
	s := &Scene{
		Name: "ws/x", Title: "a title", Bases: []string{"nobody", "slow"}, Contenders: []*Contender{slow, quick},
		Metrics: []Metric{{Key: "cpu", Name: "CPU", Unit: "µs", Ratio: true, Diff: true}, {Key: "rate", Name: "rate", Better: Higher}},
		Absent:  []Absence{{"x", "why"}},
	}
	s.Summarise()
	return &Run{Version: Version, Command: "go run . all", Mode: Full, Started: time.Unix(1e9, 0).UTC(), Seconds: 1.5,
		Settings: map[string]string{"rounds": "6"}, Versions: map[string]string{"m": "v1"}, Scenes: []*Scene{s}}
}

func TestRun_roundTrip(t *testing.T) {
	file := filepath.Join(t.TempDir(), "run.json")
	want := example()
	if err := want.Write(file); err != nil {
		t.Fatal(err)
	}
	got, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if left, _ := filepath.Glob(file + ".*"); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestRun_refuses(t *testing.T) {
	for name, spoil := range map[string]func(*Run){
		"version":        func(r *Run) { r.Version++ },
		"two scenes":     func(r *Run) { r.Scenes = append(r.Scenes, r.Scenes[0]) },
		"null":           func(r *Run) { r.Scenes[0] = nil },
		"two contenders": func(r *Run) { r.Scenes[0].Contenders[0].Name = "geist" },
		"no number":      func(r *Run) { r.Scenes[0].Contenders[0].Add("cpu", math.NaN()) },
		"no such metric": func(r *Run) { r.Scenes[0].Contenders[0].Add("memory", 1) },
	} {
		t.Run(name, func(t *testing.T) {
			r := example()
			spoil(r)
			if err := r.Check(); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestRead_refuses(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"empty": "", "other": `{"version":99}`, "cut": `{"version":1,"scenes":[`} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(file); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: got %v, want an error that names the file", name, err)
		}
	}
	if _, err := Read(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want os.ErrNotExist", err)
	}
}

// Ratios are formed within a round: noise that both sides share disappears.
func TestScene_ratioWithinRounds(t *testing.T) {
	s := example().Scenes[0]
	v := s.Contender("geist").Values["cpu"]
	if want := (Estimate{0.1, 0.1, 0.1}); v.Ratio == nil || *v.Ratio != want {
		t.Errorf("ratio %v, want %v", v.Ratio, want)
	}
	if want := (Estimate{-18, -36, -9}); v.Diff == nil || *v.Diff != want {
		t.Errorf("difference %v, want %v", v.Diff, want)
	}
	if v := s.Contender("slow").Values["cpu"]; v.Ratio != nil || v.Median != 20 {
		t.Errorf("the base: %+v", v)
	}
	zero := NewContender("zero", "")
	for _, x := range []float64{0, 2, 0} {
		zero.Add("cpu", x)
	}
	if got, ok := s.Ratio("cpu", s.Contenders[0], zero); !ok || got.Median != 10 {
		t.Errorf("beside zeros: got %v, %v, want 10", got, ok)
	}
	if _, ok := s.Ratio("rate", s.Contenders[1], s.Contenders[0]); ok {
		t.Error("a ratio to what was not measured")
	}
}

func TestScene_ownBase(t *testing.T) {
	s := example().Scenes[0]
	hit, miss := NewContender("p", "hit"), NewContender("p", "404")
	miss.Base = hit.Name
	hit.Add("cpu", 2)
	miss.Add("cpu", 5)
	s.Contenders = append(s.Contenders, hit, miss)
	s.Summarise()
	if got := s.Contender("p, 404").Values["cpu"].Ratio; got == nil || got.Median != 2.5 {
		t.Errorf("got %v, want 2.5", got)
	}
}

func TestScene_fail(t *testing.T) {
	s := example().Scenes[0]
	s.Contenders = append(s.Contenders, NewContender("slow", "404"))
	s.Fail("slow", errors.New("first"))
	s.Fail("slow", errors.New("second"))
	if len(s.Contenders) != 1 || len(s.Failures) != 1 || s.Failures[0].What != "first" || !s.Failed("slow") || s.Failed("geist") {
		t.Errorf("%d contenders, failures %v", len(s.Contenders), s.Failures)
	}
}

// Ranks from tables of the sign test (n = 10: the 2nd to the 9th value cover 97.9 %).
func TestRank(t *testing.T) {
	for n, want := range map[int]int{1: 0, 6: 0, 9: 1, 10: 1, 12: 2, 20: 5, 30: 9} {
		if got := rank(n); got != want {
			t.Errorf("rank(%d) = %d, want %d", n, got, want)
		}
	}
}

func TestMedian(t *testing.T) {
	got := Median([]float64{5, 1, 4, 2, 3, 6, 8, 7, 10, 9})
	if want := (Estimate{5.5, 2, 9}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := Median(nil); got != (Estimate{}) {
		t.Errorf("of nothing: %v", got)
	}
}

func TestEstimate_over(t *testing.T) {
	if got, want := (Estimate{4, 2, 8}).Over(Estimate{2, 1, 4}), (Estimate{2, 0.5, 8}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := (Estimate{4, 2, 8}).Over(Estimate{}); got != (Estimate{}) {
		t.Errorf("over nothing: %v", got)
	}
	if got, want := (Estimate{4, 2, 8}).Inverse(), (Estimate{0.25, 0.125, 0.5}); got != want {
		t.Errorf("inverse %v, want %v", got, want)
	}
}
