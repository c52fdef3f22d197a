package geist

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"net/netip"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// sent is a request for Bind.
type sent struct {
	method  string // GET, or POST if there is a body
	target  string // "/" if empty
	pattern string // "/*any" if empty
	kind    string // Content-Type; application/json if empty and there is a body
	body    string
	headers []string // "Name: value"
	config  Config
}

// bind runs Bind in a handler and returns its error and the answer.
func (s sent) bind(tb testing.TB, v any) (status int, answer string, err error) {
	tb.Helper()
	if s.config.JSON == nil {
		s.config.JSON = defaultCodec()
	}
	app := New(s.config)
	pattern := orDefault(s.pattern, "/*any")
	app.Any(pattern, func(c *Ctx) error {
		err = c.Bind(v)
		return err
	})
	rc := s.request()
	app.Handler()(rc)
	return rc.Response.StatusCode(), string(rc.Response.Body()), err
}

func (s sent) request() *fasthttp.RequestCtx {
	method := s.method
	if method == "" {
		method = "GET"
		if s.body != "" {
			method = "POST"
		}
	}
	rc := request(method, orDefault(s.target, "/x"))
	if s.body != "" || s.kind != "" {
		rc.Request.Header.SetContentType(orDefault(s.kind, "application/json"))
		rc.Request.SetBodyString(s.body)
		rc.Request.Header.SetContentLength(len(s.body))
	}
	for _, h := range s.headers {
		name, value, _ := strings.Cut(h, ": ")
		rc.Request.Header.Add(name, value)
	}
	return rc
}

type bindPage struct {
	Limit int  `query:"limit" default:"20"`
	After *int `query:"after"`
}

type bindAll struct {
	ID    int           `path:"id"`
	Dry   bool          `query:"dry"`
	Tags  []string      `query:"tag"`
	IDs   []int         `query:"ids,comma"`
	Since time.Time     `query:"since" layout:"2006-01-02"`
	Unix  time.Time     `query:"unix" time_format:"unix"`
	Wait  time.Duration `query:"wait"`
	Ratio float32       `query:"ratio"`
	Small uint8         `query:"small"`
	Addr  netip.Addr    `query:"addr"`
	Opt   Opt[int]      `query:"opt"`
	Opts  Opt[[]int]    `query:"opts"`
	Ptr   *string       `query:"ptr"`
	Raw   []byte        `query:"raw"`
	Any   any           `query:"any"`
	Token string        `header:"X-Token"`
	Langs []string      `header:"X-Lang"`
	Sess  string        `cookie:"sid"`
	bindPage
	Filter struct {
		Name string `query:"name"`
		Deep struct {
			On bool `query:"on"`
		} `query:"deep"`
	} `query:"filter"`
	Name  Opt[string]    `json:"name"`
	Attrs map[string]int `json:"attrs"`
}

func TestBind_everySource(t *testing.T) {
	var v bindAll
	_, _, err := sent{
		pattern: "/u/:id",
		target: "/u/7?dry=on&tag=a&tag=b%20c&ids=1,%202,3&since=2026-11-21&unix=5&wait=1m30s&ratio=0.5&small=255" +
			"&addr=::1&opt=0&opts=4&opts=5&ptr=&raw=a%2Bb&any=x&limit=5&after=0&filter.name=n+m&filter.deep.on=1&tag",
		headers: []string{"X-Token: t", "X-Lang: de", "X-Lang: en", "Cookie: a=b; sid=s1"},
		body:    `{"name":null,"attrs":{"a":1}}`,
	}.bind(t, &v)
	if err != nil {
		t.Fatal(err)
	}
	empty, zero := "", 0
	want := bindAll{
		ID: 7, Dry: true, Tags: []string{"a", "b c", ""}, IDs: []int{1, 2, 3}, Since: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC),
		Unix: time.Unix(5, 0).UTC(), Wait: 90 * time.Second, Ratio: 0.5, Small: 255, Addr: netip.MustParseAddr("::1"),
		Opt: Some(0), Opts: Some([]int{4, 5}), Ptr: &empty, Raw: []byte("a+b"), Any: "x", Token: "t", Langs: []string{"de", "en"}, Sess: "s1",
		bindPage: bindPage{Limit: 5, After: &zero}, Name: Opt[string]{Set: true, Null: true}, Attrs: map[string]int{"a": 1},
	}
	want.Filter.Name, want.Filter.Deep.On = "n m", true
	if !reflect.DeepEqual(v, want) {
		t.Errorf("got  %+v\nwant %+v", v, want)
	}
}

