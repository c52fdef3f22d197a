// Package loopback holds the scenes over sockets on the loopback: every server is a process
// of its own, this program started again, on other cores than the client where the system
// allows that. Package peers has the applications, package generator is the client.
//
// The scenes run on Linux only: they count processor time and memory as Linux shows them,
// and the client waits on epoll.
package loopback
