// Package control runs a server of the real-time scenes in a process of its own and
// drives it: [ServeArgs] is that process, [Start] begins it and [Process] talks to it, in
// lines of JSON over its standard input and output.
//
// Publishing happens in the server's process, as it does in an application. After each
// step the publisher waits for one byte in a pipe, by which the client says that every
// delivery is there: no library can win by dropping, and none is driven into its limits.
package control
