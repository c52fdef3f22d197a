//go:build linux

// Realtime compares servers of WebSocket and Server-Sent Events and prints Markdown
// tables of medians and of ratios with 95 % intervals. Each server is a process of its
// own: this program, started again. Clients and statistics are in the first.
//
//	go run ./cmd/realtime -list
//	go run ./cmd/realtime -scene ws/fanout/1000x16 -peer 'geist|melody|centrifuge'
//	go run ./cmd/realtime -scene ws/hold -held 15000 -trials 3
//	go run ./cmd/realtime -quick
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gogeist/geist/bench/realtime"
	"github.com/gogeist/geist/bench/realtime/control"
	"github.com/gogeist/geist/bench/realtime/servers"
)

func main() {
	if err := run(os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "realtime:", err)
		os.Exit(1)
	}
}

type options struct {
	realtime.Options
	scenes []string
	list   bool
	quick  bool
	json   string
}

func run(w io.Writer, args []string) error {
	if served, err := control.ServeArgs(args); served {
		return err
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	if o.list {
		for _, s := range realtime.All() {
			fmt.Fprintf(w, "%-20s %s\n", s.Name, s.Title)
		}
		return nil
	}
	header(w, args, o)
	return compare(w, o)
}

func parse(args []string) (o options, err error) {
	fs := flag.NewFlagSet("realtime", flag.ContinueOnError)
	names := fs.String("scene", "all", "scenes or their prefixes, separated by commas")
	peer := fs.String("peer", "", "only servers whose name matches this regular expression")
	fs.IntVar(&o.Rounds, "rounds", 10, "rounds, in each of which every server runs one batch")
	fs.DurationVar(&o.Batch, "batch", 500*time.Millisecond, "least duration of a batch")
	fs.IntVar(&o.Trials, "trials", 3, "fresh processes of each server in the scenes hold and stalled")
	fs.IntVar(&o.Conns, "conns", 1000, "clients in the scenes of fan-out")
	fs.DurationVar(&o.Rest, "rest", 12*time.Second, "how long connections of the scenes hold rest before their memory is read")
	fs.DurationVar(&o.Forget, "forget", 30*time.Second, "how long a server may take to let go of connections that have vanished")
	held := fs.String("held", "1000,4000,15000", "clients in the scenes hold")
	fs.IntVar(&o.Crowd, "crowd", 100_000, "other rooms in the scene crowd")
	fs.BoolVar(&o.quick, "quick", false, "few clients, 3 short rounds: shows that it works, not how fast it is")
	fs.BoolVar(&o.list, "list", false, "list the scenes and exit")
	fs.StringVar(&o.json, "json", "", "also write every sample to this file, as JSON")
	verbose := fs.Bool("v", false, "say on the error output what goes on")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if o.quick {
		o.Rounds, o.Batch, o.Trials, o.Conns, o.Crowd, *held = 3, 20*time.Millisecond, 1, 100, 500, "100"
		o.Rest, o.Forget = 0, 2*time.Second
	}
	o.scenes = strings.Split(*names, ",")
	if *verbose {
		o.Log = func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	}
	for s := range strings.SplitSeq(*held, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return o, fmt.Errorf("-held %q: want numbers of clients", *held)
		}
		o.Held = append(o.Held, n)
	}
	if *peer != "" {
		if o.Filter, err = regexp.Compile(*peer); err != nil {
			return o, err
		}
	}
	o.Exe, err = os.Executable()
	return o, errors.Join(err, enoughFiles(slices.Max(o.Held)))
}

// enoughFiles raises the limit of open files as far as it goes. Go does that for itself,
// and for programs that it starts sets it back: servers raise theirs in the same way.
func enoughFiles(conns int) error {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return err
	}
	if lim.Max < uint64(conns)+100 {
		return fmt.Errorf("%d clients need as many open files, the limit is %d; see -held", conns, lim.Max)
	}
	return nil
}

func compare(w io.Writer, o options) error {
	var tables []*realtime.Table
	for _, s := range realtime.All() {
		if !o.wants(s.Name) {
			continue
		}
		t, err := s.Run(o.Options)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "\n## %s\n\n%s.\n\n", t.Scene, t.Title)
		t.Markdown(w)
		tables = append(tables, t)
	}
	if len(tables) == 0 {
		return fmt.Errorf("no scene matches %q; see -list", o.scenes)
	}
	if o.json == "" {
		return nil
	}
	b, err := json.MarshalIndent(tables, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(o.json, append(b, '\n'), 0o644)
}

func (o options) wants(name string) bool {
	return slices.ContainsFunc(o.scenes, func(s string) bool {
		return s == "all" || name == s || strings.HasPrefix(name, s+"/")
	})
}

// header writes what a reader needs to judge the figures and to get them again.
func header(w io.Writer, args []string, o options) {
	fmt.Fprintf(w, "`go run ./cmd/realtime %s`, %s\n\n", strings.Join(args, " "), time.Now().UTC().Format("2006-01-02 15:04 UTC"))
	if o.quick {
		fmt.Fprintf(w, "**-quick: these figures show that the suite works. Do not quote them.**\n\n")
	}
	load, _, _ := strings.Cut(text("/proc/loadavg"), " ")
	fmt.Fprintf(w, "%s %s/%s, kernel %s, %d CPUs, load %s; %d interleaved rounds of at least %v, %d trials\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, strings.TrimSpace(text("/proc/sys/kernel/osrelease")),
		runtime.NumCPU(), load, o.Rounds, o.Batch, o.Trials)
	fmt.Fprintln(w, strings.Join(versions(), ", "))
}

func text(file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	return string(b)
}

// versions returns the modules of the servers with their versions.
func versions() []string {
	mods := map[string]string{}
	if bi, ok := debug.ReadBuildInfo(); ok {
		for _, d := range bi.Deps {
			mods[d.Path] = d.Version
		}
	}
	var out []string
	for _, p := range servers.All() {
		if v := mods[p.Module]; v != "" && !slices.Contains(out, p.Module+" "+v) {
			out = append(out, p.Module+" "+v)
		}
	}
	return out
}
