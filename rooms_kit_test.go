package geist_test

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/geisttest"
	"github.com/gogeist/geist/hub"
)

// roomWays are the ways to speak geist.v1.
var roomWays = []string{"text", "binary", "events"}

// roomClient speaks geist.v1 in one of the ways. Frames are given and returned as JSON.
type roomClient struct {
	tb   testing.TB
	c    *geisttest.Client
	way  string
	path string
	ws   *geisttest.WebSocket
	es   *geisttest.EventStream
	key  string // of the stream
}

// openRoom connects to a route of Rooms.
func openRoom(tb testing.TB, c *geisttest.Client, way, path string) *roomClient {
	tb.Helper()
	r := &roomClient{tb: tb, c: c, way: way, path: path}
	switch way {
	case "text":
		r.ws = c.GET(path).Header("Sec-WebSocket-Protocol", "geist.v1").WS()
	case "binary":
		r.ws = c.GET(path).Header("Sec-WebSocket-Protocol", "geist.v1.bin, geist.v1").WS()
	default:
		r.es = c.GET(path).SSE()
		r.key, _ = r.next()[1].(string)
	}
	return r
}

// greet says hello and returns the connection's id.
func (r *roomClient) greet(hello string) string {
	r.tb.Helper()
	r.send(hello)
	f := r.next()
	if f[0] != "welcome" {
		r.tb.Fatalf("hello: got %v, want welcome", f)
	}
	id, _ := f[1].(map[string]any)["conn"].(string)
	return id
}

// post sends commands for a stream and returns the answer.
func (r *roomClient) post(body string) *geisttest.Response {
	r.tb.Helper()
	return r.c.POST(r.path).Header("Geist-Stream", r.key).Header("Content-Type", "application/json").BodyString(body).Do()
}

// send sends a frame.
func (r *roomClient) send(frame string) {
	r.tb.Helper()
	switch r.way {
	case "text":
		r.ws.Send(frame)
	case "binary":
		r.ws.SendBinary(compact(r.tb, frame))
	default:
		r.post("[" + frame + "]").Status(202)
	}
}

// next reads a frame.
func (r *roomClient) next() []any {
	r.tb.Helper()
	var text []byte
	if r.ws == nil {
		text = []byte(r.es.Next().Data)
	} else if m := r.ws.Next(); m.Binary {
		text = verbose(r.tb, m.Data)
	} else {
		text = m.Data
	}
	var frame []any
	if err := json.Unmarshal(text, &frame); err != nil || len(frame) == 0 {
		r.tb.Fatalf("got %q, want a frame: %v", text, err)
	}
	return frame
}

// want reads frames and compares them as the vectors do.
func (r *roomClient) want(frames ...string) {
	r.tb.Helper()
	for _, want := range frames {
		got := r.next()
		if !alike(parseFrame(r.tb, want), any(got), map[string]any{}) {
			r.tb.Fatalf("got %v, want %s", got, want)
		}
	}
}

// until reads frames up to one that is alike.
func (r *roomClient) until(frame string) []any {
	r.tb.Helper()
	for want := parseFrame(r.tb, frame); ; {
		if got := r.next(); alike(want, any(got), map[string]any{}) {
			return got
		}
	}
}

// ended asserts that nothing follows but the end of the connection.
func (r *roomClient) ended(code int) {
	r.tb.Helper()
	if r.ws != nil {
		r.ws.Closed(code)
		return
	}
	r.es.End()
}

// cut breaks the connection.
func (r *roomClient) cut() {
	if r.ws != nil {
		r.ws.Leave()
		return
	}
	r.es.Close()
}

func parseFrame(tb testing.TB, text string) any {
	tb.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
	return v
}

// alike compares a frame with what a test wants: members that are not named, and elements
// that are null or missing at the end, do not count; "*" is anything; "$x" is bound at first
// sight.
func alike(want, got any, bound map[string]any) bool {
	switch want := want.(type) {
	case string:
		if value, ok := bound[want]; ok {
			return reflect.DeepEqual(value, got)
		}
		if strings.HasPrefix(want, "$") {
			bound[want] = got
			return true
		}
		return want == "*" || want == got
	case []any:
		got, ok := got.([]any)
		for i := range max(len(want), len(got)) {
			if w, g := at(want, i), at(got, i); !(w == "" && g == nil || w == nil && g == "") && !alike(w, g, bound) {
				return false
			}
		}
		return ok
	case map[string]any:
		got, ok := got.(map[string]any)
		for name, w := range want {
			if !alike(w, got[name], bound) {
				return false
			}
		}
		return ok
	}
	return reflect.DeepEqual(want, got)
}

