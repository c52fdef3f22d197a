package session

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/store"
)

// Errors of this package; test for them with errors.Is.
var (
	// ErrStore means that the store has failed: status 503. It wraps the store's error.
	ErrStore = geist.NewError(503, "the session is not available")
	// ErrEnded means that the session has ended since the request has read it: another one has
	// destroyed or regenerated it, or its time is over. Nothing was written: status 409.
	ErrEnded = geist.NewError(409, "the session has ended meanwhile")
	// ErrTooLarge means that a session would hold more than Config.MaxBytes, or than its store
	// takes: status 413.
	ErrTooLarge = geist.NewError(413, "the session has no room for that")
	// ErrHeaderSent means that a session would begin, or be regenerated, behind the header of the
	// answer, which is where its cookie would be: in a stream, or in a WebSocket.
	ErrHeaderSent = errors.New("session: the header of the answer, which would have the cookie, has been sent")
	// ErrNoSession means that no middleware of this package is around the route.
	ErrNoSession = errors.New("session: the route has no sessions: use session.New before it")
)

var errTwice = errors.New("session: session.New is around the route twice: use it once")

// manager is the middleware: a Config at work. It never changes.
type manager struct {
	conf  Config
	store store.Store // the scope of sessions
	users store.Store // the scope of what Revoke has said
}

// state is what a request knows of sessions.
type state struct {
	m      *manager
	s      *Session // nil until From is called
	sealed bool     // the chain has run
}

// Apart returns a copy for handlers that a hard time limit may leave behind: see
// [geist.Ctx.NextDetached]. They have a session of their own then, which nobody saves when
// they come too late.
func (st state) Apart(c *geist.Ctx) state {
	if st.s == nil {
		return st
	}
	s := *st.s
	s.c, s.changes, s.doomed = c, slices.Clone(s.changes), slices.Clone(s.doomed)
	s.rec.Values = maps.Clone(s.rec.Values)
	st.s = &s
	return st
}

var stateKey = geist.NewKey[state]("session")

// New returns the middleware. Without a Config, sessions are kept in this process. It panics
// with what is wrong with a Config.
func New(config ...Config) geist.Handler {
	var conf Config
	switch len(config) {
	case 0:
	case 1:
		conf = config[0]
	default:
		panic("session: New was given more than one Config: pass one")
	}
	return newManager(conf.resolve()).serve
}

func newManager(conf Config) *manager {
	return &manager{conf: conf, store: sessionsOf(conf.Store), users: usersOf(conf.Store)}
}

func sessionsOf(s store.Store) store.Store { return s.Scoped("session") }

// serve is the middleware's handler.
func (m *manager) serve(c *geist.Ctx) error {
	if _, twice := stateKey.Get(c); twice {
		return errTwice
	}
	stateKey.Set(c, state{m: m})
	returned := false
	defer func() {
		if returned {
			return
		}
		if err := m.finish(c); err != nil { // middleware within has panicked: that is the answer
			c.Logger().Error("a session was not saved", "error", err.Error())
		}
	}()
	err := c.Next()
	returned = true
	if failed := m.finish(c); failed != nil {
		return failed
	}
	return err
}

// finish saves the session of a request, if it has used one, and sets what the answer's header says of it.
func (m *manager) finish(c *geist.Ctx) error {
	st, _ := stateKey.Get(c)
	stateKey.Set(c, state{m: m, s: st.s, sealed: true})
	if st.s == nil {
		return nil
	}
	st.s.c = c // it was another's, if handlers have run apart from c
	defer func() { st.s.sealed = true }()
	addVary(c)
	if st.s.dirty() {
		if err := st.s.Save(c.Context()); err != nil {
			return err
		}
	}
	return st.s.announce()
}

// addVary says that the answer depends on the cookie.
func addVary(c *geist.Ctx) {
	if !slices.ContainsFunc(c.RawHeader().Response.Header.PeekAll("Vary"), hasCookie) {
		c.AddHeader("Vary", "Cookie")
	}
	if c.ResponseHeader("Cache-Control") == "" {
		c.SetHeader("Cache-Control", "private")
	}
}

// hasCookie reports whether a Vary field has Cookie, or all.
func hasCookie(field []byte) bool {
	for name := range strings.SplitSeq(string(field), ",") {
		if name = strings.TrimSpace(name); name == "*" || strings.EqualFold(name, "Cookie") {
			return true
		}
	}
	return false
}

