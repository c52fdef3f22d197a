package geist

import (
	"bytes"
	"encoding/json"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// FuzzBind_query holds the one-pass binder to net/url and strconv.
func FuzzBind_query(f *testing.F) {
	for _, s := range []string{"a=1&b=x&c=1&c=2", "a=%31&b=%2", "a=1&a=x", "b=+&c=", "a", "%61=1", "c=x&c=1", "&&=&a=-128&b=%00", "a=129", "b=a%26b%3Dc"} {
		f.Add(s)
	}
	app := New()
	f.Fuzz(func(t *testing.T, s string) {
		c := newCtx(app)
		c.rc = request("GET", "/x")
		c.rc.URI().SetQueryString(s)
		s = string(c.rc.URI().QueryString())
		if strings.ContainsRune(s, ';') {
			return // net/url refuses what we take for text
		}
		type form struct {
			A Opt[int8] `query:"a"`
			B string    `query:"b"`
			C []uint    `query:"c"`
		}
		var got, want form
		err := c.Bind(&got)
		ok := true
		values := lenientQuery(s)
		if all := values["a"]; len(all) > 0 {
			n, err := strconv.ParseInt(all[0], 10, 8)
			want.A, ok = Some(int8(n)), err == nil
		}
		if all := values["b"]; len(all) > 0 {
			want.B = all[0]
		}
		for _, s := range values["c"] {
			n, err := strconv.ParseUint(s, 10, 64)
			want.C, ok = append(want.C, uint(n)), ok && err == nil
		}
		if ok != (err == nil) || ok && !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: got %+v %v, want %+v %v", s, got, err, want, ok)
		}
		if err != nil && StatusCode(err) != 422 {
			t.Fatalf("%q: %v", s, err)
		}
	})
}

// lenientQuery is url.ParseQuery, but that what is no escape stands for itself.
func lenientQuery(s string) url.Values {
	values := url.Values{}
	for _, part := range bytes.Split([]byte(s), []byte{'&'}) {
		key, value, _ := bytes.Cut(part, []byte{'='})
		k := string(appendUnescaped(nil, key))
		values[k] = append(values[k], string(appendUnescaped(nil, value)))
	}
	return values
}

// FuzzBind_json holds Bind to encoding/json with a slow look for depth and
// duplicates, and both codecs to one another.
func FuzzBind_json(f *testing.F) {
	for _, s := range []string{
		`{"name":"n","age":1,"home":{"city":"c"},"more":[{"city":"a","zip":2},null],"any":{"a":[1,{"b":2}]}}`,
		`{"name":1,"age":300,"more":[1,{"zip":"x"}],"map":{"1":-1,"x":2},"str":"1","arr":[1,2,3]}`,
		`{"name":"n","n\u0061me":"m"}`, `{"a":{"a":{"a":1}}}`, `[[[[[[[[[1]]]]]]]]]`, `{"name":"n"`, `{"Org":"x","name":"n","page":3}`, `null`, `{"":1,"":2}`,
		`{"any":{"\ud800":1,"\ufffd":2}}`, `{"opt":null,"at":"2026-01-02T03:04:05Z"}`, "{\"name\":\"\xff\"}", `{"NAME":"x","name":"y"}`, "{\"a\":1e999}",
	} {
		f.Add([]byte(s))
	}
	type doc struct {
		Org  string          `path:"org"`
		Name string          `json:"name"`
		Age  int8            `json:"age"`
		Home *bindNestedAny  `json:"home"`
		More []bindNestedAny `json:"more"`
		Map  map[int]uint    `json:"map"`
		Str  int             `json:"str,string"`
		Arr  [2]float32      `json:"arr"`
		Opt  Opt[bool]       `json:"opt"`
		Any  any             `json:"any"`
		Page int             `query:"page"`
	}
	const depth = 8
	apps := []*Engine{New(Config{JSON: GoJSON(), MaxJSONDepth: depth}), New(Config{JSON: StdJSON(), MaxJSONDepth: depth})}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 {
			return
		}
		var first doc
		var firstErr error
		for i, app := range apps {
			var got doc
			var err error
			c := newCtx(app)
			c.rc = sent{body: string(data)}.request()
			c.ep = &endpoint{names: nil, absent: "org"}
			err = c.Bind(&got)
			if i == 0 {
				first, firstErr = got, err
			} else if (err == nil) != (firstErr == nil) || err == nil && !reflect.DeepEqual(got, first) || err != nil && problemText(err) != problemText(firstErr) {
				t.Fatalf("%q: go-json %+v %v, encoding/json %+v %v", data, first, firstErr, got, err)
			}
			if got.Org != "" || got.Page != 0 {
				t.Fatalf("%q set %+v", data, got)
			}
			if !json.Valid(data) || modelRefuses(data, depth) {
				if StatusCode(err) != 400 {
					t.Fatalf("%q: %v, want 400", data, err)
				}
				continue
			}
			var plain struct {
				Name string          `json:"name"`
				Age  int8            `json:"age"`
				Home *bindNestedAny  `json:"home"`
				More []bindNestedAny `json:"more"`
				Map  map[int]uint    `json:"map"`
				Str  int             `json:"str,string"`
				Arr  [2]float32      `json:"arr"`
				Opt  Opt[bool]       `json:"opt"`
				Any  any             `json:"any"`
			}
			errPlain := json.Unmarshal(data, &plain)
			if null := bytes.Equal(bytes.TrimSpace(data), []byte("null")); (errPlain == nil && !null) != (err == nil) {
				t.Fatalf("%q: %v, want %v", data, err, errPlain)
			}
			if err == nil && !(reflect.DeepEqual(got.Any, plain.Any) && reflect.DeepEqual(got.More, plain.More) && got.Name == plain.Name && reflect.DeepEqual(got.Map, plain.Map)) {
				t.Fatalf("%q: got %+v, want %+v", data, got, plain)
			}
			if err != nil && StatusCode(err) != 422 {
				t.Fatalf("%q: %v, want 422", data, err)
			}
		}
	})
}

type bindNestedAny struct {
	City string `json:"city"`
	Zip  int    `json:"zip"`
}

// problemText is what a client would see of err.
func problemText(err error) string {
	return string(appendProblem(nil, StatusCode(err), asError(err), StdJSON()))
}

// modelRefuses is the slow model of jsonScan: it looks for depth and duplicates in
// the tokens of encoding/json.
func modelRefuses(data []byte, depth int) bool {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var open []map[string]bool // nil for arrays
	wantKey := false
	for {
		tok, err := d.Token()
		if err != nil {
			return false
		}
		switch tok {
		case json.Delim('{'), json.Delim('['):
			if open = append(open, nil); len(open) > depth {
				return true
			}
			if tok == json.Delim('{') {
				open[len(open)-1] = map[string]bool{}
			}
			wantKey = tok == json.Delim('{')
			continue
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		default:
			if key, ok := tok.(string); ok && wantKey {
				if open[len(open)-1][key] {
					return true
				}
				open[len(open)-1][key] = true
				wantKey = false
				continue
			}
		}
		wantKey = len(open) > 0 && open[len(open)-1] != nil
	}
}
