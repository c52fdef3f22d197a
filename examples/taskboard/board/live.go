package board

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/hub"
)

// The rooms.
const (
	boardRoom = "board" // every change of a task, and who is there
	chatRoom  = "chat"  // what people say
)

// keepBytes is what a room keeps in memory at most, beside journalKeep messages.
const keepBytes = 1 << 20

// NewHub returns the hub of a board, whose rooms are kept in its store: who was there
// before a restart goes on where they were. Its owner shuts it down, and closes the store after it.
func NewHub(ctx context.Context, s *Store) (*hub.Hub, error) {
	h := hub.New(hub.Config{Journal: NewJournal(s), Room: func(name string) hub.RoomConfig {
		return hub.RoomConfig{KeepMessages: journalKeep, KeepBytes: keepBytes, KeepFor: -1, Presence: name == boardRoom}
	}})
	if err := openRooms(ctx, h); err != nil {
		return nil, errors.Join(err, h.Shutdown(ctx))
	}
	return h, nil
}

// openRooms says that the board is to be read anew: a process that was killed may have left a
// change in the database that it had not told. And it makes the chat a room of the journal's:
// who is there before anybody has spoken could not tell it from another after a restart.
func openRooms(ctx context.Context, h *hub.Hub) error {
	_, err := h.Publish(ctx, chatRoom, hub.Message{Event: "chat.opened"}, hub.NoLog())
	return errors.Join(err, publish(ctx, h, change{Event: "board.opened"}))
}

// change is what open pages hear: which of them it is stands in the data too, so that who
// only keeps the data knows it.
type change struct {
	// Event is task.changed or task.deleted; or tasks.imported or board.opened, after which
	// the tasks are to be read anew.
	Event string `json:"event" doc:"The event's name, for who keeps only the data."`
	Task  *Task  `json:"task,omitempty" doc:"The task as it is now, of task.changed."`
	ID    int64  `json:"id,omitempty" doc:"The task's, of task.deleted."`
}

// registerLive adds the way to hear of changes for whoever is no page: a stream of events
// that goes on where it broke off, as its client says by Last-Event-ID.
func (a *API) registerLive(r geist.Router) {
	r.SSE("/api/live", func(_ *geist.Ctx, s *geist.Stream) error { return s.Follow(a.live, boardRoom) }, append(changes(),
		geist.Body[resumed](), geist.Tags("live"), geist.Summary("Follow changes"), geist.Description(liveText))...).Name("followChanges")
}

// resumed describes the request of a stream, which its server reads.
type resumed struct {
	LastEventID string `header:"Last-Event-ID" doc:"The id of the last event that the client has; missing, it begins with what comes."`
}

const liveText = "A stream of every change of the board, which goes on where it broke off, by Last-Event-ID. After tasks.imported " +
	"and board.opened the tasks are to be read anew."

// changes describes what is published to the board's room.
func changes() []geist.RouteOption {
	return []geist.RouteOption{
		geist.Emits[change]("task.changed"), geist.Emits[change]("task.deleted"),
		geist.Emits[change]("tasks.imported"), geist.Emits[change]("board.opened"),
	}
}

// tell publishes a change, once it is in the database. Two changes of a task may be told in
// another order than they were made: the version of the task says which is newer.
//
// The change counts whether it can be told or not, and though its client has left.
func (a *API) tell(c *geist.Ctx, what change) {
	if err := publish(context.WithoutCancel(c.Context()), a.live, what); err != nil {
		c.Logger().Warn("a change was not told", "event", what.Event, "err", err)
	}
}

func (a *API) tellTask(c *geist.Ctx, t *Task) { a.tell(c, change{Event: "task.changed", Task: t}) }

func publish(ctx context.Context, h *hub.Hub, what change) error {
	data, err := json.Marshal(what)
	if err == nil {
		_, err = h.Publish(ctx, boardRoom, hub.Message{Event: what.Event, Data: data})
	}
	return err
}
