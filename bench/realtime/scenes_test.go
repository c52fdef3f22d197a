//go:build linux

package realtime

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist/bench/realtime/control"
	"github.com/gogeist/geist/bench/realtime/servers"
	"github.com/gogeist/geist/bench/realtime/wire"
	"github.com/gogeist/geist/bench/result"
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
	// Under the race detector a process sleeps for a second before it ends; those that
	// tests start need not.
	_ = os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0")
	leakcheck.Main(m)
}

func tiny(t *testing.T) Options {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Exe: exe, Rounds: 1, FewRounds: 1, Batch: time.Millisecond, Trials: 1, Conns: 30, Held: []Holding{{Conns: 30, Trials: 1}}, Crowd: 100,
		Forget: 2 * time.Second, Patience: 3 * time.Second, Small: true, Log: t.Logf,
	}
}

// TestScenes runs the scenes a little, which proves that every server delivers every
// message to everybody, once, in order and unchanged.
func TestScenes(t *testing.T) {
	for _, s := range All() {
		if s.Repeats {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel() // nothing is timed, and much of it is waiting
			out := &result.Scene{Name: s.Name}
			if err := s.Run(t.Context(), out, tiny(t)); err != nil {
				t.Fatal(err)
			}
			if len(out.Contenders) < 2 {
				t.Errorf("%d rows", len(out.Contenders))
			}
			for _, f := range out.Failures {
				t.Errorf("%s: %s", f.Peer, f.What)
			}
			for _, c := range out.Contenders {
				checkRow(t, out, c)
			}
			t.Log(len(out.Contenders), "rows")
		})
	}
}

// checkRow wants a value of every metric, or a remark that says why there is none.
func checkRow(t *testing.T, out *result.Scene, c *result.Contender) {
	t.Helper()
	// These write to their subscribers one after the other, or wait for the slowest.
	waits := []string{"tmaxmax/go-sse", "r3labs/sse"}
	if blocked := strings.HasPrefix(c.Note, errBlocked.Error()); blocked || out.Name == "sse/stalled" && slices.Contains(waits, c.Name) {
		if !blocked || !slices.Contains(waits, c.Name) {
			t.Errorf("%s: stopped by its slowest client: %v", c.Name, blocked)
		}
		return
	}
	for _, m := range out.Metrics {
		if m.Key == result.Exponent().Key {
			continue // of rows together, see TestScene_growth
		}
		if got := len(c.Samples(m.Key)); got != 1 {
			t.Errorf("%s: %d values of %s, want 1", c.Name, got, m.Key)
		}
	}
	for _, positive := range []string{"rate", "p50", "connect_rate"} {
		if xs := c.Samples(positive); len(xs) > 0 && xs[0] <= 0 {
			t.Errorf("%s: %s = %v", c.Name, positive, xs[0])
		}
	}
	if xs := c.Samples("left_fds"); len(xs) > 0 && xs[0] > 0 {
		t.Errorf("%s: left_fds = %v", c.Name, xs[0])
	}
}

// TestScene_growth: every server gets an exponent, on its row with the largest load.
func TestScene_growth(t *testing.T) {
	out := runTiny(t, "ws/growth/size", func(o *Options) {
		o.Wants = func(peer string) bool { return peer == "melody" || peer == "geist" }
	})
	out.Summarise()
	if gs := out.Growths(); len(gs) != 2 || gs[0].From != 128 || gs[0].To != wire.MaxSize || gs[0].Name != "geist" {
		t.Errorf("got %+v", gs)
	}
	i := slices.IndexFunc(All(), func(s Scene) bool { return s.Name == out.Name })
	if got, want := All()[i].needs(Options{Conns: 40, Small: true}, 5).Files, 5*2*10+spare; got != want {
		t.Errorf("the least and the largest load need %d files, want %d", got, want)
	}
	for most, want := range map[int][]int{1000: {100, 300, 1000}, 100: {10, 30, 100}, 3: {1, 3}, 0: {1}} {
		if got := steps(most); !slices.Equal(got, want) {
			t.Errorf("steps(%d) = %v, want %v", most, got, want)
		}
	}
}

// TestScene_wants: a server that is not wanted is not there, and not absent either.
func TestScene_wants(t *testing.T) {
	out := runTiny(t, "ws/echo", func(o *Options) { o.Wants = func(peer string) bool { return peer == "melody" } })
	if len(out.Contenders) != 1 || out.Contenders[0].Name != "melody" || len(out.Absent) != 0 {
		t.Errorf("%d rows, absent %q", len(out.Contenders), out.Absent)
	}
}

// TestScene_failures: servers that do not start are failures, in scenes of every kind.
func TestScene_failures(t *testing.T) {
	for _, name := range []string{"ws/fanout/10x1", "ws/echo", "ws/crowd", "ws/churn", "ws/stalled", "sse/hold"} {
		out := runTiny(t, name, func(o *Options) { o.Exe = "no such program" })
		if len(out.Contenders) != 0 || len(out.Failures) < 3 {
			t.Errorf("%s: %d rows, failures %v", name, len(out.Contenders), out.Failures)
		}
	}
}

// runTiny runs the scene of a name with changed options.
func runTiny(t *testing.T, name string, change func(*Options)) *result.Scene {
	t.Helper()
	o := tiny(t)
	change(&o)
	i := slices.IndexFunc(All(), func(s Scene) bool { return s.Name == name })
	out := &result.Scene{Name: name}
	if err := All()[i].Run(t.Context(), out, o); err != nil {
		t.Fatal(err)
	}
	return out
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
