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
// Redirects are not followed, bodies are not decompressed and no header field is invented but Host,
// Cookie (of a jar) and the framing of a body.
package geisttest
