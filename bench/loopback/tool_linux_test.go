package loopback

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/gogeist/geist/bench/loopback/generator"
	"github.com/gogeist/geist/bench/peers"
)

// fakeTool puts a program of a name into the path, which checks its script and says text.
func fakeTool(t *testing.T, name, text string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, name)
	program := "#!/bin/sh\nfor last; do case \"$last\" in */script) grep -q hello \"$last\" || exit 9;; esac; done\ncat <<'END'\n" + text + "\nEND\n"
	if err := os.WriteFile(file, []byte(program), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

const wrkSays = `Running 1s test @ http://127.0.0.1:1/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.80ms    4.61ms  63.30ms   91.70%
  20000 requests in 1.10s, 2.62MB read
Requests/sec:  18181.82
Transfer/sec:      2.38MB`

func TestScene_tool(t *testing.T) {
	for _, tt := range []struct{ name, says, want string }{
		{"wrk", wrkSays, ""},
		{"wrk", strings.Replace(wrkSays, "Requests/sec", "  Socket errors: connect 0, read 7, write 0, timeout 0\nRequests/sec", 1), "socket errors: connect 0, read 7"},
		{"wrk", strings.Replace(wrkSays, "Requests/sec", "  Non-2xx or 3xx responses: 900\nRequests/sec", 1), "900 of 20000 answers are errors, want about 0"},
		{"wrk", "nonsense", "its output is \"nonsense"},
		{"k6", `{"rate":18181.82,"count":20000,"failed":0}`, ""},
		{"k6", `{"rate":18181.82,"count":20000,"failed":2000}`, "2000 of 20000 answers are errors"},
		{"k6", `{"rate":0,"count":0,"failed":0}`, "0 of 0 answers"},
		{"k6", "nonsense", "its output is"},
	} {
		fakeTool(t, tt.name, tt.says)
		out := runScene(t, find(t, "loopback/hello/"+tt.name), named("geist"), tiny(t))
		if tt.want != "" {
			if len(out.Failures) != 1 || !strings.Contains(out.Failures[0].What, tt.want) {
				t.Errorf("%s: failures %v, want %q", tt.name, out.Failures, tt.want)
			}
			continue
		}
		if len(out.Failures) != 0 || len(out.Contenders) != 1 || out.Contenders[0].Values["rate"].Median != 18181.82 || out.Contenders[0].Values["cpu"] == nil {
			t.Errorf("%s: %d rows, failures %v", tt.name, len(out.Contenders), out.Failures)
		}
	}
}

// TestScene_noTool: a tool that is not there is a reason, not a failure.
func TestScene_noTool(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, x := range tools() {
		out := runScene(t, find(t, "loopback/api/"+x.name), peers.All(), tiny(t))
		if !strings.Contains(out.NotMeasured, x.name+" is not installed") || len(out.Failures) != 0 {
			t.Errorf("%s: %q, failures %v", x.name, out.NotMeasured, out.Failures)
		}
	}
}

// TestTool_scripts: what tools send is what the client sends.
func TestTool_scripts(t *testing.T) {
	var exact []generator.Exchange
	for _, e := range peers.APIExchanges() {
		exact = append(exact, generator.Exchange{Name: e.Name, Request: e.Request, Status: e.Status})
	}
	wrk, err := wrkScript("", exact)
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?m)^".*",$`).FindAllString(string(wrk), -1)
	if len(lines) != len(exact) {
		t.Fatalf("wrk has %d requests, want %d", len(lines), len(exact))
	}
	for i, line := range lines {
		if got, err := strconv.Unquote(strings.TrimSuffix(line, ",")); err != nil || got != string(exact[i].Request) {
			t.Errorf("wrk: got %q, %v", got, err)
		}
	}
	k6, err := k6Script("127.0.0.1:1", exact)
	if err != nil {
		t.Fatal(err)
	}
	var list []k6Request
	if err := json.Unmarshal(regexp.MustCompile(`(?m)^const requests = (.*);$`).FindSubmatch(k6)[1], &list); err != nil || len(list) != len(exact) {
		t.Fatalf("k6 has %d requests, %v", len(list), err)
	}
	for i, r := range list {
		want := string(exact[i].Request)
		if !strings.HasPrefix(want, r.Method+" "+r.Path+" HTTP/1.1\r\n") || !strings.HasSuffix(want, "\r\n\r\n"+r.Body) || r.Headers["Origin"] != peers.Origin {
			t.Errorf("k6 sends %+v, want %q", r, want)
		}
	}
	if n := failures(exact, 1000); n != 100 {
		t.Errorf("%d of 1000 answers of the mix are errors, want 100", n)
	}
}
