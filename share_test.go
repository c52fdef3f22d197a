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
	"testing/fstest"
	"time"

	"github.com/gogeist/geist"
)

// shareSizes are lengths of files that are kept in memory.
var shareSizes = []int{100, 16<<10 + 1, 60 << 10}

// keepAlive asks for paths, one after another on one connection, and returns the bodies.
func keepAlive(t *testing.T, app *geist.Engine, method string, paths ...string) (bodies []string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(serveTCP(t, app), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	r := bufio.NewReader(conn)
	for _, path := range paths {
		fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: a\r\nAccept: text/plain\r\n\r\n", method, path)
		resp, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%s: status %d, %v", path, resp.StatusCode, err)
		}
		if method == http.MethodHead {
			body = []byte(resp.Header.Get("Content-Length"))
		}
		bodies = append(bodies, string(body))
	}
	return bodies
}

// brief is what a message says of a body.
func brief(s string) string { return fmt.Sprintf("%d bytes, %.40q…", len(s), s) }

// answering has app answer with a file in memory, and returns its path.
func answering(app *geist.Engine, text string) string {
	n := fmt.Sprint(len(text))
	app.StaticFS("/"+n, fstest.MapFS{"f.txt": {Data: []byte(text), ModTime: time.Unix(1e9, 0)}})
	return "/" + n + "/f.txt"
}

// TestStatic_shared: long and short files take turns on one connection, and with texts.
func TestStatic_shared(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		app := quiet(geist.Config{})
		var paths, want []string
		for i, size := range shareSizes {
			text := strings.Repeat(string(rune('a'+i)), size)
			app.GET("/"+text[:i+1], func(c *geist.Ctx) error { return c.Text(200, text) })
			paths = append(paths, answering(app, text), "/"+text[:i+1])
			if method == http.MethodGet {
				want = append(want, text, text)
			} else {
				want = append(want, fmt.Sprint(size), fmt.Sprint(size))
			}
		}
		for i, got := range keepAlive(t, app, method, paths...) {
			if got != want[i] {
				t.Errorf("%s %s: %s; want %s", method, paths[i], brief(got), brief(want[i]))
			}
		}
	}
}

// TestRawResponse_bodyIsItsOwn: whoever has the answer as fasthttp holds it may do with its body
// as fasthttp allows, whatever its length. The file stays as it is.
func TestRawResponse_bodyIsItsOwn(t *testing.T) {
	scribble := func(b []byte) {
		for i := range b {
			b[i] = '!'
		}
	}
	changes := map[string]struct {
		middleware geist.Handler
		want       func(text string) string
	}{
		"appends": {func(c *geist.Ctx) error {
			err := c.Next()
			c.RawResponse().AppendBodyString("more")
			return err
		}, func(text string) string { return text + "more" }},
		"appends by Raw": {func(c *geist.Ctx) error {
			err := c.Next()
			_, _ = c.Raw().WriteString("more")
			return err
		}, func(text string) string { return text + "more" }},
		"has had it before": {func(c *geist.Ctx) error {
			resp := c.RawResponse()
			err := c.Next()
			resp.AppendBodyString("more")
			return err
		}, func(text string) string { return text + "more" }},
		"has had it before, around handlers apart": {func(c *geist.Ctx) error {
			resp := c.RawResponse()
			err := c.NextDetached(patience, func() bool { return true }, func() {})
			resp.AppendBodyString("more")
			return err
		}, func(text string) string { return text + "more" }},
		"around handlers apart": {func(c *geist.Ctx) error {
			err := c.NextDetached(patience, func() bool { return true }, func() {})
			c.RawResponse().AppendBodyString("more")
			return err
		}, func(text string) string { return text + "more" }},
		"writes to it": {func(c *geist.Ctx) error {
			err := c.Next()
			scribble(c.RawResponse().Body())
			return err
		}, func(text string) string { return strings.Repeat("!", len(text)) }},
		"takes it": {func(c *geist.Ctx) error {
			err := c.Next()
			old := c.RawResponse().SwapBody(nil)
			c.RawResponse().SetBody(old)
			scribble(old)
			return err
		}, func(text string) string { return text }},
		"replaces it by RawHeader": {func(c *geist.Ctx) error {
			err := c.Next()
			upper := bytes.ToUpper(c.RawHeader().Response.Body())
			c.RawHeader().Response.SetBody(upper)
			scribble(c.RawResponse().Body()[:1])
			return err
		}, func(text string) string { return "!" + strings.ToUpper(text[1:]) }},
		"goes on with a handler of net/http": {func(c *geist.Ctx) error {
			_ = c.Next()
			return geist.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "more") }))(c)
		}, func(text string) string { return text + "more" }},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			app := quiet(geist.Config{})
			app.Use(change.middleware)
			var paths, want []string
			texts := make([]string, len(shareSizes))
			for i, size := range shareSizes {
				texts[i] = strings.Repeat(string(rune('a'+i)), size)
				path := answering(app, texts[i])
				paths, want = append(paths, path, path), append(want, change.want(texts[i]), change.want(texts[i]))
			}
			for i, got := range keepAlive(t, app, "GET", paths...) {
				if got != want[i] {
					t.Errorf("%s: %s; want %s", paths[i], brief(got), brief(want[i]))
				}
			}
		})
	}
}

// TestCtx_bytesAreCopied: the slice is the handler's again when Bytes returns.
func TestCtx_bytesAreCopied(t *testing.T) {
	app := quiet(geist.Config{})
	var paths, want []string
	for _, size := range shareSizes {
		path := fmt.Sprintf("/%d", size)
		app.GET(path, func(c *geist.Ctx) error {
			b := bytes.Repeat([]byte("a"), size)
			defer clear(b)
			return c.Bytes(200, "text/plain", b)
		})
		paths, want = append(paths, path), append(want, strings.Repeat("a", size))
	}
	for i, got := range keepAlive(t, app, "GET", paths...) {
		if got != want[i] {
			t.Errorf("%s: %s; want %s", paths[i], brief(got), brief(want[i]))
		}
	}
}
