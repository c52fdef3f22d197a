package geist_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
)

type shape interface{ area() float64 }

type circle struct {
	Kind   string  `json:"kind"`
	Radius float64 `json:"radius"`
	Who    string  `header:"X-Who"`
}

func (c circle) area() float64 { return 3 * c.Radius * c.Radius }

type square struct {
	Kind  string `json:"kind"`
	Side  int    `json:"side" binding:"required"`
	Inner *group `json:"inner,omitempty"`
}

func (s *square) area() float64 { return float64(s.Side * s.Side) }

type group struct {
	Kind string      `json:"kind"`
	All  []someShape `json:"all"`
}

func (group) area() float64 { return 0 }

type shapes struct{}

func (shapes) Variants() (string, map[string]shape) {
	return "kind", map[string]shape{"circle": circle{}, "square": &square{}, "disc": circle{}, "group": group{}}
}

type someShape = geist.OneOf[shape, shapes]

func TestOneOf_decodesByTheTag(t *testing.T) {
	type drawing struct {
		Main  someShape            `json:"main"`
		More  []someShape          `json:"more"`
		Named map[string]someShape `json:"named"`
		Maybe *someShape           `json:"maybe"`
		Opt   geist.Opt[someShape] `json:"opt"`
	}
	app := geist.New(geist.Config{Logger: discard(), StrictJSON: true})
	geist.Post(app, "/drawing", func(_ *geist.Ctx, in *drawing) (drawing, error) { return *in, nil })
	geist.Post(app, "/shape", func(_ *geist.Ctx, in *someShape) (someShape, error) { return *in, nil })
	c := geisttest.New(t, app)
	for name, tt := range map[string]struct {
		path, body string
		status     int
		says       []string
	}{
		"every place": {body: `{"main":{"kind":"circle","radius":2},"more":[{"side":3,"kind":"square"},{"kind":"disc"}],"named":{"a":{"kind":"group","all":[{"kind":"disc","radius":1}]}},"maybe":null,"opt":{"kind":"circle"}}`,
			status: 200, says: []string{`"main":{"kind":"circle","radius":2,`, `{"kind":"square","side":3}`, `{"kind":"disc","radius":0,`, `"named":{"a":{"kind":"group","all":[{"kind":"disc","radius":1,`, `"maybe":null`, `"opt":{"kind":"circle"`}},
		"nothing":            {body: `{}`, status: 200, says: []string{`"main":null`}},
		"null":               {body: `{"main":null}`, status: 200, says: []string{`"main":null`}},
		"unknown":            {body: `{"main":{"kind":"canary"},"more":[{"kind":"square","side":1},{"kind":"x"}]}`, status: 422, says: []string{`"#/main/kind","detail":"must be one of circle, disc, group, square"`, `"#/more/1/kind"`}},
		"missing":            {body: `{"main":{"radius":1},"named":{"b":{}}}`, status: 422, says: []string{`"#/main/kind","detail":"is required"`, `"#/named/b/kind"`}},
		"no text":            {body: `{"main":{"kind":7}}`, status: 422, says: []string{`"#/main/kind"`}},
		"null for the tag":   {body: `{"main":{"kind":null}}`, status: 422, says: []string{`"#/main/kind"`}},
		"no object":          {body: `{"main":[],"opt":"canary"}`, status: 422, says: []string{`"#/main","detail":"must be an object"`, `"#/opt"`}},
		"the wrong type":     {body: `{"main":{"kind":"circle","radius":"canary"},"more":[{"kind":"square","side":1.5}]}`, status: 422, says: []string{`"#/main/radius"`, `"#/more/0/side"`}},
		"required inside":    {body: `{"main":{"kind":"square"}}`, status: 422, says: []string{`"#/main/side","detail":"is required"`}},
		"surplus inside":     {body: `{"main":{"kind":"circle","side":1}}`, status: 422, says: []string{`"#/main/side"`}},
		"in another case":    {body: `{"main":{"kind":"circle","KIND":"square"}}`, status: 422, says: []string{`"#/main/kind","detail":"occurs twice`}},
		"escaped":            {body: `{"main":{"k\u0069nd":"c\u0069rcle"}}`, status: 200, says: []string{`"main":{"k`}},
		"twice":              {body: `{"main":{"kind":"circle","kind":"square"}}`, status: 400, says: []string{`"#/main/kind"`}},
		"nested":             {body: `{"main":{"kind":"group","all":[{"kind":"group","all":[{"kind":"no"}]}]}}`, status: 422, says: []string{`"#/main/all/0/all/0/kind"`}},
		"hidden field":       {body: `{"main":{"kind":"circle","Who":"canary"}}`, status: 422, says: []string{`"#/main/Who"`}},
		"as the body":        {path: "/shape", body: `{"kind":"square","side":2}`, status: 200, says: []string{`{"kind":"square","side":2}`}},
		"the body unknown":   {path: "/shape", body: `{"kind":"canary"}`, status: 422, says: []string{`"#/kind"`}},
		"the body null":      {path: "/shape", body: ` null`, status: 422, says: []string{`"#","detail":"must be an object"`}},
		"the body truncated": {path: "/shape", body: `{"kind":"circle"`, status: 400},
		"the body a list":    {path: "/shape", body: `[]`, status: 422, says: []string{`"#","detail":"must be an object"`}},
		"no body":            {path: "/shape", status: 400},
	} {
		if tt.path == "" {
			tt.path = "/drawing"
		}
		r := c.POST(tt.path).Header("Content-Type", "application/json").BodyString(tt.body).Do()
		if r.StatusCode != tt.status {
			t.Errorf("%s: status = %d, want %d: %s", name, r.StatusCode, tt.status, r.Text())
		}
		for _, want := range tt.says {
			if !strings.Contains(r.Text(), want) {
				t.Errorf("%s: got %s, want %s", name, r.Text(), want)
			}
		}
		for _, bad := range []string{"canary", "geist", "shapes"} {
			if strings.Contains(r.Text(), bad) {
				t.Errorf("%s: the answer holds %q: %s", name, bad, r.Text())
			}
		}
	}
}

