// Package transfer measures what a server of geist holds in memory while it takes a
// large upload, plain and as a form, and sends a large download. The server runs in a
// process of its own, whose peak resident set (VmHWM) Linux tells.
package transfer

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"github.com/gogeist/geist"

	"github.com/gogeist/geist/bench/result"
	"github.com/gogeist/geist/bench/suite"
)

// flagServe is the only argument of a process that is the server.
const flagServe = "-transfer-server"

// ServeArgs is the server if args, without the program's name, say so. It reports whether
// they did.
func ServeArgs(args []string) (bool, error) {
	if len(args) != 1 || args[0] != flagServe {
		return false, nil
	}
	signal.Ignore(os.Interrupt) // a terminal sends it to all: the first process decides
	return true, server()
}

// Scene returns the scene for the suite.
func Scene() suite.Scene {
	return suite.Scene{
		Name:  "transfer",
		Title: "large bodies over loopback that handlers read and write as streams: the peak of memory above that of the idle server, a fresh process each",
		Expect: func(s suite.Settings) time.Duration {
			return time.Duration(trials(s)*3) * (200*time.Millisecond + time.Duration(size(s))*2*time.Millisecond)
		},
		Run: run,
	}
}

func trials(s suite.Settings) int { return suite.Choose(s.Mode, s.Trials, 6, 1) }

// size is in MiB.
func size(s suite.Settings) int { return suite.Choose(s.Mode, s.Size, 1024, 32) }

// peer is who is measured: there is nobody else, for others hold bodies in memory.
const peer = "geist"

func run(ctx context.Context, out *result.Scene, s suite.Settings, step suite.StepFunc) error {
	out.Ordered = true
	out.Metrics = []result.Metric{
		{Key: "above", Name: "peak above idle", Unit: "MiB", Digits: 2},
		{Key: "peak", Name: "peak", Unit: "MiB", Digits: 1},
		{Key: "rate", Name: "transferred", Unit: "MiB/s", Better: result.Higher},
	}
	out.Notes = append(out.Notes, fmt.Sprintf("each transfer has %d MiB", size(s)))
	if !s.Wants(peer) {
		return nil
	}
	total := int64(size(s)) << 20
	all := transfers(total)
	for _, t := range all {
		out.Contenders = append(out.Contenders, t.row)
	}
	for i := range trials(s) {
		for k, t := range all {
			step(suite.Step{Done: i*len(all) + k, Total: trials(s) * len(all), Peer: peer})
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := t.try(s.Exe, total); err != nil {
				out.Fail(peer, fmt.Errorf("%s: %w", t.row.Variant, err))
				return nil
			}
		}
	}
	return nil
}

// transfer is one way for bytes to go.
type transfer struct {
	row          *result.Contender
	method, path string
	body         func() io.Reader
}

func transfers(size int64) []transfer {
	head := "--b\r\nContent-Disposition: form-data; name=f; filename=f\r\n\r\n"
	return []transfer{
		{result.NewContender(peer, "upload"), "POST", "/up", func() io.Reader { return io.LimitReader(zeros{}, size) }},
		{result.NewContender(peer, "form"), "POST", "/form", func() io.Reader {
			return io.MultiReader(strings.NewReader(head), io.LimitReader(zeros{}, size), strings.NewReader("\r\n--b--\r\n"))
		}},
		{result.NewContender(peer, "download"), "GET", fmt.Sprintf("/down/%d", size), func() io.Reader { return nil }},
	}
}

// zeros is a source without an end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// server serves until its standard input ends.
func server() error {
	app := geist.New(geist.Config{DisableBanner: true})
	app.POST("/up", func(c *geist.Ctx) error {
		n, err := io.Copy(io.Discard, c.BodyReader())
		if err != nil {
			return err
		}
		return c.Text(200, strconv.FormatInt(n, 10))
	}).Doc(geist.StreamBody(), geist.BodyLimit(-1))
	app.POST("/form", func(c *geist.Ctx) error {
		var sum int64
		err := geist.EachPart(c, func(p *geist.Part) error {
			n, err := io.Copy(io.Discard, p)
			sum += n
			return err
		})
		if err != nil {
			return err
		}
		return c.Text(200, strconv.FormatInt(sum, 10))
	}).Doc(geist.StreamBody(), geist.BodyLimit(-1))
	app.GET("/down/:n<int>", func(c *geist.Ctx) error {
		n, err := geist.Param[int64](c, "n")
		if err != nil {
			return err
		}
		return c.Stream("application/octet-stream", func(w *geist.StreamWriter) error {
			_, err := io.Copy(w, io.LimitReader(zeros{}, n))
			return err
		})
	})
	app.GET("/idle", func(c *geist.Ctx) error { return c.NoContent() })
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	go func() { // it ends with the process
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return app.Serve(ln)
}

// start runs the server in a process of its own.
func start(exe string) (cmd *exec.Cmd, addr string, stop func(), err error) {
	cmd = exec.Command(exe, flagServe)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, "", nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", nil, err
	}
	stop = func() { _ = in.Close(); _ = cmd.Wait() }
	addr, err = bufio.NewReader(out).ReadString('\n')
	return cmd, strings.TrimSpace(addr), stop, err
}

// try makes one transfer with a server of its own, whose peak is then that transfer's.
func (t transfer) try(exe string, size int64) error {
	cmd, addr, stop, err := start(exe)
	if err != nil {
		return err
	}
	defer stop()
	if _, err := do("GET", "http://"+addr+"/idle", nil); err != nil {
		return err
	}
	idle, err := peak(cmd.Process.Pid)
	if err != nil {
		return err
	}
	began := time.Now()
	n, err := do(t.method, "http://"+addr+t.path, t.body())
	if err != nil {
		return err
	}
	if n != size {
		return fmt.Errorf("%d bytes arrived, not %d", n, size)
	}
	took := time.Since(began)
	most, err := peak(cmd.Process.Pid)
	if err != nil {
		return err
	}
	t.row.Add("above", mib(most-idle))
	t.row.Add("peak", mib(most))
	t.row.Add("rate", float64(size>>20)/took.Seconds())
	return nil
}

func mib(kib int) float64 { return float64(kib) / 1024 }

// do sends a request and returns how many bytes arrived, on either side.
func do(method, url string, body io.Reader) (int64, error) {
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return 0, errors.New(resp.Status)
	}
	if method == http.MethodGet {
		return io.Copy(io.Discard, resp.Body)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(b), 10, 64)
}

// peak returns the most memory that a process has had resident, in KiB.
func peak(pid int) (int, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("only Linux tells the peak of a process: %w", err)
	}
	for line := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(line, []byte("VmHWM:")); ok {
			return strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(string(rest)), " kB"))
		}
	}
	return 0, errors.New("no VmHWM in the process's status")
}
