// Package idempotency has a request that is sent again answered again, and not carried out
// again: a client that has heard nothing of its POST may repeat it, with the key that it has chosen
// for it (Idempotency-Key, draft-ietf-httpapi-idempotency-key-header).
//
//	app.POST("/payments", pay).Doc(geist.With(idempotency.New(idempotency.Config{
//		Store: s,
//		Scope: func(c *geist.Ctx) (string, error) { return userKey.Must(c).ID, nil },
//	})))
//
// # What happens to a request
//
//	no key                                     carried out; 400 with Config.Required
//	a malformed key, or several                400
//	a new key                                  carried out, and the answer kept for Config.TTL
//	the key of a request that is carried out   409 with Retry-After
//	the key of one that was                    its answer, with Idempotency-Replayed: true
//	the key of one that was another request    422
//	the store fails                            503, and nothing is carried out
//
// A key is one of its scope, method, host and path. Two requests are the same if their query,
// Content-Type and body are, to the byte. On a route with [geist.StreamBody] the body is not looked at.
// Where no route answers (404, 405, redirects) keys mean nothing.
//
// # What is kept
//
// The status, the body, and of the header fields those that describe the body, Location, Link and those
// of Config.Headers; never Set-Cookie, which is for one answer alone. An answer whose body is
// longer than Config.MaxBytes is not kept, but that there was one is: the request sent again is
// answered 409.
//
// Answers that ask to come again are not kept (5xx, 401, 403, 408, 425, 429), nor are those of a
// handler that has panicked, whose client had gone, or that has streamed a request's body and failed. The
// same key carries the request out again then; after a timeout ([geist.ErrTimeout]) only when
// LockTTL is over, for a handler under a hard bound goes on. A bound outside of this middleware is
// better: then the answer is kept that comes late.
//
// # How often a handler runs
//
// Once, of however many requests at a time, on all nodes that share the store, as long as it ends
// within Config.LockTTL. One that takes longer, or whose process dies, may be followed by another
// run; whoever ends first then has his answer kept. If the store fails behind the handler, its answer is
// sent, the failure is logged, and the key stays locked for LockTTL.
//
// Put it behind what authenticates and limits, so that their refusals are not kept, and
// before what changes anything.
//
// # WebSockets and streams
//
// WebSockets and Server-Sent Events begin with GET, which is passed through. The answer of a POST that is a
// stream ([geist.Ctx.Stream], [geist.Ctx.File]) is never kept: the key is locked until the stream has ended,
// at most for LockTTL, and free then.
package idempotency
