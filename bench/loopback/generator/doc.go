// Package generator is the client of the loopback scenes. It sends requests over many
// connections and compares every answer with the one that is expected, byte by byte but for
// the header.
//
// [Client.Closed] is a closed loop: each connection sends the next request when the last
// is answered. It finds the most that a server can do, and says little of latency, since a
// server that stalls is asked less. [Client.Open] is an open loop: requests are due at times
// that are fixed beforehand, and latency counts from then, whether a connection was free or
// not. What waits behind a stall is counted as having waited.
//
// One goroutine for each worker polls its connections by epoll, so that the client costs
// less than the servers that it measures. Encrypted connections have a goroutine each. It
// runs on Linux only.
package generator
