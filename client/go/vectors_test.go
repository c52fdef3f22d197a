package geistclient

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// vectors is the table that the server and its clients are tested with.
type vectors struct {
	Frames        []vectorFrame
	Conversations []vectorConversation
}

type vectorFrame struct{ Name, From, JSON, Binary string }

type vectorConversation struct {
	Name  string
	Steps []vectorStep
}

type vectorStep struct {
	Do, Server, Expect string
	Send, Recv         json.RawMessage
	Room, Name, Event  string
	Data, Answer       json.RawMessage
	Count              int
	Options            struct {
		Last      int
		Since     []json.RawMessage
		Presence  bool
		Show      any
		Log, Echo *bool
		Event     string
	}
	Cut bool
}

func readVectors(t *testing.T) (v vectors) {
	t.Helper()
	text, err := os.ReadFile("../testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestFrame_vectors(t *testing.T) {
	v := readVectors(t)
	for _, f := range v.Frames {
		b, err := hex.DecodeString(strings.ReplaceAll(f.Binary, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if f.From == "client" {
			if got := toJSON(b, true); !sameFrame(got, f.JSON) {
				t.Errorf("%s: the test's server reads %s, want %s", f.Name, got, f.JSON)
			}
			if got := reencode(t, f.JSON); !slices.Equal(got, b) {
				t.Errorf("%s: %s is sent as %x, want %x", f.Name, f.JSON, got, b)
			}
			continue
		}
		if got := fromJSON(f.JSON, true); !slices.Equal(got, b) {
			t.Errorf("%s: the test's server writes %x, want %x", f.Name, got, b)
		}
		compact, err := parseFrame(b, true)
		if err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
		plain, err := parseFrame([]byte(f.JSON), false)
		if err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
		if compact.name != plain.name {
			t.Errorf("%s: name = %q, want %q", f.Name, compact.name, plain.name)
		}
		if compact.message != nil {
			got, _ := compact.received()
			want, err := plain.received()
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: got %+v, want %+v, %v", f.Name, got, want, err)
			}
		}
	}
	if len(v.Frames) < 5 {
		t.Errorf("%d frames", len(v.Frames))
	}
}

// reencode reads a client's frame and writes it in the compact encoding, if it is a pub in its form.
func reencode(t *testing.T, frame string) []byte {
	t.Helper()
	f := elements(frame)
	if f[0] != "pub" {
		return append([]byte{binaryOther}, frame...)
	}
	p := pub{room: f[2].(string), msg: &Message{}}
	ref, _ := f[1].(json.Number).Int64()
	p.ref = uint64(ref)
	var err error
	o := options(f, 4)
	p.msg.Event, _ = o["event"].(string)
	switch o["as"] {
	case "text":
		p.msg.Kind, p.msg.Data = Text, []byte(f[3].(string))
	case "base64":
		p.msg.Kind = Bytes
		err = json.Unmarshal([]byte(`"`+f[3].(string)+`"`), &p.msg.Data)
	default:
		p.msg.Data, err = json.Marshal(f[3])
	}
	if err != nil {
		t.Fatal(err)
	}
	p.msg.NoLog, p.msg.NoEcho = o["log"] == false, o["echo"] == false
	if since, ok := o["since"].([]any); ok {
		offset, _ := since[1].(json.Number).Int64()
		p.again, p.since = true, Position{since[0].(string), uint64(offset)}
	}
	plain, compact := p.encode(false), p.encode(true)
	if !sameFrame(string(plain), frame) {
		t.Errorf("%s is sent as %s", frame, plain)
	}
	return compact
}

func TestClient_vectors(t *testing.T) {
	v := readVectors(t)
	for name, conf := range encodings {
		t.Run(name, func(t *testing.T) {
			whole := 0
			for _, c := range v.Conversations {
				t.Run(c.Name, func(t *testing.T) {
					inBubble(t, func(t *testing.T, s *server) {
						x := &talk{t: t, server: s, conf: conf, rooms: map[string]*Room{}, refs: map[uint64]*deed{}}
						if x.hold(c.Steps) {
							whole++
						}
					})
				})
			}
			if whole < 8 {
				t.Errorf("%d of %d conversations were held to their end, want 8 or more", whole, len(v.Conversations))
			}
		})
	}
}
