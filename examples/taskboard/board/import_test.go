package board

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
)

func (s *service) importLines(status int, lines string) answer {
	s.tb.Helper()
	return s.want(status, "POST", "/api/tasks/import", lines, "Content-Type", ndjson)
}

func TestImport_linesBecomeTasks(t *testing.T) {
	s := newService(t)
	s.want(201, "POST", "/api/tasks", `{"title":"before"}`)
	got := decode[imported](t, s.importLines(201, "{\"title\":\" a \",\"tags\":[\"y\",\"x\"],\"due\":\"2030-01-31\"}\r\n\n"+
		`{"id":77,"title":"b","status":"done","owner":null,"tags":null,"due":null,"created":"x","updated":1,"version":9,"files":3}`))
	if want := (imported{Imported: 2, First: 2, Last: 3}); got != want {
		t.Errorf("answer = %+v, want %+v", got, want)
	}
	a := decode[Task](t, s.want(200, "GET", "/api/tasks/2", ""))
	if a.Title != "a" || a.Status != Todo || !reflect.DeepEqual(a.Tags, []string{"x", "y"}) || *a.Due != "2030-01-31" || a.Version != 1 {
		t.Errorf("first = %+v", a)
	}
	b := decode[Task](t, s.want(200, "GET", "/api/tasks/3", ""))
	if b.Title != "b" || b.Status != Done || b.Due != nil || b.Version != 1 || b.Files != 0 {
		t.Errorf("second = %+v", b)
	}
	s.wantOnDisk(0)
}

// Bad lines are all named, with what is wrong, and nothing is imported.
func TestImport_badLines(t *testing.T) {
	s := newService(t)
	for _, test := range []struct {
		name, lines string
		want        string // line and pointer of each problem
		bad         int
	}{
		{"some", "{\"title\":\"ok\"}\n{\"title\":\"\",\"status\":\"secret\"}\n\n[\"secret\"]\n", "2#/title 2#/status 4#", 2},
		{"types", `{"title":1,"owner":{},"tags":["a",1,{}],"due":[]}`, "1#/title 1#/owner 1#/tags/1 1#/tags/2 1#/due", 1},
		{"tags are no array", `{"title":"a","tags":"secret"}`, "1#/tags", 1},
		{"too many tags", `{"title":"a","tags":["1","2","3","4","5","6","7","8","9","10","11","12"]}`, "1#/tags", 1},
		{"unknown", `{"title":"a","a/b~ü":"secret"}`, "1#/a~1b~0%C3%BC", 1},
		{"a key twice", `{"title":"a","title":"secret"}`, "1#/title", 1},
		{"a key twice, escaped", `{"title":"a","t\u0069tle":"secret"}`, "1#/title", 1},
		{"malformed", "{\"title\":\"secret\"\n{}\n", "1# 2#/title", 2},
		{"not UTF-8", "{\"title\":\"secret\xff\"}", "1#", 1},
		{"a NUL", "{\"title\":\"a\"}\x00", "1#", 1},
		{"two values", `{"title":"a"} {"title":"secret"}`, "1#", 1},
		{"deep", strings.Repeat("[", 60_000), "1#", 1},
		{"a long line", `{"title":"` + strings.Repeat("s", maxLine) + "\"}\n{}", "1# 2#/title", 2},
		{"a very long line", strings.Repeat(" ", 3*maxLine) + "\n{}", "1# 2#/title", 2},
		{"more than are named", strings.Repeat("{}\n", 150), strings.TrimSpace(func() (s string) {
			for i := range maxLineProblems {
				s += fmt.Sprintf("%d#/title ", i+1)
			}
			return s
		}()), 150},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := s.importLines(422, test.lines)
			var p struct {
				Detail   string
				BadLines int `json:"bad_lines"`
				Errors   []lineProblem
			}
			if err := json.Unmarshal([]byte(a.body), &p); err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, e := range p.Errors {
				got += fmt.Sprintf(" %d%s", e.Line, e.Pointer)
				if e.Detail == "" {
					t.Errorf("line %d: no word of what is wrong", e.Line)
				}
			}
			if strings.TrimSpace(got) != test.want || p.BadLines != test.bad {
				t.Errorf("problems = %s, %d lines; want %s, %d", got, p.BadLines, test.want, test.bad)
			}
			if strings.Contains(a.body, "secret") {
				t.Errorf("the answer repeats what was sent: %s", a.body)
			}
		})
	}
	for _, body := range []string{"", "\n\n \n"} {
		if a := s.importLines(422, body); !strings.Contains(a.body, "no line") {
			t.Errorf("%q: %s", body, a.body)
		}
	}
	for name, value := range map[string]string{"Content-Type": "application/json", "Content-Encoding": "gzip"} {
		s.want(415, "POST", "/api/tasks/import", `{"title":"a"}`, "Content-Type", ndjson, name, value)
	}
	if got := decode[page](t, s.want(200, "GET", "/api/tasks", "")); len(got.Tasks) != 0 {
		t.Errorf("%d tasks were imported, want none", len(got.Tasks))
	}
	s.wantOnDisk(0)
}

