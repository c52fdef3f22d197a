package board

import (
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAPI_createAndShow(t *testing.T) {
	s := newService(t)
	a := s.want(201, "POST", "/api/tasks", `{"title":"  Buy milk ","owner":"ada","tags":["shop","home","shop"],"due":"2030-01-31"}`)
	if got, want := a.header.Get("Location"), "/api/tasks/1"; got != want {
		t.Errorf("Location = %q, want %q", got, want)
	}
	if got, want := a.header.Get("Etag"), `"1"`; got != want {
		t.Errorf("ETag = %s, want %s", got, want)
	}
	task := decode[Task](t, a)
	if task.Title != "Buy milk" || task.Owner != "ada" || task.Status != Todo || *task.Due != "2030-01-31" ||
		!slices.Equal(task.Tags, []string{"home", "shop"}) || task.Version != 1 {
		t.Errorf("task = %s", a.body)
	}
	if since := time.Since(task.Created); since < -time.Second || since > time.Minute || task.Created != task.Updated {
		t.Errorf("created %s, updated %s: want both now", task.Created, task.Updated)
	}
	shown := s.want(200, "GET", "/api/tasks/1", "")
	if shown.body != a.body {
		t.Errorf("shown %s, created %s: want the same", shown.body, a.body)
	}
	if a := s.want(304, "GET", "/api/tasks/1", "", "If-None-Match", `"1"`); a.body != "" || a.header.Get("Etag") != `"1"` {
		t.Errorf("304: body %q, ETag %s", a.body, a.header.Get("Etag"))
	}
	minimal := s.want(201, "POST", "/api/tasks", `{"title":"x"}`)
	if !strings.Contains(minimal.body, `"owner":"","status":"todo","tags":[],"due":null`) {
		t.Errorf("minimal task = %s", minimal.body)
	}
}

func TestAPI_update(t *testing.T) {
	s := newService(t)
	s.want(201, "POST", "/api/tasks", `{"title":"a","owner":"ada","tags":["x"],"due":"2030-01-31"}`)
	for _, test := range []struct {
		name, body, match string
		status            int
		want              string // part of the answer
	}{
		{"one field", `{"status":"doing"}`, "", 200, `"title":"a","owner":"ada","status":"doing","tags":["x"],"due":"2030-01-31"`},
		{"null removes the day", `{"due":null}`, `"2"`, 200, `"due":null`},
		{"stale", `{"title":"lost"}`, `"2"`, 412, `read it again`},
		{"a tag that is not ours", `{"title":"lost"}`, `W/"3"`, 412, `read it again`},
		{"not quoted", `{"title":"lost"}`, `3`, 412, `read it again`},
		{"any version", `{"title":"b"}`, `*`, 200, `"title":"b"`},
		{"tags", `{"tags":["z","y"]}`, `"4"`, 200, `"tags":["y","z"]`},
		{"not valid", `{"title":"","owner":"lost"}`, `"5"`, 422, `#/title`},
		{"malformed", `{"title":"lost"`, `"5"`, 400, `ends within a JSON value`},
		{"nothing was lost", `{}`, `"5"`, 200, `"title":"b","owner":"ada","status":"doing","tags":["y","z"],"due":null`},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := s.do("PATCH", "/api/tasks/1", test.body, "If-Match", test.match)
			if a.status != test.status || !strings.Contains(a.body, test.want) {
				t.Errorf("%d %s, want %d and %s", a.status, a.body, test.status, test.want)
			}
		})
	}
	s.want(404, "PATCH", "/api/tasks/2", `{"title":"b"}`)
}

func TestAPI_delete(t *testing.T) {
	s := newService(t)
	s.want(201, "POST", "/api/tasks", `{"title":"a"}`)
	s.want(412, "DELETE", "/api/tasks/1", "", "If-Match", `"2"`)
	if a := s.want(204, "DELETE", "/api/tasks/1", "", "If-Match", `"1"`); a.body != "" {
		t.Errorf("204 with a body: %q", a.body)
	}
	for _, method := range []string{"DELETE", "GET"} {
		s.want(404, method, "/api/tasks/1", "")
	}
	if a := s.want(201, "POST", "/api/tasks", `{"title":"b"}`); a.header.Get("Location") != "/api/tasks/2" {
		t.Errorf("Location = %q: the id of a deleted task was given again", a.header.Get("Location"))
	}
}

