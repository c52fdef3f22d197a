package board

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/hub"
)

const (
	maxName   = 40   // characters of a name
	maxText   = 2000 // characters of a message
	mostAgain = 200  // messages that a page gets to begin with
)

// registerRooms adds what the page talks to: WebSockets, streams of events and their
// commands, all in the protocol geist.v1.
func (a *API) registerRooms(r geist.Router) {
	r.Rooms("/rt", a.live, func(*geist.Ctx) (hub.Policy, error) {
		return hub.Policy{Auth: enter, Join: join, Publish: a.say}, nil
	}, append(changes(), geist.Emits[message]("chat.said"), geist.Tags("live"),
		geist.Summary("Talk in rooms"), geist.Description(roomsText))...).Name("rooms")
}

const roomsText = "The rooms board, which tells of changes, and chat, in the protocol geist.v1: by a WebSocket, or by a stream of events " +
	"and commands that are posted. The token of hello is the name that others see."

// enter takes a name as the token: whoever says that they are Ada is Ada. An application
// with accounts looks up a session here, or in the middleware before.
func enter(_ context.Context, token string) (hub.Identity, error) {
	var p problems
	name := p.text("", token, 1, maxName)
	if len(p) > 0 {
		return hub.Identity{}, hub.Refuse("unauthorized", "the name "+p[0].Detail)
	}
	return hub.Identity{User: name}, nil
}

// shown is what somebody shows of what they do.
type shown struct {
	Editing int64 `json:"editing,omitempty"` // a task
	Typing  bool  `json:"typing,omitempty"`  // a message
}

// join lets everybody into both rooms. What they show is brought into its form.
func join(_ context.Context, r *hub.JoinRequest) error {
	if r.Room != boardRoom && r.Room != chatRoom {
		return hub.Refuse("denied", "there is no such room")
	}
	r.Last = min(r.Last, mostAgain)
	if r.Shown == nil {
		return nil
	}
	var s shown
	err := json.Unmarshal(r.Shown, &s)
	if err == nil {
		r.Shown, err = json.Marshal(s)
	}
	if err != nil {
		return hub.Refuse("bad_show", "what is shown is an object with editing, a task's id, and typing, true or false")
	}
	return nil
}

// message is what the chat consists of.
type message struct {
	Name string `json:"name" doc:"Who has said it."`
	Text string `json:"text"`
	At   int64  `json:"at" doc:"When, in milliseconds since 1970."`
}

// say lets people with a name into the chat, and nobody into the board, which the API
// writes. Who says it and when comes from the server: nobody speaks for another, and
// everybody hears it.
func (a *API) say(_ context.Context, r *hub.PublishRequest) error {
	switch {
	case r.Room != chatRoom:
		return hub.Refuse("denied", "only the server writes here")
	case r.Conn.User() == "":
		return hub.Refuse("unauthorized", "say who you are first")
	}
	var said struct {
		Text string `json:"text"`
	}
	if r.Message.Binary || json.Unmarshal(r.Message.Data, &said) != nil {
		return hub.Refuse("bad_message", "a message is an object with a text")
	}
	said.Text = strings.TrimSpace(said.Text)
	switch n := utf8.RuneCountInString(said.Text); {
	case n == 0 || n > maxText:
		return hub.Refuse("bad_message", fmt.Sprintf("a message has 1 to %d characters", maxText))
	case strings.ContainsFunc(said.Text, isControl):
		return hub.Refuse("bad_message", "a message has no control characters")
	}
	data, err := json.Marshal(message{r.Conn.User(), said.Text, a.store.moment().UnixMilli()})
	r.Message.Event, r.Message.Data = "chat.said", data
	r.NoLog, r.NoEcho = false, false
	return err
}

// isControl reports whether r is a control character that text of several lines has not.
func isControl(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }
