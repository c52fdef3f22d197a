package loopback

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gogeist/geist/bench/loopback/generator"
	"github.com/gogeist/geist/bench/peers"
	"github.com/gogeist/geist/bench/result"
	"github.com/gogeist/geist/bench/suite"
)

// toolSpan is how long a tool sends requests: wrk knows whole seconds only.
const toolSpan = time.Second

func toolRounds(set suite.Settings) int { return suite.Choose(set.Mode, set.Rounds, 6, 1) }

// A tool is a load generator of others.
type tool struct {
	name string
	// script writes what the tool runs.
	script func(addr string, all []generator.Exchange) ([]byte, error)
	// args are those of the command, for a server at addr and a script.
	args func(addr, script string, threads int) []string
	// read returns requests/s, and how many answers were errors, of how many.
	read func(output []byte) (rate float64, failed, of int, err error)
}

func tools() []tool {
	return []tool{
		{"wrk", wrkScript, wrkArgs, readWrk},
		{"k6", k6Script, k6Args, readK6},
	}
}

// missing says why the tool cannot be used, or nothing.
func (t tool) missing() string {
	if _, err := exec.LookPath(t.name); err != nil {
		return t.name + " is not installed: " + err.Error()
	}
	return ""
}

// takes guesses how long the tool takes with so many servers.
func (t tool) takes(set suite.Settings, servers int) time.Duration {
	if t.missing() != "" {
		return 0
	}
	if set.Mode == result.Quick {
		servers = min(servers, 2)
	}
	return time.Duration(servers) * (setup + time.Duration(toolRounds(set))*(toolSpan+300*time.Millisecond))
}

// tool runs closed loops of a tool against the same servers; a quick run has geist and its
// base alone, since a tool takes its second of each.
func (b *bench) tool(t tool) error {
	if b.out.NotMeasured = t.missing(); b.out.NotMeasured != "" {
		return nil
	}
	b.out.Metrics = []result.Metric{
		{Key: "rate", Name: "requests", Unit: "1/s", Better: result.Higher, Ratio: true},
		{Key: "cpu", Name: "server CPU", Unit: "µs/request", Digits: 2, Ratio: true},
	}
	b.out.Notes = append(b.out.Notes, "the client is "+t.name+", on the client's cores")
	dir, err := os.MkdirTemp("", "bench-loopback-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left is a file of a temporary directory
	if b.set.Mode == result.Quick {
		b.all = slices.DeleteFunc(b.all, func(p peers.Peer) bool { return !quickTool(p.Name) })
	}
	n := toolRounds(b.set)
	cs, err := b.field(n, func(c *contender) error { c.row(""); return nil })
	defer b.end(cs)
	if err != nil {
		return err
	}
	return b.rounds(n, cs, func(c *contender) error { return b.toolBatch(t, c, filepath.Join(dir, "script")) })
}

// quickTool reports whether a peer takes part in quick runs of a tool.
func quickTool(peer string) bool { return peer == "geist" || peer == "fasthttp" }

func (b *bench) toolBatch(t tool, c *contender, file string) error {
	text, err := t.script(c.addr, c.exact)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	before, err := c.cpu()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	var said, complained bytes.Buffer
	cmd := exec.CommandContext(ctx, t.name, t.args(c.addr, file, b.on.workers())...)
	cmd.Stdout, cmd.Stderr = &said, &complained
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's interrupt is for the first process to decide
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %.300s", t.name, err, complained.String())
	}
	rate, failed, of, err := t.read(said.Bytes())
	if err != nil {
		return fmt.Errorf("%s: %w", t.name, err)
	}
	after, err := c.cpu()
	if err != nil {
		return err
	}
	if want := failures(c.exact, of); of == 0 || failed > want+want/10+len(c.exact) || failed < want-want/10-len(c.exact) {
		return fmt.Errorf("%s: %d of %d answers are errors, want about %d", t.name, failed, of, want)
	}
	c.rows[0].Add("rate", rate)
	c.rows[0].Add("cpu", (after-before).Seconds()*1e6/float64(of))
	return nil
}

