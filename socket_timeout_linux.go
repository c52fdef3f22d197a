package geist

import (
	"math"
	"syscall"
	"time"
)

// tcpUserTimeout is TCP_USER_TIMEOUT, which package syscall does not name.
const tcpUserTimeout = 0x12

// setUserTimeout lets the kernel end a connection whose client has acknowledged nothing of
// what was sent for so long. A ping or a heartbeat fits into the kernel's buffers, so that
// writing one never fails: without this, a stream to a client that has vanished without a
// word would stay for a quarter of an hour, until the kernel gives up by itself.
func setUserTimeout(raw syscall.RawConn, d time.Duration) {
	ms := int(min(max(d.Milliseconds(), 1), math.MaxInt32))
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, ms)
	}) // fails if the connection is closed, which is as good
}
