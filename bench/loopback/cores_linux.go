package loopback

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// cores says who runs where: servers on the first half of the cores that this process may
// use, the client on the rest. Servers start with theirs, so that Go's runtime there has as
// many threads as cores.
type cores struct {
	server, client unix.CPUSet
	pinned         bool
	note           string // for the results
}

// splitCores shares out the cores.
func splitCores() cores {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return cores{note: fmt.Sprintf("servers and client share the cores: %v", err)}
	}
	n := all.Count()
	if n < 2 {
		return cores{note: "servers and client share one core"}
	}
	c := cores{pinned: true, note: fmt.Sprintf("servers run on %d of %d cores, the client on the rest", n/2, n)}
	seen := 0
	for cpu := 0; seen < n; cpu++ {
		if !all.IsSet(cpu) {
			continue
		}
		if seen < n/2 {
			c.server.Set(cpu)
		} else {
			c.client.Set(cpu)
		}
		seen++
	}
	return c
}

// workers is how many cores the client has for its loops.
func (c cores) workers() int {
	if !c.pinned {
		return 1
	}
	return c.client.Count()
}

// pinClient moves this process to its cores. What it returns moves it back. Where the system
// does not allow it, nothing is pinned.
func (c *cores) pinClient() (back func()) {
	if !c.pinned {
		return func() {}
	}
	var old unix.CPUSet
	err := unix.SchedGetaffinity(0, &old)
	if err == nil {
		err = moveThreads(&c.client)
	}
	if err != nil {
		c.pinned, c.note = false, fmt.Sprintf("servers and client share the cores: %v", err)
		return func() {}
	}
	procs := runtime.GOMAXPROCS(c.client.Count())
	return func() {
		runtime.GOMAXPROCS(procs)
		_ = moveThreads(&old) // to where they were, which is allowed
	}
}

// moveThreads moves every thread of this process. New ones inherit where they run from that
// which makes them, so that a second pass finds those made during the first.
func moveThreads(to *unix.CPUSet) error {
	for range 2 {
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, t := range tasks {
			tid, err := strconv.Atoi(t.Name())
			if err != nil {
				return err
			}
			if err := unix.SchedSetaffinity(tid, to); err != nil && !errors.Is(err, unix.ESRCH) { // it may have ended
				return fmt.Errorf("sched_setaffinity: %w", err)
			}
		}
	}
	return nil
}

// startServer starts a process on the servers' cores.
func (c cores) startServer(cmd *exec.Cmd) error {
	if !c.pinned {
		return cmd.Start()
	}
	runtime.LockOSThread() // a process inherits from the thread that starts it
	defer runtime.UnlockOSThread()
	var old unix.CPUSet
	if err := unix.SchedGetaffinity(0, &old); err != nil {
		return fmt.Errorf("sched_getaffinity: %w", err)
	}
	if err := unix.SchedSetaffinity(0, &c.server); err != nil {
		return fmt.Errorf("sched_setaffinity: %w", err)
	}
	err := cmd.Start()
	_ = unix.SchedSetaffinity(0, &old) // to where it was, which is allowed
	return err
}