// failures is how many of n answers have a status from 400 on.
func failures(all []generator.Exchange, n int) int {
	bad := 0
	for _, e := range all {
		if e.Status >= 400 {
			bad++
		}
	}
	return n * bad / len(all)
}

func wrkScript(_ string, all []generator.Exchange) ([]byte, error) {
	var s bytes.Buffer
	s.WriteString("local requests = {\n")
	for _, e := range all {
		fmt.Fprintf(&s, "%s,\n", strconv.QuoteToASCII(string(e.Request)))
	}
	s.WriteString("}\nlocal i = 0\nfunction request()\n  i = i % #requests + 1\n  return requests[i]\nend\n")
	return s.Bytes(), nil
}

func wrkArgs(addr, script string, threads int) []string {
	return []string{"-t", strconv.Itoa(threads), "-c", strconv.Itoa(max(conns, threads)), "-d", "1s", "-s", script, "http://" + addr + "/"}
}

var (
	wrkRate   = regexp.MustCompile(`(?m)^Requests/sec: +([0-9.]+)$`)
	wrkTotal  = regexp.MustCompile(`(?m)^ +([0-9]+) requests in `)
	wrkFailed = regexp.MustCompile(`(?m)^ +Non-2xx or 3xx responses: ([0-9]+)$`)
	wrkBroken = regexp.MustCompile(`(?m)^ +Socket errors: (.*)$`)
)

func readWrk(b []byte) (rate float64, failed, of int, err error) {
	if m := wrkBroken.FindSubmatch(b); m != nil {
		return 0, 0, 0, fmt.Errorf("socket errors: %s", m[1])
	}
	first := func(re *regexp.Regexp) string {
		if m := re.FindSubmatch(b); m != nil {
			return string(m[1])
		}
		return ""
	}
	rate, err1 := strconv.ParseFloat(first(wrkRate), 64)
	of, err2 := strconv.Atoi(first(wrkTotal))
	if text := first(wrkFailed); text != "" {
		failed, err = strconv.Atoi(text)
	}
	if err = errors.Join(err, err1, err2); err != nil {
		return 0, 0, 0, fmt.Errorf("its output is %.300q: %w", b, err)
	}
	return rate, failed, of, nil
}

// k6Request is a request as the script of k6 makes it.
type k6Request struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Body    string            `json:"body"`
	Headers map[string]string `json:"headers"`
}

const k6Text = `import http from 'k6/http';
import exec from 'k6/execution';
export const options = { vus: %d, duration: '1s', discardResponseBodies: true };
const requests = %s;
export default function () {
  const r = requests[exec.scenario.iterationInTest %% requests.length];
  http.request(r.method, 'http://%s' + r.path, r.body || null, { headers: r.headers });
}
export function handleSummary(data) {
  const m = data.metrics;
  return { stdout: JSON.stringify({ rate: m.http_reqs.values.rate, count: m.http_reqs.values.count, failed: m.http_req_failed.values.passes }) };
}
`

func k6Script(addr string, all []generator.Exchange) ([]byte, error) {
	list := make([]k6Request, len(all))
	for i, e := range all {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(e.Request)))
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		list[i] = k6Request{r.Method, r.RequestURI, string(body), map[string]string{}}
		for name := range r.Header {
			if name != "Content-Length" {
				list[i].Headers[name] = r.Header.Get(name)
			}
		}
	}
	doc, err := json.Marshal(list)
	return fmt.Appendf(nil, k6Text, conns, doc, addr), err
}

func k6Args(_, script string, _ int) []string {
	return strings.Fields("run --quiet --no-usage-report " + script)
}

func readK6(b []byte) (rate float64, failed, of int, err error) {
	var said struct {
		Rate          float64
		Count, Failed int
	}
	if err := json.Unmarshal(b, &said); err != nil {
		return 0, 0, 0, fmt.Errorf("its output is %.300q: %w", b, err)
	}
	return said.Rate, said.Failed, said.Count, nil
}
