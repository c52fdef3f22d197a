package geist

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	mathrand "math/rand/v2"
	"time"

	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/internal/hubwire"
	"github.com/gogeist/geist/internal/roomwire"
)

// authorLength is how many characters of a hash name an author: 60 bits, as many as the bytes of
// an envelope allow. See docs/design/016 for what it takes to find a secret with another's author.
const authorLength = 10

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

// claim makes the secret of the client that of this connection, and ends others that have
// it still. It returns when none of them is at work any more: what they publish must be there
// before it is looked for.
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
	s.live.sessions.put(s.key, s)
	for old := s.live.sessions.before(s); old != nil; old = s.live.sessions.before(s) {
		if err := old.replace(s.link.context()); err != nil {
			return err // whoever comes next waits for old
		}
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
