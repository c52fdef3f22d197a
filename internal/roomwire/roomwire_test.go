package roomwire

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist/internal/hubwire"
)

// vectorFrame is a frame of client/testdata/vectors.json.
type vectorFrame struct {
	Name, From, JSON, Binary string
}

func vectorFrames(tb testing.TB) []vectorFrame {
	tb.Helper()
	text, err := os.ReadFile("../../client/testdata/vectors.json")
	if err != nil {
		tb.Fatal(err)
	}
	var table struct{ Frames []vectorFrame }
	if err := json.Unmarshal(text, &table); err != nil || len(table.Frames) == 0 {
		tb.Fatalf("vectors.json: %d frames, %v", len(table.Frames), err)
	}
	return table.Frames
}

func (f *vectorFrame) binary(tb testing.TB) []byte {
	tb.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(f.Binary, " ", ""))
	if err != nil {
		tb.Fatalf("%s: %v", f.Name, err)
	}
	return b
}

// A command is the same in both encodings.
func TestParse_vectors(t *testing.T) {
	for _, f := range vectorFrames(t) {
		if f.From != "client" {
			continue
		}
		fromJSON, err := Parse([]byte(f.JSON))
		if err != nil {
			t.Errorf("%s: Parse: %v", f.Name, err)
		}
		fromBinary, err := ParseBinary(f.binary(t))
		if err != nil {
			t.Errorf("%s: ParseBinary: %v", f.Name, err)
		}
		if !reflect.DeepEqual(fromJSON, fromBinary) {
			t.Errorf("%s: Parse gives %+v, ParseBinary %+v", f.Name, fromJSON, fromBinary)
		}
	}
}

func TestAppendMessage_vectors(t *testing.T) {
	seen := 0
	for _, f := range vectorFrames(t) {
		var frame []any
		if err := json.Unmarshal([]byte(f.JSON), &frame); err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		kind, _ := frame[0].(string)
		if f.From != "server" || len(kind) != 1 {
			continue
		}
		seen++
		l, _ := open([]byte(f.JSON), '[')
		_ = l.next()
		m := Message{}
		m.Room, _ = text(l.next())
		m.Offset, _ = number(l.next())
		c := Command{Kind: Kind(strings.Index("mtb", kind))}
		if err := c.setData(l.next()); err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		m.Data, m.Binary = c.Data, c.Kind == Bytes
		m.ID, _ = text(l.next())
		m.Event, _ = text(l.next())
		if got := string(AppendMessage(nil, &m)); got != f.JSON {
			t.Errorf("%s: got %s, want %s", f.Name, got, f.JSON)
		}
		if got, want := AppendMessageBinary(nil, &m), f.binary(t); string(got) != string(want) {
			t.Errorf("%s: got % x, want % x", f.Name, got, want)
		}
	}
	if seen == 0 {
		t.Error("the table has no message")
	}
}

func TestParse_commands(t *testing.T) {
	for _, c := range []struct {
		frame string
		want  Command
	}{
		{`["hello"]`, Command{Name: Hello}},
		{` [ "hello" , null ] `, Command{Name: Hello}},
		{`["hello",{"session":"0123456789abcdef","token":"t","more":[1]}]`, Command{Name: Hello, Session: "0123456789abcdef", HasToken: true, Token: "t"}},
		{`["hello",{"session":null,"Token":"t"}]`, Command{Name: Hello}},
		{`["join",1,"a",{"last":3,"presence":true,"show":{"n":"x"},"since":["e",0]}]`, Command{Name: Join, Ref: 1, Room: "a", Last: 3, Presence: true, Data: []byte(`{"n":"x"}`), Since: Since{true, "e", 0}}},
		{`["join",9007199254740991,"\u00e9"]`, Command{Name: Join, Ref: 1<<53 - 1, Room: "é"}},
		{`["leave",2,"a","more"]`, Command{Name: Leave, Ref: 2, Room: "a"}},
		{`["pub",3,"a"]`, Command{Name: Pub, Ref: 3, Room: "a", Data: []byte("null")}},
		{`["pub",3,"a",[1,"]"],{"as":""}]`, Command{Name: Pub, Ref: 3, Room: "a", Data: []byte(`[1,"]"]`)}},
		{`["pub",3,"a","\"x",{"as":"text","log":true,"echo":null,"event":"e"}]`, Command{Name: Pub, Ref: 3, Room: "a", Kind: Text, Data: []byte(`"x`), Event: "e"}},
		{`["show",4,"a",{"b":"}"}]`, Command{Name: Show, Ref: 4, Room: "a", Data: []byte(`{"b":"}"}`)}},
		{`["show",4,"a"]`, Command{Name: Show, Ref: 4, Room: "a"}},
		{`["auth",5,"t"]`, Command{Name: Auth, Ref: 5, HasToken: true, Token: "t"}},
		{`["call",6,"f",true]`, Command{Name: Call, Ref: 6, Room: "f", Data: []byte("true")}},
		{`["answer",7,null]`, Command{Name: Answer, Ref: 7}},
		{`["ping",8]`, Command{Name: Ping, Ref: 8}},
	} {
		if got, err := Parse([]byte(c.frame)); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, %v, want %+v", c.frame, got, err, c.want)
		}
	}
}

