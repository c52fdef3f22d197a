package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gogeist/geist/bench/render"
	"github.com/gogeist/geist/bench/result"
	"github.com/gogeist/geist/bench/suite"
)

// job is what the command all is asked for.
type job struct {
	suite.Settings
	scenes  []suite.Scene
	out     string
	command string // that measures the same again
}

// all measures.
func all(ctx context.Context, c console, args []string) error {
	j, helped, err := parseAll(c, args)
	if err != nil || helped {
		return err
	}
	if err := os.MkdirAll(j.out, 0o755); err != nil {
		return err
	}
	if j.Exe, err = os.Executable(); err != nil {
		return err
	}
	r := suite.Runner{
		Scenes: j.scenes, Settings: j.Settings, Modules: modules(), Limits: suite.ThisSystem(),
		Command:  j.command,
		Progress: suite.NewProgress(c.log, terminal(c.log)),
	}
	var file string
	r.Done = func(run *result.Run) error { // after every scene: what is measured is not lost
		if file == "" {
			file = filepath.Join(j.out, fileName(run))
		}
		if n := len(run.Scenes); n > 0 {
			render.Table(c.out, run.Scenes[n-1])
		}
		return run.Write(file)
	}
	run, err := r.Run(ctx)
	if err != nil {
		return err
	}
	if file == "" {
		return errors.New("stopped before anything was measured")
	}
	return finish(c, run, file)
}

// finish writes the reports of a run and returns what makes the program fail.
func finish(c console, run *result.Run, file string) error {
	base := strings.TrimSuffix(file, ".json")
	if err := writeReports(run, map[string]string{"html": base + ".html", "md": base + ".md"}); err != nil {
		return err
	}
	fmt.Fprintf(c.log, "%s\n%s.html\n%s.md\n", file, base, base)
	switch n := run.Failures(); {
	case run.Interrupted:
		return fmt.Errorf("stopped after %d scenes", len(run.Scenes))
	case n == 1:
		return errors.New("1 failure; the others are measured")
	case n > 1:
		return fmt.Errorf("%d failures; the others are measured", n)
	}
	return nil
}

func parseAll(c console, args []string) (j job, helped bool, err error) {
	fs := flag.NewFlagSet("all", flag.ContinueOnError)
	quick := fs.Bool("quick", false, "a look, no claim: few and short rounds, without -scene also without scenes that repeat others at other sizes")
	full := fs.Bool("full", false, "for quoting; this is the default")
	scene := fs.String("scene", "", "only scenes whose name matches this `expression`")
	peer := fs.String("peer", "", "only peers whose name matches this `expression`")
	fs.StringVar(&j.out, "out", "results", "the `directory` of the files")
	fs.BoolVar(&j.Verbose, "v", false, "say on the error output what goes on inside the scenes")
	fs.IntVar(&j.Rounds, "rounds", 0, "rounds, in each of which every contender runs one batch (10, in latency and real-time growth 6; quick 3)")
	fs.DurationVar(&j.Batch, "batch", 0, "least duration of a batch (30ms, in real time 500ms; quick 2ms and 20ms)")
	fs.IntVar(&j.Trials, "trials", 0, "trials in gone (100), fresh processes in stalled (3), transfer (6) and hold (1 or 2, by the number of clients)")
	fs.IntVar(&j.Conns, "conns", 0, "clients of the fan-out scenes (1000; quick 100)")
	held := fs.String("held", "", "clients of the hold scenes, each number in turn and by every server (1000,5000 and, by some servers, 15000; quick 100)")
	fs.IntVar(&j.Crowd, "crowd", 0, "other rooms of ws/crowd (100000; quick 500)")
	fs.DurationVar(&j.Rest, "rest", 0, "how long clients of the hold scenes rest before memory is read (12s; quick and negative: not at all)")
	fs.DurationVar(&j.Forget, "forget", 0, "how long servers may take to let go of clients that have vanished (30s; quick 2s)")
	fs.IntVar(&j.Size, "size", 0, "MiB of each transfer (1024; quick 32)")
	if _, helped, err = parse(c, fs, args); err != nil || helped {
		return j, helped, err
	}
	if *quick && *full {
		return j, false, errors.New("-quick and -full exclude each other")
	}
	j.Mode = result.Full
	if *quick {
		j.Mode = result.Quick
	}
	j.command = again(fs)
	return j, false, j.resolve(*scene, *peer, *held)
}