// lines is a body of many lines, made as it is read.
type lines struct {
	left int
	buf  bytes.Buffer
}

func (l *lines) Read(p []byte) (int, error) {
	for l.buf.Len() < len(p) && l.left > 0 {
		fmt.Fprintf(&l.buf, "{\"title\":\"task %d\",\"owner\":\"ada\",\"tags\":[\"home\",\"urgent\"]}\n", l.left)
		l.left--
	}
	return l.buf.Read(p)
}

// The longest import and the export of it pass through memory, but do not stay in it. One
// line more is refused, when all the others have been read.
func TestImport_longestInBoundedMemory(t *testing.T) {
	s := newService(t)
	s.http.Timeout = 5 * time.Minute // on a busy machine, under the race detector
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	send := func(count int) (status int, body string) {
		res, err := s.http.Post(s.base+"/api/tasks/import", ndjson, &lines{left: count})
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(b)
	}
	want := fmt.Sprintf(`{"imported":%d,"first":1,"last":%d}`, manyLines, manyLines)
	if status, body := send(manyLines); status != 201 || body != want {
		t.Fatalf("%d %s, want 201 %s", status, body, want)
	}
	if count := s.countExport(); count != manyLines {
		t.Errorf("exported %d tasks, want %d", count, manyLines)
	}
	if status, body := send(maxImportLines + 1); status != 413 {
		t.Errorf("%d lines: %d %s, want 413", maxImportLines+1, status, body)
	}
	runtime.ReadMemStats(&after)
	// The lines alone are 7 MB, the tasks in memory would be 30 MB, the export is 17 MB. What
	// the database driver keeps is not Go's.
	if grown := int64(after.HeapSys) - int64(before.HeapSys); grown > 16<<20 {
		t.Errorf("the heap has grown by %d KiB, want at most 16 MiB", grown>>10)
	}
	s.wantOnDisk(0)
}

// countExport reads all tasks as lines and returns how many there are.
func (s *service) countExport() (count int) {
	s.tb.Helper()
	req, err := http.NewRequest("GET", s.base+"/api/tasks", nil)
	if err != nil {
		s.tb.Fatal(err)
	}
	req.Header.Set("Accept", ndjson)
	res, err := s.http.Do(req)
	if err != nil {
		s.tb.Fatal(err)
	}
	defer res.Body.Close()
	for dec := json.NewDecoder(res.Body); dec.More(); count++ {
		var task Task
		if err := dec.Decode(&task); err != nil {
			s.tb.Fatal(err)
		}
	}
	return count
}

// A board's export, imported into another one, makes the same tasks.
func TestExport_canBeImported(t *testing.T) {
	from, to := newService(t), newService(t)
	for i := range maxLimit + 5 { // more than one page
		from.want(201, "POST", "/api/tasks", fmt.Sprintf(`{"title":"<t%d>","owner":"ada","tags":["home"],"due":"2030-01-31"}`, i))
	}
	from.want(201, "POST", "/api/tasks", `{"title":"not ada's"}`)
	from.attach(1, "a", "x")
	export := from.want(200, "GET", "/api/tasks?owner=ada", "", "Accept", ndjson)
	if got := export.header.Get("Content-Type"); got != ndjson {
		t.Errorf("Content-Type = %q", got)
	}
	to.importLines(201, export.body)
	got := to.want(200, "GET", "/api/tasks", "", "Accept", ndjson)
	a, b := strings.Split(export.body, "\n"), strings.Split(got.body, "\n")
	if len(a) != maxLimit+6 || len(a) != len(b) {
		t.Fatalf("%d lines exported, %d after the import, want %d", len(a), len(b), maxLimit+6)
	}
	for i := range a[:len(a)-1] {
		before, _, _ := strings.Cut(a[i], `"created"`)
		after, _, _ := strings.Cut(b[i], `"created"`)
		if before != after {
			t.Fatalf("line %d: %s, want %s", i+1, after, before)
		}
	}
}

// An import that breaks off changes nothing and leaves nothing.
func TestImport_brokenOff(t *testing.T) {
	s := newService(t)
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		res, err := s.http.Post(s.base+"/api/tasks/import", ndjson, r) // it ends when w is closed
		if err == nil {
			res.Body.Close()
		}
		done <- err
	}()
	for i := range 1000 {
		if _, err := fmt.Fprintf(w, "{\"title\":\"task %d\"}\n", i); err != nil {
			t.Fatal(err)
		}
	}
	s.wantOnDisk(1)
	_ = w.CloseWithError(io.ErrUnexpectedEOF)
	if err := <-done; err == nil {
		t.Error("the broken import was answered")
	}
	s.wantOnDisk(0)
	if got := decode[page](t, s.want(200, "GET", "/api/tasks", "")); len(got.Tasks) != 0 {
		t.Errorf("%d tasks were imported, want none", len(got.Tasks))
	}
}
