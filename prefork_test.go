//go:build unix

package geist_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gogeist/geist"
)

// preforkProgram names the environment variable that makes this test binary a
// preforked server, and says what it does.
const preforkProgram = "GEIST_TEST_PREFORK"

// TestPreforkProgram is no test: it is the server of the tests below, both its parent
// and its children.
func TestPreforkProgram(t *testing.T) {
	mode := os.Getenv(preforkProgram)
	if mode == "" {
		t.Skip("a helper of other tests")
	}
	app := geist.New(geist.Config{DrainIdle: -1, Logger: slog.New(slog.NewTextHandler(os.Stdout, nil))})
	app.OnShutdown(func(context.Context) error { fmt.Println("hook", geist.IsPreforkChild()); return nil })
	app.GET("/pid", func(c *geist.Ctx) error { return c.Text(200, strconv.Itoa(os.Getpid())) })
	app.GET("/wait", func(c *geist.Ctx) error {
		fmt.Println("entered")
		for !geist.Closing(app) {
			time.Sleep(time.Millisecond)
		}
		return c.Text(200, "waited")
	})
	app.GET("/hang", func(c *geist.Ctx) error {
		fmt.Println("entered")
		<-c.Context().Done()
		return nil
	})
	addr := "127.0.0.1:0"
	if a, ok := strings.CutPrefix(mode, "at "); ok {
		addr = a
	}
	if geist.IsPreforkChild() {
		switch mode {
		case "crash":
			os.Exit(7)
		case "twice":
			addr = "127.0.0.1:1"
		}
	} else if mode == "shutdown" {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			fmt.Println("Shutdown:", app.Shutdown(context.Background()))
		}()
	}
	if err := app.ListenPrefork(addr); err != nil {
		fmt.Println("ListenPrefork:", err)
		os.Exit(1)
	}
	fmt.Println("over", geist.IsPreforkChild())
	os.Exit(0)
}

// preforked is a preforked server of three children.
type preforked struct {
	*runServer
	stdin io.Closer
	rest  chan string // everything it prints after the line that was awaited last
}

// startPreforked starts a server and waits for its address, unless it fails.
func startPreforked(t *testing.T, mode string) *preforked {
	t.Helper()
	return startChildren(t, mode, 3)
}

// startChildren is startPreforked with another number of children.
func startChildren(t *testing.T, mode string, n int) *preforked {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPreforkProgram$")
	cmd.Env = append(os.Environ(), preforkProgram+"="+mode, "GOMAXPROCS="+strconv.Itoa(n), "GORACE=atexit_sleep_ms=0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	s := &preforked{&runServer{cmd: cmd, lines: bufio.NewScanner(out)}, stdin, nil}
	if banner := strings.Fields(s.await(t, "")); len(banner) > 3 && banner[1] == "listens" {
		s.addr = strings.TrimPrefix(banner[3], "http://")
	} else {
		s.lines = bufio.NewScanner(io.MultiReader(strings.NewReader(s.lines.Text()+"\n"), out))
	}
	return s
}

// ended reads on until every process that could print has ended, and returns what they
// printed and how the parent ended.
func (s *preforked) ended(t *testing.T) (string, error) {
	t.Helper()
	said := make(chan string, 1)
	go func() {
		var b strings.Builder
		for s.lines.Scan() {
			b.WriteString(s.lines.Text() + "\n")
		}
		said <- b.String()
	}()
	select {
	case text := <-said:
		return text, s.cmd.Wait()
	case <-time.After(60 * time.Second):
		t.Fatal("a process has not ended")
		return "", nil
	}
}

// dial connects anew.
func (s *preforked) dial(t *testing.T) *drainClient {
	t.Helper()
	return mustDial(t, func() (net.Conn, error) { return net.Dial("tcp", s.addr) })
}

// pids asks until n processes have answered on connections of their own, and then some.
func (s *preforked) pids(t *testing.T, n int, not ...int) []int {
	t.Helper()
	var pids []int
	for tries := 0; len(pids) < n; tries++ {
		if tries == 2000 {
			t.Fatalf("only %d answer, want %d processes", pids, n)
		}
		_, body, _ := strings.Cut(askOver(t, s.dial(t), "/pid"), "\r\n\r\n")
		pid, err := strconv.Atoi(body)
		if err == nil && !slices.Contains(pids, pid) && !slices.Contains(not, pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func kill(t *testing.T, pid int, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, sig); err != nil {
		t.Errorf("kill %d: %v", pid, err)
	}
}

// least is how many children answer at least: where they share one socket, which of
// them takes a connection is up to the system.
func least() int {
	if runtime.GOOS == "linux" || runtime.GOOS == "freebsd" {
		return 3
	}
	return 1
}

// The requests in progress in all children are answered, also if the signal comes to
// them as well as to the parent, as from systemd and from a terminal.
func TestListenPrefork_spreadsAndDrains(t *testing.T) {
	s := startPreforked(t, "serve")
	pids := s.pids(t, least())
	if slices.Contains(pids, s.cmd.Process.Pid) {
		t.Errorf("the parent %d serves too: %d", s.cmd.Process.Pid, pids)
	}
	var busy []*drainClient
	for range 20 {
		c := s.dial(t)
		c.send(getRequest("/wait"))
		s.await(t, "entered")
		busy = append(busy, c)
	}
	kill(t, s.cmd.Process.Pid, syscall.SIGTERM)
	s.await(t, "draining")
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGTERM) // it may have ended
	}
	for _, c := range busy {
		c.wants("waited", true)
	}
	said, err := s.ended(t)
	if err != nil {
		t.Errorf("exit = %v, want code 0:\n%s", err, said)
	}
	if n := strings.Count(said, "hook true"); n != 3 {
		t.Errorf("hooks ran in %d children, want 3:\n%s", n, said)
	}
	if strings.Contains(said, "listens") || strings.Contains(said, "hook false") || !strings.Contains(said, "over false") {
		t.Errorf("a second banner, a hook in the parent, or no end:\n%s", said)
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("child %d is still there: %v", pid, err)
		}
	}
}

