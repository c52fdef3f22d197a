// Package realtime compares servers of WebSocket and Server-Sent Events: fan-out, memory
// of idle connections, slow clients, rooms. Each server is a process of its own (package
// control), and so is the client (package load), which checks every message it gets.
// The scenes are part of the suite, and run on Linux.
package realtime