func TestAPI_list(t *testing.T) {
	s := newService(t)
	for _, body := range []string{
		`{"title":"Milk 100%","owner":"ada","tags":["home"],"due":"2030-01-31"}`,
		`{"title":"Bread","owner":"ada","tags":["home","urgent"],"status":"doing","due":"2030-01-30"}`,
		`{"title":"milky way","owner":"grace","tags":["urgent & red"],"status":"done"}`,
		`{"title":"Rent","status":"done","due":"2029-12-31"}`,
	} {
		s.want(201, "POST", "/api/tasks", body)
	}
	for _, test := range []struct {
		query string
		want  []int64
	}{
		{"", []int64{1, 2, 3, 4}},
		{"status=done", []int64{3, 4}},
		{"owner=ada", []int64{1, 2}},
		{"owner=ad", nil},
		{"tag=home", []int64{1, 2}},
		{"tag=urgent", []int64{2}},
		{"tag=urgent+%26+red", []int64{3}},
		{"due_before=2030-01-31", []int64{2, 4}},
		{"q=MILK", []int64{1, 3}},
		{"q=%25", []int64{1}},
		{"q=_", nil},
		{"q=" + url.QueryEscape(`' OR 1=1 --`), nil},
		{"status=doing&owner=ada&tag=home&q=br", []int64{2}},
		{"after=2", []int64{3, 4}},
		{"after=99", nil},
	} {
		t.Run(test.query, func(t *testing.T) {
			got := decode[page](t, s.want(200, "GET", "/api/tasks?"+test.query, ""))
			if !slices.Equal(ids(got.Tasks), test.want) || got.Next != "" {
				t.Errorf("ids = %v, next = %q, want %v and no next", ids(got.Tasks), got.Next, test.want)
			}
			if got.Tasks == nil {
				t.Error(`tasks is null, want []`)
			}
		})
	}
}

func ids(tasks []*Task) (ids []int64) {
	for _, t := range tasks {
		ids = append(ids, t.ID)
	}
	return ids
}

// Pages hold while tasks come and go: each task that stays is seen exactly once.
func TestAPI_pagesWhileChanging(t *testing.T) {
	s := newService(t)
	for i := range 7 {
		s.want(201, "POST", "/api/tasks", fmt.Sprintf(`{"title":"t%d","owner":"a&b"}`, i))
	}
	var seen []int64
	next := "/api/tasks?owner=a%26b&limit=2"
	for pages := 0; next != ""; pages++ {
		if pages > 10 {
			t.Fatal("the pages do not end")
		}
		p := decode[page](t, s.want(200, "GET", next, ""))
		seen = append(seen, ids(p.Tasks)...)
		if pages == 0 {
			s.want(204, "DELETE", "/api/tasks/1", "")
			s.want(204, "DELETE", "/api/tasks/4", "")
			s.want(201, "POST", "/api/tasks", `{"title":"late","owner":"a&b"}`)
		}
		next = p.Next
	}
	if want := []int64{1, 2, 3, 5, 6, 7, 8}; !slices.Equal(seen, want) {
		t.Errorf("seen %v, want %v", seen, want)
	}
}

