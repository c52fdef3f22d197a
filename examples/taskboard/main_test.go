package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// asProgram makes the test binary be the taskboard, so that what is started and
// killed below is built once, with the race detector if the tests are.
const asProgram = "TASKBOARD_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// patience bounds each wait for a program; nothing waits that long unless it is broken.
const patience = time.Minute

// program is a taskboard in a process of its own.
type program struct {
	cmd   *exec.Cmd
	base  string // its address as a URL
	key   string // what it says that a member's key is
	said  string // what it printed until it was ready
	rest  chan string
	log   bytes.Buffer // its stderr; read it after wait
	ended bool
}

// startProgram starts a taskboard on a free port and waits until it says it is ready.
func startProgram(t *testing.T, args ...string) *program {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	p := &program{rest: make(chan string, 1)}
	p.cmd = exec.CommandContext(ctx, os.Args[0], append([]string{"-addr", "127.0.0.1:0"}, args...)...)
	p.cmd.Env = append(os.Environ(), asProgram+"=1", "TMPDIR="+t.TempDir())
	p.cmd.Stderr = &p.log
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !p.ended {
			_ = p.cmd.Process.Kill()
			_ = p.wait()
		}
		cancel()
	})
	out := bufio.NewReader(stdout)
	for !strings.Contains(p.said, "Ctrl-C") {
		line, err := out.ReadString('\n')
		p.said += line
		if err != nil {
			_ = p.wait()
			t.Fatalf("the program ended: it said %q and %q", p.said, p.log.String())
		}
	}
	go func() {
		rest, _ := io.ReadAll(out) // it ends with the process
		p.rest <- string(rest)
	}()
	found := regexp.MustCompile(`^taskboard listens on (http://127\.0\.0\.1:\d+) `).FindStringSubmatch(p.said)
	if found == nil {
		t.Fatalf("the address does not come first: %q", p.said)
	}
	p.base = found[1]
	if found = regexp.MustCompile(`(?m)^  KEY=(.*)$`).FindStringSubmatch(p.said); found == nil {
		t.Fatalf("no key is named: %q", p.said)
	}
	p.key = found[1]
	return p
}

// testKey is the key of the member on boards that startKept starts.
const testKey = "0123456789abcdef-test"

// startKept starts a taskboard on a database that outlives it, and whose API takes as much as it can.
func startKept(t *testing.T, db string) *program {
	t.Helper()
	people := filepath.Join(t.TempDir(), "people.txt")
	if err := os.WriteFile(people, []byte("# for tests\ntest:member:password of test:"+testKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return startProgram(t, "-db", db, "-people", people, "-rate", "0")
}

// post sends a request with the key of the tests.
func post(client *http.Client, url, contentType string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequest("POST", url, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Authorization", "Bearer "+testKey)
	return client.Do(req)
}

// wait waits for the program's end and returns what it says about its exit code.
func (p *program) wait() error {
	p.ended = true
	return p.cmd.Wait()
}

// stop asks the program to stop and requires that it does so cleanly.
func (p *program) stop(t *testing.T, sig os.Signal) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no signals to send")
	}
	if err := p.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	rest := <-p.rest
	if err := p.wait(); err != nil {
		t.Fatalf("exit: %v, want 0; log:\n%s", err, p.log.String())
	}
	if !strings.Contains(rest, "stopped") {
		t.Errorf("the program does not say that it stopped: %q", rest)
	}
}

// create creates a task and returns whether it was acknowledged and whether the
// server has said that this was the connection's last answer.
func create(client *http.Client, base, title string) (last bool, err error) {
	res, err := post(client, base+"/api/tasks", "application/json", strings.NewReader(fmt.Sprintf(`{"title":%q}`, title)))
	if err != nil {
		return false, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return false, err
	}
	if res.StatusCode != http.StatusCreated {
		return false, fmt.Errorf("status %d: %s", res.StatusCode, body)
	}
	return res.Close, nil
}

// titles returns the titles of all tasks of a program.
func titles(t *testing.T, base string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for next := "/api/tasks?limit=200"; next != ""; {
		res, err := http.Get(base + next)
		if err != nil {
			t.Fatal(err)
		}
		var page struct {
			Tasks []struct{ Title string }
			Next  string
		}
		err = json.NewDecoder(res.Body).Decode(&page)
		res.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, task := range page.Tasks {
			all[task.Title] = true
		}
		next = page.Next
	}
	return all
}

// load is a set of clients that create tasks on one connection each.
type load struct {
	wg    sync.WaitGroup
	ready sync.WaitGroup // done when every client has had its first answers

	mu    sync.Mutex
	acked []string // guarded by mu
	errs  []error  // guarded by mu
}

// startLoad starts clients that create tasks until an error or their last answer.
func startLoad(base string, clients int) *load {
	l := &load{}
	l.ready.Add(clients)
	for i := range clients {
		l.wg.Go(func() { l.client(base, i) })
	}
	return l
}

func (l *load) client(base string, number int) {
	transport := &http.Transport{MaxConnsPerHost: 1}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: patience}
	const warm = 5
	for n := 0; ; n++ {
		title := fmt.Sprintf("client %d task %d", number, n)
		last, err := create(client, base, title)
		l.mu.Lock()
		if err != nil {
			l.errs = append(l.errs, fmt.Errorf("%s: %w", title, err))
		} else {
			l.acked = append(l.acked, title)
		}
		l.mu.Unlock()
		if n == warm || n < warm && (err != nil || last) {
			l.ready.Done()
		}
		if err != nil || last {
			return
		}
	}
}

