// Package tables holds the route tables of the suite and requests for them.
//
// Patterns are written with :name parameters that fill a whole segment, which
// every peer can express; each peer's file converts them to its own syntax. A
// route that some peer refuses or cannot tell apart stays out of the table for
// everyone; the reason stands beside the table.
package tables

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A Route is one method and pattern of a [Table].
type Route struct {
	// ID is the route's index in its table. Handlers report it, which proves that
	// the right one ran.
	ID int
	// Method is an HTTP method in upper case.
	Method string
	// Pattern is the path, with parameters as :name.
	Pattern string
	// Params are the names of the parameters, from left to right.
	Params []string
}

// Convert returns the pattern with each parameter written by form, which holds
// one %s for the name: "{%s}" gives "/users/{id}".
func (r Route) Convert(form string) string {
	segs := strings.Split(r.Pattern, "/")
	for i, s := range segs {
		if name, ok := strings.CutPrefix(s, ":"); ok {
			segs[i] = fmt.Sprintf(form, name)
		}
	}
	return strings.Join(segs, "/")
}

// A Request is one method and path, with what a correct router makes of it.
type Request struct {
	Method string
	Path   string
	// Route is the ID of the route that must answer, or -1 for none.
	Route int
	// Values are the parameters that its handler must read, from left to right.
	Values []string
}

// Bytes returns the request as it stands on the wire: a small HTTP/1.1 request
// with the headers that a plain API client sends.
func (r Request) Bytes() []byte {
	return fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: api.example.com\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n", r.Method, r.Path)
}

// A Table is a named set of routes.
type Table struct {
	Name   string
	Routes []Route
}

// Parse makes a Table of lines of the form "GET /users/:id". Blank lines and
// lines that begin with # are skipped. It panics on anything else: tables are
// source code.
func Parse(name, lines string) Table {
	t := Table{Name: name}
	for line := range strings.Lines(lines) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		method, pattern, ok := strings.Cut(line, " ")
		if !ok || !strings.HasPrefix(pattern, "/") {
			panic("tables: bad line " + line)
		}
		t.add(method, pattern)
	}
	return t
}

func (t *Table) add(method, pattern string) {
	r := Route{ID: len(t.Routes), Method: method, Pattern: pattern}
	for seg := range strings.SplitSeq(pattern, "/") {
		if name, ok := strings.CutPrefix(seg, ":"); ok {
			r.Params = append(r.Params, name)
		}
	}
	t.Routes = append(t.Routes, r)
}

// Request returns a request for route r, with values that such an API would
// see. Different routes get different values.
func (t Table) Request(r Route) Request {
	req := Request{Method: r.Method, Route: r.ID}
	segs := strings.Split(r.Pattern, "/")
	for i, s := range segs {
		if name, ok := strings.CutPrefix(s, ":"); ok {
			segs[i] = value(name, r.ID)
			req.Values = append(req.Values, segs[i])
		}
	}
	req.Path = strings.Join(segs, "/")
	return req
}

// Requests returns one request for every route, in an order that is shuffled
// but the same in every run and for every peer: in the table's own order
// neighbours share a prefix, which flatters caches and branch predictors.
func (t Table) Requests() []Request {
	out := make([]Request, len(t.Routes))
	for i, r := range t.Routes {
		out[i] = t.Request(r)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	rnd.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// Find returns the route with this method and pattern; it panics if there is none.
func (t Table) Find(method, pattern string) Route {
	for _, r := range t.Routes {
		if r.Method == method && r.Pattern == pattern {
			return r
		}
	}
	panic("tables: no route " + method + " " + pattern)
}

// values are examples of each parameter name of the tables.
var values = map[string][]string{
	"owner":        {"golang", "kubernetes", "torvalds", "valyala"},
	"repo":         {"go", "kubernetes", "linux", "fasthttp"},
	"user":         {"octocat", "defunkt", "mojombo", "pjhyett"},
	"target":       {"defunkt", "octocat"},
	"org":          {"github", "golang", "cncf"},
	"number":       {"1347", "42", "70213", "8"},
	"id":           {"583231", "1", "9007199254", "20817"},
	"sha":          {"6dcb09b5b57875f334f61aebed695e2e4193db5e", "7638417db6d59f3c431d3e1f261cc637155684cd"},
	"branch":       {"main", "release-1.26", "dependabot"},
	"ref":          {"main", "v1.26.0"},
	"client_id":    {"abcde12345fghij67890"},
	"access_token": {"e72e16c7e42f292c6912e7710c838347ae178b4a"},
	"name":         {"bug", "Go", "good-first-issue"},
	"repository":   {"hubot", "linguist"},
	"state":        {"open", "closed"},
	"keyword":      {"router", "websocket"},
	"email":        {"octocat@github.com"},
	"className":    {"GameScore", "Player"},
	"objectId":     {"Ed1nuqPvcm", "3KmCvT7Zsb"},
	"fileName":     {"hello.txt", "pic.jpg"},
	"eventName":    {"AppOpened", "purchase"},
	"userId":       {"118051310819094153327", "me"},
	"activityId":   {"z12gtjhq3qn2xxl2o224exwiqruvtda0i"},
	"commentId":    {"z12gtjhq3qn2xxl2o224.1320790000000000"},
	"collection":   {"public", "plusoners", "vault"},
	"a":            {"alpha"}, "b": {"bravo"}, "c": {"charlie"}, "d": {"delta"}, "e": {"echo"},
}

func value(name string, id int) string {
	vs := values[name]
	if len(vs) == 0 {
		panic("tables: no example value for :" + name)
	}
	return vs[id%len(vs)]
}
