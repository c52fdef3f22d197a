package board

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
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
	r.Rooms("/rt", a.live, a.policy, append(changes(), geist.Emits[message]("chat.said"), geist.Tags("live"),
		geist.Security(a.access.sessions.Scheme()), geist.Returns[geist.Problem](401, "Nobody has signed in."),
		geist.Summary("Talk in rooms"), geist.Description(roomsText))...).Name("rooms")
}

const roomsText = "The rooms board, which tells of changes, and chat, in the protocol geist.v1: by a WebSocket, or by a stream of events " +
	"and commands that are posted. Who has signed in enters them, and members write in the chat. A key does, too."

// policy lets in who has signed in, for as long as that holds.
func (a *API) policy(c *geist.Ctx) (hub.Policy, error) {
	v, err := a.access.visit(c)
	if err != nil {
		return hub.Policy{}, err
	}
	return hub.Policy{
		User: v.person.Name, Expires: v.ends, Join: v.join,
		Publish: func(_ context.Context, r *hub.PublishRequest) error { return a.say(v.person, r) },
	}, nil
}

// shown is what somebody shows of what they do.
type shown struct {
	Editing int64 `json:"editing,omitempty"` // a task
	Typing  bool  `json:"typing,omitempty"`  // a message
}

// join lets visitors into both rooms, and out when they have signed out. What they show is
// brought into its form.
func (v *visit) join(ctx context.Context, r *hub.JoinRequest) error {
	if !r.Renewal || r.Shown == nil { // what is shown changes with every key
		if err := v.still(ctx); err != nil {
			return err
		}
		r.Expires = time.Now().Add(askAgain)
	}
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

// say lets members into the chat, and nobody into the board, which the API writes. Who says it
// and when comes from the server: nobody speaks for another, and everybody hears it.
func (a *API) say(who Person, r *hub.PublishRequest) error {
	switch {
	case r.Room != chatRoom:
		return hub.Refuse("denied", "only the server writes here")
	case !who.Role.May(Member):
		return errDenied
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
	data, err := json.Marshal(message{who.Name, said.Text, a.store.moment().UnixMilli()})
	r.Message.Event, r.Message.Data = "chat.said", data
	r.NoLog, r.NoEcho = false, false
	return err
}

// isControl reports whether r is a control character that text of several lines has not.
func isControl(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }
