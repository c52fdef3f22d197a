// Package middleware holds nothing but packages: each directory below it is one middleware. Which
// there are, in what order they belong, and what each means for HTTP, WebSockets, streams and
// requests that no route serves is said in docs/middleware.md, and held by the tests here.
//
//	app.Use(requestid.New(), logger.New(), recovery.New())
package middleware
