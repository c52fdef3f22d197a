// Package geisttest is the test kit for applications: a client that talks to an engine without a
// port.
//
//	t := geisttest.New(tb, app)
//	t.GET("/users/7").Header("Accept", "application/json").Do().Status(200).JSON(&user)
//
// Requests are real bytes on an in-memory connection that the engine serves as it serves TCP:
// parsing, limits, keep-alive, Connection: close and the drain of Shutdown all take part. Nothing is
// normalised on the way: the path, the header fields and their case arrive as they were written.
// What a well-behaved client cannot say is written to the connection that [Client.Dial] returns.
//
// Streams of Server-Sent Events are read as an EventSource reads them:
//
//	feed := t.SSE("/feed")
//	feed.Next().Is("tick", "7").HasID("42")
//	feed = feed.Reconnect() // with Last-Event-ID: 42
//
// WebSockets are spoken by a strict client, which answers pings and close frames by itself:
//
//	ws := t.WS("/chat/a")
//	ws.Send("Hello")
//	ws.Next().Text("Hello")
//	ws.Close(1000, "")
//
// Nothing here is real input or output, so that everything works in the fake time of testing/synctest.
// Heartbeats, timeouts and what a handler sleeps then take no time, and are exact:
//
//	synctest.Test(t, func(t *testing.T) {
//		t0 := time.Now()
//		feed := geisttest.New(t, app, geisttest.Config{Timeout: 2 * time.Hour}).SSE("/feed")
//		feed.Next().Is("hourly", "1") // after time.Since(t0) == time.Hour
//	})
//
// In such a bubble Config.Timeout counts fake time too, and answers have no Date field.
//
// With a [Checker] every exchange is held against the documents of the service, so that the tests
// of an application prove them: see Config.Checker and NewChecker of package swagger.
//
// Redirects are not followed, bodies are not decompressed and no header field is invented but Host,
// Cookie (of a jar) and the framing of a body.
package geisttest
