package loopback

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// startPatience is how long a server may take to listen, endPatience to end.
	startPatience = 20 * time.Second
	endPatience   = 2 * time.Second
)

// process is a server in a process of its own.
type process struct {
	addr string
	tls  *tls.Config // of its clients; nil if it speaks plain TCP
	cmd  *exec.Cmd
	in   io.WriteCloser
	said *lastWords
}

// start starts the program at exe as the server of a peer, on its cores.
func start(exe, peer, app, over string, on cores) (_ *process, err error) {
	p := &process{cmd: exec.Command(exe, flagServe, peer, app, over), said: &lastWords{}}
	p.cmd.Stderr = p.said
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := on.startServer(p.cmd); err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	force := time.AfterFunc(startPatience, func() { _ = p.cmd.Process.Kill() })
	lines := bufio.NewReader(out)
	g, err := readGreeting(lines)
	force.Stop()
	if err == nil && g.Cert != "" {
		p.tls, err = trusting(g.Cert)
	}
	if err != nil {
		if died := p.end(); died != nil {
			err = died
		}
		return nil, fmt.Errorf("it does not start: %w", err)
	}
	p.addr = g.Addr
	go func() { _, _ = io.Copy(io.Discard, lines) }() // it ends with the server
	return p, nil
}

// readGreeting passes over what libraries write to the standard output.
func readGreeting(r *bufio.Reader) (g greeting, err error) {
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return g, err
		}
		if json.Unmarshal(line, &g) == nil && g.Addr != "" {
			return g, nil
		}
	}
}

func trusting(cert string) (*tls.Config, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(cert)) {
		return nil, errors.New("it sent no certificate")
	}
	return &tls.Config{RootCAs: roots, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS13}, nil
}

// end closes the server's input, which ends it, or else kills it. The error is that it has
// ended by itself before, or did not want to.
func (p *process) end() error {
	_ = p.in.Close()
	force := time.AfterFunc(endPatience, func() { _ = p.cmd.Process.Kill() })
	err := p.cmd.Wait()
	force.Stop()
	if err != nil {
		return fmt.Errorf("the server's process has ended: %w%s", err, p.said.cause())
	}
	return nil
}

// cpu is the processor time of the server since its start, of all its threads, to the
// nanosecond. Linux has a clock for each process.
func (p *process) cpu() (time.Duration, error) {
	const scheduled = 2 // CPUCLOCK_SCHED
	var ts unix.Timespec
	if err := unix.ClockGettime(^int32(p.cmd.Process.Pid)<<3|scheduled, &ts); err != nil {
		return 0, fmt.Errorf("its processor time: %w", err)
	}
	return time.Duration(ts.Nano()), nil
}

// ownCPU is the processor time of this process.
func ownCPU() (time.Duration, error) {
	var ts unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts)
	return time.Duration(ts.Nano()), err
}

// resetPeak lets peak begin anew, at what is resident now.
func (p *process) resetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.cmd.Process.Pid), []byte("5"), 0)
}

// peak is the most memory that the server has had resident since the last reset or else its
// start, in bytes.
func (p *process) peak() (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(line, []byte("VmHWM:")); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(string(rest)), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("no VmHWM in its status")
}

// lastWords keeps the end of what a server writes to its error output.
type lastWords struct {
	mu   sync.Mutex
	text []byte // guarded by mu
}

// wordsSize is how much of it is kept.
const wordsSize = 16 << 10

// Write keeps p. It is safe for concurrent use.
func (w *lastWords) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, p...)
	w.text = w.text[max(len(w.text)-wordsSize, 0):]
	return len(p), nil
}

// cause returns the line that says why the server died, with a separator before it: that of
// a panic, or the last.
func (w *lastWords) cause() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := ""
	for line := range strings.Lines(string(w.text)) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		last = ": " + line
		if strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") {
			break
		}
	}
	return last
}
