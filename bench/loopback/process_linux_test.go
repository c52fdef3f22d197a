package loopback

import (
	"errors"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gogeist/geist/bench/peers"
	"github.com/gogeist/geist/bench/result"
	"github.com/gogeist/geist/bench/suite"
)

func TestServeArgs_refuses(t *testing.T) {
	for _, tt := range []struct {
		args   []string
		served bool
	}{
		{nil, false},
		{[]string{"all"}, false},
		{[]string{flagServe, "nobody", appPlain, overTCP}, true},
		{[]string{flagServe, "httprouter", appAPI, overTCP}, true},
	} {
		if served, err := ServeArgs(tt.args); served != tt.served || (err != nil) != tt.served {
			t.Errorf("%q: %v, %v", tt.args, served, err)
		}
	}
}

// TestProcess_measures: what is read of a server's process is its own.
func TestProcess_measures(t *testing.T) {
	p, err := start(tiny(t).Exe, "geist", appPlain, overTCP, splitCores())
	if err != nil {
		t.Fatal(err)
	}
	before, err1 := p.cpu()
	if _, err := prove(p, peers.PlainExchanges(), nil); err != nil {
		t.Fatal(err)
	}
	after, err2 := p.cpu()
	peak, err3 := p.peak()
	if err := errors.Join(err1, err2, err3); err != nil || before <= 0 || after <= before || after > time.Minute || peak < 5<<20 || peak > 1<<30 {
		t.Errorf("processor time %v and %v, peak %d; %v", before, after, peak, err)
	}
	_ = p.resetPeak() // not every kernel can; and a process that rests may still take some
	if later, err := p.peak(); err != nil || later <= 0 || later > peak+32<<20 {
		t.Errorf("peak %d after %d, %v", later, peak, err)
	}
	if err := p.end(); err != nil {
		t.Error(err)
	}
	if _, err := p.peak(); err == nil {
		t.Error("the peak of a process that has ended: no error")
	}
}

// TestCores: servers and client are on cores that do not overlap, and all is as before when
// the client moves back.
func TestCores(t *testing.T) {
	var before, during, after unix.CPUSet
	_ = unix.SchedGetaffinity(0, &before)
	procs := runtime.GOMAXPROCS(0)
	on := splitCores()
	if on.pinned != (before.Count() > 1) || on.note == "" || on.workers() < 1 {
		t.Errorf("pinned %v of %d cores: %s", on.pinned, before.Count(), on.note)
	}
	for cpu := range 1024 {
		if on.server.IsSet(cpu) && on.client.IsSet(cpu) || on.pinned && before.IsSet(cpu) != (on.server.IsSet(cpu) || on.client.IsSet(cpu)) {
			t.Errorf("core %d: servers %v, client %v", cpu, on.server.IsSet(cpu), on.client.IsSet(cpu))
		}
	}
	back := on.pinClient()
	_ = unix.SchedGetaffinity(os.Getpid(), &during)
	if on.pinned && (during != on.client || runtime.GOMAXPROCS(0) != on.client.Count()) {
		t.Errorf("the client runs on %d cores with %d procs: %s", during.Count(), runtime.GOMAXPROCS(0), on.note)
	}
	p, err := start(tiny(t).Exe, "geist", appPlain, overTCP, on)
	if err != nil {
		t.Fatal(err)
	}
	var server unix.CPUSet
	if err := unix.SchedGetaffinity(p.cmd.Process.Pid, &server); err != nil || on.pinned && server != on.server {
		t.Errorf("the server runs on %d cores, %v", server.Count(), err)
	}
	if err := p.end(); err != nil {
		t.Error(err)
	}
	back()
	_ = unix.SchedGetaffinity(os.Getpid(), &after)
	if after != before || runtime.GOMAXPROCS(0) != procs {
		t.Errorf("left on %d cores with %d procs", after.Count(), runtime.GOMAXPROCS(0))
	}
}

func TestTimeWait(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:8000 0100007F:9000 06 00000000:00000000 03:00001742 00000000     0        0 0 3 0000000000000000
   1: 0100007F:8000 0100007F:9001 06 00000000:00000000 03:00001742 00000000     0        0 0 3 0000000000000000
   2: 0100007F:8001 0100007F:9000 06 00000000:00000000 03:00001742 00000000     0        0 0 3 0000000000000000
   3: 0100007F:8002 0100007F:9000 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0000000000000000
   4: 0100007F:0050 0100007F:9000 06 00000000:00000000 03:00001742 00000000     0        0 0 3 0000000000000000
`
	if n := timeWait(strings.NewReader(table), 0x8000, 0xEE47); n != 2 {
		t.Errorf("%d ports wait, want 2", n)
	}
	if why := freePorts(1 << 16); !strings.Contains(why, "it needs 65536 ports") {
		t.Errorf("too many ports: %q", why)
	}
	if why := freePorts(0); why != "" {
		t.Errorf("no port: %q", why)
	}
}

// TestSuite_plans: scenes have names of their own and know what they need and take.
func TestSuite_plans(t *testing.T) {
	full, one := suite.Settings{Mode: result.Full}, suite.Settings{Mode: result.Full, Peer: regexp.MustCompile("^geist$")}
	seen := map[string]bool{}
	for _, s := range Suite() {
		if seen[s.Name] || s.Title == "" {
			t.Errorf("%q: %q", s.Name, s.Title)
		}
		seen[s.Name] = true
		servers := 8
		if s.Name == "loopback/download" {
			servers++ // geist without a copy
		}
		if all, few := s.Needs(full), s.Needs(one); all.Files != servers*(few.Files-spare)+spare || few.Ports < bodyConns {
			t.Errorf("%s: needs %+v, for one server %+v", s.Name, all, few)
		}
		if all, few := s.Expect(full), s.Expect(one); all != time.Duration(servers)*few || few == 0 && !strings.Contains(s.Name, "/wrk") && !strings.Contains(s.Name, "/k6") {
			t.Errorf("%s: takes %v, for one server %v", s.Name, all, few)
		}
	}
}
