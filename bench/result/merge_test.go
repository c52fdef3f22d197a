package result

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// part returns a run with scenes of these names, whose title tells the run.
func part(title string, started int64, names ...string) *Run {
	r := &Run{
		Version: Version, Command: "go run . all -scene " + title, Mode: Full, Started: time.Unix(started, 0).UTC(), Seconds: 10, Commit: "c1",
		Machine: Machine{OS: "linux", Arch: "amd64", CPU: "a CPU", Cores: 2, Go: "go1", LoadBefore: float64(started)}, Versions: map[string]string{"gin": "v1"},
	}
	for _, name := range names {
		r.Scenes = append(r.Scenes, &Scene{Name: name, Title: title})
	}
	return r
}

func TestMerge_laterCounts(t *testing.T) {
	first, second := part("first", 200, "a", "b"), part("second", 100, "b", "c")
	second.Commit, second.Dirty, second.Versions = "c2", true, map[string]string{"gin": "v1", "echo": "v5"}
	r, err := Merge(first, second)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range r.Scenes {
		got = append(got, s.Name+" "+s.Title)
	}
	if want := []string{"a first", "b second", "c second"}; !slices.Equal(got, want) {
		t.Errorf("scenes %q, want %q", got, want)
	}
	if !r.Started.Equal(second.Started) || r.Seconds != 20 || r.Commit != "" || !r.Dirty || r.Versions["echo"] != "v5" {
		t.Errorf("got %+v", r)
	}
	parts := r.Parts()
	if len(parts) != 2 || parts[0].Commit != "c1" || !slices.Equal(parts[0].Scenes, []string{"a"}) ||
		parts[1].Command != second.Command || !slices.Equal(parts[1].Scenes, []string{"b", "c"}) {
		t.Errorf("parts %+v", parts)
	}
	if len(first.Scenes) != 2 || first.Commit != "c1" || len(first.Versions) != 1 {
		t.Errorf("the first run was changed: %+v", first)
	}
	if err := r.Check(); err != nil {
		t.Error(err)
	}
}

func TestMerge_one(t *testing.T) {
	r := part("only", 1, "a")
	if got, err := Merge(r); got != r || err != nil || len(got.Parts()) != 1 || got.Parts()[0].Command != r.Command {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := Merge(); err == nil {
		t.Error("nothing was merged")
	}
}

func TestMerge_refuses(t *testing.T) {
	for _, tt := range []struct {
		change func(*Run)
		want   string
	}{
		{func(r *Run) { r.Machine.CPU = "another" }, "different machines (a CPU, 2 cores, linux/amd64, go1; another, 2 cores, linux/amd64, go1)"},
		{func(r *Run) { r.Machine.Kernel = "7" }, "different machines"},
		{func(r *Run) { r.Mode = Quick }, "a full run and"},
		{func(r *Run) { r.Versions["gin"] = "v2" }, "gin v1 and"},
		{func(r *Run) { r.Machine.LoadBefore = 9 }, ""},
	} {
		other := part("other", 2, "b")
		tt.change(other)
		_, err := Merge(part("first", 1, "a"), other)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
}

// Messages name the runs by their times, as their files are.
func TestReadAll(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one.json"), filepath.Join(dir, "two.json")
	other := part("two", 2, "b")
	for file, r := range map[string]*Run{one: part("one", 1, "a"), two: other} {
		if err := r.Write(file); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := ReadAll(one, two); err != nil || len(r.Scenes) != 2 {
		t.Errorf("got %+v, %v", r, err)
	}
	other.Machine.Cores = 4
	if err := other.Write(two); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadAll(one, two); err == nil || !strings.HasPrefix(err.Error(), "the run of 1970-01-01 00:00:01 and the run of 1970-01-01 00:00:02 come from different machines") {
		t.Errorf("got %v", err)
	}
	if _, err := ReadAll(one, filepath.Join(dir, "none.json")); err == nil {
		t.Error("a file that is not there was read")
	}
}