func TestBind_missingIsToldFromZero(t *testing.T) {
	type form struct {
		A Opt[int] `json:"a"`
		B *int     `json:"b"`
		C int      `json:"c" default:"5"`
		D []string `query:"d" default:"x,y"`
		E Opt[int] `query:"e" default:"9"`
		F *int     `query:"f" default:"8"`
	}
	var v form
	if _, _, err := (sent{body: `{"a":0,"c":0}`, target: "/x?d=z"}).bind(t, &v); err != nil {
		t.Fatal(err)
	}
	eight := 8
	if want := (form{A: Some(0), C: 0, D: []string{"z"}, E: Opt[int]{Value: 9}, F: &eight}); !reflect.DeepEqual(v, want) {
		t.Errorf("got  %+v\nwant %+v", v, want)
	}
	v = form{}
	if _, _, err := (sent{body: `{"a":null,"c":null}`, target: "/x?e=0"}).bind(t, &v); err != nil {
		t.Fatal(err)
	}
	if want := (form{A: Opt[int]{Set: true, Null: true}, C: 5, D: []string{"x", "y"}, E: Some(0), F: &eight}); !reflect.DeepEqual(v, want) {
		t.Errorf("got  %+v\nwant %+v", v, want)
	}
}

// A document never sets what another part of the request is for: Echo's merged
// binding was a class of vulnerabilities (echo#1670).
func TestBind_documentsSetOnlyTheirFields(t *testing.T) {
	type item struct {
		Owner string `query:"owner"`
		SKU   string `json:"sku"`
	}
	type target struct {
		Org   string   `path:"org"`
		Admin bool     `query:"admin"`
		Role  *string  `header:"X-Role"`
		Sess  []string `cookie:"sid"`
		bindPage
		Group struct {
			Inner string `query:"inner"`
		}
		Name  string          `json:"name" xml:"name"`
		Items []item          `json:"items"`
		Map   map[string]item `json:"map"`
		One   *item           `json:"one"`
	}
	evil := `{"Org":"o","ORG":"p","Admin":true,"adm\u0069n":true,"Role":"r","Sess":["s"],"Limit":9,"After":3,"Group":{"Inner":"i"},` +
		`"name":"n","items":[{"Owner":"x","sku":"1"},{"sku":"2","owner":"y"}],"map":{"k":{"OWNER":"z","sku":"3"}},"one":{"owner":"w"}}`
	want := target{Name: "n", Items: []item{{SKU: "1"}, {SKU: "2"}}, Map: map[string]item{"k": {SKU: "3"}}, One: &item{}}
	want.Limit = 20
	var v target
	if _, _, err := (sent{pattern: "/:org?", target: "/", body: evil}).bind(t, &v); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(v, want) {
		t.Errorf("JSON: got  %+v\nwant %+v", v, want)
	}
	// What is no value of a hidden field is no error either: the key is unknown.
	v = target{}
	if _, _, err := (sent{pattern: "/:org?", target: "/", body: `{"Admin":"x","name":"n","Limit":[],"Org":{}}`}).bind(t, &v); err != nil {
		t.Errorf("hidden fields of other types: %v", err)
	}
	// What the handler has put there stays, and is not written through.
	role := "kept"
	v = target{Role: &role, Org: "o"}
	if _, _, err := (sent{pattern: "/:org?", target: "/", body: `{"Role":"evil","Org":"p","Admin":true}`}).bind(t, &v); err != nil || *v.Role != "kept" || role != "kept" || v.Org != "o" {
		t.Errorf("filled before: %+v %q %v", v, role, err)
	}
	v = target{}
	if _, _, err := (sent{pattern: "/:org?", target: "/", kind: "application/xml", body: `<target><Org>o</Org><Admin>true</Admin><Limit>7</Limit><name>n</name></target>`}).bind(t, &v); err != nil || v.Org != "" || v.Admin || v.Limit != 20 || v.Name != "n" {
		t.Errorf("XML: %+v %v", v, err)
	}
	v = target{}
	cfg := Config{Codecs: map[string]Codec{"application/x-test": GoJSON()}}
	if _, _, err := (sent{pattern: "/:org?", target: "/", kind: "application/x-test", body: `{"Org":"o","Admin":true,"name":"n"}`, config: cfg}).bind(t, &v); err != nil || v.Org != "" || v.Admin || v.Name != "n" {
		t.Errorf("codec: %+v %v", v, err)
	}
	// And a query sets no JSON field.
	v = target{}
	if _, _, err := (sent{pattern: "/:org?", target: "/?name=q&Name=q&Items=1", body: `{}`}).bind(t, &v); err != nil || v.Name != "" {
		t.Errorf("query: %+v %v", v, err)
	}
}

