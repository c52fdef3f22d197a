// Package ratelimit bounds how often a client may ask.
//
//	app.Use(ratelimit.New(ratelimit.Config{Limit: store.Limit{Rate: 100, Period: time.Minute, Burst: 20}}))
//
// A client may send Burst requests at once, and Rate in each Period after that, evenly; who asks
// for more is answered 429 as problem details, with Retry-After. The count is exact, however many
// ask at once, on one node or, with a store that all of them share, on many (see [store.Allow]).
// Of several limits, say by the second and by the hour, each is a middleware of its own with its own
// Name, the short one first: what a later one refuses, earlier ones have counted.
//
// A client is told apart by its address, which is that of [geist.Ctx.ClientIP]: behind proxies,
// name them in geist.Config.TrustedProxies, or all clients are one. Of IPv6 the first 64
// bits count, for every customer has as many addresses as they like. Config.Key takes something
// else: a user, an API key. Nothing is kept of a key for longer than the limit needs it.
//
// # Memory and failures
//
// Without Config.Store each New has a store of its own in memory, of at most 64 MiB, some 250,000
// clients; beyond that it forgets those who have not asked for longest, who then begin anew. On a
// store.Memory that is shared with others, name [Scope] in MemoryConfig.Evict to have the same.
//
// When the store fails or does not answer, requests pass, and a warning is logged, at most one in ten
// seconds. Config.FailClosed answers 503 instead: for what must not be guessed at, such as logins.
// A request whose client leaves, or whose time ends, while the store is asked does not pass in
// either case.
//
// # Header fields
//
// Answers have the fields RateLimit and RateLimit-Policy of the IETF's draft
// (draft-ietf-httpapi-ratelimit-headers), one entry for each limiter of the chain, unless
// Config.DisableHeaders is set:
//
//	RateLimit-Policy: "default";q=20;w=12
//	RateLimit: "default";r=19;t=1
//
// That is, 20 at once, all of which are there again after 12 seconds of rest; 19 are left now, and
// after a second all of them are.
//
// # WebSockets and streams
//
// What is counted is the request that opens a WebSocket or a stream, which is refused by a plain 429 and
// has the header fields in its answer. What goes over it later is not: a [Limiter] counts messages in
// the handler's loop, under any key. Requests that no route serves (404, 405, OPTIONS, redirects)
// are counted like all others.
package ratelimit