// again is the command of the flags that were given, but those that say where files go and
// what is told meanwhile: what they name belongs to one machine.
func again(fs *flag.FlagSet) string {
	words := []string{"go run . all"}
	fs.Visit(func(f *flag.Flag) {
		switch v := f.Value.String(); {
		case f.Name == "out" || f.Name == "v" || v == "false":
		case v == "true":
			words = append(words, "-"+f.Name)
		default:
			words = append(words, "-"+f.Name, suite.Quote(v))
		}
	})
	return strings.Join(words, " ")
}

// resolve checks the flags and finds the scenes.
func (j *job) resolve(scene, peer, held string) error {
	for name, v := range map[string]int{"rounds": j.Rounds, "trials": j.Trials, "conns": j.Conns, "crowd": j.Crowd, "size": j.Size, "batch": int(j.Batch)} {
		if v < 0 {
			return fmt.Errorf("-%s is negative", name)
		}
	}
	if held != "" {
		for s := range strings.SplitSeq(held, ",") {
			n, err := strconv.Atoi(s)
			if err != nil || n < 1 {
				return fmt.Errorf("-held %q: want numbers of clients, separated by commas", held)
			}
			j.Held = append(j.Held, n)
		}
	}
	if peer != "" {
		var err error
		if j.Peer, err = regexp.Compile(peer); err != nil {
			return fmt.Errorf("-peer %q: %w", peer, err)
		}
	}
	wanted, err := regexp.Compile(scene)
	if err != nil {
		return fmt.Errorf("-scene %q: %w", scene, err)
	}
	for _, s := range catalogue() {
		if wanted.MatchString(s.Name) && !(s.Repeats && scene == "" && j.Mode == result.Quick) {
			j.scenes = append(j.scenes, s)
		}
	}
	if len(j.scenes) == 0 {
		return fmt.Errorf("no scene matches %q; see go run . list", scene)
	}
	return nil
}

// expectation is how long the job will take.
func (j *job) expectation() time.Duration { return suite.Expectation(j.scenes, j.Settings) }

// list lists the scenes.
func list(_ context.Context, c console, args []string) error {
	fs := flag.NewFlagSet("list", flag.ContinueOnError)
	if _, helped, err := parse(c, fs, args); err != nil || helped {
		return err
	}
	full, quick := job{Settings: suite.Settings{Mode: result.Full}}, job{Settings: suite.Settings{Mode: result.Quick}}
	if err := errors.Join(full.resolve("", "", ""), quick.resolve("", "", "")); err != nil {
		return err
	}
	for _, s := range full.scenes {
		fmt.Fprintf(c.out, "%-22s %6s  %s\n", s.Name, suite.Span(suite.Expectation([]suite.Scene{s}, full.Settings)), s.Title)
	}
	fmt.Fprintf(c.out, "%d scenes, about %s; with -quick %d, about %s\n",
		len(full.scenes), suite.Span(full.expectation()), len(quick.scenes), suite.Span(quick.expectation()))
	return nil
}

// fileName is made of the time and the revision, so that no run overwrites another.
func fileName(run *result.Run) string {
	name := run.Started.Format("2006-01-02-150405")
	if run.Commit != "" {
		name += "-" + run.Commit[:min(len(run.Commit), 7)]
	}
	if run.Mode == result.Quick {
		name += "-quick"
	}
	return name + ".json"
}

// terminal reports whether w is a terminal.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
