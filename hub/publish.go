package hub

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// PublishOption is an option of Publish.
type PublishOption struct {
	except ConnID
	noLog  bool
	once   bool
	since  Pos // of once
}

// Except leaves one connection out: the one that the message came from. It may be on
// another node.
func Except(id ConnID) PublishOption { return PublishOption{except: id} }

// NoLog keeps the message out of the history: whoever is there receives it, and who
// resumes later does not learn of it. It is for what is soon out of date, such as who
// is typing.
func NoLog() PublishOption { return PublishOption{noLog: true} }

// Publish sends a message to all who are in a room, and adds it to the room's history.
// It returns its position, or the zero Pos if nobody was there and nothing is kept.
//
// Without a Backplane it does not wait: with few subscribers it writes what their
// sockets take at once, with many others do that. With one it waits for the backplane,
// bounded by ctx. A ctx that has ended publishes nothing.
//
// It returns ErrClosed, ErrRoomName, ErrMessage, ErrTooManyRooms (a message to be kept
// makes a room), a *PanicError of Config.Room, ErrBackplane, the error of ctx, or
// with Once ErrUnknownOutcome.
func (h *Hub) Publish(ctx context.Context, room string, msg Message, opts ...PublishOption) (Pos, error) {
	if err := h.check(ctx); err != nil {
		return Pos{}, err
	}
	if err := h.checkName(room); err != nil {
		return Pos{}, err
	}
	if err := h.checkMessage(&msg); err != nil {
		return Pos{}, err
	}
	p := post{msg: msg}
	for _, o := range opts {
		p.noLog = p.noLog || o.noLog
		if o.once {
			p.once = &repetition{since: o.since}
		}
		if !o.except.IsZero() {
			p.except = o.except
		}
	}
	if err := p.checkOnce(); err != nil {
		return Pos{}, err
	}
	if h.conf.Backplane != nil {
		return h.publishFar(ctx, room, &p)
	}
	return h.publishNear(room, &p)
}

func (h *Hub) checkMessage(m *Message) error {
	switch {
	case len(m.Data) > h.conf.MaxMessage:
		return fmt.Errorf("%w: %d bytes of data, %d are allowed", ErrMessage, len(m.Data), h.conf.MaxMessage)
	case !m.Binary && !utf8.Valid(m.Data):
		return fmt.Errorf("%w: the text is not UTF-8", ErrMessage)
	}
	if m.Event == "" && m.ID == "" {
		return nil
	}
	if err := checkLine("event", m.Event, maxEvent); err != nil {
		return err
	}
	return checkLine("ID", m.ID, maxID)
}

// checkLine refuses what is no line of text.
func checkLine(what, text string, most int) error {
	switch {
	case len(text) > most:
		return fmt.Errorf("%w: the %s has %d bytes, %d are allowed", ErrMessage, what, len(text), most)
	case strings.ContainsAny(text, "\r\n\x00") || !utf8.ValidString(text):
		return fmt.Errorf("%w: the %s has CR, LF, NUL or invalid UTF-8 in it", ErrMessage, what)
	}
	return nil
}

// publishNear delivers to those on this node. A room that does not exist is made if it
// keeps the message.
func (h *Hub) publishNear(name string, p *post) (Pos, error) {
	if r := h.lookup(name); r != nil {
		if pos, ok := r.publish(p); ok {
			return pos, p.once.failed()
		}
	}
	if keeps, err := h.keeps(name, p); err != nil || !keeps {
		return Pos{}, err
	}
	r, err := h.pin(name)
	if err != nil {
		return Pos{}, err
	}
	defer h.unpin(r)
	pos, _ := r.publish(p) // lives while it is pinned
	return pos, p.once.failed()
}

// keeps reports whether a room that does not exist would keep a message, or has to say
// what it knows of it.
func (h *Hub) keeps(name string, p *post) (bool, error) {
	if p.noLog {
		return false, nil
	}
	conf, err := h.roomConfig(name)
	return p.once != nil || conf.keeps() && p.msg.size() <= conf.KeepBytes, err
}

// publish appends to the log and has the subscribers woken. It reports false if the
// room is dead.
func (r *room) publish(p *post) (Pos, bool) {
	var c *Conn
	if !p.except.IsZero() {
		c = r.hub.conn(p.except)
	}
	if c != nil {
		c.mu.Lock() // before the log: the one that is left out must know before it can see
	}
	r.mu.Lock()
	pos, ok := r.acceptLocked(p, c)
	chunks, n := r.toWakeLocked()
	r.mu.Unlock()
	if c != nil {
		c.mu.Unlock()
	}
	r.hub.flush.wake(chunks, n)
	return pos, ok
}

// acceptLocked appends to the log of a living room. The lock of c, which is left out
// unless it is nil, must be held too.
func (r *room) acceptLocked(p *post, c *Conn) (Pos, bool) {
	if r.dead {
		return Pos{}, false
	}
	if p.once != nil {
		if pos, err := r.publishedLocked(p); err != nil || !pos.IsZero() {
			p.once.err = err
			return pos, true
		}
		r.idle = nanos() // even if it is not kept, the room has to know of it for a while
	}
	if c != nil {
		if s := c.subLocked(r); s != nil {
			x := s.extra()
			x.skips = append(x.skips, r.seq.Load()+1)
		}
	}
	r.hub.count(&r.hub.total.published, 1)
	return r.appendLocked(p), true
}

// toWakeLocked returns whom to wake now: nobody if messages are to be gathered first.
func (r *room) toWakeLocked() (chunks []*chunk, n int) {
	switch {
	case r.conf.Coalesce == 0:
		return r.members.chunks, r.members.n
	case r.armed || r.dead:
	case r.timer == nil:
		r.armed = true
		r.timer = time.AfterFunc(r.conf.Coalesce, r.flushNow)
	default:
		r.armed = true
		r.timer.Reset(r.conf.Coalesce)
	}
	return nil, 0
}

// flushNow wakes all who are in the room. It runs in the goroutine of a timer, or of
// Shutdown, and does not wait.
func (r *room) flushNow() {
	r.mu.Lock()
	r.armed = false
	chunks, n := r.members.chunks, r.members.n
	r.mu.Unlock()
	r.hub.flush.wake(chunks, n)
}
