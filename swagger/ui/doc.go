// Package ui shows the documents of package swagger to people, on pages that need
// nothing but the service itself: no other host, no build step.
//
//	err := swagger.Mount(app, swagger.Config{Title: "Users", Version: "1.0", Pages: ui.Pages})
//	// /docs           the operations, which can be tried out
//	// /docs/realtime  WebSockets, streams of events and rooms, which can be connected to
//
// /docs is Swagger UI on the OpenAPI document. Each operation has an address of its own
// (deep links), and is tried out against the service that has served the page, with its
// security schemes. /docs/realtime is a page of this package on the AsyncAPI document: it
// lists channels with their parameters and messages, connects to them, sends messages, which are
// checked against their schemas first, and shows what comes.
//
// The pages find everything by addresses relative to their own, so that they work behind a
// Prefix, in an engine that is mounted, and behind a proxy that takes away or adds a part of
// the path. They run no script and load nothing that is not the service's own, by a
// Content-Security-Policy without exceptions; requests go to the service, to the servers
// of the configuration and to where OAuth tokens are got, and nowhere else.
//
// A page that has nothing to show is not found: /docs if the document has no operations,
// /docs/realtime if there are no channels. What middleware guards the documents guards the
// pages, too.
//
// Swagger UI is licensed under Apache-2.0; it is taken from github.com/swaggest/swgui, which
// is under MIT.
package ui
