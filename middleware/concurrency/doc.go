// Package concurrency bounds how many requests are handled at once, and sheds load before a queue
// makes everybody late.
//
//	app.Use(concurrency.New(concurrency.Config{Limit: 100}))
//
// Up to Limit requests are handled; Queue more wait for their turn, in their order, at most for
// MaxWait. Who finds the queue full, or has waited for so long, is answered 503 with Retry-After.
// These answers are not logged: there are many of them when they come. Health checks are to be
// exempt, by package skip.
//
// # Load shedding
//
// A queue that fills up for a moment does no harm; one that never empties only makes each answer
// late. So when even the shortest wait in an Interval was longer than Target, the server is
// overloaded: then a slot goes to who has come last, and those who have waited for longer than Target
// are refused. That ends when for an Interval nobody had to be, or when a slot is free that nobody
// waits for. As delay is measured, and not processor time, it holds for
// slow databases, too.
//
// # Limits by key
//
// With Config.Key each key has Limit and Queue of its own: of a user, say. Who is refused then has
// itself to blame, and is answered 429. Nothing is kept of a key that has no requests. A limit of all
// keys together is another middleware, behind this one.
//
// # Cost
//
// A request that needs not wait costs a lock, no look at the clock and no allocation. One that waits
// costs a timer and its context, which tells when its client has left; its place is then free.
//
// # WebSockets and streams
//
// A slot is free again when the handlers have returned: a WebSocket or a stream holds one while it is
// being opened, and none while it lasts. With Config.HoldStreams it holds one until it ends; then
// Limit bounds them as well. Streams that a hub follows keep nothing of their request, and hold none
// in any case; WebSockets that a hub follows do. Requests that no route serves (404, 405, OPTIONS,
// redirects) are counted like all others.
package concurrency
