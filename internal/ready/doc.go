// Package ready tells that sockets have something to be read, or that their peers have
// left, for very many connections that nobody waits on: one epoll instance and one
// goroutine for all of them. A socket costs the 24 bytes of a [Socket], embedded in its
// connection, and a word of a table:
//
//	table[7] → Socket{fd: 7, gen: 41} → the connection
//	table[9] → Socket{fd: 9, gen: 38}
//	event {fd: 7, gen: 40}               of a connection that was closed: dropped
//
// Events come at the edge, once for what has arrived since the last: a socket stays
// registered, and nobody has to say that it was read. So whoever is told must read until
// nothing is left.
//
// Linux only: elsewhere [Poller.Watch] reports false, and the connection needs a
// goroutine.
package ready
