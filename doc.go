// Package geist is a web framework for latency-critical and real-time APIs, on
// fasthttp.
//
//	app := geist.New()
//	app.GET("/hello/:name", func(c *geist.Ctx) error {
//		return c.JSON(200, geist.Map{"hello": c.Param("name")})
//	})
//	log.Fatal(app.Run(":8080"))
//
// # Handlers
//
// Middleware and endpoints are one type, [Handler]: func(c *Ctx) error. Middleware
// calls [Ctx.Next] and returns its error; returning without it stops the chain. The
// chain of a route is the middleware of the engine, of its groups from the outside
// in, and of the route, whatever the order of registration. It also runs for 404,
// 405, automatic OPTIONS answers and redirects, with the middleware of the deepest
// group whose prefix the path has.
//
// # Errors
//
// A handler fails by returning an error or by panicking. The nearest error handler
// ([Engine.OnError]) answers at once; then the error travels up through Next, so
// that middleware sees it together with the final [Ctx.ResponseStatus]. Headers set
// before stay. The default answers application/problem+json: the text of an
// [Error], which was written for the client, and nothing of any other error.
//
// # Patterns
//
//	/users/:id                one segment, never empty
//	/users/:id?               optional, last segment only
//	/files/*path              the rest of the path, never empty
//	/files/:name.:ext         text around parameters; shortest match first
//	/users/:id<int>           constraints: int, uuid, alpha, date, min(n), max(n),
//	                          range(a,b), len(n), len(a,b), minlen(n), maxlen(n),
//	                          regex(re), several joined by ";", and those that
//	                          Engine.Constraint adds
//	/a\:b                     \: and \* are literal
//
// Where several patterns match a path, the first segment in which they differ
// decides: fixed text beats text with parameters (the longer text first), which
// beats a constrained parameter (int, uuid and date; then other built-in
// constraints; then custom; then regex), which beats a plain parameter, which beats
// a wildcard. A branch that leads nowhere is left for the next best one. Two
// patterns of equal rank that can match one path are a conflict, which is reported
// at start with both places. The order of registration never matters.
//
// Matching is by decoded segment: an encoded slash does not separate segments, so
// /a%2Fb is one segment with the value "a/b".
//
// # Binding
//
// [Ctx.Bind] fills a struct from the path, query, header, cookies and body, each field
// from the part that its tag names and from no other. What does not fit is answered
// with every problem at once. [Opt] tells a field that is missing from one that is zero.
//
// # Typed handlers
//
// [Get], [Post], [Put], [Patch] and [Delete] take func(c *Ctx, in *In) (Out, error): the
// engine binds In, asks Config.Validator, and encodes Out. Functions [WS] and [SSE] do the same for messages.
// [Engine.Routes] tells what they take and give, with what options such as [Returns] and
// [Tags] add.
//
// # WebSocket
//
// [Engine.WS] registers a route whose handler gets a [Conn]. The chain runs first; the
// request becomes a connection when the handler first uses the Conn, which is also a
// subscriber of package hub. When the handler returns, the connection is closed, unless
// [Conn.Follow] has left it to a hub. On a route of [Engine.Rooms] clients speak a protocol
// in which they join rooms and publish themselves, as far as a [hub.Policy] lets them.
//
// # Beside net/http
//
// [FromHTTP] and [FromHTTPMiddleware] make handlers of what was written for net/http,
// and [Engine.HTTPHandler] makes an http.Handler of an engine. Streams flush and
// contexts end in both directions, so that a service can move a route at a time.
//
// # Bodies
//
// A request's body is read into memory when somebody asks for it, at the latest before
// the endpoint runs, and within a limit ([Config], [BodyLimit]): middleware can refuse a
// request before its body has come. A route with [StreamBody] reads it as it comes, by
// [Ctx.BodyReader] or, forms, by [EachPart]. Options such as these are given to
// [Route.Doc].
//
// # Server-Sent Events
//
// The handler of [Engine.SSE] runs behind the middleware and may refuse as any other. Then
// it gives its [Stream] to Run, whose function sends events, or to Follow, by which a
// [hub.Hub] owns the connection. Both return at once; what goes over the wire begins when
// the chain has returned. A browser's EventSource connects again by itself, with the id of
// the last event, until it is answered 204.
//
// # Lifetimes and goroutines
//
//   - Strings that a [Ctx] returns stay valid for ever (unless Config.UnsafeStrings
//     says otherwise). Byte slices that it returns ([Ctx.Body]) are borrowed: valid
//     until the handler returns.
//   - A Ctx belongs to the goroutine that runs its handler and is dead when the
//     request ends. Goroutines that outlive the handler take strings and
//     [Ctx.Context] with them, never the Ctx.
//   - A stream that is followed keeps no Ctx: it takes strings and what it needs with
//     [Stream.Keep]. Send may be called from any goroutine.
//   - Under -race or -tags geistdebug, using a dead Ctx panics with the route's
//     name, and borrowed bytes are overwritten.
//   - An [Engine] is configured by one goroutine; once it serves it is safe for all,
//     and [Engine.Change] registers more.
//
// # Packages
//
//	hub                  rooms for WebSockets and streams, with history and resume
//	hub/hubtest          tests of what uses a hub, and of backplanes
//	store                values under keys, for sessions, rate limits and caches; in memory
//	store/cache          what is costly to make, loaded once
//	store/file           a store in a directory, for development
//	store/sqlite         a store in an SQLite file, a module of its own
//	store/storetest      tests that every store passes
//	swagger              OpenAPI and AsyncAPI documents of the routes
//	swagger/ui           pages for them that work offline, a module of its own
//	view                 pages of html/template for Ctx.Render
//	client               the client of rooms for browsers and Node, to be served
//	client/go            a client of rooms for services and tests, a module of its own
//	geisttest            tests of an application, in memory, without a port
package geist
