package loopback

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gogeist/geist/bench/peers"
	"github.com/gogeist/geist/bench/result"
	"github.com/gogeist/geist/bench/suite"
	"github.com/gogeist/geist/internal/leakcheck"
)

// The test program is also the servers.
func TestMain(m *testing.M) {
	if served, err := serveArgs(os.Args[1:], slices.Concat(peers.All(), badPeers())); served {
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

// faultAfter is how many requests bad peers serve well: more than proving takes.
const faultAfter = 100

// badPeers do what their names say, some after so many requests.
func badPeers() []peers.Peer {
	plain := func(fault http.HandlerFunc) func() (peers.App, error) {
		return func() (peers.App, error) {
			good, err := named("net/http ServeMux")[0].Plain()
			var n atomic.Int64
			return peers.App{HTTP: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if n.Add(1) > faultAfter {
					fault(w, r)
					return
				}
				good.HTTP.ServeHTTP(w, r)
			})}, err
		}
	}
	return []peers.Peer{
		{Name: "exits", Plain: plain(func(http.ResponseWriter, *http.Request) { os.Exit(3) })},
		{Name: "panics", Plain: plain(func(http.ResponseWriter, *http.Request) {
			go func() { panic("boom") }()
			select {}
		})},
		{Name: "changes", Plain: plain(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("Hello, Wurld!")) })},
		{Name: "lies", Plain: func() (peers.App, error) {
			return peers.App{HTTP: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(peers.Body)) })}, nil
		}},
		{Name: "closes", Plain: func() (peers.App, error) {
			return peers.App{HTTP: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Connection", "close")
				_, _ = w.Write([]byte(peers.Body))
			})}, nil
		}},
		{Name: "wavers", Plain: func() (peers.App, error) {
			var n atomic.Int64
			return peers.App{HTTP: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte(peers.Body + "\n\n"[:n.Add(1)%2]))
			})}, nil
		}},
		{Name: "refuses", Plain: func() (peers.App, error) { panic("cannot be built") }},
	}
}

// named returns the peers of these names.
func named(names ...string) []peers.Peer {
	return slices.DeleteFunc(peers.All(), func(p peers.Peer) bool { return !slices.Contains(names, p.Name) })
}

func tiny(t *testing.T) suite.Settings {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return suite.Settings{Mode: result.Quick, Rounds: 1, Batch: 5 * time.Millisecond, Exe: exe}
}

func find(t *testing.T, name string) scene {
	t.Helper()
	i := slices.IndexFunc(scenes(), func(s scene) bool { return s.name == name })
	if i < 0 {
		t.Fatalf("no scene is called %q", name)
	}
	return scenes()[i]
}

func runScene(t *testing.T, s scene, all []peers.Peer, set suite.Settings) *result.Scene {
	t.Helper()
	out := &result.Scene{Name: s.name}
	if err := s.suite(all).Run(t.Context(), out, set, func(suite.Step) {}); err != nil {
		t.Fatal(err)
	}
	out.Summarise()
	return out
}

// TestScenes runs one scene of each kind a little. Two of them have every peer, which proves
// all of their answers: those of an application are proved before one is timed. For the
// others, one of each kind of server does.
func TestScenes(t *testing.T) {
	kinds := named("geist", "fasthttp", "hertz", "net/http ServeMux")
	for name, among := range map[string][]peers.Peer{
		"loopback/hello": peers.All(), "loopback/api": peers.All(),
		"loopback/hello/tls": kinds, "loopback/hello/pipelined": kinds, "loopback/upload": kinds, "loopback/download": append(named("geist (without a copy)"), kinds...),
		"loopback/api/churn": kinds, "loopback/api/latency": kinds,
	} {
		s := find(t, name)
		t.Run(s.name, func(t *testing.T) {
			out := runScene(t, s, among, tiny(t))
			for _, f := range out.Failures {
				t.Errorf("%s: %s", f.Peer, f.What)
			}
			want := min(len(among), 8)
			if strings.HasSuffix(s.name, "/latency") {
				want *= len(shares())
			}
			if len(out.Contenders) != want || out.NotMeasured != "" {
				t.Fatalf("%d rows, want %d; %s", len(out.Contenders), want, out.NotMeasured)
			}
			for _, c := range out.Contenders {
				for _, m := range out.Metrics {
					if v := c.Values[m.Key]; v == nil || len(v.Samples) != 1 || v.Median <= 0 {
						t.Errorf("%s: %s is %+v", c.Name, m.Key, v)
					} else if m.Ratio && (v.Ratio == nil) != (c.Peer == "fasthttp") {
						t.Errorf("%s: the ratio of %s is %v", c.Name, m.Key, v.Ratio)
					}
				}
			}
		})
	}
}

