package board

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gogeist/geist"
)

// form is a multipart form: names and contents of files by turns.
func form(files ...string) (body, contentType string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i+1 < len(files); i += 2 {
		p, _ := w.CreateFormFile("file", files[i]) // a buffer takes everything
		_, _ = io.WriteString(p, files[i+1])
	}
	_ = w.Close()
	return b.String(), w.FormDataContentType()
}

// attach uploads files, pairs of name and content, to a task.
func (s *service) attach(task int64, files ...string) answer {
	body, contentType := form(files...)
	return s.do("POST", fmt.Sprintf("/api/tasks/%d/files", task), body, "Content-Type", contentType)
}

// onDisk counts the contents that the board keeps.
func (s *service) onDisk() int {
	s.tb.Helper()
	entries, err := os.ReadDir(s.store.blobs.dir)
	if err != nil {
		s.tb.Fatal(err)
	}
	return len(entries)
}

// wantOnDisk waits until the board keeps so many contents.
func (s *service) wantOnDisk(want int) {
	s.tb.Helper()
	for end := time.Now().Add(20 * time.Second); s.onDisk() != want; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			s.tb.Fatalf("%d contents on the disk, want %d", s.onDisk(), want)
		}
	}
}

func TestFiles_uploadListDownloadDelete(t *testing.T) {
	s := newService(t)
	s.want(201, "POST", "/api/tasks", `{"title":"a"}`)
	long := strings.Repeat("0123456789", 100_000)
	a := s.attach(1, "note.txt", "hello", "long.bin", long, "empty", "")
	if a.status != 201 || a.header.Get("Etag") != `"2"` {
		t.Fatalf("upload: %d, ETag %s: %s", a.status, a.header.Get("Etag"), a.body)
	}
	sent := decode[fileList](t, a)
	if len(sent.Files) != 3 || sent.Task == nil || sent.Task.Files != 3 || sent.Task.Version != 2 {
		t.Fatalf("answer = %s, want three files and the task", a.body)
	}
	listed := decode[fileList](t, s.want(200, "GET", "/api/tasks/1/files", ""))
	for i, want := range []File{
		{ID: 1, Name: "note.txt", Size: 5, URL: "/api/tasks/1/files/1"},
		{ID: 2, Name: "long.bin", Size: 1_000_000, URL: "/api/tasks/1/files/2"},
		{ID: 3, Name: "empty", Size: 0, URL: "/api/tasks/1/files/3"},
	} {
		got := *listed.Files[i]
		if since := time.Since(got.Created); since < -time.Second || since > time.Minute || got != *sent.Files[i] {
			t.Errorf("listed %+v, answered %+v", got, *sent.Files[i])
		}
		want.Created = got.Created
		if got != want {
			t.Errorf("file = %+v, want %+v", got, want)
		}
	}
	if got := s.want(200, "GET", "/api/tasks/1/files/2", ""); got.body != long {
		t.Errorf("downloaded %d bytes, which are not what was uploaded", len(got.body))
	}
	if got := s.want(200, "GET", "/api/tasks/1/files/3", ""); got.body != "" {
		t.Errorf("the empty file has %d bytes", len(got.body))
	}
	task := decode[Task](t, s.want(200, "DELETE", "/api/tasks/1/files/1", ""))
	if task.Files != 2 || task.Version != 3 {
		t.Errorf("after a file is deleted: %+v", task)
	}
	for _, method := range []string{"GET", "DELETE"} {
		s.want(404, method, "/api/tasks/1/files/1", "")
	}
	if got := s.onDisk(); got != 2 {
		t.Errorf("%d contents on the disk, want 2", got)
	}
	s.want(204, "DELETE", "/api/tasks/1", "")
	s.want(404, "GET", "/api/tasks/1/files/2", "")
	s.want(404, "GET", "/api/tasks/1/files", "")
	if got := s.onDisk(); got != 0 {
		t.Errorf("the task is deleted; %d of its contents are left", got)
	}
}