type bindNested struct {
	City string `json:"city" binding:"required"`
	Zip  int    `json:"zip"`
}

type bindDoc struct {
	Name  string          `json:"name" binding:"required"`
	Age   int8            `json:"age"`
	OK    bool            `json:"ok"`
	At    time.Time       `json:"at"`
	Home  bindNested      `json:"house"`
	More  []*bindNested   `json:"more"`
	Map   map[int]uint    `json:"map"`
	Arr   [2]float32      `json:"arr"`
	Str   int             `json:"str,string"`
	Addr  netip.Addr      `json:"addr"`
	Opt   Opt[bindNested] `json:"opt"`
	Page  int             `query:"page" json:"-"`
	Next  *bindDoc        `json:"next"`
	Bytes []byte          `json:"bytes"`
}

func TestBind_everyProblemAtOnce(t *testing.T) {
	var v bindDoc
	status, answer, err := sent{
		target: "/x?page=SECRET",
		body: `{"age":300,"ok":"SECRET","at":"SECRET","house":{"city":"x","zip":1.5},"more":[{"zip":1},null,[]],"map":{"x":1,"2":-1},` +
			`"arr":[1,"SECRET",3],"str":7,"addr":5,"opt":{"zip":"SECRET"},"next":{"name":"n","house":7,"a/b~":1},"bytes":"%%"}`,
	}.bind(t, &v)
	if status != 422 || StatusCode(err) != 422 {
		t.Fatalf("status = %d, err = %v", status, err)
	}
	var fields FieldErrors
	if !errors.As(err, &fields) {
		t.Fatalf("%v is no FieldErrors", err)
	}
	var got []string
	for _, f := range fields {
		got = append(got, strings.TrimSpace(f.In+" "+f.Name+f.Pointer+" "+f.Detail))
	}
	want := []string{
		"#/age must be a whole number in range",
		"#/ok must be true or false",
		"#/at must be a time such as 2006-01-02T15:04:05Z",
		"#/house/zip must be a whole number in range",
		"#/more/0/city is required",
		"#/more/2 must be an object",
		"#/map/x has a key that is not of the expected form",
		"#/map/2 must be a whole number, zero or more, in range",
		"#/arr/1 must be a number in range",
		"#/str must be a number or truth value in a string",
		"#/addr must be a string",
		"#/opt/zip must be a whole number in range",
		"#/opt/city is required",
		"#/next/house must be an object",
		"#/bytes is not of the expected form",
		"query page must be a whole number in range",
		"#/name is required",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if strings.Contains(answer, "SECRET") || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("a value is in the answer: %s", answer)
	}
	var problem struct {
		Status int
		Detail string
		Errors []FieldError
	}
	if err := json.Unmarshal([]byte(answer), &problem); err != nil || len(problem.Errors) != len(want) || problem.Detail != "17 fields are invalid" {
		t.Errorf("answer %s: %v", answer, err)
	}
}

func TestBind_atMostAHundredProblems(t *testing.T) {
	var v struct {
		Page int   `query:"page"`
		List []int `json:"list"`
	}
	status, answer, err := sent{target: "/x?page=x", body: `{"list":[` + strings.Repeat(`"x",`, 500) + `1]}`}.bind(t, &v)
	var fields FieldErrors
	if !errors.As(err, &fields) || len(fields) != 100 || status != 422 || !strings.Contains(answer, "at least 100") {
		t.Errorf("%d problems, status %d", len(fields), status)
	}
}

