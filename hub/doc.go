// Package hub delivers messages to rooms of connections: WebSockets and Server-Sent
// Events alike, on one node or many.
//
// A chat with history is three calls:
//
//	h := hub.New(hub.Config{})
//
//	joined, err := h.Join(ws, "lobby", hub.Since(pos))   // or hub.Last(20) for newcomers
//	pos, err := h.Publish(ctx, "lobby", hub.Message{Data: text}, hub.Except(ws.ID()))
//	h.Leave(ws, "lobby")                                 // a connection that ends leaves by itself
//
// ws is a [Subscriber]: a *geist.Conn or a *geist.Stream, or in tests a client of package
// hubtest. What does not belong to a room goes to one connection by [Hub.Send], to
// all of a user by [Hub.SendUser], to everybody by [Hub.Broadcast].
//
// # Order and positions
//
// Each room is a log. Every subscriber sees a part of it, in its order and without
// holes: from the moment of joining, or from a position on that it asks for. If
// something is missing all the same, because a client was too slow or away for too long,
// it is told: by a gap event, or by [Joined.Recovered], or its connection is closed. Never
// is anything left out in silence, except what a [PublishOption] asks for.
//
// A [Pos] is a place in a log. Clients get one with each message (it is the id of an
// event) and give it back to [Since]; browsers do that on their own, for [Hub.Follow]. A
// log that was lost begins anew with another epoch, so that old positions are recognised.
// Among messages of different rooms, and between those and direct ones, there is no order.
//
// # Slow clients
//
// Publishing never waits for a client. Nothing is queued for each: a connection has a
// place in the log, and a slow one falls behind. How far it may, in messages and bytes,
// and what happens then says [RoomConfig]: the connection is closed, or it skips
// messages and is told so. Messages that are published while a client is being written
// to leave in one write when it is ready; that makes bursts cheap.
//
// # Who is there
//
// A room with [RoomConfig] Presence knows its members: [Hub.Presence] lists them,
// [Hub.Watch] tells how they change, once a second at most. With a Backplane both are
// about all nodes, a second or two behind; members of a node that dies stay for 40 s. [Show] says what others may
// know of a connection. Clients that speak the protocol geist.v1 are told by [Observe], if the
// application lets them. To others it tells what it likes, in its own words:
//
//	for change, err := range h.Watch(s.Context(), "lobby") {
//		if err != nil { return err }
//		if err := s.SendJSON("presence", change); err != nil { return err }
//	}
//
// # Clients that speak for themselves
//
// Routes of geist.Engine.Rooms speak the protocol geist.v1, in which clients join rooms and
// publish; a [Policy] says which of them may. [Hub.Request] asks a client, [Hub.Recheck] asks
// the policies again, [Hub.DisconnectUser] ends what a revoked login has open.
//
// # The application as a subscriber
//
// [Hub.Subscribe] gives the application itself a place in a room: a loop over messages
// with their positions, by the same rules. A [Topic] makes them values of one type:
//
//	orders := hub.Topic[Order]{Hub: h, Room: "orders"}
//	pos, err := orders.Publish(ctx, Order{ID: 7})
//
// # Publishing once
//
// A client that loses its connection does not know whether what it sent was published. If
// the message has an ID, [Once] looks for that in the history, and publishes only
// what is not there; if the history does not reach far enough to tell, the error is
// [ErrUnknownOutcome].
//
// # What it costs
//
// A publish encodes the message once for each kind of connection in the room and copies
// it nowhere else, except into the history; it allocates blocks of the log, at most one
// allocation for 2 KiB of messages. Rooms are independent of each other. A hub has no
// goroutine while nothing happens; a blocked client has one for as long as it is blocked.
// Memory is bounded by the limits in [Config], which has a safe default for each.
//
// # Many nodes
//
// With a [Backplane], hubs on several nodes are one. What changes is written there:
// Publish waits for the broker and fails with [ErrBackplane] if it cannot be reached, and
// unless the backplane orders messages, a client that resumes on another node gets a gap.
//
// # Restarts
//
// With a [Journal] the logs of rooms outlive the process: positions go on where they
// were, and clients resume. Publish keeps a message before anybody receives it, and fails
// with [ErrJournal] if it cannot be kept.
package hub

// How it works, for those who change it.
//
// A room has a tape for each encoding in use, a chain of blocks of encoded entries; a
// subscriber is a cursor in it (sub). Publishing appends and then wakes: each
// subscriber is put among those of its connection that have something to receive, and
// the connection's Outlet asks its Source (Conn) for bytes when it may write. Cursors
// lead forward only, and the garbage collector takes the blocks that none leads to.
//
// Locks, in the order in which one goroutine may take them:
//
//	Conn.mu  →  shard.mu, stripe.mu or userStripe.mu  →  room.mu  →  Hub.mu
//
// and never two of one kind. flushers.mu, flights.mu, and the lock of an Outlet, are held for a few
// instructions and nothing is locked under them. No function of a user or a backplane is
// called under any of them: not Config.Room, not Backplane.Unsubscribe. Nor is one of a
// transport that could come back: not Conn.close, not Outlet.Wake. Encodings are called
// under room.mu and Conn.mu; they only append.
//
// What holds it together:
//
//  1. Entries are visible before anybody is woken, and a wake comes after a subscriber
//     could have seen that there is nothing. So nothing waits unseen.
//  2. A cursor is set under room.mu, between two entries; sub.left is set under Conn.mu,
//     under which alone bytes are handed out. So Join and Leave are exact.
//  3. A cursor never moves past an entry but by handing it out, by an exception for that
//     connection, or by noting a gap that is told before anything else.
//  4. A block's n is final once its next is set: readers load next first.
//  5. What was handed out never changes: blocks are written to behind n only, and what was
//     put together for one connection is reused when its Outlet asks again.
//  6. A room leaves its shard only while it is empty, unpinned and marked dead, all under
//     both locks. Who finds a dead room looks again.
//  7. A Member never changes, so that lists of them are read without a lock; and what was
//     told of a room's members, with presence.before in the place of what has changed since,
//     is what everybody who watches knows.
//  8. A unit of a view says how those are now who have changed since the unit before it, and
//     leaves out nobody. So who has begun anywhere in between, and applies units in order, knows
//     who was there at the last.
//  9. While a backplane publishes a message with an ID, that is among Hub.flights; afterwards
//     it is in the history, or behind its floor, or was not published. So who has put the ID
//     there itself learns by one look at the history what became of earlier attempts.
