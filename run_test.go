package geist_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gogeist/geist"
)

// runChild names the environment variable that makes this test binary a server.
const runChild = "GEIST_TEST_RUN"

// TestRunChild is no test: it is the server of the tests below, in a process of its own.
func TestRunChild(t *testing.T) {
	if os.Getenv(runChild) == "" {
		t.Skip("a helper of other tests")
	}
	app := geist.New(geist.Config{DisableBanner: true, DrainIdle: -1, Logger: slog.New(slog.NewTextHandler(os.Stdout, nil))})
	app.OnListen(func(a net.Addr) { fmt.Println("listening", a) })
	app.GET("/wait", func(c *geist.Ctx) error {
		fmt.Println("entered")
		for !geist.Closing(app) {
			time.Sleep(time.Millisecond)
		}
		return c.Text(200, "waited")
	})
	app.GET("/hang", func(c *geist.Ctx) error {
		fmt.Println("entered")
		select {}
	})
	if err := app.Run("127.0.0.1:0"); err != nil {
		fmt.Println("Run:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// runServer is a child process and what it prints.
type runServer struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
	addr  string
}

func startServer(t *testing.T) *runServer {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGTERM")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRunChild$")
	cmd.Env = append(os.Environ(), runChild+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &runServer{cmd: cmd, lines: bufio.NewScanner(out)}
	s.addr = strings.TrimPrefix(s.await(t, "listening "), "listening ")
	return s
}

// await returns the next line that contains text.
func (s *runServer) await(t *testing.T, text string) string {
	t.Helper()
	for s.lines.Scan() {
		if strings.Contains(s.lines.Text(), text) {
			return s.lines.Text()
		}
	}
	t.Fatalf("the server ended without printing %q", text)
	return ""
}

func (s *runServer) request(t *testing.T, path string) *drainClient {
	t.Helper()
	c := mustDial(t, func() (net.Conn, error) { return net.Dial("tcp", s.addr) })
	c.send(getRequest(path))
	s.await(t, "entered")
	return c
}

func TestRun_signalDrains(t *testing.T) {
	s := startServer(t)
	c := s.request(t, "/wait")
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	c.wants("waited", true)
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("exit = %v, want code 0", err)
	}
}

func TestRun_secondSignalKills(t *testing.T) {
	s := startServer(t)
	c := s.request(t, "/hang")
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.await(t, "draining")
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_, _ = io.ReadAll(c)
	var exit *exec.ExitError
	if err := s.cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != -1 {
		t.Errorf("exit = %v, want the end by a signal", err)
	}
}