func TestBind_statuses(t *testing.T) {
	type doc struct {
		Name string `json:"name"`
		Any  any    `json:"any"`
	}
	type patch struct {
		Name *string `json:"name"`
	}
	type params struct {
		Page int `query:"page"`
	}
	type both struct {
		Name string `json:"name" form:"name" xml:"name"`
	}
	deep := func(n int) string { return `{"any":` + strings.Repeat("[", n) + strings.Repeat("]", n) + "}" }
	many := func(n int, key func(int) string) string {
		var b strings.Builder
		b.WriteString(`{"any":{`)
		for i := range n {
			fmt.Fprintf(&b, `"%s":1,`, key(i))
		}
		return b.String() + `"end":0}}`
	}
	xmlDeep := "<both>" + strings.Repeat("<a>", 600) + strings.Repeat("</a>", 600) + "</both>"
	cfg := Config{Codecs: map[string]Codec{"application/vnd.x+json": GoJSON()}}
	for _, tt := range []struct {
		name string
		sent
		into   any
		status int
		part   string // of the answer
	}{
		{"json", sent{body: `{"name":"n"}`}, new(doc), 200, ""},
		{"with a charset", sent{kind: "Application/JSON; charset=utf-8", body: `{"name":"n"}`}, new(doc), 200, ""},
		{"a suffix", sent{kind: "application/merge-patch+json", body: `{"name":"n"}`}, new(doc), 200, ""},
		{"a suffix that is registered", sent{kind: "application/vnd.x+json", body: `{"name":"n"}`, config: cfg}, new(doc), 200, ""},
		{"white space around", sent{body: " \n{\"name\":\"n\"}\t "}, new(doc), 200, ""},
		{"null", sent{body: ` null`}, new(doc), 422, `"pointer":"#"`},
		{"an array for an object", sent{body: `[]`}, new(doc), 422, "must be an object"},
		{"null for a map", sent{body: `null`}, new(map[string]any), 200, ""},
		{"a list", sent{body: `[1,2]`}, new([]int), 200, ""},
		{"a list with a mistake", sent{body: `[1,"a"]`}, new([]int), 422, `"#/1"`},
		{"no body", sent{method: "POST"}, new(doc), 400, "no body"},
		{"no body, typed", sent{method: "POST", kind: "application/json"}, new(doc), 400, "no body"},
		{"no body where none is needed", sent{method: "PATCH"}, new(patch), 200, ""},
		{"no body for parameters", sent{method: "POST", target: "/x?page=1"}, new(params), 200, ""},
		{"a body that nothing wants", sent{kind: "image/png", body: "x"}, new(params), 200, ""},
		{"DELETE without a body", sent{method: "DELETE"}, new(doc), 200, ""},
		{"GET with a body", sent{method: "GET", body: `{`}, new(doc), 200, ""},
		{"another type", sent{kind: "text/plain", body: `{}`}, new(doc), 415, "media type"},
		{"a form for JSON fields", sent{kind: mimeForm, body: `name=n`}, new(doc), 415, ""},
		{"XML without tags", sent{kind: mimeXML, body: `<doc/>`}, new(doc), 415, ""},
		{"white space only", sent{body: "  "}, new(doc), 400, "ends within"},
		{"truncated", sent{body: `{"name":"n`}, new(doc), 400, "ends within"},
		{"truncated after a value", sent{body: `{"name":"n"`}, new(doc), 400, "ends within"},
		{"a syntax error", sent{body: `{"name":SECRET}`}, new(doc), 400, "from byte 9 on"},
		{"data after", sent{body: `{"name":"n"}{}`}, new(doc), 400, "from byte 13 on"},
		{"compressed", sent{body: "\x1f\x8b", headers: []string{"Content-Encoding: gzip"}}, new(doc), 415, "encoding"},
		{"a duplicate key", sent{body: `{"any":[0,{"x":{"a":1,"b":2,"a":3}}]}`}, new(doc), 400, `"#/any/1/x/a"`},
		{"a duplicate key with escapes", sent{body: `{"name":"a","n\u0061me":"b"}`}, new(doc), 400, "occurs twice"},
		{"a long duplicate key", sent{body: `{"abcdefghi":1,"abcdefghj":1,"abcdefghi":1}`}, new(doc), 400, "occurs twice"},
		{"duplicate keys that are not UTF-8", sent{body: "{\"\xff\":1,\"\\ufffd\":2}"}, new(doc), 400, "occurs twice"},
		{"duplicate keys and no JSON", sent{body: `,"0"{"a","a"`}, new(doc), 400, "occurs twice"},
		{"the same key elsewhere", sent{body: `{"name":"a","any":[{"name":1},{"name":2,"b":{"name":3}}]}`}, new(doc), 200, ""},
		{"512 deep", sent{body: deep(511)}, new(doc), 200, ""},
		{"513 deep", sent{body: deep(512)}, new(doc), 400, "nested"},
		{"100,000 deep", sent{body: deep(100_000)}, new(doc), 400, "nested"},
		{"100,000 deep, unclosed", sent{body: strings.Repeat("[", 100_000)}, new(doc), 400, "nested"},
		{"100,000 deep in a key that is ignored", sent{body: `{"zzz":` + strings.Repeat(`{"a":`, 100_000)}, new(doc), 400, "nested"},
		{"a depth of its own", sent{body: deep(2), config: Config{MaxJSONDepth: 2}}, new(doc), 400, "nested"},
		{"500,000 duplicate keys", sent{body: many(500_000, func(int) string { return "a" })}, new(doc), 400, "occurs twice"},
		{"300,000 keys and a duplicate", sent{body: many(300_000, func(i int) string { return fmt.Sprint(i % 299_999) })}, new(doc), 400, "occurs twice"},
		{"100,000 keys", sent{body: many(100_000, func(i int) string { return fmt.Sprint(i) })}, new(doc), 200, ""},
		{"xml", sent{kind: "text/xml", body: `<?xml version="1.0"?><both><name>n</name></both> <!-- -->`}, new(both), 200, ""},
		{"xml of another kind", sent{kind: "application/atom+xml", body: `<both><name>n</name></both>`}, new(both), 200, ""},
		{"xml truncated", sent{kind: mimeXML, body: `<both><name>n`}, new(both), 400, "XML"},
		{"xml without an element", sent{kind: mimeXML, body: `  `}, new(both), 400, "XML"},
		{"xml with data after", sent{kind: mimeXML, body: `<both/><both/>`}, new(both), 400, "XML"},
		{"xml too deep", sent{kind: mimeXML, body: xmlDeep}, new(both), 400, "XML"},
		{"xml with an entity", sent{kind: mimeXML, body: `<!DOCTYPE a [<!ENTITY b "SECRET">]><both><name>&b;</name></both>`}, new(both), 400, "XML"},
		{"form", sent{kind: mimeForm, body: `name=n`}, new(both), 200, ""},
		{"too many form fields", sent{kind: mimeForm, body: strings.Repeat("a&", 1000)}, new(both), 400, "too many"},
		{"multipart without a boundary", sent{kind: mimeMultipart, body: `x`}, new(both), 400, "malformed"},
		{"multipart truncated", sent{kind: mimeMultipart + "; boundary=b", body: "--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nx"}, new(both), 400, "truncated"},
		{"index bombs are names", sent{target: "/x?page[999999999]=1&page.999999999=1&page=2"}, new(params), 200, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, answer, err := tt.bind(t, tt.into)
			if status != tt.status || tt.status != 200 && !strings.Contains(answer, tt.part) {
				t.Errorf("status %d, answer %.200s, want %d with %q (%v)", status, answer, tt.status, tt.part, err)
			}
			if strings.Contains(answer, "SECRET") {
				t.Errorf("the answer has a value: %s", answer)
			}
		})
	}
}

