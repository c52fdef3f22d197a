// Compare runs the contenders of a scene in turn, in one process, and prints a
// Markdown table of medians and of ratios with 95 % intervals.
//
//	go run ./cmd/compare -list
//	go run ./cmd/compare -scene router,server/github -rounds 20
//	go run ./cmd/compare -quick
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/gogeist/geist/bench/internal/measure"
	"github.com/gogeist/geist/bench/peers"
	"github.com/gogeist/geist/bench/scenes"
)

type options struct {
	scenes []string
	filter *regexp.Regexp
	base   string
	opts   measure.Options
	trials int
	quick  bool
}

func main() {
	if err := run(os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, args []string) error {
	fs := flag.NewFlagSet("compare", flag.ContinueOnError)
	names := fs.String("scene", "all", "scenes or their prefixes, separated by commas")
	rounds := fs.Int("rounds", 10, "rounds, in each of which every contender runs one batch")
	batch := fs.Duration("batch", 30*time.Millisecond, "least duration of a batch")
	trials := fs.Int("trials", 100, "trials of each contender of the scene gone")
	peer := fs.String("peer", "", "only contenders whose name matches this regular expression")
	base := fs.String("base", "", "the row that others are divided by, where rows do not name their own")
	quick := fs.Bool("quick", false, "3 rounds of 3 ms, 10 trials: shows that it works, not how fast it is")
	list := fs.Bool("list", false, "list the scenes and exit")
	if err := fs.Parse(args); err != nil {
		return err
	}
	o := options{
		scenes: strings.Split(*names, ","), base: *base, quick: *quick,
		opts: measure.Options{Rounds: *rounds, Batch: *batch}, trials: *trials,
	}
	if *quick {
		o.opts, o.trials = measure.Options{Rounds: 3, Batch: 3 * time.Millisecond}, 10
	}
	var err error
	if o.filter, err = regexp.Compile(*peer); err != nil {
		return err
	}
	if *list {
		for _, s := range scenes.All() {
			fmt.Fprintf(w, "%-18s %s\n", s.Name, s.Title)
		}
		fmt.Fprintln(w, goneLine)
		return nil
	}
	header(w, args, o)
	return compareAll(w, o)
}

const (
	goneTitle = "from a client's close to the end of the context that its handler waits on, loopback"
	goneLine  = "gone               " + goneTitle
)

func compareAll(w io.Writer, o options) error {
	ran := false
	for _, s := range scenes.All() {
		if o.wants(s.Name) {
			ran = true
			if err := compare(w, s, o); err != nil {
				return err
			}
		}
	}
	if o.wants("gone") {
		ran = true
		fmt.Fprintf(w, "\n## gone\n\n%s.\n\n", goneTitle)
		rows, err := scenes.Gone(o.trials)
		if err != nil {
			return err
		}
		scenes.WriteGone(w, rows)
	}
	if !ran {
		return fmt.Errorf("no scene matches %q; see -list", o.scenes)
	}
	return nil
}

func (o options) wants(name string) bool {
	return slices.ContainsFunc(o.scenes, func(s string) bool {
		return s == "all" || name == s || strings.HasPrefix(name, s+"/")
	})
}

func compare(w io.Writer, s scenes.Scene, o options) error {
	if s.Procs > 0 {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(s.Procs))
	}
	f, err := s.Setup()
	if err != nil {
		return err
	}
	defer f.Close()
	var cs []measure.Contender
	for _, c := range f.Contenders {
		if o.filter.MatchString(c.Name) {
			cs = append(cs, c)
		}
	}
	base := (&scenes.Field{Contenders: cs}).Base(append([]string{o.base}, s.Bases...))
	series, err := measure.Compare(cs, o.opts)
	if err != nil {
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	fmt.Fprintf(w, "\n## %s\n\n%s. GOMAXPROCS = %d.\n\n", s.Name, s.Title, runtime.GOMAXPROCS(0))
	measure.Markdown(w, series, base, s.Diff, s.Keep)
	for _, a := range f.Absent {
		fmt.Fprintf(w, "\nAbsent: %s.\n", a)
	}
	return nil
}

// header writes what a reader needs to judge the figures and to get them again.
func header(w io.Writer, args []string, o options) {
	fmt.Fprintf(w, "`go run ./cmd/compare %s`, %s\n\n", strings.Join(args, " "), time.Now().UTC().Format("2006-01-02 15:04 UTC"))
	if o.quick {
		fmt.Fprintf(w, "**-quick: these figures show that the suite works. Do not quote them.**\n\n")
	}
	fmt.Fprintf(w, "%s %s/%s, %d CPUs, %s; load %s; %d interleaved rounds of at least %v\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), field("/proc/cpuinfo", "model name"),
		load(), o.opts.Rounds, o.opts.Batch)
	versions := map[string]string{}
	if bi, ok := debug.ReadBuildInfo(); ok {
		for _, d := range bi.Deps {
			versions[d.Path] = d.Version
		}
	}
	var vs []string
	for _, p := range peers.All() {
		if v := versions[p.Module]; v != "" {
			vs = append(vs, p.Name+" "+v)
		}
	}
	fmt.Fprintln(w, strings.Join(vs, ", "))
}

// field returns the first value of a key in a file like /proc/cpuinfo.
func field(file, key string) string {
	b, _ := os.ReadFile(file)
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return "unknown CPU"
}

// load returns the load average of the last minute: above the number of CPUs,
// other programs disturb the run.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(b), " ")
	return first
}
