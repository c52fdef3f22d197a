// Package servertest tries the client with the server of this repository. It is a module of its
// own, so that users of the client do not get what the server depends on.
package servertest
