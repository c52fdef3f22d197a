package geistclient

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// talk is a conversation of the vectors, seen from the client. The table has frames that are for the
// server's test alone, which no step and no rule makes a client send: there the client's part ends.
type talk struct {
	t      *testing.T
	server *server
	conf   Config
	conn   *conn
	dialed chan error
	client *Client
	rooms  map[string]*Room
	deeds  []*deed          // done, but not seen yet by the server
	refs   map[uint64]*deed // seen, but not answered
	asked  []Message        // by OnAsk, while nothing else runs
	cuts   int
}

// deed is a call of the client's API.
type deed struct {
	what, room string
	done       chan error
}

// hold takes the steps in order, and reports whether it got to their end.
func (x *talk) hold(steps []vectorStep) bool {
	for _, s := range steps {
		if s.Server == "ask" {
			x.conf.OnAsk = func(_ context.Context, m Message) ([]byte, error) {
				x.asked = append(x.asked, m)
				return s.Answer, nil
			}
		}
	}
	for _, s := range steps {
		switch {
		case s.Send != nil:
			if !x.send(s.Send) {
				return false
			}
		case s.Recv != nil:
			x.recv(s.Recv)
		case s.Do != "":
			x.do(&s)
		case s.Expect != "":
			x.expect(&s)
		case s.Cut:
			x.conn.cut()
			<-x.conn.gone
			x.conn = nil
			x.cuts++
		}
		synctest.Wait()
		if x.t.Failed() {
			x.t.Fatalf("at step %+v", s)
		}
	}
	for ref, d := range x.refs {
		x.t.Errorf("%s %s with ref %d was not answered", d.what, d.room, ref)
	}
	return true
}

// send expects a frame of the client, and reports false if it has no reason to send it.
func (x *talk) send(frame json.RawMessage) bool {
	f := elements(x.substitute(frame))
	name := f[0].(string)
	room, ref := "", uint64(0)
	if len(f) > 1 {
		if n, ok := f[1].(json.Number); ok {
			i, _ := n.Int64()
			ref = uint64(i)
		}
	}
	if len(f) > 2 {
		room, _ = f[2].(string)
	}
	switch {
	case name == "hello":
		return x.hello(f)
	case name == "answer" && len(x.asked) > 0:
	case name == "join" && x.cuts > 0 && x.rooms[room] != nil:
	case x.refs[ref] != nil:
	default:
		i := slices.IndexFunc(x.deeds, func(d *deed) bool { return d.what == name && d.room == room })
		if i < 0 {
			return false
		}
		x.refs[ref] = x.deeds[i]
		x.deeds = slices.Delete(x.deeds, i, i+1)
	}
	x.conn.expect(x.substitute(frame))
	return true
}

func (x *talk) hello(f []any) bool {
	if x.conn != nil {
		return false
	}
	if x.dialed == nil {
		x.conf.HTTPClient, x.conf.Session, x.conf.now = x.server.client, "vectors-session-1", epoch
		if token, ok := options(f, 1)["token"].(string); ok {
			x.conf.Token = func(context.Context) (string, error) { return token, nil }
		}
		dialed := make(chan error, 1)
		go func() {
			c, err := Dial(x.t.Context(), "ws://server/rt", x.conf)
			if err == nil {
				x.client = c
			}
			dialed <- err
		}()
		x.dialed = dialed
		x.t.Cleanup(func() {
			if x.client != nil {
				_ = x.client.Close()
			}
		})
	}
	if x.conn = x.server.next(); x.conn == nil {
		x.t.Fatal("the client does not connect")
	}
	x.conn.expect(string(array(f...)))
	return true
}

func (x *talk) recv(frame json.RawMessage) {
	text := x.substitute(frame)
	x.conn.send(text)
	f := elements(text)
	switch f[0] {
	case "welcome":
		if x.cuts == 0 {
			if err := <-x.dialed; err != nil {
				x.t.Fatal(err)
			}
		}
	case "bye":
		x.conn.end(4000)
		var e *Error
		if err := <-x.dialed; !errors.As(err, &e) || e.Code != f[1] {
			x.t.Errorf("Dial: %v, want code %s", err, f[1])
		}
	case "ok", "joined", "error":
		i, _ := f[1].(json.Number).Int64()
		d := x.refs[uint64(i)]
		if d == nil {
			return
		}
		delete(x.refs, uint64(i))
		var want string
		if f[0] == "error" {
			want = f[2].(string)
		}
		err := <-d.done
		var e *Error
		if want == "" && err != nil || want != "" && (!errors.As(err, &e) || e.Code != want) {
			x.t.Errorf("%s %s: %v, want code %q", d.what, d.room, err, want)
		}
	}
}

