package geist_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/textproto"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// newForms serves forms in three ways, with temporary files in a directory of the
// test's own, and returns that.
func newForms(t testing.TB, cfg geist.Config) (w *wire, dir string) {
	dir = t.TempDir()
	if t, ok := t.(*testing.T); ok {
		t.Setenv("TMPDIR", dir)
		t.Setenv("TMP", dir) // Windows
	}
	return newWire(t, cfg, func(app *geist.Engine) { forms(app, dir) }), dir
}

func forms(app *geist.Engine, dir string) {
	parts := func(c *geist.Ctx) error {
		var out strings.Builder
		err := geist.EachPart(c, func(p *geist.Part) error {
			n, err := io.Copy(io.Discard, p)
			fmt.Fprintf(&out, "%s|%s|%t|%d;", p.Name(), p.FileName(), p.IsFile(), n)
			return err
		})
		if err != nil {
			return err
		}
		return c.Text(200, out.String())
	}
	app.POST("/parts", parts).Doc(geist.StreamBody(), geist.BodyLimit(-1))
	app.POST("/whole", parts)
	app.POST("/first", func(c *geist.Ctx) error {
		return geist.EachPart(c, func(p *geist.Part) error { return geist.NewError(409, "no "+p.Name()) })
	}).Doc(geist.StreamBody(), geist.BodyLimit(-1))
	form := func(c *geist.Ctx) error {
		fh, err := c.FormFile("f")
		if err != nil {
			return err
		}
		switch c.Form("then") {
		case "panic":
			panic("no")
		case "abort":
			return geist.ErrAbort
		case "save":
			if err := c.SaveFile(fh, filepath.Join(dir, "saved")); err != nil {
				return err
			}
		}
		f, err := fh.Open()
		if err != nil {
			return err
		}
		_, disk := f.(*os.File)
		return c.Text(200, fmt.Sprintf("%d %t", fh.Size, disk && f.Close() == nil))
	}
	app.POST("/form", form)
	app.POST("/disk", form).Doc(geist.StreamBody(), geist.BodyLimit(8<<20))
	app.POST("/save", func(c *geist.Ctx) error {
		return geist.EachPart(c, func(p *geist.Part) error {
			if !p.IsFile() {
				return nil
			}
			_, err := p.SaveNew(filepath.Join(dir, "part"))
			return err
		})
	}).Doc(geist.StreamBody(), geist.BodyLimit(8<<20))
}

// filesIn lists a directory.
func filesIn(t testing.TB, dir string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// formOf is the body of a form with one file and a field.
func formOf(size int, then string) string {
	return "--b\r\nContent-Disposition: form-data; name=\"then\"\r\n\r\n" + then +
		"\r\n--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\n\r\n" + strings.Repeat("x", size) + "\r\n--b--\r\n"
}

// formRequest is a request with a form.
func formRequest(path, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
}

func TestEachPart_streamsInOrder(t *testing.T) {
	app := geist.New()
	forms(app, t.TempDir())
	c := geisttest.New(t, app)
	for _, path := range []string{"/parts", "/whole"} {
		c.POST(path).Multipart(func(w *multipart.Writer) error {
			_ = w.WriteField("a", "1")
			f, _ := w.CreateFormFile("f", `C:\dir\..\evil.txt`)
			_, _ = f.Write(bytes.Repeat([]byte("x"), 100<<10))
			f, _ = w.CreateFormFile("f", "../../etc/passwd")
			_, _ = f.Write([]byte("y"))
			_, _ = w.CreateFormFile("f", "..")
			_, _ = w.CreateFormFile("f", "")
			p, _ := w.CreatePart(textproto.MIMEHeader{"Content-Type": {"multipart/mixed; boundary=c"}})
			_, _ = p.Write([]byte("--c\r\n\r\nnested\r\n--c--"))
			return w.WriteField("a", "")
		}).Do().Status(200).BodyIs("a||false|1;f|evil.txt|true|102400;f|passwd|true|1;f||true|0;f||true|0;||false|20;a||false|0;")
	}
	c.POST("/first").Multipart(func(w *multipart.Writer) error { return w.WriteField("a", "1") }).Do().Status(409)
	c.POST("/parts").BodyString("x").Header("Content-Type", "text/plain").Do().Status(415)
	c.POST("/parts").BodyString("x").Header("Content-Type", "multipart/form-data").Do().Status(400)
	c.POST("/parts").BodyString("x").Header("Content-Type", "multipart/form-data; boundary="+strings.Repeat("b", 71)).Do().Status(400)
	c.POST("/parts").BodyString("x").Header("Content-Type", "multipart/form-data; boundary=b").Header("Content-Encoding", "gzip").Do().Status(415).HasHeader("Accept-Encoding", "identity")
}

// TestMultipart_filesOnDisk: large files of streamed forms lie on disk, for as long as the
// request lives.
func TestMultipart_filesOnDisk(t *testing.T) {
	w, dir := newForms(t, geist.Config{Logger: discard(), MaxBodyBytes: 4 << 20})
	for _, tt := range []struct {
		name, path string
		size       int
		then       string
		status     int
		body       string
	}{
		{"in memory", "/form", 1 << 20, "", 200, fmt.Sprint(1<<20, " false")},
		{"small", "/disk", 1000, "", 200, "1000 false"},
		{"large", "/disk", 5 << 20, "", 200, fmt.Sprint(5<<20, " true")},
		{"too large", "/disk", 9 << 20, "", 413, ""},
		{"panic", "/disk", 5 << 20, "panic", 500, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := w.dial(t)
			go c.send(formRequest(tt.path, formOf(tt.size, tt.then)))
			if a := c.expect(t, "POST", tt.status); tt.status == 200 && a.body != tt.body {
				t.Errorf("got %q, want %q", a.body, tt.body)
			}
			waitFor(t, "nothing is left on disk", func() bool { return len(filesIn(t, dir)) == 0 })
		})
	}
	t.Run("saved", func(t *testing.T) {
		c := w.dial(t)
		go c.send(formRequest("/disk", formOf(5<<20, "save")))
		c.expect(t, "POST", 200)
		waitFor(t, "only what was saved is left", func() bool {
			got := filesIn(t, dir)
			return len(got) == 1 && got[0] == "saved"
		})
		if info, err := os.Stat(filepath.Join(dir, "saved")); err != nil || info.Size() != 5<<20 {
			t.Errorf("saved file: %v, %v", info, err)
		}
	})
}

