// Package timeout bounds the time of the rest of a chain.
//
//	app.Use(timeout.New())                                       // 30 s for every handler
//	api.Use(timeout.New(timeout.Config{After: 2 * time.Second})) // less for a group
//
// After that time [geist.Ctx.Context] ends with the cause [geist.ErrTimeout], and a handler
// that fails because of it is answered with ErrTimeout: 503 as problem details. The handler
// stays on its goroutine and is not stopped: one that passes its context on, to a database or
// another service, comes back by itself. Of several bounds around a handler (of groups,
// [geist.Timeout] of the route, or a deadline of one's own) the one that ends first counts.
// The wait for a request's body ends with the time, too (408). A handler that never asks for
// its context costs a look at the clock, and no allocation.
//
// # Hard bounds
//
// Config.Hard is for handlers that cannot be trusted to come back. The client is answered 503
// when the time is over, and middleware outside of this one goes on with that, whatever the
// handler does: it runs on a goroutine of its own, with a Ctx and a copy of the request that
// nobody else uses, so that what it does afterwards reaches neither this client nor the next.
// The price is that goroutine, the copy and a context for every request, and the body is read before
// the handlers behind this middleware run; see [geist.Ctx.NextDetached] for the rest. Put it where
// it is needed, and nowhere else.
//
// Middleware that counts on a handler's end belongs behind this one: in front of it, a slot of package
// concurrency is free, and a key of package idempotency may be used again, while the handler goes on.
//
// A handler that is left behind holds its memory until it returns. At most Config.MaxAbandoned
// are; while there are so many, further requests wait for their handlers. Shutdown waits for
// them, up to its deadline.
//
// # WebSockets and streams
//
// The time is over when the handlers have returned: it bounds the handshake and what is
// answered in place of a stream, and neither streams nor connections. The context of a
// stream that began in time lives as long as the stream. A context that was taken before keeps its
// deadline: call c.Context, or s.Context, within the stream's function. Routes of WS, SSE, Rooms
// and [geist.StreamBody], and what answers 404, 405, OPTIONS and redirects, are bounded
// without Hard, for there is nothing of them that could be copied, or nothing that takes time.
package timeout
