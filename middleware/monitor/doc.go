// Package monitor is a page that shows how a service is doing, live: requests and their
// latency, the busiest routes, connections, rooms, memory. It needs nothing beside the engine.
//
//	m := monitor.New(monitor.Config{Hubs: map[string]*hub.Hub{"chat": h}})
//	app.Use(m.Handler())
//	m.Mount(app, "/monitor")
//
// [Monitor.Handler] counts; it belongs before other middleware, whose time and answers it
// then sees. [Monitor.Mount] registers the page, its files, /monitor/stats.json for
// scripts and /monitor/events, a stream of events that the page follows. None of
// these are counted.
//
// # Who sees it
//
// Without [Config.Allow] only who connects from the machine itself, by the connection's own
// address: X-Forwarded-For changes nothing, and a request that a proxy has forwarded is
// refused, as far as its header tells. The Host must be a loopback name or address, so that no
// page of another site gets there by a name of its own (DNS rebinding). A proxy on the same
// machine that adds no header fields cannot be told from a user there: behind one, give
// Allow. Middleware given to Mount runs before it:
//
//	m := monitor.New(monitor.Config{Allow: func(c *geist.Ctx) bool { return true }}) // the login decides
//	m.Mount(app, "/monitor", login)
//
// Requests that a page of another origin makes are refused in any case. Everybody else is
// answered 403.
//
// # What is counted
//
// The latency is the time of the handlers behind [Monitor.Handler]: neither reading a request nor
// writing its answer is part of it. It goes into buckets that are an eighth of a power of two
// wide, so that a percentile is at most an eighth above the truth. Percentiles are of the last
// minute; those of routes, and all counts, are since the start.
//
// A route is known by its method and pattern, never by its path. Requests without a route are one
// row, and so are those beyond [Config.MaxRoutes]: no client can make memory grow. Routes of
// different hosts with one pattern are one row. A route takes 2 KiB for each processor, eight at
// most; counting allocates nothing.
//
// The last five minutes are kept, a line for each second. While nobody watches, the first
// request that ends in a second writes the line of the last one; a second without requests
// repeats the gauges. There is no goroutine but while somebody watches: it belongs to the
// viewers, and ends with the last of them, at the latest when the engine shuts down.
//
// With ListenPrefork each process has numbers of its own, and a page shows those of
// one of them.
//
// # WebSockets and streams
//
// A WebSocket counts as a request that is answered 101, a stream as one that is answered 200, and
// their latency ends where they begin: the lifetime is in no percentile, and nothing of them
// is in flight. How many are open is shown beside, from [geist.Engine.Stats]. Answers to 404,
// 405, OPTIONS and redirects are counted among those without a route.
package monitor
