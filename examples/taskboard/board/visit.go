package board

import (
	"context"
	"errors"
	"time"

	"github.com/gogeist/geist"
	"github.com/gogeist/geist/hub"
	"github.com/gogeist/geist/middleware/keyauth"
	"github.com/gogeist/geist/middleware/session"
)

// askAgain is how long a permission for a room holds. A page that is open is a use of its
// session, which every answer is kept by.
const askAgain = 5 * time.Minute

// visit is a connection to the rooms, and who has come by it. Its methods are called by one
// goroutine at a time.
type visit struct {
	access *Access
	c      *geist.Ctx // lives as long as the connection
	keyed  bool       // by a key, not by a session
	person Person     // nobody, once they have signed out
	ends   time.Time  // when they must sign in again; zero is never
}

// visit returns the visit of a request, or an error if nobody in particular has come.
func (a *Access) visit(c *geist.Ctx) (*visit, error) {
	p, err := a.Who(c)
	if err != nil {
		return nil, err
	}
	if !p.Role.May(Viewer) {
		return nil, errNobody
	}
	v := &visit{access: a, c: c, person: p}
	if _, v.keyed = keyauth.From[Person](c); v.keyed {
		return v, nil
	}
	s, err := session.From(c)
	if err != nil {
		return nil, err
	}
	if at, ok := since.Get(s); ok {
		v.ends = at.Add(absolute)
	}
	return v, nil
}

// seen is when somebody was last in a room.
var seen = session.NewKey[time.Time]("seen")

// still finds out whether the visitor is still signed in, and as what. What it writes keeps the
// session, and fails if that has ended since the connection began.
func (v *visit) still(ctx context.Context) error {
	if v.person.Name == "" {
		return errNobody
	}
	if !v.keyed {
		s, err := session.From(v.c)
		if err == nil {
			err = errors.Join(seen.Set(s, time.Now()), s.Save(ctx))
		}
		if errors.Is(err, session.ErrEnded) {
			v.person = Person{}
			return hub.Refuse("unauthorized", "you have signed out")
		}
		if err != nil {
			return err
		}
	}
	p, err := v.access.store.Person(ctx, v.person.Name)
	if errors.Is(err, ErrNoPerson) {
		err = errNobody
	}
	v.person = p
	return err
}
