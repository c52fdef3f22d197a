//go:build linux

package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gogeist/geist/bench/realtime/load"
	"github.com/gogeist/geist/bench/realtime/servers"
	"github.com/gogeist/geist/bench/realtime/wire"
)

// ackPatience is how long a publisher waits for its client.
const ackPatience = 20 * time.Second

// ServeArgs serves if args, without the program's name, are those of Start: a program
// that calls Start calls it first. It reports whether they were.
func ServeArgs(args []string) (bool, error) {
	if len(args) == 0 || args[0] != flagPeer {
		return false, nil
	}
	signal.Ignore(os.Interrupt) // a terminal sends it to all: the first process decides
	var spec servers.Spec
	fs := flag.NewFlagSet("serve", flag.ContinueOnError)
	name := fs.String(flagPeer[1:], "", "")
	fs.IntVar(&spec.Rooms, flagRooms[1:], 1, "")
	fs.IntVar(&spec.SendBuffer, flagSendBuffer[1:], 0, "")
	if err := fs.Parse(args); err != nil {
		return true, err
	}
	p, err := servers.Find(*name)
	if err != nil {
		return true, err
	}
	acks, err := acksPipe()
	if err != nil {
		return true, err
	}
	return true, serve(p, spec, os.Stdin, os.Stdout, acks)
}

// acksPipe returns the pipe of the client, in a process that Start has started.
func acksPipe() (*os.File, error) {
	const fd = 3                                       // the first of exec.Cmd.ExtraFiles
	if err := unix.SetNonblock(fd, true); err != nil { // so that it takes deadlines
		return nil, fmt.Errorf("pipe of the client: %w", err)
	}
	return os.NewFile(fd, "acks"), nil
}

// server is the process that ServeArgs is.
type server struct {
	servers.Server
	acks  *os.File
	clock load.Clock
	seqs  []uint32 // the next message of each room
}

// serve builds the server of a peer, listens on a port of the loopback, writes the address
// and then obeys the lines of in until it ends. acks is the pipe of the client.
func serve(p servers.Peer, spec servers.Spec, in io.Reader, out io.Writer, acks *os.File) error {
	clock, err := load.NewClock()
	if err != nil {
		return err
	}
	built, err := p.Build(spec)
	if err != nil {
		return err
	}
	ln, err := listen(spec.SendBuffer)
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- built.Serve(ln) }()
	s := &server{Server: built, acks: acks, clock: clock}
	if _, err := fmt.Fprintln(out, ln.Addr()); err != nil {
		return err
	}
	err = s.obey(in, out, served)
	_ = ln.Close()
	return err
}

// listen returns a listener whose connections inherit the size of its send buffer.
func listen(sendBuffer int) (net.Listener, error) {
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		if sendBuffer == 0 {
			return nil
		}
		var err error
		return errors.Join(raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer)
		}), err)
	}}
	return lc.Listen(context.Background(), "tcp4", "127.0.0.1:0")
}

func (s *server) obey(in io.Reader, out io.Writer, served <-chan error) error {
	lines := bufio.NewScanner(in)
	enc := json.NewEncoder(out)
	for lines.Scan() {
		var req request
		var resp response
		err := json.Unmarshal(lines.Bytes(), &req)
		if err == nil {
			err = s.do(req, &resp)
		}
		select {
		case gone := <-served:
			err = errors.Join(err, fmt.Errorf("the server has ended: %w", gone))
		default:
		}
		if err != nil {
			resp.Err = err.Error()
		}
		if err := enc.Encode(resp); err != nil {
			return err
		}
	}
	return lines.Err()
}

func (s *server) do(req request, resp *response) (err error) {
	switch {
	case req.Stats != nil:
		resp.Stats, err = s.stats(*req.Stats)
	case req.Run != nil:
		resp.Cost, err = measure(func() error { return s.run(*req.Run) })
	case req.Churn != nil:
		members := s.members()
		resp.Cost, err = measure(func() error { return churn(*req.Churn, members) })
	case req.Crowd != nil:
		err = crowd(*req.Crowd, s.members())
	default:
		err = errors.New("empty request")
	}
	return err
}

