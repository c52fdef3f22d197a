package geist

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// This file runs one program as several processes:
//
//	parent ──┬─ socket 0, pipe 0 ─→ child 0, on one CPU
//	         ├─ socket 1, pipe 1 ─→ child 1
//	         └─ …
//
// The parent opens the sockets and serves none of them. As it keeps them, a child
// that crashes loses only the connections that it had accepted: what waits in its
// socket is taken by the child that replaces it. When a drain begins the parent
// closes them, so that the children's are the last.
//
// A pipe tells the children that the parent has died, by its end: a kill -9 leaves no
// orphans, and unlike PR_SET_PDEATHSIG it lets them drain and works on every Unix.

// What a child is started with.
const (
	preforkParent = "GEIST_PREFORK_PARENT" // variable: the parent's number, so that it says nothing to what the child starts
	preforkAddr   = "GEIST_PREFORK_ADDR"   // variable: the address that its socket is for
	preforkSocket = 3                      // descriptor: to accept from
	preforkPipe   = 4                      // descriptor: to read the end of the parent from
)

// Limits on children that crash.
const (
	preforkYoung    = 5 * time.Second // a child that ends sooner has failed to start
	preforkFailures = 5               // such failures in a row that end everything
	preforkPause    = 100 * time.Millisecond
	preforkGrace    = 5 * time.Second // beyond the time that a drain may take
)

// IsPreforkChild reports whether the process is one of the children that
// ListenPrefork has started. The parent runs the program as well, up to
// ListenPrefork: what must happen once, such as a migration, happens there.
func IsPreforkChild() bool {
	parent := os.Getenv(preforkParent)
	return parent != "" && parent == strconv.Itoa(os.Getppid())
}

// ListenPrefork serves a TCP address with as many processes as there are CPUs
// (GOMAXPROCS), each on one: it starts the program again, and in these children, which
// [IsPreforkChild] tells, it serves. They share nothing: what must be common to all
// requests lives outside. OnListen and OnShutdown hooks run in the children.
//
// It prints the banner and serves until SIGINT or SIGTERM, then it drains as Run does
// and returns nil; a second signal ends the parent at once and cuts the children's
// drains. A child that ends is replaced; if one fails five times in a row within five
// seconds of its start, everything stops with an error. When the parent dies the
// children drain and return an error. A program can do this for one address. There is
// no prefork on Windows.
func (e *Engine) ListenPrefork(addr string) error {
	if err := e.freeze(); err != nil {
		return err
	}
	if IsPreforkChild() {
		return e.servePreforked(addr)
	}
	n := runtime.GOMAXPROCS(0)
	sockets, bound, err := preforkSockets(addr, n)
	if err != nil {
		return err
	}
	p := &prefork{
		engine: e, addr: addr, sockets: sockets, slots: make([]preforkSlot, n),
		exits: make(chan *preforkChild, n), restarts: make(chan int, n),
		stop: make(chan context.Context, 1), done: make(chan struct{}),
	}
	defer p.closeSockets()
	if err := e.live.setPrefork(p); err != nil {
		return err
	}
	defer close(p.done)
	return p.run(bound)
}

// setPrefork has Shutdown stop p.
func (s *server) setPrefork(p *prefork) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return ErrServerClosed
	}
	s.prefork = p
	return nil
}

// shutdown is what Shutdown does in the parent: the children drain, and end with ctx.
// Their errors are what ListenPrefork returns.
func (p *prefork) shutdown(ctx context.Context) {
	if p != nil {
		p.stop <- ctx
		<-p.done
	}
}

// prefork is the parent. One goroutine owns it.
type prefork struct {
	engine   *Engine
	addr     string
	sockets  []*os.File // one for each child, or one for all
	slots    []preforkSlot
	exits    chan *preforkChild   // children that have ended
	restarts chan int             // slots whose pause is over
	stop     chan context.Context // Shutdown was called with it
	done     chan struct{}        // closed when no child is left
}

