package geistclient

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// maxAsks is how many calls of OnAsk run at a time.
const maxAsks = 64

// handle does what a frame says. An error means that the frame breaks the protocol. Long on purpose:
// one case for each frame.
func (c *Client) handle(l *link, f frame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link != l && l.open {
		return nil // it was lost meanwhile
	}
	switch f.name {
	case "m", "t", "b":
		return c.messageLocked(&f)
	case "ok":
		return c.okLocked(l, &f)
	case "joined":
		return c.joinedLocked(l, &f)
	case "error":
		return c.errorLocked(l, &f)
	case "gap":
		return c.gapLocked(&f)
	case "presence":
		return c.presenceLocked(&f)
	case "left":
		return c.leftLocked(&f)
	case "welcome":
		return c.welcomeLocked(l, &f)
	case "ask":
		return c.askLocked(l, &f)
	case "bye":
		return c.byeLocked(l, &f)
	}
	return nil // of a later version
}

func (c *Client) messageLocked(f *frame) error {
	m, err := f.received()
	if err != nil {
		return err
	}
	m.Mine = strings.HasPrefix(m.ID, c.author+".")
	if m.Room != "" {
		if r := c.rooms[m.Room]; r != nil {
			r.messageLocked(m)
		}
		return nil
	}
	m.Position = Position{}
	c.direct.put(m)
	return nil
}

func (c *Client) okLocked(l *link, f *frame) error {
	var ref uint64
	if err := f.arg(0, &ref); err != nil {
		return err
	}
	d := c.answeredLocked(l, ref)
	if d == nil {
		return nil // given up
	}
	result := json.RawMessage("null")
	if len(f.args) > 1 {
		result = f.args[1]
	}
	if d.kind == kindShow {
		d.room.shown, _ = d.arg.(json.RawMessage) // nil shows nothing
	}
	c.endLocked(d, result, nil)
	c.pumpLocked()
	return nil
}

func (c *Client) joinedLocked(l *link, f *frame) error {
	var ref uint64
	var j joinedFrame
	if err := errors.Join(f.arg(0, &ref), f.arg(2, &j)); err != nil {
		return err
	}
	if d := c.answeredLocked(l, ref); d != nil {
		c.endLocked(d, nil, nil)
		if r := d.room; ref == r.joining {
			r.joinedLocked(j)
		}
		c.pumpLocked()
	}
	return nil
}

func (c *Client) errorLocked(l *link, f *frame) error {
	var ref uint64
	var retry retryFrame
	e := &Error{}
	if err := errors.Join(f.arg(0, &ref), f.arg(1, &e.Code), f.arg(2, &e.Text), f.arg(3, &retry)); err != nil {
		return err
	}
	e.Retry = millis(retry.Retry)
	if ref == 0 {
		l.complaint = e
		c.logger.Warn("the server complains", "code", e.Code, "text", e.Text)
		return nil
	}
	if d := c.answeredLocked(l, ref); d != nil {
		c.refusedLocked(l, d, e)
		c.pumpLocked()
	}
	return nil
}

func (c *Client) gapLocked(f *frame) error {
	var name string
	var g gapFrame
	if err := errors.Join(f.arg(0, &name), f.arg(1, &g)); err != nil {
		return err
	}
	if r := c.rooms[name]; r != nil {
		missed := int64(-1)
		if g.Missed != nil {
			missed = *g.Missed
		}
		r.gapLocked(g.Position, missed)
	}
	return nil
}

func (c *Client) presenceLocked(f *frame) error {
	var name string
	var p presenceFrame
	if err := errors.Join(f.arg(0, &name), f.arg(1, &p)); err != nil {
		return err
	}
	if r := c.rooms[name]; r != nil {
		r.presenceLocked(Presence(p))
	}
	return nil
}

