// Bench compares geist with its peers. See README.md.
//
//	go run . all -quick
//	go run . all -scene '^router/' -peer 'geist|gin'
//	go run . report results/2026-01-31-120000-1a2b3c4.json
//
// The scenes are in the packages scenes, loopback, realtime and transfer, the applications in peers
// and realtime/servers. Package suite runs them, package result is what they write.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/gogeist/geist/bench/suite"
)

func main() {
	if served, err := serveChild(os.Args[1:], catalogue()); served {
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	// A second interrupt ends the program at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop)
	err := run(ctx, console{os.Stdout, os.Stderr}, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// serveChild is a server or a scene, if args are those of a process that this program has
// started. It reports whether they were.
func serveChild(args []string, scenes []suite.Scene) (bool, error) {
	for _, serve := range append(children(), func(args []string) (bool, error) { return suite.ServeChild(args, scenes) }) {
		if served, err := serve(args); served {
			return true, err
		}
	}
	return false, nil
}

// console is where a command writes: results and what goes on.
type console struct {
	out, log io.Writer
}

// A command is the first argument.
type command struct {
	name, use string
	run       func(ctx context.Context, c console, args []string) error
}

func commands() []command {
	return append([]command{
		{"all", "measure: every scene, or those of -scene; writes a file of results and reports of it", all},
		{"list", "list the scenes, and how long each takes", list},
		{"report", "write a page, Markdown, charts or JSON of one or more files of results", report},
		{"diff", "compare two runs, each of one or more files of results", diff},
		{"capacity", "compute machines and money for a million connections or requests/s out of files of results", capacityCommand},
		{"loop", "run one contender and measure nothing, under a profiler", loop},
	}, more()...)
}

func run(ctx context.Context, c console, args []string) error {
	if len(args) == 0 {
		return errors.New("which command?" + usage())
	}
	for _, cmd := range commands() {
		if cmd.name == args[0] {
			return cmd.run(ctx, c, args[1:])
		}
	}
	if args[0] == "help" || args[0] == "-h" || args[0] == "-help" || args[0] == "--help" {
		fmt.Fprintln(c.out, "go run . command [flags]"+usage())
		return nil
	}
	return fmt.Errorf("there is no command %q%s", args[0], usage())
}

func usage() string {
	var sb strings.Builder
	for _, cmd := range commands() {
		fmt.Fprintf(&sb, "\n  %-9s%s", cmd.name, cmd.use)
	}
	return sb.String() + "\nThe flags of each: go run . command -h"
}

// parse parses the flags of a command and returns what follows them, which must be as many
// words as want names, or more if its last ends with an ellipsis. With -h it writes the flags
// and reports true.
func parse(c console, fs *flag.FlagSet, args []string, want ...string) (rest []string, helped bool, err error) {
	fs.SetOutput(io.Discard)
	err = fs.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(c.out, "go run . %s [flags] %s\n", fs.Name(), strings.Join(want, " "))
		fs.SetOutput(c.out)
		fs.PrintDefaults()
		return nil, true, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("%w; see go run . %s -h", err, fs.Name())
	}
	more := len(want) > 0 && strings.HasSuffix(want[len(want)-1], "…")
	if fs.NArg() < len(want) || fs.NArg() > len(want) && !more {
		return nil, false, fmt.Errorf("%s takes %s after its flags and got %q; see go run . %s -h",
			fs.Name(), words(want), fs.Args(), fs.Name())
	}
	return fs.Args(), false, nil
}

func words(want []string) string {
	if len(want) == 0 {
		return "nothing"
	}
	return strings.Join(want, " and ")
}
