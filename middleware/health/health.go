// Package health answers the probes of orchestrators and load balancers: whether the process
// lives, whether it has started, and whether it is ready for work.
//
//	health.Mount(app, health.Config{
//		Ready: []health.Check{health.Store("sessions", sessions), {Name: "db", Func: db.PingContext}},
//	})
//
// GET and HEAD of /livez, /startupz and /readyz are answered 200 or 503, with "ok" or
// "unavailable" and never from a cache. Names of checks, times and errors are for those whom
// Config.Detail lets see them. A probe that fails is logged when it begins and when it ends
// to fail, not each time.
//
//   - /livez fails if a check of Config.Live does. Without checks it says that requests
//     are answered at all, which is what a liveness probe should ask.
//   - /startupz fails until every check of Config.Startup has passed once.
//   - /readyz fails before that, if a check of Config.Ready does, and as soon as
//     the engine drains ([geist.Engine.Ready]).
//
// A flood of probes does not become one of checks: a result serves for Config.CacheFor, and
// a check runs once at a time, for all who ask. One that hangs counts as failed after its
// timeout, and is not begun again before it has returned.
//
// The routes run behind the middleware of the engine. Rate limits and logins should let
// them pass; package skip does that.
//
// # WebSockets and streams
//
// Probes are plain requests. Connections that are open do not keep /readyz at 200: it
// fails from the beginning of a drain, while they end.
package health

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/store"
)

// Defaults of Config.
const (
	// DefaultTimeout is the default of Config.Timeout: 2 seconds.
	DefaultTimeout = 2 * time.Second
	// DefaultCacheFor is the default of Config.CacheFor: 1 second.
	DefaultCacheFor = time.Second
)

// Check is one thing that must work.
type Check struct {
	// Name tells checks apart where Detail shows them, and in the log. It must be set.
	Name string

	// Func returns nil if the thing works. It runs on a goroutine of its own, one at a time,
	// and must return soon after ctx ends: after its timeout, or when the engine has
	// been shut down. A panic counts as an error. It must be set.
	Func func(ctx context.Context) error

	// Timeout bounds Func. Zero means Config.Timeout.
	Timeout time.Duration
}

// Store returns a check that a store answers.
func Store(name string, s store.Store) Check {
	return Check{Name: name, Func: func(ctx context.Context) error {
		_, err := s.Get(ctx, "health")
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	}}
}

// Hub returns a check that a hub can do its work: [hub.Hub.Ready].
func Hub(name string, h *hub.Hub) Check {
	return Check{Name: name, Func: func(context.Context) error { return h.Ready() }}
}

// Config holds the settings. With the zero Config only a drain makes a probe fail.
type Config struct {
	// Live, Startup and Ready are the checks of each probe, each check in one list. Those of
	// Live should be few and about the process alone: whoever fails there is killed.
	Live, Startup, Ready []Check

	// Timeout bounds each check that says nothing else. Zero means 2 seconds.
	Timeout time.Duration

	// CacheFor is how long the result of a check serves. Zero means 1 second; negative runs
	// the checks for each probe, though never one twice at a time.
	CacheFor time.Duration

	// Detail reports whether a client may see the checks: it then gets a JSON object with
	// the name, the state, the duration and the error of each. It must be safe for many
	// goroutines. Nil shows them to nobody.
	Detail func(c *geist.Ctx) bool

	// Prefix is where Mount puts the routes: "/internal" gives /internal/livez. Empty
	// puts them at the root.
	Prefix string
}

// Health answers probes. New makes it. Its methods are handlers and safe for many goroutines.
type Health struct {
	app                  *geist.Engine
	conf                 Config
	live, startup, ready []*check
	started              atomic.Bool // every check of startup has passed
}

// Mount registers the routes on app, and returns what answers them. It takes at most one
// Config, and panics if that is not valid.
func Mount(app *geist.Engine, config ...Config) *Health {
	h := New(app, config...)
	for _, probe := range []struct {
		path    string
		handler geist.Handler
	}{{"/livez", h.Live}, {"/startupz", h.Startup}, {"/readyz", h.Ready}} {
		app.GET(h.conf.Prefix+probe.path, probe.handler).Doc(geist.Hidden())
	}
	return h
}

