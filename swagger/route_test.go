package swagger

import (
	"strings"
	"testing"

	"github.com/gogeist/geist"
)

func TestTemplate(t *testing.T) {
	for pattern, want := range map[string]string{
		"/":                                 "/",
		"/users/:id":                        "/users/{id}",
		"/users/:id<int>":                   "/users/{id}",
		"/users/:id?":                       "/users/{id}",
		"/files/:name.:ext":                 "/files/{name}.{ext}",
		"/range/:from<min(1)>-:to<max(9)>x": "/range/{from}-{to}x",
		"/static/*path":                     "/static/{path}",
		`/a\:b/\*c/d\?/e\<f`:                "/a:b/*c/d%3F/e%3Cf",
		"/x/:a<regex([)>(]{2}\\)>)>/y":      "/x/{a}/y",
		"/x/:a<regex([^]>]+);len(1,2)>y":    "/x/{a}y",
		"/ä/{b} c":                          "/%C3%A4/%7Bb%7D%20c",
		"/a_b/:c_d":                         "/a_b/{c_d}",
	} {
		if got := template(pattern); got != want {
			t.Errorf("template(%q) = %q, want %q", pattern, got, want)
		}
	}
}

func TestConstrained(t *testing.T) {
	for _, tt := range []struct {
		schema      *object
		constraints string
		want        string
	}{
		{nil, "", `{"type":"string"}`},
		{nil, "int", `{"type":"integer","format":"int64"}`},
		{nil, "uuid", `{"type":"string","format":"uuid"}`},
		{nil, "date", `{"type":"string","format":"date"}`},
		{nil, "alpha", `{"type":"string","pattern":"^[A-Za-z]+$"}`},
		{nil, "min(1) max(9)", `{"type":"integer","format":"int64","minimum":1,"maximum":9}`},
		{nil, "range(-5,5)", `{"type":"integer","format":"int64","minimum":-5,"maximum":5}`},
		{nil, "len(2,5)", `{"type":"string","minLength":2,"maxLength":5}`},
		{nil, "len(4)", `{"type":"string","minLength":4,"maxLength":4}`},
		{nil, "minlen(2) maxlen(3)", `{"type":"string","minLength":2,"maxLength":3}`},
		{nil, "regex(a b|c) maxlen(3)", `{"type":"string","pattern":"^(?:a b|c)$","maxLength":3}`},
		{nil, `regex((?i)a)`, `{"type":"string","x-geist-constraint":"regex((?i)a)"}`},
		{nil, "even", `{"type":"string","x-geist-constraint":"even"}`},
		{obj("type", "integer", "minimum", 0), "min(3)", `{"type":"integer","minimum":3}`},
		{obj("type", "integer", "format", "int32"), "int", `{"type":"integer","format":"int32"}`},
		{obj("type", "string"), "int", `{"type":"string"}`},
		{obj("type", "string"), "uuid", `{"type":"string","format":"uuid"}`},
		{obj("$ref", "x"), "int", `{"$ref":"x"}`},
	} {
		if got := oneLine(constrained(tt.schema, tt.constraints)); got != tt.want {
			t.Errorf("%v %q:\n got %s\nwant %s", tt.schema, tt.constraints, got, tt.want)
		}
	}
}

func oneLine(v any) string {
	var b strings.Builder
	for line := range strings.Lines(string(appendJSON(nil, v, 0))) {
		b.WriteString(strings.TrimSpace(line))
	}
	return strings.ReplaceAll(b.String(), `": `, `":`)
}

func TestNameOperations(t *testing.T) {
	b := &builder{cfg: &Config{Title: "T"}, schemas: newSchemas(nil)}
	b.collect([]geist.RouteInfo{
		{Method: "GET", Pattern: "/"},
		{Method: "GET", Pattern: "/api/v1/users/:id/posts", Params: []string{"id"}, Constraints: []string{""}},
		{Method: "GET", Pattern: "/days/:day?", Params: []string{"day"}, Constraints: []string{""}, OptionalParam: true, Name: "day"},
		{Method: "PUT", Pattern: "/things", Name: "thing-all"},
		{Method: "PATCH", Pattern: "/things", Name: "thing-all"},
		{Method: "GET", Pattern: "/home", Host: "{t}.example.org"},
		{Method: "GET", Pattern: "/home"},
		{Method: "GET", Pattern: "/home", Host: "b.example.org"},
		{Method: "HEAD", Pattern: "/any", Source: "a.go:1"},
		{Method: "OPTIONS", Pattern: "/any", Source: "a.go:1"},
		{Method: "GET", Pattern: "/any", Source: "a.go:1"},
		{Method: "GET", Pattern: "/hidden", Hidden: true},
		{Method: "GET", Pattern: "/assets/*path", Kind: geist.RouteFiles},
	})
	var got []string
	for _, r := range b.routes {
		got = append(got, r.id+"|"+r.title()+"|"+strings.Join(r.tags, ","))
	}
	want := []string{
		"getRoot|Get root|T",
		"getApiV1UsersByIdPosts|Get users by id posts|users",
		"getDays|Get days|days",
		"day|Day|days",
		"putThingAll|Put thing all|things",
		"patchThingAll|Patch thing all|things",
		"getHome|Get home|home",
		"getHome|Get home|home",
		"getHomeOnBExampleOrg|Get home|home",
		"getAny|Get any|any",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(b.problems) > 0 {
		t.Errorf("problems = %q", b.problems)
	}
}

func TestNameOperations_twoOfOneName(t *testing.T) {
	b := &builder{cfg: &Config{Title: "T"}, schemas: newSchemas(nil)}
	b.collect([]geist.RouteInfo{{Method: "GET", Pattern: "/users", Source: "a.go:1"}, {Method: "POST", Pattern: "/x", Name: "getUsers", Source: "b.go:2"}})
	if len(b.problems) != 1 || !strings.Contains(b.problems[0], "a.go:1") || !strings.Contains(b.problems[0], "b.go:2") {
		t.Errorf("problems = %q", b.problems)
	}
}

func TestAccepts(t *testing.T) {
	for _, tt := range []struct {
		field, coding string
		want          bool
	}{
		{"", "gzip", false}, {"gzip", "gzip", true}, {"br, GZIP;q=0.5", "gzip", true}, {"gzip;q=0", "gzip", false},
		{"gzip; q=0.000", "gzip", false}, {"gzip;q=1", "gzip", true}, {"gzipped", "gzip", false}, {"deflate, br", "br", true},
	} {
		if got := accepts(tt.field, tt.coding); got != tt.want {
			t.Errorf("accepts(%q, %q) = %t", tt.field, tt.coding, got)
		}
	}
}

func TestMatches(t *testing.T) {
	for field, want := range map[string]bool{
		"": false, `"abc"`: true, `W/"abc"`: true, `"x", "abc-gzip"`: true, "*": true, `"abcd"`: false, `"abc-br"`: true,
	} {
		if got := matches(field, "abc"); got != want {
			t.Errorf("matches(%q) = %t, want %t", field, got, want)
		}
	}
}
