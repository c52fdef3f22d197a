package main

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// told is an event of a stream.
type told struct{ id, title string }

// follow opens the stream of changes behind the event of an id, or from now on, and returns
// what brings the next event; false at the stream's end.
func follow(t *testing.T, base, behind string) func() (told, bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, "GET", base+"/api/live", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Last-Event-ID", behind)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	lines := bufio.NewScanner(res.Body)
	return func() (e told, ok bool) {
		for lines.Scan() {
			switch field, value, _ := strings.Cut(lines.Text(), ": "); field {
			case "id":
				e.id = value
			case "data":
				var data struct{ Task struct{ Title string } }
				err := json.Unmarshal([]byte(value), &data)
				e.title = data.Task.Title
				return e, err == nil
			}
		}
		return e, false
	}
}

// Who comes back after the process was killed goes on behind what they have seen: they are
// told of each change that was acknowledged, once, and in the order that others have seen.
func TestProgram_killLosesNothingThatWasTold(t *testing.T) {
	db := filepath.Join(t.TempDir(), "tasks.db")
	defer http.DefaultClient.CloseIdleConnections()
	p := startKept(t, db)
	next := follow(t, p.base, "")
	if _, err := create(http.DefaultClient, p.base, "first"); err != nil {
		t.Fatal(err)
	}
	first, _ := next()
	seen := make(chan []told)
	go func() {
		var all []told
		for e, ok := next(); ok; e, ok = next() {
			all = append(all, e)
		}
		seen <- all
	}()
	l := startLoad(p.base, 4)
	l.ready.Wait()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.wait() // it was killed
	l.wg.Wait()
	before := <-seen

	p = startKept(t, db)
	next = follow(t, p.base, first.id)
	if _, err := create(http.DefaultClient, p.base, "last"); err != nil {
		t.Fatal(err)
	}
	var after []told
	titles := map[string]bool{}
	for e, ok := next(); e.title != "last"; e, ok = next() {
		if !ok || titles[e.title] {
			t.Fatalf("%q comes after %d events: twice, or the stream ends", e.title, len(after))
		}
		after, titles[e.title] = append(after, e), true
	}
	if len(before) == 0 || len(before) > len(after) || !slices.Equal(before, after[:len(before)]) {
		t.Errorf("before the kill %q, behind the same place after it %q", before, after)
	}
	if missing := l.missing(titles); len(missing) > 0 {
		t.Errorf("%d of %d acknowledged changes are not told: %q", len(missing), len(l.acked), missing)
	}
}
