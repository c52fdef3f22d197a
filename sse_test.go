package geist_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// events opens a stream over a connection of its own and returns a reader of its body.
func events(t *testing.T, c *geisttest.Client, path string, fields ...string) (net.Conn, *http.Response, *bufio.Reader) {
	t.Helper()
	conn := c.Dial()
	resp := open(t, conn, "GET "+path+" HTTP/1.1\r\nHost: a\r\n"+strings.Join(append(fields, ""), "\r\n")+"\r\n")
	return conn, resp, bufio.NewReader(resp.Body)
}

// readBlock reads up to an empty line.
func readBlock(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	var b strings.Builder
	for {
		line := readLine(t, r)
		if line == "" {
			return b.String()
		}
		b.WriteString(line + "\n")
	}
}

func TestStream_Run_sendsAtOnce(t *testing.T) {
	next := make(chan struct{})
	app := geist.New()
	app.SSE("/", func(c *geist.Ctx, s *geist.Stream) error {
		return s.Run(func() error {
			if err := s.Send(geist.Event{ID: "7", Name: "tick", Data: []byte("a\r\nb"), Retry: 2 * time.Second}); err != nil {
				return err
			}
			receive(t, next, "the client's word")
			return s.SendJSON("", geist.Map{"x": 1})
		})
	})
	_, resp, body := events(t, geisttest.New(t, app), "/")
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if got, want := readBlock(t, body), "retry: 2000\nid: 7\nevent: tick\ndata: a\ndata: b\n"; got != want {
		t.Errorf("first event\n%s, want\n%s", got, want)
	}
	close(next)
	if rest, err := io.ReadAll(body); string(rest) != "data: {\"x\":1}\n\n" || err != nil {
		t.Errorf("rest = %q, %v, want one event and the end", rest, err)
	}
}

var _ = context.Background
var _ = errors.New
var _ = fmt.Sprint
var _ = slog.New
var _ sync.Mutex
