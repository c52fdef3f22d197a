package hub

// The longest names, in bytes.
const (
	maxEvent = 256
	maxID    = 128
)

// Message is what is published. The hub copies it: Data may be reused afterwards.
type Message struct {
	// Event names the kind of message. SSE writes it as the event's name, the protocol
	// geist.v1 beside the data; a raw WebSocket does not tell it. It may be empty, and
	// must be free of CR, LF and NUL, and at most 256 bytes long.
	Event string
	// Data is the payload, maybe empty. Unless Binary is set it must be valid UTF-8:
	// clients close on anything else, and one message would end every connection.
	Data []byte
	// Binary makes it a binary frame on WebSockets. SSE, which has only text, writes
	// the data in base64.
	Binary bool
	// ID names the message, so that Once can tell that it has been published before. It
	// goes wherever the message goes, and the protocol geist.v1 tells it. It may be empty,
	// must be valid UTF-8, free of CR, LF and NUL, and at most 128 bytes long.
	ID string
}

// size returns what a history counts.
func (m *Message) size() int { return len(m.Event) + len(m.ID) + len(m.Data) }
