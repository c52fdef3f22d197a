// Package recovery is middleware that says what happens with panics, beyond what the
// engine does with each: answer 500, log it with its stack, and go on.
//
//	app.Use(requestid.New(), logger.New(), recovery.New(recovery.Config{
//		OnPanic: func(c *geist.Ctx, p *geist.PanicError) { tracker.Report(p.Value, p.Stack) },
//	}))
//
// It bounds the stacks that are logged, can take secrets out of them, and tells an error
// tracker. And it makes an error of a panic in the middleware behind it, where the engine
// would skip what middleware in front of it does after c.Next: so a logger in front logs the
// status, a limiter releases its place. It never panics again. A handler that panics with
// [geist.ErrAbort], or net/http's ErrAbortHandler, cuts the connection as without recovery.
//
// It runs for 404, 405, automatic OPTIONS answers and redirects as for routes.
//
// # WebSockets and streams
//
// What panics after the chain has returned, the function of a stream or the loop of a
// WebSocket, ends its connection, a WebSocket with 1011. Redact, StackBytes and OnPanic
// apply to it too, on the goroutine on which it runs.
package recovery

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"

	"github.com/gogeist/geist"
)

// DefaultStackBytes is the default of Config.StackBytes: 16 KiB.
const DefaultStackBytes = 16 << 10

// Config holds the settings. The zero Config is a safe default. Its functions must be safe
// for many goroutines; if one panics, that is logged, and the request answered 500 all the
// same.
type Config struct {
	// StackBytes bounds the stack of a panic, which is cut at the end of a line. Zero means
	// 16 KiB; negative keeps no stack.
	StackBytes int

	// Redact returns what stands for the value of a panic wherever it would be seen: in
	// the log, in errors that middleware gets, and for OnPanic. Nil keeps the value.
	Redact func(value any) any

	// OnPanic is told of each panic, on the goroutine of the request, which waits: what takes long
	// belongs elsewhere. c is for the time of the call alone. Nil tells nobody.
	OnPanic func(c *geist.Ctx, p *geist.PanicError)
}

// New returns the middleware. It takes at most one Config. It allocates nothing.
func New(config ...Config) geist.Handler {
	conf := Config{}
	if len(config) > 1 {
		panic("recovery: New was given more than one Config: pass one")
	}
	if len(config) == 1 {
		conf = config[0]
	}
	if conf.StackBytes == 0 {
		conf.StackBytes = DefaultStackBytes
	}
	report := conf.report // made once: a method value allocates
	return func(c *geist.Ctx) (err error) {
		c.OnPanic(report)
		returned := false
		defer func() {
			if returned {
				return
			}
			if v := recover(); v != nil { // else the goroutine ends, which is for the engine
				err = conf.recovered(c, v)
			}
		}()
		err = c.Next()
		returned = true
		return err
	}
}

// recovered makes an error of a panic in middleware.
func (conf *Config) recovered(c *geist.Ctx, v any) (err error) {
	if err, ok := v.(error); ok {
		abort, sound := asksAbort(err)
		switch {
		case !sound:
			v = fmt.Sprintf("an error of type %T, which panics when it is asked", v)
		case abort:
			return err
		}
	}
	p := &geist.PanicError{Value: v, Stack: debug.Stack()}
	defer func() {
		if v := recover(); v != nil {
			c.Logger().Error("a function of recovery.Config panicked", "panic", fmt.Sprint(v))
			err = p
		}
	}()
	conf.report(c, p)
	return p
}

// asksAbort reports whether a panic is to cut the connection. An error that is not sound panics
// when it is asked, as a nil pointer may.
func asksAbort(err error) (abort, sound bool) {
	defer func() {
		if recover() != nil {
			abort, sound = false, false
		}
	}()
	_, _ = err.Error(), geist.StatusCode(err)
	return errors.Is(err, geist.ErrAbort) || errors.Is(err, http.ErrAbortHandler), true
}

// report applies the settings to a panic.
func (conf *Config) report(c *geist.Ctx, p *geist.PanicError) {
	p.Stack = cut(p.Stack, conf.StackBytes)
	if conf.Redact != nil {
		value := p.Value
		p.Value = redacted // if Redact panics, too
		p.Value = conf.Redact(value)
	}
	if conf.OnPanic != nil {
		conf.OnPanic(c, p)
	}
}

// redacted stands for a value of which Redact has said nothing.
const redacted = "redacted"

// cut returns the lines of a stack that fit into n bytes.
func cut(stack []byte, n int) []byte {
	switch {
	case n < 0:
		return nil
	case len(stack) <= n:
		return stack
	}
	return stack[:bytes.LastIndexByte(stack[:n], '\n')+1]
}
