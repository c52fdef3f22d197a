package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"

	"github.com/gogeist/geist/bench/guard"
)

// more are the commands that only this system has.
func more() []command {
	return []command{{"guard", "count what must not grow (allocations, writes, goroutines) and compare it with baseline.json", guardCommand}}
}

// guardCommand compares exact figures with the committed baseline.
func guardCommand(ctx context.Context, c console, args []string) error {
	fs := flag.NewFlagSet("guard", flag.ContinueOnError)
	update := fs.Bool("update", false, "accept what is counted: write the baseline anew")
	file := fs.String("baseline", "baseline.json", "the `file` to compare with")
	if _, helped, err := parse(c, fs, args); err != nil || helped {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	figures, err := guard.Measure(ctx, exe)
	if err != nil {
		return err
	}
	if *update {
		fmt.Fprintf(c.out, "%d figures are written to %s\n", len(figures), *file)
		return guard.NewBaseline(figures).Write(*file)
	}
	base, err := guard.ReadBaseline(*file)
	if err != nil {
		return fmt.Errorf("%w; go run . guard -update writes one", err)
	}
	return judge(c, base, figures)
}

// judge reports what differs from the baseline, and fails if that has to be accepted.
func judge(c console, base *guard.Baseline, figures []guard.Figure) error {
	changes := base.Compare(figures)
	for _, ch := range changes {
		fmt.Fprintln(c.out, ch)
	}
	failing := guard.Failing(changes)
	if len(failing) == 0 {
		fmt.Fprintf(c.out, "%d figures, none worse than the baseline\n", len(figures))
		return nil
	}
	why := ""
	if base.Go != runtime.Version() {
		why = fmt.Sprintf(" (the baseline was counted with %s, this is %s)", base.Go, runtime.Version())
	}
	return errors.New(fmt.Sprint(len(failing), " figures are not as in the baseline", why,
		": if the change is meant, accept it with `go run . guard -update` in bench and commit baseline.json"))
}
