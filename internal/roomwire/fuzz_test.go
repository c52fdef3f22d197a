package roomwire

import (
	"encoding/json"
	"reflect"
	"testing"
	"unicode/utf8"
)

// FuzzParse compares what Parse takes apart with what encoding/json makes of it.
func FuzzParse(f *testing.F) {
	for _, frame := range []string{
		`["hello",{"session":"0123456789abcdef"}]`, `["pub",1,"a",{"x":["]","}"]},{"since":["e",1]}]`, `["join",1,"\u0041\"",{"last":2}]`,
		`["pub",1,"a","AA==",{"as":"base64","event":"e"}]`, `["ping",1]`, `[ "call" , 2 , "n" , null ]`, `["leave",1,"a"`,
	} {
		f.Add([]byte(frame))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		c, err := Parse(frame)
		var model []json.RawMessage
		isArray := json.Unmarshal(frame, &model) == nil && model != nil
		if err != nil {
			if !isArray && err.Code != CodeBadFrame {
				t.Fatalf("%q: %v, want bad_frame", frame, err)
			}
			return
		}
		if !isArray || !utf8.Valid(frame) {
			t.Fatalf("%q: got %+v, want bad_frame", frame, c)
		}
		var name, room string
		if json.Unmarshal(model[0], &name) != nil || name != c.Name.String() {
			t.Fatalf("%q: got the command %s", frame, c.Name)
		}
		if c.Name == Join || c.Name == Leave || c.Name == Pub || c.Name == Show || c.Name == Call {
			if json.Unmarshal(model[2], &room) != nil || room != c.Room {
				t.Fatalf("%q: got the room %q, want %q", frame, c.Room, room)
			}
		}
		if c.Name == Pub && c.Kind == JSON && len(model) > 3 {
			if string(c.Data) != string(model[3]) {
				t.Fatalf("%q: got the data %s, want %s", frame, c.Data, model[3])
			}
		}
		if c.Ref >= maxNumber || c.Since.Offset >= maxNumber || len(c.Event) > MaxEvent {
			t.Fatalf("%q: got %+v, which is out of bounds", frame, c)
		}
	})
}

// FuzzParseBinary checks that what is taken can be written in JSON and read again.
func FuzzParseBinary(f *testing.F) {
	for _, frame := range []string{"\x01\x02\x01a\x00\x00{}", "\x02\xac\x02\x01a\x03\x04tickhi", "\x03\x05\x01a\x04\x00\x02e1\x07\x00\x01\xff", "\x00[\"ping\",3]", "\x01\x02"} {
		f.Add([]byte(frame))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		c, err := ParseBinary(frame)
		if err != nil || len(frame) == 0 || frame[0] == 0 {
			return
		}
		options := map[string]any{"event": c.Event, "log": !c.NoLog, "echo": !c.NoEcho}
		if c.Since.Given {
			options["since"] = []any{c.Since.Epoch, c.Since.Offset}
		}
		var data any = json.RawMessage(c.Data)
		switch c.Kind {
		case Text:
			data, options["as"] = string(c.Data), "text"
		case Bytes:
			data, options["as"] = c.Data, "base64"
		case JSON:
		}
		text, bad := json.Marshal([]any{"pub", c.Ref, c.Room, data, options})
		if bad != nil {
			t.Fatalf("% x: %v", frame, bad)
		}
		again, err := Parse(text)
		if err != nil {
			t.Fatalf("% x: %s: %v", frame, text, err)
		}
		if c.Kind == JSON {
			c.Data, again.Data = nil, nil // marshalled anew
		}
		if len(c.Data) == 0 {
			c.Data, again.Data = nil, nil
		}
		if !reflect.DeepEqual(again, c) {
			t.Fatalf("% x: got %+v, as %s %+v", frame, c, text, again)
		}
	})
}

// FuzzAppendMessage checks that every message is JSON that says the same.
func FuzzAppendMessage(f *testing.F) {
	f.Add("a", "id", "e", []byte(`{"x":1}`), uint64(7))
	f.Add("\xff\x00", "", "", []byte("\xc3\x28 \u2028\""), uint64(0))
	f.Fuzz(func(t *testing.T, room, id, event string, data []byte, offset uint64) {
		m := Message{Room: room, Offset: offset, Event: event, ID: id, Data: data}
		got := AppendMessage(nil, &m)
		var frame []json.RawMessage
		if err := json.Unmarshal(got, &frame); err != nil || !utf8.Valid(got) {
			t.Fatalf("%q: %v", got, err)
		}
		var name, text string
		_ = json.Unmarshal(frame[1], &name)
		if want := string([]rune(room)); name != want {
			t.Fatalf("%q: got the room %q, want %q", got, name, want)
		}
		if string(frame[0]) == `"t"` {
			_ = json.Unmarshal(frame[3], &text)
			if want := string([]rune(string(data))); text != want {
				t.Fatalf("%q: got the text %q, want %q", got, text, want)
			}
		}
	})
}