func TestBind_boundedMemory(t *testing.T) {
	if debugCtx {
		t.Skip("debug builds keep nothing")
	}
	var b strings.Builder
	b.WriteByte('{')
	for i := range 300_000 {
		fmt.Fprintf(&b, `"%d":0,`, i)
	}
	text := []byte(b.String() + `"x":0}`)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	var s jsonScan
	if found, _ := s.run(text, 512); found != scanClean {
		t.Fatal(found)
	}
	runtime.ReadMemStats(&after)
	if got, most := after.TotalAlloc-before.TotalAlloc, uint64(16*len(text)); got > most {
		t.Errorf("a scan of %d bytes allocated %d, want at most %d", len(text), got, most)
	}
	if s.release(); cap(s.keys) != 0 {
		t.Errorf("%d keys are kept", cap(s.keys))
	}
}

func TestBind_strict(t *testing.T) {
	type inner struct {
		A int `json:"a"`
	}
	type doc struct {
		Org  string  `path:"org"`
		Name string  `json:"name"`
		In   []inner `json:"in"`
		Any  any     `json:"any"`
	}
	var v doc
	body := `{"name":"n","Org":"x","zip/~ü":1,"in":[{"a":1,"b":2}],"any":{"free":1}}`
	status, answer, err := sent{pattern: "/:org", body: body, config: Config{StrictJSON: true}}.bind(t, &v)
	var fields FieldErrors
	if !errors.As(err, &fields) || status != 422 || len(fields) != 3 {
		t.Fatalf("%d %v %s", status, err, answer)
	}
	for i, want := range []string{"#/Org", "#/zip~1~0%C3%BC", "#/in/0/b"} {
		if fields[i].Pointer != want {
			t.Errorf("pointer %d = %s, want %s", i, fields[i].Pointer, want)
		}
	}
	if _, _, err := (sent{pattern: "/:org", body: `{"NAME":"n","in":[{"a":1}],"any":{"free":1}}`, config: Config{StrictJSON: true}}).bind(t, &v); err != nil {
		t.Error(err)
	}
}

