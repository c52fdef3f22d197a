package board

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gogeist/geist"
)

// event is what a stream has sent.
type event struct{ id, name, data string }

// listener is a client of /api/live.
type listener struct {
	tb     testing.TB
	lines  *bufio.Scanner
	cancel context.CancelFunc
}

// listen opens a stream of events behind the event of an id, or from now on.
func (s *service) listen(lastID string) *listener {
	s.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	s.tb.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", s.base+"/api/live", nil)
	if err != nil {
		s.tb.Fatal(err)
	}
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	res, err := s.http.Do(req)
	if err != nil {
		s.tb.Fatal(err)
	}
	s.tb.Cleanup(func() { _ = res.Body.Close() })
	if got := res.Header.Get("Content-Type"); res.StatusCode != 200 || got != "text/event-stream" {
		s.tb.Fatalf("status %d, Content-Type %q, want a stream of events", res.StatusCode, got)
	}
	return &listener{s.tb, bufio.NewScanner(res.Body), cancel}
}

// next returns the next event with data; ok is false at the end of the stream.
func (l *listener) next() (e event, ok bool) {
	for l.lines.Scan() {
		field, value, _ := strings.Cut(l.lines.Text(), ": ")
		switch field {
		case "id":
			e.id = value
		case "event":
			e.name = value
		case "data":
			e.data = value
		case "":
			if e.data != "" {
				return e, true
			}
		}
	}
	return e, false
}

// wantEvent fails the test unless the next event is of that name, and returns it.
func (l *listener) wantEvent(name string) (event, change) {
	l.tb.Helper()
	e, ok := l.next()
	if !ok || e.name != name {
		l.tb.Fatalf("event %+v, %t, want %s", e, ok, name)
	}
	var got change
	if err := json.Unmarshal([]byte(e.data), &got); err != nil {
		l.tb.Fatal(err)
	}
	return e, got
}

// Each way to change a task is told to everybody, with the task as it is then.
func TestLive_everyChange(t *testing.T) {
	s := newService(t)
	all := []*listener{s.listen(""), s.listen("")}
	for _, test := range []struct {
		name string
		do   func() answer
		want string
		task string // part of the answer and of the event
	}{
		{"create", func() answer { return s.want(201, "POST", "/api/tasks", `{"title":"a"}`) }, "task.changed", `"version":1,"files":0`},
		{"update", func() answer { return s.want(200, "PATCH", "/api/tasks/1", `{"title":"b"}`) }, "task.changed", `"version":2,"files":0`},
		{"attach", func() answer { return s.attach(1, "a", "x", "b", "y") }, "task.changed", `"version":3,"files":2`},
		{"detach", func() answer { return s.want(200, "DELETE", "/api/tasks/1/files/1", "") }, "task.changed", `"version":4,"files":1`},
		{"delete", func() answer { return s.want(204, "DELETE", "/api/tasks/1", "") }, "task.deleted", `"id":1`},
		{"import", func() answer { return s.importLines(201, `{"title":"c"}`) }, "tasks.imported", ""},
	} {
		a := test.do()
		for _, l := range all {
			e, got := l.wantEvent(test.want)
			if got.Event != test.want || !strings.Contains(e.data, test.task) || e.id == "" {
				t.Errorf("%s: event %+v, want %s with %s and an id", test.name, e, test.want, test.task)
			}
			if test.want == "task.changed" && !strings.Contains(a.body, test.task) {
				t.Errorf("%s: answer %s, want %s", test.name, a.body, test.task)
			}
		}
	}
}

// What fails is told to nobody.
func TestLive_onlyWhatHappened(t *testing.T) {
	s := newService(t)
	l := s.listen("")
	s.want(422, "POST", "/api/tasks", `{"title":""}`)
	s.want(404, "PATCH", "/api/tasks/1", `{"title":"a"}`)
	s.want(404, "DELETE", "/api/tasks/1", "")
	s.importLines(422, `{"title":""}`)
	s.want(201, "POST", "/api/tasks", `{"title":"a"}`)
	s.want(412, "PATCH", "/api/tasks/1", `{"title":"b"}`, "If-Match", `"7"`)
	s.want(201, "POST", "/api/tasks", `{"title":"c"}`)
	for _, want := range []string{"a", "c"} {
		if _, got := l.wantEvent("task.changed"); got.Task.Title != want {
			t.Errorf("told of %q, want %q", got.Task.Title, want)
		}
	}
}

// A client that comes back gets what it has missed, or learns that nobody knows that.
func TestLive_resume(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tasks.db")
	s, stop := startService(t, path)
	l := s.listen("")
	s.want(201, "POST", "/api/tasks", `{"title":"seen"}`)
	seen, _ := l.wantEvent("task.changed")
	l.cancel()
	for i := range 3 {
		s.want(201, "POST", "/api/tasks", fmt.Sprintf(`{"title":"missed %d"}`, i))
	}
	l = s.listen(seen.id)
	for i := range 3 {
		if _, got := l.wantEvent("task.changed"); got.Task.Title != fmt.Sprintf("missed %d", i) {
			t.Errorf("told of %q, want missed %d", got.Task.Title, i)
		}
	}
	stop()
	s, _ = startService(t, path) // with the journal of the one before
	l = s.listen(seen.id)
	for i := range 3 {
		if _, got := l.wantEvent("task.changed"); got.Task.Title != fmt.Sprintf("missed %d", i) {
			t.Errorf("after the restart: told of %q, want missed %d", got.Task.Title, i)
		}
	}
	l.wantEvent("board.opened")
	s.want(201, "POST", "/api/tasks", `{"title":"after"}`)
	if _, got := l.wantEvent("task.changed"); got.Task.Title != "after" {
		t.Errorf("told of %q, want after", got.Task.Title)
	}
	other := s.listen("no id of ours")
	other.wantEvent(geist.GapEvent)
}

// Of changes that many make at once, each listener hears all, and the last version of
// each task is what it is.
func TestLive_manyAtOnce(t *testing.T) {
	const writers, each = 6, 10
	s := newService(t)
	for i := range writers {
		s.want(201, "POST", "/api/tasks", fmt.Sprintf(`{"title":"%d"}`, i))
	}
	listeners := []*listener{s.listen(""), s.listen(""), s.listen("")}
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for n := range each {
				s.do("PATCH", fmt.Sprintf("/api/tasks/%d", i+1), fmt.Sprintf(`{"title":"%d by %d"}`, n, i))
			}
		})
	}
	wg.Wait()
	for _, l := range listeners {
		newest := map[int64]int64{}
		for range writers * each {
			_, got := l.wantEvent("task.changed")
			newest[got.Task.ID] = max(newest[got.Task.ID], got.Task.Version)
		}
		for id, version := range newest {
			if version != each+1 {
				t.Errorf("task %d is heard of up to version %d, want %d", id, version, each+1)
			}
		}
	}
}

// A stop ends the streams in order, and at once.
func TestLive_stop(t *testing.T) {
	s, stop := startService(t, filepath.Join(t.TempDir(), "tasks.db"))
	l := s.listen("")
	s.want(201, "POST", "/api/tasks", `{"title":"a"}`)
	l.wantEvent("task.changed")
	stop()
	if e, ok := l.next(); ok || l.lines.Err() != nil {
		t.Errorf("after the stop: %+v, %t, %v; want the end of the stream", e, ok, l.lines.Err())
	}
}
