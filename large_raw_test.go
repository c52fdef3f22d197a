//go:build !race && !geistdebug

// Debug builds overwrite a request's body when its handler has returned, and so the answer
// that this test looks at.

package geist_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestBody_largeInTheAnswer: a handler that answers with the request's body itself, by Raw, has
// it to itself until the answer has been written, however slowly its client reads.
func TestBody_largeInTheAnswer(t *testing.T) {
	const size = 7 << 20
	addr := strings.TrimPrefix(serveTCP(t, echoing()), "http://")
	post := func(conn net.Conn, path, letter string) *bufio.Reader {
		fmt.Fprintf(conn, "POST /%s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", path, size, strings.Repeat(letter, size))
		return bufio.NewReader(conn)
	}
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	answer := post(dial(), "raw", "a")
	if _, err := answer.Peek(1); err != nil { // the handler has returned
		t.Fatal(err)
	}
	for range 8 {
		others := post(dial(), "bytes", "b")
		if _, err := others.Peek(1); err != nil {
			t.Fatal(err)
		}
	}
	resp, err := http.ReadResponse(answer, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(resp.Body)
	if err != nil || string(got) != strings.Repeat("a", size) {
		t.Errorf("%d bytes, %v, of which %d are another client's", len(got), err, bytes.Count(got, []byte("b")))
	}
}
