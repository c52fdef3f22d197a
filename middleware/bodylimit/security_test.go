package bodylimit_test

import (
	"io"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// TestGO_2026_5841_zipBomb: a body is bounded after it is decompressed, too, and no more of it than
// that is ever in memory.
func TestGO_2026_5841_zipBomb(t *testing.T) {
	app := newApp(most(1000), func(c *geist.Ctx) error {
		if n := len(c.Body()); n > 1000 {
			t.Errorf("middleware sees a body of %d bytes", n)
		}
		return c.Next()
	})
	app.POST("/", length)
	client := geisttest.New(t, app)
	client.POST("/").Header("Content-Encoding", "gzip").Body(packed(t, 1000)).Do().Status(200).BodyIs("1000")
	for _, n := range []int{1001, 100_000} {
		client.POST("/").Header("Content-Encoding", "gzip").Body(packed(t, n)).Do().Status(413)
	}
}

// TestNew_expectContinue: a client that asks first is refused before it sends, and is not told
// to go on.
func TestNew_expectContinue(t *testing.T) {
	app := newApp(most(100))
	app.POST("/", length)
	conn := geisttest.New(t, app).Dial()
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 50000\r\nExpect: 100-continue\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 413 ") {
		t.Errorf("answer = %q, %v, want 413 at once and the end of the connection", answer, err)
	}
}

// TestNew_refusedBeforeItIsRead: of a body that is announced too long nothing is awaited.
func TestNew_refusedBeforeItIsRead(t *testing.T) {
	app := newApp(func(c *geist.Ctx) error {
		err := c.Next()
		c.SetHeader("X-Seen", c.Header("X-Id"))
		return err
	}, most(100))
	app.POST("/", length)
	conn := geisttest.New(t, app).Dial()
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\nX-Id: 7\r\nContent-Length: 50000\r\n\r\nbegins"); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 512)
	n, err := io.ReadAtLeast(conn, answer, 100)
	if got := string(answer[:n]); err != nil || !strings.HasPrefix(got, "HTTP/1.1 413 ") || !strings.Contains(got, "X-Seen: 7") {
		t.Errorf("answer = %q, %v, want 413 that middleware has seen", got, err)
	}
}