func TestAPI_badInput(t *testing.T) {
	s := newService(t)
	s.want(201, "POST", "/api/tasks", `{"title":"there"}`)
	long := func(n int) string { return strings.Repeat("é", n) }
	for _, test := range []struct {
		name, method, target, body string
		header                     []string
		status                     int
		want                       string // pointers, or the field of the query
	}{
		{name: "no body", method: "POST", target: "/api/tasks", header: []string{"Content-Type", "application/json"}, status: 400},
		{name: "no content type", method: "POST", target: "/api/tasks", body: `{"title":"secret"}`, header: []string{"Content-Type", ""}, status: 415},
		{name: "a form", method: "POST", target: "/api/tasks", body: `title=secret`, header: []string{"Content-Type", "application/x-www-form-urlencoded"}, status: 415},
		{name: "text/plain", method: "PATCH", target: "/api/tasks/1", body: `{"title":"secret"}`, header: []string{"Content-Type", "text/plain"}, status: 415},
		{name: "charset", method: "POST", target: "/api/tasks", body: `{"title":"ok"}`, header: []string{"Content-Type", "application/json; charset=utf-8"}, status: 201},
		{name: "malformed", method: "POST", target: "/api/tasks", body: `{"title":secret}`, status: 400},
		{name: "cut off", method: "POST", target: "/api/tasks", body: `{"title":"secret`, status: 400},
		{name: "two values", method: "POST", target: "/api/tasks", body: `{"title":"secret"} {}`, status: 400},
		{name: "bytes after it", method: "POST", target: "/api/tasks", body: `{"title":"secret"}]`, status: 400},
		{name: "unknown field", method: "POST", target: "/api/tasks", body: `{"title":"a","extra":"secret"}`, status: 422, want: "#/extra"},
		{name: "id cannot be chosen", method: "POST", target: "/api/tasks", body: `{"title":"a","id":7}`, status: 422, want: "#/id"},
		{name: "version cannot be chosen", method: "PATCH", target: "/api/tasks/1", body: `{"version":7}`, status: 422, want: "#/version"},
		{name: "an array", method: "POST", target: "/api/tasks", body: `["secret"]`, status: 422, want: "#"},
		{name: "a wrong type", method: "POST", target: "/api/tasks", body: `{"title":12345}`, status: 422, want: "#/title"},
		{name: "all wrong types at once", method: "POST", target: "/api/tasks", body: `{"title":12345,"tags":["a",{}],"due":false}`, status: 422, want: "#/title #/tags/1 #/due"},
		{name: "a key twice", method: "POST", target: "/api/tasks", body: `{"title":"a","title":"secret"}`, status: 400, want: "#/title"},
		{name: "too large", method: "POST", target: "/api/tasks", body: `{"title":"` + strings.Repeat("s", 65<<10) + `"}`, status: 413},
		{name: "no title", method: "POST", target: "/api/tasks", body: `{}`, status: 422, want: "#/title"},
		{name: "a blank title", method: "POST", target: "/api/tasks", body: `{"title":" \t "}`, status: 422, want: "#/title"},
		{name: "the longest title", method: "POST", target: "/api/tasks", body: `{"title":"` + long(maxTitle) + `"}`, status: 201},
		{name: "a longer title", method: "POST", target: "/api/tasks", body: `{"title":"` + long(maxTitle+1) + `"}`, status: 422, want: "#/title"},
		{name: "two lines", method: "POST", target: "/api/tasks", body: `{"title":"a\nsecret"}`, status: 422, want: "#/title"},
		{name: "a NUL", method: "POST", target: "/api/tasks", body: `{"title":"a\u0000secret"}`, status: 422, want: "#/title"},
		{name: "all at once", method: "POST", target: "/api/tasks",
			body:   `{"title":"","owner":"` + long(maxOwner+1) + `","status":"secret","tags":["ok","","` + long(maxTag+1) + `"],"due":"2030-02-30"}`,
			status: 422, want: "#/title #/owner #/status #/due #/tags/1 #/tags/2"},
		{name: "many tags", method: "POST", target: "/api/tasks", body: `{"title":"a","tags":["1","2","3","4","5","6","7","8","9","10","11"]}`, status: 422, want: "#/tags"},
		{name: "due is not a day", method: "POST", target: "/api/tasks", body: `{"title":"a","due":"secret"}`, status: 422, want: "#/due"},
		{name: "an empty day", method: "PATCH", target: "/api/tasks/1", body: `{"due":""}`, status: 422, want: "#/due"},
		{name: "limit 0", method: "GET", target: "/api/tasks?limit=0", status: 422, want: "limit"},
		{name: "limit too high", method: "GET", target: "/api/tasks?limit=201", status: 422, want: "limit"},
		{name: "limit is no number", method: "GET", target: "/api/tasks?limit=secret", status: 422, want: "limit"},
		{name: "limit is empty", method: "GET", target: "/api/tasks?limit=", status: 422, want: "limit"},
		{name: "after is no number", method: "GET", target: "/api/tasks?after=1e3", status: 422, want: "after"},
		{name: "after too high", method: "GET", target: "/api/tasks?after=9223372036854775808", status: 422, want: "after"},
		{name: "status", method: "GET", target: "/api/tasks?status=secret", status: 422, want: "status"},
		{name: "due_before", method: "GET", target: "/api/tasks?due_before=secret", status: 422, want: "due_before"},
		{name: "a long search", method: "GET", target: "/api/tasks?q=" + strings.Repeat("s", 201), status: 422, want: "q"},
		{name: "id is no number", method: "GET", target: "/api/tasks/secret", status: 404},
		{name: "id too high", method: "GET", target: "/api/tasks/9223372036854775808", status: 404},
		{name: "negative id", method: "DELETE", target: "/api/tasks/-1", status: 404},
		{name: "unknown path", method: "GET", target: "/api/secret", status: 404},
		{name: "unknown method", method: "PUT", target: "/api/tasks/1", status: 405},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := s.do(test.method, test.target, test.body, test.header...)
			if a.status != test.status {
				t.Fatalf("status %d, want %d: %s", a.status, test.status, a.body)
			}
			if a.status < 400 {
				return
			}
			if got := a.header.Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("Content-Type = %q", got)
			}
			p := decode[problem](t, a)
			got := ""
			for _, e := range p.Errors {
				got = strings.TrimSpace(got + " " + e.Pointer + e.Name)
			}
			if got != test.want || p.Status != test.status || p.Detail == "" {
				t.Errorf("names %q, want %q: %s", got, test.want, a.body)
			}
			if strings.Contains(a.body, "secret") || strings.Contains(a.body, "12345") {
				t.Errorf("the answer repeats what was sent: %s", a.body)
			}
		})
	}
	if a := s.want(200, "GET", "/api/tasks/1", ""); !strings.Contains(a.body, `"title":"there"`) || !strings.Contains(a.body, `"version":1`) {
		t.Errorf("bad input changed the task: %s", a.body)
	}
}