// A download that broke off goes on where it was, unless the file is another one.
func TestFiles_resume(t *testing.T) {
	s := newService(t)
	s.want(201, "POST", "/api/tasks", `{"title":"a"}`)
	s.attach(1, "a.txt", "0123456789")
	whole := s.want(200, "GET", "/api/tasks/1/files/1", "")
	tag := whole.header.Get("Etag")
	if tag == "" || whole.header.Get("Accept-Ranges") != "bytes" {
		t.Errorf("ETag %q, Accept-Ranges %q: nobody can resume", tag, whole.header.Get("Accept-Ranges"))
	}
	for _, test := range []struct {
		rng, ifRange string
		status       int
		body         string
	}{
		{"bytes=0-3", "", 206, "0123"},
		{"bytes=4-", "", 206, "456789"},
		{"bytes=-2", "", 206, "89"},
		{"bytes=4-", tag, 206, "456789"},
		{"bytes=4-", `"other"`, 200, "0123456789"},
		{"bytes=10-", "", 416, ""},
	} {
		header := []string{"Range", test.rng}
		if test.ifRange != "" {
			header = append(header, "If-Range", test.ifRange)
		}
		a := s.do("GET", "/api/tasks/1/files/1", "", header...)
		if a.status != test.status || a.status < 300 && a.body != test.body {
			t.Errorf("%s, If-Range %q: %d %q, want %d %q", test.rng, test.ifRange, a.status, a.body, test.status, test.body)
		}
	}
}

