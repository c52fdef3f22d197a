// Package leakcheck fails tests that leave goroutines behind. A package that starts
// goroutines checks all of its tests at once:
//
//	func TestMain(m *testing.M) { leakcheck.Main(m) }
package leakcheck

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// patience is how long goroutines may take to end after the tests: closing a
// connection or a server is often noticed a little later. Waiting costs nothing
// where nothing is left.
const patience = 10 * time.Second

// processWide are functions whose goroutines belong to the process or end by
// themselves, named as in a stack. Each is here for the reason beside it.
var processWide = [...]string{
	"os/signal.loop", // started by the first Notify, never ends
	"github.com/valyala/fasthttp.updateServerDate.func1",     // the clock of the Date header, never ends
	"github.com/valyala/fasthttp.(*workerPool).Start.func2",  // sleeps up to 10 s before it sees that its server has stopped
	"github.com/valyala/fasthttp.(*HostClient).connsCleaner", // ends when the connections of a test's client are idle for long
	"github.com/valyala/fasthttp.(*Client).mCleaner",         // likewise
	"github.com/valyala/fasthttp.(*TCPDialer).tcpAddrsClean", // ends when the client's DNS entries expire
	"github.com/valyala/fasthttp/stackless.funcWorker",       // the compressors' shared workers, never end
}

// Main runs the tests of a package and exits: with their code, or with 1 if they
// passed and left goroutines. It is the whole body of a TestMain.
func Main(m *testing.M) { os.Exit(Run(m)) }

// Run does what Main does and returns the exit code, for a TestMain that has
// something to do afterwards. What runs before it is called is not a leak.
func Run(m *testing.M) int { return run(m.Run, patience, os.Stderr) }

func run(tests func() int, patience time.Duration, out io.Writer) int {
	before := ids(goroutines())
	code := tests()
	if code != 0 {
		return code // tests that were cut short leave goroutines, which would hide why
	}
	if left := wait(before, patience); len(left) > 0 {
		_, _ = fmt.Fprint(out, report(left))
		return 1
	}
	return 0
}

// Check fails tb when it ends with goroutines that were not there when Check was
// called. It waits up to 10 s for them, after the cleanups that are registered later.
// It cannot tell whose goroutines it sees: tests that use it do not run in parallel.
func Check(tb testing.TB) { check(tb, patience) }

func check(tb testing.TB, patience time.Duration) {
	tb.Helper()
	before := ids(goroutines())
	tb.Cleanup(func() {
		tb.Helper()
		if tb.Failed() {
			return
		}
		if left := wait(before, patience); len(left) > 0 {
			tb.Error(report(left))
		}
	})
}

// wait polls, ever more slowly, until only goroutines in before are left or patience
// has passed. It returns the others.
func wait(before map[string]bool, patience time.Duration) []goroutine {
	end := time.Now().Add(patience)
	for pause := 100 * time.Microsecond; ; pause = min(2*pause, 200*time.Millisecond) {
		left := slices.DeleteFunc(goroutines(), func(g goroutine) bool {
			return before[g.id] || g.ignored()
		})
		if len(left) == 0 || !time.Now().Before(end) {
			return left
		}
		time.Sleep(pause)
	}
}

func report(left []goroutine) string {
	var b strings.Builder
	fmt.Fprintf(&b, "leakcheck: %d goroutines did not end:\n", len(left))
	for _, g := range left {
		fmt.Fprintf(&b, "\n%s\n", g.stack)
	}
	return b.String()
}