func at(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}

// compact writes a frame of a client in the compact encoding.
func compact(tb testing.TB, frame string) []byte {
	tb.Helper()
	var raw []json.RawMessage
	if json.Unmarshal([]byte(frame), &raw) != nil || len(raw) < 4 || string(raw[0]) != `"pub"` {
		return append([]byte{0}, frame...)
	}
	var ref uint64
	var room string
	var o struct {
		Event, As string
		Since     []any
		Log, Echo *bool
	}
	if json.Unmarshal(raw[1], &ref) != nil || json.Unmarshal(raw[2], &room) != nil || len(raw) > 4 && json.Unmarshal(raw[4], &o) != nil {
		return append([]byte{0}, frame...) // a mistake, as it is
	}
	kind, data := byte(1), []byte(raw[3])
	if o.As != "" {
		var s string
		if json.Unmarshal(raw[3], &s) != nil {
			return append([]byte{0}, frame...)
		}
		kind, data = 2, []byte(s)
		if o.As == "base64" {
			kind = 3
			data, _ = base64.StdEncoding.DecodeString(s)
		}
	}
	str := func(b []byte, s string) []byte { return append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	b := str(binary.AppendUvarint([]byte{kind}, ref), room)
	flags := byte(0)
	if o.Log != nil && !*o.Log {
		flags |= 1
	}
	if o.Echo != nil && !*o.Echo {
		flags |= 2
	}
	if o.Since != nil {
		flags |= 4
	}
	b = str(append(b, flags), o.Event)
	if o.Since != nil {
		epoch, _ := o.Since[0].(string)
		offset, _ := o.Since[1].(float64)
		b = binary.AppendUvarint(str(b, epoch), uint64(offset))
	}
	return append(b, data...)
}

// verbose returns the JSON of a frame of the server in the compact encoding.
func verbose(tb testing.TB, b []byte) []byte {
	tb.Helper()
	kind, rest := b[0], b[1:]
	if kind == 0 {
		return rest
	}
	num := func() uint64 {
		v, n := binary.Uvarint(rest)
		rest = rest[max(n, 0):]
		return v
	}
	str := func() string {
		n := num()
		s := string(rest[:n])
		rest = rest[n:]
		return s
	}
	room, offset, id, event := str(), num(), str(), str()
	var data any
	switch kind {
	case 1:
		data = json.RawMessage(rest)
	case 2:
		data = string(rest)
	case 3:
		data = rest // in base64
	default:
		tb.Fatalf("got % x, want a frame", b)
	}
	frame, err := json.Marshal([]any{string("-mtb"[kind]), room, offset, data, id, event})
	if err != nil {
		tb.Fatalf("got % x: %v", b, err)
	}
	return frame
}

// openPolicy allows everything.
func openPolicy() hub.Policy {
	return hub.Policy{
		Join:    func(context.Context, *hub.JoinRequest) error { return nil },
		Publish: func(context.Context, *hub.PublishRequest) error { return nil },
		Call: func(_ context.Context, r *hub.CallRequest) ([]byte, error) {
			if r.Name != "echo" {
				return nil, hub.Refuse("not_supported", "there is only echo")
			}
			return r.Data, nil
		},
	}
}

// vectorPolicy returns a policy of the vectors.
func vectorPolicy(name string) (hub.Policy, bool) {
	p := openPolicy()
	switch name {
	case "open":
	case "readonly":
		p.Publish = nil
	case "token":
		p.Auth = func(_ context.Context, token string) (hub.Identity, error) {
			switch token {
			case "good":
				return hub.Identity{User: "ada"}, nil
			case "short":
				return hub.Identity{User: "ada", Expires: time.Now().Add(time.Minute)}, nil
			}
			return hub.Identity{}, hub.Refuse("unauthorized", "nobody has that token")
		}
	default:
		return p, false
	}
	return p, true
}

// newRoomHub returns a hub whose rooms "p:…" keep presence.
func newRoomHub() *hub.Hub { return hub.New(hub.Config{Room: newPresenceRooms}) }

func newPresenceRooms(name string) hub.RoomConfig {
	return hub.RoomConfig{Presence: strings.HasPrefix(name, "p:")}
}

// newRooms returns a client of an application that has one route, /rt, with a policy for
// everybody.
func newRooms(tb testing.TB, h *hub.Hub, p hub.Policy) *geisttest.Client {
	tb.Helper()
	app := geist.New(geist.Config{Logger: discard()})
	app.Rooms("/rt", h, func(*geist.Ctx) (hub.Policy, error) { return p, nil })
	return geisttest.New(tb, app)
}