// Clients that count in one task, each by read, change and If-Match, lose nothing.
func TestAPI_noLostUpdates(t *testing.T) {
	const clients, each = 8, 12
	s := newService(t)
	s.want(201, "POST", "/api/tasks", `{"title":"0"}`)
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for done := 0; done < each && !t.Failed(); {
				task := decode[Task](t, s.do("GET", "/api/tasks/1", ""))
				n, err := strconv.Atoi(task.Title)
				if err != nil {
					t.Error(err)
					return
				}
				a := s.do("PATCH", "/api/tasks/1", fmt.Sprintf(`{"title":"%d"}`, n+1), "If-Match", fmt.Sprintf(`"%d"`, task.Version))
				switch a.status {
				case 200:
					done++
				case 412: // somebody else was quicker
				default:
					t.Errorf("status %d: %s", a.status, a.body)
				}
			}
		})
	}
	wg.Wait()
	task := decode[Task](t, s.want(200, "GET", "/api/tasks/1", ""))
	if want := strconv.Itoa(clients * each); task.Title != want || task.Version != clients*each+1 {
		t.Errorf("counted to %s at version %d, want %s and %d", task.Title, task.Version, want, clients*each+1)
	}
}

// Without If-Match, changes of different fields do not undo each other.
func TestAPI_changesOfDifferentFields(t *testing.T) {
	s := newService(t)
	s.want(201, "POST", "/api/tasks", `{"title":"start"}`)
	var wg sync.WaitGroup
	for _, field := range []string{"title", "owner", "status", "due"} {
		wg.Go(func() {
			last := map[string]string{"title": "end", "owner": "ada", "status": "done", "due": "2030-01-31"}[field]
			first := map[string]string{"title": "x", "owner": "x", "status": "doing", "due": "2029-01-01"}[field]
			for i := range 10 {
				value := first
				if i == 9 {
					value = last
				}
				if a := s.do("PATCH", "/api/tasks/1", fmt.Sprintf(`{%q:%q}`, field, value)); a.status != 200 {
					t.Errorf("status %d: %s", a.status, a.body)
				}
			}
		})
	}
	wg.Wait()
	a := s.want(200, "GET", "/api/tasks/1", "")
	if want := `"title":"end","owner":"ada","status":"done","tags":[],"due":"2030-01-31"`; !strings.Contains(a.body, want) {
		t.Errorf("task = %s, want %s", a.body, want)
	}
}

func TestService_restart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tasks ?%20#.db") // a path that is not a URL
	s, stop := startService(t, path)
	want := s.want(201, "POST", "/api/tasks", `{"title":"stays","tags":["é"],"due":"2030-01-31"}`)
	stop()
	s, _ = startService(t, path)
	if got := s.want(200, "GET", "/api/tasks/1", ""); got.body != want.body {
		t.Errorf("after a restart %s, before %s", got.body, want.body)
	}
}
