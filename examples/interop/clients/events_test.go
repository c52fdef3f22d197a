package clients

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/examples/interop/internal/loopback"
	"github.com/gogeist/geist/internal/leakcheck"
)

// ticker counts for its clients: /ticks goes on behind their last event each time that
// a test says so, and /three sends three events and ends, until the client has seen the
// ninth: then it is told to stop.
type ticker struct {
	next chan struct{}
	gone chan error // why streams of /ticks ended
	ids  chan string
}

func newTicker() (*ticker, *geist.Engine) {
	k := &ticker{next: make(chan struct{}), gone: make(chan error, 10), ids: make(chan string, 10)}
	app := geist.New(geist.Config{DrainIdle: -1, EventHeartbeat: 200 * time.Millisecond})
	app.SSE("/ticks", func(c *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error {
			for i := 1; ; i++ {
				if err := s.Send(geist.Event{ID: strconv.Itoa(i), Name: "tick", Data: fmt.Appendf(nil, "%d\nof many", i)}); err != nil {
					return err
				}
				select {
				case <-k.next:
				case <-s.Context().Done():
					k.gone <- context.Cause(s.Context())
					return nil
				}
			}
		})
	})
	app.SSE("/three", func(c *geist.Ctx, s *geist.Stream) error {
		k.ids <- s.LastEventID()
		last, _ := strconv.Atoi(s.LastEventID())
		if last >= 9 {
			return c.NoContent()
		}
		return s.Run(func() error {
			for i := last + 1; i <= last+3; i++ {
				if err := s.Send(geist.Event{ID: strconv.Itoa(i), Data: []byte(strconv.Itoa(i)), Retry: time.Millisecond}); err != nil {
					return err
				}
			}
			return nil
		})
	})
	return k, app
}

// wait fails the test if nothing comes.
func wait[T any](t *testing.T, ch <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(30 * time.Second):
		t.Fatalf("%s: nothing came", what)
	}
	return v
}

// start runs a program until the end of the test, and returns a reader of what it prints.
func start(t *testing.T, name string, args ...string) *bufio.Reader {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is not in PATH: run .ci/setup, or install the package %s", name, packages[name])
	}
	cmd := exec.Command(path, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	return bufio.NewReader(out)
}

// nextLine returns the next line that is neither empty nor a heartbeat.
func nextLine(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	lines := make(chan string, 1)
	go func() { // ends with the line, or with the program that prints it
		for {
			line, err := r.ReadString('\n')
			if line = strings.TrimSpace(line); err != nil || line != "" && line != ":" {
				lines <- line
				return
			}
		}
	}()
	return wait(t, lines, "the next line")
}

// readTicks reads the first ticks, each of which is sent when the one before has come.
func readTicks(t *testing.T, k *ticker, r *bufio.Reader) {
	t.Helper()
	for i := 1; i <= 5; i++ {
		for _, want := range []string{"id: " + strconv.Itoa(i), "event: tick", "data: " + strconv.Itoa(i), "data: of many"} {
			if got := nextLine(t, r); got != want {
				t.Fatalf("tick %d: got line %q, want %q", i, got, want)
			}
		}
		if i < 5 {
			k.next <- struct{}{}
		}
	}
}

func TestCurl_events(t *testing.T) {
	leakcheck.Check(t)
	k, app := newTicker()
	url := loopback.Serve(t, app)
	for _, version := range []string{"--http1.1", "--http1.0"} {
		ctx, leave := context.WithCancel(t.Context())
		cmd := exec.CommandContext(ctx, "curl", "-sSN", version, url+"/ticks")
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatalf("%v: run .ci/setup, or install the package curl", err)
		}
		readTicks(t, k, bufio.NewReader(out))
		leave()
		_ = cmd.Wait() // it was killed
		if err := wait(t, k.gone, "the end of curl"); !errors.Is(err, geist.ErrClientGone) {
			t.Errorf("curl %s was killed: the stream ended with %v, want ErrClientGone", version, err)
		}
	}
}