// preforkSlot is the place of one child after the other.
type preforkSlot struct {
	child    *preforkChild // nil between two
	failures int           // in a row
	pause    *time.Timer
}

// preforkChild is a process.
type preforkChild struct {
	slot  int
	cmd   *exec.Cmd
	hold  *os.File // the end of its pipe that is open as long as the parent lives
	since time.Time
	err   error // how it ended, as Wait has it
}

func (p *prefork) run(bound net.Addr) error {
	signals, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	set := &p.engine.set
	if !set.DisableBanner {
		p.engine.banner(os.Stdout, bound)
	}
	failed := p.startAll()
	for failed == nil {
		select {
		case <-signals.Done():
			p.tell() // before another signal can end this process
			stop()   // from here on a signal has its usual effect, which the pipes tell the children
			set.logger().Info("draining", "timeout", set.ShutdownTimeout, "children", len(p.slots))
			return p.drain(context.Background())
		case ctx := <-p.stop:
			return p.drain(ctx)
		case child := <-p.exits:
			failed = p.replace(child)
		case slot := <-p.restarts:
			failed = p.start(slot)
		}
	}
	return errors.Join(failed, p.drain(context.Background()))
}

func (p *prefork) startAll() error {
	for slot := range p.slots {
		if err := p.start(slot); err != nil {
			return err
		}
	}
	return nil
}

// start starts a child.
func (p *prefork) start(slot int) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("geist: prefork: %w", err)
	}
	pipe, hold, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("geist: prefork: %w", err)
	}
	defer pipe.Close()
	child := &preforkChild{slot: slot, since: time.Now(), hold: hold}
	child.cmd = &exec.Cmd{
		Path: program, Args: os.Args, Stdout: os.Stdout, Stderr: os.Stderr,
		Env:        append(preforkEnviron(), preforkParent+"="+strconv.Itoa(os.Getpid()), preforkAddr+"="+p.addr),
		ExtraFiles: []*os.File{p.sockets[slot%len(p.sockets)], pipe},
	}
	if err := child.cmd.Start(); err != nil {
		_ = hold.Close()
		return fmt.Errorf("geist: prefork: %w", err)
	}
	p.slots[slot].child = child
	// It ends with the child, and is waited for by drain.
	go func() {
		child.err = child.cmd.Wait()
		_ = child.hold.Close()
		p.exits <- child
	}()
	return nil
}

// preforkEnviron is the environment without what is not for the children.
func preforkEnviron() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		key, _, _ := strings.Cut(v, "=")
		return key == preforkParent || key == preforkAddr || key == listenPID || key == listenFDs || key == listenFDNames
	})
}

// replace has a child that ended be followed by another: at once if it has worked,
// after ever longer pauses if it has not, or fails.
func (p *prefork) replace(child *preforkChild) error {
	s := &p.slots[child.slot]
	s.child = nil
	if time.Since(child.since) >= preforkYoung {
		s.failures = 0
	} else if s.failures++; s.failures >= preforkFailures {
		return fmt.Errorf("geist: prefork: a child has ended %d times in a row within %s of its start, the last one so: %s", s.failures, preforkYoung, child.cmd.ProcessState)
	}
	pause := time.Duration(0)
	if s.failures > 0 {
		pause = preforkPause << (s.failures - 1)
	}
	p.engine.set.logger().Warn("a child has ended, another one follows", "pid", child.cmd.Process.Pid, "state", child.cmd.ProcessState.String(), "pause", pause)
	s.pause = time.AfterFunc(pause, func() { p.restarts <- child.slot })
	return nil
}

