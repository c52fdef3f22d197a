package geist_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/hub"
)

// TestStream_Follow_leavesTheWatcher: what has watched the client for the request's context
// watches it no more, though the connection goes on under another descriptor.
func TestStream_Follow_leavesTheWatcher(t *testing.T) {
	h := hub.New(hub.Config{})
	app := geist.New(geist.Config{DrainIdle: -1})
	inodes := make(chan uint64, 1)
	app.SSE("/feed", func(c *geist.Ctx, s *geist.Stream) error {
		_ = c.Context()
		inode := socketInode(t, c.Raw().Conn().(syscall.Conn))
		waitFor(t, "the watcher and Go's poller have the socket", func() bool { return pollers(inode) == 2 })
		inodes <- inode
		return s.Follow(h, "news")
	})
	ln := listenTCP(t)
	serveLoop(t, app, ln)
	c := mustDial(t, ln.dial)
	defer c.Close()
	_, _ = io.WriteString(c, feed+"\r\n")
	inode := <-inodes
	waitFor(t, "the stream is followed", func() bool { return app.Stats().Streams == 1 })
	for readLine(t, c.br) != "\r" {
	}
	publish(t, h, "news", "", "x")
	for readLine(t, c.br) != "data: x" {
	}
	if n := pollers(inode); n != 1 {
		t.Errorf("the socket of a followed stream: got %d epoll instances that have it, want 1", n)
	}
}

// socketInode returns the inode of a connection's socket.
func socketInode(t *testing.T, conn syscall.Conn) uint64 {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Error(err)
		return 0
	}
	var st syscall.Stat_t
	if err := raw.Control(func(fd uintptr) { _ = syscall.Fstat(int(fd), &st) }); err != nil {
		t.Error(err)
	}
	return st.Ino
}

// pollers returns in how many of the process's epoll instances a socket is.
func pollers(inode uint64) (n int) {
	files, _ := filepath.Glob("/proc/self/fdinfo/*")
	for _, name := range files {
		info, _ := os.ReadFile(name) // closed in the meantime
		for line := range strings.Lines(string(info)) {
			if strings.HasPrefix(line, "tfd:") && strings.Contains(line, fmt.Sprintf("ino:%x ", inode)) {
				n++
			}
		}
	}
	return n
}