func TestBind_ginTags(t *testing.T) {
	type list struct {
		ID    string    `uri:"id"`
		Page  int       `form:"page,default=1"`
		Name  string    `form:"name" binding:"required,min=2"`
		Tags  []string  `form:"tag" collection_format:"csv"`
		Day   time.Time `form:"day" time_format:"2006-01-02"`
		Count int       `form:"count"`
	}
	want := list{ID: "7", Page: 1, Name: "n", Tags: []string{"a", "b"}, Day: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)}
	fields := "name=n&tag=a,b&day=2026-01-02&count="
	var v list
	if _, _, err := (sent{pattern: "/:id", target: "/7?" + fields}).bind(t, &v); err != nil || !reflect.DeepEqual(v, want) {
		t.Errorf("GET: %+v %v", v, err)
	}
	v = list{}
	if _, _, err := (sent{pattern: "/:id", target: "/7?name=query", kind: mimeForm, body: fields}).bind(t, &v); err != nil || !reflect.DeepEqual(v, want) {
		t.Errorf("POST: %+v %v", v, err)
	}
	v = list{}
	status, answer, err := sent{pattern: "/:id", target: "/7", method: "POST", kind: mimeForm}.bind(t, &v)
	if status != 422 || !strings.Contains(answer, `{"in":"form","name":"name","detail":"is required"}`) {
		t.Errorf("%d %s %v", status, answer, err)
	}
}

func TestBind_multipart(t *testing.T) {
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for _, f := range [][2]string{{"name", "n"}, {"tag", "a"}, {"tag", "b"}, {"age", ""}} {
		w.WriteField(f[0], f[1])
	}
	for _, name := range []string{"photo", "docs", "docs"} {
		p, _ := w.CreateFormFile(name, "../../"+name)
		p.Write([]byte("content of " + name))
	}
	w.Close()
	var v struct {
		Name  string                  `form:"name"`
		Tags  []string                `form:"tag"`
		Age   *int                    `form:"age"`
		Photo *multipart.FileHeader   `form:"photo" binding:"required"`
		Docs  []*multipart.FileHeader `form:"docs"`
		None  *multipart.FileHeader   `form:"none"`
	}
	s := sent{kind: w.FormDataContentType(), body: body.String()}
	if _, _, err := s.bind(t, &v); err != nil {
		t.Fatal(err)
	}
	if v.Name != "n" || !reflect.DeepEqual(v.Tags, []string{"a", "b"}) || v.Age != nil || v.Photo == nil || len(v.Docs) != 2 || v.None != nil {
		t.Errorf("got %+v", v)
	}
	app := New()
	app.POST("/x", func(c *Ctx) error {
		fh, err := c.FormFile("photo")
		if err != nil || fh.Size != int64(len("content of photo")) || c.Form("name") != "n" || len(c.FormAll("tag")) != 2 || c.Form("none") != "" {
			t.Errorf("%v %v %q %q", fh, err, c.Form("name"), c.FormAll("tag"))
		}
		_, err = c.FormFile("none")
		return err
	})
	rc := s.request()
	app.Handler()(rc)
	if rc.Response.StatusCode() != 400 {
		t.Errorf("a file that is missing: %d", rc.Response.StatusCode())
	}
	bomb := "--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nx\r\n"
	s = sent{kind: mimeMultipart + "; boundary=b", body: strings.Repeat(bomb, 1001) + "--b--\r\n"}
	if status, _, err := s.bind(t, &v); status != 400 {
		t.Errorf("1,001 parts: %d %v", status, err)
	}
}

