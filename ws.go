package geist

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/internal/outlet"
	"github.com/gogeist/geist/internal/ready"
	"github.com/gogeist/geist/internal/wheel"
	"github.com/gogeist/geist/internal/wsproto"
)

// MessageType says what a WebSocket message holds.
type MessageType uint8

// The types of messages.
const (
	// TextMessage holds UTF-8, which has been checked.
	TextMessage = MessageType(wsproto.Text)
	// BinaryMessage holds any bytes.
	BinaryMessage = MessageType(wsproto.Binary)
)

// String returns "text" or "binary".
func (t MessageType) String() string {
	switch t {
	case TextMessage:
		return "text"
	case BinaryMessage:
		return "binary"
	}
	return "unknown"
}

// Message is one WebSocket message.
type Message struct {
	// Type is TextMessage or BinaryMessage.
	Type MessageType
	// Data is the whole payload, inflated. It belongs to who has read it, and may be kept.
	Data []byte
}

// Conn is a WebSocket connection. [Engine.WS] makes it and gives it to the route's
// handler; it ends when that returns.
//
// Until its first use (Read, Write, Close and what builds on these) the connection is
// still a request: the handler may answer it with an error or a Ctx's method. At the
// first use the request ends, its chain returns, and the handler goes on behind the
// handshake. Up to then the Conn is for the handler's goroutine alone; afterwards all
// methods may be called from any goroutine, several at a time. Who keeps it beyond its end
// gets errors: a [*CloseError], or ErrNotWebSocket if there never was a connection.
// RemoteAddr alone must not be called then without one.
type Conn struct {
	socket              // set by begin
	c      *Ctx         // the handler's; nil once Follow has let go of it
	route  *socketRoute // frozen
	set    *settings    // of the route's engine
	live   *server      // of the server's engine
	owner  netConn      // our wrapper of the connection; nil if a foreign server has accepted it
	out    *outlet.Outlet

	id       hub.ConnID
	protocol string
	request  frozenRequest

	once sync.Once
	hs   *handshake // of the request; nil once the connection is there

	timer    wheel.Timer
	arrivals ready.Socket // tells of what the client sends while parked

	readMu   sync.Mutex
	in       *wsproto.Reader    // guarded by readMu; nil while it has nothing to remember
	buf      *readBuffer        // guarded by readMu; only while bytes are in it
	rest     []byte             // guarded by readMu; what has been read and not looked at
	readable func(uintptr) bool // guarded by readMu; tryRead, made once

	mu      sync.Mutex
	ending  *CloseError             // guarded by mu; why the connection ends, once it does
	cancel  context.CancelCauseFunc // guarded by mu; of the Ctx's context, once it was asked for
	hub     *hub.Conn               // guarded by mu; nil until asked for
	session *session                // guarded by mu; nil unless Serve was called
	over    chan struct{}           // closed at the very end; nil unless a foreign server waits

	// What is small stands together, for the sake of the whole's size.
	seat     seat          // among the leavers
	most     int32         // the longest message that may be compressed; 0 means any
	readMost int32         // guarded by readMu; the longest message that is read; 0 means that of the settings
	pinged   uint32        // owned by the timer: waits when it went out
	waits    atomic.Uint32 // odd while a Read waits for bytes, see Expire
	closes   atomic.Bool   // the timer is that of closing
	asked    bool          // owned by the timer: a ping has gone out, and its time is running
	deflate  bool          // compression was agreed on
	known    bool          // the OnConnect hooks have let it in
	refused  bool          // set by the first use: there is no connection
	said     bool          // guarded by readMu; the client has sent its close frame
	broken   bool          // guarded by readMu; what the client sends means nothing any more
	gone     bool          // guarded by mu; the hub has been, or would be, told of the end
	follows  bool          // guarded by mu; Follow was called
	parked   bool          // guarded by mu; nobody reads: see ws_follow.go
	arrived  bool          // guarded by mu; something has, since somebody began to read
}

// handshake is what a request and its handler's goroutine say to each other.
type handshake struct {
	turn   chan turn     // the handler's goroutine gives the turn back
	resume chan struct{} // closed when the connection is there, or never will be
	head   []byte        // the answer, status 101
	err    error         // what the handler returned; set before turnDone
}

// ErrNotWebSocket is what the methods of a Conn return when there is no connection behind
// it: middleware has answered the request in its place, or the client has gone before.
var ErrNotWebSocket = errors.New("geist: the request has not become a WebSocket")

func newConn(c *Ctx, route *socketRoute) *Conn {
	w := &Conn{c: c, route: route, id: hub.NewConnID(), set: &c.engine.set, live: &c.server.live, hs: &handshake{turn: make(chan turn, 1), resume: make(chan struct{})}}
	return w
}

// ID returns the id of the connection, which is its own for ever.
func (w *Conn) ID() hub.ConnID { return w.id }

// Subprotocol returns the one that was agreed on, or "": see [Subprotocols].
func (w *Conn) Subprotocol() string { return w.protocol }

