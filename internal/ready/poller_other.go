//go:build !linux

package ready

import "syscall"

// Poller tells nothing on this system.
type Poller struct{}

// Watch reports false: the connection needs a goroutine.
func (*Poller) Watch(*Socket, syscall.RawConn, Event, Task) bool { return false }

// Stop does nothing.
func (*Poller) Stop(*Socket) {}
