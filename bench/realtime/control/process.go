//go:build linux

package control

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/gogeist/geist/bench/realtime/servers"
)

// answerPatience is how long a server may take for one line.
const answerPatience = 60 * time.Second

// Flags of a program that is a server when it is started with them.
const (
	// flagPeer names the peer and comes first; the others are servers.Spec.
	flagPeer       = "-serve"
	flagRooms      = "-serve-rooms"
	flagSendBuffer = "-serve-send-buffer"
	flagProcs      = "-serve-procs"
)

// A Process is a server in a process of its own.
type Process struct {
	// Addr is where it listens.
	Addr  string
	name  string
	cmd   *exec.Cmd
	in    *os.File
	out   *os.File
	lines *bufio.Reader
	acks  *os.File
}

// Start starts the program at exe as the server of a peer. Close ends it.
func Start(exe string, p servers.Peer, spec servers.Spec) (_ *Process, err error) {
	cmd := exec.Command(exe, flagPeer, p.Name, flagRooms, strconv.Itoa(spec.Rooms), flagSendBuffer, strconv.Itoa(spec.SendBuffer), flagProcs, strconv.Itoa(spec.Procs))
	cmd.Stderr = os.Stderr
	s := &Process{name: p.Name, cmd: cmd}
	defer func() {
		if err != nil {
			s.release()
		}
	}()
	pipe := func() (r, w *os.File) {
		if err != nil {
			return nil, nil
		}
		r, w, err = os.Pipe()
		return r, w
	}
	stdin, in := pipe()
	out, stdout := pipe()
	acks, ours := pipe()
	s.in, s.out, s.acks = in, out, ours
	if err != nil {
		for _, f := range []*os.File{stdin, stdout, acks} {
			_ = f.Close() // nil where there is none, which is an error and no more
		}
		return nil, err
	}
	s.lines = bufio.NewReader(out)
	cmd.Stdin, cmd.Stdout, cmd.ExtraFiles = stdin, stdout, []*os.File{acks}
	err = cmd.Start()
	for _, f := range []*os.File{stdin, stdout, acks} { // its own: else there is no end of the file
		_ = f.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Name, err)
	}
	addr, err := s.line()
	if err != nil {
		s.kill()
		return nil, err
	}
	s.Addr = strings.TrimSpace(addr)
	return s, nil
}

// Close ends the process: at the end of its input, or else, two seconds later, by force.
func (s *Process) Close() error {
	_ = s.in.Close()
	_ = s.acks.Close() // a publisher that waits for its client waits no longer
	force := time.AfterFunc(2*time.Second, func() { _ = s.cmd.Process.Kill() })
	err := s.cmd.Wait()
	force.Stop()
	s.release()
	return err
}

func (s *Process) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

func (s *Process) release() {
	for _, f := range []*os.File{s.in, s.out, s.acks} {
		if f != nil {
			_ = f.Close()
		}
	}
}

// Ack tells the publisher that a step has arrived.
func (s *Process) Ack() error {
	_, err := s.acks.Write([]byte{1})
	return err
}

// Stats returns the state of the server.
func (s *Process) Stats(d Depth) (Stats, error) {
	resp, err := s.call(request{Stats: &StatsRequest{Depth: d}})
	return resp.Stats, err
}

// Churn has the server move clients between rooms.
func (s *Process) Churn(c Churn) (Cost, error) {
	resp, err := s.call(request{Churn: &c})
	return resp.Cost, err
}

// Crowd has the server make rooms.
func (s *Process) Crowd(c Crowd) error {
	_, err := s.call(request{Crowd: &c})
	return err
}

// Begin has the server publish; Wait returns what it cost, when the client has
// acknowledged every step.
func (s *Process) Begin(r Run) error { return s.send(request{Run: &r}) }

// Wait returns the cost of what Begin began.
func (s *Process) Wait() (Cost, error) {
	resp, err := s.receive()
	return resp.Cost, err
}

func (s *Process) call(req request) (response, error) {
	if err := s.send(req); err != nil {
		return response{}, err
	}
	return s.receive()
}

func (s *Process) send(req request) error {
	b, err := json.Marshal(req)
	if err != nil {
		return err
	}
	_, err = s.in.Write(append(b, '\n'))
	return err
}

func (s *Process) receive() (resp response, err error) {
	line, err := s.line()
	if err != nil {
		return resp, err
	}
	if err := json.Unmarshal([]byte(line), &resp); err != nil {
		return resp, fmt.Errorf("%s said %.200q: %w", s.name, line, err)
	}
	if resp.Err != "" {
		return resp, fmt.Errorf("%s: %s", s.name, resp.Err)
	}
	return resp, nil
}

func (s *Process) line() (string, error) {
	if err := s.out.SetReadDeadline(time.Now().Add(answerPatience)); err != nil {
		return "", err
	}
	line, err := s.lines.ReadString('\n')
	if errors.Is(err, io.EOF) {
		err = errors.New("the server's process has ended")
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", s.name, err)
	}
	return line, nil
}
