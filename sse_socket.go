package geist

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/internal/eventstream"
	"github.com/gogeist/geist/internal/hubwire"
	"github.com/gogeist/geist/internal/roomwire"
)

// streamSocket is a Stream as its outlet sees it: where units go. Until the stream is
// open, what a hub has for it waits.
type streamSocket Stream

// streamSink is the body that Run's function writes, and its connection.
type streamSink struct {
	w     *StreamWriter // nil if there is none
	conn  net.Conn
	strip bool // somebody else frames what is sent, such as a middleware of net/http

	foreign bool // the connection is not ours
}

// newSink returns the sink of a body that fasthttp has begun to write to w. It sets s.own if
// fasthttp can be passed by.
func (s *Stream) newSink(w *StreamWriter) streamSink {
	k := streamSink{w: w, conn: s.ctx().rc.Conn()}
	k.foreign = stateOf(k.conn) == nil
	if w.out != io.Writer(k.conn) {
		k.strip = s.framed
		if w.flush != nil {
			_ = w.flush.Flush() // the header; a failure is one of the writes to come
		}
		return k
	}
	if c, ok := k.conn.(netConn); ok {
		s.own = newSocket(innermost(c), s.server.live.writeTimeout)
		// What the header has left would, once it has passed, fail writes that do not wait.
		_ = s.own.conn.SetWriteDeadline(time.Time{})
	}
	return k
}

// innermost returns the connection that a listener has accepted.
func innermost(c netConn) net.Conn {
	if c, ok := c.(*anyConn); ok {
		return c.Conn
	}
	return c.inner()
}

// TryWrite leaves it to Write where the stream is not open, and where fasthttp or
// net/http write: they cannot tell what they would block on.
func (k *streamSocket) TryWrite(p []byte) (int, error) {
	if k.phase.Load() < streamOpen || k.own.conn == nil {
		return 0, nil
	}
	n, err := k.own.tryWrite(p)
	return n, k.failed(err)
}

// sink returns where Run's stream is written to, or nil if it has no request any more.
func (k *streamSocket) sink() *streamSink {
	if req := k.req.Load(); req != nil {
		return &req.sink
	}
	return nil
}

// failed says that it is the client that has gone, if a write failed.
func (k *streamSocket) failed(err error) error {
	switch {
	case err == nil:
		return nil
	case k.sink() != nil && k.sink().w != nil:
		return k.sink().w.fail(err)
	}
	return fmt.Errorf("%w: %w", ErrClientGone, err)
}

// await returns once the stream is open, or never will be.
func (s *Stream) await() {
	s.mu.Lock()
	if s.phase.Load() >= streamOpen {
		s.mu.Unlock()
		return
	}
	rest := s.restLocked()
	if rest.waiting == nil {
		rest.waiting = make(chan struct{})
	}
	waiting := rest.waiting
	s.mu.Unlock()
	<-waiting
}

// begun lets those go on that await. It is called once, when the phase has been set.
func (s *Stream) begun() {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := s.rest
	if rest == nil || rest.waiting == nil {
		return
	}
	close(rest.waiting)
	rest.waiting = nil
	if rest.lastID == "" && rest.cancel == nil && rest.stopped == nil && rest.kept == nil {
		s.rest = nil // that was all
	}
}

// Write waits for the stream to open.
func (k *streamSocket) Write(p []byte) error {
	if k.phase.Load() < streamOpen {
		(*Stream)(k).await()
	}
	switch {
	case k.own.conn != nil:
		return k.failed(k.own.writeAll(p))
	case k.sink() == nil || k.sink().w == nil:
		return errStreamEnded
	case k.sink().strip:
		p = stripChunks(p)
	}
	return k.sink().w.send(p)
}

