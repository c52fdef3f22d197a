package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist/bench/result"
	"github.com/gogeist/geist/bench/suite"
)

// The test program is also the scenes and their servers.
func TestMain(m *testing.M) {
	if served, err := serveChild(os.Args[1:], catalogue()); served {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	// Under the race detector a process sleeps for a second before it ends; those that
	// tests start need not.
	_ = os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0")
	os.Exit(m.Run())
}

// call runs a command and returns what it wrote.
func call(t *testing.T, args ...string) (out, log string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var o, l bytes.Buffer
	err = run(ctx, console{&o, &l}, args)
	return o.String(), l.String(), err
}

// TestAll_quick measures two small scenes, one of them with servers of their own, and goes
// through every command with the results.
func TestAll_quick(t *testing.T) {
	dir := t.TempDir()
	scenes := "^router/one-param$"
	if slices.ContainsFunc(catalogue(), func(s suite.Scene) bool { return s.Name == "ws/echo" }) { // on Linux
		scenes = "^(router/one-param|ws/echo|transfer)$"
	}
	out, log, err := call(t, "all", "-quick", "-size", "2", "-scene", scenes, "-peer", "^(geist|gin|melody)$", "-out", dir)
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	for _, want := range []string{"### router/one-param", "| gin |", "| geist |"} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*-quick.json"))
	if len(files) != 1 {
		t.Fatalf("files %q", files)
	}
	r, err := result.Read(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if want := "go run . all -peer '^(geist|gin|melody)$' -quick -scene '" + scenes + "' -size 2"; r.Command != want {
		t.Errorf("the command is %s, want %s", r.Command, want)
	}
	if s := r.Scene("router/one-param"); s == nil || len(s.Contenders) < 3 || len(s.Contenders[0].Samples("ns")) != 3 || r.Interrupted || r.Mode != result.Quick {
		t.Errorf("%+v", r)
	}
	if s := r.Scene("ws/echo"); s != nil && len(s.Contenders) != 2 {
		t.Errorf("%d servers in ws/echo, want 2", len(s.Contenders))
	}
	if s := r.Scene("transfer"); s != nil && (len(s.Contenders) != 3 || s.Contenders[0].Values["peak"].Median < 1) {
		t.Errorf("transfer: %d rows, %+v", len(s.Contenders), s.Contenders[0].Values["peak"])
	}
	base := strings.TrimSuffix(files[0], ".json")
	for _, ext := range []string{".html", ".md"} {
		if info, err := os.Stat(base + ext); err != nil || info.Size() < 1000 {
			t.Errorf("%s: %v, %v", ext, info, err)
		}
	}
	reports(t, files[0])
}

func reports(t *testing.T, file string) {
	t.Helper()
	dir := t.TempDir()
	if _, log, err := call(t, "report", "-json", filepath.Join(dir, "a.json"), "-md", filepath.Join(dir, "a.md"), "-images", dir, file); err != nil || !strings.Contains(log, "is not drawn") {
		t.Errorf("report: %v\n%s", err, log)
	}
	if made, _ := filepath.Glob(filepath.Join(dir, "*")); len(made) != 2 {
		t.Errorf("made %q, want two files", made)
	}
	if out, _, err := call(t, "capacity", "-cores", "48", file); err != nil || !strings.Contains(out, "| 48 |") {
		t.Errorf("capacity: %v\n%s", err, out)
	}
	if out, _, err := call(t, "report", "-json", filepath.Join(dir, "b.json"), file, file); err != nil {
		t.Errorf("report of two files: %v\n%s", err, out)
	}
	if out, _, err := call(t, "diff", "-fail-on-regress", file+","+file, file); err != nil || !strings.Contains(out, "no change") {
		t.Errorf("diff with itself: %v\n%s", err, out)
	}
}

func TestLoop(t *testing.T) {
	procs := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(procs)
	profile := filepath.Join(t.TempDir(), "cpu")
	if _, _, err := call(t, "loop", "-n", "10", "-cpuprofile", profile, "server/static", "geist"); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(profile); err != nil || info.Size() == 0 {
		t.Errorf("the profile: %v, %v", info, err)
	}
	for _, args := range [][]string{{"loop", "server/static", "nobody"}, {"loop", "none", "geist"}, {"loop", "-n", "0", "server/static", "geist"}, {"loop", "server/static"}} {
		if _, _, err := call(t, args...); err == nil {
			t.Errorf("%q: got no error", args)
		}
	}
}

// A regression of geist ends diff with an error, if that is asked for.
func TestDiff_failOnRegress(t *testing.T) {
	dir := t.TempDir()
	var files []string
	for i, x := range []float64{2, 3} {
		base, ours := result.NewContender("base", ""), result.NewContender("geist", "")
		for range 6 {
			base.Add("ns", 1)
			ours.Add("ns", x)
		}
		s := &result.Scene{Name: "s", Bases: []string{"base"}, Metrics: []result.Metric{{Key: "ns", Ratio: true}}, Contenders: []*result.Contender{base, ours}}
		s.Summarise()
		file := filepath.Join(dir, fmt.Sprint(i))
		if err := (&result.Run{Version: result.Version, Scenes: []*result.Scene{s}}).Write(file); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	if out, _, err := call(t, "diff", files[0], files[1]); err != nil || !strings.Contains(out, "worse") {
		t.Errorf("got %v\n%s", err, out)
	}
	if _, _, err := call(t, "diff", "-fail-on-regress", files[0], files[1]); err == nil {
		t.Error("no error")
	}
	if _, _, err := call(t, "diff", "-fail-on-regress", files[1], files[0]); err != nil {
		t.Errorf("an improvement: %v", err)
	}
}

func TestAll_stopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := run(ctx, console{&bytes.Buffer{}, &bytes.Buffer{}}, []string{"all", "-quick", "-out", t.TempDir()}); err == nil || !strings.Contains(err.Error(), "stopped") {
		t.Errorf("got %v", err)
	}
}

// Failures end the program with an error, after everything is written.
func TestFinish_failures(t *testing.T) {
	r := &result.Run{Version: result.Version, Scenes: []*result.Scene{{Name: "s", Failures: []result.Failure{{Peer: "gin", What: "answered 500"}}}}}
	file := filepath.Join(t.TempDir(), "run.json")
	if err := finish(console{&bytes.Buffer{}, &bytes.Buffer{}}, r, file); err == nil || err.Error() != "1 failure; the others are measured" {
		t.Errorf("got %v", err)
	}
	if b, err := os.ReadFile(strings.TrimSuffix(file, ".json") + ".md"); err != nil || !strings.Contains(string(b), "- s, gin: answered 500.") {
		t.Errorf("%v\n%s", err, b)
	}
}

func TestList(t *testing.T) {
	out, _, err := call(t, "list")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range catalogue() {
		if !strings.Contains(out, s.Name+" ") {
			t.Errorf("lacks %s", s.Name)
		}
	}
}

// Wrong words get a sentence that says what is wrong.
func TestRun_refuses(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"", "which command?"},
		{"compare", `there is no command "compare"`},
		{"all -nonsense", "-nonsense; see go run . all -h"},
		{"all x", `all takes nothing after its flags and got ["x"]`},
		{"all -quick -full", "exclude each other"},
		{"all -scene nonsense", `no scene matches "nonsense"`},
		{"all -scene (", `-scene "("`},
		{"all -peer (", `-peer "("`},
		{"all -held 0", `-held "0"`},
		{"all -held x,1", `-held "x,1"`},
		{"all -rounds -1", "-rounds is negative"},
		{"report", "report takes results.json…"},
		{"report none.json", "none.json"},
		{"capacity", "capacity takes results.json…"},
		{"capacity -headroom 1 none.json", "headroom is 1: want less than 1"},
		{"capacity none.json", "none.json"},
		{"diff a", "diff takes old.json[,more.json] and new.json[,more.json]"},
		{"list x", "list takes nothing"},
	} {
		if _, _, err := call(t, strings.Fields(tt.args)...); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: got %v, want %q", tt.args, err, tt.want)
		}
	}
}

func TestRun_help(t *testing.T) {
	for args, want := range map[string]string{"help": "report", "all -h": "-quick", "diff -h": "old.json[,more.json] new.json"} {
		if out, _, err := call(t, strings.Fields(args)...); err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v\n%s", args, err, out)
		}
	}
}
