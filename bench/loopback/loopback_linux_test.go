package loopback

import (
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
			all := peers.All()
			good, err := all[slices.IndexFunc(all, func(p peers.Peer) bool { return p.Name == "net/http ServeMux" })].Plain()
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
		{Name: "refuses", Plain: func() (peers.App, error) { panic("cannot be built") }},
	}
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

// TestScenes runs every scene a little, which proves every answer of every peer.
func TestScenes(t *testing.T) {
	for _, s := range scenes() {
		if slices.ContainsFunc(tools(), func(x tool) bool { return strings.HasSuffix(s.name, "/"+x.name) }) {
			continue // TestScene_tool
		}
		t.Run(s.name, func(t *testing.T) {
			out := runScene(t, s, peers.All(), tiny(t))
			for _, f := range out.Failures {
				t.Errorf("%s: %s", f.Peer, f.What)
			}
			each := 1
			if strings.HasSuffix(s.name, "/latency") {
				each = len(shares())
			}
			if want := 8 * each; len(out.Contenders) != want || out.NotMeasured != "" {
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
