package geist

import (
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/internal/peerwatch"
	"github.com/gogeist/geist/internal/ready"
)

// This file gives the connection of a stream to a hub. fasthttp hands it over when the
// chain has returned, and has its buffers back at once; the Ctx ends. What is left of a
// request then is the Stream, which nobody waits in: what a hub has for it is written by
// whoever publishes, a comment by the wheel, and that the client has left is seen by the
// watcher.
//
//	handler ── Follow ──▶ joined; what comes waits
//	chain returns ──────▶ fasthttp gives the connection away
//	begin ──────────────▶ header written, Ctx ended, what waits goes on
//	Ended ──────────────▶ hangUp: rooms left, connection closed
//
// A foreign server, net/http and middleware of net/http want the connection back: there the
// stream is a body whose function waits, see Stream.Run.

var errNoRooms = errors.New("geist: Follow without a room")

// Follow answers with a stream of what h publishes to the rooms, at most 16, and returns
// nil at once, to be the handler's result. The hub owns the connection: no goroutine
// stays behind, and no Ctx. When middleware and hooks have returned, the Ctx ends, with
// its OnClose functions and c.Context(); what must live on is given to [Stream.Keep].
//
// The stream resumes: behind what [Stream.LastEventID] names the client gets all that it
// has missed, or an event named [GapEvent] for each room of which that is not known any
// more. For messages of before the first connection, use [hub.Hub.Join] with hub.Last in
// place of Follow's rooms, then Run. Data that is binary arrives in base64. Send works
// as in Run; such events are not part of a room.
//
// Follow fails as [Stream.Run] does, with ErrTooManyRooms and the other errors of
// [hub.Hub.Follow], and with a 503 while Config.MaxConns connections are open. The
// handler may then answer otherwise. The stream ends as Run's does: when the client leaves
// or reads too slowly, with the hub, or with a drain.
func (s *Stream) Follow(h *hub.Hub, rooms ...string) error {
	s.ctx().check()
	if len(rooms) == 0 {
		return errNoRooms
	}
	if s.server.live.leavers.len() >= s.server.set.MaxConns {
		return errTooManySockets
	}
	return s.become(func() error {
		s.hubConn(eventEncoding{framed: s.framed, single: len(rooms) == 1})
		if _, err := h.Follow(s, rooms, s.LastEventID()); err != nil {
			return err
		}
		s.answer(func() error {
			<-s.Context().Done()
			return nil
		})
		if stateOf(s.ctx().rc.Conn()) != nil {
			s.ctx().cold.stream.follow = s
		}
		return nil
	})
}

// Keep keeps v for as long as the stream lives, also a followed one, whose Ctx ends before.
// If it is an io.Closer it is closed when the stream has ended, those kept later first; its
// error is logged. Keep belongs to the handler.
func (s *Stream) Keep(v any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := s.restLocked()
	rest.kept = append(rest.kept, v)
}

// detach takes the connection, and the request from the body that stands for it. The
// header has been built.
func (s *Stream) detach(b *bodyStream) {
	c := s.ctx()
	h := &c.rc.Response.Header
	if c.rc.Request.Header.IsHTTP11() {
		h.SetContentLength(-1)
	}
	h.SetConnectionClose()
	if name := c.server.set.ServerHeader; name != "" && len(h.Server()) == 0 {
		h.SetServer(name)
	}
	head := h.AppendBytes(nil)
	for _, x := range c.cold.lasting() {
		s.Keep(x)
	}
	b.closed, c.cold.stream = true, nil // the body goes, and nothing ends with it
	c.rc.Response.ResetBody()
	c.cold.used = true
	c.hijack(func(conn net.Conn) { s.begin(conn, head) })
}