// TestScene_failures: a peer that goes wrong is a failure with its cause, and the others are
// measured.
func TestScene_failures(t *testing.T) {
	good := named("net/http ServeMux")[0]
	out := runScene(t, find(t, "loopback/hello"), append(badPeers(), good), tiny(t))
	if len(out.Failures) != len(badPeers()) {
		t.Errorf("%d failures, want %d", len(out.Failures), len(badPeers()))
	}
	for peer, want := range map[string]string{
		"exits": "exit status 3", "panics": "panic: boom", "changes": `has "Hello, Wurld!", want "Hello, World!"`,
		"lies": "param: answered 200", "closes": "answered with Connection: close", "wavers": `and then "Hello, World!"`, "refuses": "it does not start: the server's process has ended: exit status 2: panic: cannot be built",
	} {
		i := slices.IndexFunc(out.Failures, func(f result.Failure) bool { return f.Peer == peer })
		if i < 0 || !strings.Contains(out.Failures[i].What, want) || strings.Contains(out.Failures[i].What, "\n") {
			t.Errorf("%s: failures %q, want %q", peer, out.Failures, want)
		}
	}
	if len(out.Contenders) != 1 || out.Contenders[0].Peer != good.Name || len(out.Contenders[0].Samples("rate")) != 1 {
		t.Errorf("%d rows are left, want that of %s", len(out.Contenders), good.Name)
	}
}

// TestScene_diesInARound: also who has been measured already loses its row.
func TestScene_diesInARound(t *testing.T) {
	s, set := find(t, "loopback/hello"), tiny(t)
	set.Rounds = 3
	out := &result.Scene{}
	b := &bench{scene: s, ctx: t.Context(), out: out, set: set, step: func(suite.Step) {}, all: named("geist", "fasthttp"), on: splitCores(), rnd: rand.New(rand.NewPCG(1, 2))}
	cs, err := b.field(set.Rounds, func(c *contender) error { c.row(""); return b.dial(c) })
	defer b.end(cs)
	if err != nil || len(cs) != 2 {
		t.Fatalf("%d servers, %v", len(cs), err)
	}
	turns := map[string]int{}
	err = b.rounds(set.Rounds, cs, func(c *contender) error {
		if turns[c.peer]++; turns[c.peer] == 2 && c.peer == "geist" {
			if err := c.cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
		return b.closedBatch(c)
	})
	if err != nil || len(out.Contenders) != 1 || len(out.Failures) != 1 || !strings.Contains(out.Failures[0].What, "signal: killed") {
		t.Errorf("%v; %d rows, failures %v", err, len(out.Contenders), out.Failures)
	}
	if turns["geist"] != 2 || turns["fasthttp"] != 3 || b.done != b.total {
		t.Errorf("turns %v, %d of %d steps", turns, b.done, b.total)
	}
}

// TestScene_stopped: when the context ends, what there is stays, and nobody has failed.
func TestScene_stopped(t *testing.T) {
	set := tiny(t)
	set.Rounds = 3
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &result.Scene{}
	n := 0
	err := find(t, "loopback/hello").suite(named("geist", "fasthttp")).Run(ctx, out, set, func(suite.Step) {
		if n++; n == 5 { // two to start, two of the first round
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || len(out.Failures) != 0 || len(out.Contenders) != 2 || len(out.Contenders[0].Samples("rate")) != 1 {
		t.Errorf("%v; %d rows, failures %v", err, len(out.Contenders), out.Failures)
	}
}
