// Package load is the client of the real-time scenes: thousands of connections on one
// epoll, read by one goroutine without a buffer or a goroutine for each, so that it costs
// less than the servers that it measures. It checks every byte that it receives.
//
// It runs on Linux only. Nothing in it is safe for more than one goroutine: a [Loop] and
// all that belongs to it is driven by the one that calls [Loop.Poll] or what polls.
package load
