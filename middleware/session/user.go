package session

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"

	"github.com/gogeist/geist/store"
)

// binding says whose session it is.
type binding struct {
	User  string `json:"user"`
	Epoch string `json:"epoch"` // what stood in the store when Bind was called; "" for nothing
}

// userName is where it is kept.
const userName = ownPrefix + "user"

func usersOf(s store.Store) store.Store { return s.Scoped("session.users") }

// Bind says whose session it is, so that [Config.Revoke] finds it: any text that names one user.
// An empty one makes it nobody's. Call it at login, beside Regenerate. It looks into the
// store: what Revoke ends from then on ends this session, too. It fails with ErrStore or ErrTooLarge.
func (s *Session) Bind(ctx context.Context, user string) error {
	if user == "" {
		return s.apply(change{userName, remove})
	}
	epoch, err := s.m.epoch(ctx, user)
	if err != nil {
		return err
	}
	value, err := encode(userName, binding{user, epoch})
	if err != nil {
		return err
	}
	return s.apply(change{userName, func(json.RawMessage) (json.RawMessage, error) { return value, nil }})
}

// User returns whom Bind was given, or "".
func (s *Session) User() string {
	b, _, _ := decode[binding](s.rec.Values[userName]) // it was readable when it was read
	return b.User
}

// Revoke ends all sessions that are bound to a user, on every node: those that were bound before
// it returns. It needs the Store and the Absolute that New was given. A session is looked at
// when a request reads it; connections that are open stay until DisconnectUser of a hub.Hub ends
// them. It fails with ErrStore, and with ErrNoSession if there is no Store.
func (c Config) Revoke(ctx context.Context, user string) error {
	if c.Store == nil {
		return ErrNoSession
	}
	// It must outlive every session that was bound before, and those that are being saved now. When
	// it is gone there is none left.
	ttl := 2 * max(c.defaults().Absolute, 0)
	if err := usersOf(c.Store).Set(ctx, entryOf(user), []byte(rand.Text()), ttl); err != nil {
		return ErrStore.Wrap(err)
	}
	return nil
}

// epoch returns what the last Revoke of a user has left, or "".
func (m *manager) epoch(ctx context.Context, user string) (string, error) {
	item, err := m.users.Get(ctx, entryOf(user))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return "", ErrStore.Wrap(err)
	}
	return string(item.Val), nil
}

// checkUser returns ErrEnded for a session that was revoked.
func (m *manager) checkUser(ctx context.Context, rec *record) error {
	b, bound, err := decode[binding](rec.Values[userName])
	if err != nil {
		return ErrEnded
	}
	if !bound {
		return nil
	}
	epoch, err := m.epoch(ctx, b.User)
	if err != nil {
		return err
	}
	if epoch != "" && epoch != b.Epoch {
		return ErrEnded
	}
	return nil
}