// TestMultipart_abortedLeavesNothing ends uploads in every way, in the middle.
func TestMultipart_abortedLeavesNothing(t *testing.T) {
	w, dir := newForms(t, geist.Config{ReadTimeout: slowTimeout})
	body := formOf(4<<20, "")
	for _, path := range []string{"/disk", "/save"} {
		for name, end := range map[string]func(c *client){
			"stalls":  func(*client) {},
			"resets":  func(c *client) { _ = c.SetLinger(0); _ = c.Close() },
			"closes":  func(c *client) { _ = c.Close() },
			"half":    func(c *client) { _ = c.CloseWrite() },
			"garbage": func(c *client) { c.send(strings.Repeat("y", len(body))) },
		} {
			t.Run(path+" "+name, func(t *testing.T) {
				c := w.dial(t)
				c.send(formRequest(path, body)[:3<<20])
				waitFor(t, "a file is on disk", func() bool { return len(filesIn(t, dir)) > 0 })
				end(c)
				waitFor(t, "nothing is left on disk", func() bool {
					got := filesIn(t, dir)
					return len(got) == 0
				})
			})
		}
	}
	w.checkAlive(t)
	w.checkLog(t)
}

// TestMultipart_abortedHandler: ErrAbort leaves nothing either.
func TestMultipart_abortedHandler(t *testing.T) {
	w, dir := newForms(t, geist.Config{})
	c := w.dial(t)
	go c.send(formRequest("/disk", formOf(5<<20, "abort")))
	c.checkClosed(t)
	waitFor(t, "nothing is left on disk", func() bool { return len(filesIn(t, dir)) == 0 })
}

