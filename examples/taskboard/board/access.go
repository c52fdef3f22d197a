package board

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/middleware/keyauth"
	"github.com/gogeist/geist/middleware/ratelimit"
	"github.com/gogeist/geist/middleware/session"
	"github.com/gogeist/geist/store"
)

// Sessions end after an hour in which no page was open, and after half a day in any case.
const (
	idle     = time.Hour
	absolute = 12 * time.Hour
)

// Access says who asks, by a session or a key, and what they may do. It is safe for many
// goroutines.
type Access struct {
	store    *Store
	live     *hub.Hub
	sessions session.Config
	keys     keyauth.Config[Person]
	attempts *ratelimit.Limiter
	hashing  chan struct{} // full while as many passwords are hashed as may be at once
}

// NewAccess returns the access to a board, whose sessions are kept in a store of their own;
// nil keeps them in memory. Who signs out is looked at again in the rooms of live.
func NewAccess(s *Store, live *hub.Hub, sessions store.Store) *Access {
	if sessions == nil {
		sessions = store.NewMemory(store.MemoryConfig{})
	}
	return &Access{
		store: s, live: live,
		sessions: session.Config{Store: sessions, Idle: idle, Absolute: absolute},
		keys: keyauth.Config[Person]{Realm: "taskboard", Verify: func(c *geist.Ctx, key string) (Person, error) {
			p, err := s.personByKey(c.Context(), key)
			if errors.Is(err, ErrNoPerson) {
				err = keyauth.ErrUnknownKey
			}
			return p, err
		}},
		attempts: ratelimit.NewLimiter(nil, "attempts", store.Limit{Rate: 10, Period: 10 * time.Minute, Burst: 10}),
		hashing:  make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
	}
}

// Sessions returns the middleware that reads and keeps the sessions of browsers.
func (a *Access) Sessions() geist.Handler { return session.New(a.sessions) }

// Keys returns the middleware that knows programs by their keys. A wrong key is refused;
// requests without one go on.
func (a *Access) Keys() geist.Handler {
	keys := keyauth.New(a.keys)
	return func(c *geist.Ctx) error {
		if c.Header("Authorization") == "" {
			return c.Next()
		}
		return keys(c)
	}
}

// Who returns the person who asks: whose key it is, else who has signed in, else nobody.
func (a *Access) Who(c *geist.Ctx) (Person, error) {
	if p, ok := keyauth.From[Person](c); ok {
		return p, nil
	}
	s, err := session.From(c)
	if err != nil || s.User() == "" {
		return Person{}, err
	}
	p, err := a.store.Person(c.Context(), s.User())
	if errors.Is(err, ErrNoPerson) {
		return Person{}, nil
	}
	return p, err
}

// Require returns middleware that lets in who may do what a role may. Others get 401 if
// they are nobody, else 403.
func (a *Access) Require(role Role) geist.Handler {
	return func(c *geist.Ctx) error {
		p, err := a.Who(c)
		switch {
		case err != nil:
			return err
		case p.Name == "":
			c.SetHeader("WWW-Authenticate", `Bearer realm="taskboard"`)
			return errNobody
		case !p.Role.May(role):
			return errDenied
		}
		c.AddLogAttrs(slog.String("user", p.Name))
		return c.Next()
	}
}

// Errors of [Access.SignIn]; test for them with errors.Is.
var (
	ErrWrong    = geist.NewError(401, "the name or the password is wrong")
	ErrAttempts = geist.NewError(429, "too many attempts: wait some minutes")
)

// since is when somebody has signed in.
var since = session.NewKey[time.Time]("since")

// SignIn makes the request's session that of a person, if the password is theirs, and else
// returns [ErrWrong]. How often one may try with a name is bounded, whether there is such a person
// or not: [ErrAttempts]. That is the person's own wait, too, while somebody guesses. How often one
// may try from an address is for a middleware to bound.
func (a *Access) SignIn(c *geist.Ctx, name, password string) error {
	ctx := c.Context()
	d, err := a.attempts.Allow(ctx, strings.ToLower(strings.TrimSpace(name)), 1)
	if err != nil {
		return err
	}
	if !d.Allowed {
		return ErrAttempts
	}
	p, err := a.check(ctx, name, password)
	if err != nil {
		return err
	}
	s, err := session.From(c)
	if err != nil {
		return err
	}
	before := s.User()
	s.Regenerate() // what was planted in the browser before is of no use now
	if err := errors.Join(s.Bind(ctx, p.Name), since.Set(s, time.Now()), s.Flash("info", "Welcome, "+p.Name+".")); err != nil {
		return err
	}
	return a.changed(ctx, s, before)
}

// check is checkPassword, by as many goroutines at once as leave some of the machine to others.
func (a *Access) check(ctx context.Context, name, password string) (Person, error) {
	select {
	case a.hashing <- struct{}{}:
		defer func() { <-a.hashing }()
	case <-ctx.Done():
		return Person{}, context.Cause(ctx)
	}
	p, err := a.store.checkPassword(ctx, name, password)
	if errors.Is(err, ErrNoPerson) {
		err = ErrWrong
	}
	return p, err
}

// SignOut ends the session of the request, and what its pages have open. Who has not signed in
// leaves nothing behind: else anybody could fill the store with sessions.
func (a *Access) SignOut(c *geist.Ctx) error {
	s, err := session.From(c)
	if err != nil {
		return err
	}
	before := s.User()
	s.Destroy()
	if before == "" {
		return nil
	}
	if err := s.Flash("info", "You have signed out."); err != nil {
		return err
	}
	return a.changed(c.Context(), s, before)
}

// changed saves a session, and has the rooms ask who of its pages may stay.
func (a *Access) changed(ctx context.Context, s *session.Session, before string) error {
	if err := s.Save(ctx); err != nil || before == "" {
		return err
	}
	return a.live.Recheck(ctx, before)
}
