package geist_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

// Traversal in every encoding, and names that only some systems read otherwise, are 404 (or a
// redirect to a clean path on this host), whatever the slash policy. Guards against CVE-2020-36565,
// CVE-2022-21221, CVE-2022-40082, CVE-2026-25766, CVE-2026-25891, GO-2026-4950.
func TestStatic_traversal(t *testing.T) {
	parent := site(t, map[string]string{
		"secret.txt":        "SECRET",
		"pub/a.txt":         "a",
		"pub/d/b.txt":       "b",
		"pub/d/index.html":  "page",
		"pub/.git/config":   "SECRET",
		"public/secret.txt": "SECRET", // a sibling whose name begins alike
	})
	names := []string{
		"../secret.txt", "..%2fsecret.txt", "..%2Fsecret.txt", "%2e%2e/secret.txt", "%2E%2E%2Fsecret.txt", ".%2e/secret.txt",
		"..%5csecret.txt", `..\secret.txt`, "%2e%2e%5csecret.txt", "%252e%252e/secret.txt", "%252e%252e%252fsecret.txt", "..%255csecret.txt", "%25252e%25252e/secret.txt",
		"..%c0%afsecret.txt", "..%c1%9csecret.txt", "%c0%ae%c0%ae/secret.txt", "%e0%80%ae%e0%80%ae/secret.txt", "..%ef%bc%8fsecret.txt", "%ef%bc%8e%ef%bc%8e/secret.txt", "%u002e%u002e/secret.txt",
		"d/../../secret.txt", "d/%2e%2e/%2e%2e/secret.txt", "d/..%2f..%2fsecret.txt", "d/..", "d/%2e%2e", "d/.", "d/%2e", "d/%2e/b.txt", "d/%2e%2e/a.txt", "./a.txt", "%2e/a.txt", "....//secret.txt", "..;/secret.txt", "..../a.txt",
		"../public/secret.txt", "../pub/a.txt", "%2fetc/passwd", "//etc/passwd", "/%2fetc/passwd", "%5cetc%5cpasswd", "C:/secret.txt", "c:%5csecret.txt", "C:a.txt", `\\host\share\a.txt`, "%5c%5c%3f%5cC:%5ca.txt", "%5c%5c.%5cC:%5ca.txt",
		"a.txt%00", "a.txt%00.png", "%00a.txt", "d%00/b.txt", "a.txt%0a", "a.txt%0d%0aX:%20y", "a%09.txt", "a.txt%7f",
		"a.txt:x", "a.txt%3ax", "a.txt::$DATA", "a.txt%3a%3a$DATA", "a.txt:$DATA", "d::$INDEX_ALLOCATION/b.txt", "d:$I30:$INDEX_ALLOCATION/b.txt",
		"a.txt.", "a.txt%2e", "a.txt%20", "a.txt%20.", "a.txt...", "d./b.txt", "d%20/b.txt", "%20",
		"con", "CON", "nul", "NUL.txt", "aux.txt", "Aux.tar.gz", "prn", "com1", "COM9.log", "COM0", "lpt1.txt", "com%C2%B9", "LPT%c2%b2.txt", "conin$", "CONOUT$", "clock$", "nul%20.txt", "d/nul", "con/b.txt",
		"d%2fb.txt", "d%2Fb.txt", "d%5cb.txt", `d\b.txt`, ".git/config", "%2egit/config", ".git%2fconfig", "d/.git/config", ".", "..", "%2e", "%2e%2e", "a.txt/b", "a.txt/", "a.txt%2f",
		"a%ff.txt", "%80", "%", "%2", "%zz", "a.txt%", strings.Repeat("x", 300), strings.Repeat("d/", 500) + "a.txt",
	}
	policies := []geist.SlashPolicy{geist.SlashRedirect, geist.SlashIgnore, geist.SlashStrict}
	for _, policy := range policies {
		app := geist.New(geist.Config{Logger: discard(), TrailingSlash: policy})
		app.Static("/pub", filepath.Join(parent, "pub"))
		app.Static("/", filepath.Join(parent, "pub"), geist.StaticConfig{SPA: true, Fallback: "d/index.html"})
		app.StaticFS("/fs", os.DirFS(filepath.Join(parent, "pub")))
		c := geisttest.New(t, app)
		for _, prefix := range []string{"/pub/", "/", "/fs/"} {
			for _, name := range names {
				status, header, body := rawGet(t, c, prefix+name)
				what := fmt.Sprintf("%s: GET %s%.60s", policy, prefix, name)
				if strings.Contains(body, "SECRET") || strings.Contains(body, "root:") {
					t.Fatalf("%s: leaked %q", what, body)
				}
				switch status {
				case 400, 404:
				case 308:
					to := header.Get("Location")
					if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.HasPrefix(to, `/\`) || strings.Contains(to, "/../") {
						t.Errorf("%s: redirect to %q", what, to)
					}
					if strings.Contains(strings.ToLower(name), "%2e") || strings.Contains(strings.ToLower(name), "%5c") {
						t.Errorf("%s: encoded dots or backslashes redirect to %q, want 404", what, to)
					}
				case 200: // SlashIgnore cleans what was not encoded before it routes
					if body == "page" && prefix == "/" && (name == "a.txt/b" || name[0] == 'x') {
						continue // for the page to decide
					}
					if policy != geist.SlashIgnore || body != "a" && body != "b" && body != "page" {
						t.Errorf("%s: 200 with %q", what, body)
					}
					if strings.Contains(name, "%") {
						t.Errorf("%s: 200 for an encoded name", what)
					}
				default:
					t.Errorf("%s: status %d, want 404", what, status)
				}
			}
		}
	}
}

// rawGet sends a path as it is, with the Accept of a navigation.
func rawGet(t *testing.T, c *geisttest.Client, path string) (int, http.Header, string) {
	t.Helper()
	conn := c.Dial()
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: example.com\r\nAccept: text/html\r\nConnection: close\r\n\r\n", path)
	b, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := bytes.Cut(b, []byte("\r\n\r\n"))
	lines := strings.Split(string(head), "\r\n")
	header := http.Header{}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		header.Add(name, value)
	}
	var status int
	if _, err := fmt.Sscanf(lines[0], "HTTP/1.1 %d", &status); err != nil {
		t.Fatalf("GET %s: %q", path, b)
	}
	return status, header, string(body)
}

// Redirects of directories never leave the host (CVE-2022-40083).
func TestStatic_redirectStaysOnHost(t *testing.T) {
	dir := site(t, map[string]string{"evil.example/index.html": "x", "a/evil.example/index.html": "x"})
	app := geist.New(geist.Config{Logger: discard()})
	app.Static("/", dir)
	c := geisttest.New(t, app)
	for _, path := range []string{"//evil.example", "///evil.example", "//evil.example/", "/evil.example", "//evil.example/%2e%2e", "/\\evil.example", "/%5cevil.example", "/%2fevil.example", "/a//evil.example", "//evil.example/..//evil.example"} {
		status, header, _ := rawGet(t, c, path)
		if to := header.Get("Location"); status == 308 && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.HasPrefix(to, `/\`)) {
			t.Errorf("GET %s: Location %q", path, to)
		}
	}
	c.GET("//evil.example").Do().Status(308).HasHeader("Location", "/evil.example")
	c.GET("/evil.example").Do().Status(308).HasHeader("Location", "/evil.example/")
}

// Symbolic links may lead around in the directory, never out of it.
func TestStatic_symlinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need a privilege")
	}
	parent := site(t, map[string]string{"secret.txt": "SECRET", "secrets/a.txt": "SECRET", "pub/a.txt": "a", "pub/d/b.txt": "b", "pub/z.txt": "z"})
	pub := filepath.Join(parent, "pub")
	for link, target := range map[string]string{
		"in": "a.txt", "dirin": "d", "d/up": "../a.txt", "out": "../secret.txt", "dirout": "../secrets", "abs": filepath.Join(parent, "secret.txt"),
		"absin": filepath.Join(pub, "a.txt"), "loop": "loop", "top": "/", "z.txt.gz": "../secret.txt", "index.html": "../secret.txt",
	} {
		if err := os.Symlink(target, filepath.Join(pub, link)); err != nil {
			t.Fatal(err)
		}
	}
	app := geist.New(geist.Config{Logger: discard()})
	app.Static("/", pub)
	c := geisttest.New(t, app)
	for path, want := range map[string]string{
		"/in": "a", "/dirin/b.txt": "b", "/d/up": "a", "/out": "", "/dirout/a.txt": "", "/abs": "", "/absin": "", "/loop": "", "/loop/x": "", "/top/etc/passwd": "", "/z.txt": "z", "/z.txt.gz": "", "/": "", "/dirout": "",
	} {
		r := c.GET(path).Header("Accept-Encoding", "gzip").Do()
		if want != "" {
			r.Status(200).BodyIs(want)
		} else {
			r.Status(404)
		}
	}
}

// What is no regular file is not served: opening a named pipe would wait for ever.
func TestStatic_irregular(t *testing.T) {
	dir := site(t, map[string]string{"a.txt": "a"})
	if !makePipe(t, filepath.Join(dir, "pipe")) {
		t.Skip("no named pipes")
	}
	app := geist.New(geist.Config{Logger: discard()})
	app.Static("/", dir)
	app.GET("/file", func(c *geist.Ctx) error { return c.File(filepath.Join(dir, "pipe")) })
	app.GET("/dir", func(c *geist.Ctx) error { return c.File(dir) })
	c := geisttest.New(t, app)
	c.GET("/pipe").Do().Status(404)
	c.GET("/file").Do().Status(404)
	c.GET("/dir").Do().Status(404)
}

// File names of users never break out of the header (CVE-2023-29401).
func TestCtx_Attachment_names(t *testing.T) {
	dir := site(t, map[string]string{"f.bin": "f"})
	var name string
	app := geist.New(geist.Config{Logger: discard()})
	app.GET("/", func(c *geist.Ctx) error { return c.Attachment(filepath.Join(dir, "f.bin"), name) })
	app.GET("/none", func(c *geist.Ctx) error { return c.Attachment(filepath.Join(dir, "none"), "x") })
	c := geisttest.New(t, app)
	for _, tt := range []struct{ name, want string }{
		{"", `attachment; filename="f.bin"`},
		{"report.pdf", `attachment; filename="report.pdf"`},
		{"my report.pdf", `attachment; filename="my report.pdf"`},
		{`x";y=z`, `attachment; filename="x__y=z"; filename*=UTF-8''x%22%3By%3Dz`},
		{"x\r\nSet-Cookie: a=b", `attachment; filename="xSet-Cookie: a=b"`},
		{"a\x00b\x7f.txt", `attachment; filename="ab.txt"`},
		{"../../etc/passwd", `attachment; filename="passwd"`},
		{`C:\temp\x.exe`, `attachment; filename="x.exe"`},
		{"..", `attachment; filename="download"`},
		{"/", `attachment; filename="download"`},
		{"naïve 50%.txt", `attachment; filename="na_ve 50_.txt"; filename*=UTF-8''na%C3%AFve%2050%25.txt`},
		{"日本.txt", `attachment; filename="__.txt"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.txt`},
		{"a\u202egnp.exe", `attachment; filename="agnp.exe"`},
		{"bad\xff\xfe.txt", `attachment; filename="bad.txt"`},
		{strings.Repeat("ä", 200), `attachment; filename="` + strings.Repeat("_", 127) + `"; filename*=UTF-8''` + strings.Repeat("%C3%A4", 127)},
	} {
		name = tt.name
		c.GET("/").Do().Status(200).BodyIs("f").HasHeader("Content-Disposition", tt.want).NoHeader("Set-Cookie")
	}
	c.GET("/none").Do().Status(404).NoHeader("Content-Disposition")
}
