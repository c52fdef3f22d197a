//go:build unix

package peerwatch

import (
	"errors"
	"os"
	"syscall"
)

// watchesSockets says whether this system can watch a socket at all.
const watchesSockets = true

// await blocks until a look at the socket is worth while, and says what it saw. It returns quiet
// when the read deadline has expired, so that there is no waiting.
func await(raw syscall.RawConn) verdict {
	v := closed
	err := raw.Read(func(fd uintptr) bool {
		v = look(int(fd))
		return v != quiet
	})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = raw.Control(func(fd uintptr) { v = look(int(fd)) })
	}
	if err != nil {
		return closed
	}
	return v
}

// look peeks at one byte. Go's sockets do not block, so neither does it.
func look(fd int) verdict {
	var buf [1]byte
	for {
		n, _, err := syscall.Recvfrom(fd, buf[:], syscall.MSG_PEEK)
		switch {
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return quiet
		case err == syscall.ENOTSOCK || err == syscall.EBADF:
			return closed
		case err != nil || n == 0:
			return left
		default:
			return unread
		}
	}
}