// Fields that other parts of a request set are out of reach inside variants, too.
func TestOneOf_documentsSetNoHiddenField(t *testing.T) {
	app := geist.New()
	geist.Post(app, "/", func(_ *geist.Ctx, in *struct {
		Main someShape `json:"main"`
	}) (string, error) {
		return in.Main.Value.(circle).Who, nil
	})
	c := geisttest.New(t, app)
	for _, key := range []string{"Who", "who", "WHO", `\u0057ho`} {
		c.POST("/").Header("Content-Type", "application/json").BodyString(`{"main":{"` + key + `":"evil","kind":"circle"}}`).Do().Status(200).BodyIs(`""`)
	}
}

func TestOneOf_encodes(t *testing.T) {
	for _, tt := range []struct {
		value shape
		want  string
	}{
		{circle{Radius: 1}, `{"kind":"circle","radius":1,"Who":""}`},
		{circle{Kind: "disc"}, `{"kind":"disc","radius":0,"Who":""}`},
		{&circle{Kind: "square"}, `{"kind":"circle","radius":0,"Who":""}`},
		{&square{Side: 2}, `{"kind":"square","side":2}`},
		{nil, `null`},
		{(*square)(nil), `null`},
		{stranger{}, ""},
	} {
		text, err := json.Marshal(someShape{Value: tt.value})
		if string(text) != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("%T: got %s and error %v, want %s", tt.value, text, err, tt.want)
		}
	}
}

type stranger struct{ Kind string }

func (stranger) area() float64 { return 0 }

func TestOneOf_messages(t *testing.T) {
	app := geist.New(geist.Config{Logger: discard()})
	geist.WS(app, "/ws", func(_ *geist.Ctx, ch *geist.Channel[someShape, float64]) error {
		for m, err := range ch.All() {
			if err != nil {
				return err
			}
			if err := ch.Write(m.Value.area()); err != nil {
				return err
			}
		}
		return nil
	})
	ws := geisttest.New(t, app).WS("/ws")
	ws.Send(`{"kind":"square","side":4}`).Next().Text("16")
	ws.Send(`{"kind":"circle","radius":1}`).Next().Text("3")
	ws.Send(`{"kind":"canary"}`)
	if reason := ws.Closed(1008); strings.Contains(reason, "canary") {
		t.Errorf("the reason tells %q", reason)
	}
}

type badShapes struct{}

func (badShapes) Variants() (string, map[string]any) {
	return "kind", map[string]any{"a": struct{ A int }{}, "b": 7, "c": nil, "d": stranger{}, "e": badField{}}
}

type badField struct {
	Kind string   `json:"kind"`
	C    chan int `json:"c"`
	Q    string   `querry:"q"`
}

type noShapes struct{}

func (noShapes) Variants() (string, map[string]any) { return "", nil }

func TestOneOf_problemsOfCheck(t *testing.T) {
	app := geist.New()
	geist.Post(app, "/", func(*geist.Ctx, *struct {
		A geist.OneOf[any, badShapes] `json:"a"`
		B geist.OneOf[any, noShapes]  `json:"b"`
	}) (geist.None, error) {
		return geist.None{}, nil
	})
	got := strings.Join(problemsOf(t, app), "\n")
	for _, want := range []string{`variant "a", whose struct`, `variant "b", which is no struct`, `variant "c", which is no struct`, `variant "d", whose struct`, "chan int", "querry: did you mean query", "field B names no member"} {
		if strings.Count(got, want) != 1 {
			t.Errorf("problems: got\n%s\nwant once %s", got, want)
		}
	}
}
