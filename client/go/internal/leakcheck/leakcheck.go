// Package leakcheck fails the tests of this module that leave goroutines behind. The module has
// its own, since it must not depend on the server's.
package leakcheck

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// patience is how long goroutines may take to end after the tests.
const patience = 10 * time.Second

// Main runs the tests of a package and exits: with their code, or with 1 if they passed and left
// goroutines.
func Main(m *testing.M) {
	code := m.Run()
	if left := wait(time.Now().Add(patience)); code == 0 && len(left) > 0 {
		_, _ = fmt.Fprintf(os.Stderr, "leakcheck: %d goroutines did not end:\n\n%s\n", len(left), strings.Join(left, "\n\n"))
		code = 1
	}
	os.Exit(code)
}

// wait polls until nothing is left, or until end.
func wait(end time.Time) []string {
	for {
		left := leftovers()
		if len(left) == 0 || time.Now().After(end) {
			return left
		}
		time.Sleep(time.Millisecond)
	}
}

// leftovers returns the stacks of the goroutines that belong to neither the runtime nor the testing
// package.
func leftovers() []string {
	buf := make([]byte, 1<<20)
	stacks := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
	var left []string
	for _, stack := range stacks[1:] { // the first one is the caller
		_, creator, created := strings.Cut(stack, "\ncreated by ")
		if created && !strings.HasPrefix(creator, "runtime.") && !strings.HasPrefix(creator, "testing.") && !strings.HasPrefix(creator, "os/signal.") {
			left = append(left, stack)
		}
	}
	return left
}
