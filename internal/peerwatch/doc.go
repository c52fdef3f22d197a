// Package peerwatch tells when the peer of a connection has left while a request of it is being
// handled, so that the request's context can be cancelled.
//
// A watch costs one small object until Watcher.Delay has passed; only what is still running then is
// registered with the system, by a goroutine of the Watcher and not by the request's own:
//
//	Watch ──► fresh ──► aging ──► aging ──► epoll set (Linux) or a peeking goroutine (elsewhere)
//	            └─ Stop in here: one compare-and-swap, no lock, no system call
//
// What counts as leaving: an orderly close, a reset, a half-close (as in net/http), and whatever
// else ends the incoming direction. Bytes that wait in the socket are never read, so pipelined and
// keep-alive requests stay intact. Of TLS only the transport is watched: the end of the TCP
// connection counts, a close_notify without it does not. A connection that our own side closes is
// not a peer that left: gone is not called.
//
// Linux: one epoll instance and one goroutine for each Watcher, parked in Go's own poller, so that
// no thread is held. Both exist only while something is registered, and 100 ms longer. A leave is
// seen even behind unread bytes. When no epoll instance can be had (out of descriptors), the way of
// the other systems is used.
//
// Elsewhere: one goroutine for each watch that outlived the delay; it waits for the socket to
// become readable and looks with MSG_PEEK. It is weaker in these points:
//
//   - Stop clears the connection's read deadline (it interrupts the wait by an expired one).
//     fasthttp sets its deadlines anew for each request.
//   - A leave behind unread bytes is seen only when they have been read; until then, the socket is
//     looked at every 100 ms. So a TLS client that ends with close_notify, which stays unread, is
//     not seen to leave; one that merely vanishes is.
//   - A read of the connection by the handler (a streamed body) and the wait exclude each other;
//     both go on as soon as bytes arrive.
//   - Once the read deadline that the server has set expires during the request, the socket is
//     looked at every 100 ms; on Windows no longer at all. Clear it first to keep the quick way.
package peerwatch