// do calls the API in a goroutine that ends with the answer, or with the client.
func (x *talk) do(s *vectorStep) {
	ctx := x.t.Context()
	d := &deed{what: s.Do, room: s.Room, done: make(chan error, 1)}
	call := func() error { return errors.New("nobody knows how to do that") }
	switch s.Do {
	case "join":
		o := JoinOptions{Last: s.Options.Last, Presence: s.Options.Presence, Show: s.Options.Show}
		if since := s.Options.Since; since != nil {
			_ = json.Unmarshal(since[0], &o.Since.Epoch)
			_ = json.Unmarshal(since[1], &o.Since.Offset)
			o.Since.Epoch = strings.TrimPrefix(o.Since.Epoch, "$")
		}
		call = func() error {
			r, err := x.client.Join(ctx, s.Room, o)
			x.rooms[s.Room] = r
			return err
		}
	case "publish":
		d.what = "pub"
		m := Message{Data: s.Data, Event: s.Options.Event}
		m.NoLog = s.Options.Log != nil && !*s.Options.Log
		m.NoEcho = s.Options.Echo != nil && !*s.Options.Echo
		call = func() error {
			_, err := x.client.Publish(ctx, s.Room, m)
			return err
		}
	case "leave":
		call = func() error { return x.rooms[s.Room].Leave(ctx) }
	case "show":
		call = func() error { return x.rooms[s.Room].Show(ctx, s.Data) }
	case "call":
		d.room = s.Name
		call = func() error {
			_, err := x.client.Call(ctx, s.Name, s.Data)
			return err
		}
	}
	x.deeds = append(x.deeds, d)
	go func() { d.done <- call() }()
}

func (x *talk) expect(s *vectorStep) {
	if s.Expect == "ask" {
		if len(x.asked) == 0 || !sameJSON(x.asked[0].Data, s.Data) || x.asked[0].Event != s.Event {
			x.t.Errorf("asked %+v, want %s %s", x.asked, s.Event, s.Data)
		}
		return
	}
	ctx, cancel := context.WithTimeout(x.t.Context(), time.Minute)
	defer cancel()
	var m Message
	var err error
	if s.Room == "" {
		m, err = x.client.Receive(ctx)
	} else {
		m, err = x.rooms[s.Room].Receive(ctx)
	}
	var e *Error
	switch s.Expect {
	case "message":
		data := m.Data
		if m.Kind != JSON {
			data, _ = json.Marshal(string(m.Data))
		}
		if err != nil || !sameJSON(data, s.Data) || s.Event != "" && m.Event != s.Event || m.Gap != nil {
			x.t.Errorf("got %+v, %v, want %s %s", m, err, s.Event, s.Data)
		}
	case "gap":
		if m.Gap == nil {
			x.t.Errorf("got %+v, %v, want a gap", m, err)
		}
	case "presence":
		if m.Presence == nil || m.Presence.Count != s.Count {
			x.t.Errorf("got %+v, %v, want presence of %d", m, err, s.Count)
		}
	case "left":
		if !errors.As(err, &e) {
			x.t.Errorf("got %+v, %v, want to have left", m, err)
		}
	}
}

// substitute gives values to what the server would have chosen: "$e1" is e1.
func (x *talk) substitute(frame json.RawMessage) string {
	f := decode(x.t, string(frame))
	return string(array(substituted("", f).([]any)...))
}

func substituted(key string, v any) any {
	switch v := v.(type) {
	case string:
		if v == "*" && (key == "ttl" || key == "retry") {
			return json.Number("60000")
		}
		return strings.TrimPrefix(v, "$")
	case []any:
		for i := range v {
			v[i] = substituted("", v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = substituted(k, v[k])
		}
	}
	return v
}

func sameJSON(a, b []byte) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}