// TestMultipart_bombs: forms made to cost are refused, at little cost.
func TestMultipart_bombs(t *testing.T) {
	w, dir := newForms(t, geist.Config{MaxBodyBytes: 16 << 20})
	part := "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n"
	file := "--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"f\"\r\n\r\n\r\n"
	for _, tt := range []struct {
		name, body string
		status     int
	}{
		{"1,000 parts", strings.Repeat(part, 1000) + "--b--\r\n", 200},
		{"1,001 parts", strings.Repeat(part, 1001) + "--b--\r\n", 400},
		{"100,000 files", strings.Repeat(file, 100000) + "--b--\r\n", 400},
		{"long header", "--b\r\nX-A: " + strings.Repeat("x", 100<<10) + "\r\n\r\n\r\n--b--\r\n", 400},
		{"many fields", "--b\r\n" + strings.Repeat("A: b\r\n", 100<<10) + "\r\n\r\n--b--\r\n", 400},
		{"endless header", "--b\r\nX-A: " + strings.Repeat("x", 8<<20), 400},
		{"long name", "--b\r\nContent-Disposition: form-data; name=\"" + strings.Repeat("n", 100<<10) + "\"\r\n\r\n\r\n--b--\r\n", 400},
		{"no part", strings.Repeat("x", 8<<20), 400},
		{"no end", part, 400},
		{"dashes", strings.Repeat("--b\r\n", 1<<20), 400},
		{"newlines", "--b" + strings.Repeat("\r\n", 1<<20), 400},
		{"empty form", "--b--\r\n", 200},
		{"nothing", "", 400},
		{"content that looks like boundaries", "--b\r\n\r\n" + strings.Repeat("\r\n--", 1<<20) + "\r\n--b--\r\n", 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, path := range []string{"/parts", "/whole"} {
				send := formRequest(path, tt.body)
				before := heap()
				c := w.dial(t)
				sent := make(chan struct{})
				go func() { c.send(send); close(sent) }()
				a := c.expect(t, "POST", tt.status)
				if tt.status != 200 {
					checkProblem(t, a)
				}
				<-sent // what it holds is ours, not the server's
				if grown := heap() - before; path == "/parts" && grown > 4<<20 {
					t.Errorf("%s: heap grew by %d KiB", path, grown>>10)
				}
				runtime.KeepAlive(send)
			}
			waitFor(t, "nothing is left on disk", func() bool { return len(filesIn(t, dir)) == 0 })
		})
	}
	w.checkAlive(t)
}

// TestPart_saveNewOverwritesNothing, and its error tells the status.
func TestPart_saveNewOverwritesNothing(t *testing.T) {
	w, dir := newForms(t, geist.Config{Logger: discard()})
	for i, want := range []int{200, 500} {
		c := w.dial(t)
		c.send(formRequest("/save", "--b\r\nContent-Disposition: form-data; name=f; filename=\"\"\r\n\r\nabc\r\n--b--\r\n"))
		c.expect(t, "POST", want)
		if b, err := os.ReadFile(filepath.Join(dir, "part")); string(b) != "abc" || err != nil {
			t.Errorf("request %d: file holds %q, %v", i, b, err)
		}
	}
}

// FuzzEachPart: no form panics, hangs or goes on behind its end; what is streamed is
// what lies in memory, in pieces of any size.
func FuzzEachPart(f *testing.F) {
	f.Add([]byte(formOf(3, "x")), 3)
	f.Add([]byte("--b\r\n\r\n\r\n--b\r\nA: b\r\n\r\nc\r\n--b--\r\ntail"), 1)
	f.Add([]byte("--b\r\nContent-Disposition: form-data; name=a; filename*=UTF-8''%2e%2e%2fx\r\n\r\n--b--"), 7)
	f.Add([]byte("preamble\r\n--b \t\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=41\r\n--b--"), 2)
	app := geist.New(geist.Config{Logger: discard(), MaxBodyBytes: 1 << 20})
	forms(app, f.TempDir())
	addr := serve(f, app)
	w := &wire{app: app, addr: addr}
	f.Cleanup(func() {
		ctx, cancel := timeoutContext(patience)
		defer cancel()
		_ = app.Shutdown(ctx)
	})
	f.Fuzz(func(t *testing.T, body []byte, size int) {
		size = 1 + (size&0x7fffffff)%4096
		var chunks strings.Builder
		chunks.WriteString("POST /parts HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n")
		for rest := body; len(rest) > 0; {
			n := min(size, len(rest))
			fmt.Fprintf(&chunks, "%x\r\n%s\r\n", n, rest[:n])
			rest = rest[n:]
		}
		chunks.WriteString("0\r\n\r\n")
		var got [2]*answer
		for i, send := range []string{formRequest("/whole", string(body)), chunks.String()} {
			c := w.dial(t)
			c.send(send + get("/nowhere"))
			a, err := c.receive("POST")
			if err != nil || a.StatusCode != 200 && a.StatusCode != 400 {
				t.Fatalf("form %q: got %+v, %v, want 200 or 400", body, a, err)
			}
			got[i] = a
			_ = c.Close()
		}
		if got[0].StatusCode != got[1].StatusCode || got[0].StatusCode == 200 && got[0].body != got[1].body {
			t.Fatalf("form %q: in memory %d %q, streamed %d %q", body, got[0].StatusCode, got[0].body, got[1].StatusCode, got[1].body)
		}
	})
}