// deep returns arrays in arrays.
func deep(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func TestParse_refuses(t *testing.T) {
	for _, c := range []struct {
		frame string
		ref   uint64
		code  string
	}{
		{``, 0, CodeBadFrame},
		{`{}`, 0, CodeBadFrame},
		{`[]`, 0, CodeBadFrame},
		{`[1]`, 0, CodeBadFrame},
		{`["ping",1] x`, 0, CodeBadFrame},
		{`["ping",1`, 0, CodeBadFrame},
		{`["ping"]`, 0, CodeBadFrame},
		{`["ping",0]`, 0, CodeBadFrame},
		{`["ping",-1]`, 0, CodeBadFrame},
		{`["ping",1.0]`, 0, CodeBadFrame},
		{`["ping",1e3]`, 0, CodeBadFrame},
		{`["ping","1"]`, 0, CodeBadFrame},
		{`["ping",9007199254740992]`, 0, CodeBadFrame},
		{"[\"join\",1,\"\xff\"]", 0, CodeBadFrame},
		{`["pub",1,"a",` + deep(512) + `]`, 0, CodeBadFrame},
		{strings.Repeat("[", 100_000), 0, CodeBadFrame},
		{`["dance",1]`, 1, CodeUnknown},
		{`["hello",[]]`, 0, CodeBadFrame},
		{`["hello",{"token":1}]`, 0, CodeBadFrame},
		{`["hello",{"session":"short"}]`, 0, CodeBadSession},
		{`["hello",{"session":"0123456789abcdef!"}]`, 0, CodeBadSession},
		{`["hello",{"session":7}]`, 0, CodeBadSession},
		{`["join",1,null]`, 1, CodeBadFrame},
		{`["join",1,"a",[]]`, 1, CodeBadFrame},
		{`["join",1,"a",{"last":-1}]`, 1, CodeBadFrame},
		{`["join",1,"a",{"presence":1}]`, 1, CodeBadFrame},
		{`["join",1,"a",{"since":7}]`, 1, CodeBadPosition},
		{`["join",1,"a",{"since":["e"]}]`, 1, CodeBadPosition},
		{`["join",1,"a",{"since":[1,1]}]`, 1, CodeBadPosition},
		{`["join",1,"a",{"since":["e",-1]}]`, 1, CodeBadPosition},
		{`["join",1,"a",{"since":["e",9007199254740992]}]`, 1, CodeBadPosition},
		{`["pub",1,"a",1,{"as":"text"}]`, 1, CodeBadFrame},
		{`["pub",1,"a",1,{"as":"xml"}]`, 1, CodeBadFrame},
		{`["pub",1,"a","?",{"as":"base64"}]`, 1, CodeBadFrame},
		{`["pub",1,"a","AA=\n=",{"as":"base64"}]`, 1, CodeBadFrame},
		{`["pub",1,"a","AB==",{"as":"base64"}]`, 1, CodeBadFrame},
		{`["pub",1,"a",1,{"log":0}]`, 1, CodeBadFrame},
		{`["pub",1,"a",1,{"event":"a\nb"}]`, 1, CodeBadEvent},
		{`["pub",1,"a",1,{"event":"` + strings.Repeat("e", 257) + `"}]`, 1, CodeBadEvent},
		{`["auth",1]`, 1, CodeBadFrame},
		{`["call",1,7]`, 1, CodeBadFrame},
	} {
		if got, err := Parse([]byte(c.frame)); err == nil || err.Ref != c.ref || err.Code != c.code {
			t.Errorf("%.60s: got %+v, %v, want %s for %d", c.frame, got, err, c.code, c.ref)
		}
	}
	if _, err := Parse([]byte(`["pub",1,"a",` + deep(511) + `]`)); err != nil {
		t.Errorf("what is 512 deep: %v", err)
	}
}

func TestParseBinary_refuses(t *testing.T) {
	whole := []byte("\x01\x02\x01a\x04\x01e\x02e1\x07{}")
	if _, err := ParseBinary(whole); err != nil {
		t.Fatalf("% x: %v", whole, err)
	}
	for n := range len(whole) {
		if _, err := ParseBinary(whole[:n]); err == nil || err.Code != CodeBadFrame {
			t.Errorf("the first %d bytes of % x: %v, want bad_frame", n, whole, err)
		}
	}
	for frame, code := range map[string]string{
		"\x04\x02\x01a\x00\x00{}":                                   CodeBadFrame, // no such kind
		"\x01\x00\x01a\x00\x00{}":                                   CodeBadFrame, // ref 0
		"\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x01a\x00\x00": CodeBadFrame, // over 64 bits
		"\x01\xff\xff\xff\xff\xff\xff\xff\x1f\x01a\x00\x00{}":       CodeBadFrame, // 2^56-1
		"\x01\x02\xff\xff\xff\xff\x0fa\x00\x00{}":                   CodeBadFrame, // a room of 4 GiB
		"\x01\x02\x01\xff\x00\x00{}":                                CodeBadFrame, // no UTF-8
		"\x01\x02\x01a\x08\x00{}":                                   CodeBadFrame, // an unknown flag
		"\x01\x02\x01a\x00\x00{":                                    CodeBadFrame, // no JSON
		"\x02\x02\x01a\x00\x00\xff":                                 CodeBadFrame, // no text
		"\x03\x02\x01a\x00\x01\n\xff":                               CodeBadEvent,
		"\x00[\"dance\",1]":                                         CodeUnknown,
	} {
		if got, err := ParseBinary([]byte(frame)); err == nil || err.Code != code {
			t.Errorf("% x: got %+v, %v, want %s", frame, got, err, code)
		}
	}
}

func TestSplit(t *testing.T) {
	for body, want := range map[string]int{
		`[]`: 0, ` [["ping",1] , ["leave",2,"a,]"]]`: 2, `[1,{"a":[2,3]},"x"]`: 3,
		`{}`: -1, ``: -1, `[["ping",1]`: -1, "[\"\xff\"]": -1, deep(513): -1,
	} {
		frames, ok := Split([]byte(body))
		if ok != (want >= 0) {
			t.Errorf("%.40s: got %v, want %d frames", body, ok, want)
		} else if ok && len(slices.Collect(frames)) != want {
			t.Errorf("%.40s: got %q, want %d frames", body, slices.Collect(frames), want)
		}
	}
}

func TestAppend_frames(t *testing.T) {
	place := Place{Epoch: 36, Offset: 7}
	for want, got := range map[string][]byte{
		`["stream","k"]`:                        AppendStream(nil, "k"),
		`["welcome",{"conn":"c","author":"a"}]`: AppendWelcome(nil, &Welcome{Conn: "c", Author: "a", TTL: Never}),
		`["welcome",{"conn":"c","author":"a","user":"u\"","ttl":1500}]`:                AppendWelcome(nil, &Welcome{"c", "a", `u"`, 1500 * time.Millisecond}),
		`["joined",3,"a",{"epoch":"10","offset":7,"head":9,"recovered":false}]`:        AppendJoined(nil, 3, "a", &Joined{From: place, Head: 9, TTL: Never}),
		`["joined",3,"a",{"epoch":"10","offset":7,"head":9,"recovered":true,"ttl":0}]`: AppendJoined(nil, 3, "a", &Joined{From: place, Head: 9, Recovered: true}),
		`["ok",3]`:                                              AppendOK(nil, 3, nil),
		`["ok",3,[1]]`:                                          AppendOK(nil, 3, []byte("[1]")),
		`["ok",3,{"epoch":"10","offset":7}]`:                    AppendPublished(nil, 3, place),
		`["error",3,"c","t\u0000\u001f\\"]`:                     AppendError(nil, &Error{3, "c", "t\x00\x1f\\"}, Never),
		`["error",0,"rate","",{"retry":2}]`:                     AppendError(nil, &Error{0, "rate", ""}, 1001*time.Microsecond),
		`["gap","a",{"epoch":"10","offset":7}]`:                 AppendGap(nil, "a", place, -1),
		`["gap","a",{"epoch":"10","offset":7,"missed":0}]`:      AppendGap(nil, "a", place, 0),
		`["left","a","denied","no"]`:                            AppendLeft(nil, "a", "denied", "no"),
		`["ask",1,{"q":1},"e"]`:                                 AppendAsk(nil, 1, []byte(`{"q":1}`), "e"),
		`["ask",1,"what?"]`:                                     AppendAsk(nil, 1, []byte("what?"), ""),
		`["bye","draining",{"retry":1000}]`:                     AppendBye(nil, "draining", time.Second),
		`["bye","denied"]`:                                      AppendBye(nil, "denied", Never),
		"[\"t\",\"a\uFFFDb\",1,\"\uFFFDé\"]":                    AppendMessage(nil, &Message{Room: "a\xffb", Offset: 1, Data: []byte("\xc3é")}),
		`["m","a",1,1,"","e"]`:                                  AppendMessage(nil, &Message{Room: "a", Offset: 1, Data: []byte("1"), Event: "e"}),
		`["t","a",1,""]`:                                        AppendMessage(nil, &Message{Room: "a", Offset: 1}),
		`["presence","a",{"reset":true,"count":0,"joined":[]}]`: AppendPresence(nil, &hubwire.Presence{Room: "a", Reset: true}),
		`["presence","a",{"count":2,"joined":[{"conn":"1"},{"conn":"2","user":"u","shown":{}}],"updated":[{"conn":"3"}],"left":["4","5"]}]`: AppendPresence(nil, &hubwire.Presence{
			Room: "a", Count: 2, Joined: []hubwire.Member{{Conn: "1"}, {Conn: "2", User: "u", Shown: []byte("{}")}},
			Updated: []hubwire.Member{{Conn: "3"}}, Left: []string{"4", "5"},
		}),
	} {
		if string(got) != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if !json.Valid(got) {
			t.Errorf("%s is no JSON", got)
		}
	}
}
