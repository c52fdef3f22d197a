package board

import (
	"context"
	"encoding/json"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/hub"
)

// room is where every change of a task is told.
const room = "tasks"

// change is what open pages hear: which of them it is stands in the data too, because a
// WebSocket has no names of events.
type change struct {
	Event string `json:"event"`          // task.changed, task.deleted or tasks.imported
	Task  *Task  `json:"task,omitempty"` // of task.changed, as it is now
	ID    int64  `json:"id,omitempty"`   // of task.deleted
}

// registerLive adds the two ways to hear of changes. A stream of events goes on where it
// broke off, as its client says by Last-Event-ID; a WebSocket begins anew.
func (a *API) registerLive(r geist.Router) {
	r.SSE("/api/live", func(_ *geist.Ctx, s *geist.Stream) error { return s.Follow(a.live, room) })
	r.WS("/api/live/ws", func(_ *geist.Ctx, ws *geist.Conn) error { return ws.Follow(a.live, room) })
}

// tell publishes a change, once it is in the database. Two changes of a task may be told in
// another order than they were made: the version of the task says which is newer.
//
// The change counts whether it can be told or not, and though its client has left.
func (a *API) tell(c *geist.Ctx, what change) {
	data, err := json.Marshal(what)
	if err == nil {
		_, err = a.live.Publish(context.WithoutCancel(c.Context()), room, hub.Message{Event: what.Event, Data: data})
	}
	if err != nil {
		c.Logger().Warn("a change was not told", "event", what.Event, "err", err)
	}
}

func (a *API) tellTask(c *geist.Ctx, t *Task) { a.tell(c, change{Event: "task.changed", Task: t}) }
