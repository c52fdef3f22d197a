//go:build linux && !race && !geistdebug

package geist_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/hub"
)

// Followed streams, and what each may cost in memory of the process. Measured: 1.3 KiB, of
// which 0.9 are heap. The goal is 2 KiB.
const (
	followedStreams = 4000
	followedRSS     = 2048
	streamServer    = "GEIST_TEST_STREAM_SERVER"
)

// TestStream_Follow_memory holds followed streams open to a server in a process of its
// own, and asks that for its memory before and after, and for its goroutines.
func TestStream_Follow_memory(t *testing.T) {
	if os.Getenv(streamServer) != "" {
		serveStreamsForMemory(t)
		return
	}
	server := exec.Command(os.Args[0], "-test.run=^TestStream_Follow_memory$") //nolint:gosec // this very program
	server.Env = append(os.Environ(), streamServer+"=1")
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
	defer func() {
		_ = in.Close() // the server ends with it
		_ = server.Wait()
	}()
	lines := bufio.NewReader(out)
	addr := readLine(t, lines)
	ask := func() (resident, heap, stacks, goroutines int) {
		t.Helper()
		_, _ = io.WriteString(in, "?\n")
		line := readLine(t, lines)
		if _, err := fmt.Sscan(line, &resident, &heap, &stacks, &goroutines); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		return
	}
	request := feed + strings.Join(chromeHeader, "\r\n") + "\r\nAccept: text/event-stream\r\nLast-Event-ID: 2t8xj1p0c4zk-1f\r\n\r\n"
	open := func(n int) {
		for range n {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
			_, _ = io.WriteString(c, request)
			for r := bufio.NewReaderSize(c, 512); readLine(t, r) != "event: gap"; { // for the id is of no room here
			}
		}
	}
	open(100) // what the first ones make belongs to the process
	rss0, heap0, stacks0, goroutines0 := ask()
	open(followedStreams - 100)
	rss, heap, stacks, goroutines := ask()
	per := func(after, before int) int { return (after - before) / (followedStreams - 100) }
	t.Logf("%d followed streams: %d bytes resident each; heap %d, stacks %d, goroutines %d", followedStreams, per(rss, rss0), per(heap, heap0), per(stacks, stacks0), goroutines)
	if got := per(rss, rss0); got > followedRSS {
		t.Errorf("a followed stream: got %d bytes resident, want at most %d", got, followedRSS)
	}
	if got := goroutines - goroutines0; got > 10 { // fasthttp's idle workers come and go
		t.Errorf("%d streams more have %d goroutines more, want none", followedStreams-100, got)
	}
}

// serveStreamsForMemory is the server's process. It writes its address, and for each line
// that it reads: its resident memory, heap, stacks and goroutines.
func serveStreamsForMemory(t *testing.T) {
	h := hub.New(hub.Config{})
	app := following(geist.Config{Logger: discard(), DrainIdle: -1}, h, "news")
	ln := listenTCP(t)
	go func() { _ = app.Serve(ln) }() // ends with the process
	fmt.Println(ln.Addr())
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		debug.FreeOSMemory()
		debug.FreeOSMemory()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Println(residentBytes(t), m.HeapAlloc, m.StackInuse, runtime.NumGoroutine())
	}
	_ = h.Shutdown(context.Background())
	os.Exit(0)
}
