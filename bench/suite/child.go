package suite

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gogeist/geist/bench/result"
)

// flagChild is the first argument of a process that is a scene, whose name follows.
const flagChild = "-suite-scene"

// A line is what the process of a scene says, as JSON: steps, and at last the scene.
type line struct {
	Step  *Step         `json:",omitempty"`
	Scene *result.Scene `json:",omitempty"`
	Err   string        `json:",omitempty"`
}

// ServeChild is the process of a scene if args, without the program's name, say so. It
// reports whether they did. Settings come as JSON on the standard input; when that ends, the
// scene is stopped. Steps and results go to the standard output.
func ServeChild(args []string, scenes []Scene) (bool, error) {
	if len(args) != 2 || args[0] != flagChild {
		return false, nil
	}
	signal.Ignore(os.Interrupt) // a terminal sends it to all: the first process decides
	i := slices.IndexFunc(scenes, func(s Scene) bool { return s.Name == args[1] })
	if i < 0 {
		return true, fmt.Errorf("no scene is called %q", args[1])
	}
	return true, serveScene(scenes[i], os.Stdin, os.Stdout)
}

func serveScene(sc Scene, in io.Reader, w io.Writer) error {
	dec := json.NewDecoder(in)
	var s Settings
	if err := dec.Decode(&s); err != nil {
		return fmt.Errorf("settings of a scene: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() { // it ends with the input, or with the process
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	var broken error
	out, err := runHere(ctx, sc, s, func(st Step) {
		if e := say(w, line{Step: &st}); e != nil {
			broken = e
			cancel()
		}
	})
	last := line{Scene: out}
	if err != nil && ctx.Err() == nil {
		last.Err = err.Error()
	}
	return errors.Join(broken, say(w, last))
}

// say writes a line of its own, whatever libraries have written before it.
func say(w io.Writer, l line) error {
	b, err := json.Marshal(l)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\n%s\n", b)
	return err
}

// runHere runs a scene in this process.
func runHere(ctx context.Context, sc Scene, s Settings, step StepFunc) (out *result.Scene, err error) {
	out = &result.Scene{Name: sc.Name, Title: sc.Title, Command: s.command(sc.Name)}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
		out.Summarise()
	}()
	start := time.Now()
	err = sc.Run(ctx, out, s, step)
	out.Seconds = time.Since(start).Seconds()
	return out, err
}

// child is a scene in a process of its own.
type child struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Reader
	said  *tail
	last  Step
}

func startChild(sc Scene, s Settings) (*child, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(s.Exe, flagChild, sc.Name), said: &tail{}}
	c.cmd.Stderr = c.said
	if s.Verbose {
		c.cmd.Stderr = io.MultiWriter(os.Stderr, c.said)
	}
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.lines = bufio.NewReader(out)
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	if _, err := c.in.Write(append(b, '\n')); err != nil {
		return nil, errors.Join(err, c.cmd.Process.Kill(), c.cmd.Wait())
	}
	return c, nil
}

// errDied says that the process of a scene ended before its scene did.
var errDied = errors.New("the process died")

// wait returns what the scene says at last. When ctx ends it asks it to stop. An error that
// is errDied leaves the culprit in c.last.
func (c *child) wait(ctx context.Context, patience time.Duration, step StepFunc) (*result.Scene, error) {
	defer context.AfterFunc(ctx, func() { _ = c.in.Close() })()
	hung := make(chan struct{})
	watch := time.AfterFunc(patience, func() {
		close(hung)
		_ = c.cmd.Process.Kill()
	})
	var last line
	for last.Scene == nil {
		b, err := c.lines.ReadBytes('\n')
		if err != nil {
			break
		}
		last = line{}
		if err := json.Unmarshal(b, &last); err != nil {
			continue // a library that writes to the standard output
		}
		if last.Step == nil {
			continue
		}
		if !watch.Stop() {
			break
		}
		watch.Reset(patience)
		c.last = *last.Step
		step(c.last)
	}
	if !watch.Stop() {
		<-hung
		_ = c.end() // it has been killed
		return nil, fmt.Errorf("%w: it made no progress for %v", errDied, patience)
	}
	err := c.end()
	switch {
	case last.Scene == nil:
		return nil, fmt.Errorf("%w: %w%s", errDied, errors.Join(err, errors.New("no result")), c.said.cause())
	case last.Err != "":
		return last.Scene, errors.New(last.Err)
	}
	return last.Scene, nil
}

// lingers is how long a process may take to end after its last word.
const lingers = 10 * time.Second

// end closes the input, which ends the process, and waits for that.
func (c *child) end() error {
	_ = c.in.Close()
	force := time.AfterFunc(lingers, func() { _ = c.cmd.Process.Kill() })
	defer force.Stop()
	return c.cmd.Wait()
}

// tail keeps the first cause of death that a process writes, and the end of what it writes.
type tail struct {
	mu   sync.Mutex
	text []byte // guarded by mu
}

// tailSize is how much of the output is kept.
const tailSize = 64 << 10

// Write keeps p. It is safe for concurrent use.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if n := len(t.text) - tailSize; n > 0 {
		t.text = t.text[n:]
	}
	return len(p), nil
}

// cause returns the line that says why the process died, with a separator before it.
func (t *tail) cause() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := ""
	for l := range strings.Lines(string(t.text)) {
		l = strings.TrimSpace(l)
		if strings.HasPrefix(l, "panic:") || strings.HasPrefix(l, "fatal error:") {
			return ": " + l
		}
		if l != "" {
			last = ": " + l
		}
	}
	return last
}
