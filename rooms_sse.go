package geist

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"

	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/internal/eventstream"
	"github.com/gogeist/geist/internal/roomwire"
)

// streamKeyBytes is the length of a stream's key, before it is text.
const streamKeyBytes = 24

var errStreamAttached = errors.New("geist: a Stream was given to a hub before Serve: name the user in Policy.User")

// Serve answers with a stream that speaks the protocol geist.v1 (docs/protocol.md), where
// WebSockets do not get through: what [Conn.Serve] is for a WebSocket. It returns nil at
// once, to be the handler's result, and fails as [Stream.Run] does. The Ctx lives as long
// as the stream, so that functions of p may use it; they are never called two at a time.
//
// The client's commands come by POST to the same path, which only routes of Rooms take:
// see [Engine.Rooms].
func (s *Stream) Serve(h *hub.Hub, p hub.Policy) error {
	s.ctx().check()
	if h == nil {
		return errNilHub
	}
	return s.become(func() error {
		enc := roomEvents
		if s.framed {
			enc = roomChunks
		}
		s.mu.Lock()
		attached := s.conn != nil
		s.mu.Unlock()
		if attached {
			return errStreamAttached
		}
		s.hubConn(enc)
		engine := s.ctx().engine
		s.answer(func() error { return s.speak(h, &p, engine) })
		return nil
	})
}

// speak is the function of a stream that speaks geist.v1.
func (s *Stream) speak(h *hub.Hub, p *hub.Policy, engine *Engine) error {
	x := newSession((*roomStream)(s), h, p, engine, &s.server.live, s.route.pattern)
	var random [streamKeyBytes]byte
	_, _ = rand.Read(random[:]) // never fails, by its contract
	key := base64.RawURLEncoding.EncodeToString(random[:])
	s.mu.Lock()
	s.restLocked().session = x
	s.mu.Unlock()
	defer x.finish()
	x.start() // before a command, which may wait for an answer of the client, can have the turn
	s.server.live.sessions.open(key, x)
	defer s.server.live.sessions.shut(key)
	if err := x.link.say(x.enc.unit(func(dst []byte) []byte { return roomwire.AppendStream(dst, key) })); err != nil {
		return nil // the client has gone
	}
	<-s.Context().Done()
	return nil
}

// goodbye returns the last units of a stream that a drain ends: when to come again.
func (s *Stream) goodbye() []byte {
	retry := someTime()
	unit := eventstream.AppendRetry(nil, retry)
	if s.framed {
		unit = frameChunk(unit, 0)
	}
	s.mu.Lock()
	conn := s.conn
	var x *session
	if s.rest != nil {
		x = s.rest.session
	}
	s.mu.Unlock()
	if x == nil {
		return unit
	}
	return x.enc.appendUnit(append(unsent(conn), unit...), func(dst []byte) []byte { return roomwire.AppendBye(dst, roomwire.CodeDraining, retry) })
}

// roomStream is a Stream as its session sees it.
type roomStream Stream

var _ roomLink = (*roomStream)(nil)

func (x *roomStream) HubConn() *hub.Conn { return (*Stream)(x).HubConn() }

func (x *roomStream) encoding() roomEncoding {
	if x.framed {
		return roomChunks
	}
	return roomEvents
}

func (x *roomStream) context() context.Context { return x.req.Load().ctx }

func (x *roomStream) say(unit []byte) error { return x.out.Send(unit) }

func (x *roomStream) end(e *roomEndError) {
	x.out.Finish(append(unsent((*Stream)(x).HubConn()), e.last...))
	(*Stream)(x).stop(e)
}
