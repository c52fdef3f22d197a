package concurrency

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/gogeist/geist"
)

// Defaults of [Config].
const (
	// DefaultMaxWait is the default of Config.MaxWait: a second.
	DefaultMaxWait = time.Second
	// DefaultTarget is the default of Config.Target: 20 milliseconds.
	DefaultTarget = 20 * time.Millisecond
	// DefaultInterval is the default of Config.Interval: 100 milliseconds.
	DefaultInterval = 100 * time.Millisecond
	// DefaultRetryAfter is the default of Config.RetryAfter: a second.
	DefaultRetryAfter = time.Second
)

// Config holds the settings of [New]. Limit must be given.
type Config struct {
	// Limit is how many requests are handled at once. New panics if it is not positive.
	Limit int

	// Queue is how many more may wait. Zero means as many as Limit; negative lets none wait.
	Queue int

	// MaxWait bounds the wait of one request. Zero means a second. New panics if it is negative.
	MaxWait time.Duration

	// Target is the wait that is no sign of overload. Zero means 20ms. New panics if it is negative.
	Target time.Duration

	// Interval is for how long every wait must be longer than Target before load is
	// shed. Zero means 100ms. New panics if it is shorter than Target.
	Interval time.Duration

	// RetryAfter is what refused clients are told, in whole seconds. Zero means a second. New panics
	// if it is negative.
	RetryAfter time.Duration

	// Key gives each key limits of its own. It must be safe for any number of goroutines. Nil means
	// one limit for all requests.
	Key func(c *geist.Ctx) string

	// HoldStreams lets WebSockets and streams keep their slot until they end.
	HoldStreams bool
}

// resolve returns the Config with its defaults, or panics.
func (conf Config) resolve() Config {
	orDefault := func(name string, d *time.Duration, fallback time.Duration) {
		if *d < 0 {
			panic(fmt.Sprintf("concurrency: Config.%s is %s: give a positive time, or 0 for %s", name, *d, fallback))
		}
		if *d == 0 {
			*d = fallback
		}
	}
	if conf.Limit < 1 {
		panic(fmt.Sprintf("concurrency: Config.Limit is %d: say how many requests are handled at once", conf.Limit))
	}
	orDefault("MaxWait", &conf.MaxWait, DefaultMaxWait)
	orDefault("Target", &conf.Target, DefaultTarget)
	orDefault("Interval", &conf.Interval, max(DefaultInterval, conf.Target))
	orDefault("RetryAfter", &conf.RetryAfter, DefaultRetryAfter)
	if conf.Interval < conf.Target {
		panic(fmt.Sprintf("concurrency: Config.Interval is %s, shorter than Target, %s: no wait could then be too long", conf.Interval, conf.Target))
	}
	switch {
	case conf.Queue == 0:
		conf.Queue = conf.Limit
	case conf.Queue < 0:
		conf.Queue = 0
	}
	return conf
}

// New returns middleware that bounds how many requests are handled at once: the Handle of a
// new [Limiter]. It panics for a Config that makes no sense, and for more than one.
func New(config ...Config) geist.Handler {
	if len(config) != 1 {
		panic("concurrency: New takes one Config: give it a Limit")
	}
	return NewLimiter(config[0]).Handle
}

// NewLimiter returns a Limiter. It panics for a Config that makes no sense.
func NewLimiter(conf Config) *Limiter {
	l := &Limiter{conf: conf.resolve()}
	l.retryAfter = strconv.FormatInt(int64((l.conf.RetryAfter+time.Second-1)/time.Second), 10)
	if conf.Key != nil {
		l.refusal = geist.NewError(429, "too many requests at once, try again later").Quiet()
		l.keys = map[string]*gate{}
	} else {
		l.refusal = geist.NewError(503, "the server is busy, try again later").Quiet()
		l.all = &gate{}
	}
	return l
}

// Handle is the middleware.
func (l *Limiter) Handle(c *geist.Ctx) error {
	key := ""
	if l.conf.Key != nil {
		key = l.conf.Key(c)
	}
	g, w := l.enter(key)
	if w != nil {
		if err := l.wait(c, g, w); err != nil {
			return err
		}
	} else if g == nil {
		return l.refuse(c)
	}
	if l.conf.HoldStreams {
		c.OnClose(func() { l.leave(g) })
		return c.Next()
	}
	defer l.leave(g)
	return c.Next()
}

// refuse answers a request that is not handled.
func (l *Limiter) refuse(c *geist.Ctx) error {
	c.SetHeader("Retry-After", l.retryAfter)
	return l.refusal
}

// wait waits for a slot.
func (l *Limiter) wait(c *geist.Ctx, g *gate, w *waiter) error {
	ctx := c.Context()
	timer := time.NewTimer(l.conf.MaxWait)
	defer timer.Stop()
	select {
	case admitted := <-w.turn:
		if !admitted {
			return l.refuse(c)
		}
		return nil
	case <-timer.C:
		if l.giveUp(g, w, timedOut) {
			return nil
		}
		return l.refuse(c)
	case <-ctx.Done():
		if l.giveUp(g, w, gone) {
			l.leave(g)
		}
		return l.ended(c, context.Cause(ctx))
	}
}

// ended answers a request whose context has ended while it waited: its client has gone, its time
// is over, or the server is shut down.
func (l *Limiter) ended(c *geist.Ctx, cause error) error {
	if _, ok := errors.AsType[*geist.Error](cause); ok || errors.Is(cause, geist.ErrClientGone) {
		return cause
	}
	_ = l.refuse(c)
	return l.refusal.Wrap(cause)
}