func TestCtx_Form(t *testing.T) {
	app := New(Config{MaxFields: 4})
	var one, none, many string
	var all []string
	app.POST("/x", func(c *Ctx) error {
		one, none, many, all = c.Form("a b"), c.Form("none"), c.Form("c"), c.FormAll("c")
		return nil
	})
	h := app.Handler()
	h(sent{kind: mimeForm + "; charset=utf-8", body: "a+b=%C3%BC&c=1&c=2"}.request())
	if one != "ü" || none != "" || many != "1" || !reflect.DeepEqual(all, []string{"1", "2"}) {
		t.Errorf("got %q %q %q %q", one, none, many, all)
	}
	h(sent{kind: mimeForm, body: "a+b=1&c=1&c=2&c=3&c=4"}.request())
	if one != "" || all != nil {
		t.Errorf("over the limit: got %q %q", one, all)
	}
	h(sent{kind: "text/plain", body: "a+b=1"}.request())
	if one != "" {
		t.Errorf("another type: got %q", one)
	}
}

func TestBind_typesThatCannotBeBound(t *testing.T) {
	type self struct {
		Next *self `query:"next"`
	}
	for _, tt := range []struct {
		into any
		part string
	}{
		{nil, "non-nil pointer"},
		{(*bindAll)(nil), "non-nil pointer"},
		{bindAll{}, "non-nil pointer"},
		{new(struct {
			C chan int `query:"c"`
		}), "field C has type chan int"},
		{new(struct {
			C [][]int `query:"c"`
		}), "field C has type"},
		{new(struct {
			C int `query:"c" default:"x"`
		}), "default that it cannot hold"},
		{new(struct {
			C int `query:"c" layout:"2006"`
		}), "is no time"},
		{new(struct {
			C int `query:"c,comma"`
		}), "is no slice"},
		{new(struct {
			C struct {
				A int `query:"a"`
			} `header:"C"`
		}), "cannot come from header"},
		{new(struct {
			C string `header:"a b"`
		}), "no token"},
		{new(struct {
			C *multipart.FileHeader `query:"c"`
		}), "from a form only"},
		{new(struct {
			A, B int `query:"c"`
		}), `field B comes from query "c", as A does`},
		{new(self), "holds itself"},
		{new(struct {
			C int `path:"nope"`
		}), `has no parameter "nope"`},
	} {
		status, answer, err := sent{method: "GET"}.bind(t, tt.into)
		if err == nil || status != 500 || !strings.Contains(err.Error(), tt.part) || strings.Contains(answer, "nope") {
			t.Errorf("%T: %d %v, want %q", tt.into, status, err, tt.part)
		}
	}
}

func TestBind_valuesAreRefused(t *testing.T) {
	var v struct {
		F float64  `query:"f"`
		I int8     `query:"i"`
		U uint     `query:"u"`
		B bool     `query:"b"`
		O Opt[int] `query:"o"`
		S []int    `query:"s"`
	}
	for _, q := range []string{"f=NaN", "f=Inf", "f=-inf", "f=1e999", "i=128", "i=", "i=1.0", "i=0x1", "u=-1", "b=maybe", "b=", "o=x", "s=1&s=x"} {
		if status, _, _ := (sent{target: "/x?" + q}).bind(t, &v); status != 422 {
			t.Errorf("%s: status %d, want 422", q, status)
		}
	}
}

func TestBind_generic(t *testing.T) {
	app := New()
	app.GET("/x", func(c *Ctx) error {
		v, err := Bind[struct {
			A int `query:"a"`
		}](c)
		if err != nil {
			if v.A != 0 {
				t.Errorf("got %+v with %v", v, err)
			}
			return err
		}
		p, err := Bind[*bindPage](c)
		if err != nil || p.Limit != 20 || v.A != 1 {
			t.Errorf("got %+v %+v %v", v, p, err)
		}
		return nil
	})
	for target, want := range map[string]int{"/x?a=1": 200, "/x?a=b": 422} {
		rc := request("GET", target)
		app.Handler()(rc)
		if got := rc.Response.StatusCode(); got != want {
			t.Errorf("%s: %d, want %d", target, got, want)
		}
	}
}

