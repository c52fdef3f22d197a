//go:build linux

package realtime

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist/bench/realtime/control"
	"github.com/gogeist/geist/bench/realtime/servers"
	"github.com/gogeist/geist/internal/leakcheck"
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
	leakcheck.Main(m)
}

func tiny(t *testing.T) Options {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Exe: exe, Rounds: 1, Batch: time.Millisecond, Trials: 1, Conns: 30, Held: []int{30}, Crowd: 100,
		Forget: 2 * time.Second, Patience: 5 * time.Second, Log: t.Logf,
	}
}

// repeated are scenes in which the servers do nothing that they do not do in others: sizes
// of rooms and of bursts that are tried in another combination.
var repeated = []string{
	"ws/fanout/100x1", "ws/fanout/1000x1", "ws/fanout/10x16", "ws/fanout/100x16", "sse/fanout/1000x1", "sse/fanout/10x16",
}

// TestScenes runs the scenes a little, which proves that every server delivers every
// message to everybody, once, in order and unchanged.
func TestScenes(t *testing.T) {
	for _, s := range All() {
		if slices.Contains(repeated, s.Name) {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel() // nothing is timed, and much of it is waiting
			tab, err := s.Run(tiny(t))
			if err != nil {
				t.Fatal(err)
			}
			if len(tab.Rows) < 2 {
				t.Errorf("%d rows", len(tab.Rows))
			}
			for _, r := range tab.Rows {
				checkRow(t, tab, r)
			}
			t.Log(len(tab.Rows), "servers")
		})
	}
}

// checkRow wants a value of every metric, or a remark that says why there is none.
func checkRow(t *testing.T, tab *Table, r *Row) {
	t.Helper()
	// These write to their subscribers one after the other, or wait for the slowest.
	waits := []string{"tmaxmax/go-sse", "r3labs/sse"}
	if blocked := strings.HasPrefix(r.Remark, errBlocked.Error()); blocked || tab.Scene == "sse/stalled" && slices.Contains(waits, r.Name) {
		if !blocked || !slices.Contains(waits, r.Name) {
			t.Errorf("%s: stopped by its slowest client: %v", r.Name, blocked)
		}
		return
	}
	for _, m := range tab.Metrics {
		if len(r.Samples[m.Key]) != 1 {
			t.Errorf("%s: %d values of %s, want 1", r.Name, len(r.Samples[m.Key]), m.Key)
		}
	}
	for _, positive := range []string{"rate", "p50", "connect_rate"} {
		if xs := r.Samples[positive]; len(xs) > 0 && xs[0] <= 0 {
			t.Errorf("%s: %s = %v", r.Name, positive, xs[0])
		}
	}
	for _, none := range []string{"left_fds"} {
		if xs := r.Samples[none]; len(xs) > 0 && xs[0] > 0 {
			t.Errorf("%s: %s = %v", r.Name, none, xs[0])
		}
	}
}

// TestScene_filter: a server that is filtered out is not there, and not absent either.
func TestScene_filter(t *testing.T) {
	o := tiny(t)
	o.Filter = regexp.MustCompile("^melody$")
	i := slices.IndexFunc(All(), func(s Scene) bool { return s.Name == "ws/echo" })
	tab, err := All()[i].Run(o)
	if err != nil {
		t.Fatal(err)
	}
	if len(tab.Rows) != 1 || tab.Rows[0].Name != "melody" || len(tab.Absent) != 0 {
		t.Errorf("%d rows, absent %q", len(tab.Rows), tab.Absent)
	}
}

// TestPeers_namesAndReasons: names are unique, as flags and tables need; bases exist.
func TestPeers_namesAndReasons(t *testing.T) {
	var names []string
	for _, p := range servers.All() {
		if slices.Contains(names, p.Name) {
			t.Errorf("two servers are called %q", p.Name)
		}
		names = append(names, p.Name)
	}
	for _, base := range slices.Concat(burstBases, singleBases, streamBases) {
		if !slices.Contains(names, base) {
			t.Errorf("the base %q is no server", base)
		}
	}
	if _, err := servers.Find("nobody"); err == nil {
		t.Error("found nobody")
	}
}
