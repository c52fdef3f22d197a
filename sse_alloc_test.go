//go:build !race && !geistdebug

package geist_test

import (
	"bufio"
	"io"
	"net/http"
	"testing"

	"github.com/gogeist/geist"
)

// TestStream_Send_allocatesNothing: an event goes over plain TCP without an allocation.
func TestStream_Send_allocatesNothing(t *testing.T) {
	const runs = 1000
	got := make(chan float64, 1)
	app := stream(geist.Config{DrainIdle: -1}, func(s *geist.Stream) error {
		e := geist.Event{ID: "7", Name: "tick", Data: []byte("12.5\n13.5")}
		got <- testing.AllocsPerRun(runs, func() {
			if err := s.Send(e); err != nil {
				t.Error(err)
			}
		})
		return nil
	})
	ln := listenTCP(t)
	serveLoop(t, app, ln)
	c := mustDial(t, ln.dial)
	defer c.Close()
	io.WriteString(c, feed+"\r\n")
	resp, err := http.ReadResponse(c.br, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, bufio.NewReader(resp.Body)); n == 0 || err != nil {
		t.Errorf("read %d bytes, %v", n, err)
	}
	if n := receive(t, got, "the count"); n >= 1 {
		t.Errorf("allocs = %v, want 0", n)
	}
}
