package geist

import (
	"log/slog"
	"slices"
)

// This file is what middleware that watches requests asks of a Ctx: what to call at its
// end and when it panics, and what to log beside it.

// closer is a function for the end of a request.
type closer struct {
	f     func()
	lasts bool // for that of a followed stream, see OnEnd
}

// OnClose adds a function that runs when the request ends, or the stream or
// connection that it became, in reverse order of registration: after the answer
// is built, but before it is sent; after the last byte of a stream. It also runs
// after a panic.
func (c *Ctx) OnClose(f func()) {
	c.alive()
	c.cold.used = true
	c.cold.closers = append(c.cold.closers, closer{f: f})
}

// OnEnd is OnClose for a function that does not use the Ctx: of a stream that is
// followed ([Stream.Follow]), which keeps no Ctx, it runs when the stream has ended, as
// what [Stream.Keep] was given is closed. It may then run on any goroutine.
func (c *Ctx) OnEnd(f func()) {
	c.alive()
	c.cold.used = true
	c.cold.closers = append(c.cold.closers, closer{f: f, lasts: true})
}

// ending is a function of OnEnd as [Stream.Keep] takes it.
type ending func()

// Close runs the function.
func (f ending) Close() error {
	f()
	return nil
}

// lasting takes the functions of OnEnd out of the closers.
func (c *cold) lasting() (all []ending) {
	rest := c.closers[:0]
	for _, x := range c.closers {
		if x.lasts {
			all = append(all, x.f)
		} else {
			rest = append(rest, x)
		}
	}
	clear(c.closers[len(rest):])
	c.closers = rest
	return all
}

// onPanicKey holds the function that OnPanic was given.
var onPanicKey = NewKey[func(*Ctx, *PanicError)]("panic")

// OnPanic has f called when a handler, stream, connection or OnClose function of the
// request panics, on the goroutine that did, before the panic is logged and answered. f may report
// it, and change what is logged: the Value, and the Stack. A panic of middleware that other
// middleware recovers is not seen, nor is one with [ErrAbort]. The last f counts; nil ends it.
func (c *Ctx) OnPanic(f func(c *Ctx, p *PanicError)) { onPanicKey.Set(c, f) }

// panicError wraps what was panicked with, and tells who wants to know.
func (c *Ctx) panicError(v any) error {
	err := newPanicError(v)
	c.reportPanic(err)
	return err
}

// reportPanic calls the function that OnPanic was given. A panic of that is logged.
func (c *Ctx) reportPanic(err error) {
	p, ok := err.(*PanicError) //nolint:errorlint // what newPanicError has returned
	if !ok {
		return
	}
	if f, _ := onPanicKey.Get(c); f != nil {
		defer func() {
			if v := recover(); v != nil {
				c.logFailure(c.status(), newPanicError(v))
			}
		}()
		f(c, p)
	}
}

// Logger returns the engine's logger with the request's method and route, and with what
// AddLogAttrs has added. It may be kept and used from other goroutines.
func (c *Ctx) Logger() *slog.Logger {
	c.alive()
	if c.cold.logger == nil {
		c.cold.used = true
		args := []any{"method", c.Method(), "route", c.Pattern()}
		for _, a := range c.LogAttrs() {
			args = append(args, a)
		}
		c.cold.logger = c.engine.set.logger().With(args...)
	}
	return c.cold.logger
}

// SetLogger replaces what Logger returns for the rest of the request, for
// middleware that adds attributes to it.
func (c *Ctx) SetLogger(l *slog.Logger) {
	c.alive()
	c.cold.used = true
	c.cold.logger = l
}

// logAttrs are the attributes of one request. They stay with the Ctx, as the box of a
// Key does, so that adding some allocates nothing.
type logAttrs struct{ list []slog.Attr }

func (l *logAttrs) reset() {
	clear(l.list)
	l.list = l.list[:0]
}

func (l *logAttrs) clone() resetter { return &logAttrs{slices.Clone(l.list)} }

func (l *logAttrs) apart(*Ctx) resetter { return l.clone() }

// logAttrsKey is the identity of logAttrs among the locals.
var logAttrsKey = NewKey[logAttrs]("log attributes")

// AddLogAttrs adds attributes to what is logged of the request: by Logger, also one that
// SetLogger has set, and by the engine when the request fails. Unlike SetLogger it allocates
// nothing before something is logged. Strings in it must outlive the request.
func (c *Ctx) AddLogAttrs(attrs ...slog.Attr) {
	c.alive()
	c.cold.used = true
	l := c.findLogAttrs()
	if l == nil {
		l = new(logAttrs)
		c.locals = append(c.locals, local{logAttrsKey.id, l})
	}
	l.list = append(l.list, attrs...)
	if c.cold.logger != nil {
		c.extendLogger(attrs)
	}
}

// extendLogger adds attributes to a logger that is there already.
func (c *Ctx) extendLogger(attrs []slog.Attr) {
	for _, a := range attrs {
		c.cold.logger = c.cold.logger.With(a)
	}
}

// LogAttrs returns what AddLogAttrs has added in this request, in that order. The slice is
// borrowed: it is valid until the handler returns and must not be changed.
func (c *Ctx) LogAttrs() []slog.Attr {
	c.alive()
	if l := c.findLogAttrs(); l != nil {
		return l.list
	}
	return nil
}

func (c *Ctx) findLogAttrs() *logAttrs {
	for i := range c.locals {
		if c.locals[i].id == logAttrsKey.id {
			return c.locals[i].box.(*logAttrs)
		}
	}
	return nil
}
