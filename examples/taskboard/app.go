package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/examples/taskboard/board"
	"github.com/gogeist/geist/examples/taskboard/page"
	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/middleware/clientip"
	"github.com/gogeist/geist/middleware/compress"
	"github.com/gogeist/geist/middleware/csrf"
	"github.com/gogeist/geist/middleware/etag"
	"github.com/gogeist/geist/middleware/health"
	"github.com/gogeist/geist/middleware/logger"
	"github.com/gogeist/geist/middleware/monitor"
	"github.com/gogeist/geist/middleware/ratelimit"
	"github.com/gogeist/geist/middleware/recovery"
	"github.com/gogeist/geist/middleware/requestid"
	"github.com/gogeist/geist/middleware/secure"
	"github.com/gogeist/geist/store"
	"github.com/gogeist/geist/store/sqlite"
	"github.com/gogeist/geist/swagger"
	"github.com/gogeist/geist/swagger/ui"
)

// settings are what the flags say of the service.
type settings struct {
	path  string // of the database; that of the sessions lies beside it
	proxy string // whose X-Real-IP is believed, or ""
	rate  int    // requests a second that the API takes of one client; 0 and less are no bound
}

// newApp puts the service on a store together. Its Shutdown closes what it uses, the store too.
func newApp(ctx context.Context, tasks *board.Store, s settings) (*geist.Engine, error) {
	pages, err := page.Load()
	if err != nil {
		return nil, err
	}
	sessions, err := sqlite.Open(ctx, s.path+"-sessions", sqlite.Config{})
	if err != nil {
		return nil, err
	}
	live, err := board.NewHub(ctx, tasks)
	if err != nil {
		return nil, errors.Join(err, sessions.Close())
	}
	access := board.NewAccess(tasks, live, sessions)
	app := geist.New(board.Config())
	// Runs after the last request has been answered: nothing writes any more.
	app.OnShutdown(func(context.Context) error { return errors.Join(tasks.Close(), sessions.Close()) })
	app.OnShutdown(live.Shutdown) // before that: hooks run in reverse

	watch := watcher(live)
	app.Use(around(s, watch)...)
	app.Use(csrf.New(), access.Sessions(), access.Keys())

	board.NewAPI(tasks, live, access).Register(app.Group("", limit(s.rate)...))
	registerPages(app, pages, access)
	watch.Mount(app, "/monitor", access.Require(board.Admin))
	health.Mount(app, health.Config{
		Ready: []health.Check{{Name: "tasks", Func: tasks.Ping}, health.Store("sessions", sessions), health.Hub("rooms", live)},
		Detail: func(c *geist.Ctx) bool {
			p, err := access.Who(c)
			return err == nil && p.Role.May(board.Admin)
		},
	})
	docs := board.Documents()
	docs.Pages = ui.Pages // at /docs and /docs/realtime
	return app, errors.Join(swagger.Mount(app, docs), page.Register(app))
}

// around returns what is done for every request, whoever asks for whatever. The first sees all
// that the others answer.
func around(s settings, watch *monitor.Monitor) []geist.Handler {
	var from clientip.Config // without a proxy the address is that of the connection
	if s.proxy != "" {
		from = clientip.Config{Header: clientip.XRealIP, Trusted: []string{s.proxy}}
	}
	return []geist.Handler{
		requestid.New(),
		clientip.New(from),
		logger.New(logger.Config{Logger: slog.Default()}),
		recovery.New(),
		watch.Handler(),
		secure.New(secure.Config{ContentSecurityPolicy: page.Policy, FrameOptions: "DENY"}), // /docs and /monitor have policies of their own
		compress.New(),
		etag.New(),
	}
}

// limit returns middleware that bounds how often one client may ask, if there is a bound.
func limit(rate int) []geist.Handler {
	if rate <= 0 {
		return nil
	}
	return []geist.Handler{ratelimit.New(ratelimit.Config{Name: "api", Limit: store.Limit{Rate: rate, Period: time.Second, Burst: 4 * rate}})}
}

// watcher returns what counts requests, and shows it to those whom its middleware lets pass.
func watcher(live *hub.Hub) *monitor.Monitor {
	return monitor.New(monitor.Config{
		Title: "Taskboard", Hubs: map[string]*hub.Hub{"rooms": live}, RoomNames: true, Build: true,
		Allow: func(*geist.Ctx) bool { return true },
	})
}