// Cut ends the connection at once, if the stream has one: what was never opened is
// answered otherwise.
func (k *streamSocket) Cut() {
	if k.phase.Load() < streamOpen {
		return
	}
	if k.own.conn != nil {
		k.own.cutOff()
		return
	}
	if k.sink() == nil {
		return
	}
	if conn := k.sink().conn; conn != nil && canDeadline(conn) {
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
	s.ended = true
	owner := s.owner
	s.mu.Unlock()
	if owner != nil {
		go s.hangUp(err == nil)
		return
	}
	s.leaveHub()
}

// leaveHub takes the stream out of its rooms.
func (s *Stream) leaveHub() {
	s.mu.Lock()
	conn := s.conn
	s.mu.Unlock()
	if conn != nil {
		conn.Ended(hubwire.Key{})
	}
}

// over is called when everything else has ended: cause is nil if that was the stream's own
// end.
func (s *Stream) over(cause error) {
	s.leaveHub()
	s.mu.Lock()
	known := s.known
	s.known = false
	var kept []any
	if s.rest != nil {
		kept, s.rest.kept = s.rest.kept, nil
	}
	s.mu.Unlock()
	for _, v := range slices.Backward(kept) {
		if x, ok := v.(io.Closer); ok {
			s.server.guard(s.route.pattern, x.Close)
		}
	}
	if known {
		s.server.disconnected(s.id, s.route.pattern, cause)
	}
}

// stop ends the function's context, or that which it is going to have.
func (s *Stream) stop(cause error) {
	s.mu.Lock()
	rest := s.restLocked()
	cancel := rest.cancel
	if rest.stopped == nil {
		rest.stopped = cause
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
func (s *Stream) hubConn(enc hubwire.Encoding) *hub.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		s.conn = hub.NewConn(s.id, &s.out, enc, s.closedByHub)
		if s.ended { // nobody else would tell the hub
			s.conn.Ended(hubwire.Key{})
		}
	}
	return s.conn
}

var errTooSlow = fmt.Errorf("%w: it reads too slowly", ErrClientGone)

// closedByHub ends the stream for its hub.
func (s *Stream) closedByHub(reason hubwire.CloseReason) {
	s.mu.Lock()
	var x *session
	if s.rest != nil {
		x = s.rest.session
	}
	s.mu.Unlock()
	switch {
	case reason == hubwire.Lagging:
		s.out.Cut(errTooSlow)
	case reason == hubwire.Dismissed && x != nil:
		x.end(roomwire.CloseUnauthorized, roomwire.CodeUnauthorized, roomwire.Never, nil)
	default:
		s.leave()
	}
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
	last := s.goodbye()
	s.bye.Store(true)
	s.out.Finish(last)
	s.stop(ErrServerClosed)
}

// ours reports whether one of our listeners has accepted the connection.
func (s *Stream) ours() bool {
	sink := (*streamSocket)(s).sink()
	return sink == nil || !sink.foreign
}

// place is where the stream sits among the leavers.
func (s *Stream) place() *seat { return &s.seat }

// cut ends the stream for a drain whose time is up.
func (s *Stream) cut() { s.out.Cut(ErrServerClosed) }

// streamBeat is a Stream as the wheel sees it: a comment is sent every so often, a quarter
// more or less, so that the connections of a server do not beat together.
type streamBeat Stream

// startHeartbeat begins with it.
func (s *Stream) startHeartbeat() {
	if s.server.set.EventHeartbeat > 0 {
		(*streamBeat)(s).again()
	}
	s.stopHeartbeatIfOver()
}

func (b *streamBeat) again() {
	b.server.live.wheel.Set(&b.timer, jitter(b.server.set.EventHeartbeat), b)
}

// Expire sends a comment. If the outlet drops it, there is enough to be sent.
func (b *streamBeat) Expire() {
	unit := heartbeat
	if b.framed {
		unit = heartbeatChunk
	}
	b.out.Post([]byte(unit))
	b.again()
	(*Stream)(b).stopHeartbeatIfOver()
}

// stopHeartbeatIfOver is called when the timer has been set: stopHeartbeat may have come
// before that, by the hand of another goroutine.
func (s *Stream) stopHeartbeatIfOver() {
	if s.phase.Load() == streamOver {
		s.stopHeartbeat()
	}
}

// stopHeartbeat is called once the phase is streamOver.
func (s *Stream) stopHeartbeat() { s.server.live.wheel.Stop(&s.timer) }

// A comment that says nothing, and the same as a chunk.
const (
	heartbeat      = eventstream.Heartbeat
	heartbeatChunk = "3\r\n" + heartbeat + "\r\n"
)

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
