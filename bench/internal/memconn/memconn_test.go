package memconn

import (
	"io"
	"slices"
	"testing"
)

func TestConn_burst(t *testing.T) {
	c := New([]byte("abc"), 5, 2, true)
	if got, want := readAll(c), []string{"abcabc", "abcabc", "abc"}; !slices.Equal(got, want) {
		t.Errorf("reads %q, want %q", got, want)
	}
	if _, err := c.Write([]byte("xy")); err != nil || c.Written() != 2 || string(c.Output()) != "xy" {
		t.Errorf("written %d %q %v", c.Written(), c.Output(), err)
	}
	if reads, writes := c.Calls(); reads != 4 || writes != 1 {
		t.Errorf("%d reads and %d writes, want 4 with that of the end, and 1", reads, writes)
	}
}

func TestConn_turns(t *testing.T) {
	for n, want := range [][]string{{}, {"a"}, {"a", "bcd"}, {"a", "bcd", "ef"}, {"a", "bcd", "ef", "a"}} {
		if got := readAll(NewTurns([][]byte{[]byte("a"), []byte("bcd"), []byte("ef")}, n, false)); !slices.Equal(got, want) {
			t.Errorf("%d requests: reads %q, want %q", n, got, want)
		}
	}
}

// readAll returns what every Read returns, to the end.
func readAll(c *Conn) []string {
	got, buf := []string{}, make([]byte, 100)
	for {
		n, err := c.Read(buf)
		if err == io.EOF {
			return got
		}
		got = append(got, string(buf[:n]))
	}
}