// drain has the children drain, and waits for them. They end with ctx.
func (p *prefork) drain(ctx context.Context) error {
	p.closeSockets()
	for i := range p.slots {
		if s := &p.slots[i]; s.pause != nil {
			s.pause.Stop()
		}
	}
	p.tell()
	ctx, cancel := context.WithTimeout(ctx, p.engine.set.ShutdownTimeout+preforkGrace)
	defer cancel()
	over := ctx.Done()
	var err error
	for p.running() {
		select {
		case child := <-p.exits:
			p.slots[child.slot].child = nil
			if child.err != nil && !stoppedBy(child.cmd.ProcessState, syscall.SIGTERM) {
				err = errors.Join(err, fmt.Errorf("geist: prefork: child %d: %w", child.cmd.Process.Pid, child.err))
			}
		case <-over:
			p.signal(syscall.SIGKILL)
			over = nil
		}
	}
	return err
}

func (p *prefork) running() bool {
	return slices.ContainsFunc(p.slots, func(s preforkSlot) bool { return s.child != nil })
}

func (p *prefork) signal(sig os.Signal) {
	for _, s := range p.slots {
		if s.child != nil {
			_ = s.child.cmd.Process.Signal(sig) // it may have ended
		}
	}
}

// tell has the children drain. They hear it on their pipes too: who has been told before
// the parent ends is cut, who has not drains, and signals have no such order.
func (p *prefork) tell() {
	for _, s := range p.slots {
		if s.child != nil {
			_, _ = s.child.hold.Write([]byte{'.'}) // it may have ended
		}
	}
	p.signal(syscall.SIGTERM)
}

func (p *prefork) closeSockets() {
	for _, f := range p.sockets {
		_ = f.Close()
	}
}

// stoppedBy reports whether a signal ended a process that did not wait for it yet: it
// had nothing to drain.
func stoppedBy(state *os.ProcessState, sig syscall.Signal) bool {
	status, ok := state.Sys().(interface {
		Signaled() bool
		Signal() syscall.Signal
	})
	return ok && status.Signaled() && status.Signal() == sig
}

// errOrphaned is what ListenPrefork returns in a child without a parent.
var errOrphaned = errors.New("geist: prefork: the parent process has died")

// servePreforked is ListenPrefork in a child.
func (e *Engine) servePreforked(addr string) error {
	if own := os.Getenv(preforkAddr); own != addr {
		return fmt.Errorf("geist: prefork: this child is for the address %q, not for %q: a program can call ListenPrefork for one address, once", own, addr)
	}
	_ = os.Unsetenv(preforkAddr)
	runtime.GOMAXPROCS(1)
	ln, err := inheritedListener(preforkSocket)
	if err != nil {
		return fmt.Errorf("geist: prefork: %w", err)
	}
	_ = os.NewFile(preforkSocket, "socket").Close() // ln has a copy
	parent := pollFile(preforkPipe, "parent")
	defer parent.Close()
	told, orphaned := make(chan struct{}), make(chan struct{})
	// It ends with the parent, or when parent is closed above.
	go func() {
		if n, _ := parent.Read(make([]byte, 1)); n > 0 {
			close(told)
			_, _ = io.Copy(io.Discard, parent)
		}
		close(orphaned)
	}()
	return e.serveUntil(ln, told, orphaned)
}

// serveUntil serves and drains as Run does. But a second signal does nothing: the
// parent forwards what a terminal or systemd has sent to all processes already. It is
// the parent's end that cuts a drain. told is closed before orphaned, if at all.
func (e *Engine) serveUntil(ln net.Listener, told, orphaned <-chan struct{}) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	served := make(chan error, 1)
	go func() { served <- e.Serve(ln) }() // it ends with Shutdown
	var lost error
	select {
	case err := <-served:
		return err
	case <-signals:
	case <-told:
	case <-orphaned:
		select {
		case <-told:
		default:
			lost, orphaned = errOrphaned, nil
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), e.set.ShutdownTimeout)
	defer cancel()
	// It ends with the drain, or with the parent and ends the drain.
	go func() {
		select {
		case <-orphaned:
			cancel()
		case <-ctx.Done():
		}
	}()
	return errors.Join(lost, e.Shutdown(ctx), <-served)
}
