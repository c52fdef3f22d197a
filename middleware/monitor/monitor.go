package monitor

import (
	"fmt"
	"maps"
	"math/bits"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/hub"
)

// Defaults of Config.
const (
	// DefaultTitle is the default of Config.Title.
	DefaultTitle = "Monitor"
	// DefaultMaxRoutes is the default of Config.MaxRoutes: 500.
	DefaultMaxRoutes = 500
	// DefaultMaxViewers is the default of Config.MaxViewers: 16.
	DefaultMaxViewers = 16
	// DefaultTopRooms is the default of Config.TopRooms: 10.
	DefaultTopRooms = 10
)

// maxTopRooms bounds Config.TopRooms: every second all of them go to every viewer.
const maxTopRooms = 100

// Config holds the settings of a Monitor. The zero Config shows everything but names of
// rooms and the build, to who connects from the machine itself.
type Config struct {
	// Allow reports whether a request may see the page and its numbers; false is answered
	// 403. It runs behind the middleware given to Mount, on every request, and must be safe for
	// many goroutines. Nil allows requests from the machine itself; see the package comment.
	Allow func(c *geist.Ctx) bool

	// Title stands at the head of the page, such as the name of the service. Empty means Monitor.
	Title string

	// Hubs are shown with their counters and largest rooms, by these names and in their order. Nil
	// shows none.
	Hubs map[string]*hub.Hub
	// RoomNames shows the names of rooms. False shows their sizes only: names may be secret.
	RoomNames bool
	// TopRooms is how many rooms of each hub are shown. Zero means 10; negative shows
	// none; more than 100 makes New panic. To find them every room is looked at, once a second
	// while somebody watches: with hundreds of thousands of rooms, show none.
	TopRooms int

	// MaxRoutes bounds the routes that are counted apart, in this process. Zero means 500. What
	// comes later is counted together, as one row.
	MaxRoutes int
	// MaxViewers bounds the pages that follow the numbers at a time. Zero means 16. More
	// are answered 503 with Retry-After.
	MaxViewers int

	// Build shows the module, its version and revision, and the version of Go. False shows
	// none of it.
	Build bool
}

// resolve returns the Config with its defaults, and copies what it refers to. It panics with
// what is wrong.
func (conf Config) resolve() Config {
	for _, set := range []struct {
		name  string
		value *int
		zero  int
	}{
		{"MaxRoutes", &conf.MaxRoutes, DefaultMaxRoutes},
		{"MaxViewers", &conf.MaxViewers, DefaultMaxViewers},
	} {
		if *set.value < 0 {
			panic(fmt.Sprintf("monitor: Config.%s is %d: give a positive number, or 0 for %d", set.name, *set.value, set.zero))
		}
		if *set.value == 0 {
			*set.value = set.zero
		}
	}
	if conf.TopRooms > maxTopRooms {
		panic(fmt.Sprintf("monitor: Config.TopRooms is %d: give at most %d", conf.TopRooms, maxTopRooms))
	}
	if conf.TopRooms == 0 {
		conf.TopRooms = DefaultTopRooms
	}
	if conf.Title == "" {
		conf.Title = DefaultTitle
	}
	conf.Hubs = maps.Clone(conf.Hubs)
	for name, h := range conf.Hubs {
		if h == nil {
			panic(fmt.Sprintf("monitor: Config.Hubs[%q] is nil: give a hub", name))
		}
	}
	return conf
}

// Monitor counts the requests of an engine and shows them. New makes it. Its methods may be
// called by any goroutine, but Mount only while the engine is registered.
type Monitor struct {
	conf    Config
	hubs    []string // the names of conf.Hubs, in order
	site    site
	started time.Time
	app     atomic.Pointer[geist.Engine] // whose connections are shown; nil before Mount

	all    *series
	rest   *series                           // of routes beyond conf.MaxRoutes
	routes atomic.Pointer[map[route]*series] // replaced under mu, never written to
	mu     sync.Mutex

	second  atomic.Int64 // which is being counted, since started; written under history's lock
	history history
	viewers viewers
}

// route is what requests are told apart by.
type route struct{ method, pattern string }

// maxShards bounds the shards of a series, and thereby its memory.
const maxShards = 8

// New returns a Monitor. It panics on a Config that makes no sense.
func New(config ...Config) *Monitor {
	var conf Config
	if len(config) > 1 {
		panic("monitor: New was given more than one Config: give one")
	}
	if len(config) == 1 {
		conf = config[0]
	}
	m := &Monitor{conf: conf.resolve(), site: loadSite(), started: time.Now()}
	m.hubs = slices.Sorted(maps.Keys(m.conf.Hubs))
	shards := m.shards()
	m.all, m.rest = newSeries("", "", shards), newSeries("", "", shards)
	m.routes.Store(&map[route]*series{})
	m.history.process = newProcess()
	m.viewers.init(m)
	return m
}

// shards returns how many shards a series has: a power of two, about one for each processor.
func (m *Monitor) shards() int {
	return min(1<<bits.Len(uint(runtime.GOMAXPROCS(0)-1)), maxShards)
}

// ownKey marks requests for the page itself.
var ownKey = geist.NewKey[bool]("monitor: own request")

// Handler returns the middleware that counts requests, for [geist.Engine.Use]. Middleware
// that runs before it is not part of what it measures, and what that answers by itself is not
// counted.
func (m *Monitor) Handler() geist.Handler { return m.count }

func (m *Monitor) count(c *geist.Ctx) error {
	r := request{m: m, c: c, conn: c.RawHeader().ConnID(), began: time.Since(m.started)}
	m.all.of(r.conn).inFlight.Add(1)
	defer r.end()
	err := c.Next()
	r.returned = true
	return err
}

// request is one that is being counted.
type request struct {
	m        *Monitor
	c        *geist.Ctx
	conn     uint64
	began    time.Duration // since m.started
	returned bool          // nothing behind the Monitor has panicked
}

func (r *request) end() {
	m := r.m
	total := m.all.of(r.conn)
	total.inFlight.Add(-1)
	if own, _ := ownKey.Get(r.c); own {
		return
	}
	now := time.Since(m.started)
	if m.secondOf(now) > m.second.Load() {
		m.turn(now, false)
	}
	status := 500 // what the engine is going to answer a panic with
	if r.returned {
		status = r.c.ResponseStatus()
	}
	total.add(status, now-r.began)
	m.seriesOf(r.c).of(r.conn).add(status, now-r.began)
}

// seriesOf returns where a request is counted.
func (m *Monitor) seriesOf(c *geist.Ctx) *series {
	var key route
	if key.pattern = c.Pattern(); key.pattern != "" {
		key.method = c.Method()
	}
	if s := (*m.routes.Load())[key]; s != nil {
		return s
	}
	return m.addSeries(key)
}

// addSeries makes a row for a route, or returns that of the rest.
func (m *Monitor) addSeries(key route) *series {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := *m.routes.Load()
	if s := known[key]; s != nil {
		return s
	}
	if key.pattern != "" && len(known) >= m.conf.MaxRoutes {
		return m.rest
	}
	key = route{strings.Clone(key.method), strings.Clone(key.pattern)} // they may be the request's own
	more := maps.Clone(known)
	more[key] = newSeries(key.method, key.pattern, m.shards())
	m.routes.Store(&more)
	return more[key]
}
