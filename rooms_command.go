package geist

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/internal/hubwire"
	"github.com/gogeist/geist/internal/roomwire"
)

// handle takes the turn for a frame of the client. If the connection is ending, who reads
// from it is told why.
func (s *session) handle(c roomwire.Command, bad *roomwire.Error) {
	if s.enter(context.Background()) != nil {
		return
	}
	defer s.leave()
	s.receive(c, bad)
}

// receive does what a frame of the client asks for. The caller has the turn.
func (s *session) receive(c roomwire.Command, bad *roomwire.Error) {
	if bad == nil && c.Name == roomwire.Answer {
		if len(c.Data) <= s.policy.MaxData && s.answered(c.Ref, c.Data) {
			return // that somebody waits for it is its price
		}
		c.Ref = 0 // a question's number: no command has it
	}
	if retry, ok, broke := s.budget.take(s.now()); !ok {
		e := &roomwire.Error{Ref: c.Ref, Code: roomwire.CodeRate, Text: "too many commands"}
		if broke {
			s.end(roomwire.CloseRate, roomwire.CodeRate, retry+someTime(), e)
			return
		}
		s.refuse(e, retry)
		return
	}
	switch {
	case s.expires != 0 && s.now() >= s.expires: // the timer is a little late
		s.end(roomwire.CloseUnauthorized, roomwire.CodeExpired, roomwire.Never, nil)
	case bad != nil && bad.Code == roomwire.CodeBadFrame:
		if s.bad++; s.bad >= maxBadFrames {
			s.end(roomwire.CloseBadFrame, roomwire.CodeBadFrame, roomwire.Never, bad)
			return
		}
		s.refuse(bad, roomwire.Never)
	case bad != nil:
		s.refuse(bad, roomwire.Never)
	default:
		s.do(&c)
	}
}

// do does a command.
func (s *session) do(c *roomwire.Command) {
	if c.Name == roomwire.Hello {
		s.greet(c)
		return
	}
	if s.conn == nil {
		s.refuse(&roomwire.Error{Ref: c.Ref, Code: roomwire.CodeHelloFirst, Text: "the first command is hello"}, roomwire.Never)
		return
	}
	if len(c.Data) > s.policy.MaxData {
		s.refuse(&roomwire.Error{Ref: c.Ref, Code: roomwire.CodeTooLarge, Text: "the data is longer than " + strconv.Itoa(s.policy.MaxData) + " bytes"}, roomwire.Never)
		return
	}
	var err error
	switch c.Name {
	case roomwire.Join:
		err = s.join(c)
	case roomwire.Leave:
		err = s.leaveRoom(c)
	case roomwire.Pub:
		err = s.publish(c)
	case roomwire.Show:
		err = s.show(c)
	case roomwire.Auth:
		err = s.authorize(c)
	case roomwire.Call:
		err = s.call(c)
	case roomwire.Ping:
		s.ok(c.Ref, nil)
	case roomwire.Answer, roomwire.Hello: // an answer that comes too late
	}
	if err != nil && !s.isOver() {
		e, retry := s.explain(c.Ref, err)
		s.refuse(&e, retry)
	}
}

// refuse answers with an error.
func (s *session) refuse(e *roomwire.Error, retry time.Duration) {
	s.reply(func(dst []byte) []byte { return roomwire.AppendError(dst, e, retry) })
}

// ok answers that a command has been done.
func (s *session) ok(ref uint64, result []byte) {
	s.reply(func(dst []byte) []byte { return roomwire.AppendOK(dst, ref, result) })
}

// ask calls a function of the policy.
func (s *session) ask(f func(ctx context.Context) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = newPanicError(v)
		}
	}()
	return soundError(f(s.link.context()))
}

// askJoin asks whether the client may be in a room.
func (s *session) askJoin(r *hub.JoinRequest) error {
	if s.policy.Join == nil {
		return denied()
	}
	err := s.ask(func(ctx context.Context) error { return s.policy.Join(ctx, r) })
	if err == nil && !r.Expires.IsZero() && time.Until(r.Expires) <= 0 {
		err = hub.Refuse(roomwire.CodeExpired, "the permission has expired")
	}
	return err
}

// denied is what a policy says that lacks a function.
func denied() error { return hub.Refuse(roomwire.CodeDenied, "") }

// notSupported is what it says of a command that is not for everybody.
func notSupported() error {
	return hub.Refuse(roomwire.CodeNotSupported, "the server has no use for it")
}

// join puts the client into a room. The answer is queued by the hub, before anything of it.
func (s *session) join(c *roomwire.Command) error {
	if err := s.hub.CheckRoom(hubwire.Key{}, c.Room); err != nil {
		return err
	}
	if s.rooms[c.Room] != nil && slices.Contains(s.conn.Rooms(), c.Room) { // the application may have taken it out
		return hub.ErrJoined
	}
	r := hub.JoinRequest{Conn: s.conn, Room: c.Room, Shown: json.RawMessage(c.Data), Observe: c.Presence, Last: c.Last}
	if err := s.askJoin(&r); err != nil {
		return err
	}
	m := &membership{expires: s.at(r.Expires)}
	opts := []hub.JoinOption{hub.Last(r.Last), hub.JoinReply(hubwire.Key{}, func(dst []byte, j hub.Joined) []byte {
		reply := roomwire.Joined{From: roomwire.Place(j.From), Head: j.Head.Offset, Recovered: j.Recovered, TTL: s.ttl(m.expires)}
		return s.enc.appendUnit(dst, func(dst []byte) []byte { return roomwire.AppendJoined(dst, c.Ref, c.Room, &reply) })
	})}
	if c.Since.Given {
		opts = append(opts, hub.Since(place(c.Since)))
	}
	if r.Shown != nil {
		opts = append(opts, hub.Show(r.Shown))
	}
	if r.Observe {
		opts = append(opts, hub.ObserveUpTo(hubwire.Key{}, s.policy.MaxPresence))
	}
	if _, err := s.hub.Join(s.conn, c.Room, opts...); err != nil {
		return err
	}
	s.rooms[c.Room] = m
	s.arm()
	return nil
}

