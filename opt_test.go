package geist

import (
	"encoding/json"
	"encoding/xml"
	"reflect"
	"testing"
	"time"
)

type optFields struct {
	S Opt[string]               `json:"s,omitzero"`
	I Opt[int]                  `json:"i"`
	T Opt[time.Time]            `json:"t,omitzero"`
	L Opt[[]int]                `json:"l,omitzero"`
	M Opt[map[string]Opt[bool]] `json:"m,omitzero"`
}

func TestOpt_json(t *testing.T) {
	for _, tt := range []struct{ in, out string }{
		{`{}`, `{"i":null}`},
		{`{"s":null,"i":null}`, `{"s":null,"i":null}`},
		{`{"s":"","i":0}`, `{"s":"","i":0}`},
		{`{"s":"a\u0062c","i":-12,"l":[],"t":"2026-01-02T03:04:05Z","m":{"a":true,"b":null}}`,
			`{"s":"abc","i":-12,"t":"2026-01-02T03:04:05Z","l":[],"m":{"a":true,"b":null}}`},
	} {
		for _, codec := range []Codec{GoJSON(), StdJSON()} {
			var v optFields
			if err := codec.Decode([]byte(tt.in), &v); err != nil {
				t.Fatalf("%T %s: %v", codec, tt.in, err)
			}
			var w sliceWriter
			if err := codec.Encode(&w, &v); err != nil || string(trimNewline(w.b)) != tt.out {
				t.Errorf("%T %s: got %s %v, want %s", codec, tt.in, w.b, err, tt.out)
			}
		}
	}
}

func TestOpt_values(t *testing.T) {
	var missing Opt[int]
	null := Opt[int]{Set: true, Null: true}
	for _, tt := range []struct {
		o    Opt[int]
		get  int
		ok   bool
		or   int
		zero bool
	}{{missing, 0, false, 7, true}, {null, 0, false, 7, false}, {Some(0), 0, true, 0, false}} {
		get, ok := tt.o.Get()
		if get != tt.get || ok != tt.ok || tt.o.Or(7) != tt.or || tt.o.IsZero() != tt.zero {
			t.Errorf("%+v: %d %v %d %v", tt.o, get, ok, tt.o.Or(7), tt.o.IsZero())
		}
	}
	o := Some(3)
	if err := o.UnmarshalJSON([]byte(`"x"`)); err == nil || o != Some(3) {
		t.Errorf("after an error: %+v %v", o, err)
	}
}

func TestOpt_xml(t *testing.T) {
	type doc struct {
		XMLName xml.Name    `xml:"doc"`
		A       Opt[int]    `xml:"a"`
		B       Opt[string] `xml:"b"`
	}
	var v doc
	if err := XML().Decode([]byte(`<doc><a>0</a></doc>`), &v); err != nil || v.A != Some(0) || v.B.Set {
		t.Errorf("got %+v %v", v, err)
	}
	var w sliceWriter
	if err := XML().Encode(&w, &v); err != nil || string(w.b) != xml.Header+`<doc><a>0</a></doc>` {
		t.Errorf("got %s %v", w.b, err)
	}
}

// FuzzOpt holds an Opt to what encoding/json reads into a pointer, whatever its
// quick paths do.
func FuzzOpt(f *testing.F) {
	for _, s := range []string{`{"s":"a","i":1,"b":true}`, `{"s":"\u00e9","i":-0,"b":null}`, `{"s":"é\ud800","i":01}`, `{"i":1234567890}`, `{"i":1.0,"s":5}`, "{\"s\":\"\xff\"}", `{"b":"true"}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var want struct {
			S *string
			I *int
			L *int64
			B *bool
			F *float64
		}
		type got struct {
			S Opt[string]
			I Opt[int]
			L Opt[int64]
			B Opt[bool]
			F Opt[float64]
		}
		errWant := json.Unmarshal([]byte(s), &want)
		for _, codec := range []Codec{StdJSON(), GoJSON()} {
			var g got
			err := codec.Decode([]byte(s), &g)
			if (err == nil) != (errWant == nil) {
				t.Fatalf("%T %q: %v, want %v", codec, s, err, errWant)
			}
			if err != nil {
				continue
			}
			for _, ok := range []bool{optIs(g.S, want.S), optIs(g.I, want.I), optIs(g.L, want.L), optIs(g.B, want.B), optIs(g.F, want.F)} {
				if !ok {
					t.Fatalf("%T %q: got %+v, want %+v", codec, s, g, want)
				}
			}
		}
	})
}

func optIs[T any](o Opt[T], p *T) bool {
	v, ok := o.Get()
	return ok == (p != nil) && (p == nil || reflect.DeepEqual(v, *p))
}