func (c *Client) leftLocked(f *frame) error {
	var name string
	var e Error
	if err := errors.Join(f.arg(0, &name), f.arg(1, &e.Code), f.arg(2, &e.Text)); err != nil {
		return err
	}
	// While a join is under way this is about the time before it.
	if r := c.rooms[name]; r != nil && r.joining == 0 {
		r.endLocked(&e)
	}
	return nil
}

func (c *Client) welcomeLocked(l *link, f *frame) error {
	var w welcomeFrame
	if err := f.arg(0, &w); err != nil {
		return err
	}
	if l.open {
		return nil
	}
	if w.Author != "" {
		c.author = w.Author
	}
	c.identity = Identity{Conn: w.Conn, Author: c.author, User: w.User}
	if ttl := millis(w.TTL); ttl > 0 && c.conf.Token != nil {
		l.renewing = make(chan struct{})
		go l.renew(ttl, l.renewing)
	}
	c.openLocked(l)
	return nil
}

func (c *Client) byeLocked(l *link, f *frame) error {
	var b bye
	var retry struct{ Retry *float64 }
	if err := errors.Join(f.arg(0, &b.code), f.arg(1, &retry)); err != nil {
		return err
	}
	if retry.Retry != nil {
		b.retry, b.timed = millis(*retry.Retry), true
	}
	l.byeLocked(&b)
	return nil
}

func (c *Client) askLocked(l *link, f *frame) error {
	var n uint64
	m := Message{Data: []byte("null")}
	if err := errors.Join(f.arg(0, &n), f.arg(2, &m.Event)); err != nil {
		return err
	}
	if len(f.args) > 1 {
		m.Data = f.args[1]
	}
	if c.conf.OnAsk == nil {
		c.logger.Warn("the server asks, but there is no OnAsk", "event", m.Event)
		return nil
	}
	select {
	case c.asks <- struct{}{}:
		go c.answer(l, n, m)
	default:
		c.logger.Warn("not answered: too many calls of OnAsk", "event", m.Event, "limit", maxAsks)
	}
	return nil
}

// answer calls OnAsk. It ends with that.
func (c *Client) answer(l *link, n uint64, m Message) {
	defer func() { <-c.asks }()
	data, err := c.conf.OnAsk(l.ctx, m)
	arg := json.RawMessage("null")
	if err == nil && data != nil {
		arg, err = rawJSON(data)
	}
	if err != nil {
		c.logger.Warn("not answered", "event", m.Event, "error", err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link == l {
		l.sendLocked(encode(l.transport.compact(), "answer", n, arg))
	}
}

// ping asks whether the server is there.
func (c *Client) ping(l *link) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link == l {
		d := c.newCommandLocked(command{kind: kindPing})
		c.sendLocked(l, d) // past the window: it is about silence
	}
}

// renew sends a new token before the old one expires. It ends with the connection.
func (l *link) renew(ttl time.Duration, done chan<- struct{}) {
	defer close(done)
	for ttl > 0 {
		t := time.NewTimer(ttl / 5 * 4)
		select {
		case <-t.C:
		case <-l.ctx.Done():
			t.Stop()
			return
		}
		next, err := l.client.authenticate(l)
		if err != nil && l.ctx.Err() == nil {
			l.client.logger.Warn("token not renewed", "error", err)
			next = max(ttl/5, time.Second) // what is left of it, if it has not ended
		}
		ttl = next
	}
}

// authenticate sends a new token, and returns how long it holds. Zero is for ever.
func (c *Client) authenticate(l *link) (time.Duration, error) {
	token, err := c.token(l.ctx)
	if err != nil {
		return 0, err
	}
	c.mu.Lock()
	if c.link != l {
		c.mu.Unlock()
		return 0, context.Cause(l.ctx)
	}
	d := c.newCommandLocked(command{kind: kindAuth, arg: token})
	c.submitLocked(d)
	c.mu.Unlock()
	result, err := c.wait(l.ctx, d)
	if err != nil {
		return 0, err
	}
	var ok ttlFrame
	if err := json.Unmarshal(result, &ok); err != nil {
		return 0, err
	}
	return millis(ok.TTL), nil
}
