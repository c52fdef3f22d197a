package suite

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist/bench/result"
	"github.com/gogeist/geist/internal/leakcheck"
)

// The test program is also the scenes.
func TestMain(m *testing.M) {
	if served, err := ServeChild(os.Args[1:], []Scene{samples()}); served {
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

// samples is a scene whose peers do what their names say. Settings choose them.
func samples() Scene {
	return Scene{Name: "samples", Title: "peers that behave as they are called", Run: runSamples}
}

func runSamples(ctx context.Context, out *result.Scene, s Settings, step StepFunc) error {
	out.Bases, out.Metrics = []string{"good"}, []result.Metric{{Key: "ns", Name: "time", Ratio: true}}
	for _, peer := range []string{"good", "wrong", "panics", "dies", "hangs", "slow", "better"} {
		if !s.Wants(peer) {
			continue
		}
		fmt.Print("a library that writes to the standard output")
		step(Step{Total: 1, Peer: peer})
		if err := runSample(ctx, peer); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			out.Fail(peer, err)
			continue
		}
		c := result.NewContender(peer, "")
		for range s.Rounds {
			c.Add("ns", float64(len(peer)))
		}
		out.Contenders = append(out.Contenders, c)
	}
	return nil
}

func runSample(ctx context.Context, peer string) error {
	switch peer {
	case "wrong":
		return errors.New("answered 500, want 200")
	case "panics":
		panic("in the scene itself")
	case "dies": // as a server does whose handler panics in a goroutine that nobody recovers
		go func() { panic("boom") }()
		select {}
	case "hangs":
		select {}
	case "slow":
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func settings(t *testing.T, peers string) Settings {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Settings{Mode: result.Quick, Rounds: 3, Exe: exe, Peer: regexp.MustCompile("^(" + peers + ")$")}
}

func runPeers(t *testing.T, peers string, change func(*Runner)) *result.Run {
	t.Helper()
	r := &Runner{Scenes: []Scene{samples()}, Settings: settings(t, peers)}
	if change != nil {
		change(r)
	}
	run, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(run.Scenes) != 1 {
		t.Fatalf("%d scenes, want 1", len(run.Scenes))
	}
	return run
}

// Whatever goes wrong with a peer is a failure in the results, and the others are measured.
func TestRunner_failures(t *testing.T) {
	for _, tt := range []struct {
		peer, culprit, want string
		left                int
	}{
		{"none", "", "", 2},
		{"wrong", "wrong", "answered 500, want 200", 2},
		{"dies", "dies", "panic: boom", 2},
		{"hangs", "hangs", "it made no progress for 3s", 2},
		{"panics", "the scene", "panic: in the scene itself", 1},
	} {
		t.Run(tt.peer, func(t *testing.T) {
			run := runPeers(t, "good|better|"+tt.peer, func(r *Runner) {
				if tt.peer == "hangs" {
					r.Patience = 3 * time.Second
				}
			})
			s := run.Scenes[0]
			if len(s.Contenders) != tt.left {
				t.Errorf("%d rows are left, want %d", len(s.Contenders), tt.left)
			}
			if tt.want == "" {
				if run.Failures() != 0 {
					t.Errorf("failures %v", s.Failures)
				}
				if v := s.Contender("better").Values["ns"]; v.Median != 6 || v.Ratio == nil || v.Ratio.Median != 1.5 {
					t.Errorf("better: %+v, want 6 and a ratio of 1.5", v)
				}
				return
			}
			if len(s.Failures) != 1 || s.Failures[0].Peer != tt.culprit || !strings.Contains(s.Failures[0].What, tt.want) {
				t.Errorf("failures %v, want %s: %s", s.Failures, tt.culprit, tt.want)
			}
		})
	}
}

func TestRunner_noProgram(t *testing.T) {
	run := runPeers(t, "good", func(r *Runner) { r.Settings.Exe = "no such program" })
	if f := run.Scenes[0].Failures; len(f) != 1 || f[0].Peer != "the scene" {
		t.Errorf("failures %v", f)
	}
}

func TestRunner_notMeasured(t *testing.T) {
	for _, tt := range []struct {
		needs Needs
		want  string
	}{
		{Needs{Files: 101}, "101 open files"}, {Needs{Ports: 21}, "21 ports"}, {Needs{Files: 100, Ports: 20}, ""},
	} {
		run := runPeers(t, "good", func(r *Runner) {
			r.Limits = Limits{Files: 100, Ports: 20}
			r.Scenes[0].Needs = func(Settings) Needs { return tt.needs }
		})
		s := run.Scenes[0]
		if (tt.want == "") != (s.NotMeasured == "") || !strings.Contains(s.NotMeasured, tt.want) || (tt.want == "") == (len(s.Contenders) == 0) {
			t.Errorf("%+v: not measured %q, %d rows", tt.needs, s.NotMeasured, len(s.Contenders))
		}
	}
}

// A run that is stopped keeps what it has: the rows that were done, and no failure.
func TestRunner_stopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := 0
	r := &Runner{Scenes: []Scene{samples(), samples()}, Settings: settings(t, "good|slow"), Done: func(*result.Run) error { done++; return nil }}
	out := &writer{seen: func(text string) {
		if strings.Contains(text, "slow") {
			cancel()
		}
	}}
	r.Progress = NewProgress(out, true)
	r.Progress.every = 0
	run, err := r.Run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if !run.Interrupted || len(run.Scenes) != 1 || done != 1 {
		t.Fatalf("interrupted %v, %d scenes, %d calls", run.Interrupted, len(run.Scenes), done)
	}
	if s := run.Scenes[0]; len(s.Contenders) != 1 || len(s.Failures) != 0 || s.Contenders[0].Values["ns"].Median != 4 {
		t.Errorf("%d rows, failures %v", len(s.Contenders), s.Failures)
	}
}

// writer calls seen with each write.
type writer struct {
	bytes.Buffer
	seen func(string)
}

func (w *writer) Write(p []byte) (int, error) {
	if w.seen != nil {
		w.seen(string(p))
	}
	return w.Buffer.Write(p)
}

func TestRunner_doneFails(t *testing.T) {
	full := errors.New("disk full")
	r := &Runner{Scenes: []Scene{samples(), samples()}, Settings: settings(t, "good"), Done: func(*result.Run) error { return full }}
	if run, err := r.Run(t.Context()); !errors.Is(err, full) || len(run.Scenes) != 1 {
		t.Errorf("got %v after %d scenes", err, len(run.Scenes))
	}
}

func TestServeChild_refuses(t *testing.T) {
	if served, _ := ServeChild([]string{"all"}, nil); served {
		t.Error("took a command for a scene")
	}
	if served, err := ServeChild([]string{flagChild, "nobody"}, []Scene{samples()}); !served || err == nil {
		t.Errorf("got %v, %v", served, err)
	}
}

// Settings reach the process of a scene as they are.
func TestSettings_json(t *testing.T) {
	want := Settings{Mode: result.Full, Rounds: 4, Batch: time.Second, Held: []int{1, 2}, Rest: -1, Peer: regexp.MustCompile("a|b"), Without: []string{"c"}}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Settings
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if got.Peer.String() != want.Peer.String() {
		t.Errorf("peer %v", got.Peer)
	}
	got.Peer = want.Peer
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestSettings_command(t *testing.T) {
	s := Settings{Mode: result.Quick, Rounds: 4, Held: []int{10, 20}, Peer: regexp.MustCompile("a|b's")}
	if got, want := s.command("ws/hold"), `go run . all -quick -scene '^ws/hold$' -held 10,20 -peer 'a|b'\''s' -rounds 4`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSettings_wants(t *testing.T) {
	s := Settings{Peer: regexp.MustCompile("^a"), Without: []string{"ab"}}
	for peer, want := range map[string]bool{"a": true, "ab": false, "b": false} {
		if got := s.Wants(peer); got != want {
			t.Errorf("%s: %v", peer, got)
		}
	}
}

func TestProgress_plain(t *testing.T) {
	var out bytes.Buffer
	r := &Runner{Scenes: []Scene{samples()}, Settings: settings(t, "good"), Progress: NewProgress(&out, false)}
	if _, err := r.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`^1 scenes, about 10s\n1 of 1, 10s left: samples\ndone in \d+s\n$`)
	if !want.MatchString(out.String()) {
		t.Errorf("got %q, want %s", out.String(), want)
	}
}

func TestProgress_bar(t *testing.T) {
	var out bytes.Buffer
	p := NewProgress(&out, true)
	p.begin([]Scene{samples(), samples()}, Settings{})
	p.scene("samples")
	p.since, p.began = p.since.Add(-5*time.Second), p.began.Add(-5*time.Second)
	p.every = 0
	p.step(Step{Done: 5, Total: 10, Peer: "gin"})
	if got := out.String(); !strings.HasSuffix(got, "░ 1/2 15s left  samples  gin") || strings.Count(got[strings.LastIndex(got, "\r"):], "█") != 6 {
		t.Errorf("got %q", got)
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 59400 * time.Millisecond: "59s", 61 * time.Second: "1m01s", 3*time.Hour + 5*time.Minute + time.Second: "3h05m",
	} {
		if got := Span(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

// The machine that tests run on has cores and a version of Go; what else it tells varies.
func TestThisMachine(t *testing.T) {
	if m := ThisMachine(); m.Cores < 1 || m.Go == "" || m.OS == "" {
		t.Errorf("%+v", m)
	}
}
