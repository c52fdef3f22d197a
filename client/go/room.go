package geistclient

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
)

// Room is a room that a client is in, over all its connections: after each reconnect it is joined
// again, behind the last message that was received. All methods may be called by several goroutines.
type Room struct {
	client  *Client
	name    string
	number  uint64 // rooms are joined again in this order
	options JoinOptions
	inbox   *inbox
	ready   chan struct{} // closed when the room was joined first, or never will be

	// What follows is guarded by client.mu.
	shown   json.RawMessage
	pos     Position          // behind it nothing was received
	joining uint64            // ref of the join under way, or 0
	in      bool              // joined on this connection
	stalled bool              // left until somebody reads what waits
	owed    *Position         // joined there without what lies between: the server's gap is still to come
	members map[string]Member // by connection
	count   int
	err     error // why the room has ended
}

// JoinOptions is what Client.Join takes. The zero JoinOptions follows the room from now on.
type JoinOptions struct {
	// Last asks for the newest messages of the history, so many at most. It is ignored with Since.
	Last int
	// Since asks for what came behind a place. If the room does not have all of it, a Gap comes first.
	Since Position
	// Presence asks to be told who is there.
	Presence bool
	// Show is what the others may know of this connection, if it can be marshalled to JSON. Nil
	// shows nothing.
	Show any
}

// joinFrame is what options are in a frame.
type joinFrame struct {
	Since    []any           `json:"since,omitempty"`
	Last     int             `json:"last,omitempty"`
	Presence bool            `json:"presence,omitempty"`
	Show     json.RawMessage `json:"show,omitempty"`
}

// Join joins a room. While there is no connection it waits for one. If it returns an error, the client
// is not in the room: ErrAlreadyJoined, ErrMessage if Show cannot be marshalled, ErrClosed, the *Error
// of the server, or that of ctx. ctx is of no meaning afterwards.
func (c *Client) Join(ctx context.Context, room string, options JoinOptions) (*Room, error) {
	shown, err := marshal(options.Show)
	if err != nil {
		return nil, fmt.Errorf("join %s: %w", room, err)
	}
	r, err := c.join(room, options, shown)
	if err != nil {
		return nil, fmt.Errorf("join %s: %w", room, err)
	}
	select {
	case <-r.ready:
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case r.err != nil:
		return nil, fmt.Errorf("join %s: %w", room, r.err)
	case !r.wasJoinedLocked():
		r.leaveLocked()
		return nil, fmt.Errorf("join %s: %w", room, ctx.Err())
	}
	return r, nil
}

// join enters a room into the client's, and asks for it if there is a connection.
func (c *Client) join(room string, options JoinOptions, shown json.RawMessage) (*Room, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.err != nil:
		return nil, c.err
	case c.rooms[room] != nil:
		return nil, ErrAlreadyJoined
	}
	c.number++
	r := &Room{
		client: c, name: room, number: c.number, options: options, shown: shown,
		inbox: newInbox(c.conf.Buffer, false), ready: make(chan struct{}), members: map[string]Member{},
	}
	c.rooms[room] = r
	if c.link != nil {
		c.submitLocked(r.joinLocked())
	}
	return r, nil
}

func marshal(v any) (json.RawMessage, error) {
	if v == nil {
		return nil, nil
	}
	p, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	return p, nil
}

// wasJoinedLocked reports whether r was joined once. client.mu must be held.
func (r *Room) wasJoinedLocked() bool {
	select {
	case <-r.ready:
		return r.err == nil
	default:
		return false
	}
}

// joinLocked returns the command that joins r, where it stands. client.mu must be held.
func (r *Room) joinLocked() *command {
	o := joinFrame{Presence: r.options.Presence, Show: r.shown}
	switch {
	case !r.pos.IsZero():
		o.Since = r.pos.pair()
	case !r.options.Since.IsZero():
		o.Since = r.options.Since.pair()
	default:
		o.Last = r.options.Last
	}
	d := r.client.newCommandLocked(command{kind: kindJoin, room: r, name: r.name})
	if o.Since != nil || o.Last != 0 || o.Presence || o.Show != nil {
		d.arg = o
	}
	r.joining, r.in = d.ref, false
	return d
}

// joinedLocked takes the answer. client.mu must be held.
func (r *Room) joinedLocked(j joinedFrame) {
	r.joining, r.in, r.owed = 0, true, nil
	since := r.pos
	if since.IsZero() {
		since = r.options.Since
	}
	switch {
	case since.IsZero() || j.Recovered:
		r.pos = j.Position
	default:
		// Until the gap is told r stands where it stood: a connection that breaks before does not hide it.
		r.pos, r.owed = since, &j.Position
	}
	if !r.wasJoinedLocked() {
		close(r.ready)
	}
}

// messageLocked takes a message, unless it is known already. client.mu must be held.
func (r *Room) messageLocked(m Message) {
	if r.in && r.owed != nil {
		r.gapLocked(*r.owed, -1) // the server has not told it
	}
	// Not in is of the time before a join that is under way, or would have been too much.
	if !r.in || m.Position.Offset <= r.pos.Offset {
		return
	}
	m.Position.Epoch = r.pos.Epoch
	if r.putLocked(m) {
		r.pos = m.Position
	}
}

// gapLocked takes a gap. client.mu must be held.
func (r *Room) gapLocked(to Position, missed int64) {
	if !r.in {
		return
	}
	if r.putLocked(Message{Room: r.name, Position: to, Gap: &Gap{From: r.pos, To: to, Missed: missed}}) {
		r.pos, r.owed = to, nil
	}
}