// place returns what a client says of its place. An epoch that cannot be is one that no
// room has.
func place(since roomwire.Since) hub.Pos {
	pos, err := hub.ParsePos(since.Epoch + "-" + strconv.FormatUint(since.Offset, 36))
	if err != nil || pos.Epoch == 0 {
		return hub.Pos{Epoch: math.MaxUint64, Offset: since.Offset}
	}
	return pos
}

// leaveRoom takes the client out of a room.
func (s *session) leaveRoom(c *roomwire.Command) error {
	delete(s.rooms, c.Room)
	if !s.hub.Leave(s.conn, c.Room) {
		return hub.ErrNotJoined
	}
	s.ok(c.Ref, nil)
	s.arm()
	return nil
}

// publish publishes what the client says, at most once.
func (s *session) publish(c *roomwire.Command) error {
	if !c.Since.Given && c.Ref <= s.lastPub {
		return hub.Refuse(roomwire.CodeDuplicate, "the ref is not higher than the last, and there is no since")
	}
	s.lastPub = max(s.lastPub, c.Ref)
	if err := s.hub.CheckRoom(hubwire.Key{}, c.Room); err != nil {
		return err
	}
	if s.policy.Publish == nil {
		return denied()
	}
	id := s.author + "." + strconv.FormatUint(c.Ref, 10)
	r := hub.PublishRequest{
		Conn: s.conn, Room: c.Room, NoLog: c.NoLog, NoEcho: c.NoEcho, Again: c.Since.Given,
		Message: hub.Message{Event: c.Event, Data: c.Data, Binary: c.Kind == roomwire.Bytes, ID: id},
	}
	if err := s.ask(func(ctx context.Context) error { return s.policy.Publish(ctx, &r) }); err != nil {
		return err
	}
	if c.Since.Given && r.NoLog {
		return hub.ErrUnknownOutcome // no history tells
	}
	r.Message.ID = id
	if c.Kind == roomwire.Text && string(r.Message.Data) == string(c.Data) && json.Valid(c.Data) {
		r.Message.Data = roomwire.Quote(c.Data) // else it would arrive as what it looks like
	}
	pos, err := s.hub.Publish(s.link.context(), c.Room, r.Message, s.publishOptions(c, &r)...)
	if err == nil {
		s.reply(func(dst []byte) []byte { return roomwire.AppendPublished(dst, c.Ref, roomwire.Place(pos)) })
	}
	return err
}

func (s *session) publishOptions(c *roomwire.Command, r *hub.PublishRequest) (opts []hub.PublishOption) {
	if c.Since.Given {
		since := place(c.Since)
		if c.Since.Epoch == "" {
			since = hub.Pos{} // the client was nowhere
		}
		opts = append(opts, hub.Once(since))
	}
	if r.NoLog {
		opts = append(opts, hub.NoLog())
	}
	if r.NoEcho {
		opts = append(opts, hub.Except(s.conn.ID()))
	}
	return opts
}

// show changes what others see of the client. What that may be says the policy, as when
// it joins.
func (s *session) show(c *roomwire.Command) error {
	m := s.rooms[c.Room]
	if m == nil {
		return hub.ErrNotJoined
	}
	r := hub.JoinRequest{Conn: s.conn, Room: c.Room, Shown: json.RawMessage(c.Data), Renewal: true}
	if err := s.askJoin(&r); err != nil {
		return err
	}
	if err := s.hub.Show(s.conn, c.Room, r.Shown); err != nil {
		return err
	}
	m.expires = s.at(r.Expires)
	s.ok(c.Ref, nil)
	s.arm()
	return nil
}

// authorize takes a new token.
func (s *session) authorize(c *roomwire.Command) error {
	if s.policy.Auth == nil {
		return notSupported()
	}
	id, err := s.identify(c.Token)
	if err != nil {
		return err
	}
	before := s.conn.User()
	if err := s.hub.Attach(s.conn, as(id.User)...); err != nil {
		return err
	}
	s.expires = s.at(id.Expires)
	result := []byte("{}")
	if s.expires != 0 {
		result = []byte(`{"ttl":` + strconv.FormatInt(s.ttl(s.expires).Milliseconds(), 10) + "}")
	}
	s.ok(c.Ref, result)
	if s.conn.User() != before {
		s.renewAll()
	}
	s.arm()
	return nil
}

// call asks the application.
func (s *session) call(c *roomwire.Command) error {
	if s.policy.Call == nil {
		return notSupported()
	}
	var result []byte
	err := s.ask(func(ctx context.Context) (err error) {
		result, err = s.policy.Call(ctx, &hub.CallRequest{Conn: s.conn, Name: c.Room, Data: json.RawMessage(c.Data)})
		return err
	})
	if err == nil && result != nil && !(utf8.Valid(result) && json.Valid(result)) {
		err = errCallResult
	}
	if err == nil {
		s.ok(c.Ref, result)
	}
	return err
}

var errCallResult = errors.New("geist: a Policy's Call has returned what is no JSON in UTF-8")
