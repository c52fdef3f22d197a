package leakcheck

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestMain proves Main on a package that leaves nothing: this one.
func TestMain(m *testing.M) { Main(m) }

// brief is the patience of tests in which a goroutine never ends.
const brief = 20 * time.Millisecond

// leak starts a goroutine that ends when the test does.
func leak(t *testing.T) {
	t.Helper()
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	go leaked(stop)
}

func leaked(stop <-chan struct{}) { <-stop }

func TestRun_leak(t *testing.T) {
	var out bytes.Buffer
	code := run(func() int { leak(t); return 0 }, brief, &out)
	if code != 1 {
		t.Errorf("code = %d, want 1", code)
	}
	for _, want := range []string{"1 goroutines did not end", "leakcheck.leaked(", "leakcheck_test.go:"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, out.String())
		}
	}
}

func TestRun_clean(t *testing.T) {
	leak(t) // what was there before is not a leak
	var out bytes.Buffer
	code := run(func() int {
		done := make(chan struct{})
		go close(done)
		<-done
		return 0
	}, patience, &out)
	if code != 0 || out.Len() > 0 {
		t.Errorf("code = %d, output %q, want 0 and none", code, out.String())
	}
}

func TestRun_waitsForTheLate(t *testing.T) {
	var out bytes.Buffer
	code := run(func() int { go time.Sleep(5 * brief); return 0 }, patience, &out)
	if code != 0 {
		t.Errorf("code = %d, want 0: %s", code, out.String())
	}
}

func TestRun_keepsTheTestsCode(t *testing.T) {
	var out bytes.Buffer
	code := run(func() int { leak(t); return 2 }, brief, &out)
	if code != 2 || out.Len() > 0 {
		t.Errorf("code = %d, output %q, want 2 and none: the tests had failed", code, out.String())
	}
}

// recorder is a test whose end the real one decides.
type recorder struct {
	testing.TB
	cleanup func()
	failed  bool
	errors  []string
}

func (r *recorder) Helper()           {}
func (r *recorder) Cleanup(f func())  { r.cleanup = f }
func (r *recorder) Failed() bool      { return r.failed }
func (r *recorder) Error(args ...any) { r.errors = append(r.errors, fmt.Sprint(args...)) }

func TestCheck_leak(t *testing.T) {
	r := &recorder{TB: t}
	check(r, brief)
	leak(t)
	r.cleanup()
	if len(r.errors) != 1 || !strings.Contains(r.errors[0], "leakcheck.leaked(") {
		t.Errorf("errors = %q, want one with the stack of leaked", r.errors)
	}
}

func TestCheck_clean(t *testing.T) {
	leak(t)
	r := &recorder{TB: t}
	Check(r)
	r.cleanup()
	if len(r.errors) != 0 {
		t.Errorf("errors = %q, want none", r.errors)
	}
}

func TestCheck_silentAfterFailure(t *testing.T) {
	r := &recorder{TB: t, failed: true}
	check(r, brief)
	leak(t)
	r.cleanup()
	if len(r.errors) != 0 {
		t.Errorf("errors = %q, want none: the test had failed already", r.errors)
	}
}

func TestParse_parts(t *testing.T) {
	g := parse("goroutine 42 [select, 2 minutes, locked to thread]:\n" +
		"runtime.gopark(0x1, {0x2, 0x3})\n\t/src/proc.go:1 +0x1\n" +
		"net/http.(*Server).Serve(0xc000, {0x1?, 0x2?})\n\t/src/server.go:2 +0x2\n" +
		"created by example/x.Start.func2 in goroutine 7\n\t/src/x.go:3 +0x3")
	if g.id != "42" || g.creator != "example/x.Start.func2" {
		t.Errorf("id, creator = %q, %q, want 42, example/x.Start.func2", g.id, g.creator)
	}
	if got, want := strings.Join(g.functions, " "), "runtime.gopark net/http.(*Server).Serve"; got != want {
		t.Errorf("functions = %q, want %q", got, want)
	}
}

func TestGoroutine_ignored(t *testing.T) {
	tests := []struct {
		name string
		g    goroutine
		want bool
	}{
		{"main", goroutine{}, true},
		{"finalizers", goroutine{creator: "runtime.createfing"}, true},
		{"a test", goroutine{creator: "testing.(*T).Run"}, true},
		{"fasthttp's clock", goroutine{creator: "sync.(*Once).doSlow", functions: []string{"time.Sleep", "github.com/valyala/fasthttp.updateServerDate.func1"}}, true},
		{"a server that nobody stopped", goroutine{creator: "example.Start", functions: []string{"net.accept", "github.com/valyala/fasthttp.(*Server).Serve"}}, false},
		{"a worker of a live connection", goroutine{creator: "github.com/valyala/fasthttp.(*workerPool).getCh", functions: []string{"github.com/valyala/fasthttp.(*workerPool).workerFunc"}}, false},
		{"ours", goroutine{creator: "github.com/gogeist/geist.(*Engine).Serve", functions: []string{"github.com/gogeist/geist.loop"}}, false},
	}
	for _, tt := range tests {
		if got := tt.g.ignored(); got != tt.want {
			t.Errorf("%s: ignored = %t, want %t", tt.name, got, tt.want)
		}
	}
}
