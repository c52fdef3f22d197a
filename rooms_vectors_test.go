package geist_test

import (
	"context"
	"encoding/json"
	"os"
	"testing"

	"github.com/gogeist/geist/hub"
)

// vectorStep is a step of a conversation in client/testdata/vectors.json.
type vectorStep struct {
	Do     string          `json:"do"`
	Expect string          `json:"expect"`
	Send   json.RawMessage `json:"send"`
	Recv   json.RawMessage `json:"recv"`
	Server string          `json:"server"`
	Room   string          `json:"room"`
	Data   json.RawMessage `json:"data"`
	Event  string          `json:"event"`
	Answer json.RawMessage `json:"answer"`
	Cut    bool            `json:"cut"`
}

type vectorConversation struct {
	Name   string       `json:"name"`
	Policy string       `json:"policy"`
	Steps  []vectorStep `json:"steps"`
}

func TestRooms_vectors(t *testing.T) {
	text, err := os.ReadFile("client/testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var table struct {
		Conversations []vectorConversation `json:"conversations"`
	}
	if err := json.Unmarshal(text, &table); err != nil || len(table.Conversations) == 0 {
		t.Fatalf("vectors.json: %d conversations, %v", len(table.Conversations), err)
	}
	for _, way := range roomWays {
		for _, conversation := range table.Conversations {
			t.Run(way+"/"+conversation.Name, func(t *testing.T) { holdConversation(t, way, &conversation) })
		}
	}
}

// holdConversation plays the client's part of a conversation.
func holdConversation(t *testing.T, way string, v *vectorConversation) {
	p, ok := vectorPolicy(v.Policy)
	if !ok {
		t.Fatalf("there is no policy %q", v.Policy)
	}
	h := newRoomHub()
	c := newRooms(t, h, p)
	talk := vectorTalk{t: t, hub: h, open: func() *roomClient { return openRoom(t, c, way, "/rt") }, bound: map[string]any{}, pubs: map[any]bool{}}
	for i := range v.Steps {
		talk.step(&v.Steps[i])
	}
	talk.settle()
	if talk.answered != nil {
		if err := <-talk.answered; err != nil {
			t.Errorf("Request: %v", err)
		}
	}
}

// vectorTalk is a conversation under way.
type vectorTalk struct {
	t        *testing.T
	hub      *hub.Hub
	open     func() *roomClient
	client   *roomClient // nil while there is none
	conn     string
	bound    map[string]any
	wanted   []any        // frames that are to come
	pubs     map[any]bool // refs of what the client has published, unless it was refused
	others   int          // published by the server
	answered chan error   // of what the server has asked
}

func (v *vectorTalk) step(s *vectorStep) {
	v.t.Helper()
	if s.Recv != nil {
		v.wanted = append(v.wanted, parseFrame(v.t, string(s.Recv)))
		return
	}
	if s.Do != "" || s.Expect != "" {
		return // for clients
	}
	v.settle()
	switch {
	case s.Send != nil:
		v.send(s.Send)
	case s.Cut:
		waitFor(v.t, "what was sent is published", func() bool { return v.hub.Stats().Published >= uint64(len(v.pubs)+v.others) })
		v.client.cut()
		v.client = nil
	case s.Server == "publish":
		v.others++
		if _, err := v.hub.Publish(context.Background(), s.Room, hub.Message{Event: s.Event, Data: s.Data}); err != nil {
			v.t.Fatal(err)
		}
	case s.Server == "ask":
		v.ask(s)
	default:
		v.t.Fatalf("nobody knows the step %+v", s)
	}
}

func (v *vectorTalk) send(frame json.RawMessage) {
	v.t.Helper()
	if v.client == nil {
		v.client = v.open()
	}
	filled := fill(parseFrame(v.t, string(frame)), v.bound)
	text, err := json.Marshal(filled)
	if err != nil {
		v.t.Fatal(err)
	}
	if list, _ := filled.([]any); list[0] == "pub" {
		v.pubs[list[1]] = true // a repetition has the same ref
	}
	v.client.send(string(text))
}

// fill puts what was bound in the place of names.
func fill(v any, bound map[string]any) any {
	switch v := v.(type) {
	case string:
		if value, ok := bound[v]; ok {
			return value
		}
	case []any:
		for i := range v {
			v[i] = fill(v[i], bound)
		}
	case map[string]any:
		for name := range v {
			v[name] = fill(v[name], bound)
		}
	}
	return v
}

// ask asks the client in the server's name.
func (v *vectorTalk) ask(s *vectorStep) {
	id, err := hub.ParseConnID(v.conn)
	if err != nil {
		v.t.Fatal(err)
	}
	v.answered = make(chan error, 1)
	go func() { // ends with the answer, or with the connection
		m, err := v.hub.Request(context.Background(), id, hub.Message{Event: s.Event, Data: s.Data})
		if err == nil && string(m.Data) != string(s.Answer) {
			var got, want any
			_, _ = json.Unmarshal(m.Data, &got), json.Unmarshal(s.Answer, &want)
			if !alike(want, got, map[string]any{}) {
				v.t.Errorf("the answer is %s, want %s", m.Data, s.Answer)
			}
		}
		v.answered <- err
	}()
}

// settle reads what is to come. The answer to a publish may come before or behind the
// message itself.
func (v *vectorTalk) settle() {
	v.t.Helper()
	for len(v.wanted) > 0 {
		got := v.client.next()
		i := 0
		for i < len(v.wanted) && !alike(v.wanted[i], any(got), v.bound) {
			i++
		}
		if i == len(v.wanted) || i > 0 && got[0] != "ok" {
			v.t.Fatalf("got %v, want %v", got, v.wanted[0])
		}
		v.wanted = append(v.wanted[:i:i], v.wanted[i+1:]...)
		switch got[0] {
		case "welcome":
			v.conn, _ = got[1].(map[string]any)["conn"].(string)
		case "error":
			delete(v.pubs, got[1])
		}
	}
}
