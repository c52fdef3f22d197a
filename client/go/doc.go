// Package geistclient is a client of geist's rooms for services and tests. It speaks the protocol
// geist.v1 over a WebSocket, or over Server-Sent Events where WebSockets do not get through.
//
//	c, err := geistclient.Dial(ctx, "wss://example.com/rt", geistclient.Config{})
//	defer c.Close()
//
//	room, err := c.Join(ctx, "board:1", geistclient.JoinOptions{Last: 50})
//	pos, err := room.Publish(ctx, geistclient.Message{Event: "drawn", Data: []byte(`{"x":1}`)})
//	for m, err := range room.Messages(ctx) {
//		…
//	}
//
// A [Client] is one connection, made again whenever it breaks, and a [Room] is joined again with
// it. All methods may be called by several goroutines. Those that wait take a context; one that
// ends gives up what was asked and harms nothing else.
//
// # What is certain
//
// Every reader of a room receives its messages in one order, each once. After a reconnect it goes
// on behind the last one. What the server no longer has, for the client was away too long, is told
// in its place by a message whose Gap is set: then the application fetches its state anew.
//
// [Room.Publish] returns when the server has the message. If the connection breaks before,
// the message is sent again in such a way that it is published once. Where that cannot be found out
// the error is [ErrUnknownOutcome], and the application decides. [Client.Call] is never sent twice.
//
// Messages to the connection, its user or everybody ([Client.Receive]) belong to no room. They are
// not resumed.
//
// # Reconnecting
//
// After a lost connection the client waits for a time that is chosen at random, below a bound that
// doubles up to Config.MaxDelay, or for as long as the server has said. It goes on until Close, or
// until the server does not want it any more: it is denied, its credentials have ended and there is
// no Config.Token to get others, or another client has come with its session. Then everything
// returns an error that is [ErrClosed] and an [*Error] with the reason. Only the first attempt, by
// [Dial], is the caller's to repeat.
//
// # Slow readers
//
// Each room keeps up to Config.Buffer messages that nobody has received yet. When there is no more
// space, the client leaves the room, and joins it again behind the last message kept as soon as half
// of the space is free. So a slow reader costs bounded memory, and never holds up other rooms, the
// answers to commands, or the server, which would end a connection that lags; a loop over messages
// may publish from within. The price is a join, and a gap if the server's history is shorter
// than the reader's pause. While it lasts the client is no member of the room for the others there.
//
// Outside of rooms there is nothing to resume from: a Gap takes the place of what was too much.
package geistclient