// New returns what answers probes about app, for routes of one's own. It takes at most one
// Config, and panics if that is not valid. It must be called before app serves.
func New(app *geist.Engine, config ...Config) *Health {
	var conf Config
	if len(config) > 1 {
		panic("health: New was given more than one Config: pass one")
	}
	if len(config) == 1 {
		conf = config[0]
	}
	switch {
	case app == nil:
		panic("health: the engine is nil: give the one whose drain makes it unready")
	case conf.Timeout < 0:
		panic(fmt.Sprintf("health: Config.Timeout is %s: use a positive duration, or 0 for the default", conf.Timeout))
	case conf.Prefix != "" && !strings.HasPrefix(conf.Prefix, "/"):
		panic(fmt.Sprintf("health: Config.Prefix is %q: begin it with a slash", conf.Prefix))
	}
	if conf.Timeout == 0 {
		conf.Timeout = DefaultTimeout
	}
	if conf.CacheFor == 0 {
		conf.CacheFor = DefaultCacheFor
	}
	base, stop := context.WithCancel(context.Background())
	app.OnShutdown(func(context.Context) error {
		stop()
		return nil
	})
	h := &Health{app: app, conf: conf}
	var names []string
	list := func(field string, checks []Check) (all []*check) {
		for _, k := range checks {
			k.validate(field, names)
			names = append(names, k.Name)
			if k.Timeout == 0 {
				k.Timeout = conf.Timeout
			}
			all = append(all, &check{Check: k, base: base, cacheFor: conf.CacheFor})
		}
		return all
	}
	h.live, h.startup, h.ready = list("Live", conf.Live), list("Startup", conf.Startup), list("Ready", conf.Ready)
	return h
}

// validate panics if the check cannot be used.
func (k *Check) validate(field string, names []string) {
	switch {
	case k.Name == "":
		panic("health: a check in Config." + field + " has no Name: give it one")
	case k.Func == nil:
		panic(fmt.Sprintf("health: check %q in Config.%s has no Func: give a function that returns nil if it works", k.Name, field))
	case k.Timeout < 0:
		panic(fmt.Sprintf("health: check %q in Config.%s has the Timeout %s: use a positive duration, or 0 for the default", k.Name, field, k.Timeout))
	case slices.Contains(names, k.Name):
		panic(fmt.Sprintf("health: two checks are named %q: give each a name of its own", k.Name))
	}
}

// Live answers whether the process should go on.
func (h *Health) Live(c *geist.Ctx) error {
	return h.answer(c, "", h.live)
}

// Startup answers whether the start is over. Once it is, its checks do not run again.
func (h *Health) Startup(c *geist.Ctx) error {
	if h.started.Load() {
		return h.answer(c, "", nil)
	}
	return h.answer(c, "", h.startup)
}

// Ready answers whether new work should come here.
func (h *Health) Ready(c *geist.Ctx) error {
	if !h.app.Ready() {
		return h.answer(c, "draining", nil)
	}
	if h.started.Load() {
		return h.answer(c, "", h.ready)
	}
	return h.answer(c, "", slices.Concat(h.startup, h.ready))
}

// report is what those see whom Config.Detail lets.
type report struct {
	Status string        `json:"status"`
	Reason string        `json:"reason,omitempty"`
	Checks []checkReport `json:"checks,omitempty"`
}

// checkReport is the result of a check.
type checkReport struct {
	Name   string  `json:"name"`
	Status string  `json:"status"`
	Millis float64 `json:"milliseconds"`
	Error  string  `json:"error,omitempty"`
}

// answer runs the checks and answers. A reason fails the probe whatever they say.
func (h *Health) answer(c *geist.Ctx, reason string, checks []*check) error {
	results := runAll(checks)
	rep := report{Status: "ok", Reason: reason}
	code := 200
	for i, r := range results {
		k := checks[i]
		k.tell(c.Logger, r)
		one := checkReport{Name: k.Name, Status: "ok", Millis: float64(r.took.Microseconds()) / 1000}
		if r.err != nil {
			one.Status, one.Error = "failed", r.err.Error()
			code = 503
		}
		rep.Checks = append(rep.Checks, one)
	}
	if reason != "" {
		code = 503
	}
	if code == 503 {
		rep.Status = "unavailable"
	} else {
		h.noteStart()
	}
	c.SetHeader("Cache-Control", "no-store")
	if h.conf.Detail != nil && h.conf.Detail(c) {
		return c.JSON(code, &rep)
	}
	return c.Text(code, rep.Status+"\n")
}

// noteStart notes that the start is over, once every check of it has passed.
func (h *Health) noteStart() {
	if h.started.Load() {
		return
	}
	for _, k := range h.startup {
		if !k.passed.Load() {
			return
		}
	}
	h.started.Store(true)
}
