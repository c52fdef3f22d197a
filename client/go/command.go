package geistclient

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// command is something that the server is asked and has not answered yet. What becomes of it
// when the connection breaks depends on its kind:
//
//	pub, show        sent again over the next connection, with the same ref
//	call, pub NoLog  sent then, unless it was sent already: that is an unknown outcome
//	leave            done: the server has taken a connection that ends out of its rooms
//	join             forgotten: rooms are joined anew, with new refs
//	auth, ping       forgotten
type command struct {
	ref  uint64
	kind commandKind
	room *Room   // nil of a call, auth, ping, and a pub to a room that the client is not in
	name string  // of the room or the call
	arg  any     // of join, show, call and auth, in JSON
	msg  Message // of a pub
	done chan struct{}

	// What follows is guarded by Client.mu.
	since  Position // of a pub that was sent: where the room stood when it was sent first
	first  *link    // the connection that it was sent over first
	size   int      // of the frame, in bytes
	ended  bool     // done is closed
	result json.RawMessage
	err    error
}

type commandKind uint8

const (
	kindJoin commandKind = iota
	kindLeave
	kindPub
	kindShow
	kindAuth
	kindCall
	kindPing
)

// maxWindow is how many commands may be under way unanswered. Servers let 100 be sent at once by
// default; after a reconnect there may be more to repeat. When that was too much they go one by one, until
// none waits any more: what a server refuses counts, too.
const maxWindow = 64

// pause is how long to wait with what the server cannot do now, if it does not say so.
const pause = time.Second

// lasting reports whether a command outlives connections.
func (k commandKind) lasting() bool { return k == kindPub || k == kindShow || k == kindCall }

// repeats reports whether it may be sent again over another connection. The server recognises a pub by
// looking into the log, behind the place where the client stood, or at all of it.
func (d *command) repeats() bool {
	return d.kind == kindShow || d.kind == kindPub && !d.msg.NoLog
}

// encode returns the frame. Client.mu must be held.
func (d *command) encode(compact bool) []byte {
	switch d.kind {
	case kindJoin:
		return encode(compact, "join", d.ref, d.name, d.arg)
	case kindLeave:
		return encode(compact, "leave", d.ref, d.name)
	case kindPub:
		p := pub{ref: d.ref, room: d.name, msg: &d.msg, again: d.first != nil, since: d.since}
		return p.encode(compact)
	case kindShow:
		return encode(compact, "show", d.ref, d.name, d.arg)
	case kindAuth:
		return encode(compact, "auth", d.ref, d.arg)
	case kindCall:
		return encode(compact, "call", d.ref, d.name, d.arg)
	}
	return encode(compact, "ping", d.ref)
}

// newCommandLocked gives a command the next ref. c.mu must be held.
func (c *Client) newCommandLocked(d command) *command {
	c.ref++
	d.ref, d.done = c.ref, make(chan struct{})
	return &d
}

// submitLocked sends d over the connection, or over the next one if it lasts. c.mu must be held.
func (c *Client) submitLocked(d *command) {
	if d.kind.lasting() {
		c.outbox = append(c.outbox, d)
	}
	if c.link != nil {
		c.link.queue = append(c.link.queue, d)
		c.pumpLocked()
	}
}

// pumpLocked sends what the window allows. c.mu must be held.
func (c *Client) pumpLocked() {
	l := c.link
	if l == nil || l.held {
		return
	}
	for len(l.queue) > 0 && len(l.sent) < l.window {
		d := l.queue[0]
		l.queue[0] = nil
		l.queue = l.queue[1:]
		if !d.ended {
			c.sendLocked(l, d)
		}
	}
	if len(l.queue) == 0 {
		l.window = maxWindow
	}
}

func (c *Client) sendLocked(l *link, d *command) {
	p := d.encode(l.transport.compact())
	if d.first == nil {
		d.first = l
		if d.kind == kindPub && d.room != nil {
			d.since = d.room.pos // a second attempt asks behind this
		}
	}
	d.size = len(p)
	l.sent[d.ref] = d
	l.sendLocked(p)
}

// answeredLocked returns the command with that ref, which is under way no more, or nil. c.mu must be held.
func (c *Client) answeredLocked(l *link, ref uint64) *command {
	d := l.sent[ref]
	delete(l.sent, ref)
	return d
}

// endLocked ends d with a result or an error. c.mu must be held.
func (c *Client) endLocked(d *command, result json.RawMessage, err error) {
	if d.ended {
		return
	}
	d.ended, d.result, d.err = true, result, err
	if d.kind.lasting() {
		c.outbox = slices.DeleteFunc(c.outbox, func(other *command) bool { return other == d })
	}
	close(d.done)
}

// refusedLocked takes an error for an answer. What the client repeats by itself it repeats later, if
// that may help; anything else is up to whoever asked. c.mu must be held.
func (c *Client) refusedLocked(l *link, d *command, e *Error) {
	again := d.kind == kindJoin && d.room.wasJoinedLocked() || d.attempted(l)
	if !again || !e.temporary() {
		c.endLocked(d, nil, e)
		if d.kind == kindJoin && d.ref == d.room.joining {
			d.room.endLocked(e)
		}
		return
	}
	wait := e.Retry
	if wait <= 0 {
		wait = pause
	}
	c.logger.Info("repeated later", "command", d.ref, "code", e.Code, "wait", wait)
	l.holdLocked(wait, d)
}

// attempted reports whether d was sent over another connection before.
func (d *command) attempted(l *link) bool { return d.first != nil && d.first != l }

// wait waits for the answer. If ctx ends before, d is given up.
func (c *Client) wait(ctx context.Context, d *command) (json.RawMessage, error) {
	select {
	case <-d.done:
		return d.result, d.err
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if d.ended {
		return d.result, d.err
	}
	err := ctx.Err()
	if d.first != nil {
		err = unknown(err)
	}
	c.endLocked(d, nil, err)
	return nil, err
}

// unknown returns an error that is both err and ErrUnknownOutcome.
func unknown(err error) error { return fmt.Errorf("%w: %w", ErrUnknownOutcome, err) }

// do sends a command and waits for its result. A ctx that has ended sends nothing.
func (c *Client) do(ctx context.Context, d command) (json.RawMessage, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return nil, c.err
	}
	p := c.newCommandLocked(d)
	c.submitLocked(p)
	c.mu.Unlock()
	return c.wait(ctx, p)
}
