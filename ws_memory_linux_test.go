//go:build linux && !race && !geistdebug

package geist_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/internal/wsproto"
)

// Idle WebSockets, whose handler waits in Read, or has left them to a hub, and what each
// may cost in memory of the process. Measured: 6.0 KiB, of which 2.0 are stack, 2.7 heap,
// and the rest is what the runtime and holes in its pages need; 2.4 KiB with a hub. The
// goals are 5 KiB and 4. One that speaks geist.v1, in one room: 10.1 KiB, of which 4.0 are
// stack and 4.4 heap.
const (
	idleSockets       = 4000
	idleSocketRSS     = 6600
	followedSocketRSS = 2900
	roomSocketRSS     = 12000
	memoryServer      = "GEIST_TEST_MEMORY_SERVER"
	memoryMeasured    = "rss"
)

// chromeHeader is what Chrome adds to a handshake.
var chromeHeader = []string{
	"Pragma: no-cache", "Cache-Control: no-cache",
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
	"Origin: http://example.com", "Accept-Encoding: gzip, deflate, br, zstd", "Accept-Language: en-US,en;q=0.9",
	"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
}

// TestConn_idleMemory holds idle connections to a server in a process of its own, and
// asks that for its memory before and after.
func TestConn_idleMemory(t *testing.T) {
	if os.Getenv(memoryServer) != "" {
		serveForMemory(t)
		return
	}
	for _, tc := range []struct {
		name, path       string
		begin            func(c *rawClient)
		most, goroutines int
		more             []string
	}{
		{"read", "/chat/general", func(c *rawClient) { c.text("Hello"); c.want("text Hello") }, idleSocketRSS, idleSockets + 20, nil},
		{"followed", "/feed", func(c *rawClient) { c.frame(wsproto.Ping, true, ""); c.want("pong") }, followedSocketRSS, 20, nil},
		{"geist.v1", "/rt", func(c *rawClient) {
			c.text(`["hello"]`)
			c.text(`["join",1,"news"]`)
			for !strings.HasPrefix(c.next(), `text ["joined",`) {
				continue
			}
		}, roomSocketRSS, idleSockets + 20, []string{"Sec-WebSocket-Protocol: geist.v1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			addr, ask := startForMemory(t)
			clients := make([]*rawClient, 0, idleSockets)
			open := func(n int) {
				for range n {
					c := openWS(t, addr, tc.path, append(tc.more, chromeHeader...)...)
					tc.begin(c)
					c.br = nil // 4 KiB each
					clients = append(clients, c)
				}
			}
			open(100) // what the first ones make belongs to the process
			before := ask()
			open(idleSockets - 100)
			after := ask()
			per := func(i int) int { return (after[i] - before[i]) / (idleSockets - 100) }
			t.Logf("%d WebSockets: %d bytes resident each; heap %d, stacks %d, goroutines %d, heap in use %d, runtime %d", len(clients), per(0), per(1), per(2), after[3], per(4), per(5))
			if got := per(0); got > tc.most {
				t.Errorf("a WebSocket: got %d bytes resident, want at most %d", got, tc.most)
			}
			if got := after[3]; got > tc.goroutines {
				t.Errorf("%d WebSockets: got %d goroutines, want at most %d", len(clients), got, tc.goroutines)
			}
		})
	}
}

// startForMemory starts the server's process, and returns its address and what asks it.
func startForMemory(t *testing.T) (addr string, ask func() []int) {
	t.Helper()
	server := exec.Command(os.Args[0], "-test.run=^TestConn_idleMemory$") //nolint:gosec // this very program
	server.Env = append(os.Environ(), memoryServer+"=1")
	in, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // the server ends with it
		_ = server.Wait()
	})
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("the server did not start")
	}
	return lines.Text(), func() (got []int) {
		t.Helper()
		_, _ = io.WriteString(in, memoryMeasured+"\n")
		if !lines.Scan() {
			t.Fatal("the server has ended")
		}
		for f := range strings.FieldsSeq(lines.Text()) {
			n, _ := strconv.Atoi(f)
			got = append(got, n)
		}
		return got
	}
}

// serveForMemory is the server's process. It writes its address, and for each line that
// it reads its memory: resident, heap, stacks and goroutines.
func serveForMemory(t *testing.T) {
	app := geist.New(geist.Config{Logger: discard(), DrainIdle: -1})
	app.WS("/chat/:room", func(c *geist.Ctx, ws *geist.Conn) error {
		room := c.Param("room")
		err := echo(c, ws)
		runtime.KeepAlive(room)
		return err
	})
	h := hub.New(hub.Config{})
	app.WS("/feed", func(_ *geist.Ctx, ws *geist.Conn) error { return ws.Follow(h, "news") })
	app.Rooms("/rt", h, func(*geist.Ctx) (hub.Policy, error) { return openPolicy(), nil })
	fmt.Println(serveWS(t, app))
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		debug.FreeOSMemory()
		debug.FreeOSMemory()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Println(residentBytes(t), m.HeapAlloc, m.StackInuse, runtime.NumGoroutine(), m.HeapInuse, m.MSpanSys+m.MCacheSys+m.GCSys+m.OtherSys+m.BuckHashSys)
	}
	os.Exit(0)
}

// residentBytes returns the process's resident memory.
func residentBytes(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := bytes.Cut(b, []byte("VmRSS:"))
	n, err := strconv.Atoi(string(bytes.Fields(rest)[0]))
	if err != nil {
		t.Fatal(err)
	}
	return n << 10
}
