package geist

import (
	"bytes"
	"unicode/utf8"

	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/internal/hubwire"
	"github.com/gogeist/geist/internal/outlet"
	"github.com/gogeist/geist/internal/roomwire"
	"github.com/gogeist/geist/internal/wsproto"
)

var _ hub.Subscriber = (*Conn)(nil)

// HubConn returns the hub's side of the connection, for [hub.Hub.Join] and the like. What
// a hub delivers arrives as one message each, beside what Write sends. The first call
// uses the connection, see [Conn], and agrees on the subprotocol geist.v1 if the client
// offers it, see [Conn.Serve].
func (w *Conn) HubConn() *hub.Conn {
	refused := w.speak(false) != nil
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hub != nil {
		return w.hub
	}
	out := w.out
	if refused {
		out = outlet.New((*wire)(w)) // that never sends anything
	}
	var enc hubwire.Encoding = frameEncoding{}
	if x := roomEncodingOf(w.protocol); x != 0 {
		enc = x
	}
	w.hub = hub.NewConn(w.id, out, enc, w.closedByHub)
	if refused || w.gone {
		w.hub.Ended(hubwire.Key{})
	}
	return w.hub
}

// closedByHub closes the connection for its hub.
func (w *Conn) closedByHub(reason hubwire.CloseReason) {
	e := &CloseError{Code: CloseGoingAway, err: ErrServerClosed}
	switch reason {
	case hubwire.Lagging:
		e = &CloseError{Code: CloseTryLater, Reason: "too slow"}
	case hubwire.Dismissed:
		e = &CloseError{Code: roomwire.CloseUnauthorized, Reason: roomwire.CodeUnauthorized}
	}
	w.close(e)
}

// forgetHub tells the hub that the connection has ended.
func (w *Conn) forgetHub() {
	w.mu.Lock()
	w.gone = true
	conn := w.hub
	w.mu.Unlock()
	if conn != nil {
		conn.Ended(hubwire.Key{})
	}
}

// frameEncoding writes what a hub delivers as frames. A client that speaks no protocol of
// ours could not tell that something is missing.
type frameEncoding struct{}

var _ hubwire.Encoding = frameEncoding{}

// Traits says that neither gaps nor positions can be told.
func (frameEncoding) Traits() hubwire.Traits { return hubwire.Traits{} }

// AppendEntry appends one frame. Bytes in a text that are not UTF-8 are replaced.
func (frameEncoding) AppendEntry(dst []byte, e *hubwire.Entry) []byte {
	if e.Binary {
		return wsproto.AppendFrame(dst, wsproto.Binary, true, false, e.Data)
	}
	data := e.Data
	if !utf8.Valid(data) {
		data = bytes.ToValidUTF8(data, []byte("\uFFFD"))
	}
	return wsproto.AppendFrame(dst, wsproto.Text, true, false, data)
}

// AppendGap is never called, see Traits.
func (frameEncoding) AppendGap(dst []byte, _ *hubwire.Gap) []byte { return dst }

// AppendPositions is never called, see Traits.
func (frameEncoding) AppendPositions(dst []byte, _ []hubwire.Place) []byte { return dst }

// AppendPresence is never called, see Traits.
func (frameEncoding) AppendPresence(dst []byte, _ *hubwire.Presence) []byte { return dst }
