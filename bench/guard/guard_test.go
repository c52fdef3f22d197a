//go:build linux

package guard

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/internal/leakcheck"

	"github.com/gogeist/geist/bench/realtime/control"
)

// The test program is also the servers.
func TestMain(m *testing.M) {
	if served, err := control.ServeArgs(os.Args[1:]); served {
		if err != nil {
			_, _ = os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		return
	}
	// Under the race detector a process sleeps for a second before it ends; those that
	// tests start need not.
	_ = os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0")
	leakcheck.Main(m)
}

// TestGuard holds the committed figures. Under the race detector those of memory are others,
// and are left to the run without it.
func TestGuard(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	n := count
	if raceEnabled {
		n = 160 // for calls and bytes that is enough
	}
	figures, err := measure(t.Context(), exe, n)
	if err != nil {
		t.Fatal(err)
	}
	base, err := ReadBaseline("../baseline.json")
	if err != nil {
		t.Fatal(err)
	}
	if raceEnabled {
		for _, f := range figures {
			if f.Memory {
				delete(base.Figures, f.Name)
			}
		}
		figures = slices.DeleteFunc(figures, func(f Figure) bool { return f.Memory })
	}
	for _, c := range base.Compare(figures) {
		t.Log(c)
		if c.Fails() {
			t.Errorf("%v: if that is meant, accept it with `go run . guard -update` in bench and commit baseline.json", c)
		}
	}
}

func TestBaseline_compare(t *testing.T) {
	base := &Baseline{Figures: map[string]float64{"same": 1, "within": 1, "worse": 1, "better": 1, "exact": 0, "gone": 1}}
	got := base.Compare([]Figure{
		{Name: "same", Value: 1}, {Name: "within", Value: 1.02, Slack: 0.02}, {Name: "worse", Value: 1.03, Slack: 0.02},
		{Name: "better", Value: 0.5, Slack: 0.02}, {Name: "exact", Value: 0.01}, {Name: "new", Value: 3},
	})
	want := map[string]Kind{"worse": Worse, "better": Better, "exact": Worse, "new": Unknown, "gone": Gone}
	if len(got) != len(want) {
		t.Errorf("got %v", got)
	}
	for _, c := range got {
		if want[c.Name] != c.Kind || c.Fails() != (c.Kind != Better) || !strings.HasPrefix(c.String(), c.Name+" is ") {
			t.Errorf("%v, fails: %v; want %s", c, c.Fails(), want[c.Name])
		}
	}
	if n := len(Failing(got)); n != 4 {
		t.Errorf("%d of %v fail, want 4", n, got)
	}
}

func TestBaseline_roundTrip(t *testing.T) {
	file := filepath.Join(t.TempDir(), "baseline.json")
	figures := []Figure{{Name: "a", Value: 0.063}, {Name: "b"}}
	if err := NewBaseline(figures).Write(file); err != nil {
		t.Fatal(err)
	}
	b, err := ReadBaseline(file)
	if err != nil || len(b.Compare(figures)) != 0 || b.Go == "" {
		t.Errorf("got %+v, %v", b, err)
	}
}

func TestReadBaseline_refuses(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"empty": "", "no JSON": "x", "no figures": `{"go":"go1.26"}`} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadBaseline(file); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := ReadBaseline(filepath.Join(dir, "none")); err == nil {
		t.Error("no file: no error")
	}
}

// The guard sees what a change does to a request: one that allocates and answers more.
func TestRequest_countsWhatChanges(t *testing.T) {
	kept := make([]*[100]byte, 2)
	good := request{"x", textRequest, 1, 200, text}
	bad := good
	bad.setup = func(app *geist.Engine) {
		app.GET("/hello", func(c *geist.Ctx) error {
			kept[0], kept[1] = new([100]byte), new([100]byte)
			return c.Text(http.StatusOK, "Hello, World!!")
		})
	}
	was, err := good.measure(1600)
	if err != nil {
		t.Fatal(err)
	}
	now, err := bad.measure(1600)
	if err != nil {
		t.Fatal(err)
	}
	worse := map[string]float64{}
	for _, c := range NewBaseline(was).Compare(now) {
		worse[strings.TrimPrefix(c.Name, "x: ")] = c.Value - c.Was
	}
	if worse["allocations/request"] < 1.9 || worse["B allocated/request"] < 200 || worse["B of the answer"] != 1 || len(worse) != 3 {
		t.Errorf("got %v", worse)
	}
}

func TestRequest_refusesAnotherAnswer(t *testing.T) {
	r := request{"x", textRequest, 1, 404, text}
	if _, err := r.measure(16); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("got %v", err)
	}
}
