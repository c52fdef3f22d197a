package geist

import (
	"context"
	"errors"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/internal/hubwire"
	"github.com/gogeist/geist/internal/roomwire"
	"github.com/gogeist/geist/internal/wsproto"
)

// Serve speaks the protocol geist.v1 (docs/protocol.md) with the client, until the
// connection ends: the client joins rooms of h, publishes to them and resumes, as far as p
// lets it. It returns why the connection has ended, a *[CloseError], to be the handler's
// result; ErrNotWebSocket if there never was one.
//
// It agrees with the client on the subprotocol geist.v1 or geist.v1.bin by itself, whatever
// [Subprotocols] says; a client that offers neither is closed with 4406. The user may be
// named by p or, before Serve, by h.Attach(ws, hub.As(user)). A message may be as long as
// p says, whatever WebSocketConfig.MaxMessageBytes is. Functions of p may use the Ctx: they
// are called while the handler is in Serve, and never two at a time. While Serve runs, Read
// must not be called; Write would send what the client does not understand.
func (w *Conn) Serve(h *hub.Hub, p hub.Policy) error {
	s, err := w.converse(h, &p)
	if err != nil {
		return err
	}
	return w.obey(s)
}

// converse begins to speak geist.v1.
func (w *Conn) converse(h *hub.Hub, p *hub.Policy) (*session, error) {
	if h == nil {
		return nil, errNilHub
	}
	if err := w.speak(true); err != nil {
		return nil, err
	}
	link := (*roomSocket)(w)
	if link.encoding() == 0 {
		link.refuseVersion()
		return nil, w.ended()
	}
	s := newSession(link, h, p, w.c.engine, w.live, w.route.pattern)
	return s, w.serveBy(s)
}

// obey takes commands until the connection ends. What it and its callers have on the stack
// while they wait is held small, see Conn.fill: so a policy, or a command, is nowhere near.
func (w *Conn) obey(s *session) error {
	defer s.finish()
	s.start()
	for {
		m, err := w.Read()
		if err != nil {
			return err
		}
		(*roomSocket)(w).take(s, m)
	}
}

// take has a message of the client done.
//
//go:noinline
func (x *roomSocket) take(s *session, m Message) { s.handle(x.parse(m)) }

var (
	errNilHub      = errors.New("geist: Serve was given a nil hub")
	errServedTwice = errors.New("geist: Serve was called twice on one connection")
)

// speak is use, before which the client may choose one of geist's protocols: in the place
// of a route's own, if it must be one.
func (w *Conn) speak(must bool) error {
	w.once.Do(func() {
		if w.protocol == "" || must && roomEncodingOf(w.protocol) == 0 {
			w.offer()
		}
		w.take()
	})
	return w.use()
}

// offer agrees on the first of geist's protocols that the client has offered.
func (w *Conn) offer() {
	for _, line := range headerLines(&w.c.rc.Request.Header, fasthttp.HeaderSecWebSocketProtocol) {
		for name := range strings.SplitSeq(line, ",") {
			name = strings.Trim(name, " \t")
			if x := roomEncodingOf(name); x == 0 {
				continue
			} else if w.protocol = roomwire.Protocol; x == roomBinary {
				w.protocol = roomwire.ProtocolBinary
			}
			w.c.rc.Response.Header.Set(fasthttp.HeaderSecWebSocketProtocol, w.protocol)
			return
		}
	}
}

// serveBy makes s the session of the connection.
func (w *Conn) serveBy(s *session) error {
	w.readMu.Lock()
	w.readMost = int32(min(s.policy.MaxFrame, 1<<31-1))
	w.readMu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.session != nil {
		return errServedTwice
	}
	w.session = s
	return nil
}

// goodbye returns what goes before the close frame if geist.v1 is spoken and the end is
// ours: answers that wait, and bye.
func (w *Conn) goodbye(e *CloseError) []byte {
	w.mu.Lock()
	s, conn := w.session, w.hub
	w.mu.Unlock()
	if s == nil || errors.Is(e.err, ErrClientGone) {
		return nil
	}
	units := unsent(conn)
	if e.last != nil {
		return append(units, e.last...)
	}
	code, retry := "", roomwire.Never
	switch e.Code {
	case CloseGoingAway:
		code, retry = roomwire.CodeDraining, someTime()
	case CloseTryLater:
		code = roomwire.CodeLagging
	case roomwire.CloseUnauthorized:
		code = roomwire.CodeUnauthorized
	default:
		return units
	}
	return s.enc.appendUnit(units, func(dst []byte) []byte { return roomwire.AppendBye(dst, code, retry) })
}

// unsent returns the answers that wait, which nobody sends once the end has begun.
func unsent(conn *hub.Conn) []byte {
	if conn == nil {
		return nil
	}
	return conn.TakeUnits(hubwire.Key{})
}

// roomSocket is a Conn as its session sees it.
type roomSocket Conn

var _ roomLink = (*roomSocket)(nil)

func (x *roomSocket) HubConn() *hub.Conn { return (*Conn)(x).HubConn() }

func (x *roomSocket) encoding() roomEncoding { return roomEncodingOf(x.protocol) }

func (x *roomSocket) context() context.Context { return x.c.Context() }

func (x *roomSocket) say(unit []byte) error { return x.out.Send(unit) }

func (x *roomSocket) end(e *roomEndError) {
	(*Conn)(x).close(&CloseError{Code: e.status, Reason: e.code, last: e.last})
}

// parse reads a message of the client.
func (x *roomSocket) parse(m Message) (roomwire.Command, *roomwire.Error) {
	binary := x.encoding() == roomBinary
	switch {
	case binary != (m.Type == BinaryMessage):
		return roomwire.Command{}, &roomwire.Error{Code: roomwire.CodeBadFrame, Text: "the message is " + m.Type.String()}
	case binary:
		return roomwire.ParseBinary(m.Data)
	}
	return roomwire.Parse(m.Data)
}

// refuseVersion ends a connection on which no protocol was agreed.
func (x *roomSocket) refuseVersion() {
	w := (*Conn)(x)
	e := roomwire.Error{Code: roomwire.CodeVersion, Text: "offer the subprotocol geist.v1 or geist.v1.bin"}
	_ = w.out.Send(wsproto.AppendFrame(nil, wsproto.Text, true, false, roomwire.AppendError(nil, &e, roomwire.Never)))
	w.close(&CloseError{Code: roomwire.CloseVersion, Reason: e.Code})
}