// measure returns what the process used while f ran.
func measure(f func() error) (Cost, error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, err := Usage()
	if err != nil {
		return Cost{}, err
	}
	start := time.Now()
	if err := f(); err != nil {
		return Cost{}, err
	}
	wall := time.Since(start)
	used, err := Usage()
	runtime.ReadMemStats(&after)
	return Cost{CPU: used.Sub(cpu), Wall: wall, Mallocs: after.Mallocs - before.Mallocs}, err
}

func (s *server) run(r Run) error {
	for len(s.seqs) < r.Rooms {
		s.seqs = append(s.seqs, 0)
	}
	names := make([]string, r.Rooms)
	for i := range names {
		names[i] = wire.RoomName(uint32(i))
	}
	ack := make([]byte, 1)
	for range r.Steps {
		for range r.Burst {
			for i, name := range names {
				p := wire.NewMessage(uint32(i), s.seqs[i], s.clock.Now(), r.Size)
				s.seqs[i]++
				if err := s.Publish(name, p); err != nil {
					return fmt.Errorf("publish: %w", err)
				}
			}
		}
		if s.Flush != nil {
			if err := s.Flush(); err != nil {
				return fmt.Errorf("flush: %w", err)
			}
		}
		if err := s.acks.SetReadDeadline(time.Now().Add(ackPatience)); err != nil {
			return err
		}
		if _, err := io.ReadFull(s.acks, ack); err != nil {
			return fmt.Errorf("waiting for the client: %w", err)
		}
	}
	return nil
}

func (s *server) members() []servers.Member {
	if s.Each == nil {
		return nil
	}
	return s.Each()
}

// kept is how many rooms churn is in at a time.
const kept = 4096

func churn(c Churn, members []servers.Member) error {
	if len(members) == 0 {
		return errors.New("no client to move")
	}
	type place struct {
		m    servers.Member
		room string
	}
	names := make([]string, c.Rooms)
	for i := range names {
		names[i] = "churn-" + strconv.Itoa(i)
	}
	rnd := rand.New(rand.NewPCG(7, 8))
	// A client is in few of them at once, each another.
	places := make([]place, min(kept, c.Rooms, len(members)*16))
	for i := range c.Moves + len(places) {
		p := &places[i%len(places)]
		if p.m != nil {
			if err := p.m.Leave(p.room); err != nil {
				return fmt.Errorf("leave: %w", err)
			}
		}
		if i >= c.Moves {
			continue
		}
		*p = place{members[i%len(members)], names[rnd.IntN(len(names))]}
		if err := p.m.Join(p.room); err != nil {
			return fmt.Errorf("join: %w", err)
		}
	}
	return nil
}

func crowd(c Crowd, members []servers.Member) error {
	if len(members) == 0 {
		return errors.New("no client to put into rooms")
	}
	for i := range c.Rooms {
		if err := members[i%len(members)].Join("other-" + strconv.Itoa(i)); err != nil {
			return fmt.Errorf("join: %w", err)
		}
	}
	return nil
}

func (s *server) stats(req StatsRequest) (st Stats, err error) {
	if req.Depth == Collected {
		runtime.GC() // what sync.Pools hold outlives the first
		debug.FreeOSMemory()
	}
	st.Goroutines, st.Members = runtime.NumGoroutine(), s.Members()
	if st.CPU, err = Usage(); err != nil || req.Depth == Light {
		return st, err
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	st.Heap, st.Stack = int64(m.HeapAlloc), int64(m.StackInuse)
	if st.RSS, err = resident(); err != nil {
		return st, err
	}
	fds, err := os.ReadDir("/proc/self/fd")
	st.FDs = len(fds) - 1 // without the one that reads them
	return st, err
}

// Usage returns the processor time of this process since its start.
func Usage() (CPU, error) {
	var u unix.Rusage
	err := unix.Getrusage(unix.RUSAGE_SELF, &u)
	return CPU{User: time.Duration(u.Utime.Nano()), System: time.Duration(u.Stime.Nano())}, err
}

func resident() (int64, error) {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return 0, fmt.Errorf("statm: %q", b)
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}