// TestEventSource_reconnects runs the EventSource of Node, where there is one.
func TestEventSource_reconnects(t *testing.T) {
	leakcheck.Check(t)
	const script = `const e = new EventSource(process.argv[1] + "/three");
		setInterval(() => {}, 1000); // its own timer does not keep the program alive
		e.onmessage = m => console.log(m.lastEventId + "=" + m.data);
		e.onerror = () => { if (e.readyState === 2) { console.log("closed"); process.exit(); } };`
	k, app := newTicker()
	url := loopback.Serve(t, app)
	var seen []string
	if nodeHas(t) {
		r := start(t, "node", "--no-warnings", "--experimental-eventsource", "-e", script, url)
		for {
			line := nextLine(t, r)
			if line == "closed" || line == "" {
				break
			}
			seen = append(seen, line)
		}
	} else { // the same by hand: what an EventSource does between two streams
		seen = reconnect(t, url+"/three")
	}
	if got, want := strings.Join(seen, " "), "1=1 2=2 3=3 4=4 5=5 6=6 7=7 8=8 9=9"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, want := range []string{"", "3", "6", "9"} {
		if got := wait(t, k.ids, "a connection"); got != want {
			t.Errorf("Last-Event-ID = %q, want %q", got, want)
		}
	}
}

// nodeHas reports whether there is a Node with an EventSource.
func nodeHas(t *testing.T) bool {
	t.Helper()
	out, err := exec.Command("node", "--experimental-eventsource", "-e", "console.log(typeof EventSource)").Output()
	return err == nil && strings.TrimSpace(string(out)) == "function"
}

// reconnect reads streams until it is told to stop.
func reconnect(t *testing.T, url string) (seen []string) {
	t.Helper()
	last := ""
	for {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Last-Event-ID", last)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode == http.StatusNoContent {
			http.DefaultClient.CloseIdleConnections()
			return seen
		}
		for block := range strings.SplitSeq(string(b), "\n\n") {
			for line := range strings.SplitSeq(block, "\n") {
				if id, ok := strings.CutPrefix(line, "id: "); ok {
					last = id
				} else if data, ok := strings.CutPrefix(line, "data: "); ok {
					seen = append(seen, last+"="+data)
				}
			}
		}
	}
}

// nginx runs nginx with its defaults in front of an application, and returns a client
// that goes there.
func nginx(t *testing.T, upstream string) *http.Client {
	t.Helper()
	dir := t.TempDir()
	socket := filepath.Join(dir, "s")
	config := fmt.Sprintf(`
		daemon off; master_process off; pid %[1]s/pid; error_log stderr crit;
		events {}
		http {
			access_log off;
			client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c;
			uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
			server { listen unix:%[1]s/s; location / { proxy_pass %[2]s; } }
		}`, dir, upstream)
	name := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(name, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, "nginx", "-p", dir, "-c", name, "-e", "stderr")
	dial := func() (net.Conn, error) { return net.Dial("unix", socket) }
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if c, err := dial(); err == nil {
			_ = c.Close()
			break
		} else if time.Now().After(end) {
			t.Fatalf("nginx does not listen: %v", err)
		}
	}
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return dial() }, DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// TestNginx_events: a proxy with its defaults, which collects what it passes on, passes
// events on at once, and the end of its client too.
func TestNginx_events(t *testing.T) {
	leakcheck.Check(t)
	k, app := newTicker()
	client := nginx(t, loopback.Serve(t, app))
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://nginx/ticks", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if got := resp.Header.Get("Server"); !strings.HasPrefix(got, "nginx") || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("answer %v, want a stream that nginx has passed on", resp)
	}
	r := bufio.NewReader(resp.Body)
	readTicks(t, k, r)
	for beats := 0; beats < 3; {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if line == ":\n" {
			beats++
		}
	}
	leave()
	if err := wait(t, k.gone, "the end behind nginx"); !errors.Is(err, geist.ErrClientGone) {
		t.Errorf("the client left nginx: the stream ended with %v, want ErrClientGone", err)
	}
}
