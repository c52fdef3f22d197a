package peerwatch

import "runtime"

// goroutineID returns the number of the calling goroutine. It exists for one question, whether a
// Stop that meets a running gone comes from within it, and is asked only when a peer has left. The
// header of a stack trace is the one place that tells it; net/http's HTTP/2 reads it there too.
//
//	"goroutine 18 [running]:…" → 18
func goroutineID() uint64 {
	const prefix = len("goroutine ")
	var buf [prefix + 20]byte
	n := runtime.Stack(buf[:], false)
	var id uint64
	for _, c := range buf[prefix:n] {
		if c < '0' || c > '9' {
			break
		}
		id = id*10 + uint64(c-'0')
	}
	return id
}
