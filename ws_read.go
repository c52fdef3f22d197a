package geist

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gogeist/geist/internal/wsproto"
)

// readBuffer is what bytes of clients are read into. A connection has one only while
// there is something in it.
type readBuffer struct {
	n   int   // what was read into it last
	err error // or how that failed
	b   [8<<10 - 24]byte
}

var readBuffers = sync.Pool{New: func() any { return new(readBuffer) }}

// Read waits for the next message and returns it, whole and inflated. Pings are answered
// and fragments put together on the way. It fails with a *[CloseError] once the
// connection has ended or is closing, whoever began that; every later call fails alike.
// A client that breaks the protocol, or sends a message longer than
// WebSocketConfig.MaxMessageBytes (1009), is closed with the status code that says so.
//
// The client's close frames, pongs and, on most systems, its departure are seen by Read:
// a handler that only writes should leave a goroutine to read.
func (w *Conn) Read() (Message, error) {
	if err := w.use(); err != nil {
		return Message{}, err
	}
	w.readMu.Lock()
	defer w.readMu.Unlock()
	for {
		if err := w.ended(); err != nil {
			return Message{}, err
		}
		if len(w.rest) == 0 {
			if err := w.fill(); err != nil {
				return Message{}, w.readFailed(err)
			}
		}
		if m, err := w.look(); err != nil || m.Type != 0 {
			return m, err
		}
	}
}

// look looks at what has been read. It returns a message, if one is complete, and else
// does what is to be done.
func (w *Conn) look() (Message, error) {
	u, err := w.next()
	if err != nil {
		return Message{}, w.readFailed(err)
	}
	switch u.Op {
	case wsproto.Text, wsproto.Binary:
		return Message{MessageType(u.Op), u.Data}, nil
	case wsproto.Ping:
		w.out.Post(wsproto.AppendFrame(nil, wsproto.Pong, true, false, u.Data)) // a flood is not answered to its end
	case wsproto.Close:
		w.closeRead(u.Data)
	case wsproto.Pong, wsproto.Continuation:
	}
	return Message{}, nil
}

// ReadJSON reads a message and decodes it from JSON into v, a non-nil pointer. A message
// that is none gives an [Error] of status 400, after which the connection goes on, unless
// the handler returns it.
func (w *Conn) ReadJSON(v any) error {
	m, err := w.Read()
	if err != nil {
		return err
	}
	if err := w.set.JSON.Decode(m.Data, v); err != nil {
		return errMessageJSON.Wrap(err)
	}
	return nil
}

var errMessageJSON = NewError(400, "the message is not the JSON that was expected")

// next takes the next unit out of what has been read, if one is complete.
func (w *Conn) next() (wsproto.Unit, error) {
	if w.in == nil {
		w.in = wsReaders.Get().(*wsproto.Reader)
		most := w.limits().MaxMessageBytes
		if w.readMost > 0 {
			most = int(w.readMost)
		}
		*w.in = wsproto.NewReader(true, w.deflate, most)
	}
	u, n, err := w.in.Next(w.rest)
	if w.rest = w.rest[n:]; len(w.rest) == 0 || err != nil {
		w.recycle()
	}
	return u, err
}

// recycle gives the buffer back.
func (w *Conn) recycle() {
	w.rest = nil
	if w.buf == nil {
		return
	}
	if debugCtx {
		fill(w.buf.b[:])
	}
	w.buf.n, w.buf.err = 0, nil
	readBuffers.Put(w.buf)
	w.buf = nil
}

// wsReaders are those of connections in the midst of a message, which alone need one.
var wsReaders = sync.Pool{New: func() any { return new(wsproto.Reader) }}

// lightenLocked gives back what a connection that waits has no need of. All of what has been
// read has been looked at, and what came of that is not used any more. w.readMu must be held.
func (w *Conn) lightenLocked() {
	if w.in != nil && w.in.Idle() {
		*w.in = wsproto.Reader{} // its buffers may be large, or lent
		wsReaders.Put(w.in)
		w.in = nil
	}
}

// fill waits for bytes. Where the system tells when a socket is readable, no buffer is
// held meanwhile. Here a connection spends its life: a goroutine's stack has 2 KiB, of
// which the frames from its first to the system call must not use more than about 1,100
// bytes, or it is 4 KiB for ever (TestConn_idleMemory).
func (w *Conn) fill() (err error) {
	w.lightenLocked()
	for {
		w.waits.Add(1)
		if w.raw != nil {
			err = w.raw.Read(w.readable)
		} else {
			err = nil
			w.readWaiting()
		}
		w.waits.Add(1)
		if err == nil {
			err = w.took()
		}
		if err == nil {
			return nil
		}
		w.recycle()
		if !isTimeout(err) || !w.again() {
			return err
		}
	}
}

// took makes what was read last what is to be looked at.
func (w *Conn) took() error {
	if w.buf.n > 0 {
		w.rest = w.buf.b[:w.buf.n]
		return nil
	}
	return w.buf.err
}

// readWaiting reads where a buffer has to be there while we wait.
func (w *Conn) readWaiting() {
	w.buf = readBuffers.Get().(*readBuffer)
	w.buf.n, w.buf.err = w.net().Read(w.buf.b[:])
}

// tryRead reads what a socket has, and reports whether that was anything.
func (w *Conn) tryRead(fd uintptr) (ok bool) {
	w.buf = readBuffers.Get().(*readBuffer)
	if w.buf.n, ok, w.buf.err = rawRead(fd, w.buf.b[:]); !ok {
		w.recycle()
	}
	return ok
}

// again is called when the read deadline has passed. It reports whether to read on: a
// drain wakes all reads, but only what has been said to this connection ends it.
func (w *Conn) again() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ending == nil && w.net().SetReadDeadline(time.Time{}) == nil
}

// wakeLocked lets whoever reads, or should, see that the connection is ending. w.mu must
// be held.
func (w *Conn) wakeLocked() {
	if w.parked {
		w.unparkLocked()
		return
	}
	_ = w.net().SetReadDeadline(expired)
}

// readFailed returns what Read returns when no bytes came, or wrong ones.
func (w *Conn) readFailed(err error) error {
	if e, ok := errors.AsType[wsproto.Error](err); ok {
		w.broken = true
		w.close(&CloseError{Code: int(e.Code), Reason: e.Text, err: e})
		return w.ended()
	}
	if isTimeout(err) { // woken, see again
		return w.ended()
	}
	w.broken = true
	if errors.Is(err, net.ErrClosed) { // we have
		return w.lost(err)
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	err = w.lost(fmt.Errorf("%w: %w", ErrClientGone, err))
	w.out.Cut(err)
	return err
}

// closeRead notes the client's close frame and answers it.
func (w *Conn) closeRead(payload []byte) {
	w.said = true
	code, reason, err := wsproto.ParseClose(payload)
	if err != nil {
		_ = w.readFailed(err)
		return
	}
	w.closeWith(&CloseError{Code: int(code), Reason: reason, err: ErrClientGone}, code, "")
}