// No browser runs what somebody has uploaded, whatever it is called.
func TestFiles_downloadIsHarmless(t *testing.T) {
	s := newService(t)
	s.want(201, "POST", "/api/tasks", `{"title":"a"}`)
	s.attach(1, "évil \"quote\";.html", "<script>alert(1)</script>")
	a := s.want(200, "GET", "/api/tasks/1/files/1", "")
	for name, want := range map[string]string{
		"Content-Type":            "application/octet-stream",
		"Content-Disposition":     `attachment; filename="_vil _quote__.html"; filename*=UTF-8''%C3%A9vil%20%22quote%22%3B.html`,
		"X-Content-Type-Options":  "nosniff",
		"Content-Security-Policy": "sandbox; default-src 'none'",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

// What a client calls its files is shown, made presentable, and never a path.
func TestFiles_names(t *testing.T) {
	s := newService(t)
	s.want(201, "POST", "/api/tasks", `{"title":"a"}`)
	dir := filepath.Dir(s.store.blobs.dir)
	before, _ := os.ReadDir(dir)
	for _, test := range []struct{ sent, want string }{
		{"note.txt", "note.txt"},
		{"../../../etc/passwd", "passwd"},
		{`C:\Windows\evil.dll`, "evil.dll"},
		{"/etc/passwd", "passwd"},
		{"..", "file"},
		{".", "file"},
		{"", "file"},
		{"a/", "file"},
		{"  spaces  ", "spaces"},
		{"nul\x00.txt", "file"},
		{"\u202egpj.exe", "gpj.exe"},
		{"\xff\xfe.txt", ".txt"},
		{strings.Repeat("é", 500) + ".tar.gz", strings.Repeat("é", maxFileName-3) + ".gz"},
		{strings.Repeat("x", 500), strings.Repeat("x", maxFileName)},
		{"." + strings.Repeat("x", 500), "." + strings.Repeat("x", maxFileName-1)},
		{"a." + strings.Repeat("x", 500), "a." + strings.Repeat("x", maxFileName-2)},
	} {
		body := "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"" +
			strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(test.sent) + "\"\r\n\r\nx\r\n--b--\r\n"
		a := s.do("POST", "/api/tasks/1/files", body, "Content-Type", "multipart/form-data; boundary=b")
		if strings.ContainsRune(test.sent, 0) && a.status == 400 { // refused outright
			continue
		}
		if a.status != 201 {
			t.Errorf("%q: status %d: %s", test.sent, a.status, a.body)
			continue
		}
		f := decode[fileList](t, a).Files[0]
		if f.Name != test.want {
			t.Errorf("%q is shown as %q, want %q", test.sent, f.Name, test.want)
		}
		s.want(200, "DELETE", f.URL, "")
	}
	if after, _ := os.ReadDir(dir); len(after) != len(before) {
		t.Errorf("files beside the directory: %v, before %v", after, before)
	}
	s.wantOnDisk(0)
}

func TestFiles_badForms(t *testing.T) {
	s := newService(t)
	s.want(201, "POST", "/api/tasks", `{"title":"a"}`)
	one := "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\n\r\nsecret\r\n"
	field := "--b\r\nContent-Disposition: form-data; name=\"secret\"\r\n\r\nsecret\r\n"
	multi := "multipart/form-data; boundary=b"
	for _, test := range []struct {
		name, target, contentType, body string
		header                          []string
		status                          int
	}{
		{name: "JSON", contentType: "application/json", body: `{"title":"secret"}`, status: 415},
		{name: "a form without files", contentType: "application/x-www-form-urlencoded", body: "a=secret", status: 415},
		{name: "nothing", contentType: multi, status: 400},
		{name: "no boundary", contentType: "multipart/form-data", body: one + "--b--\r\n", status: 400},
		{name: "compressed", contentType: multi, body: one + "--b--\r\n", header: []string{"Content-Encoding", "gzip"}, status: 415},
		{name: "no part", contentType: multi, body: "--b--\r\n", status: 422},
		{name: "a field", contentType: multi, body: one + field + "--b--\r\n", status: 422},
		{name: "no end", contentType: multi, body: one, status: 400},
		{name: "a huge part header", contentType: multi, body: one + "--b\r\nX: " + strings.Repeat("s", 64<<10) + "\r\n\r\n\r\n--b--\r\n", status: 400},
		{name: "1,001 parts", contentType: multi, body: strings.Repeat(one, 1001) + "--b--\r\n", status: 409},
		{name: "no such task", target: "/api/tasks/2/files", contentType: multi, body: one + "--b--\r\n", status: 404},
		{name: "an id too high", target: "/api/tasks/9223372036854775808/files", contentType: multi, body: one + "--b--\r\n", status: 404},
		{name: "another site", contentType: multi, body: one + "--b--\r\n", header: []string{"Sec-Fetch-Site", "cross-site"}, status: 403},
		{name: "a neighbour", contentType: multi, body: one + "--b--\r\n", header: []string{"Sec-Fetch-Site", "same-site"}, status: 403},
	} {
		t.Run(test.name, func(t *testing.T) {
			target := test.target
			if target == "" {
				target = "/api/tasks/1/files"
			}
			a := s.do("POST", target, test.body, append([]string{"Content-Type", test.contentType}, test.header...)...)
			if a.status != test.status {
				t.Errorf("status %d, want %d: %s", a.status, test.status, a.body)
			}
			if p := decode[problem](t, a); p.Detail == "" || strings.Contains(a.body, "secret") {
				t.Errorf("answer = %s, want what is wrong and nothing of what was sent", a.body)
			}
			s.wantOnDisk(0)
		})
	}
	if a := s.want(200, "GET", "/api/tasks/1", ""); !strings.Contains(a.body, `"version":1,"files":0`) {
		t.Errorf("bad forms changed the task: %s", a.body)
	}
}

func TestFiles_limits(t *testing.T) {
	s := newService(t)
	s.want(201, "POST", "/api/tasks", `{"title":"a"}`)
	big := strings.Repeat("x", maxFileBytes)
	if a := s.attach(1, "ok", "x", "large", big+"x"); a.status != 413 || !strings.Contains(a.body, "16 MiB") {
		t.Errorf("a file that is too large: %d %s", a.status, a.body)
	}
	s.wantOnDisk(0)
	if a := s.attach(1, "ok", big); a.status != 201 {
		t.Fatalf("the largest file: %d %s", a.status, a.body)
	}
	s.want(200, "DELETE", "/api/tasks/1/files/1", "")
	if a := s.attach(1, "a", big, "b", big, "c", big, "d", big); a.status != 413 {
		t.Errorf("a request that is too large: %d %s", a.status, a.body)
	}
	s.wantOnDisk(0)
}

// However many clients attach at once, a task has no more files than it may have.
func TestFiles_countIsExact(t *testing.T) {
	s := newService(t)
	s.want(201, "POST", "/api/tasks", `{"title":"a"}`)
	var wg sync.WaitGroup
	var mu sync.Mutex
	taken := 0
	for range 8 {
		wg.Go(func() {
			for range 2 {
				switch a := s.attach(1, "a", "1", "b", "2", "c", "3"); a.status {
				case 201:
					mu.Lock()
					taken += 3
					mu.Unlock()
				case 409:
				default:
					t.Errorf("status %d: %s", a.status, a.body)
				}
			}
		})
	}
	wg.Wait()
	if want := maxFiles / 3 * 3; taken != want {
		t.Errorf("%d files were taken, want %d", taken, want)
	}
	if task := decode[Task](t, s.want(200, "GET", "/api/tasks/1", "")); task.Files != taken {
		t.Errorf("the task has %d files, %d were acknowledged", task.Files, taken)
	}
	s.wantOnDisk(taken)
}

// upload begins an upload by hand, of which more than size bytes never come.
func (s *service) upload(size int) net.Conn {
	s.tb.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.base, "http://"))
	if err != nil {
		s.tb.Fatal(err)
	}
	s.tb.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	part := "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\n"
	_, err = fmt.Fprintf(conn, "POST /api/tasks/1/files HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n%s%s",
		keyOf("Ada"), 1<<20, part, strings.Repeat("x", size))
	if err != nil {
		s.tb.Fatal(err)
	}
	return conn
}

