//go:build !unix && !windows

package peerwatch

import "syscall"

// watchesSockets says whether this system can watch a socket at all. Here (plan9, js, wasip1) only
// connections with PeerGone are watched.
const watchesSockets = false

func await(syscall.RawConn) verdict { return closed }
