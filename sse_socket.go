package geist

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/internal/eventstream"
	"github.com/gogeist/geist/internal/hubwire"
)

// streamSocket is a Stream as its outlet sees it: where units go. Until the stream is
// open, what a hub has for it waits.
type streamSocket Stream

// streamSink is the connection of an open stream.
type streamSink struct {
	w     *StreamWriter
	conn  net.Conn
	strip bool // somebody else frames what is sent, such as a middleware of net/http
}

// TryWrite leaves it to Write: fasthttp's writers cannot tell what they would block on.
func (k *streamSocket) TryWrite([]byte) (int, error) { return 0, nil }

func (k *streamSocket) Write(p []byte) error {
	<-k.ready
	if k.sink.w == nil {
		return errStreamEnded
	}
	if k.sink.strip {
		p = stripChunks(p)
	}
	return k.sink.w.send(p)
}

// Cut ends the connection at once, if the stream has one: what was never opened is
// answered otherwise.
func (k *streamSocket) Cut() {
	select {
	case <-k.ready:
	default:
		return
	}
	if conn := k.sink.conn; conn != nil && canDeadline(conn) {
		_ = conn.SetWriteDeadline(expired) // for those of net/http, which do not close
		_ = conn.Close()
	}
}

// Ended lets the function and the hub know.
func (k *streamSocket) Ended(err error) {
	s := (*Stream)(k)
	if err != nil {
		s.stop(err)
	}
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	if conn != nil {
		conn.Ended(hubwire.Key{})
	}
}

// stop ends the function's context, or that which it is going to have.
func (s *Stream) stop(cause error) {
	s.mu.Lock()
	cancel := s.cancel
	if s.stopped == nil {
		s.stopped = cause
	}
	s.mu.Unlock()
	if cancel != nil {
		cancel(cause)
	}
}

// HubConn returns the hub's side of the stream, for [hub.Hub.Attach] and the like. What a
// hub delivers before the stream is open comes first.
func (s *Stream) HubConn() *hub.Conn {
	return s.hubConn(eventEncoding{framed: s.framed})
}

// hubConn returns the hub's side, made on first use.
func (s *Stream) hubConn(enc eventEncoding) *hub.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		s.conn = hub.NewConn(s.id, s.out, enc, s.closedByHub)
	}
	return s.conn
}

var errTooSlow = fmt.Errorf("%w: it reads too slowly", ErrClientGone)

// closedByHub ends the stream for its hub.
func (s *Stream) closedByHub(reason hubwire.CloseReason) {
	if reason == hubwire.Lagging {
		s.out.Cut(errTooSlow)
		return
	}
	s.leave()
}

var _ hub.Subscriber = (*Stream)(nil)

// Bounds of the time after which a client of a draining server connects again, so that
// not all come at once.
const (
	leastRetry = time.Second
	mostRetry  = 6 * time.Second
)

// leave asks the stream to end: the client is told when to come again, and nothing behind
// that, and the function's context ends.
func (s *Stream) leave() {
	retry := eventstream.AppendRetry(nil, leastRetry+rand.N(mostRetry-leastRetry).Truncate(time.Millisecond))
	if s.framed {
		retry = frameChunk(retry, 0)
	}
	s.bye.Store(true)
	s.out.Finish(retry)
	s.stop(ErrServerClosed)
}

// startHeartbeat has a comment sent while the stream is open, every so often: a quarter
// more or less, so that the connections of a server do not beat together.
func (s *Stream) startHeartbeat(every time.Duration) {
	if every <= 0 {
		return
	}
	unit := []byte(eventstream.Heartbeat)
	if s.framed {
		unit = frameChunk(unit, 0)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beat = time.AfterFunc(jitter(every), func() {
		s.out.Post(unit) // if it is dropped, there is enough to be sent
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.beat != nil {
			s.beat.Reset(jitter(every))
		}
	})
}

func (s *Stream) stopHeartbeat() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.beat != nil {
		s.beat.Stop()
		s.beat = nil
	}
}

// jitter returns a random duration between three and five quarters of d.
func jitter(d time.Duration) time.Duration { return d - d/4 + rand.N(d/2+1) }

// frameChunk makes a chunk of b[from:]: the size goes before it and a line end behind.
func frameChunk(b []byte, from int) []byte {
	var head [18]byte
	size := append(strconv.AppendInt(head[:0], int64(len(b)-from), 16), "\r\n"...)
	b = slices.Insert(b, from, size...)
	return append(b, "\r\n"...)
}

// stripChunks returns what whole chunks hold.
func stripChunks(p []byte) []byte {
	out := make([]byte, 0, len(p))
	for len(p) > 0 {
		head, rest, _ := bytes.Cut(p, []byte("\r\n"))
		size, err := strconv.ParseInt(string(head), 16, 0)
		if err != nil || int(size)+len("\r\n") > len(rest) {
			return out // they are ours, so that this cannot be
		}
		out = append(out, rest[:size]...)
		p = rest[int(size)+len("\r\n"):]
	}
	return out
}