// What Bind hands out outlives the request, whose buffers are used again.
func TestBind_valuesStayValid(t *testing.T) {
	type doc struct {
		Q []string `query:"q"`
		H string   `header:"X-H"`
		B []byte   `query:"b"`
		N string   `json:"n"`
	}
	var v doc
	app := New(Config{JSON: defaultCodec()})
	app.POST("/x", func(c *Ctx) error { return c.Bind(&v) })
	rc := sent{target: "/x?q=one&q=t%77o&b=raw", headers: []string{"X-H: head"}, body: `{"n":"name"}`}.request()
	app.Handler()(rc)
	rc.Request.Header.Set("X-H", "XXXX")
	rc.Request.SetRequestURI("/x?q=XXX&q=XXXXX&b=XXX")
	for i := range rc.Request.Body() {
		rc.Request.Body()[i] = 'X'
	}
	if want := (doc{[]string{"one", "two"}, "head", []byte("raw"), "name"}); !reflect.DeepEqual(v, want) {
		t.Errorf("got %+v, want %+v", v, want)
	}
}

// What is wrong is found in time that grows with the body, not faster: each of these
// bodies is 4 MiB of what is worst for some part of the binder.
func TestBind_hostileBodiesAreCheap(t *testing.T) {
	type node struct {
		Next  *node          `json:"next"`
		Times []time.Time    `json:"times"`
		Nums  []json.Number  `json:"nums"`
		Map   map[string]int `json:"map"`
	}
	const size = 4 << 20
	for name, body := range map[string]string{
		"wrong times":      `{"times":[` + strings.Repeat(`1,`, size/2) + `1]}`,
		"one wrong number": `{"nums":[` + strings.Repeat(`1,`, size/2) + `"x"]}`,
		"deep":             strings.Repeat(`{"next":`, 500) + `{"nums":[` + strings.Repeat(`1,`, size/2) + `"x"]}` + strings.Repeat("}", 500),
		"quotes":           strings.Repeat(`"`, size),
		"escapes":          `{"` + strings.Repeat(`\"`, size/2),
	} {
		var v node
		start := time.Now()
		status, _, _ := sent{body: body}.bind(t, &v)
		if took := time.Since(start); status < 400 || took > 20*time.Second {
			t.Errorf("%s: status %d after %s", name, status, took)
		} else {
			t.Logf("%s: %d in %s", name, status, took)
		}
	}
}

// TestBind_allocs holds that binding allocates nothing of its own: a target of the
// caller's, chunks of 2 KiB for the strings, and what the codec makes.
func TestBind_allocs(t *testing.T) {
	if debugCtx {
		t.Skip("debug builds allocate more")
	}
	type query struct {
		Q     string   `query:"q"`
		Page  int      `query:"page"`
		Limit Opt[int] `query:"limit"`
		Sort  string   `query:"sort" default:"name"`
		Token string   `header:"X-Token"`
		Sess  string   `cookie:"sid"`
		Ratio float64  `query:"ratio"`
		On    bool     `query:"on"`
	}
	for _, tt := range []struct {
		name string
		sent
		v    any
		most float64
	}{
		{"parameters", sent{target: "/x?q=golang&page=2&limit=50&ratio=0.5&on=true", headers: []string{"X-Token: t", "Cookie: sid=s"}}, new(query), 0},
		{"form", sent{kind: mimeForm, body: "a=1&b=2"}, new(struct {
			A int `form:"a"`
			B int `form:"b"`
		}), 0},
		// The codec allocates the string; the value of the caller is used again.
		{"document", sent{body: `{"name":"n","age":3}`, config: Config{JSON: GoJSON()}}, new(struct {
			Name string `json:"name"`
			Age  int    `json:"age"`
			Org  int    `query:"org"`
		}), 1},
	} {
		c := newCtx(New(tt.config))
		c.rc = tt.request()
		c.rc.URI()
		got := testing.AllocsPerRun(1000, func() {
			if err := c.Bind(tt.v); err != nil {
				t.Error(err)
			}
		})
		if got > tt.most {
			t.Errorf("%s: %v allocations, want at most %v", tt.name, got, tt.most)
		}
	}
}