// RemoteAddr returns the address of the connection's other end, which may be a proxy's:
// [Ctx.ClientIP] tells the client's.
func (w *Conn) RemoteAddr() net.Addr {
	if w.conn != nil {
		return w.net().RemoteAddr()
	}
	return w.c.rc.RemoteAddr()
}

// net returns the connection that is read from.
func (w *Conn) net() net.Conn { return w.conn.(net.Conn) }

// Write sends a message. It returns when the message has been handed to the system,
// waits while others write and while the client is slow, and fails with a *[CloseError]
// once the connection has ended or is closing: also when the client takes nothing for
// WebSocketConfig.WriteTimeout. Text must be UTF-8; what is not is refused, and the
// connection goes on. data may be used again when Write has returned.
func (w *Conn) Write(t MessageType, data []byte) error {
	if t != TextMessage && t != BinaryMessage {
		return errMessageType
	}
	if t == TextMessage && !utf8.Valid(data) {
		return errNotText
	}
	if err := w.use(); err != nil {
		return err
	}
	f := getFrame()
	if w.compresses(len(data)) {
		f.deflate(wsproto.Opcode(t), data)
	} else {
		f.b = append(f.b, data...)
		f.finish(wsproto.Opcode(t), false)
	}
	return w.send(f)
}

// WriteJSON sends the JSON encoding of v as a text message; see Write. A value that
// cannot be encoded sends nothing.
func (w *Conn) WriteJSON(v any) error {
	if err := w.use(); err != nil {
		return err
	}
	f := getFrame()
	if err := w.set.JSON.Encode(f, v); err != nil {
		putFrame(f)
		return err
	}
	if n := len(f.b); n > frameRoom && f.b[n-1] == '\n' {
		f.b = f.b[:n-1] // encoders end with one
	}
	if !w.compresses(len(f.b) - frameRoom) {
		f.finish(wsproto.Text, false)
		return w.send(f)
	}
	z := getFrame()
	z.deflate(wsproto.Text, f.b[frameRoom:])
	putFrame(f)
	return w.send(z)
}

var (
	errMessageType = errors.New("geist: a WebSocket message is a TextMessage or a BinaryMessage")
	errNotText     = errors.New("geist: a TextMessage must be UTF-8: send a BinaryMessage")
)

// compresses reports whether a message of n bytes is to be compressed.
func (w *Conn) compresses(n int) bool {
	return w.deflate && n >= w.route.options.compressFrom && (w.most == 0 || n <= int(w.most))
}

// send sends a finished frame.
func (w *Conn) send(f *frame) error {
	err := w.out.Send(f.b[f.begin:])
	putFrame(f)
	if err != nil {
		return w.lost(err)
	}
	return nil
}

// use makes the request a connection, if it is not one yet. It is called by whatever
// needs the connection.
func (w *Conn) use() error {
	w.once.Do(w.take)
	if w.refused {
		return ErrNotWebSocket
	}
	return nil
}

// take lets the request end and waits for the connection.
func (w *Conn) take() {
	w.hs.turn <- turnHijack
	<-w.hs.resume
	if w.out == nil {
		w.refused = true
		return
	}
	w.hs = nil
}

// frozen reports whether the request is over and the Ctx on its own.
func (w *Conn) frozen() bool { return w.request.head != nil }

// adopt makes the connection's end that of the Ctx's context.
func (w *Conn) adopt(cancel context.CancelCauseFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ending != nil {
		cancel(w.ending)
		return
	}
	w.cancel = cancel
}

// frame is a frame in the making: room for its header, then the payload.
type frame struct {
	b     []byte
	begin int // of the header, once it is finished
}

// frameRoom is the room that the header of a server's frame may need.
const frameRoom = wsproto.MaxHeader - len(wsproto.Header{}.Key)

// maxFrame is the largest buffer that is kept for other frames.
const maxFrame = 64 << 10

var frames = sync.Pool{New: func() any { return &frame{b: make([]byte, frameRoom, 512)} }}

func getFrame() *frame { return frames.Get().(*frame) }

// putFrame gives a frame back, without what was in it.
func putFrame(f *frame) {
	if cap(f.b) > maxFrame {
		return
	}
	if debugCtx {
		fill(f.b)
	}
	f.b = f.b[:frameRoom]
	frames.Put(f)
}

// Write appends to the payload.
func (f *frame) Write(p []byte) (int, error) {
	f.b = append(f.b, p...)
	return len(p), nil
}

// deflate makes f a finished frame of a compressed message, or of the message itself if
// that is no longer.
func (f *frame) deflate(op wsproto.Opcode, data []byte) {
	f.b = wsproto.AppendDeflated(f.b, data)
	smaller := len(f.b)-frameRoom < len(data)
	if !smaller {
		f.b = append(f.b[:frameRoom], data...)
	}
	f.finish(op, smaller)
}

// finish writes the header before the payload.
func (f *frame) finish(op wsproto.Opcode, compressed bool) {
	var room [wsproto.MaxHeader]byte
	h := wsproto.Header{Fin: true, RSV1: compressed, Op: op, Size: uint64(len(f.b) - frameRoom)}
	head := h.Append(room[:0])
	f.begin = frameRoom - len(head)
	copy(f.b[f.begin:], head)
}
