package geist_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/internal/unsafestring"
)

// shareSizes are lengths of texts: copied, sent as they are, and too long for what a connection
// keeps.
var shareSizes = []int{100, 16<<10 + 1, 60 << 10, 100 << 10}

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

// answering has app answer with text in the ways that need no copy of it, and returns their paths.
func answering(app *geist.Engine, text string) []string {
	n := fmt.Sprint(len(text))
	app.GET("/text/"+n, func(c *geist.Ctx) error { return c.Text(200, text) })
	app.GET("/html/"+n, func(c *geist.Ctx) error { return c.HTML(200, text) })
	app.GET("/negotiate/"+n, func(c *geist.Ctx) error { return c.Negotiate(200, text) })
	if len(text) > 64<<10 { // as a file it would be streamed
		return []string{"/text/" + n, "/html/" + n, "/negotiate/" + n}
	}
	app.StaticFS("/file/"+n, fstest.MapFS{"f.txt": {Data: []byte(text), ModTime: time.Unix(1e9, 0)}})
	return []string{"/text/" + n, "/html/" + n, "/negotiate/" + n, "/file/" + n + "/f.txt"}
}

// TestCtx_longText: long and short answers take turns on one connection.
func TestCtx_longText(t *testing.T) {
	app := quiet(geist.Config{})
	var paths, want []string
	for i, size := range shareSizes {
		text := strings.Repeat(string(rune('a'+i)), size)
		for _, path := range answering(app, text) {
			paths, want = append(paths, path), append(want, text)
		}
	}
	for i, got := range keepAlive(t, app, "GET", paths...) {
		if got != want[i] {
			t.Errorf("%s: %s; want %s", paths[i], brief(got), brief(want[i]))
		}
	}
}

func TestCtx_longTextOfHead(t *testing.T) {
	app := quiet(geist.Config{})
	var paths, want []string
	for _, size := range shareSizes {
		for _, path := range answering(app, strings.Repeat("a", size)) {
			paths, want = append(paths, path), append(want, fmt.Sprint(size))
		}
	}
	if got := keepAlive(t, app, "HEAD", paths...); !slices.Equal(got, want) {
		t.Errorf("lengths %v, want %v", got, want)
	}
}

// TestCtx_longTextIsNotCopied looks where the body lies, behind a request whose middleware might
// have changed it.
func TestCtx_longTextIsNotCopied(t *testing.T) {
	text := strings.Repeat("a", 17<<10)
	app := quiet(geist.Config{})
	app.Use(func(c *geist.Ctx) error {
		if c.Query("changes") != "" {
			_ = c.RawResponse()
		}
		err := c.Next()
		shared := unsafestring.Within(c.RawHeader().Response.Body(), unsafestring.Bytes(text))
		c.SetHeader("Shared", strconv.FormatBool(shared))
		return err
	})
	app.GET("/", func(c *geist.Ctx) error { return c.Text(200, text) })
	w := serveTCP(t, app)
	for range 10 { // a Ctx is used again by chance
		for query, want := range map[string]string{"": "true", "?changes=1": "false"} {
			resp, err := http.Get(w + "/" + query)
			if err != nil {
				t.Fatal(err)
			}
			_, err = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if got := resp.Header.Get("Shared"); got != want || err != nil {
				t.Errorf("%q: shared = %s, %v; want %s", query, got, err, want)
			}
		}
	}
}

// TestRawResponse_bodyIsItsOwn: whoever has the answer as fasthttp holds it may do with its body
// as fasthttp allows, whatever its length. The handler's text stays as it is.
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
				for _, path := range answering(app, texts[i]) {
					paths, want = append(paths, path, path), append(want, change.want(texts[i]), change.want(texts[i]))
				}
			}
			for i, got := range keepAlive(t, app, "GET", paths...) {
				if got != want[i] {
					t.Errorf("%s: %s; want %s", paths[i], brief(got), brief(want[i]))
				}
			}
			for i, size := range shareSizes {
				if texts[i] != strings.Repeat(string(rune('a'+i)), size) {
					t.Errorf("the handler's text of %d bytes was changed: %.40q…", size, texts[i])
				}
			}
		})
	}
}

// TestEngine_longTextAroundIt: a handler of fasthttp that somebody has put around the engine's
// finds the body as it was for short ones.
func TestEngine_longTextAroundIt(t *testing.T) {
	text := strings.Repeat("a", 20<<10)
	app := quiet(geist.Config{})
	paths := answering(app, text)[:3] // files are sent as they lie
	srv := app.Server()
	ours := srv.Handler
	srv.Handler = func(rc *fasthttp.RequestCtx) {
		ours(rc)
		rc.Response.Body()[0] = '!'
		rc.Response.AppendBodyString("more")
	}
	want := "!" + text[1:] + "more"
	for _, got := range keepAlive(t, app, "GET", paths...) {
		if got != want {
			t.Errorf("%s; want %s", brief(got), brief(want))
		}
	}
}

// TestConfig_unsafeStringsAreCopied: a view of the request is over when the answer is written.
// Debug builds then overwrite what it shows.
func TestConfig_unsafeStringsAreCopied(t *testing.T) {
	app := quiet(geist.Config{UnsafeStrings: true, MaxURIBytes: 60 << 10})
	app.GET("/:text", func(c *geist.Ctx) error { return c.Text(200, c.Param("text")) })
	want := strings.Repeat("a b", 10<<10)
	for _, got := range keepAlive(t, app, "GET", "/"+strings.ReplaceAll(want, " ", "%20"), "/x", "/y%20z")[:1] {
		if got != want {
			t.Errorf("%s; want %s", brief(got), brief(want))
		}
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
