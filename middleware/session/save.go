package session

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/gogeist/geist/store"
)

const (
	// saveTime bounds a save. It does not end with the request: what a client has
	// done is kept although it has gone.
	saveTime = 5 * time.Second
	// graveTime is how long what stands in place of a session that has ended stays: longer
	// than requests take that have read it before.
	graveTime = time.Minute
)

// moved stands in place of a session that lives on under another secret. Nothing stands in place
// of one that was destroyed.
const moved = "moved"

// over reports whether an entry is no session any more.
func over(val []byte) bool { return len(val) == 0 || string(val) == moved }

// Save writes what was changed since the session was read or saved. The middleware calls it
// behind c.Next; handlers need it in streams and WebSockets, or to know sooner. If nothing was changed
// it does nothing. It goes on when ctx ends, for at most five seconds, and fails with ErrStore, ErrEnded,
// ErrTooLarge or ErrHeaderSent; what was changed is then still to be saved.
func (s *Session) Save(ctx context.Context) error {
	if !s.dirty() {
		return nil
	}
	if s.sealed && (s.ver == 0 && len(s.changes) > 0 || s.moving) {
		return ErrHeaderSent
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTime)
	defer cancel()
	if s.sealed { // a WebSocket or a stream may have read it long ago
		if err := s.m.checkUser(ctx, &s.rec); err != nil {
			return err
		}
	}
	for len(s.doomed) > 0 {
		if err := s.m.end(ctx, s.doomed[0]); err != nil {
			return err
		}
		s.doomed = s.doomed[1:]
	}
	switch {
	case s.ver == 0 && len(s.rec.Values) == 0: // what was put was taken out again
		s.changes = nil
		return nil
	case s.moving || s.ver == 0:
		return s.move(ctx)
	case len(s.changes) == 0:
		return nil
	}
	return s.write(ctx)
}

// doom is an entry that Destroy ends, and the version that it was read at.
type doom struct {
	entry string
	ver   uint64
}

// end ends a session, whatever others have put into it meanwhile. It returns ErrEnded for one
// that another request has regenerated: that is not ours to end, and must not seem to have.
func (m *manager) end(ctx context.Context, d doom) error {
	for try := 0; ; try++ {
		_, err := m.store.CAS(ctx, d.entry, d.ver, nil, graveTime)
		if err == nil {
			return nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return ErrStore.Wrap(err)
		}
		item, err := m.store.Get(ctx, d.entry)
		switch {
		case errors.Is(err, store.ErrNotFound) || err == nil && len(item.Val) == 0:
			return nil // others have been faster
		case err != nil:
			return ErrStore.Wrap(err)
		case string(item.Val) == moved:
			return ErrEnded
		}
		d.ver = item.Ver
		if err := pause(ctx, try); err != nil {
			return ErrStore.Wrap(err)
		}
	}
}

// dirty reports whether there is something to save.
func (s *Session) dirty() bool { return len(s.doomed) > 0 || len(s.changes) > 0 || s.moving }

// write writes the session where it is.
func (s *Session) write(ctx context.Context) error {
	entry := entryOf(s.secret)
	for try := 0; ; try++ {
		ver, err := s.m.put(ctx, entry, s.ver, &s.rec)
		switch {
		case err == nil:
			s.ver, s.changes = ver, nil
			return nil
		case !errors.Is(err, store.ErrConflict):
			return err
		}
		if err := s.redo(ctx, try); err != nil {
			return err
		}
	}
}

// move writes the session under another secret, and ends the entry that it had, if any:
//
//	write the new one → end the old one, if nobody has changed it → else do it again on what they left
//
// Until the old one has ended nobody knows the new one, so that nothing is lost on the way, and a
// request that comes too late finds a session that is over. The end is written, not deleted: a
// deletion has no version.
func (s *Session) move(ctx context.Context) error {
	secret := newSecret()
	entry := entryOf(secret)
	s.rec.Created = time.Now().UnixMilli()
	var placed uint64
	for try := 0; ; try++ {
		var err error
		if placed, err = s.m.put(ctx, entry, placed, &s.rec); err != nil {
			return errors.Join(err, s.m.withdraw(ctx, entry, placed))
		}
		if s.ver == 0 {
			break
		}
		if _, err = s.m.store.CAS(ctx, entryOf(s.secret), s.ver, []byte(moved), graveTime); err == nil {
			break
		}
		if errors.Is(err, store.ErrConflict) {
			err = s.redo(ctx, try)
			s.rec.Created = time.Now().UnixMilli()
		} else {
			err = ErrStore.Wrap(err)
		}
		if err != nil {
			return errors.Join(err, s.m.withdraw(ctx, entry, placed))
		}
	}
	s.secret, s.ver, s.changes, s.moving = secret, placed, nil, false
	return nil
}

// withdraw removes what move has placed, if anything.
func (m *manager) withdraw(ctx context.Context, entry string, placed uint64) error {
	if placed == 0 {
		return nil
	}
	return m.store.Delete(ctx, entry)
}

// put writes a record if the entry has the version. The error is store.ErrConflict, or what
// Save returns.
func (m *manager) put(ctx context.Context, entry string, ver uint64, rec *record) (uint64, error) {
	ttl := m.ttl(rec, time.Now())
	if ttl <= 0 {
		return ver, ErrEnded
	}
	data, err := json.Marshal(rec)
	if err != nil {
		return ver, err
	}
	item, err := m.store.CAS(ctx, entry, ver, data, ttl)
	switch {
	case err == nil:
		return item.Ver, nil
	case errors.Is(err, store.ErrConflict):
		return ver, err
	case errors.Is(err, store.ErrTooLarge):
		return ver, ErrTooLarge.Wrap(err)
	}
	return ver, ErrStore.Wrap(err)
}

// redo reads the session anew, since another request was faster, and makes the changes on that.
func (s *Session) redo(ctx context.Context, try int) error {
	if err := pause(ctx, try); err != nil {
		return ErrStore.Wrap(err)
	}
	rec, ver, err := s.m.read(ctx, entryOf(s.secret), s.c)
	if err != nil {
		return err
	}
	for _, ch := range s.changes {
		if err := rec.apply(ch, s.m.conf.MaxBytes); err != nil {
			return err
		}
	}
	s.rec, s.ver = rec, ver
	return nil
}

// pause waits a little, longer each time and never twice the same, so that those who
// collide do not do so again.
func pause(ctx context.Context, try int) error {
	t := time.NewTimer(rand.N(time.Millisecond << min(try, 5)))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
