package geist

import (
	"context"
	"errors"
	"time"
)

// NextWithin runs the rest of the chain as Next does, and bounds it as [Timeout] bounds
// a route: after d, [Ctx.Context] ends with the cause [ErrTimeout], and so does the wait
// for the body (408). A handler that then fails because of its context is answered with
// ErrTimeout, status 503. Nothing is stopped: a handler that does not look at its context
// returns when it likes, and what it returns counts.
//
// Of several bounds around a handler the one that ends first counts. When NextWithin has
// returned, Context is as it was before, so that neither what the middleware goes on to do
// nor a stream or a WebSocket is bounded. A context that a handler has kept stays as it
// is. It costs a look at the clock; a handler that does not ask for its context pays
// no more. If d is not positive, the time is over at once.
func (c *Ctx) NextWithin(d time.Duration) error {
	c.check()
	return c.within(time.Now().Add(d), (*Ctx).Next)
}

// timed returns h within a time.
func timed(d time.Duration, h Handler) Handler {
	return func(c *Ctx) error { return c.within(time.Now().Add(d), h) }
}

// within runs h, with its time over at the end.
func (c *Ctx) within(end time.Time, h Handler) error {
	outer := c.cold.until
	if !outer.IsZero() && !outer.After(end) {
		return h(c)
	}
	before := c.cold.ctx
	c.cold.used = true
	c.cold.until = end
	if before != nil {
		c.limitContext()
	}
	err := c.inTime(h(c))
	c.cold.until = outer
	if c.cold.ctx != nil {
		c.unlimitContext(before)
	}
	return err
}

// inTime returns ErrTimeout in place of an error that the end of the handlers' time has
// led to.
func (c *Ctx) inTime(err error) error {
	if err == nil || c.cold.until.IsZero() || !errors.Is(err, context.DeadlineExceeded) || asError(err) != nil ||
		time.Now().Before(c.cold.until) {
		return err
	}
	if _, ok := errors.AsType[*PanicError](err); ok {
		return err
	}
	return ErrTimeout.Wrap(err)
}

// limitContext gives the context the deadline of the handlers.
func (c *Ctx) limitContext() {
	c.cold.timed, c.cold.expire = context.WithDeadlineCause(c.cold.ctx, c.cold.until, ErrTimeout)
	c.cold.ctx = c.cold.timed
}

// unlimitContext makes the context what it was before limitContext, or would have been.
// What handlers have made of it since then keeps its values.
func (c *Ctx) unlimitContext(before context.Context) {
	after, timed := c.cold.ctx, c.cold.timed
	c.cold.ctx, c.cold.timed = before, nil
	if before == nil {
		c.cold.ctx = c.cold.own
		if !c.cold.until.IsZero() {
			c.limitContext()
		}
	}
	if after != timed {
		c.cold.ctx = handedContext{c.cold.ctx, context.WithoutCancel(after)}
	}
}
