package peerwatch

import (
	"errors"
	"os"
	"syscall"
)

// watchesSockets says whether this system can watch a socket at all.
const watchesSockets = true

const msgPeek = 2 // MSG_PEEK of winsock2.h; package syscall does not have it

// await blocks until a look at the socket is worth while, and says what it saw. It returns quiet
// when the read deadline has expired.
func await(raw syscall.RawConn) verdict {
	v := quiet
	waited := false
	err := raw.Read(func(fd uintptr) bool {
		// The first call comes before any waiting. Go's sockets block here, so that a look could
		// hang; after the wait there is something to see.
		if waited {
			v = look(syscall.Handle(fd))
		}
		waited = true
		return v != quiet
	})
	var errno syscall.Errno
	switch {
	case err == nil:
		return v
	case errors.Is(err, os.ErrDeadlineExceeded):
		return quiet
	case errors.As(err, &errno): // WSAECONNRESET and its like, from the wait itself
		return left
	default:
		return closed
	}
}

// look peeks at one byte of a socket that is readable.
func look(fd syscall.Handle) verdict {
	var b [1]byte
	buf := syscall.WSABuf{Len: 1, Buf: &b[0]}
	var n uint32
	flags := uint32(msgPeek)
	err := syscall.WSARecv(fd, &buf, 1, &n, &flags, nil, nil)
	if err != nil || n == 0 {
		return left
	}
	return unread
}
