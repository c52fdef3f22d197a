package geist

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/internal/hubwire"
	"github.com/gogeist/geist/internal/roomwire"
	"github.com/gogeist/geist/internal/wheel"
)

// This file is about one client that speaks geist.v1, whatever the transport:
//
//	Conn.Serve ── messages ──┐
//	POST ────────── frames ──┤  turn   take ──▶ Policy ──▶ hub
//	wheel ──── what expires ─┼───────▶   │
//	Recheck ─────────────────┘           └─▶ answers: units in the hub's queue for the
//	                                         connection, in order with what rooms send
//
// Whoever has the turn works alone, and may wait for the policy. When the connection ends,
// done is closed, nobody gets the turn any more, and Serve waits for who has it.

// roomLink is the transport of a session.
type roomLink interface {
	HubConn() *hub.Conn
	encoding() roomEncoding
	// context returns that of the connection. It is called by whoever has the turn.
	context() context.Context
	// say writes a unit at once.
	say(unit []byte) error
	// end begins to end the connection, with a last unit.
	end(e *roomEndError)
}

// roomEndError is why the server ends a connection that speaks geist.v1.
type roomEndError struct {
	status int    // of the close frame
	code   string // of bye
	retry  time.Duration
	last   []byte // units: bye, and maybe an error before it
}

// Error returns the code.
func (e *roomEndError) Error() string {
	return "geist: the connection was ended by geist.v1: " + e.code
}

// errSessionOver is for those who come too late.
var errSessionOver = errors.New("geist: the connection has ended")

// session is a connection that speaks geist.v1.
type session struct {
	link    roomLink
	enc     roomEncoding
	hub     *hub.Hub
	policy  hub.Policy // with its limits
	engine  *Engine    // whose logger is told of failures
	live    *server
	pattern string
	began   time.Time // what deadlines count from

	turn chan struct{} // full while somebody has it
	done chan struct{} // closed when no command is taken any more
	once sync.Once     // closes it

	// What follows belongs to who has the turn.
	conn    *hub.Conn // nil before the greeting
	key     sessionKey
	keyed   bool
	author  string
	lastPub uint64 // the highest ref of a pub
	bad     int    // frames
	budget  bucket
	expires time.Duration // of the credentials; 0 is never
	rooms   map[string]*membership

	timer   wheel.Timer
	recheck atomic.Bool // somebody is going to

	before *session // guarded by sessions.mu; had the key before
	idle   bool     // guarded by sessions.mu; it has ended, and nobody has the turn

	mu      sync.Mutex
	asks    map[uint64]chan<- []byte // guarded by mu
	lastAsk uint64                   // guarded by mu
}

// membership is what a session knows of a room that its client has joined.
type membership struct {
	expires time.Duration // of the permission; 0 is never
}

func newSession(link roomLink, h *hub.Hub, policy *hub.Policy, engine *Engine, live *server, pattern string) *session {
	p := limited(*policy)
	s := &session{
		link: link, enc: link.encoding(), hub: h, policy: p, engine: engine, live: live, pattern: pattern, began: time.Now(),
		turn: make(chan struct{}, 1), done: make(chan struct{}), rooms: map[string]*membership{},
		budget: bucket{rate: p.Rate, size: float64(p.Burst), tokens: float64(p.Burst)},
	}
	s.expires = s.at(p.Expires)
	return s
}

// now returns the time since the session has begun, by a clock that nobody sets.
func (s *session) now() time.Duration { return time.Since(s.began) }

// at returns when a time is, 0 for the zero time.
func (s *session) at(t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return max(s.now()+time.Until(t), 1)
}

// ttl returns how long something lasts that ends then.
func (s *session) ttl(at time.Duration) time.Duration {
	if at == 0 {
		return roomwire.Never
	}
	return max(at-s.now(), 0)
}

// enter takes the turn. It waits for who has it, for as long as ctx allows.
func (s *session) enter(ctx context.Context) error {
	select {
	case <-s.done:
		return errSessionOver
	default:
	}
	select {
	case s.turn <- struct{}{}:
	case <-s.done:
		return errSessionOver
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if s.isOver() { // both were possible
		s.leave()
		return errSessionOver
	}
	return nil
}

// leave gives the turn back.
func (s *session) leave() { <-s.turn }

// isOver reports whether no command is taken any more.
func (s *session) isOver() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// start begins to look at the time.
func (s *session) start() {
	if s.enter(context.Background()) == nil {
		s.arm()
		s.leave()
	}
}

// close has no command taken any more.
func (s *session) close() { s.once.Do(func() { close(s.done) }) }

// finish is called once, when the connection is ending. When it returns, nobody works for
// the session any more.
func (s *session) finish() {
	s.close()
	s.forgetAsks() // who has the turn may wait for an answer
	s.turn <- struct{}{}
	defer s.leave()
	s.live.wheel.Stop(&s.timer)
	if s.keyed {
		s.live.sessions.remove(s.key, s)
	}
	if s.conn != nil {
		s.conn.SetPeer(hubwire.Key{}, nil)
	}
}

// forgetAsks tells those who wait for answers that none will come.
func (s *session) forgetAsks() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, ch := range s.asks {
		close(ch)
		delete(s.asks, n)
	}
}

// reply queues a frame, behind what the client has been sent before.
func (s *session) reply(f func(dst []byte) []byte) {
	unit := s.enc.unit(f)
	if s.conn == nil {
		_ = s.link.say(unit) // a connection that has ended is noticed by who reads
		return
	}
	_ = s.conn.SendUnit(hubwire.Key{}, unit) // likewise
}