// begin makes the stream of what fasthttp has given away, or of nil if that was lost. It
// returns at once: then fasthttp has its buffers back.
func (s *Stream) begin(conn net.Conn, head []byte) {
	if conn == nil {
		s.endRequest()
		s.stop(ErrClientGone)
		s.drop()
		return
	}
	inner, owner, _ := takenConn(conn)
	s.own = newSocket(inner, s.server.live.writeTimeout)
	s.endRequest() // its watch of the client goes while its descriptor is still there
	owner, watched := s.strip(owner)
	live := &s.server.live
	stays := live.leavers.add(s, &live.closing)
	s.mu.Lock()
	s.owner = owner
	ended := s.ended // by the hub, before there was a connection
	s.mu.Unlock()
	if err := s.own.writeAll(head); err != nil {
		s.out.Cut((*streamSocket)(s).failed(err))
	}
	s.phase.Store(streamOpen)
	s.begun()
	if !watched {
		s.watch()
	}
	s.startHeartbeat()
	switch {
	case ended:
		s.hangUp(false)
	case !stays:
		s.leave()
	}
}

// strip leaves package net, which has more for a connection than all the rest, and reports
// whether that is so: then it is watched, too. owner is what stands for it among those of
// the server.
func (s *Stream) strip(owner netConn) (_ netConn, watched bool) {
	tcp, ok := owner.(*tcpConn)
	if !ok {
		return owner, false
	}
	bare, ok := s.own.bare()
	if !ok {
		return owner, false
	}
	live := &s.server.live
	if !live.ready.Watch(&s.left, bare.raw, ready.Left, (*streamLeft)(s)) {
		_ = bare.conn.Close()
		return owner, false
	}
	_ = s.own.conn.Close() // the client does not notice: there is a copy of the descriptor
	s.own = bare
	return live.conns.shed(tcp), true
}

// endRequest ends the Ctx of a stream that does without.
func (s *Stream) endRequest() {
	s.mu.Lock()
	c := s.ctx()
	s.req.Store(nil) // before somebody may ask another request for its context
	s.mu.Unlock()
	c.end()
}

// watch ends the stream when the client leaves, though nothing is written.
func (s *Stream) watch() {
	live := &s.server.live
	var w *peerwatch.Watch // where ready cannot: of TLS, say
	if raw := s.own.raw; raw == nil || !live.ready.Watch(&s.left, raw, ready.Left, (*streamLeft)(s)) {
		w = s.server.watcher.Watch(s.owner, (*streamLeft)(s).Ready)
	}
	s.mu.Lock()
	over := s.hung
	if !over && w != nil {
		s.restLocked().gone = w
	}
	s.mu.Unlock()
	if over {
		w.Stop()
		live.ready.Stop(&s.left)
	}
}

// streamLeft is a followed Stream as its ready.Socket sees it.
type streamLeft Stream

// Ready is called when the client has left.
func (x *streamLeft) Ready() {
	go x.out.Cut(ErrClientGone) // ends with the cut; the caller must not wait for what that leads to
}

// hangUp ends a followed stream, of which the outlet has ended, and the body of its answer if
// whole is set. It runs on a goroutine of its own, which ends with it: its caller, a
// publisher maybe, waits for nobody.
func (s *Stream) hangUp(whole bool) {
	s.await()
	if whole && s.framed { // not with the last unit: who had that sent may have come before begin
		_ = s.own.writeAll([]byte(lastChunk))
	}
	s.stop(ErrRequestDone)
	s.phase.Store(streamOver)
	s.stopHeartbeat()
	s.mu.Lock()
	s.hung = true
	var watch *peerwatch.Watch
	if s.rest != nil {
		watch = s.rest.gone
	}
	s.mu.Unlock()
	watch.Stop()
	s.server.live.ready.Stop(&s.left)
	if t, ok := s.own.conn.(*tls.Conn); ok {
		_ = t.SetWriteDeadline(time.Now().Add(goodbyeTime))
	}
	_ = s.own.conn.Close() // at once, whatever else takes long
	_ = s.owner.end()
	s.over(s.why())
	s.server.live.leavers.remove(s) // a drain has waited for it
}

// goodbyeTime bounds TLS's goodbye.
const goodbyeTime = time.Second

// lastChunk ends a body in chunks.
const lastChunk = "0\r\n\r\n"
