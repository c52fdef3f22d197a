package geist

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	mathrand "math/rand/v2"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/internal/hubwire"
	"github.com/gogeist/geist/internal/roomwire"
)

// authorLength is how many characters of a hash name an author.
const authorLength = 8

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
	if bad == nil && c.Name == roomwire.Answer && s.answered(c.Ref, c.Data) {
		return // that somebody waits for it is its price
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

// greet answers hello.
func (s *session) greet(c *roomwire.Command) {
	if s.conn != nil {
		s.refuse(&roomwire.Error{Code: roomwire.CodeHelloAgain, Text: "there has been a hello"}, roomwire.Never)
		return
	}
	user := s.policy.User
	if c.HasToken && s.policy.Auth != nil {
		id, err := s.identify(c.Token)
		if err != nil {
			s.turnAway(err)
			return
		}
		if id.User != "" {
			user = id.User
		}
		s.expires = s.at(id.Expires)
	}
	if err := s.claim(c.Session); err != nil {
		return // the connection has ended
	}
	conn := s.link.HubConn()
	if err := s.hub.Attach(conn, as(user)...); err != nil {
		s.turnAway(err)
		return
	}
	s.conn = conn
	conn.SetPeer(hubwire.Key{}, s)
	w := roomwire.Welcome{Conn: conn.ID().String(), Author: s.author, User: conn.User(), TTL: s.ttl(s.expires)}
	s.reply(func(dst []byte) []byte { return roomwire.AppendWelcome(dst, &w) })
	s.arm()
}

// as returns what makes a user the owner of a connection, unless it is nobody.
func as(user string) []hub.AttachOption {
	if user == "" {
		return nil
	}
	return []hub.AttachOption{hub.As(user)}
}

// claim makes the secret of the client that of this connection, and ends another that has
// it still.
func (s *session) claim(secret string) error {
	if secret == "" {
		secret = rand.Text()
	} else {
		s.key, s.keyed = sessionKey{s.hub, sha256.Sum256([]byte(secret))}, true
	}
	sum := sha256.Sum256([]byte(secret))
	s.author = base64.RawURLEncoding.EncodeToString(sum[:])[:authorLength]
	if !s.keyed {
		return nil
	}
	if old := s.live.sessions.put(s.key, s); old != nil && old != s {
		return old.replace(s.link.context())
	}
	return nil
}

// turnAway ends a connection whose hello is refused.
func (s *session) turnAway(err error) {
	e, retry := s.explain(0, err)
	status := roomwire.CloseDenied
	switch e.Code {
	case roomwire.CodeUnauthorized, roomwire.CodeExpired:
		status = roomwire.CloseUnauthorized
	case roomwire.CodeTooManyConns, roomwire.CodeRate:
		status, retry = roomwire.CloseRate, someTime()
	case roomwire.CodeUnavailable:
		status, retry = CloseTryLater, someTime()
	case roomwire.CodeInternal:
		status = CloseInternal
	}
	s.end(status, e.Code, retry, &e)
}

// someTime returns after how long a client may come back, which others must not do at the
// same moment.
func someTime() time.Duration {
	return leastRetry + mathrand.N(mostRetry-leastRetry).Truncate(time.Millisecond)
}

// identify asks who has a token.
func (s *session) identify(token string) (id hub.Identity, err error) {
	err = s.ask(func(ctx context.Context) error {
		var err error
		id, err = s.policy.Auth(ctx, token)
		return err
	})
	if err == nil && !id.Expires.IsZero() && time.Until(id.Expires) <= 0 {
		err = hub.Refuse(roomwire.CodeUnauthorized, "the token has expired")
	}
	return id, err
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
	if s.rooms[c.Room] != nil {
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
	if err == nil && result != nil && !json.Valid(result) {
		err = errCallResult
	}
	if err == nil {
		s.ok(c.Ref, result)
	}
	return err
}

var errCallResult = errors.New("geist: a Policy's Call has returned what is no JSON")

// explain returns what a client is told of an error. What is the server's fault is logged.
func (s *session) explain(ref uint64, err error) (e roomwire.Error, retry time.Duration) {
	e, retry = roomwire.Error{Ref: ref}, roomwire.Never
	if r, ok := errors.AsType[*hub.RefusedError](err); ok {
		e.Code, e.Text = r.Code, r.Text
		return e, retry
	}
	if own := asError(err); own != nil && own.status < 500 {
		e.Code, e.Text = codeOfStatus(own.status), own.detail
		return e, retry
	}
	for _, known := range hubRefusals {
		if errors.Is(err, known.err) {
			e.Code, e.Text = known.code, known.err.Error()
			if e.Code == roomwire.CodeUnavailable {
				retry = someTime()
			}
			return e, retry
		}
	}
	if StatusCode(err) == fasthttp.StatusServiceUnavailable {
		e.Code, e.Text, retry = roomwire.CodeUnavailable, "try later", someTime()
		return e, retry
	}
	if !s.isOver() && s.link.context().Err() == nil {
		s.logFailure(err)
	}
	e.Code, e.Text = roomwire.CodeInternal, "the server has failed"
	return e, retry
}

// codeOfStatus returns the code for an error of the client's.
func codeOfStatus(status int) string {
	switch status {
	case fasthttp.StatusUnauthorized:
		return roomwire.CodeUnauthorized
	case fasthttp.StatusRequestEntityTooLarge:
		return roomwire.CodeTooLarge
	case fasthttp.StatusTooManyRequests:
		return roomwire.CodeRate
	}
	return roomwire.CodeDenied
}

// hubRefusals are what errors of a hub are told as.
var hubRefusals = [...]struct {
	err  error
	code string
}{
	{hub.ErrRoomName, roomwire.CodeBadRoom},
	{hub.ErrJoined, roomwire.CodeAlreadyJoined},
	{hub.ErrNotJoined, roomwire.CodeNotJoined},
	{hub.ErrTooManyRooms, roomwire.CodeTooManyRooms},
	{hub.ErrTooManyConns, roomwire.CodeTooManyConns},
	{hub.ErrNoPresence, roomwire.CodeNoPresence},
	{hub.ErrShown, roomwire.CodeBadShow},
	{hub.ErrMessage, roomwire.CodeTooLarge},
	{hub.ErrUnknownOutcome, roomwire.CodeUnknownOutcome},
	{hub.ErrBackplane, roomwire.CodeUnavailable},
	{hub.ErrJournal, roomwire.CodeUnavailable},
	{hub.ErrClosed, roomwire.CodeUnavailable},
	{hub.ErrConnClosed, roomwire.CodeUnavailable},
}
