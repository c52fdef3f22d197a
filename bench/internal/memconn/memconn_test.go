package memconn

import (
	"io"
	"testing"
)

func TestConn_burst(t *testing.T) {
	c := New([]byte("abc"), 5, 2, true)
	var got []string
	buf := make([]byte, 100)
	for {
		n, err := c.Read(buf)
		if err == io.EOF {
			break
		}
		got = append(got, string(buf[:n]))
	}
	want := []string{"abcabc", "abcabc", "abc"}
	if len(got) != len(want) || got[0] != want[0] || got[2] != want[2] {
		t.Errorf("reads %q, want %q", got, want)
	}
	if _, err := c.Write([]byte("xy")); err != nil || c.Written() != 2 || string(c.Output()) != "xy" {
		t.Errorf("written %d %q %v", c.Written(), c.Output(), err)
	}
	if reads, writes := c.Calls(); reads != 4 || writes != 1 {
		t.Errorf("%d reads and %d writes, want 4 with that of the end, and 1", reads, writes)
	}
}