// A client that leaves in the middle, or sends nothing more, leaves nothing behind.
func TestFiles_brokenUploadsLeaveNothing(t *testing.T) {
	s := newService(t, func(cfg *geist.Config) { cfg.ReadTimeout = 300 * time.Millisecond })
	s.want(201, "POST", "/api/tasks", `{"title":"a"}`)
	t.Run("aborted", func(t *testing.T) {
		conn := s.upload(100 << 10)
		s.wantOnDisk(1)
		_ = conn.Close()
		s.wantOnDisk(0)
	})
	t.Run("stalled", func(t *testing.T) {
		conn := s.upload(100 << 10)
		s.wantOnDisk(1)
		status, err := textproto.NewReader(bufio.NewReader(conn)).ReadLine()
		if err != nil || !strings.HasPrefix(status, "HTTP/1.1 408 ") {
			t.Errorf("answer %q, %v; want 408", status, err)
		}
		s.wantOnDisk(0)
	})
	t.Run("more than was announced", func(t *testing.T) {
		body, contentType := form("a", "x")
		conn := s.upload(0)
		_ = conn.Close()
		if a := s.do("POST", "/api/tasks/1/files", body+strings.Repeat("x", 100), "Content-Type", contentType); a.status != 201 {
			t.Errorf("bytes behind the form: status %d: %s", a.status, a.body) // an epilogue, which RFC 2046 has ignored
		}
		s.wantOnDisk(1)
	})
	if task := decode[Task](t, s.want(200, "GET", "/api/tasks/1", "")); task.Files != 1 {
		t.Errorf("files = %d, want 1", task.Files)
	}
}

// A crash may leave contents without a row; the next start removes them, and nothing else.
func TestOpen_sweepsOrphans(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tasks.db")
	s, stop := startService(t, path)
	s.want(201, "POST", "/api/tasks", `{"title":"a"}`)
	s.attach(1, "kept", "x")
	orphan, err := s.store.blobs.create()
	if err != nil {
		t.Fatal(err)
	}
	_ = orphan.Close()
	foreign := filepath.Join(s.store.blobs.dir, "README")
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	stop()
	s, _ = startService(t, path)
	if _, err := os.Stat(orphan.Name()); err == nil {
		t.Error("the orphan is still there")
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Errorf("a file that is not the board's: %v", err)
	}
	if a := s.want(200, "GET", "/api/tasks/1/files/1", ""); a.body != "x" {
		t.Errorf("the file has %q, want x", a.body)
	}
}
