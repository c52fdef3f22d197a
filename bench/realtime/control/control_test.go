//go:build linux

package control

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/gogeist/geist/bench/realtime/servers"
	"github.com/gogeist/geist/internal/leakcheck"
)

// The test program is also the servers.
func TestMain(m *testing.M) {
	if served, err := ServeArgs(os.Args[1:]); served {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	// Under the race detector a process sleeps for a second before it ends; those that
	// tests start need not.
	_ = os.Setenv("GORACE", os.Getenv("GORACE")+" atexit_sleep_ms=0")
	leakcheck.Main(m)
}

func start(t *testing.T, name string) *Process {
	t.Helper()
	p, err := servers.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Start(os.Args[0], p, servers.Spec{Rooms: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func TestProcess_stats(t *testing.T) {
	s := start(t, "melody")
	st, err := s.Stats(Collected)
	if err != nil {
		t.Fatal(err)
	}
	// Its descriptors are the three of the pipes, that for errors, the listener and
	// those of the poller, at least.
	if st.RSS < 1<<20 || st.Heap <= 0 || st.Stack <= 0 || st.Goroutines < 2 || st.FDs < 6 || st.Members != 0 || st.CPU.Total() <= 0 {
		t.Errorf("got %+v", st)
	}
}

func TestProcess_saysWhyItCannot(t *testing.T) {
	s := start(t, "melody")
	if _, err := s.Churn(Churn{Moves: 1, Rooms: 1}); err == nil || !strings.Contains(err.Error(), "no client to move") {
		t.Errorf("churn: %v", err)
	}
	if err := s.Crowd(Crowd{Rooms: 1}); err == nil || !strings.Contains(err.Error(), "no client to put") {
		t.Errorf("crowd: %v", err)
	}
	if _, err := s.call(request{}); err == nil || !strings.Contains(err.Error(), "empty request") {
		t.Errorf("nothing: %v", err)
	}
}

// A run waits for one acknowledgement a step, and costs something.
func TestProcess_run(t *testing.T) {
	s := start(t, "melody")
	for range 3 {
		if err := s.Ack(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Begin(Run{Steps: 3, Rooms: 2, Burst: 4, Size: 128}); err != nil {
		t.Fatal(err)
	}
	cost, err := s.Wait()
	if err != nil || cost.Wall <= 0 || cost.Mallocs < 3*2*4 {
		t.Errorf("got %+v, %v", cost, err)
	}
}

func TestProcess_runEndsWithItsClient(t *testing.T) {
	s := start(t, "melody")
	if err := s.Begin(Run{Steps: 1, Rooms: 1, Burst: 1, Size: 128}); err != nil {
		t.Fatal(err)
	}
	if err := s.acks.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Wait(); err == nil || !strings.Contains(err.Error(), "waiting for the client") {
		t.Errorf("got %v", err)
	}
}

func TestStart_fails(t *testing.T) {
	if _, err := Start(os.Args[0], servers.Peer{Name: "nobody"}, servers.Spec{}); err == nil || !strings.Contains(err.Error(), "has ended") {
		t.Errorf("unknown server: %v", err)
	}
	if _, err := Start("/nonexistent", servers.Peer{}, servers.Spec{}); err == nil {
		t.Error("no program: no error")
	}
}
