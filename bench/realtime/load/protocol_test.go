//go:build linux

package load

import (
	"slices"
	"strings"
	"testing"
)

// stream is an event stream as servers send it: chunks that hold one event, several, or
// part of a line, comments, fields that do not count, and all three line ends but CR.
const stream = "d\r\ndata: first\n\n\r\n" +
	"1D\r\n: comment\n\ndata:second\n\ndata:\r\n" +
	"3\r\n th\r\n" +
	"10\r\nird\r\nid: 7-9\r\n\r\n\r\n" +
	"a\r\nretry: 5\n\n\r\n"

func TestEvents_splitAnywhere(t *testing.T) {
	want := []string{"first", "second", "third"}
	for i := range len(stream) {
		for _, j := range []int{i, min(i+1, len(stream)), (i + len(stream)) / 2} {
			var e events
			var got []string
			take := func(p []byte) error { got = append(got, string(p)); return nil }
			var rest []byte
			for _, part := range []string{stream[:i], stream[i:j], stream[j:]} {
				left, err := e.feed(append(slices.Clone(rest), part...), take)
				if err != nil {
					t.Fatalf("split at %d and %d: %v", i, j, err)
				}
				rest = slices.Clone(left)
			}
			if !slices.Equal(got, want) || len(rest) > 0 || e.left != 0 || string(e.id) != "7-9" {
				t.Fatalf("split at %d and %d: got %q, id %q, rest %q, %d to come; want %q, id 7-9", i, j, got, e.id, rest, e.left, want)
			}
		}
	}
}

func TestEvents_endAndNonsense(t *testing.T) {
	for _, in := range []string{"0\r\n\r\n", "xyz\r\n", "\r\n", "ffffffffff\r\n", "-5\r\n"} {
		var e events
		if _, err := e.feed([]byte(in), func([]byte) error { return nil }); err == nil || !strings.Contains(err.Error(), "ended") {
			t.Errorf("%q: %v", in, err)
		}
	}
}
