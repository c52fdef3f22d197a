package peers

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"
)

// TestExchange_check: one thing that differs suffices.
func TestExchange_check(t *testing.T) {
	e := Exchange{Name: "x", Status: 200, Type: "text/plain", Body: []byte("hello"), Header: map[string]string{"A": "1", "B": ""}}
	for _, tt := range []struct {
		name   string
		status int
		change func(http.Header)
		body   string
		want   string
	}{
		{"right", 200, nil, "hello", ""},
		{"a line end", 200, nil, "hello\n", ""},
		{"status", 201, nil, "hello", "answered 201"},
		{"body", 200, nil, "hullo", `"hullo"`},
		{"space", 200, nil, " hello", `" hello"`},
		{"type", 200, func(h http.Header) { h.Set("Content-Type", "text/html") }, "hello", "content type"},
		{"value", 200, func(h http.Header) { h.Set("A", "2") }, "hello", `A ["2"]`},
		{"missing", 200, func(h http.Header) { h.Del("A") }, "hello", "A []"},
		{"empty", 200, func(h http.Header) { h.Set("B", "") }, "hello", `B [""]`},
		{"twice", 200, func(h http.Header) { h.Add("B", "y") }, "hello", `B ["x" "y"]`},
		{"surplus", 200, func(h http.Header) { h.Set("Server", "x") }, "hello", "the field Server"},
		{"no date", 200, func(h http.Header) { h.Del("Date") }, "hello", "without Date"},
	} {
		h := http.Header{"Date": {"x"}, "Content-Length": {"5"}, "Content-Type": {"text/plain; charset=utf-8"}, "A": {"1"}, "B": {"x"}}
		if tt.change != nil {
			tt.change(h)
		}
		err := e.Check(tt.status, h, []byte(tt.body))
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}

// TestExchanges_areRequests: each is one whole request, with a name.
func TestExchanges_areRequests(t *testing.T) {
	for _, all := range [][]Exchange{PlainExchanges(), APIExchanges(), ProofExchanges()} {
		for _, e := range all {
			r := bufio.NewReader(bytes.NewReader(e.Request))
			req, err := http.ReadRequest(r)
			if err != nil || e.Name == "" || e.Status == 0 {
				t.Errorf("%s: %v, %d", e.Name, err, e.Status)
				continue
			}
			if n, err := bytes.NewBuffer(nil).ReadFrom(req.Body); err != nil || n != max(req.ContentLength, 0) || r.Buffered() > 0 {
				t.Errorf("%s: a body of %d bytes of %d and %d behind it, %v", e.Name, n, req.ContentLength, r.Buffered(), err)
			}
		}
	}
}

// TestAPIExchanges_mix: what the mix is said to be.
func TestAPIExchanges_mix(t *testing.T) {
	kinds, paths := map[string]int{}, map[string]bool{}
	for _, e := range APIExchanges() {
		kinds[e.Name]++
		paths[strings.Fields(string(e.Request))[1]] = true
	}
	want := map[string]int{"list": 8, "show": 5, "post": 3, "put": 1, "delete": 1, "no such path": 1, "bad quantity": 1}
	for kind, n := range want {
		if kinds[kind] != n {
			t.Errorf("%d of %s, want %d", kinds[kind], kind, n)
		}
	}
	if len(kinds) != len(want) || len(paths) != 20 || len(Resources()) != 40 {
		t.Errorf("%d kinds, %d paths, %d resources", len(kinds), len(paths), len(Resources()))
	}
}
