package ready

// Task is what a Socket tells. Ready runs on the Poller's goroutine, which all others wait
// for: it must not block. It may come once more than there is something to be read, and
// once after Stop.
type Task interface{ Ready() }

// Event says what a Socket tells of.
type Event uint8

// The events. A peer that leaves is one of either kind.
const (
	// Readable is that bytes have arrived, or that the peer has left.
	Readable Event = iota
	// Left is that the peer has closed its side, or that the connection has broken. It is
	// seen behind bytes that nobody has read, too.
	Left
)

// Socket is the registration of one socket, to be embedded. The zero Socket is not
// registered. Its fields are guarded by the Poller's lock.
type Socket struct {
	task Task  // nil if it is not registered
	fd   int32 // the descriptor
	gen  int32 // tells apart registrations of the same number
}