// presenceLocked takes a change of who is there. client.mu must be held.
func (r *Room) presenceLocked(p Presence) {
	if !r.in || !r.putLocked(Message{Room: r.name, Presence: &p}) {
		return
	}
	if p.Reset {
		clear(r.members)
	}
	for _, m := range slices.Concat(p.Joined, p.Updated) {
		r.members[m.Conn] = m
	}
	for _, id := range p.Left {
		delete(r.members, id)
	}
	r.count = p.Count
}

// putLocked lets m be received, or reports false and leaves the room until there is space. client.mu
// must be held.
func (r *Room) putLocked(m Message) bool {
	if r.inbox.put(m) {
		return true
	}
	r.in, r.stalled = false, true
	r.client.logger.Warn("nobody reads the room, left for now", "room", r.name)
	r.client.submitLocked(r.client.newCommandLocked(command{kind: kindLeave, room: r, name: r.name}))
	return false
}

// endLocked takes r out of the client. client.mu must be held.
func (r *Room) endLocked(err error) {
	if r.err != nil {
		return
	}
	first := !r.wasJoinedLocked()
	r.err, r.in, r.joining, r.stalled = err, false, 0, false
	if r.client.rooms[r.name] == r {
		delete(r.client.rooms, r.name)
	}
	r.inbox.close(err)
	if first {
		close(r.ready)
	}
}

// leaveLocked ends r, and returns the command that tells the server, or nil if it need not
// know. client.mu must be held.
func (r *Room) leaveLocked() *command {
	known := r.in || r.joining != 0
	r.endLocked(ErrLeft)
	c := r.client
	if !known || c.link == nil {
		return nil
	}
	d := c.newCommandLocked(command{kind: kindLeave, room: r, name: r.name})
	c.submitLocked(d)
	return d
}

// Leave leaves the room, and waits for the server to know. What was received before can still be read.
// The error is that of ctx, of the server, or why the room has ended before; the room is left in any
// case.
func (r *Room) Leave(ctx context.Context) error {
	c := r.client
	c.mu.Lock()
	if err := r.err; err != nil {
		c.mu.Unlock()
		return err
	}
	d := r.leaveLocked()
	c.mu.Unlock()
	if d == nil {
		return nil
	}
	_, err := c.wait(ctx, d)
	return err
}

// Name returns the name of the room.
func (r *Room) Name() string { return r.name }

// Position returns where the room stands: nothing behind it was received by the client. Whoever wants
// to go on there later, by JoinOptions.Since, takes Message.Position of the last message that was dealt
// with.
func (r *Room) Position() Position {
	r.client.mu.Lock()
	defer r.client.mu.Unlock()
	return r.pos
}

// Members returns who is there, by connection, and how many are: more than are returned if the room is
// too large to be listed whole. While the client is not connected they are those who were there last. It
// is for rooms joined with JoinOptions.Presence.
func (r *Room) Members() (members []Member, count int) {
	r.client.mu.Lock()
	defer r.client.mu.Unlock()
	members = slices.SortedFunc(maps.Values(r.members), func(a, b Member) int { return cmp.Compare(a.Conn, b.Conn) })
	return members, r.count
}

// Receive waits for the next message, gap or change of presence. Several goroutines that call it share
// what comes. What was received before the end of the room comes first. Then the error is ErrLeft,
// ErrClosed, or the *Error with which the server has taken the client out of the room. An error of ctx
// ends nothing.
func (r *Room) Receive(ctx context.Context) (Message, error) {
	m, low, err := r.inbox.receive(ctx)
	if low {
		r.resume()
	}
	return m, err
}

// Messages is Receive in a loop, which ends with the first error:
//
//	for m, err := range room.Messages(ctx) {
//		if err != nil {
//			return err
//		}
//		…
//	}
func (r *Room) Messages(ctx context.Context) iter.Seq2[Message, error] { return each(ctx, r.Receive) }

// resume joins a room again that was left because nobody was reading.
func (r *Room) resume() {
	c := r.client
	c.mu.Lock()
	defer c.mu.Unlock()
	if !r.stalled {
		return
	}
	r.stalled = false
	if c.link != nil {
		c.submitLocked(r.joinLocked())
	}
}

// Publish sends a message to all in the room and waits until the server has it. While there is no
// connection it waits for one; if the connection breaks, the message is sent again over the next, in
// such a way that the server publishes it once. It returns the message's position, which is zero if
// nobody was there and nothing is kept, or an error:
//
//   - *Error if the server refuses. ErrUnknownOutcome is one of them: the server no longer knows
//     whether it has published the message.
//   - ErrMessage if it cannot be sent, ErrLeft or another reason if the room has ended.
//   - That of ctx, or ErrClosed; with ErrUnknownOutcome beside it if the message was sent already,
//     and may be published.
//
// In which order messages are published that are under way at the same time is not defined.
func (r *Room) Publish(ctx context.Context, m Message) (Position, error) {
	if err := r.failure(); err != nil {
		return Position{}, fmt.Errorf("publish to %s: %w", r.name, err)
	}
	return r.client.publish(ctx, r.name, r, m)
}

// failure returns why the room has ended, or nil.
func (r *Room) failure() error {
	r.client.mu.Lock()
	defer r.client.mu.Unlock()
	return r.err
}

// Show changes what the others may know of this connection; see JoinOptions.Show. It returns ErrMessage
// if v cannot be marshalled, the *Error of the server, why the room has ended, or the error of ctx.
func (r *Room) Show(ctx context.Context, v any) error {
	shown, err := marshal(v)
	if err != nil {
		return err
	}
	if err := r.failure(); err != nil {
		return err
	}
	d := command{kind: kindShow, room: r, name: r.name}
	if shown != nil {
		d.arg = shown
	}
	if _, err := r.client.do(ctx, d); err != nil {
		return fmt.Errorf("show in %s: %w", r.name, err)
	}
	return nil
}