// missing returns the acknowledged tasks that are not in stored.
func (l *load) missing(stored map[string]bool) []string {
	return slices.DeleteFunc(slices.Clone(l.acked), func(title string) bool { return stored[title] })
}

func TestProgram_killLosesNoAcknowledgedTask(t *testing.T) {
	db := filepath.Join(t.TempDir(), "tasks.db")
	p := startKept(t, db)
	l := startLoad(p.base, 4)
	l.ready.Wait()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.wait() // it was killed
	l.wg.Wait()
	p = startKept(t, db)
	stored := titles(t, p.base)
	if missing := l.missing(stored); len(missing) > 0 || len(l.acked) == 0 {
		t.Errorf("%d of %d acknowledged tasks are gone: %q", len(missing), len(l.acked), missing)
	}
	if _, err := create(http.DefaultClient, p.base, "after the kill"); err != nil {
		t.Error(err)
	}
}

// Every request on an open connection is answered while the program stops: each
// client goes on until the server says that this was its last answer.
func TestProgram_stopUnderLoadLosesNothing(t *testing.T) {
	db := filepath.Join(t.TempDir(), "tasks.db")
	p := startKept(t, db)
	l := startLoad(p.base, 8)
	l.ready.Wait()
	p.stop(t, syscall.SIGTERM)
	l.wg.Wait()
	for _, err := range l.errs {
		t.Errorf("not answered: %v", err)
	}
	if _, err := os.Stat(db + "-wal"); err == nil {
		t.Error("the database was not closed: its write-ahead log is left")
	}
	p = startKept(t, db)
	if missing := l.missing(titles(t, p.base)); len(missing) > 0 {
		t.Errorf("%d of %d acknowledged tasks are gone: %q", len(missing), len(l.acked), missing)
	}
	http.DefaultClient.CloseIdleConnections()
	p.stop(t, os.Interrupt)
}

// A process that dies in the middle of an upload leaves something on the disk, but not
// for ever; a file that was acknowledged stays.
func TestProgram_killInAnUploadLeavesNothingForEver(t *testing.T) {
	db := filepath.Join(t.TempDir(), "tasks.db")
	p := startKept(t, db)
	if _, err := create(http.DefaultClient, p.base, "with files"); err != nil {
		t.Fatal(err)
	}
	part := "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\n"
	res, err := post(http.DefaultClient, p.base+"/api/tasks/1/files", "multipart/form-data; boundary=b", strings.NewReader(part+"kept\r\n--b--\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST /api/tasks/1/files HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n%s%s",
		testKey, part, strings.Repeat("x", 100<<10))
	if err != nil {
		t.Fatal(err)
	}
	onDisk := func() int {
		found, _ := filepath.Glob(filepath.Join(db+"-files", "*")) // the pattern is well-formed
		return len(found)
	}
	for end := time.Now().Add(patience); onDisk() != 2; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d contents on the disk, want that of the upload beside the other", onDisk())
		}
	}
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.wait() // it was killed
	p = startKept(t, db)
	if got := onDisk(); got != 1 {
		t.Errorf("%d contents on the disk after the restart, want the one that was acknowledged", got)
	}
	res, err = http.Get(p.base + "/api/tasks/1/files/1")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); string(body) != "kept" {
		t.Errorf("the file has %q, want kept", body)
	}
}

func TestProgram_saysWhatToDoAboutATakenPort(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tmp := t.TempDir()
	cmd := exec.CommandContext(ctx, os.Args[0], "-addr", ln.Addr().String())
	cmd.Env = append(os.Environ(), asProgram+"=1", "TMPDIR="+tmp)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("exit: %v, want 1", err)
	}
	for _, want := range []string{ln.Addr().String(), "-addr 127.0.0.1:0"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q does not say %q", out, want)
		}
	}
	if strings.Contains(string(out), "listens on") {
		t.Errorf("it says that it listens: %q", out)
	}
	if left, _ := filepath.Glob(filepath.Join(tmp, "*")); len(left) > 0 && runtime.GOOS != "windows" {
		t.Errorf("it leaves %q behind", left)
	}
}