// From returns the session of a request, which it reads at its first call. It is never nil
// without an error, and empty if the client has none. The error is ErrStore, to be returned by the
// handler, or ErrNoSession.
//
// A Session is for the goroutine of its Ctx, and ends with it. Behind a hard time limit
// ([geist.Ctx.NextDetached]) handlers have a copy, which counts if they return in time: middleware
// outside calls From anew then.
func From(c *geist.Ctx) (*Session, error) {
	st, ok := stateKey.Get(c)
	if !ok {
		return nil, ErrNoSession
	}
	if st.s != nil {
		st.s.c = c
		return st.s, nil
	}
	s, err := st.m.open(c)
	if err != nil {
		return nil, err
	}
	s.sealed = st.sealed
	stateKey.Set(c, state{m: st.m, s: s, sealed: st.sealed})
	return s, nil
}

// Session is what is kept of one client. Its methods change what the request sees at once, and
// the store when the session is saved; see [Session.Save]. It is for one goroutine.
type Session struct {
	m       *manager
	c       *geist.Ctx
	brought string   // the secret that the request has come with, if it led to a session
	secret  string   // of the entry that is in the store
	ver     uint64   // the version that rec is based on; 0 if nothing is stored
	rec     record   // as the request sees it
	changes []change // since rec was read, in their order

	moving bool   // Regenerate was called
	doomed []doom // what Destroy will end
	sealed bool   // the header has been sent, or will be without us
}

// open reads the session of a request.
func (m *manager) open(c *geist.Ctx) (*Session, error) {
	s := &Session{m: m, c: c}
	secret := m.secretOf(c)
	if secret == "" {
		return s, nil
	}
	rec, ver, err := m.read(c.Context(), entryOf(secret), c)
	switch {
	case errors.Is(err, ErrEnded):
		return s, nil
	case err != nil:
		return nil, err
	}
	s.brought, s.secret, s.rec, s.ver = secret, secret, rec, ver
	return s, nil
}

// read returns what stands under an entry, and lets it live on. It returns ErrEnded if there is
// no session.
func (m *manager) read(ctx context.Context, entry string, c *geist.Ctx) (record, uint64, error) {
	item, err := m.store.Get(ctx, entry)
	if errors.Is(err, store.ErrNotFound) || err == nil && over(item.Val) {
		return record{}, 0, ErrEnded
	}
	if err != nil {
		return record{}, 0, ErrStore.Wrap(err)
	}
	rec, err := decodeRecord(item.Val)
	if err != nil {
		c.Logger().Warn("a session in the store cannot be read, and counts as none", "error", err.Error())
		return record{}, 0, ErrEnded
	}
	now := time.Now()
	ttl := m.ttl(&rec, now)
	if ttl <= 0 {
		return record{}, 0, ErrEnded
	}
	if err := m.checkUser(ctx, &rec); err != nil {
		return record{}, 0, err
	}
	if m.conf.Idle > 0 && ttl-item.ExpiresAt.Sub(now) > m.conf.Idle/8 {
		err := m.store.Touch(ctx, entry, ttl)
		if errors.Is(err, store.ErrNotFound) {
			return record{}, 0, ErrEnded
		}
		if err != nil {
			return record{}, 0, ErrStore.Wrap(err)
		}
	}
	return rec, item.Ver, nil
}

// ttl is how long a record written now lives. It is not above 0 if its time is over.
func (m *manager) ttl(rec *record, now time.Time) time.Duration {
	if m.conf.Absolute < 0 {
		return m.conf.Idle
	}
	left := rec.created().Add(m.conf.Absolute).Sub(now)
	if m.conf.Idle > 0 {
		return min(m.conf.Idle, left)
	}
	return left
}

// ID names the session in logs. It is no secret: it is a part of what the store's key is, of
// which no cookie can be made. It is empty as long as nothing is stored, and another
// one once a Regenerate is saved.
func (s *Session) ID() string {
	if s.ver == 0 {
		return ""
	}
	return entryOf(s.secret)[:22]
}

// Fresh reports whether nothing of the session is stored: the client has brought none, or one that is over.
func (s *Session) Fresh() bool { return s.ver == 0 }

// Regenerate gives the session another secret, and ends the old one, so that who knew that has
// nothing. Call it where a client becomes somebody, or somebody with more rights. Values stay;
// Config.Absolute begins anew. It happens when the session is saved.
func (s *Session) Regenerate() { s.moving = s.ver != 0 }

// Destroy ends the session with all that it holds. What is put into it afterwards, such as a
// flash that says goodbye, begins another one. It happens when the session is saved, which fails
// with ErrEnded if another request has regenerated the session: its client has the new secret.
func (s *Session) Destroy() {
	if s.ver != 0 {
		s.doomed = append(s.doomed, doom{entryOf(s.secret), s.ver})
	}
	s.secret, s.ver, s.rec, s.changes, s.moving = "", 0, record{}, nil, false
}
