package geistclient

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// connect makes one attempt, by each transport in turn, and returns a connection that is open. The error is
// a *refusedError if the server has said why.
func (c *Client) connect(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, c.conf.ConnectTimeout)
	defer cancel()
	token, err := c.token(ctx)
	if err != nil {
		return nil, err
	}
	dialers := c.dialers()
	var errs []error
	for i, dial := range dialers {
		left := len(dialers) - i
		l, err := c.try(ctx, dial, token, c.conf.ConnectTimeout/time.Duration(left))
		var refused *refusedError
		if err == nil || errors.As(err, &refused) {
			return l, err
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// try makes one attempt by one transport.
func (c *Client) try(ctx context.Context, dial dialer, token string, limit time.Duration) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	l, err := c.newLink(ctx, dial, token)
	if err != nil {
		return nil, err
	}
	select {
	case <-l.welcomed:
		return l, nil
	case <-l.done:
	case <-ctx.Done():
		l.stop(context.Cause(ctx))
		<-l.done
	}
	end := c.lost(l)
	var said *Error
	if errors.As(end.err, &said) {
		return nil, &refusedError{end}
	}
	return nil, end.err
}

// token asks for the credentials, if there are any.
func (c *Client) token(ctx context.Context) (string, error) {
	if c.conf.Token == nil {
		return "", nil
	}
	token, err := c.conf.Token(ctx)
	if err != nil {
		return "", fmt.Errorf("geistclient: Config.Token: %w", err)
	}
	return token, nil
}

// refusedError is how the server has ended a connection before it was open.
type refusedError struct{ ending }

// Error returns what the ending says.
func (e *refusedError) Error() string { return e.err.Error() }

// Unwrap returns it.
func (e *refusedError) Unwrap() error { return e.err }

// run keeps a connection until the client is closed or the server ends it for good. It owns the
// connections and ends last.
func (c *Client) run(l *link) {
	for attempt := 0; ; {
		opened := time.Now()
		select {
		case <-l.done:
		case <-c.ctx.Done():
			l.close()
		}
		end := c.lost(l)
		if time.Since(opened) >= c.conf.MaxDelay {
			attempt = 0 // it was a good one
		}
		for l = nil; l == nil; attempt++ {
			if err := context.Cause(c.ctx); err != nil {
				c.finish(err)
				return
			}
			if end.fatal {
				c.finish(end.err)
				return
			}
			c.rest(attempt, end)
			if c.ctx.Err() == nil {
				l, end = c.again()
			}
		}
	}
}

// rest waits before the next attempt: as long as the server has said, or at random.
func (c *Client) rest(attempt int, end ending) {
	wait := end.wait
	if !end.timed {
		bound := c.conf.MinDelay
		for range attempt {
			if bound >= c.conf.MaxDelay {
				break
			}
			bound *= 2
		}
		bound = min(bound, c.conf.MaxDelay)
		wait += rand.N(bound)
	}
	c.setState(Waiting, end.err)
	c.logger.Info("connection lost", "error", end.err, "wait", wait)
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.ctx.Done():
	}
}

// again makes the next attempt.
func (c *Client) again() (*link, ending) {
	c.setState(Connecting, nil)
	l, err := c.connect(c.ctx)
	if err == nil {
		return l, ending{}
	}
	var refused *refusedError
	if errors.As(err, &refused) {
		return nil, refused.ending
	}
	end := ending{err: err}
	var status *StatusError
	if errors.As(err, &status) {
		end.wait = status.retry
	}
	return nil, end
}

// openLocked takes l into use: the rooms are joined, and what waits is sent. c.mu must be held.
func (c *Client) openLocked(l *link) {
	l.open, c.link = true, l
	close(l.welcomed)
	for _, r := range c.roomsLocked() {
		if !r.stalled {
			l.queue = append(l.queue, r.joinLocked())
		}
	}
	l.queue = append(l.queue, c.outbox...)
	c.setStateLocked(Open, nil)
	c.pumpLocked()
}

// roomsLocked returns the rooms in the order in which they were joined. c.mu must be held.
func (c *Client) roomsLocked() []*Room {
	return slices.SortedFunc(maps.Values(c.rooms), func(a, b *Room) int { return cmp.Compare(a.number, b.number) })
}

// lost takes l out of use, and decides what becomes of what was under way.
func (c *Client) lost(l *link) ending {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link == l {
		c.link = nil
	}
	if l.release != nil {
		l.release.Stop()
	}
	end := l.endingLocked()
	if !l.open {
		c.stray = time.Now()
	}
	if d := l.largestLocked(); l.tooLong() && d != nil {
		c.refusedLocked(l, d, &Error{Code: codeTooLarge, Text: "the server takes no frame that long"})
	}
	for _, d := range l.sent {
		c.cutLocked(d, end.err)
	}
	for _, d := range l.queue {
		if !d.kind.lasting() {
			c.cutLocked(d, end.err)
		}
	}
	for _, r := range c.rooms {
		r.in, r.joining = false, 0
	}
	return end
}

// largestLocked returns the command without an answer that has the longest frame: if one was too long for
// the server, then it. c.mu must be held.
func (l *link) largestLocked() *command {
	var largest *command
	for _, d := range l.sent {
		if largest == nil || d.size > largest.size {
			largest = d
		}
	}
	return largest
}

// cutLocked does to d what a broken connection does. c.mu must be held.
func (c *Client) cutLocked(d *command, err error) {
	switch {
	case d.repeats():
	case d.kind == kindLeave:
		c.endLocked(d, nil, nil)
	case d.kind.lasting():
		c.endLocked(d, nil, unknown(err))
	default:
		c.endLocked(d, nil, err)
	}
}
