package timeout

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gogeist/geist"
)

// Defaults of [Config].
const (
	// DefaultAfter is the default of Config.After: 30 seconds.
	DefaultAfter = 30 * time.Second
	// DefaultMaxAbandoned is the default of Config.MaxAbandoned: 1,000 handlers.
	DefaultMaxAbandoned = 1000
)

// Config holds the settings of [New]. The zero Config gives every handler 30 seconds.
type Config struct {
	// After is how long the rest of the chain has. Zero means 30s. New panics if it is
	// negative.
	After time.Duration

	// Hard answers when the time is over although the handlers have not returned. See the
	// package's comment for its price.
	Hard bool

	// MaxAbandoned bounds the handlers that Hard has left behind and that have not
	// returned yet, those of all requests of this middleware. Beyond it, requests wait for
	// their handlers as they do without Hard. Zero means 1,000. New panics if it is negative, or
	// given without Hard.
	MaxAbandoned int
}

// New returns middleware that bounds the time of the rest of the chain. It panics for a
// Config that makes no sense, and for more than one. What it returns is safe for any number of
// goroutines and engines; MaxAbandoned is of all of them together.
func New(config ...Config) geist.Handler {
	var conf Config
	switch len(config) {
	case 0:
	case 1:
		conf = config[0]
	default:
		panic("timeout: New was given more than one Config: give one")
	}
	switch {
	case conf.After < 0:
		panic(fmt.Sprintf("timeout: Config.After is %s: give a positive time, or 0 for %s", conf.After, DefaultAfter))
	case conf.MaxAbandoned < 0:
		panic(fmt.Sprintf("timeout: Config.MaxAbandoned is %d: give a positive number, or 0 for %d", conf.MaxAbandoned, DefaultMaxAbandoned))
	case conf.MaxAbandoned > 0 && !conf.Hard:
		panic("timeout: Config.MaxAbandoned is set without Hard: no handler is left behind without it")
	}
	if conf.After == 0 {
		conf.After = DefaultAfter
	}
	if conf.MaxAbandoned == 0 {
		conf.MaxAbandoned = DefaultMaxAbandoned
	}
	if !conf.Hard {
		return func(c *geist.Ctx) error { return c.NextWithin(conf.After) }
	}
	left := &abandoned{most: int64(conf.MaxAbandoned)}
	return func(c *geist.Ctx) error { return c.NextDetached(conf.After, left.take, left.release) }
}

// abandoned counts the handlers that were left behind.
type abandoned struct {
	most int64
	n    atomic.Int64
}

// take makes room for one more, if there is some.
func (a *abandoned) take() bool {
	if a.n.Add(1) <= a.most {
		return true
	}
	a.n.Add(-1)
	return false
}

func (a *abandoned) release() { a.n.Add(-1) }
