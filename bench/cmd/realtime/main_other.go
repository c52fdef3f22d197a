//go:build !linux

// Realtime compares servers of WebSocket and Server-Sent Events, on Linux only: it counts
// processor time and memory as Linux shows them, and its clients wait on epoll.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "realtime: runs on Linux only")
	os.Exit(1)
}