func TestListenPrefork_replacesChildren(t *testing.T) {
	s := startPreforked(t, "serve")
	before := s.pids(t, least())
	kill(t, before[0], syscall.SIGKILL)
	s.await(t, "another one follows")
	if after := s.pids(t, least(), before[0]); !slices.ContainsFunc(after, func(p int) bool { return !slices.Contains(before, p) }) {
		t.Errorf("children = %d after %d was killed of %d", after, before[0], before)
	}
	kill(t, s.cmd.Process.Pid, syscall.SIGINT)
	if said, err := s.ended(t); err != nil {
		t.Errorf("exit = %v, want code 0:\n%s", err, said)
	}
}

// A request that waits in the socket of a child that crashes is answered by the next.
func TestListenPrefork_crashKeepsTheBacklog(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("whether a process has stopped is read from /proc")
	}
	s := startChildren(t, "serve", 1)
	old := s.pids(t, 1)[0]
	kill(t, old, syscall.SIGSTOP)
	for stopped := false; !stopped; time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", old))
		if err != nil {
			t.Fatal(err)
		}
		_, state, _ := strings.Cut(string(stat), ") ")
		stopped = strings.HasPrefix(state, "T")
	}
	var waiting []*drainClient
	for range 10 {
		c := s.dial(t)
		c.send(getRequest("/pid"))
		waiting = append(waiting, c)
	}
	kill(t, old, syscall.SIGKILL)
	next := strconv.Itoa(s.pids(t, 1, old)[0])
	for _, c := range waiting {
		c.wants(next, false)
	}
	kill(t, s.cmd.Process.Pid, syscall.SIGTERM)
	if said, err := s.ended(t); err != nil {
		t.Errorf("exit = %v, want code 0:\n%s", err, said)
	}
}

// ended sees the end of the children by that of their output.
func TestListenPrefork_orphansDrain(t *testing.T) {
	s := startPreforked(t, "serve")
	s.pids(t, least())
	c := s.request(t, "/wait")
	kill(t, s.cmd.Process.Pid, syscall.SIGKILL)
	c.wants("waited", true)
	said, err := s.ended(t)
	if n := strings.Count(said, "the parent process has died"); n != 3 || err == nil {
		t.Errorf("%d children said why they ended, want 3 (%v):\n%s", n, err, said)
	}
}

// TestListenPrefork_secondSignalCuts: also children that hear of both at once.
func TestListenPrefork_secondSignalCuts(t *testing.T) {
	s := startPreforked(t, "serve")
	pids := s.pids(t, least())
	c := s.request(t, "/hang")
	for _, pid := range pids {
		kill(t, pid, syscall.SIGSTOP)
	}
	kill(t, s.cmd.Process.Pid, syscall.SIGTERM)
	s.await(t, "draining")
	kill(t, s.cmd.Process.Pid, syscall.SIGTERM)
	for _, pid := range pids {
		kill(t, pid, syscall.SIGCONT)
	}
	_, _ = io.ReadAll(c)
	said, err := s.ended(t)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != -1 || !strings.Contains(said, "shutdown cut 1 connections: context canceled") {
		t.Errorf("exit = %v, want the end by a signal and one cut connection:\n%s", err, said)
	}
}

func TestListenPrefork_shutdown(t *testing.T) {
	s := startPreforked(t, "shutdown")
	s.pids(t, least())
	c := s.request(t, "/wait")
	_ = s.stdin.Close()
	c.wants("waited", true)
	if said, err := s.ended(t); err != nil || strings.Count(said, "over true") != 3 {
		t.Errorf("exit = %v, want code 0 and the end of three children:\n%s", err, said)
	}
}

func TestListenPrefork_failures(t *testing.T) {
	ln := listenTCP(t)
	defer ln.Close()
	taken := ln.Addr().String()
	for _, tt := range []struct{ mode, want string }{
		{"crash", "5 times in a row within 5s of its start, the last one so: exit status 7"},
		{"twice", `for the address "127.0.0.1:0", not for "127.0.0.1:1"`},
		{"at " + taken, "port 0"},
		{"at unix:/tmp/s", "unix:/tmp/s"},
	} {
		t.Run(tt.mode, func(t *testing.T) {
			said, err := startPreforked(t, tt.mode).ended(t)
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(said, tt.want) {
				t.Errorf("exit = %v, want code 1 and %q:\n%s", err, tt.want, said)
			}
		})
	}
}

func TestIsPreforkChild(t *testing.T) {
	for value, want := range map[string]bool{"": false, "1234567": false, strconv.Itoa(os.Getppid()): true} {
		t.Setenv("GEIST_PREFORK_PARENT", value)
		if got := geist.IsPreforkChild(); got != want {
			t.Errorf("with parent %q: %t, want %t", value, got, want)
		}
	}
}
