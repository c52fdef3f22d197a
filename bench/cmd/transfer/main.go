// Command transfer measures what a server of geist holds in memory while it takes a
// large upload, plain and as a form, and sends a large download. The server runs in a
// process of its own, whose peak resident set (VmHWM) Linux tells.
//
//	go run ./cmd/transfer -size 1024
package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/gogeist/geist"
)

func main() {
	size := flag.Int64("size", 1024, "MiB to transfer each way")
	serve := flag.Bool("serve", false, "be the server; its address goes to standard output")
	flag.Parse()
	work := func() error { return measure(*size << 20) }
	if *serve {
		work = server
	}
	if err := work(); err != nil {
		fmt.Fprintln(os.Stderr, "transfer:", err)
		os.Exit(1)
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
	app := geist.New()
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
func start() (cmd *exec.Cmd, addr string, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", nil, err
	}
	cmd = exec.Command(self, "-serve")
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

// measure makes each transfer with a server of its own, whose peak is then that transfer's.
func measure(size int64) error {
	head := "--b\r\nContent-Disposition: form-data; name=f; filename=f\r\n\r\n"
	form := io.MultiReader(strings.NewReader(head), io.LimitReader(zeros{}, size), strings.NewReader("\r\n--b--\r\n"))
	for _, t := range []struct {
		name, method, path string
		body               io.Reader
	}{
		{"upload", "POST", "/up", io.LimitReader(zeros{}, size)},
		{"form", "POST", "/form", form},
		{"download", "GET", fmt.Sprintf("/down/%d", size), nil},
	} {
		if err := one(t.name, t.method, t.path, t.body, size); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return nil
}

func one(name, method, path string, body io.Reader, size int64) error {
	cmd, addr, stop, err := start()
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
	n, err := do(method, "http://"+addr+path, body)
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
	fmt.Printf("%-9s %d MiB in %.1f s: VmHWM %.1f MiB idle, %.1f MiB at the end, %.1f MiB above\n",
		name, size>>20, took.Seconds(), mib(idle), mib(most), mib(most-idle))
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