// end ends the connection: with an error, unless that is nil, and bye.
func (s *session) end(status int, code string, retry time.Duration, last *roomwire.Error) {
	e := &roomEndError{status: status, code: code, retry: retry}
	if last != nil {
		e.last = s.enc.appendUnit(e.last, func(dst []byte) []byte { return roomwire.AppendError(dst, last, roomwire.Never) })
	}
	e.last = s.enc.appendUnit(e.last, func(dst []byte) []byte { return roomwire.AppendBye(dst, code, retry) })
	s.close()
	s.link.end(e)
}

// replace ends the session because another connection has its secret. It returns when the
// session has done its last command, or with ctx.
func (s *session) replace(ctx context.Context) error {
	s.end(roomwire.CloseReplaced, roomwire.CodeReplaced, roomwire.Never, nil)
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if s.conn != nil {
		s.conn.Ended(hubwire.Key{}) // so that the new one does not count beside it
	}
	s.live.sessions.rest(s)
	s.leave()
	return nil
}

// Expire is called by the wheel.
func (s *session) Expire() { go s.expire() } // ends with the session at the latest

// expire sees to what has come to its end.
func (s *session) expire() {
	if s.enter(context.Background()) != nil {
		return
	}
	defer s.leave()
	now := s.now()
	switch {
	case s.conn == nil && now >= s.policy.HelloTimeout:
		s.end(roomwire.CloseHelloFirst, roomwire.CodeHelloFirst, roomwire.Never,
			&roomwire.Error{Code: roomwire.CodeHelloFirst, Text: "there was no hello in time"})
		return
	case s.expires != 0 && now >= s.expires:
		s.end(roomwire.CloseUnauthorized, roomwire.CodeExpired, roomwire.Never, nil)
		return
	}
	for room, m := range s.rooms {
		if m.expires != 0 && now >= m.expires {
			s.renew(room, m)
		}
	}
	s.arm()
}

// arm sets the timer to what comes to its end next.
func (s *session) arm() {
	if s.isOver() {
		return
	}
	next := s.expires
	sooner := func(at time.Duration) {
		if at != 0 && (next == 0 || at < next) {
			next = at
		}
	}
	if s.conn == nil {
		sooner(s.policy.HelloTimeout)
	}
	for _, m := range s.rooms {
		sooner(m.expires)
	}
	if next == 0 {
		s.live.wheel.Stop(&s.timer)
		return
	}
	s.live.wheel.Set(&s.timer, max(next-s.now(), 0), s)
}

// Recheck has the permissions of the client looked at again, by a goroutine that ends with
// the session at the latest.
func (s *session) Recheck() {
	if s.recheck.Swap(true) {
		return
	}
	go func() {
		if s.enter(context.Background()) != nil {
			return
		}
		defer s.leave()
		s.recheck.Store(false)
		s.renewAll()
		s.arm()
	}()
}

// renewAll asks for each room again.
func (s *session) renewAll() {
	for room, m := range s.rooms {
		s.renew(room, m)
	}
}

// renew asks whether the client may stay in a room.
func (s *session) renew(room string, m *membership) {
	r := hub.JoinRequest{Conn: s.conn, Room: room, Renewal: true}
	err := s.askJoin(&r)
	if err == nil && r.Shown != nil {
		err = s.hub.Show(s.conn, room, r.Shown)
	}
	if err == nil {
		m.expires = s.at(r.Expires)
		return
	}
	if s.isOver() {
		return
	}
	e, _ := s.explain(0, err)
	delete(s.rooms, room)
	if s.hub.Leave(s.conn, room) {
		s.reply(func(dst []byte) []byte { return roomwire.AppendLeft(dst, room, e.Code, e.Text) })
	}
}

// Ask sends a question and waits for the answer.
func (s *session) Ask(ctx context.Context, event string, data []byte) ([]byte, error) {
	answer := make(chan []byte, 1)
	s.mu.Lock()
	if s.isOver() {
		s.mu.Unlock()
		return nil, hub.ErrConnClosed
	}
	if s.asks == nil {
		s.asks = map[uint64]chan<- []byte{}
	}
	s.lastAsk++
	n := s.lastAsk
	s.asks[n] = answer
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.asks, n)
	}()
	unit := s.enc.unit(func(dst []byte) []byte { return roomwire.AppendAsk(dst, n, data, event) })
	if err := s.link.HubConn().SendUnit(hubwire.Key{}, unit); err != nil {
		return nil, err
	}
	select {
	case data, ok := <-answer:
		if !ok {
			return nil, hub.ErrConnClosed
		}
		return data, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// answered hands an answer to who waits for it, and reports whether anybody does.
func (s *session) answered(n uint64, data []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.asks[n]
	if ch == nil {
		return false
	}
	delete(s.asks, n)
	ch <- data
	return true
}

// logFailure logs what is the server's fault.
func (s *session) logFailure(err error) {
	attrs := []slog.Attr{slog.String("route", s.pattern), slog.String("error", err.Error())}
	if p, ok := errors.AsType[*PanicError](err); ok {
		attrs = append(attrs, slog.String("stack", string(p.Stack)))
	} else if p, ok := errors.AsType[*hub.PanicError](err); ok {
		attrs = append(attrs, slog.String("stack", string(p.Stack)))
	}
	s.engine.set.logger().LogAttrs(context.Background(), slog.LevelError, "a command failed", attrs...)
}
