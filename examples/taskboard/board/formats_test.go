package board

import (
	"strings"
	"testing"
)

// The list is answered in the form that Accept prefers.
func TestAPI_listFormats(t *testing.T) {
	s := newService(t)
	s.want(201, "POST", "/api/tasks", `{"title":"=1+1, \"x\" <b>","owner":"ada","tags":["b","a"],"due":"2030-01-31"}`)
	s.want(201, "POST", "/api/tasks", `{"title":"second"}`)
	for _, test := range []struct {
		accept, kind string
		parts        []string
	}{
		{"", "application/json", []string{`{"tasks":[{"id":1,"title":"=1+1, \"x\" `}},
		{"text/csv", "text/csv", []string{"id,title,owner,status,tags,due,created,updated,version\n", `1,"'=1+1, ""x"" <b>",ada,todo,a b,2030-01-31,20`, "\n2,second,,todo,,,20"}},
		{"application/xml", "application/xml; charset=utf-8", []string{
			`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<tasks><task id="1" version="1"><title>=1+1, &#34;x&#34; &lt;b&gt;</title><owner>ada</owner>`,
			`<tag>a</tag><tag>b</tag><due>2030-01-31</due>`, `</task></tasks>`,
		}},
		{"text/csv;q=0.5, application/json", "application/json", []string{`{"tasks":[`}},
	} {
		a := s.want(200, "GET", "/api/tasks", "", "Accept", test.accept)
		if got := a.header.Get("Content-Type"); got != test.kind || a.header.Get("Vary") != "Accept" {
			t.Errorf("%s: Content-Type %q, Vary %q, want %q and Accept", test.accept, got, a.header.Get("Vary"), test.kind)
		}
		for _, part := range test.parts {
			if !strings.Contains(a.body, part) {
				t.Errorf("%s: %s\nlacks %s", test.accept, a.body, part)
			}
		}
	}
	if a := s.want(406, "GET", "/api/tasks", "", "Accept", "image/png"); !strings.Contains(a.body, `"available":["application/json","application/xml","application/x-ndjson","text/csv"]`) {
		t.Errorf("406: %s", a.body)
	}
	first := s.want(200, "GET", "/api/tasks?limit=1", "", "Accept", "text/csv")
	if got, want := first.header.Get("Link"), `</api/tasks?after=1&limit=1>; rel="next"`; got != want {
		t.Errorf("Link = %s, want %s", got, want)
	}
	for _, kind := range []string{"text/csv", "application/xml"} {
		s.want(415, "POST", "/api/tasks", "id,title\n1,a\n", "Content-Type", kind)
	}
}
